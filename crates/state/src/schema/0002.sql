-- Full names, aliases and deactivation of users; server profiles, jobs, runs, settings, secrets.
ALTER TABLE user ADD COLUMN full_name TEXT NOT NULL DEFAULT '';
ALTER TABLE user ADD COLUMN active INTEGER NOT NULL DEFAULT 1;
CREATE TABLE user_alias (
    user  TEXT NOT NULL REFERENCES user (name) ON UPDATE CASCADE ON DELETE CASCADE,
    place INTEGER NOT NULL,
    alias TEXT NOT NULL,
    PRIMARY KEY (user, place)
) WITHOUT ROWID;
-- Ids are random: cursors are kept under them in the log, which may outlive this database.
CREATE TABLE profile (
    id              INTEGER PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE,
    description     TEXT NOT NULL,
    enabled         INTEGER NOT NULL,
    outgoing_login  TEXT NOT NULL,
    connections     INTEGER NOT NULL,
    bytes_per_day   INTEGER,
    poll_ms    INTEGER NOT NULL,
    pause_ms   INTEGER NOT NULL,
    pause_max_ms    INTEGER NOT NULL,
    changed         INTEGER NOT NULL
);
CREATE TABLE profile_half (
    profile   INTEGER NOT NULL REFERENCES profile (id) ON DELETE CASCADE,
    half      TEXT NOT NULL,
    protocol  TEXT NOT NULL,
    host      TEXT NOT NULL,
    security  TEXT NOT NULL,
    mechanism TEXT NOT NULL,
    login     TEXT,
    trust     TEXT NOT NULL,
    trusted   TEXT,
    timeout_ms INTEGER,
    PRIMARY KEY (profile, half)
) WITHOUT ROWID;
CREATE TABLE job (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL,
    description TEXT NOT NULL,
    enabled     INTEGER NOT NULL,
    owner       TEXT NOT NULL REFERENCES user (name) ON UPDATE CASCADE,
    target      TEXT NOT NULL REFERENCES user (name) ON UPDATE CASCADE,
    root        TEXT,
    profile     INTEGER NOT NULL REFERENCES profile (id),
    login       TEXT,
    authzid     TEXT,
    all_folders INTEGER NOT NULL,
    connections INTEGER NOT NULL,
    accounts    INTEGER NOT NULL,
    rules       TEXT NOT NULL, -- the filter, empty for none
    changed     INTEGER NOT NULL
);
CREATE TABLE job_folder (
    job    INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    list   TEXT NOT NULL,
    place  INTEGER NOT NULL,
    folder TEXT NOT NULL,
    PRIMARY KEY (job, list, place)
) WITHOUT ROWID;
CREATE TABLE run (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    job     INTEGER REFERENCES job (id) ON DELETE SET NULL,
    title   TEXT NOT NULL,
    began   INTEGER NOT NULL,
    ended   INTEGER,
    outcome TEXT
);
CREATE INDEX run_by_job ON run (job, id);
CREATE TABLE step (
    run         INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    place       INTEGER NOT NULL,
    account     TEXT NOT NULL,
    target      TEXT NOT NULL,
    began       INTEGER NOT NULL,
    ended       INTEGER,
    outcome     TEXT,
    archived    INTEGER NOT NULL DEFAULT 0,
    already     INTEGER NOT NULL DEFAULT 0,
    excluded    INTEGER NOT NULL DEFAULT 0,
    quarantined INTEGER NOT NULL DEFAULT 0,
    told        TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (run, place)
) WITHOUT ROWID;
CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE secret (
    owner_kind TEXT NOT NULL,
    owner      INTEGER NOT NULL,
    field      TEXT NOT NULL,
    key_id     TEXT NOT NULL,
    sealed     BLOB NOT NULL,
    PRIMARY KEY (owner_kind, owner, field)
) WITHOUT ROWID;
