-- Grants and tokens are bound under a key that is not in the database: whoever writes it makes none of them another customer's. Those
-- of before are nobody's, so customers sign in to their shops once more.
DELETE FROM oidc_access_token;
DELETE FROM oidc_refresh_token;
DELETE FROM oidc_grant;
ALTER TABLE oidc_access_token ADD COLUMN tag BLOB;
ALTER TABLE oidc_refresh_token ADD COLUMN tag BLOB;
ALTER TABLE oidc_grant ADD COLUMN tag BLOB;
