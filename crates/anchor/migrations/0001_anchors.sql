-- Checkpoints that were handed to places that this machine cannot change, and what each place said to it.
CREATE TABLE anchor_receipt (
  id TEXT PRIMARY KEY,
  place TEXT NOT NULL,
  way TEXT NOT NULL,
  at BIGINT NOT NULL,
  size BIGINT NOT NULL,
  -- The signed note.
  note TEXT NOT NULL,
  -- What the place gave: a time stamp's bytes, a version, the id of a mail.
  receipt BLOB NOT NULL
);
CREATE INDEX anchor_receipt_place ON anchor_receipt (place, at);
-- How each place stands.
CREATE TABLE anchor_place (
  place TEXT PRIMARY KEY,
  since BIGINT NOT NULL,
  placed_at BIGINT,
  size BIGINT NOT NULL,
  failing_at BIGINT,
  reason TEXT,
  -- When the last event about a failure was written.
  told_at BIGINT
);
