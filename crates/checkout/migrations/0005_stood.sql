-- When it stood in a page last, as Storeward saw it. NULL: not since this is kept. `last_seen` is also what anybody says.
ALTER TABLE checkout_script ADD COLUMN stood_at BIGINT;
