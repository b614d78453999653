-- Whoever was erased by a version that kept no note of it (before number 2) gets one from the ledger when the store is opened next; a row
-- says that this is over. Who takes the row away has it done once more, which changes nothing.
CREATE TABLE vault_destroyed_noted (
  noted_at BIGINT NOT NULL
);
