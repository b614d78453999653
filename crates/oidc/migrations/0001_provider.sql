-- The OpenID Connect provider. Codes and tokens stand here as keyed marks (`_mark`) only; signing keys are sealed, bound
-- to their row. Lists of addresses have one on each line. Moments are microseconds since 1970.
CREATE TABLE oidc_client (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  preset TEXT NOT NULL,
  -- Missing for a public client, which can keep no secret.
  secret_mark TEXT,
  -- The secret before this one, and until when it is good.
  previous_mark TEXT,
  previous_until BIGINT,
  -- required or waived
  pkce TEXT NOT NULL,
  -- asked or skipped
  consent TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  -- plain, or with_profile: what the scopes say stands in the ID token too
  id_token TEXT NOT NULL,
  redirect_uris TEXT NOT NULL,
  logout_uris TEXT NOT NULL,
  backchannel_uri TEXT,
  origins TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE oidc_key (
  -- The thumbprint of the public key (RFC 7638).
  kid TEXT PRIMARY KEY,
  algorithm TEXT NOT NULL,
  private_sealed BLOB NOT NULL,
  public TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  -- It is published before it signs, and after.
  signs_from BIGINT NOT NULL,
  ends_at BIGINT
);

-- One sign-in of one customer to one client: the code, and the line of tokens that came from it.
CREATE TABLE oidc_grant (
  id TEXT PRIMARY KEY,
  client TEXT NOT NULL,
  customer TEXT NOT NULL,
  session TEXT NOT NULL,
  scope TEXT NOT NULL,
  acr TEXT NOT NULL,
  amr TEXT NOT NULL,
  authenticated_at BIGINT NOT NULL,
  nonce TEXT,
  redirect_uri TEXT NOT NULL,
  -- Of PKCE (S256).
  challenge TEXT,
  -- Its refresh tokens outlive the session.
  offline_at BIGINT,
  code_mark TEXT NOT NULL,
  code_expires_at BIGINT NOT NULL,
  code_used_at BIGINT,
  created_at BIGINT NOT NULL,
  ended_at BIGINT,
  -- Nothing that came from it is good after this.
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX oidc_grant_code ON oidc_grant (code_mark);
CREATE INDEX oidc_grant_session ON oidc_grant (session);
CREATE INDEX oidc_grant_customer ON oidc_grant (customer);
CREATE INDEX oidc_grant_client ON oidc_grant (client);
CREATE INDEX oidc_grant_expires ON oidc_grant (expires_at);

CREATE TABLE oidc_access_token (
  mark TEXT PRIMARY KEY,
  grant_id TEXT NOT NULL,
  scope TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX oidc_access_token_grant ON oidc_access_token (grant_id);
CREATE INDEX oidc_access_token_expires ON oidc_access_token (expires_at);

CREATE TABLE oidc_refresh_token (
  mark TEXT PRIMARY KEY,
  grant_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);
CREATE INDEX oidc_refresh_token_grant ON oidc_refresh_token (grant_id);
CREATE INDEX oidc_refresh_token_expires ON oidc_refresh_token (expires_at);

CREATE TABLE oidc_consent (
  customer TEXT NOT NULL,
  client TEXT NOT NULL,
  scope TEXT NOT NULL,
  given_at BIGINT NOT NULL,
  PRIMARY KEY (customer, client)
);
CREATE INDEX oidc_consent_client ON oidc_consent (client);
