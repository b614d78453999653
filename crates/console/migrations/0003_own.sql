-- What the list of somebody's own sessions shows, and when a second factor was last shown in one.
ALTER TABLE staff_session ADD COLUMN id TEXT;
ALTER TABLE staff_session ADD COLUMN label TEXT;
ALTER TABLE staff_session ADD COLUMN address TEXT;
ALTER TABLE staff_session ADD COLUMN confirmed_at BIGINT;

CREATE TABLE staff_passkey (
  id TEXT PRIMARY KEY,
  staff TEXT NOT NULL REFERENCES staff_account (id),
  label TEXT NOT NULL,
  -- The name that it is bound to: the one that the console was opened by.
  party TEXT NOT NULL,
  credential TEXT NOT NULL,
  key_sealed BLOB NOT NULL,
  -- Never goes back.
  counter BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT
);
CREATE UNIQUE INDEX staff_passkey_credential ON staff_passkey (credential);
CREATE INDEX staff_passkey_staff ON staff_passkey (staff, created_at);

-- What a passkey has to sign: for one purpose, for the browser that holds the token, once.
CREATE TABLE staff_challenge (
  token_hash TEXT PRIMARY KEY,
  -- Missing where somebody signs in.
  staff TEXT,
  purpose TEXT NOT NULL,
  challenge TEXT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX staff_challenge_expires ON staff_challenge (expires_at);
