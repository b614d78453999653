-- Of which try it is: what comes back of money that was taken twice is no refund of the payment.
ALTER TABLE payment_refund ADD COLUMN attempt BIGINT NOT NULL DEFAULT 0;
