-- What does not agree and is still so. Settled lines stay for good and are many more.
CREATE INDEX payment_difference_open ON payment_difference (provider, what, reference) WHERE settled_at IS NULL;
