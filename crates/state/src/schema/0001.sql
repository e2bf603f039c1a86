-- Users with their archives, last sizes of stores, confirmed certificates.
CREATE TABLE user (
    name    TEXT PRIMARY KEY,
    archive INTEGER NOT NULL UNIQUE,
    created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE user_address (
    user    TEXT NOT NULL REFERENCES user (name) ON UPDATE CASCADE ON DELETE CASCADE,
    place   INTEGER NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (user, place)
) WITHOUT ROWID;
CREATE TABLE store_head (
    store   TEXT PRIMARY KEY,
    entries INTEGER NOT NULL,
    root    BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE confirmed (
    store  TEXT NOT NULL,
    source INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (store, source)
) WITHOUT ROWID;
