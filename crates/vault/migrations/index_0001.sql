-- Which marks there are in vault_mark, and which are being made or taken away. Where there is no row yet, each root of the key store
-- has those of whole values.
CREATE TABLE vault_index (
  root BIGINT NOT NULL,
  -- Empty: marks of whole values, of every field that is found by them. Else the field that is found by parts.
  field TEXT NOT NULL,
  -- making, made, ending.
  state TEXT NOT NULL,
  -- How far the walk over all customers is, and over how many it went.
  position TEXT NOT NULL,
  done BIGINT NOT NULL,
  -- Customers whose values could not be read.
  left_out BIGINT NOT NULL,
  begun_at BIGINT NOT NULL,
  PRIMARY KEY (root, field)
);
