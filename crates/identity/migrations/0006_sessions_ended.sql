-- Sessions that were ended before their time, until whoever gave something out on the strength of them has taken note.
CREATE TABLE customer_session_ended (
  -- Empty for `everything`.
  session TEXT NOT NULL,
  customer TEXT NOT NULL,
  -- signed_out, revoked; all_but (this one), everything
  how TEXT NOT NULL,
  ended_at BIGINT NOT NULL,
  PRIMARY KEY (session, customer, how)
);
CREATE INDEX customer_session_ended_at ON customer_session_ended (ended_at);
