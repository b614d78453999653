//! The words scenarios look for in paths and user agents. All in lower case; our own lists, kept short on purpose:
//! each entry must be something that no customer of a shop asks for.

/// Endings of files that pages pull in by themselves.
static STATIC: Words = Words::new(&[
    "avif",
    "bmp",
    "css",
    "eot",
    "gif",
    "ico",
    "jpeg",
    "jpg",
    "js",
    "map",
    "mjs",
    "mp3",
    "mp4",
    "ogg",
    "otf",
    "pdf",
    "png",
    "svg",
    "ttf",
    "wasm",
    "wav",
    "webm",
    "webmanifest",
    "webp",
    "woff",
    "woff2",
]);

/// Segments or files under which shop systems and their tools keep their administration.
static ADMIN: Words = Words::new(&[
    "_phpmyadmin",
    "admin",
    "admin.php",
    "admin_area",
    "adminer",
    "adminer.php",
    "administration",
    "administrator",
    "admin-console",
    "actuator",
    "backend",
    "backoffice",
    "bitrix",
    "cpanel",
    "dbadmin",
    "hudson",
    "jenkins",
    "jmx-console",
    "mailman",
    "manager",
    "myadmin",
    "mysqladmin",
    "pgadmin",
    "phpmyadmin",
    "phppgadmin",
    "pma",
    "solr",
    "sqladmin",
    "sysadmin",
    "typo3",
    "user-admin",
    "web-console",
    "webadmin",
    "wp-admin",
    "wp-login.php",
    "xmlrpc.php",
]);

/// Segments that must never be served.
static SENSITIVE_SEGMENTS: Words = Words::new(&[
    ".aws",
    ".azure",
    ".bzr",
    ".docker",
    ".git",
    ".gnupg",
    ".hg",
    ".idea",
    ".kube",
    ".npmrc",
    ".pypirc",
    ".s3cfg",
    ".ssh",
    ".svn",
    ".terraform",
    ".vscode",
    ".bash_history",
    ".htpasswd",
    ".htaccess",
    ".netrc",
    ".my.cnf",
    ".mysql_history",
    ".pgpass",
    ".ds_store",
    "id_rsa",
    "id_ed25519",
    "web.config",
    "wp-config.php",
    "wp-config.php.bak",
    "wp-config.txt",
    "configuration.php.bak",
    "localsettings.php",
    "local.xml",
    "env.php",
    "phpinfo.php",
    "server-status",
    "docker-compose.yml",
    "composer.lock",
    "composer.json",
    "sftp-config.json",
    "credentials.json",
    "secrets.yml",
    "secrets.json",
    "database.yml",
    "parameters.yml",
]);

/// Endings of backups, dumps and keys.
const SENSITIVE_ENDINGS: &[&str] = &[
    ".sql", ".sql.gz", ".sql.zip", ".bak", ".old", ".orig", ".swp", ".save", ".dump", ".sqlite", ".sqlite3",
    ".mdb", ".pem", ".key", ".pfx", ".p12", ".kdbx", ".tfstate", ".php~",
];

/// Names of web shells.
static BACKDOORS: Words = Words::new(&[
    "alfa.php",
    "alfanew.php",
    "b374k.php",
    "bypass.php",
    "c100.php",
    "c99.php",
    "cmd.asp",
    "cmd.aspx",
    "cmd.jsp",
    "cmd.php",
    "eval-stdin.php",
    "filesman.php",
    "gel4y.php",
    "indoxploit.php",
    "lufix.php",
    "mini.php",
    "minishell.php",
    "r57.php",
    "shell.asp",
    "shell.aspx",
    "shell.jsp",
    "shell.php",
    "shell4.php",
    "up.php",
    "webshell.php",
    "wp-conflg.php",
    "wso.php",
    "wso2.php",
    "wsoyanz.php",
    "xleet.php",
]);

/// Whole segments of paths where people sign in.
static SIGN_IN: Words = Words::new(&[
    "account-login",
    "authenticate",
    "customer-login",
    "login",
    "login.aspx",
    "login.php",
    "login_check",
    "loginpost",
    "log-in",
    "logon",
    "session",
    "sessions",
    "sign-in",
    "sign_in",
    "signin",
    "token",
    "wp-login.php",
    "xmlrpc.php",
]);

/// Tools that exist to find or use holes. No general HTTP library stands here: shops are polled with those.
const SCANNERS: &[&str] = &[
    "acunetix",
    "arachni",
    "burpcollaborator",
    "commix",
    "dirb/",
    "dirbuster",
    "feroxbuster",
    "fimap",
    "fuzz faster",
    "gobuster",
    "grabber/",
    "hydra",
    "jaeles",
    "joomscan",
    "masscan",
    "nessus",
    "netsparker",
    "nikto",
    "nmap scripting",
    "nuclei",
    "openvas",
    "paros/",
    "qualys",
    "skipfish",
    "sqlmap",
    "sqlninja",
    "vega/",
    "w3af",
    "wapiti",
    "webinspect",
    "wfuzz",
    "whatweb",
    "wpscan",
    "zgrab",
    "zmeu",
];

pub(crate) fn file_name(path: &str) -> &str {
    let at = path.bytes().rposition(|byte| byte == b'/').map_or(0, |at| at + 1);
    path.get(at..).unwrap_or(path)
}

/// Whether a path ends as a picture, style sheet, script or font does.
pub fn is_static(path: &str) -> bool {
    let name = file_name(path);
    let ending = name.bytes().rposition(|byte| byte == b'.').and_then(|at| name.get(at + 1..));
    ending.is_some_and(|ending| STATIC.hold(ending))
}

/// Any segment counts: `/shop/admin/` is as telling as `/admin`.
pub(crate) fn is_admin_path(path: &str) -> bool {
    path.split('/').any(|segment| ADMIN.hold(segment))
}

pub(crate) fn is_sensitive_file(path: &str) -> bool {
    let name = file_name(path);
    path.split('/').any(|s| SENSITIVE_SEGMENTS.hold(s) || is_environment_file(s))
        || name.contains('.') && SENSITIVE_ENDINGS.iter().any(|ending| ends_with_ignoring_case(name, ending))
}

/// `.env`, `.env.local` and the like; not `.environment-friendly`.
fn is_environment_file(segment: &str) -> bool {
    segment.get(..4).is_some_and(|s| s.eq_ignore_ascii_case(".env"))
        && matches!(segment.as_bytes().get(4), None | Some(b'.' | b'_' | b'~' | b'-'))
}

pub(crate) fn is_backdoor_file(path: &str) -> bool {
    BACKDOORS.hold(file_name(path))
}

pub(crate) fn is_sign_in_path(path: &str) -> bool {
    path.split('/').any(|segment| SIGN_IN.hold(segment))
}

pub(crate) fn is_scanner(user_agent: &str) -> bool {
    // User agents are capped by whoever observes; 512 bytes here is a second line.
    let agent = user_agent.as_bytes().get(..512).unwrap_or(user_agent.as_bytes()).to_ascii_lowercase();
    SCANNERS.iter().any(|tool| contains(&agent, tool.as_bytes()))
}

/// Words, and the bytes they begin with: these rule out nearly every segment before the first comparison.
struct Words {
    all: &'static [&'static str],
    starts: [bool; 256],
}

impl Words {
    const fn new(all: &'static [&'static str]) -> Self {
        let mut starts = [false; 256];
        let mut at = 0;
        while at < all.len() {
            let first = all[at].as_bytes()[0];
            starts[first as usize] = true;
            starts[first.to_ascii_uppercase() as usize] = true;
            at += 1;
        }
        Words { all, starts }
    }

    /// Whether the text is one of them, letter case aside.
    fn hold(&self, text: &str) -> bool {
        let begins = text.bytes().next().and_then(|first| self.starts.get(usize::from(first)));
        begins == Some(&true) && self.all.iter().any(|word| word.eq_ignore_ascii_case(text))
    }
}

fn ends_with_ignoring_case(text: &str, ending: &str) -> bool {
    let bytes = text.as_bytes();
    bytes
        .len()
        .checked_sub(ending.len())
        .and_then(|at| bytes.get(at..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(ending.as_bytes()))
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else { return true };
    let starts = text.iter().enumerate().filter(|(_, byte)| *byte == first);
    starts.map(|(at, _)| at).any(|at| text.get(at..at + word.len()) == Some(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        for path in ["/.env", "/.ENV.local", "/a/.git/config", "/dump.SQL", "/site.sql.gz", "/wp-config.php"]
        {
            assert!(is_sensitive_file(path), "{path}");
        }
        for path in ["/", "/products/.environment", "/sql", "/key", "/backpack.html", "/öl.sqlé"] {
            assert!(!is_sensitive_file(path), "{path}");
        }
        assert!(is_admin_path("/phpMyAdmin/index.php") && !is_admin_path("/administer-eye-drops"));
        assert!(is_sign_in_path("/customer/account/loginPost/") && !is_sign_in_path("/blogin"));
        assert!(is_static("/a/b.JPG") && !is_static("/a.php") && !is_static("/a"));
        for words in [&STATIC, &ADMIN, &SENSITIVE_SEGMENTS, &BACKDOORS, &SIGN_IN] {
            for word in words.all {
                assert!(words.hold(word) && words.hold(&word.to_ascii_uppercase()), "{word}");
                assert!(!words.hold(&format!("{word}!")) && !words.hold(""));
            }
        }
        assert!(is_backdoor_file("/x/c99.php") && !is_backdoor_file("/c99.php/x"));
    }

    #[test]
    fn tools_are_told_from_browsers_and_libraries() {
        for agent in ["sqlmap/1.8#stable (https://sqlmap.org)", "Mozilla/5.00 (Nikto/2.1.6)"] {
            assert!(is_scanner(agent), "{agent}");
        }
        for agent in [
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "python-requests/2.32",
            "curl/8.5.0",
            "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "",
        ] {
            assert!(!is_scanner(agent), "{agent}");
        }
    }
}
