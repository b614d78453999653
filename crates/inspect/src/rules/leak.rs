//! What a shop's answers should not tell. These only report, but for private keys, which never leave.

use super::{C, rx};
use crate::rule::{Action, Phase, Rule};
use crate::verdict::Category::Leak;
use crate::verdict::Severity;

pub(super) fn rules() -> Vec<Rule> {
    let report = |id, message, pattern| {
        rx(id, Leak, message, pattern)
            .on(&[C::ResponseBody])
            .through(&[])
            .phase(Phase::ResponseBody)
            .severity(Severity::Warning)
            .action(Action::Report)
    };
    vec![
        rx(
            27_100,
            Leak,
            "A private key",
            r#"-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED |PGP )?PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr]|<br ?/?>|&#1[03];|["'+,])*(?:[A-Za-z0-9+/=]{16}|[A-Z][A-Za-z-]{2,20}: )"#,
        )
        .on(&[C::ResponseBody])
        .through(&[])
        .phase(Phase::ResponseBody)
        .action(Action::Deny),
        report(
            27_110,
            "An error of a database",
            r#"(?i)you have an error in your sql syntax|warning: (?:mysql|pg|sqlite|oci|mssql|odbc)\w*[_(]|unclosed quotation mark after the character string|quoted string not properly terminated|sqlstate\[\w+\]|pg::\w*error|syntax error at or near "|ora-\d{5}: |sqlite3?::\w*exception|sqlite error|microsoft ole db provider|mysqli?_fetch_\w+\(\)|com\.mysql\.jdbc|org\.postgresql\.util\.psqlexception|psycopg2\.\w*error|near ".{0,60}": syntax error|db2 sql error|dynamic sql error|sybase message"#,
        ),
        report(
            27_120,
            "A stack trace",
            r#"(?i)traceback \(most recent call last\)|\bat [\w$.]+\([\w$]+\.(?:java|kt|scala):\d+\)|exception in thread "|system\.(?:web|data|io|nullreference)\w*\.?\w*exception|server error in '/.{0,40}' application|stack trace:\s*#0|#0 /[^\s]+\.php\(\d+\)|whoops, looks like something went wrong|goroutine \d+ \[|panicked at '|django\.\w+\.exceptions|laravel\\framework|werkzeug debugger"#,
        ),
        report(
            27_121,
            "A stack trace of a script",
            // `\s*\s`, not `\s+`: the blank before the word is what the search goes by.
            r"\n\s*\sat \S+ \(?(?:/|file:|node:)[^)\n]+:\d+:\d+",
        ),
        report(
            27_130,
            "A warning of PHP",
            r"(?i)<b>(?:warning|fatal error|parse error|notice|deprecated)</b>:\s|\b(?:fatal error|parse error|warning): [^<\n]{1,200} in (?:<b>)?/[^\s<]+\.php(?:</b>)? on line|<title>phpinfo\(\)</title>",
        ),
        report(
            27_140,
            "A directory listing",
            r#"(?i)<title>(?:index of /|directory listing for /)|<h1>index of /|\[to parent directory\]|<a href="\?c=[nmsd];o=[ad]">"#,
        ),
        report(
            27_150,
            "A credential in plain sight",
            r"\bAKIA[0-9A-Z]{16}\b|\bsk_live_[0-9A-Za-z]{20,}|\bghp_[0-9A-Za-z]{36}\b|\bxox[bp]-[0-9A-Za-z-]{20,}|(?i:db_password|mysql_pwd|aws_secret_access_key)\s*[=:]\s*\S",
        ),
    ]
}
