-- Requests of staff to see what the rules keep from them, and openings in an emergency.
CREATE TABLE vault_grant (
  id TEXT PRIMARY KEY,
  -- 1: opened at once, in an emergency; 0: asked for.
  emergency BIGINT NOT NULL,
  customer TEXT NOT NULL,
  staff TEXT NOT NULL,
  purpose TEXT NOT NULL,
  -- Such as `contact.email,address.street`.
  fields TEXT NOT NULL,
  -- Sealed under the customer's key: people write names into it.
  reason BLOB NOT NULL,
  asked_at BIGINT NOT NULL,
  decided_at BIGINT,
  decided_by TEXT,
  -- Until when it may be seen; nothing where it was refused.
  until BIGINT,
  -- A tag under the customer's key over all that lets somebody see something.
  tag BLOB,
  reviewed_at BIGINT,
  reviewed_by TEXT,
  -- `justified` or `unjustified`.
  verdict TEXT
);
CREATE INDEX vault_grant_staff ON vault_grant (staff, customer, until);
CREATE INDEX vault_grant_open ON vault_grant (decided_at);
