-- Days that were not compared whole with a provider's list, and when they were tried last: whose turn it is. That a day is compared the ledger says.
CREATE TABLE payment_day (
  provider TEXT NOT NULL,
  day TEXT NOT NULL,
  tried_at BIGINT NOT NULL,
  PRIMARY KEY (provider, day)
);
