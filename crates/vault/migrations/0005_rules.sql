-- Rules about who may see what that were saved at the console. The last one is in force, unless `vault.policy_file` names a
-- file; what it hashes to stands in the ledger.
CREATE TABLE vault_rules (
  version BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  staff TEXT NOT NULL,
  hash TEXT NOT NULL,
  text TEXT NOT NULL
);
