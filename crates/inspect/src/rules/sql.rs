//! SQL, NoSQL, LDAP and XPath injection.

use super::{ARGUMENTS, C, NAMES, TEXT, UNCOMMENTED, rule, rx};
use crate::rule::{Operator, Rule};
use crate::verdict::Category::{LdapInjection, NoSqlInjection, SqlInjection};

pub(super) fn rules() -> Vec<Rule> {
    [sql(), nosql(), ldap()].concat()
}

fn sql() -> Vec<Rule> {
    vec![
        rule(11_100, SqlInjection, "SQL injection by the shape of its tokens", Operator::DetectSqli)
            .not_in_passwords(),
        rule(
            11_101,
            SqlInjection,
            "SQL injection by the shape of its tokens, as written",
            Operator::DetectSqliAsWritten,
        )
        .through(&[])
        .not_in_passwords(),
        rx(
            11_110,
            SqlInjection,
            "SQL: union select",
            r#"(?i)\bunion[\s(]+(?:all[\s(]+|distinct[\s(]+)?select\b[\s(]*(?:null\b|[\d@'"*~]|(?:char|concat|group_concat|unhex|hex|load_file|version|database|user)\s*\()"#,
        )
        .through(UNCOMMENTED),
        rx(
            11_160,
            SqlInjection,
            "SQL: a comment that one database runs",
            r"(?i)/\*(?:m!|!\d{5,6})",
        ),
        rx(
            11_120,
            SqlInjection,
            "SQL: a delay",
            r#"(?i)\b(?:pg_sleep\s*\(|benchmark\s*\(\s*\d+\s*,|waitfor\s+(?:delay|time)\s+['"]|dbms_(?:pipe\.receive_message|lock\.sleep)\s*\(|(?:select|and|or|if|,|-|\+|\|\|)[\s(]*sleep\s*\(\s*[\d.]+\s*\))"#,
        )
        .through(UNCOMMENTED),
        rx(
            11_130,
            SqlInjection,
            "SQL: catalogues, files and shells of databases",
            r#"(?i)\binformation_schema\s*\.\s*\w|\bxp_(?:cmdshell|dirtree|regread)\b|\binto\s+(?:out|dump)file\s*['"]|\bload_file\s*\(|\bsqlite_(?:master|schema)\b|\bpg_(?:catalog\s*\.|shadow\b|read_file\s*\()|\butl_(?:http|inaddr|file)\s*\.|\bextractvalue\s*\([^)]*(?:concat|0x)|\bupdatexml\s*\([^)]*(?:concat|0x)"#,
        )
        .through(UNCOMMENTED),
        rx(
            11_140,
            SqlInjection,
            "SQL: a condition that is always true",
            r#"(?i)^[^'"]{0,48}['"]\s*\)*\s*(?:or|\|\||and|&&)\s*(?:not\s+)?\(*\s*(?:'[^']{0,16}'|"[^"]{0,16}"|\d{1,8})\s*(?:=|<=?|>=?|<>|!=|\blike\b)\s*\(*['"]?\w{0,16}"#,
        )
        .through(UNCOMMENTED),
        rx(
            11_150,
            SqlInjection,
            "SQL: a second statement",
            r#"(?i)['"\d)]\s*;\s*(?:drop\s+(?:table|database|view|user)|delete\s+from|insert\s+into|update\s+\w+\s+set|exec(?:ute)?\s+\w|alter\s+(?:table|user|login)|truncate\s+table|shutdown\b|create\s+(?:table|user|function)|declare\s+@)"#,
        )
        .through(UNCOMMENTED),
    ]
}

fn nosql() -> Vec<Rule> {
    vec![
        rx(
            20_100,
            NoSqlInjection,
            "NoSQL: an operator as a name",
            r"(?i)(?:^|[\[.])\$(?:ne|eq|gte?|lte?|n?in|n?or|and|not|exists|regex|where|expr|type|mod|elemmatch|size|all|func|jsonschema|text|options|comment|accumulator|function)(?:$|[\].])",
        )
        .on(NAMES),
        rx(
            20_110,
            NoSqlInjection,
            "NoSQL: an operator in a value",
            r#"(?i)\$where\b|[{,]\s*['"]?\$(?:ne|gte?|lte?|regex|where|nin|in|or|exists|expr|function)['"]?\s*:|\bthis\.\w+\s*(?:[=!]==?|\.match\s*\(|[<>])|['"]\s*\|\|\s*['"]?\w*['"]?\s*===?|['"]\s*;\s*return\s*(?:$|[;('"!\d\[{/]|(?:true|false|this|db|new|function|typeof)\b|\w+\s*[.(=<>!;&|+*])|\bdb\.\w+\.(?:find|drop|insert|remove|update|aggregate)\w*\s*\(|\bobject\.keys\s*\(\s*this\b"#,
        )
        .on(&[ARGUMENTS, &[C::RequestCookies]].concat()),
    ]
}

fn ldap() -> Vec<Rule> {
    vec![
        rx(
            22_100,
            LdapInjection,
            "LDAP: a filter",
            r"(?i)\*\)\s*\(\s*(?:[|&!(]|\w+\s*[~<>]?=)|\)\s*\(\s*[|&!]\s*\(?|\(\s*[|&]\s*\(\s*!?\(?\w+\s*[~<>]?=|[\w*]\)\s*\(\s*(?:cn|uid|objectclass|mail|sn|userpassword|samaccountname|member)\s*=",
        )
        .on(TEXT)
        .not_in_passwords(),
        rx(
            22_110,
            LdapInjection,
            "XPath: an expression",
            r#"(?i)['"]\s*\]\s*(?:\||/)|//\*\[|//\w+\[[^\]]{0,80}(?:=|\(\))|\[\s*(?:position\(\)|last\(\)|text\(\)|contains\s*\()|\b(?:count|name|string-length|substring|local-name)\s*\(\s*(?:/|\(?//)|/(?:child|parent|ancestor|descendant|following-sibling|self)::|['"]\s*(?:or|and)\s+(?:count|string-length|position|name|contains|starts-with)\s*\("#,
        )
        .on(TEXT)
        .not_in_passwords(),
    ]
}
