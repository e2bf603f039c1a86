-- Messages in quarantine of which an administrator took note that they cannot be had. Account and
-- mailbox are kept beside them, so that they can be shown ever after.
CREATE TABLE quarantine_accepted (
    store       TEXT NOT NULL,
    source      INTEGER NOT NULL,
    uid         INTEGER NOT NULL,
    account     TEXT NOT NULL,
    mailbox     TEXT NOT NULL,
    accepted_by TEXT NOT NULL,
    reason      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (store, source, uid)
) WITHOUT ROWID;
