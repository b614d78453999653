-- A MAC over everything of a payment, by a key that is not in the database.
CREATE TABLE payment_seal (
  payment TEXT PRIMARY KEY,
  tag BLOB NOT NULL
);
-- The same of each piece of news, which the shop believes, and of each message.
ALTER TABLE payment_news ADD COLUMN tag BLOB;
ALTER TABLE payment_inbox ADD COLUMN tag BLOB;
