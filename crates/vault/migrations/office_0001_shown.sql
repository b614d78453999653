-- Whose data the shop's own staff pages showed to whom: an index over the ledger's entries, so that they are found by person. The
-- subject is a customer's id or, of somebody whose records are not kept, a keyed fingerprint.
CREATE TABLE office_shown (
  event TEXT NOT NULL,
  subject TEXT NOT NULL,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  page TEXT NOT NULL,
  -- Values of that page that were no masks.
  shown BIGINT NOT NULL,
  PRIMARY KEY (event, subject)
);
CREATE INDEX office_shown_at ON office_shown (at);
CREATE INDEX office_shown_actor ON office_shown (actor, at);
CREATE INDEX office_shown_subject ON office_shown (subject, at);
-- Who read otherwise than usual, so that it is told once a day.
CREATE TABLE office_finding (
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  at BIGINT NOT NULL,
  customers BIGINT NOT NULL,
  PRIMARY KEY (actor, reason, at)
);
