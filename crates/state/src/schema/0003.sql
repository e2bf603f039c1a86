-- Jobs of every kind; administrators; runs with many steps, and what each left out for which reason.
ALTER TABLE user ADD COLUMN administrator INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user ADD COLUMN login_by TEXT NOT NULL DEFAULT 'nothing';
-- Fields that only some kinds have are in job_field; those that refer to other tables are here.
CREATE TABLE job_new (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL,
    description TEXT NOT NULL,
    enabled     INTEGER NOT NULL,
    owner       TEXT NOT NULL REFERENCES user (name) ON UPDATE CASCADE,
    target      TEXT REFERENCES user (name) ON UPDATE CASCADE,
    profile     INTEGER REFERENCES profile (id),
    preset      TEXT,
    all_folders INTEGER NOT NULL,
    shared      INTEGER NOT NULL, -- whether folders of others are archived
    filter      TEXT,
    removal     TEXT,
    schedule    TEXT,
    connections INTEGER NOT NULL,
    accounts    INTEGER NOT NULL,
    changed     INTEGER NOT NULL
);
CREATE TABLE job_field (
    job   INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    field TEXT NOT NULL,
    place INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (job, field, place)
) WITHOUT ROWID;
INSERT INTO job_new
    SELECT id, name, 'single', description, enabled, owner, target, profile, NULL, all_folders, 1,
           nullif(rules, ''), NULL, NULL, connections, 4, changed
    FROM job;
INSERT INTO job_field SELECT id, 'root', 0, root FROM job WHERE root IS NOT NULL;
INSERT INTO job_field SELECT id, 'login', 0, login FROM job WHERE login IS NOT NULL;
INSERT INTO job_field SELECT id, 'authzid', 0, authzid FROM job WHERE authzid IS NOT NULL;
DROP TABLE job;
ALTER TABLE job_new RENAME TO job;
ALTER TABLE run ADD COLUMN began_by TEXT NOT NULL DEFAULT 'hand';
ALTER TABLE run ADD COLUMN told TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN interrupted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX run_open ON run (id) WHERE ended IS NULL AND interrupted = 0;
CREATE TABLE step_new (
    run              INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    place            INTEGER NOT NULL,
    account          TEXT NOT NULL,
    target           TEXT NOT NULL,
    began            INTEGER, -- nothing while it waits
    alive            INTEGER, -- when it last said that it is at work
    ended            INTEGER,
    outcome          TEXT,
    archived         INTEGER NOT NULL DEFAULT 0,
    already          INTEGER NOT NULL DEFAULT 0,
    excluded_default INTEGER NOT NULL DEFAULT 0,
    excluded_list    INTEGER NOT NULL DEFAULT 0,
    excluded_filter  INTEGER NOT NULL DEFAULT 0,
    excluded_unknown INTEGER NOT NULL DEFAULT 0,
    quarantined      INTEGER NOT NULL DEFAULT 0,
    told             TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (run, place)
) WITHOUT ROWID;
-- Why a step left messages out was not kept; folder lists are the likeliest reason.
INSERT INTO step_new
    SELECT run, place, account, target, began, NULL, ended, outcome, archived, already, 0, excluded,
           0, 0, quarantined, told
    FROM step;
DROP TABLE step;
ALTER TABLE step_new RENAME TO step;
