//! Where the two engines differ: every fragment of SQL that is not the same text for both, and nothing else.
//!
//! Domains write `TEXT`, `BIGINT`, `DOUBLE PRECISION` and `BLOB`, parameters `$1`, `$2`, …, and, in migrations only,
//! the marks `{{row_key}}`, `{{append_only TABLE}}`, `{{grow_only TABLE COLUMN}}` and `{{forget_only TABLE}}`.

/// Which engine a database runs on. SQL must not depend on it; messages and probes may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// Fragment 1: a write. SQLite takes the file's only write lock at once, so that it cannot fail half-way; on
    /// PostgreSQL every write then locks the ledger's head, which puts them all in one order.
    pub(crate) const fn begin_write(self) -> &'static str {
        match self {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        }
    }

    /// Fragment 2: a read that sees one moment.
    pub(crate) const fn begin_read(self) -> &'static str {
        match self {
            Engine::Sqlite => "BEGIN DEFERRED",
            Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// Fragment 3: behind a SELECT, holds the row until the transaction ends. SQLite's writer is alone already.
    pub(crate) const fn for_update(self) -> &'static str {
        match self {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR UPDATE",
        }
    }

    /// Fragment 4: one migrator at a time (per schema), until the transaction ends.
    pub(crate) const fn lock_migrations(self) -> &'static str {
        match self {
            Engine::Sqlite => "",
            Engine::Postgres => {
                "SELECT pg_advisory_xact_lock(hashtext('storeward migrations'), hashtext(current_schema()))"
            }
        }
    }

    /// Fragment 5: a key of whole numbers that is the order on disk.
    const fn row_key(self) -> &'static str {
        match self {
            Engine::Sqlite => "INTEGER PRIMARY KEY",
            Engine::Postgres => "BIGINT PRIMARY KEY",
        }
    }

    /// Fragment 6: rows are never changed nor deleted.
    fn append_only(self, table: &str) -> String {
        match self {
            Engine::Sqlite => format!(
                "CREATE TRIGGER {table}_keeps_rows BEFORE DELETE ON {table} \
                 BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;\n\
                 CREATE TRIGGER {table}_keeps_values BEFORE UPDATE ON {table} \
                 BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;"
            ),
            Engine::Postgres => format!(
                "CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS \
                 $body$ BEGIN RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'restrict_violation'; END $body$;\n\
                 CREATE TRIGGER {table}_keeps_rows BEFORE DELETE OR UPDATE OR TRUNCATE ON {table} \
                 FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse();"
            ),
        }
    }

    /// Fragment 7: a row is never deleted, and its `column` only grows.
    fn grow_only(self, table: &str, column: &str) -> String {
        match self {
            Engine::Sqlite => format!(
                "CREATE TRIGGER {table}_keeps_rows BEFORE DELETE ON {table} \
                 BEGIN SELECT RAISE(ABORT, '{table} only grows'); END;\n\
                 CREATE TRIGGER {table}_grows BEFORE UPDATE ON {table} WHEN NEW.{column} <= OLD.{column} \
                 BEGIN SELECT RAISE(ABORT, '{table} only grows'); END;"
            ),
            Engine::Postgres => format!(
                "CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS \
                 $body$ BEGIN RAISE EXCEPTION '{table} only grows' USING ERRCODE = 'restrict_violation'; END $body$;\n\
                 CREATE TRIGGER {table}_keeps_rows BEFORE DELETE OR TRUNCATE ON {table} \
                 FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse();\n\
                 CREATE TRIGGER {table}_grows BEFORE UPDATE ON {table} FOR EACH ROW \
                 WHEN (NEW.{column} <= OLD.{column}) EXECUTE FUNCTION {table}_refuse();"
            ),
        }
    }

    /// Fragment 8: a table that was append-only may now be emptied, entry by entry, as the ledger's is; see migration 3.
    fn forget_only(self, table: &str) -> String {
        let forgets = "NEW.seq = OLD.seq AND NEW.id = OLD.id AND NEW.at = OLD.at AND NEW.kind = OLD.kind AND \
                       NEW.severity = OLD.severity AND NEW.tree = OLD.tree AND NEW.actor = '' AND \
                       NEW.request IS NULL AND LENGTH(NEW.body) = 0";
        match self {
            Engine::Sqlite => format!(
                "DROP TRIGGER {table}_keeps_values;\n\
                 CREATE TRIGGER {table}_keeps_values BEFORE UPDATE ON {table} WHEN NOT ({forgets}) \
                 BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;"
            ),
            Engine::Postgres => format!(
                "DROP TRIGGER {table}_keeps_rows ON {table};\n\
                 CREATE TRIGGER {table}_keeps_rows BEFORE DELETE OR TRUNCATE ON {table} \
                 FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse();\n\
                 CREATE TRIGGER {table}_keeps_values BEFORE UPDATE ON {table} FOR EACH ROW \
                 WHEN (NOT ({forgets})) EXECUTE FUNCTION {table}_refuse();"
            ),
        }
    }

    /// A migration's text as this engine takes it. `None` when it has a mark that is not known.
    pub(crate) fn migration(self, sql: &str) -> Option<String> {
        let mut out = String::with_capacity(sql.len() + 256);
        let mut rest = sql;
        while let Some((before, behind)) = rest.split_once("{{") {
            let (mark, after) = behind.split_once("}}")?;
            out.push_str(&self.types(before));
            let words: Vec<&str> = mark.split_whitespace().collect();
            match words.as_slice() {
                ["row_key"] => out.push_str(self.row_key()),
                ["append_only", table] => out.push_str(&self.append_only(table)),
                ["grow_only", table, column] => out.push_str(&self.grow_only(table, column)),
                ["forget_only", table] => out.push_str(&self.forget_only(table)),
                _ => return None,
            }
            rest = after;
        }
        out.push_str(&self.types(rest));
        Some(out)
    }

    /// Fragments 9 and 10: `BLOB` is `BYTEA` on PostgreSQL, and `TEXT` sorts by bytes there too (the server's locale
    /// would sort otherwise than SQLite does). Not behind `AS`, where it names the type of a cast.
    fn types(self, sql: &str) -> String {
        if self == Engine::Sqlite {
            return sql.to_owned();
        }
        let mut out = String::with_capacity(sql.len());
        let mut last_word = "";
        let mut rest = sql;
        while !rest.is_empty() {
            let in_word = |c: char| c.is_alphanumeric() || c == '_';
            let end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            match word {
                "BLOB" => out.push_str("BYTEA"),
                "TEXT" if !last_word.eq_ignore_ascii_case("as") => out.push_str("TEXT COLLATE \"C\""),
                other => out.push_str(other),
            }
            if !word.is_empty() {
                last_word = word;
            }
            let gap = after.find(in_word).unwrap_or(after.len());
            let (between, next) = after.split_at(gap);
            out.push_str(between);
            rest = next;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_translated_in_migrations() {
        let sql = "CREATE TABLE t (k {{row_key}}, a TEXT NOT NULL, b BLOB, texts BIGINT DEFAULT CAST('1' AS TEXT));";
        assert_eq!(
            Engine::Postgres.migration(sql).unwrap(),
            "CREATE TABLE t (k BIGINT PRIMARY KEY, a TEXT COLLATE \"C\" NOT NULL, b BYTEA, texts BIGINT DEFAULT CAST('1' AS TEXT));"
        );
        assert!(
            Engine::Sqlite.migration(sql).unwrap().contains("k INTEGER PRIMARY KEY, a TEXT NOT NULL, b BLOB")
        );
        assert_eq!(Engine::Sqlite.migration("{{unknown}}"), None);
        assert_eq!(Engine::Sqlite.migration("{{row_key"), None);
    }
}
