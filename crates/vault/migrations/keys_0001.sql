-- The key store: a database of its own, apart from the customers' data and from its backups. Every key in it is wrapped
-- with the key of an epoch; those keys are not here (see `keys/shelf.rs`).
CREATE TABLE vault_customer_key (
  customer TEXT PRIMARY KEY,
  -- Version of the customer's key, in the head of everything that it sealed.
  version BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  wrapped BLOB NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX vault_customer_key_epoch ON vault_customer_key (epoch, customer);

-- Roots of the blind indexes. Two while an index is made anew.
CREATE TABLE vault_index_root (
  version BIGINT PRIMARY KEY,
  epoch BIGINT NOT NULL,
  wrapped BLOB NOT NULL,
  created_at BIGINT NOT NULL,
  retired_at BIGINT
);
