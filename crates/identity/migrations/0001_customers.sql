-- Customers' accounts. Whatever names a person is sealed (`_sealed`), bound to its row and field; what a row is found
-- by is a keyed mark (`_mark`) or the hash of a random token (`_hash`). Moments are microseconds since 1970.
CREATE TABLE customer_account (
  id TEXT PRIMARY KEY,
  email_mark TEXT,
  email_sealed BLOB,
  email_confirmed_at BIGINT,
  -- The account in the shop that stands behind it, when the shop signs people in itself.
  shop_mark TEXT,
  shop_subject_sealed BLOB,
  name_sealed BLOB,
  language TEXT NOT NULL,
  password_hash TEXT,
  password_set_at BIGINT,
  -- Wrong passwords in a row, from devices that are not known.
  password_failures BIGINT NOT NULL,
  password_disabled_at BIGINT,
  -- The next sign-in must choose a new password; must show a second factor.
  must_change_at BIGINT,
  step_up_forced_at BIGINT,
  created_at BIGINT NOT NULL,
  locked_at BIGINT
);
CREATE UNIQUE INDEX customer_account_email ON customer_account (email_mark);
CREATE UNIQUE INDEX customer_account_shop ON customer_account (shop_mark);

CREATE TABLE customer_factor (
  id TEXT PRIMARY KEY,
  customer TEXT NOT NULL REFERENCES customer_account (id),
  -- totp, passkey or sms
  kind TEXT NOT NULL,
  label_sealed BLOB,
  -- A code's seed, a passkey's public key, a telephone number.
  secret_sealed BLOB NOT NULL,
  -- Of a passkey's credential id.
  credential_mark TEXT,
  -- The last step of a one-time code, or a passkey's counter: never goes back.
  counter BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT
);
CREATE INDEX customer_factor_customer ON customer_factor (customer, created_at);
CREATE UNIQUE INDEX customer_factor_credential ON customer_factor (credential_mark);

CREATE TABLE customer_recovery_code (
  code_hash TEXT PRIMARY KEY,
  customer TEXT NOT NULL REFERENCES customer_account (id),
  created_at BIGINT NOT NULL,
  used_at BIGINT
);
CREATE INDEX customer_recovery_code_customer ON customer_recovery_code (customer);

-- A browser that signed in once. Its token changes with each sign-in; an old one that comes back is a copy.
CREATE TABLE customer_device (
  id TEXT PRIMARY KEY,
  customer TEXT NOT NULL REFERENCES customer_account (id),
  token_hash TEXT NOT NULL,
  -- The token before this one: good for a minute more, for a form that was sent twice.
  previous_hash TEXT,
  label_sealed BLOB NOT NULL,
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  trusted_until BIGINT
);
CREATE INDEX customer_device_customer ON customer_device (customer, seen_at);
CREATE INDEX customer_device_expires ON customer_device (expires_at);

CREATE TABLE customer_session (
  id TEXT PRIMARY KEY,
  token_hash TEXT NOT NULL,
  customer TEXT NOT NULL REFERENCES customer_account (id),
  device TEXT,
  -- 1 one factor, 2 two, 3 a passkey
  level BIGINT NOT NULL,
  amr TEXT NOT NULL,
  door TEXT NOT NULL,
  label_sealed BLOB NOT NULL,
  network_mark TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  -- When the person last proved who they are: `auth_time`.
  authenticated_at BIGINT NOT NULL,
  -- When they last did so with all that the account has; missing until then.
  stepped_up_at BIGINT,
  seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX customer_session_token ON customer_session (token_hash);
CREATE INDEX customer_session_customer ON customer_session (customer, seen_at);
CREATE INDEX customer_session_expires ON customer_session (expires_at);

-- Something begun and not finished: a sign-in that waits for its second factor, a recovery, an enrolment. The browser
-- that began it holds the token, and nobody else can go on with it.
CREATE TABLE customer_challenge (
  token_hash TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,
  -- Missing when it was begun for an address that has no account: it looks the same and leads nowhere.
  customer TEXT,
  state_sealed BLOB NOT NULL,
  version BIGINT NOT NULL,
  code_mark TEXT,
  code_expires_at BIGINT,
  codes_sent BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  passed_at BIGINT,
  used_at BIGINT
);
CREATE INDEX customer_challenge_expires ON customer_challenge (expires_at);

-- What the person sees of their own account.
CREATE TABLE customer_activity (
  id TEXT PRIMARY KEY,
  customer TEXT NOT NULL REFERENCES customer_account (id),
  at BIGINT NOT NULL,
  what TEXT NOT NULL,
  label_sealed BLOB NOT NULL
);
CREATE INDEX customer_activity_customer ON customer_activity (customer, at);

-- Networks and browsers of earlier sign-ins, for the risk engine.
CREATE TABLE customer_history (
  customer TEXT PRIMARY KEY REFERENCES customer_account (id),
  history_sealed BLOB NOT NULL,
  version BIGINT NOT NULL,
  changed_at BIGINT NOT NULL
);
