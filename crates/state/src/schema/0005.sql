-- The archive of what belongs to nobody, and the addresses that it was for.
CREATE TABLE catch_all (
    id      INTEGER PRIMARY KEY CHECK (id = 0),
    archive INTEGER NOT NULL,
    created INTEGER NOT NULL
);
-- key is the address in the form for comparing, or as it stood where it is none.
CREATE TABLE unknown_address (
    key       TEXT NOT NULL,
    direction TEXT NOT NULL,
    address   TEXT NOT NULL,
    ours      INTEGER NOT NULL,
    messages  INTEGER NOT NULL,
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    job       INTEGER,
    example   TEXT NOT NULL,
    PRIMARY KEY (key, direction)
) WITHOUT ROWID;
