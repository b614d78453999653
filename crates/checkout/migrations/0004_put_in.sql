-- Of code: fingerprints of how it begins, as browsers report it. NULL: not seen since this is kept.
ALTER TABLE checkout_script ADD COLUMN begins TEXT;
