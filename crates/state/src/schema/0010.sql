-- How far the newest whole backup of each log reaches, by the id of the log. Mail may leave its
-- source when that covers it.
CREATE TABLE backed_up (
    log     TEXT PRIMARY KEY,
    entries INTEGER NOT NULL,
    root    BLOB NOT NULL,
    dir     TEXT NOT NULL,
    number  INTEGER NOT NULL,
    at      INTEGER NOT NULL
) WITHOUT ROWID;
