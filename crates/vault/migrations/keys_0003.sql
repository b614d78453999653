-- How often the customer's record had been changed when the key store heard of it last, with a tag under the customer's key:
-- data that is older than this is known by it.
ALTER TABLE vault_customer_key ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
ALTER TABLE vault_customer_key ADD COLUMN noted BLOB;
