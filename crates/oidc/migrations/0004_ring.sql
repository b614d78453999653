-- What a key signs for. Keys of one ring are never published or believed with those of another.
ALTER TABLE oidc_key ADD COLUMN ring TEXT NOT NULL DEFAULT 'provider';
