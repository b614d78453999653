-- What stands behind a browser's handle: the shop's own cookies, sealed, and how far the sign-in has come.
CREATE TABLE shop_session (
  handle_hash TEXT PRIMARY KEY,
  jar_sealed BLOB NOT NULL,
  -- Since when it waits for a second factor.
  pending_at BIGINT,
  seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX shop_session_pending ON shop_session (pending_at);
CREATE INDEX shop_session_expires ON shop_session (expires_at);
