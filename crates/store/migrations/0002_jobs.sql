-- Work that is done after the transaction that promised it. A row goes when its work is done.
-- `payload` was sealed by whoever promised the work, where that is needed; it goes when the job dies, too.
-- `unique_key` stands for "this work is waiting already"; a kind has each key once.
-- `run_at` is the earliest moment of the next attempt.
-- `lease_until`: somebody is at it, and nobody else may take it before this moment.
-- `claims` counts how often it was taken, and is never set back: who holds an older count holds nothing any more.
-- `attempts` counts the tries since the last success; `died_at`: there were too many.
CREATE TABLE job (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    unique_key TEXT,
    payload BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    run_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    claims BIGINT NOT NULL,
    lease_until BIGINT,
    error_code TEXT,
    died_at BIGINT,
    UNIQUE (kind, unique_key)
);
CREATE INDEX job_due ON job (kind, run_at, id) WHERE died_at IS NULL;
CREATE INDEX job_died ON job (died_at) WHERE died_at IS NOT NULL;
