-- A tag under a key of keys/ over an account with its factors, recovery codes and waiting time; over a device; and over whose way a
-- challenge is. Rows of before get theirs at the next start, once.
ALTER TABLE customer_account ADD COLUMN tag BLOB;
ALTER TABLE customer_device ADD COLUMN tag BLOB;
ALTER TABLE customer_challenge ADD COLUMN tag BLOB;
