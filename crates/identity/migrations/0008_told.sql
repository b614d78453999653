-- Letters of which an account gets one a day at most: when the last one of a kind went out.
CREATE TABLE customer_told (
  customer TEXT NOT NULL REFERENCES customer_account (id),
  kind TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (customer, kind)
);

-- Sign-ins with a right password that wait for more. Whoever shows it takes the row away; when one is still there at the end of the
-- challenge, the person is told.
CREATE TABLE customer_unmet (
  flow_hash TEXT PRIMARY KEY,
  customer TEXT NOT NULL REFERENCES customer_account (id),
  network_mark TEXT NOT NULL,
  label_sealed BLOB NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX customer_unmet_customer ON customer_unmet (customer);
