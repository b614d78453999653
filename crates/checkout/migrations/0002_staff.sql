-- How staff said that a guarded page is served. One that is not here goes by the config.
CREATE TABLE checkout_page (
  page TEXT PRIMARY KEY,
  -- `learn` (as the config says), `enforce`, `last_good`.
  hold TEXT NOT NULL,
  set_at BIGINT NOT NULL,
  set_by TEXT NOT NULL
);

-- What staff decided of scripts, and why. Rows are added, never changed; each belongs to the event of this id.
CREATE TABLE checkout_decision (
  event TEXT PRIMARY KEY,
  at BIGINT NOT NULL,
  decided_by TEXT NOT NULL,
  -- `approved`, `revoked`, `rejected`.
  act TEXT NOT NULL,
  script TEXT NOT NULL,
  kind TEXT NOT NULL,
  address TEXT NOT NULL,
  page TEXT NOT NULL,
  scope TEXT,
  hash TEXT,
  owner TEXT NOT NULL,
  justification TEXT NOT NULL,
  until BIGINT
);
CREATE INDEX checkout_decision_at ON checkout_decision (at);
CREATE INDEX checkout_decision_script ON checkout_decision (script, at);

-- How often scripts were fetched and headers compared: counted by day.
CREATE TABLE checkout_check (
  day TEXT NOT NULL,
  -- `fetch` of a script by its id, `page` of a guarded path.
  what TEXT NOT NULL,
  target TEXT NOT NULL,
  done BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  PRIMARY KEY (day, what, target)
);
