-- Retention policies in the order in which they are asked. Periods are kept as they are written
-- (`10y`); NULL where there is none. query: NULL is every message.
CREATE TABLE retention_policy (
    name         TEXT PRIMARY KEY,
    place        INTEGER NOT NULL,
    query        TEXT,
    minimum      TEXT,
    maximum      TEXT,
    counted_from TEXT NOT NULL,
    at_the_end   TEXT NOT NULL,
    enabled      INTEGER NOT NULL,
    changed_by   TEXT NOT NULL,
    changed_at   INTEGER NOT NULL
) WITHOUT ROWID;
-- One row: the last time that is known, since when and why retention stands still, and up to
-- which time entries of logs are no longer compared with the clock.
CREATE TABLE retention_clock (
    id         INTEGER PRIMARY KEY CHECK (id = 0),
    seen       INTEGER NOT NULL,
    stopped_at INTEGER,
    ahead      INTEGER,
    accepted   INTEGER
);
-- Persons who ask for removals and approve those of others, with what proves who they are.
CREATE TABLE approver (
    name       TEXT PRIMARY KEY,
    salt       BLOB NOT NULL,
    iterations INTEGER NOT NULL,
    verifier   BLOB NOT NULL,
    made_at    INTEGER NOT NULL
) WITHOUT ROWID;
-- What waits for a second person, and what became of it. subject: one a line.
CREATE TABLE approval (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    title      TEXT NOT NULL,
    asked_by   TEXT NOT NULL,
    reason     TEXT NOT NULL,
    asked_at   INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    standing   TEXT NOT NULL,
    decided_by TEXT,
    decided_at INTEGER,
    told       TEXT
);
