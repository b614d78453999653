-- Whose data the shop's own staff pages showed to whom: an index over the ledger's entries, so that they are found by person. The
-- subject is a customer's id or, of somebody whose records are not kept, a keyed fingerprint.
CREATE TABLE office_shown (
  event TEXT NOT NULL,
  subject TEXT NOT NULL,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  page TEXT NOT NULL,
  PRIMARY KEY (event, subject)
);
CREATE INDEX office_shown_at ON office_shown (at);
CREATE INDEX office_shown_actor ON office_shown (actor, at);
CREATE INDEX office_shown_subject ON office_shown (subject, at);
