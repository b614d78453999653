-- Clients are bound under a key that is not in the database: whoever writes it leads no customer to an address of their own. Those of before
-- get their tags once, at the next start, as they lie there.
ALTER TABLE oidc_client ADD COLUMN tag BLOB;
