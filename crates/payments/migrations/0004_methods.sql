-- Means of payment that a buyer let the shop keep: the provider's token, never a number.
CREATE TABLE payment_method (
  id TEXT PRIMARY KEY,
  -- The keyed mark of the shop's number of the customer: nobody can be read from it.
  customer TEXT NOT NULL,
  provider TEXT NOT NULL,
  -- Sealed: the provider's token, and its own id of the customer.
  token BLOB NOT NULL,
  holder BLOB,
  -- The keyed mark of the token, so that none is kept twice.
  mark TEXT NOT NULL,
  brand TEXT NOT NULL,
  last_four TEXT,
  -- `YYYY-MM`.
  expires TEXT,
  -- `kept`; `removing` until the provider has forgotten it, too.
  state TEXT NOT NULL,
  -- The payment with which it came.
  payment TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX payment_method_mark ON payment_method (provider, mark);
CREATE INDEX payment_method_customer ON payment_method (customer, created_at);
CREATE INDEX payment_method_removing ON payment_method (state) WHERE state = 'removing';

-- 1: the buyer's means of payment is kept where this try succeeds.
ALTER TABLE payment_attempt ADD COLUMN saves BIGINT NOT NULL DEFAULT 0;
-- The kept means of payment that this try is made with.
ALTER TABLE payment_attempt ADD COLUMN method TEXT;
-- 1: nobody is there who could answer their bank.
ALTER TABLE payment_attempt ADD COLUMN unattended BIGINT NOT NULL DEFAULT 0;
