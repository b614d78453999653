-- Grants and tokens are bound under a key that is not in the database: whoever writes it makes none of them another customer's. Tokens
-- of before are gone. Grants of before have no tag, so nothing comes from them any more, and no code finds them; what they still say is
-- which client knows of which session, and has to be told when that session ends. 0 in `code_expires_at` marks them.
DELETE FROM oidc_access_token;
DELETE FROM oidc_refresh_token;
UPDATE oidc_grant SET code_expires_at = 0, code_mark = 'of before: ' || id;
ALTER TABLE oidc_access_token ADD COLUMN tag BLOB;
ALTER TABLE oidc_refresh_token ADD COLUMN tag BLOB;
ALTER TABLE oidc_grant ADD COLUMN tag BLOB;
