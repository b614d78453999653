-- Tags under a key of keys/ over whatever says who somebody is and what they have shown: a row that somebody wrote past Storeward
-- lets nobody in.
ALTER TABLE staff_account ADD COLUMN tag BLOB;
ALTER TABLE staff_passkey ADD COLUMN tag BLOB;
ALTER TABLE staff_enrolment ADD COLUMN tag BLOB;
ALTER TABLE staff_session ADD COLUMN tag BLOB;
ALTER TABLE staff_hand_over ADD COLUMN tag BLOB;
-- What was begun without a tag is begun anew: people sign in again, and links are made again.
DELETE FROM staff_session;
DELETE FROM staff_hand_over;
DELETE FROM staff_enrolment WHERE used_at IS NULL;
-- Groups are what the signed ledger says.
DROP TABLE staff_group;
