-- Where checkpoints are kept besides the archive itself.
CREATE TABLE anchor (
    name        TEXT PRIMARY KEY,
    -- mail, file or tsa
    kind        TEXT NOT NULL,
    -- Addresses, one a line; a path; an address of a time-stamp authority.
    target      TEXT NOT NULL,
    -- The certificates that an authority is checked with, in PEM.
    roots       TEXT,
    every_hours INTEGER NOT NULL,
    made        INTEGER NOT NULL,
    made_by     TEXT NOT NULL,
    -- When checkpoints went there last, when that was tried last, and why it failed then.
    done        INTEGER,
    tried       INTEGER,
    failure     TEXT,
    failures    INTEGER NOT NULL DEFAULT 0
);

-- The checkpoints that went there. The same stand beside each log.
CREATE TABLE anchored (
    id     INTEGER PRIMARY KEY,
    -- The name of the log, as checkpoints of its first epoch have it.
    log    TEXT NOT NULL,
    anchor TEXT NOT NULL,
    kind   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    -- The time-stamp token, in DER.
    token  BLOB,
    -- The signed checkpoint, word for word.
    note   TEXT NOT NULL
);
CREATE INDEX anchored_by_log ON anchored (log, anchor, id);
