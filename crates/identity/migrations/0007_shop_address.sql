-- The address that the shop tells of an account, as a keyed mark: nobody has shown that they read mail there, so two accounts
-- may have the same, and nobody signs in by it. The account is found by it: by staff, and by whoever reads that mail.
ALTER TABLE customer_account ADD COLUMN shop_email_mark TEXT;
CREATE INDEX customer_account_shop_email ON customer_account (shop_email_mark);
