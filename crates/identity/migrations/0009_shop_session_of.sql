-- The session of the account that a browser's handle goes with, so that one that ended is found without its browser: the shop is
-- asked to sign it out.
ALTER TABLE shop_session ADD COLUMN session TEXT;
CREATE INDEX shop_session_of ON shop_session (session);
