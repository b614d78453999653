-- Sign-ins that were held back, refused or that failed, for staff: why, in stable words. Nothing in it names a person.
CREATE TABLE customer_held_back (
  id TEXT PRIMARY KEY,
  customer TEXT NOT NULL REFERENCES customer_account (id),
  at BIGINT NOT NULL,
  -- asked, refused or failed
  what TEXT NOT NULL,
  purpose TEXT NOT NULL,
  reasons TEXT NOT NULL
);
CREATE INDEX customer_held_back_customer ON customer_held_back (customer, at);
CREATE INDEX customer_held_back_at ON customer_held_back (at);

-- What staff did to an account, and the reason that they gave.
CREATE TABLE customer_staff_act (
  id TEXT PRIMARY KEY,
  customer TEXT NOT NULL REFERENCES customer_account (id),
  staff TEXT NOT NULL,
  at BIGINT NOT NULL,
  what TEXT NOT NULL,
  reason_sealed BLOB NOT NULL
);
CREATE INDEX customer_staff_act_customer ON customer_staff_act (customer, at);

-- The network that a session began in, cut so that it names no household.
ALTER TABLE customer_session ADD COLUMN place_sealed BLOB;
