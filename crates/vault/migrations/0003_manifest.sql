-- What was written last of each customer, sealed under their key: which values there are, in which version, and what stands
-- beside them. Part 0 says how far the others are; 1 to 16 hold the values, by their item.
CREATE TABLE vault_manifest (
  customer TEXT NOT NULL REFERENCES vault_customer (id),
  part BIGINT NOT NULL,
  -- How often the record was changed when this part was written; sealed in.
  revision BIGINT NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (customer, part)
);
