-- How far imports from shops' databases came, and whom a shop had when it was looked through last.
CREATE TABLE import_shop (
  -- The kind of shop and a fingerprint of where its database is.
  source TEXT PRIMARY KEY,
  -- Counts the runs; one that was stopped goes on under its number.
  run BIGINT NOT NULL,
  begun_at BIGINT NOT NULL,
  ended_at BIGINT,
  swept_at BIGINT
);

CREATE TABLE import_part (
  source TEXT NOT NULL,
  part TEXT NOT NULL,
  -- Of the file with the questions: another file begins anew.
  file TEXT NOT NULL,
  run BIGINT NOT NULL,
  -- The last row that is written, by its id; nothing where the part is through.
  after BIGINT,
  -- Changes since this moment, by the shop's clock, were not seen by the last run that ended.
  since BIGINT,
  -- The same for the run that is under way.
  next BIGINT NOT NULL,
  PRIMARY KEY (source, part)
);

CREATE TABLE import_present (
  source TEXT NOT NULL,
  customer TEXT NOT NULL,
  -- The run in which the shop had them last.
  run BIGINT NOT NULL,
  gone_at BIGINT,
  PRIMARY KEY (source, customer)
);
CREATE INDEX import_present_gone ON import_present (source, gone_at);
