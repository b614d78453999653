//! The words of SQL that the shapes speak of. Everything else is a plain name.

/// What a word means in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// and, or, xor, div, mod: joins two expressions.
    Logic,
    Not,
    /// Compares with words: like, rlike, regexp, in, is, between, ...
    Compare,
    Union,
    Select,
    /// all, distinct: between union and select.
    Quantity,
    From,
    Into,
    Where,
    /// Begins another statement.
    Statement,
    /// order, group: with `by`.
    Sorting,
    By,
    /// having, limit, offset, procedure: continues a query.
    Clause,
    /// null, true, false, current_user, ...: a value by itself.
    Constant,
    Case,
    When,
    Then,
    /// isnull, notnull: behind an operand.
    NullTest,
}

pub(super) fn word(text: &[u8]) -> Option<Word> {
    let mut lower = [0_u8; 16];
    let room = lower.get_mut(..text.len())?;
    room.copy_from_slice(text);
    room.make_ascii_lowercase();
    let found = match &*room {
        b"and" | b"or" | b"xor" => Word::Logic,
        b"not" => Word::Not,
        b"like" | b"rlike" | b"ilike" | b"regexp" | b"in" | b"is" | b"between" | b"glob" | b"similar"
        | b"sounds" => Word::Compare,
        b"div" | b"mod" => Word::Compare,
        b"union" | b"intersect" | b"except" | b"minus" => Word::Union,
        b"select" => Word::Select,
        b"all" | b"distinct" | b"distinctrow" => Word::Quantity,
        b"from" => Word::From,
        b"into" => Word::Into,
        b"where" => Word::Where,
        b"insert" | b"update" | b"delete" | b"drop" | b"create" | b"alter" | b"truncate" | b"exec"
        | b"execute" | b"declare" | b"waitfor" | b"shutdown" | b"grant" | b"revoke" | b"call"
        | b"replace" | b"merge" | b"rename" | b"load" | b"copy" | b"attach" | b"pragma" | b"prepare"
        | b"handler" | b"backup" => Word::Statement,
        b"order" | b"group" => Word::Sorting,
        b"by" => Word::By,
        b"having" | b"limit" | b"offset" | b"procedure" | b"fetch" => Word::Clause,
        b"null" | b"true" | b"false" | b"current_user" | b"session_user" | b"system_user" | b"unknown"
        | b"sysdate" => Word::Constant,
        b"case" => Word::Case,
        b"when" => Word::When,
        b"then" => Word::Then,
        b"notnull" => Word::NullTest,
        _ => return None,
    };
    Some(found)
}

/// Functions that stand in SQL and hardly anywhere else: one call is enough.
const LOUD: [&str; 60] = [
    "sleep",
    "benchmark",
    "pg_sleep",
    "extractvalue",
    "updatexml",
    "load_file",
    "xp_cmdshell",
    "xp_dirtree",
    "xp_regread",
    "xp_fileexist",
    "sp_executesql",
    "sp_oacreate",
    "group_concat",
    "unhex",
    "from_base64",
    "char",
    "ascii",
    "substring",
    "substr",
    "mid",
    "ord",
    "hex",
    "concat_ws",
    "schema",
    "current_database",
    "current_setting",
    "sysdatetime",
    "name_const",
    "polygon",
    "multipoint",
    "geometrycollection",
    "linestring",
    "row_count",
    "found_rows",
    "last_insert_id",
    "make_set",
    "elt",
    "bin",
    "conv",
    "crc32",
    "md5",
    "sha1",
    "exp",
    "gtid_subset",
    "json_keys",
    "openrowset",
    "opendatasource",
    "utl_inaddr",
    "dbms_pipe",
    "dbms_lock",
    "ctxsys",
    "xmltype",
    "randomblob",
    "load_extension",
    "sqlite_version",
    "lo_import",
    "lo_export",
    "pg_read_file",
    "query_to_xml",
    "database_to_xml",
];

/// Of the loud ones, those that are also ordinary words or spreadsheet and script functions: they need company.
const COMMON: [&str; 24] = [
    "char",
    "ascii",
    "substring",
    "substr",
    "mid",
    "ord",
    "hex",
    "schema",
    "polygon",
    "elt",
    "bin",
    "conv",
    "crc32",
    "md5",
    "sha1",
    "exp",
    "sleep",
    "multipoint",
    "linestring",
    "geometrycollection",
    "concat_ws",
    "make_set",
    "row_count",
    "json_keys",
];

/// Other functions of SQL, which count as operands.
const QUIET: [&str; 42] = [
    "user",
    "database",
    "version",
    "count",
    "length",
    "char_length",
    "concat",
    "cast",
    "convert",
    "if",
    "ifnull",
    "coalesce",
    "nullif",
    "isnull",
    "lower",
    "upper",
    "left",
    "right",
    "replace",
    "reverse",
    "now",
    "sysdate",
    "rand",
    "floor",
    "round",
    "abs",
    "min",
    "max",
    "sum",
    "avg",
    "position",
    "locate",
    "instr",
    "strpos",
    "len",
    "exists",
    "chr",
    "to_char",
    "db_name",
    "user_name",
    "object_id",
    "iif",
];

pub(super) fn is_loud(text: &[u8]) -> bool {
    holds(&LOUD, text) && !holds(&COMMON, text)
}

pub(super) fn is_function(text: &[u8]) -> bool {
    holds(&LOUD, text) || holds(&QUIET, text)
}

pub(super) fn holds(list: &[&str], text: &[u8]) -> bool {
    list.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(text))
}

/// Tables and schemas that only a database's own catalogue has.
pub(super) fn is_catalogue(text: &[u8]) -> bool {
    const NAMES: [&str; 22] = [
        "information_schema",
        "sysobjects",
        "syscolumns",
        "sysdatabases",
        "pg_catalog",
        "pg_user",
        "pg_shadow",
        "pg_tables",
        "pg_database",
        "sqlite_master",
        "sqlite_schema",
        "all_tables",
        "user_tables",
        "v$version",
        "msysobjects",
        "innodb_table_stats",
        "all_users",
        "dba_users",
        "user_tab_columns",
        "all_tab_columns",
        "pg_class",
        "pg_stat_activity",
    ];
    holds(&NAMES, text)
}

/// Names of columns and tables that make `select a from b` suspicious by itself.
pub(super) fn is_prey(text: &[u8]) -> bool {
    const NAMES: [&str; 16] = [
        "password",
        "passwd",
        "pwd",
        "pass",
        "user_pass",
        "user_login",
        "credit_card",
        "card_number",
        "users",
        "wp_users",
        "admin",
        "admins",
        "customers",
        "accounts",
        "customer_entity",
        "dual",
    ];
    holds(&NAMES, text)
}

/// What stands before a noun, and never before a table's name.
pub(super) fn is_article(text: &[u8]) -> bool {
    holds(&["the", "our", "your", "a", "this", "these", "my"], text)
}

/// What nearly every table calls a column, and nobody says behind "or": `id`, `customer_id`, `rowid`.
pub(super) fn is_column(text: &[u8]) -> bool {
    let ends_in_id =
        || text.get(text.len().saturating_sub(3)..).is_some_and(|end| end.eq_ignore_ascii_case(b"_id"));
    holds(&["id", "rowid", "_rowid_", "oid", "uid", "pk", "ctid", "uuid", "rownum"], text) || ends_in_id()
}

/// What many tables keep as a number or a yes: as a condition by itself it holds for most rows.
pub(super) fn is_number_column(text: &[u8]) -> bool {
    const NAMES: [&str; 44] = [
        "active",
        "age",
        "amount",
        "approved",
        "archived",
        "available",
        "balance",
        "banned",
        "confirmed",
        "cost",
        "count",
        "created",
        "credit",
        "deleted",
        "disabled",
        "enabled",
        "featured",
        "hidden",
        "instock",
        "level",
        "locked",
        "modified",
        "points",
        "position",
        "price",
        "priority",
        "public",
        "published",
        "qty",
        "quantity",
        "rank",
        "rating",
        "registered",
        "salary",
        "score",
        "sort",
        "status",
        "stock",
        "total",
        "updated",
        "verified",
        "version",
        "visible",
        "weight",
    ];
    text.contains(&b'_') || matches!(text.first(), Some(b'[' | b'`')) || holds(&NAMES, text)
}

/// Columns by which somebody gets what is not theirs.
pub(super) fn is_right(text: &[u8]) -> bool {
    const PARTS: [&[u8]; 12] = [
        b"admin",
        b"role",
        b"right",
        b"permission",
        b"privilege",
        b"password",
        b"staff",
        b"superuser",
        b"balance",
        b"credit",
        b"verified",
        b"approved",
    ];
    let lower = text.to_ascii_lowercase();
    lower.starts_with(b"is_") || PARTS.iter().any(|part| memchr::memmem::find(&lower, part).is_some())
}
