//! Every statement of this crate, so that one test can prepare them all on both engines; and the macro that writes such
//! lists down, here and in the domains.

/// Names the statements of a module or a crate, one a line, and lists them all as `STATEMENTS`, so that a test can prepare
/// each on both engines. `pub(crate)` before the first holds for all names.
#[macro_export]
macro_rules! statements {
    (pub(crate) $($name:ident = $sql:expr;)+) => {
        $(pub(crate) const $name: &str = $sql;)+
        /// Every statement named here, for the test that prepares them on both engines.
        pub const STATEMENTS: &[&str] = &[$($name),+];
    };
    ($($name:ident = $sql:expr;)+) => {
        $(const $name: &str = $sql;)+
        /// Every statement named here, for the test that prepares them on both engines.
        pub const STATEMENTS: &[&str] = &[$($name),+];
    };
}

// The ledger's head is read with a lock behind it on PostgreSQL.
statements! {
    pub(crate)

    FIND_MIGRATIONS = "SELECT domain, number, hash FROM schema_migration";
    NOTE_MIGRATION = "INSERT INTO schema_migration (domain, number, hash, applied_at) VALUES ($1, $2, $3, $4)";

    BEGIN_LEDGER = "INSERT INTO ledger_head (id, size, tree, note, kept_size, kept_at) VALUES (1, 0, $1, $2, 0, $3) \
                    ON CONFLICT (id) DO NOTHING";
    FIND_HEAD = "SELECT size, tree, note, kept_size, kept_at FROM ledger_head WHERE id = 1";
    MOVE_HEAD = "UPDATE ledger_head SET size = $1, tree = $2, note = $3, kept_size = $4, kept_at = $5 WHERE id = 1";
    KEEP_CHECKPOINT = "INSERT INTO ledger_checkpoint (size, at, note) VALUES ($1, $2, $3)";
    FIND_CHECKPOINTS = "SELECT size, note FROM ledger_checkpoint WHERE size > $1 ORDER BY size LIMIT $2";

    FIND_LAST_CHECKPOINT = "SELECT CAST(MAX(size) AS BIGINT) FROM ledger_checkpoint";
    FIND_LAST_SEQ = "SELECT CAST(MAX(seq) AS BIGINT) FROM ledger_entry";
    FIND_FIRST_SEQ = "SELECT CAST(MIN(seq) AS BIGINT) FROM ledger_entry";
    FIND_TREE = "SELECT tree FROM ledger_entry WHERE seq = $1";
    // Entries are counted from one: what somebody put before that is none, and stops nobody. `+ 0` keeps the numbers' own index out of it.
    FIND_ENTRY = "SELECT seq, body FROM ledger_entry WHERE id = $1 AND seq + 0 > 0 AND LENGTH(body) > 0";
    FIND_ENTRIES_AFTER = "SELECT seq, body FROM ledger_entry WHERE seq > $1 AND seq <= $3 AND LENGTH(body) > 0 ORDER BY seq LIMIT $2";
    FIND_UNCOUNTED = "SELECT seq FROM ledger_entry WHERE seq > $1 ORDER BY seq LIMIT 1";
    FIND_ENTRIES_OF_REQUEST = "SELECT seq, body FROM ledger_entry WHERE request = $1 AND seq + 0 > 0 AND seq <= $3 ORDER BY seq LIMIT $2";
    // Not the one with the smallest `at`, which one changed column would make the last; `+ 0` has the index of moments used.
    FIRST_SINCE = "SELECT CAST(MIN(seq + 0) AS BIGINT) FROM ledger_entry WHERE at >= $1 AND seq + 0 > 0 AND seq <= $2";
    // `|| ''` keeps the index of actors out of it: a program makes entries of many kinds.
    COUNT_OF_KIND = "SELECT CAST(COUNT(*) AS BIGINT) FROM ledger_entry WHERE kind = $1 AND seq >= $2 AND seq <= $4 AND LENGTH(body) > 0 \
                     AND ($3 = '' OR actor || '' = $3)";
    // The other way round: `|| ''` keeps the index of kinds out of it, by which everybody's are gone through.
    COUNT_OF_ACTOR = "SELECT CAST(COUNT(*) AS BIGINT) FROM ledger_entry WHERE actor = $3 AND seq >= $2 AND seq <= $4 AND LENGTH(body) > 0 \
                      AND kind || '' = $1";
    FIND_WHOLE_ENTRIES = "SELECT seq, id, at, kind, severity, actor, request, body, tree FROM ledger_entry \
                          WHERE seq > $1 ORDER BY seq LIMIT $2";

    FIND_LEAVES = "SELECT seq, body, tree FROM ledger_entry WHERE seq > $1 ORDER BY seq LIMIT $2";
    FIND_NUMBER = "SELECT seq FROM ledger_entry WHERE id = $1 AND seq + 0 > 0";
    FIND_CHECKPOINT = "SELECT note FROM ledger_checkpoint WHERE size = $1";
    FIND_CHECKPOINT_BEFORE = "SELECT CAST(MAX(size) AS BIGINT) FROM ledger_checkpoint WHERE size < $1 AND size >= 0";
    FIND_ENTRIES_OF_KIND = "SELECT seq, body, tree FROM ledger_entry WHERE kind = $1 AND seq > $2 \
                            AND LENGTH(body) > 0 ORDER BY seq LIMIT $3";
    FORGET_ENTRIES = "UPDATE ledger_entry SET body = $3, actor = '', request = NULL WHERE seq >= $1 AND seq <= $2";

    FIND_CURSOR = "SELECT seq, tag FROM subscription_cursor WHERE name = $1";
    MOVE_CURSOR = "INSERT INTO subscription_cursor (name, seq, tag) VALUES ($1, $2, $3) ON CONFLICT (name) \
                   DO UPDATE SET seq = excluded.seq, tag = excluded.tag";
    FIND_CURSORS = "SELECT name, seq FROM subscription_cursor";
    BIND_CURSOR = "UPDATE subscription_cursor SET tag = $2 WHERE name = $1";

    TRY_WRITING = "INSERT INTO subscription_cursor (name, seq) VALUES ('store.try_writing', 1) ON CONFLICT (name) \
                   DO UPDATE SET seq = subscription_cursor.seq + 1";

    NOTE_ADDRESS = "INSERT INTO client_address (client, address, first_seen_at, last_seen_at) VALUES ($1, $2, $3, $3) \
                    ON CONFLICT (client) DO UPDATE SET last_seen_at = excluded.last_seen_at \
                    WHERE client_address.last_seen_at < excluded.last_seen_at";
    FIND_ADDRESS = "SELECT address FROM client_address WHERE client = $1";
    FIND_ADDRESSES_AFTER = "SELECT client, address FROM client_address WHERE client > $1 ORDER BY client LIMIT $2";
    FORGET_ADDRESSES = "DELETE FROM client_address WHERE last_seen_at < $1";

    ENQUEUE_JOB = "INSERT INTO job (id, kind, unique_key, payload, created_at, run_at, attempts, claims) \
                   VALUES ($1, $2, $3, $4, $5, $6, 0, 0) ON CONFLICT (kind, unique_key) DO NOTHING";
    FIND_JOB_BY_KEY = "SELECT id FROM job WHERE kind = $1 AND unique_key = $2";
    HASTEN_JOB = "UPDATE job SET run_at = $3 WHERE kind = $1 AND unique_key = $2 AND run_at > $3";
    // A lease is never longer than $4.
    BRING_BACK_JOB = "UPDATE job SET run_at = CASE WHEN run_at > $3 THEN $3 ELSE run_at END, died_at = NULL, attempts = 0, \
                      lease_until = CASE WHEN lease_until > $4 THEN NULL ELSE lease_until END \
                      WHERE kind = $1 AND unique_key = $2";
    FIND_DUE_JOBS = "SELECT id, claims, attempts FROM job WHERE kind = $1 AND run_at <= $2 AND died_at IS NULL \
                     AND (lease_until IS NULL OR lease_until <= $2) ORDER BY run_at, id LIMIT $3";
    CLAIM_JOB = "UPDATE job SET claims = claims + 1, attempts = attempts + 1, lease_until = $4 WHERE id = $1 \
                 AND claims = $2 AND died_at IS NULL AND (lease_until IS NULL OR lease_until <= $3)";
    FIND_PAYLOAD = "SELECT payload FROM job WHERE id = $1";
    RENEW_JOB = "UPDATE job SET lease_until = $3 WHERE id = $1 AND claims = $2 AND lease_until IS NOT NULL";
    RELEASE_JOB = "UPDATE job SET lease_until = NULL, attempts = attempts - 1 WHERE id = $1 AND claims = $2 \
                   AND lease_until IS NOT NULL";
    FINISH_JOB = "DELETE FROM job WHERE id = $1 AND claims = $2 AND lease_until IS NOT NULL";
    REPEAT_JOB = "UPDATE job SET run_at = $3, attempts = 0, lease_until = NULL, error_code = $4 WHERE id = $1 \
                  AND claims = $2 AND lease_until IS NOT NULL";
    RETRY_JOB = "UPDATE job SET run_at = $3, lease_until = NULL, error_code = $4 WHERE id = $1 AND claims = $2 \
                 AND lease_until IS NOT NULL";
    BURY_JOB = "UPDATE job SET died_at = $3, error_code = $4, payload = $5, unique_key = NULL, lease_until = NULL \
                WHERE id = $1 AND claims = $2 AND lease_until IS NOT NULL";
    FIND_PAYLOADS = "SELECT id, payload FROM job WHERE kind = $1 AND id > $2 ORDER BY id LIMIT 100";
    TAKE_JOB_BACK = "DELETE FROM job WHERE id = $1";
    FORGET_DEAD_JOBS = "DELETE FROM job WHERE died_at < $1";
}
