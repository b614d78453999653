-- 1: the provider's form stands in a frame on our own page; `address` is then what opens it.
ALTER TABLE payment_attempt ADD COLUMN embedded BIGINT NOT NULL DEFAULT 0;
