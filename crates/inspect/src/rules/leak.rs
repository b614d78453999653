//! What a shop's answers should not tell. These only report, but for private keys, which never leave.

use super::{C, rx};
use crate::keys;
use crate::rule::{Action, Phase, Rule};
use crate::verdict::Category::Leak;
use crate::verdict::Severity;

/// The line that begins a key, and key behind it. Between the two may stand whatever a page, a program or an address puts
/// at a line's end, so the key is told by how it begins: as DER does (`SEQUENCE { INTEGER 0 or 1` of RFC 5958, 8017 and
/// 5915, or the OID of an encryption), as OpenSSH's own form, or by the field that says how it is encrypted; what stands
/// right behind the line by its length alone. Words about keys have none of that behind them. Then PuTTY's form, and a
/// whole file in base64, as Kubernetes keeps it.
const PRIVATE_KEY: &str = concat!(
    r"BEGIN(?:\s|[+_]|%20|&nbsp;|&#(?:32|x20);|\\u0020){1,2}(?:(?:RSA|EC|DSA|OPENSSH|ENCRYPTED|PGP|SSH2|ANY)(?:\s|[+_]|%20|&nbsp;|&#(?:32|x20);|\\u0020){1,2}){0,2}PRIVATE(?:\s|[+_]|%20|&nbsp;|&#(?:32|x20);|\\u0020){1,2}KEY.{0,12}?(?:-|%2[dD]|&#(?:45|x2[dD]);|\\u002[dD]){4}",
    r#"(?:.{0,256}?(?:MII[A-P][A-Za-z0-9+/][AQgw]IBA|MI[E-H][A-Za-z0-9+/]AgE[AB]|M[A-P][AEIMQUYcgkosw048]CAQ[AE]|M[A-P][A-Za-z0-9+/]{1,20}(?:BgkqhkiG9w0B|YJKoZIhvcNAQ|GCSqGSIb3DQE)|b3BlbnNzaC1rZXkt|DEK-Info:.{1,4}?[A-Z0-9-]{3,16},[0-9A-Fa-f]{16})|(?:\s|\\+[nr]|\\+u000[aAdD]|%0[aAdD]|</?\w{1,8} ?/?>|&#(?:1[03]|x0?[aAdD]);|["'+,-])*(?:[A-Za-z0-9+/=]{16}|[A-Z][A-Za-z-]{2,20}: ))"#,
    r"|Private-Lines: ?\d{1,3}.{0,24}?[A-Za-z0-9+/]{16}",
    r"|LS0tLS1CRUdJTiB[A-Za-z0-9]{0,16}?(?:UFJJVkFURSBLRV|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW)[A-Za-z0-9+/]{16}",
);

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
        rx(keys::RULE, Leak, "A private key", PRIVATE_KEY)
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
