-- What a message of PayPal's said, as a keyed mark: the body itself is not kept.
ALTER TABLE payment_inbox ADD COLUMN body BLOB;
-- Why it is not believed, once the provider's own object said otherwise.
ALTER TABLE payment_inbox ADD COLUMN refused TEXT;
CREATE INDEX payment_inbox_payment ON payment_inbox (payment, received_at) WHERE payment IS NOT NULL;
