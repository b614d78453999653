-- Since when a member of the shop's staff may come into the back office with what they added: somebody who runs the shop said so.
-- Whoever had an app or a passkey before this was asked for keeps their way in.
ALTER TABLE customer_account ADD COLUMN office_allowed_at BIGINT;
UPDATE customer_account SET office_allowed_at = (SELECT MAX(created_at) FROM customer_factor
  WHERE customer_factor.customer = customer_account.id AND customer_factor.kind IN ('totp', 'passkey'));
