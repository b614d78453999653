-- Binds how far a subscriber has come under a key that is not in the database: nobody has it pass over entries.
ALTER TABLE subscription_cursor ADD COLUMN tag BLOB;
