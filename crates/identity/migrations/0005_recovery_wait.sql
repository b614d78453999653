-- Every second factor is said to be lost: how long until a new one may be added. One at a time for an account.
CREATE TABLE customer_recovery_wait (
  customer TEXT PRIMARY KEY REFERENCES customer_account (id),
  begun_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  -- The member of staff who began it; missing when the person did.
  begun_by TEXT,
  -- The member of staff who asked that it end earlier; another one has to agree.
  shorten_asked_by TEXT,
  -- How far the person was told: 1 begun, 2 in the middle, 3 over.
  told BIGINT NOT NULL,
  cancelled_at BIGINT
);

-- Short messages of a day, by what they are counted for: all, a country, a number's mark, an account.
CREATE TABLE customer_sms_count (
  scope TEXT NOT NULL,
  day BIGINT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (scope, day)
);
