-- Keys by which records and items of a shop get their names (an import finds its customers again by them, and who was erased stays
-- erased). They outlive the roots of the indexes; `root` makes those that have no row of their own.
CREATE TABLE vault_name_key (
  name TEXT PRIMARY KEY,
  epoch BIGINT NOT NULL,
  wrapped BLOB NOT NULL,
  created_at BIGINT NOT NULL
);
