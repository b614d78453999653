-- Which capture it gave back, as the provider says; NULL where it does not, and in rows of before until the provider is asked again.
ALTER TABLE payment_refund ADD COLUMN capture TEXT;
