-- How often the provider was asked in vain what became of a call, and when it is asked next.
ALTER TABLE payment_call ADD COLUMN asks BIGINT NOT NULL DEFAULT 0;
ALTER TABLE payment_call ADD COLUMN ask_at BIGINT;
CREATE INDEX payment_call_due ON payment_call (provider, ask_at) WHERE settled_at IS NULL;
