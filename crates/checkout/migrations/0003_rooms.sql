-- Of code in a page: a fingerprint of how it begins, before anything that may be another one with each view. NULL: seen before this was kept.
ALTER TABLE checkout_script ADD COLUMN place TEXT;
-- 1: stands for all code of one place that is another one with each view.
ALTER TABLE checkout_script ADD COLUMN is_changing BIGINT NOT NULL DEFAULT 0;
CREATE INDEX checkout_script_place ON checkout_script (page, place);
-- Alerts of one room push out no others: `file`, `host`, `code`, `changed`, or empty.
ALTER TABLE checkout_alert ADD COLUMN room TEXT NOT NULL DEFAULT '';
