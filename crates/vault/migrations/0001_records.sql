-- Customers' records. Whatever says something of a person is sealed under that customer's own key, which is not in this
-- database. Moments are microseconds since 1970.
CREATE TABLE vault_customer (
  id TEXT PRIMARY KEY,
  created_at BIGINT NOT NULL,
  -- From this moment nothing is opened any more (GDPR article 17).
  erasure_begun_at BIGINT,
  erased_at BIGINT,
  -- Kept but not used (article 18).
  restricted_at BIGINT
);

CREATE TABLE vault_field (
  customer TEXT NOT NULL REFERENCES vault_customer (id),
  collection TEXT NOT NULL,
  -- Which of several: an address, an order.
  item TEXT NOT NULL,
  field TEXT NOT NULL,
  -- Version of the field's form, and of this value: both are sealed in.
  form BIGINT NOT NULL,
  version BIGINT NOT NULL,
  sealed BLOB NOT NULL,
  provenance TEXT NOT NULL,
  written_at BIGINT NOT NULL,
  keep_until BIGINT,
  PRIMARY KEY (customer, collection, item, field)
);
CREATE INDEX vault_field_keep ON vault_field (keep_until);

-- Blind indexes: keyed marks of values. Not in backups; made anew from the fields.
CREATE TABLE vault_mark (
  field TEXT NOT NULL,
  root BIGINT NOT NULL,
  mark BLOB NOT NULL,
  customer TEXT NOT NULL,
  item TEXT NOT NULL,
  PRIMARY KEY (field, root, mark, customer, item)
);
CREATE INDEX vault_mark_customer ON vault_mark (customer);
