-- What runs on paying pages and what these speak to: one row for each script, and for each place of another kind.
CREATE TABLE checkout_script (
  -- Follows from what it is, so that whoever sees it first writes the same row.
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  kind TEXT NOT NULL,
  -- A URL without its query, an origin, or `inline`.
  address TEXT NOT NULL,
  -- The first characters of code in the page, without what stands in its strings and numbers.
  sample TEXT NOT NULL,
  -- The newest, SHA-256 in base64; what was fetched or served, never what somebody reported.
  hash TEXT,
  page TEXT NOT NULL,
  initiator TEXT,
  -- Who saw it first: `page`, `report`, `fetch`, `guard`.
  source TEXT NOT NULL,
  seen BIGINT NOT NULL,
  first_seen BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  -- The approval; `scope` is NULL where there is none.
  scope TEXT,
  approved_hash TEXT,
  owner TEXT,
  justification TEXT,
  approved_by TEXT,
  approved_at BIGINT,
  approved_until BIGINT,
  revoked_at BIGINT,
  -- When its body was fetched last, and what went wrong then.
  fetched_at BIGINT,
  fetch_code TEXT,
  -- 1: other sites' pages may read it, so that they can check its hash.
  is_shared BIGINT NOT NULL CHECK (is_shared IN (0, 1))
);
CREATE INDEX checkout_script_fetch ON checkout_script (kind, fetched_at);
CREATE INDEX checkout_script_seen ON checkout_script (last_seen);

-- Each hash that a script has had.
CREATE TABLE checkout_version (
  script TEXT NOT NULL REFERENCES checkout_script (id) ON DELETE CASCADE,
  hash TEXT NOT NULL,
  source TEXT NOT NULL,
  bytes BIGINT,
  first_seen BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  PRIMARY KEY (script, hash)
);

-- What staff have to look at.
CREATE TABLE checkout_alert (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  script TEXT,
  -- Who saw it, as above.
  source TEXT NOT NULL,
  what TEXT NOT NULL,
  seen BIGINT NOT NULL,
  -- 1: there were approvals already, so that this was no part of the first look.
  is_armed BIGINT NOT NULL CHECK (is_armed IN (0, 1)),
  at BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  closed_at BIGINT,
  closed_by TEXT
);
CREATE INDEX checkout_alert_open ON checkout_alert (closed_at, last_at);

-- The headers of paying pages that their security leans on: as they are, and as they were approved.
CREATE TABLE checkout_header (
  page TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT,
  seen_at BIGINT NOT NULL,
  approved TEXT,
  approved_at BIGINT,
  approved_by TEXT,
  PRIMARY KEY (page, name)
);

-- What browsers said, counted.
CREATE TABLE checkout_count (
  day TEXT NOT NULL,
  how TEXT NOT NULL,
  channel TEXT NOT NULL,
  host TEXT NOT NULL,
  path TEXT NOT NULL,
  seen BIGINT NOT NULL,
  PRIMARY KEY (day, how, channel, host, path)
);
