-- Whose key was destroyed: nobody is made a new one, whatever older data is restored beside this store.
CREATE TABLE vault_destroyed_key (
  customer TEXT PRIMARY KEY,
  destroyed_at BIGINT NOT NULL
);
