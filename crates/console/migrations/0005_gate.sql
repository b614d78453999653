-- What the gate before back-office paths goes by. A session at the shop's host is a session of the staff beside those at the
-- console: whatever ends all of somebody's sessions ends it too.
-- Missing for a session at the console; `gate` for one at the shop's host.
ALTER TABLE staff_session ADD COLUMN place TEXT;
-- The console's session that it was handed over from.
ALTER TABLE staff_session ADD COLUMN parent TEXT;
-- What was shown last: totp or passkey. Missing where an earlier version began the session.
ALTER TABLE staff_session ADD COLUMN factor TEXT;
-- What the ledger was told of this session: a line for each gate, its name behind `+` (passed) or `-` (refused).
ALTER TABLE staff_session ADD COLUMN told TEXT;
CREATE INDEX staff_session_parent ON staff_session (parent);

ALTER TABLE staff_account ADD COLUMN locked_at BIGINT;

CREATE TABLE staff_group (
  staff TEXT NOT NULL REFERENCES staff_account (id),
  name TEXT NOT NULL,
  PRIMARY KEY (staff, name)
);

-- A sign-in at the console on its way to the shop's host: good once, for a minute, for whoever holds what the challenge is the
-- hash of.
CREATE TABLE staff_hand_over (
  code_hash TEXT PRIMARY KEY,
  session TEXT NOT NULL,
  staff TEXT NOT NULL,
  challenge TEXT NOT NULL,
  authority TEXT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX staff_hand_over_expires ON staff_hand_over (expires_at);
