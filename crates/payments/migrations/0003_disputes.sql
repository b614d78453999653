-- The provider's own word for where it stands.
ALTER TABLE payment_dispute ADD COLUMN status TEXT NOT NULL DEFAULT '';
-- Minor units that the provider holds back for it, and what it takes for its trouble.
ALTER TABLE payment_dispute ADD COLUMN withdrawn BIGINT NOT NULL DEFAULT 0;
ALTER TABLE payment_dispute ADD COLUMN fee BIGINT NOT NULL DEFAULT 0;
-- How many movements of money the provider showed when these two were read: a picture with fewer is an older one.
ALTER TABLE payment_dispute ADD COLUMN movements BIGINT NOT NULL DEFAULT 0;
-- `none`, `sending`, `sent`, `conceding`, `conceded`: what staff answered.
ALTER TABLE payment_dispute ADD COLUMN answer TEXT NOT NULL DEFAULT 'none';
ALTER TABLE payment_dispute ADD COLUMN answered_at BIGINT;
-- SHA-256 of what was sent as evidence.
ALTER TABLE payment_dispute ADD COLUMN digest TEXT;
-- Why the provider did not take the last answer.
ALTER TABLE payment_dispute ADD COLUMN code TEXT;
-- What the provider's own checks said of the buyer, as JSON: words and no person.
ALTER TABLE payment_dispute ADD COLUMN checks TEXT;
-- How often it was told that the time to answer ends.
ALTER TABLE payment_dispute ADD COLUMN warned BIGINT NOT NULL DEFAULT 0;
-- When the provider is asked next, in case a message was lost.
ALTER TABLE payment_dispute ADD COLUMN look_at BIGINT;
UPDATE payment_dispute SET withdrawn = amount WHERE is_withdrawn = 1;
UPDATE payment_dispute SET look_at = opened_at WHERE closed_at IS NULL;
CREATE INDEX payment_dispute_look ON payment_dispute (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX payment_dispute_opened ON payment_dispute (opened_at);

-- What the shop knows of an order that somebody disputes, in its own words. Sealed.
CREATE TABLE payment_dispute_fact (
  id TEXT PRIMARY KEY,
  provider TEXT NOT NULL,
  reference TEXT NOT NULL,
  kind TEXT NOT NULL,
  body BLOB NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX payment_dispute_fact_of ON payment_dispute_fact (provider, reference, at);
