-- Personal data of staff lives here and nowhere else; events name them by id.
CREATE TABLE staff_account (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  totp_sealed BLOB NOT NULL,
  -- The last 30-second step whose code was accepted: no code counts twice.
  totp_step BIGINT NOT NULL,
  enrolled_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX staff_account_email ON staff_account (email);

-- Offers to enrol. The link's token is kept as a hash only.
CREATE TABLE staff_enrolment (
  token_hash TEXT PRIMARY KEY,
  staff TEXT NOT NULL,
  totp_sealed BLOB NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);

CREATE TABLE staff_session (
  token_hash TEXT PRIMARY KEY,
  staff TEXT NOT NULL REFERENCES staff_account (id),
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX staff_session_staff ON staff_session (staff);

CREATE TABLE staff_view (
  id TEXT PRIMARY KEY,
  staff TEXT NOT NULL REFERENCES staff_account (id),
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX staff_view_staff ON staff_view (staff, created_at);
