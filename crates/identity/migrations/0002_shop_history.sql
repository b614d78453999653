-- What the risk engine knows of all sign-ins together: keyed counts, one row.
CREATE TABLE customer_shop_history (
  id BIGINT PRIMARY KEY,
  history_sealed BLOB NOT NULL,
  changed_at BIGINT NOT NULL
);
