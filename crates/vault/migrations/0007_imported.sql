-- What imports brought of each item, as keyed tags under the customer's key, by field: a cell that says what it said before writes
-- over nobody who put the value right here. It holds no value, and says nothing without the key.
CREATE TABLE vault_imported (
  customer TEXT NOT NULL REFERENCES vault_customer (id),
  collection TEXT NOT NULL,
  item TEXT NOT NULL,
  -- A tag over the rest; JSON: field to tags, the oldest first.
  tags TEXT NOT NULL,
  PRIMARY KEY (customer, collection, item)
);
