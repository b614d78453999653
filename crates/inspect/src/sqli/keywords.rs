//! Words that some database knows, for the reader of [`super::grammar`]: what stands beside one of them proves nothing. A word that is
//! missing here costs an attacker's reader one doubt, and no more.

/// Room for the longest of them.
pub(super) const LONGEST: usize = 20;

/// The word in small letters, where it can be one of ours.
pub(super) fn lowered<'r>(text: &[u8], room: &'r mut [u8; LONGEST]) -> &'r [u8] {
    let Some(room) = room.get_mut(..text.len()) else { return b"" };
    room.copy_from_slice(text);
    room.make_ascii_lowercase();
    room
}

pub(super) fn is_neutral(lower: &[u8]) -> bool {
    among(&NEUTRAL, lower)
}

/// Some database gives the word a meaning of its own.
pub(super) fn is_known(text: &[u8]) -> bool {
    let mut room = [0_u8; LONGEST];
    let lower = lowered(text, &mut room);
    is_neutral(lower) || is_type(lower) || super::words::is_function(text)
}

/// What may stand right before a string: types, and marks of how it is written.
pub(super) fn is_type(lower: &[u8]) -> bool {
    among(&TYPES, lower) || lower.first() == Some(&b'_')
}

/// Words of SQL that are small change in English: where no query is told yet, each is a doubt.
pub(super) fn is_small_change(lower: &[u8]) -> bool {
    const WORDS: [&[u8]; 23] = [
        b"all", b"any", b"do", b"each", b"first", b"for", b"if", b"last", b"next", b"no", b"of", b"on",
        b"only", b"open", b"set", b"show", b"some", b"to", b"up", b"use", b"with", b"by", b"out",
    ];
    WORDS.contains(&lower)
}

/// Begins a statement in some database.
pub(super) fn is_verb(lower: &[u8]) -> bool {
    among(&VERBS, lower)
}

/// Statements that SQL Server takes without a semicolon before them.
pub(super) fn is_verb_of_sql_server(lower: &[u8]) -> bool {
    among(&SQL_SERVER, lower)
}

/// What has to stand behind a verb before it does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    /// A name, whatever it is.
    Name,
    /// A word of SQL, a value, a bracket: "call me", "drop it off", "use the side door" are sentences.
    More,
}

pub(super) fn needs_of(verb: &[u8]) -> Needs {
    match verb {
        b"abort" | b"begin" | b"checkpoint" | b"commit" | b"end" | b"reconfigure" | b"revert"
        | b"rollback" | b"shutdown" => Needs::Nothing,
        b"analyse" | b"analyze" | b"cluster" | b"dbcc" | b"deallocate" | b"delete" | b"detach" | b"exec"
        | b"execute" | b"listen" | b"pragma" | b"reindex" | b"truncate" | b"unlisten" | b"update"
        | b"vacuum" => Needs::Name,
        _ => Needs::More,
    }
}

/// What stands before a noun, or for one: no table is called so.
pub(super) fn is_pronoun(text: &[u8]) -> bool {
    let words: [&[u8]; 8] = [b"me", b"us", b"him", b"her", b"it", b"them", b"that", b"those"];
    is_article(text) || words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// What stands before a noun, and never is a table.
pub(super) fn is_article(text: &[u8]) -> bool {
    let words: [&[u8]; 8] = [b"the", b"our", b"your", b"my", b"this", b"these", b"their", b"its"];
    words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn among(list: &[&str], lower: &[u8]) -> bool {
    list.binary_search_by(|known| known.as_bytes().cmp(lower)).is_ok()
}

#[rustfmt::skip]
const VERBS: [&str; 112] = [
    "abort", "alter", "analyse", "analyze", "attach", "backup", "begin", "binlog", "bulk", "cache", "call",
    "change", "check", "checkpoint", "checksum", "clone", "close", "cluster", "comment", "commit", "copy",
    "create", "dbcc", "deallocate", "declare", "delete", "deny", "desc", "describe", "detach", "disable",
    "discard", "do", "drop", "dump", "enable", "end", "exec", "execute", "explain", "fetch", "flush", "get",
    "goto", "grant", "handler", "help", "if", "import", "insert", "install", "kill", "label", "lineno",
    "listen", "load", "lock", "merge", "move", "notify", "open", "optimize", "pragma", "prepare", "print",
    "purge", "raiserror", "readtext", "reassign", "receive", "reconfigure", "refresh", "reindex", "release",
    "rename", "repair", "replace", "reset", "resignal", "restore", "return", "revert", "revoke", "rollback",
    "save", "savepoint", "security", "select", "send", "set", "setuser", "show", "shutdown", "signal",
    "start", "stop", "table", "throw", "truncate", "uninstall", "unlisten", "unlock", "update",
    "updatetext", "use", "vacuum", "values", "waitfor", "while", "with", "writetext", "xa",
];

#[rustfmt::skip]
const SQL_SERVER: [&str; 47] = [
    "alter", "backup", "begin", "bulk", "checkpoint", "commit", "create", "dbcc", "deallocate", "declare",
    "delete", "deny", "disable", "drop", "dump", "enable", "exec", "execute", "goto", "grant", "if",
    "insert", "kill", "lineno", "load", "merge", "print", "raiserror", "readtext", "receive", "reconfigure",
    "restore", "revert", "revoke", "rollback", "save", "select", "send", "setuser", "shutdown", "throw",
    "truncate", "update", "updatetext", "waitfor", "while", "writetext",
];

#[rustfmt::skip]
const NEUTRAL: [&str; 609] = [
    "access", "account", "action", "add", "admin", "after", "against", "aggregate", "algorithm", "all",
    "always", "analyse", "analyze", "ansi_nulls", "any", "apply", "array", "asensitive", "asof",
    "assertion", "asymmetric", "at", "atomic", "authorization", "auto", "auto_increment", "autocommit",
    "autoextend", "backup", "before", "begin", "begins", "binary", "bindings", "both", "bound", "bulk",
    "bypassrls", "byte", "cascade", "cascaded", "case", "catalog", "chain", "change", "character",
    "characteristics", "charset", "check", "checkpoint", "class", "close", "cluster", "clustered",
    "codepage", "column", "columns", "comment", "commit", "committed", "compress", "conflict", "connect",
    "connect_by_root", "connection", "constraint", "containing", "contains", "content", "continue",
    "control", "conversion", "copy", "cost", "create", "createdb", "createrole", "cross", "cube", "current",
    "cursor", "cycle", "data", "database", "databases", "datefirst", "dateformat", "day", "day_hour",
    "day_microsecond", "day_minute", "day_second", "deadlock_priority", "deallocate", "declare", "default",
    "deferrable", "deferred", "definer", "delayed", "delete", "delimiter", "delimiters", "deny", "depends",
    "depth", "describe", "deterministic", "diagnostics", "dictionary", "disable", "discard", "disk",
    "dispatch", "distinct", "distinctrow", "distributed", "do", "document", "domain", "drop", "dump",
    "duplicate", "dynamic", "each", "elements", "else", "elseif", "empty", "enable", "enclosed", "encoding",
    "encrypted", "end", "ends", "engine", "error", "errorfile", "errors", "escaped", "event", "every",
    "examined", "exclude", "excluding", "exclusive", "exec", "execute", "exists", "exit", "explain",
    "explicit", "expression", "extended", "extension", "external", "extract", "fail", "family", "fast",
    "fast_forward", "fetch", "fields", "file", "filter", "finalize", "first", "following", "for", "force",
    "foreign", "forward", "freeze", "full", "fulltext", "function", "functions", "generated", "get",
    "global", "go", "goto", "grant", "granted", "grants", "grouping", "groups", "handler", "hash", "hashes",
    "header", "high_priority", "history", "hold", "holdlock", "hour", "hour_microsecond", "hour_minute",
    "hour_second", "identified", "identity", "if", "ignore", "immediate", "immutable", "impersonate",
    "implicit", "import", "in", "include", "including", "increment", "indent", "index", "indexed",
    "indexes", "infile", "inherit", "inherits", "initially", "inner", "inout", "input", "insensitive",
    "insert", "install", "instead", "int", "interval", "into", "invoker", "io", "isolation", "iterate",
    "join", "json", "keep", "key", "keys", "kill", "label", "language", "large", "last", "lateral",
    "leading", "leakproof", "least", "leave", "left", "level", "limit", "lines", "listen", "load", "local",
    "location", "lock", "lock_timeout", "locked", "log", "logged", "login", "logs", "loop", "low_priority",
    "lower", "mapping", "master", "match", "matched", "materialized", "max_statement_time", "maxdop",
    "maxrecursion", "maxvalue", "member", "merge", "merges", "method", "microsecond", "minute",
    "minute_microsecond", "minute_second", "minvalue", "mode", "modify", "month", "months", "move", "names",
    "namespaces", "national", "natural", "nchar", "next", "nfc", "nfd", "nfkc", "nfkd", "no", "nobypassrls",
    "nocheck", "nocount", "nocycle", "node", "noinherit", "nolock", "nonclustered", "none", "normalize",
    "normalized", "nothing", "notify", "nowait", "nulls", "object", "of", "off", "offline", "offset",
    "offsets", "oids", "on", "online", "only", "open", "openquery", "operator", "operators", "optimize",
    "optimizer_costs", "option", "optionally", "options", "ordinality", "others", "out", "outer", "outfile",
    "over", "overlay", "overriding", "overwrite", "owned", "owner", "ownership", "parallel", "parameter",
    "parser", "partial", "partition", "partitions", "passing", "password", "path", "percent", "period",
    "persistent", "phase", "pivot", "placing", "plan", "plans", "plugin", "policy", "position", "preceding",
    "precision", "prepare", "prepared", "preserve", "previous", "primary", "print", "prior", "privileges",
    "procedural", "procedure", "process", "processlist", "program", "provider", "public", "publication",
    "purge", "quarter", "query", "quick", "quote", "quoted_identifier", "raise", "range", "raw", "read",
    "readpast", "reads", "readtext", "real", "reassign", "recompile", "recovery", "recursive", "references",
    "referencing", "refresh", "regexp", "reindex", "relative", "release", "rename", "repair", "repeat",
    "repeatable", "replace", "replica", "replication", "require", "reset", "resource", "respect", "restart",
    "restore", "restrict", "restricted", "result", "return", "returning", "returns", "revoke", "right",
    "role", "rollback", "rollup", "root", "routine", "routines", "row", "rowcount", "rowguid", "rowlock",
    "rows", "rowset", "rule", "rules", "sample", "savepoint", "schema", "schemas", "scope", "scroll",
    "search", "second", "second_microsecond", "security", "separator", "sequence", "sequences",
    "serializable", "server", "servers", "session", "set", "setof", "sets", "share", "shared", "show",
    "shutdown", "signed", "simple", "skip", "slave", "snapshot", "some", "soname", "soundex", "sounds",
    "source", "spatial", "specific", "sql", "sql_big_result", "sql_buffer_result", "sql_cache",
    "sql_calc_found_rows", "sql_no_cache", "sql_small_result", "sqlexception", "sqlstate", "stable",
    "standalone", "start", "starting", "starts", "statement", "statistics", "status", "stdin", "stdout",
    "storage", "stored", "straight_join", "strict", "strip", "structure", "subpartition", "subscription",
    "substitute", "super", "superuser", "support", "suspended", "symmetric", "sysadmin", "sysid", "system",
    "system_time", "table", "tables", "tablesample", "tablespace", "tablock", "takes", "temp", "template",
    "temporary", "terminated", "text", "textsize", "than", "then", "ties", "to", "top", "trailing",
    "transaction", "transform", "treat", "trigger", "triggers", "truncate", "trusted", "type", "types",
    "unbounded", "unbuffered", "uncommitted", "unconditional", "undo", "unencrypted", "uninstall", "unique",
    "unlisten", "unlock", "unlogged", "unpivot", "until", "unused", "update", "updlock", "upgrade", "usage",
    "use", "user", "user_resources", "users", "using", "utf8", "utf8mb4", "valid", "validate", "validator",
    "value", "values", "variables", "varying", "vector", "verbose", "version", "versioned", "versioning",
    "versions", "view", "views", "virtual", "visible", "volatile", "wait", "waitfor", "week", "weeks",
    "when", "while", "whitespace", "window", "with", "within", "without", "work", "wrapper", "write",
    "xact_abort", "xlock", "xml", "year", "year_month", "years", "zone",
];

#[rustfmt::skip]
const TYPES: [&str; 88] = [
    "b", "bigint", "bit", "blob", "bool", "boolean", "box", "bytea", "char", "cid", "cidr", "circle",
    "citext", "clob", "date", "datetime", "datetime2", "datetimeoffset", "dec", "decimal", "double",
    "e", "float", "float4", "float8", "geometry", "hstore", "inet", "int", "int2", "int4", "int8",
    "integer", "interval", "json", "jsonb", "jsonpath", "line", "lseg", "ltree", "macaddr", "macaddr8",
    "mediumint", "money", "n", "name", "nchar", "nq", "numeric", "nvarchar", "oid", "path", "pg_lsn",
    "point", "polygon", "real", "regclass", "regconfig", "regnamespace", "regproc", "regrole",
    "regtype", "serial", "smalldatetime", "smallint", "smallmoney", "sql_variant", "sysname", "text",
    "tid", "time", "timestamp", "timestamptz", "timetz", "tinyint", "tsquery", "tsvector", "u",
    "uniqueidentifier", "unsigned", "uuid", "varbinary", "varbit", "varchar", "x", "xid", "xml", "year",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order_and_fit() {
        for list in [VERBS.as_slice(), &SQL_SERVER, &NEUTRAL, &TYPES] {
            assert!(list.is_sorted_by(|first, second| first < second));
            assert!(list.iter().all(|word| word.len() <= LONGEST));
        }
    }
}
