-- The ledger. `seq` counts from 1 without a gap; entry n is leaf n - 1 of the tree.
-- `body` is what is hashed; the columns before it repeat parts of it, to be searched by.
-- `tree` holds the roots of all full subtrees that the entry completes, 32 bytes each, the leaf itself first: the
-- node (level, index) stands at byte 32 * level of the entry (index + 1) << level.
CREATE TABLE ledger_entry (
    seq {{row_key}},
    id TEXT NOT NULL UNIQUE,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    severity BIGINT NOT NULL,
    actor TEXT NOT NULL,
    request TEXT,
    body BLOB NOT NULL,
    tree BLOB NOT NULL
);
CREATE INDEX ledger_entry_at ON ledger_entry (at);
CREATE INDEX ledger_entry_kind ON ledger_entry (kind, seq);
CREATE INDEX ledger_entry_actor ON ledger_entry (actor, seq);
CREATE INDEX ledger_entry_request ON ledger_entry (request) WHERE request IS NOT NULL;

-- One row: how far the ledger goes, what appending needs, and a signed checkpoint of exactly this.
-- Every write holds this row until it commits, so that all nodes' writes have one order.
CREATE TABLE ledger_head (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    size BIGINT NOT NULL,
    tree BLOB NOT NULL,
    note TEXT NOT NULL,
    kept_size BIGINT NOT NULL,
    kept_at BIGINT NOT NULL
);

-- Checkpoints kept for good; `kept_size` and `kept_at` of the head name the last one.
CREATE TABLE ledger_checkpoint (
    size {{row_key}},
    at BIGINT NOT NULL,
    note TEXT NOT NULL
);

{{append_only ledger_entry}}
{{append_only ledger_checkpoint}}
{{grow_only ledger_head size}}

-- How far each subscriber has come.
CREATE TABLE subscription_cursor (
    name TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL
);

-- The way back from a client's reference to its address: personal data, and so forgotten in time.
CREATE TABLE client_address (
    client TEXT NOT NULL PRIMARY KEY,
    address TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL
);
CREATE INDEX client_address_last_seen ON client_address (last_seen_at);
