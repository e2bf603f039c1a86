-- Details of runs, how each account stands, alerts, outgoing mail.
-- Tables of mailboxes are kept once for all steps that saw the same: most runs see no change.
CREATE TABLE mailbox_table (
    id     INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE
);
CREATE TABLE mailbox_row (
    tab          INTEGER NOT NULL REFERENCES mailbox_table (id) ON DELETE CASCADE,
    place        INTEGER NOT NULL,
    mailbox      TEXT NOT NULL,
    server_count INTEGER NOT NULL,
    archived     INTEGER NOT NULL,
    already      INTEGER NOT NULL,
    excluded     INTEGER NOT NULL,
    reason       TEXT,
    quarantined  INTEGER NOT NULL,
    complete     INTEGER NOT NULL,
    failure      TEXT,
    PRIMARY KEY (tab, place)
) WITHOUT ROWID;
CREATE TABLE step_detail (
    run         INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    place       INTEGER NOT NULL,
    tab         INTEGER REFERENCES mailbox_table (id),
    removed     INTEGER NOT NULL,
    failure     TEXT,
    warnings    TEXT NOT NULL,
    complete_at INTEGER,
    PRIMARY KEY (run, place)
) WITHOUT ROWID;
CREATE INDEX step_detail_by_table ON step_detail (tab);
CREATE TABLE step_insecure (
    run     INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    place   INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    of      TEXT NOT NULL,
    name    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    warning TEXT NOT NULL,
    PRIMARY KEY (run, place, number)
) WITHOUT ROWID;
CREATE TABLE standing (
    job         INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    account     TEXT NOT NULL,
    target      TEXT NOT NULL,
    run         INTEGER NOT NULL, -- the newest that came to its end with this account
    outcome     TEXT NOT NULL,
    failure     TEXT,
    why         TEXT NOT NULL,
    quarantined INTEGER NOT NULL,
    first_tried INTEGER NOT NULL,
    complete_at INTEGER,
    PRIMARY KEY (job, account, target)
) WITHOUT ROWID;
CREATE TABLE alert (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    kind         TEXT NOT NULL,
    subject      TEXT NOT NULL,
    severity     TEXT NOT NULL,
    message      TEXT NOT NULL,
    details      TEXT NOT NULL,
    hint         TEXT,
    points       TEXT NOT NULL, -- what it is wrong with, one a line
    amount       INTEGER NOT NULL,
    raised       INTEGER NOT NULL,
    changed      INTEGER NOT NULL,
    acknowledged INTEGER,
    resolved     INTEGER,
    untold       TEXT           -- what the next message says of it: raised, worse, resolved, passed
);
CREATE UNIQUE INDEX alert_open ON alert (kind, subject) WHERE resolved IS NULL;
CREATE INDEX alert_untold ON alert (id) WHERE untold IS NOT NULL;
CREATE TABLE mail_server (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    protocol       TEXT NOT NULL,
    host           TEXT NOT NULL,
    security       TEXT NOT NULL,
    mechanism      TEXT NOT NULL,
    login          TEXT,
    trust          TEXT NOT NULL,
    trusted        TEXT,
    timeout_ms     INTEGER,
    sender_name    TEXT NOT NULL,
    sender_address TEXT NOT NULL,
    since          INTEGER NOT NULL -- alerts that were over before are not told
);
CREATE TABLE mail_recipient (
    purpose TEXT NOT NULL,
    place   INTEGER NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (purpose, place)
) WITHOUT ROWID;
CREATE TABLE mail_queue (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose    TEXT NOT NULL,
    recipients TEXT NOT NULL, -- those who are still to get it, one a line
    accepted   INTEGER NOT NULL DEFAULT 0, -- whether a server took it for somebody
    subject    TEXT NOT NULL,
    message    BLOB NOT NULL,
    written    INTEGER NOT NULL,
    failures   INTEGER NOT NULL DEFAULT 0,
    next_try   INTEGER NOT NULL,
    why        TEXT,
    sent       INTEGER
);
CREATE INDEX mail_queue_waiting ON mail_queue (next_try) WHERE sent IS NULL;
CREATE INDEX mail_queue_written ON mail_queue (purpose, written);
