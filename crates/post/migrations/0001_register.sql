-- What was written to whom: so that somebody who holds a message can ask whether it is ours. Moments are microseconds
-- since 1970.
CREATE TABLE post_register (
  -- Keyed mark of the code that the message bears.
  code_mark TEXT PRIMARY KEY,
  post TEXT NOT NULL,
  -- What kind of message, such as identity.code.
  topic TEXT NOT NULL,
  -- Keyed fingerprint of the address.
  recipient TEXT NOT NULL,
  customer TEXT,
  -- Code and subject, sealed to this row.
  shown_sealed BLOB NOT NULL,
  written_at BIGINT NOT NULL
);
CREATE INDEX post_register_recipient ON post_register (recipient, written_at);
CREATE INDEX post_register_written ON post_register (written_at);
