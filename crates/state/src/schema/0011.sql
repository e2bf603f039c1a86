-- Who may read the mail of others, since when, until when, and why. Those that are over stay: the
-- audit log says so too, and cannot be changed.
CREATE TABLE unlock (
    id     INTEGER PRIMARY KEY,
    -- The reader, as the audit log calls them.
    who    TEXT NOT NULL,
    -- A user's name; NULL is everybody.
    whose  TEXT,
    reason TEXT NOT NULL,
    since  INTEGER NOT NULL,
    -- When it ends, or was ended.
    until  INTEGER NOT NULL
);
