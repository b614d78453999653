-- Files that go out with the evidence of a dispute. Name and content are sealed.
CREATE TABLE payment_dispute_file (
  id TEXT PRIMARY KEY,
  provider TEXT NOT NULL,
  reference TEXT NOT NULL,
  about TEXT NOT NULL,
  kind TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  digest TEXT NOT NULL,
  name BLOB NOT NULL,
  body BLOB NOT NULL,
  at BIGINT NOT NULL,
  UNIQUE (provider, reference, about)
);
