-- Of floods of reports a sample of the words is kept. customer, code (it bears one of ours) or stranger:
ALTER TABLE guide_report ADD COLUMN class TEXT NOT NULL DEFAULT 'stranger';
-- The keyed mark of the wider network that it came from: the /24 of IPv4, the /48 of IPv6.
ALTER TABLE guide_report ADD COLUMN network_mark TEXT NOT NULL DEFAULT '';
ALTER TABLE guide_report ADD COLUMN words_kept BIGINT NOT NULL DEFAULT 1;
CREATE INDEX guide_report_network ON guide_report (network_mark, at);
