-- Keys of the REST interface. Moments are microseconds since 1970; lists are one to a line.
CREATE TABLE api_key (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  -- By this part of it a key is found; it says nothing of the rest.
  handle TEXT NOT NULL UNIQUE,
  -- Hash of the whole key.
  secret_hash TEXT NOT NULL,
  acts TEXT NOT NULL,
  roles TEXT NOT NULL,
  purposes TEXT NOT NULL,
  networks TEXT NOT NULL,
  made_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT,
  last_used_at BIGINT
);

-- What was answered to a request that may be sent again (Idempotency-Key). Kept for a day.
CREATE TABLE api_answer (
  api_key TEXT NOT NULL,
  -- Keyed mark of what the program chose.
  mark TEXT NOT NULL,
  -- Keyed mark of the request: another one under the same name is refused.
  fingerprint TEXT NOT NULL,
  begun_at BIGINT NOT NULL,
  claimed_at BIGINT NOT NULL,
  -- Nothing while it is under way.
  status BIGINT,
  headers TEXT,
  body TEXT,
  PRIMARY KEY (api_key, mark)
);
CREATE INDEX api_answer_begun ON api_answer (begun_at);
