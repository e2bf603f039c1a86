-- What servers asked for, what was fetched from them in a day, visits to accounts, leases.
CREATE TABLE server_pause (
    "of"    TEXT PRIMARY KEY, -- host:port, or that and an account behind a blank
    since   INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    stage   INTEGER NOT NULL,
    reason  TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE fetched (
    budget TEXT PRIMARY KEY,
    day    INTEGER NOT NULL, -- from 1 January 1970, in UTC
    bytes  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE visit (
    account TEXT PRIMARY KEY,
    visited INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE lease (
    "key"   TEXT PRIMARY KEY,
    holder  TEXT NOT NULL,
    since   INTEGER NOT NULL,
    renewed INTEGER NOT NULL,
    until   INTEGER NOT NULL
) WITHOUT ROWID;
-- Jobs that were ended by a stop or a pause before they were done: they run again at once.
CREATE TABLE job_owed (
    job INTEGER PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE
);
-- Groups of workers that rest until somebody resumes them, whatever becomes of the server.
CREATE TABLE group_paused (
    name TEXT PRIMARY KEY
) WITHOUT ROWID;
