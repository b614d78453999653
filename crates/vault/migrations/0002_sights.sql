-- Who saw whom, when and for what: where the ledger's entries about openings stand, so that they are found by customer, by
-- person and by purpose. What was seen stands in the ledger alone.
CREATE TABLE vault_sight (
  -- The ledger's entry.
  event TEXT PRIMARY KEY,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  customer TEXT NOT NULL,
  purpose TEXT NOT NULL,
  -- 1: opened, 0: refused.
  opened BIGINT NOT NULL
);
CREATE INDEX vault_sight_at ON vault_sight (at);
CREATE INDEX vault_sight_actor ON vault_sight (actor, at);
CREATE INDEX vault_sight_customer ON vault_sight (customer, at);
