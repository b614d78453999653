-- What a copy must hold to be of its time: written just before each backup, and looked for in what a drill restores.
CREATE TABLE backup_heartbeat (
  one BIGINT PRIMARY KEY,
  value TEXT NOT NULL,
  at BIGINT NOT NULL
);
INSERT INTO backup_heartbeat (one, value, at) VALUES (1, '', 0);

-- One row for each try of a backup. The repositories are what counts; this is what the console shows.
CREATE TABLE backup_run (
  run TEXT PRIMARY KEY,
  begun_at BIGINT NOT NULL,
  ended_at BIGINT,
  -- NULL while it runs; empty when it went well, or the reason's code.
  code TEXT,
  -- Bytes that were read, and bytes that the repositories grew by.
  read_bytes BIGINT NOT NULL,
  added_bytes BIGINT NOT NULL,
  files BIGINT NOT NULL,
  -- Files of the shop that could not be read.
  unread BIGINT NOT NULL
);
CREATE INDEX backup_run_begun ON backup_run (begun_at);

-- Trials of a restore, with what was found and the signature over it.
CREATE TABLE backup_drill (
  drill TEXT PRIMARY KEY,
  begun_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  run TEXT,
  -- Empty when it passed, or the reason's code.
  code TEXT NOT NULL,
  -- How long it took until the restored copy was open and verified, and how old what it holds was then.
  recovery_ms BIGINT,
  age_ms BIGINT,
  report TEXT NOT NULL,
  signature TEXT NOT NULL
);
CREATE INDEX backup_drill_begun ON backup_drill (begun_at);

-- Why nothing old is deleted at the moment, and whether staff have looked.
CREATE TABLE backup_freeze (
  frozen_at BIGINT PRIMARY KEY,
  run TEXT NOT NULL,
  code TEXT NOT NULL,
  changed BIGINT NOT NULL,
  of_files BIGINT NOT NULL,
  released_at BIGINT,
  released_by TEXT
);
