-- The stores that belong to this server. dir is below DATA/stores, or a path of its own. turn
-- counts up each time that a store becomes the current one: the last one is where mail goes.
-- index_trouble says why its index does not follow, when it does not.
-- trouble, when it is not NULL, says why the store could not be opened; it is tried again then.
CREATE TABLE store (
    name        TEXT PRIMARY KEY,
    dir         TEXT NOT NULL,
    state       TEXT NOT NULL,
    turn        INTEGER NOT NULL,
    since       INTEGER NOT NULL,
    trouble     TEXT,
    trouble_at  INTEGER,
    retry_at    INTEGER,
    tries       INTEGER NOT NULL DEFAULT 0,
    index_trouble TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX store_current ON store (state) WHERE state = 'current';
CREATE UNIQUE INDEX store_dir ON store (dir);
INSERT INTO store (name, dir, state, turn, since) VALUES ('default', 'default', 'current', 1, 0);
-- What archiving was stopped by, while there is no store that it could go to.
CREATE TABLE store_failure (
    id    INTEGER PRIMARY KEY CHECK (id = 0),
    what  TEXT NOT NULL,
    why   TEXT NOT NULL,
    at    INTEGER NOT NULL
);
