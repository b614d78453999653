-- A tag under a key of keys/ over all that a key may do: a row that somebody wrote past Storeward is good for nothing.
ALTER TABLE api_key ADD COLUMN tag BLOB;
