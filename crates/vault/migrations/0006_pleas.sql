-- What customers ask for about their data (GDPR articles 15 to 21), with the moment until which it must be answered.
CREATE TABLE vault_plea (
  id TEXT PRIMARY KEY,
  customer TEXT NOT NULL,
  -- access, correction, erasure, restriction, objection, portability.
  kind TEXT NOT NULL,
  -- Sealed under the customer's key: what they wrote, why the time was extended, what was done.
  said BLOB,
  extended BLOB,
  proof BLOB,
  received_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  extended_at BIGINT,
  closed_at BIGINT,
  closed_by TEXT,
  -- done or refused.
  outcome TEXT
);
CREATE INDEX vault_plea_due ON vault_plea (closed_at, due_at);
CREATE INDEX vault_plea_customer ON vault_plea (customer, received_at);

-- For how long values of a class are kept, from when they were written; of contact and address, from when anything of the
-- customer was written last.
CREATE TABLE vault_retention (
  class TEXT PRIMARY KEY,
  days BIGINT NOT NULL,
  set_at BIGINT NOT NULL
);
