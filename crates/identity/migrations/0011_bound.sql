-- A tag under a key of keys/ over whose session it is and what was shown in it: a row that somebody wrote past Storeward opens
-- nothing. Those without one end here: people sign in again.
ALTER TABLE customer_session ADD COLUMN tag BLOB;
DELETE FROM customer_session;
