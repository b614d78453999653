-- Guidance: whom we remind of what, what people learnt, what they reported. Moments are microseconds since 1970. Nothing
-- here names a person but by id.
CREATE TABLE guide_person (
  customer TEXT PRIMARY KEY,
  -- Since when we know of the account.
  since BIGINT NOT NULL,
  -- When to see whether a reminder is due.
  due_at BIGINT NOT NULL,
  -- The newest reminder that could be switched off.
  reminded_at BIGINT,
  -- When the person last said that all is right.
  reviewed_at BIGINT,
  -- The kinds of reminders that they do not want, by their words, between blanks.
  unwanted TEXT NOT NULL
);
CREATE INDEX guide_person_due ON guide_person (due_at);

CREATE TABLE guide_lesson (
  customer TEXT NOT NULL,
  -- passwords, phishing or payment
  lesson TEXT NOT NULL,
  finished_at BIGINT NOT NULL,
  right_answers BIGINT NOT NULL,
  questions BIGINT NOT NULL,
  PRIMARY KEY (customer, lesson)
);

CREATE TABLE guide_reminder (
  id TEXT PRIMARY KEY,
  customer TEXT NOT NULL,
  topic TEXT NOT NULL,
  at BIGINT NOT NULL,
  -- 1: due, and not sent, to compare.
  held_back BIGINT NOT NULL,
  -- Of the token in the letter's link.
  token_hash TEXT,
  followed_at BIGINT,
  -- What the person did.
  act TEXT
);
CREATE INDEX guide_reminder_customer ON guide_reminder (customer, at);
CREATE INDEX guide_reminder_at ON guide_reminder (at);
CREATE UNIQUE INDEX guide_reminder_token ON guide_reminder (token_hash);

CREATE TABLE guide_report (
  id TEXT PRIMARY KEY,
  at BIGINT NOT NULL,
  -- Missing where nobody was signed in.
  customer TEXT,
  -- What they pasted, sealed to this row.
  said_sealed BLOB NOT NULL,
  links BIGINT NOT NULL,
  bears_our_code BIGINT NOT NULL,
  closed_at BIGINT,
  closed_by TEXT,
  verdict TEXT
);
CREATE INDEX guide_report_at ON guide_report (at);
