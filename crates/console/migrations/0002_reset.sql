-- Somebody whose password and second factor no longer count, because they were reset: they enrol again by a new link, and
-- stay who they are.
ALTER TABLE staff_account ADD COLUMN reset_at BIGINT;
