//! Path traversal, files that nobody should ask for, uploads that run, addresses of metadata services.

use super::{ARGUMENTS, C, DECODED, NORMAL_PATH, PATH, TEXT, rx};
use crate::rule::Rule;
use crate::verdict::Category::{PathTraversal, SensitiveFile, ServerSideRequestForgery, Upload};

pub(super) fn rules() -> Vec<Rule> {
    [traversal(), sensitive(), uploads(), forgery()].concat()
}

fn traversal() -> Vec<Rule> {
    vec![
        rx(13_100, PathTraversal, "The path climbs", r"^[^?]*[/\\]\.\.(?:[/\\;\s]|$)|^[^?]*\.\.;/|^[^?]*[/\\]\.{3,}[/\\]")
            .on(&[C::RequestUriRaw, C::RequestFilename])
            .through(PATH),
        rx(
            13_110,
            PathTraversal,
            "A value climbs",
            r"(?i)(?:^|[/\\=:\s])(?:\.{2,}[/\\]+(?:\.[/\\]+)*){2,}|(?:^|[/\\=:])\.\.[/\\]+(?:\.{2,}|etc|windows|winnt|boot|proc|var|usr|home|root|\.env|\.git|wp-config|config|web-inf|app|admin|include|tmp|logs?)\b|^\.{2,}[/\\]+[^\s]*\.(?:php|ini|conf|env|log|xml|ya?ml|json|txt)$|\.\.(?:0x2f|0x5c|%c0%af|\xc0\xaf|%252f)",
        )
        .on(TEXT)
        .through(PATH)
        .not_in_passwords(),
        rx(
            13_120,
            PathTraversal,
            "A file of the operating system",
            r#"(?i)(?:^|[\s=:"'(,;|<{/\\.])/*[/\\]+etc[/\\]+(?:\.?[/\\]+)*(?:passwd|shadow|group|hosts|issue|nginx|apache2?|httpd|ssh|mysql|crontab|sudoers|fstab|resolv\.conf|os-release|php)\b|[/\\]+proc[/\\]+(?:self|version|cpuinfo|\d+[/\\])|[/\\]var[/\\]+log[/\\]+(?:apache|nginx|auth|httpd|messages|syslog)|[/\\]root[/\\]+\.(?:ssh|bash|aws)|[/\\]home[/\\]+[\w.-]+[/\\]+\.(?:ssh|bash|aws)|[/\\]windows[/\\]+(?:system32|win\.ini|system\.ini|repair|php\.ini)|(?:^|[/\\:])boot\.ini(?:$|[^\w-])|[/\\]?web-inf[/\\]+(?:web\.xml|classes|lib)|\bid_rsa\b|\.ssh[/\\]+(?:id_|authorized_keys)"#,
        )
        .through(NORMAL_PATH),
        rx(
            13_130,
            PathTraversal,
            "A local file as an address",
            r"(?i)^\s*[\x22']?(?:file|netdoc|local_file|jar):(?:[/\\]+[^\s/\\]|http|file)",
        )
        .on(ARGUMENTS)
        .through(DECODED),
    ]
}

fn sensitive() -> Vec<Rule> {
    vec![
        rx(
            14_100,
            SensitiveFile,
            "A hidden file",
            r"(?i)/\.(?:env|git|gitignore|gitlab-ci|svn|hg|bzr|htaccess|htpasswd|ds_store|aws|ssh|npmrc|docker\w*|bash_\w+|bashrc|profile|vscode|idea|ftpconfig|pgpass|netrc|kube|terraform|mysql_history|viminfo|config|cache|circleci|travis\.yml|user\.ini)(?:[./~_-]|$)",
        )
        .on(&[C::RequestFilename])
        .through(NORMAL_PATH),
        rx(
            14_110,
            SensitiveFile,
            "A configuration, a backup or a dump",
            r"(?i)/(?:wp-config|configuration|config|settings|database|db|local|parameters|env|secrets|credentials)\.(?:php|inc|ya?ml|json|ini|xml|py|rb|js)?\.?(?:bak|backup|old|orig|save|swp|swo|tmp|copy|dist|txt|zip|\d|~)+$|/wp-config\.php|/(?:web\.config|app/etc/(?:env\.php|local\.xml)|composer\.(?:json|lock)|package-lock\.json|yarn\.lock|dockerfile|docker-compose\.ya?ml|id_[rd]sa|credentials\.(?:json|xml)|secrets?\.(?:json|ya?ml)|config/(?:database|parameters|secrets)\.(?:ya?ml|php)|storage/logs/[\w.-]+|var/log/[\w.-]+|error_log|debug\.log|server-status|server-info|phpinfo\.php|info\.php|\.?env\.(?:bak|old|local|prod\w*|dev|example)|localsettings\.php|sites/default/settings\.php|configuration\.php-dist)$|\.(?:sql|bak|old|orig|swp|swo|sqlite3?|mdb|pem|pfx|p12|rdb|dump)(?:\.(?:gz|zip|bz2|xz|7z))?$|\.php(?:~|\.(?:bak|old|save|orig|swp|txt|\d))$|/(?:backup|backups|dump|database|db|site|www|wwwroot|public_html|htdocs|web|shop|old)[\w.-]{0,24}\.(?:zip|tar|tgz|tar\.gz|rar|7z|gz|sql)$",
        )
        .on(&[C::RequestFilename])
        .through(NORMAL_PATH),
        rx(
            14_120,
            SensitiveFile,
            "A file of secrets as a value",
            r"(?i)^\s*(?:(?:[a-z]:)?[\w.@~+/\\-]*[/\\])?(?:\.env(?:\.(?:local|prod(?:uction)?|dev(?:elopment)?|staging|backup|bak|old))?|\.git[/\\]+(?:config|head|index|logs[/\\]+head)|\.svn[/\\]+(?:entries|wc\.db)|wp-config\.php(?:~|\.(?:bak|old|save|orig|swp|txt))?|\.htpasswd|\.aws[/\\]+(?:credentials|config)|\.docker[/\\]+config\.json|\.kube[/\\]+config|\.(?:npmrc|pgpass|netrc|my\.cnf|bash_history|mysql_history)|app[/\\]+etc[/\\]+(?:env\.php|local\.xml)|sites[/\\]+default[/\\]+settings\.php|config[/\\]+(?:master\.key|database\.(?:ya?ml|php)|(?:secrets|credentials|parameters)\.ya?ml(?:\.enc)?))\s*$|^\s*(?:[/\\]+var)?[/\\]+run[/\\]+secrets[/\\]+[\w./-]+\s*$",
        )
        .on(&[C::ArgsGet, C::ArgsPost])
        .through(NORMAL_PATH)
        .not_in_passwords(),
    ]
}

fn uploads() -> Vec<Rule> {
    vec![
        rx(
            26_100,
            Upload,
            "An upload that the shop's server would run",
            r"(?i)\.(?:php[0-9]?|phtml|phar|pht|phps|pgif|shtml|inc|hphp|phtm|ctp|jspx?|jspf|jsw|jsv|jhtml|jtml|jnlp|aspx?|ashx|asmx|asax|ascx|asa|asp\.net|cshtml?|vbhtml|svc|xamlx|soap|cfml?|cfc|cgi|fcgi|wsgi|erb|rhtml|htaccess|htpasswd|user\.ini|war)(?:[\s.\x00;:/\\%]|::\$data|$)|(?:^|[/\\])(?:web|app|machine)\.config$|\.(?:exe|com|bat|cmd|dll|so|vbs?e?|wsf|wsh|jse|ps1|psm1|sh|bash|zsh|ksh|csh|pyc?o?|pyw|rb|p[lm]|lua|hta|jar|ear|msi|scr|lnk|cer|cdx|idc|htr|ida|idq|rem|axd|stm|shtm|module|install|engine|theme|profile|inc)[\s.]*(?:$|;)|\x00",
        )
        .on(&[C::Files])
        .through(PATH),
        rx(26_110, Upload, "An upload's name climbs", r"\.\.[/\\]|^[/\\]").on(&[C::Files]).through(PATH),
        rx(
            26_120,
            Upload,
            "An upload that holds a script of the server",
            r"(?i)<\?php\b|<\?=\s*(?:`|\$_|system|eval|exec|passthru|shell_exec)|<%@\s*(?:page|import|webhandler)|<%\s*(?:eval|execute|runtime)|<script[^>]{0,40}\b(?:language|runat)\s*=\s*.?(?:php|vbscript|server)|\b(?:eval|assert|system|passthru|shell_exec|exec)\s*\(\s*\$_(?:get|post|request|cookie|server)|^#!/(?:bin|usr)|getruntime\s*\(\s*\)\s*\.\s*exec",
        )
        .on(&[C::FilesContent])
        .through(&[]),
        rx(26_130, Upload, "An uploaded drawing that holds script", r"(?i)^\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<![^>]{0,200}>\s*)*<svg\b.*?(?:<script\b|\son[a-z]{3,}\s*=|javascript:|<foreignobject\b)")
            .on(&[C::FilesContent])
            .through(&[]),
    ]
}

/// Names and numbers of this machine, in the spellings that browsers and clients take.
const LOCAL: &str = r"(?i)^\s*(?:(?:[a-z]+:)?[/\\]{2,}|(?:https?|ftp|wss?):[/\\]*)(?:[^/\\@\s]*@)?(?:localhost|localtest\.me|127(?:\.\d{1,3}){1,3}|0x7f[\da-fx.]*|2130706433|017700000001|0177(?:\.[\dx]+){0,3}|0(?:\.0){0,3}|\[(?:::1?|[0:]+(?:ffff:)?127\.[^\]]+|0{1,4}(?::0{1,4}){6}:0{0,3}1|::ffff:[^\]]+)\]|[\w.-]+\.(?:nip|sslip|xip)\.io)(?:[:/?#]|$)";

fn forgery() -> Vec<Rule> {
    vec![
        rx(
            19_100,
            ServerSideRequestForgery,
            "The address of a metadata service",
            r#"(?i)(?:^|[/@=\s"':,\[])(?:169\.254\.169\.254|169\.254\.170\.2|metadata\.google\.internal|100\.100\.100\.200|192\.0\.0\.192|fd00:ec2::254|::ffff:(?:169\.254\.169\.254|a9fe:a9fe)|0xa9fea9fe|0xa9\.0xfe\.0xa9\.0xfe|2852039166|0?0251\.0?0376\.0?0251\.0?0376|0251\.254\.169\.254|instance-data|metadata\.azure\.com|169\.254\.43518|169\.16689662)(?:$|[:/?#\s"'\].,])|/latest/(?:meta-data|user-data|dynamic/instance-identity)|/computemetadata/v1|/metadata/(?:instance|identity)\b"#,
        )
        .through(DECODED),
        rx(
            19_110,
            ServerSideRequestForgery,
            "An address of the server itself",
            LOCAL,
        )
        .on(&[C::ArgsGet, C::ArgsPost, C::Xml, C::XmlAttributes])
        .through(DECODED),
        // A backslash is the beginning of a sign to those who decode it.
        rx(
            19_111,
            ServerSideRequestForgery,
            "An address of the server itself, as written",
            LOCAL,
        )
        .on(&[C::ArgsGet, C::ArgsPost, C::Xml, C::XmlAttributes])
        .through(&[]),
        // Windows signs in there, and shows who runs the shop.
        rx(
            19_130,
            ServerSideRequestForgery,
            "A share of another machine",
            r"(?i)^\s*\\\\(?:[\w-]+\.[\w.-]+|[\w.-]+@(?:ssl|\d{1,5}))(?:@\w{1,5})*\\[\w$.-]+",
        )
        .on(&[C::ArgsGet, C::ArgsPost])
        .through(&[])
        .not_in_passwords(),
        rx(
            19_120,
            ServerSideRequestForgery,
            "An address with a scheme that shops do not use",
            r"(?i)^\s*(?:gopher|dict|tftp|ldaps?|ldapi|sftp|rmi|netdoc|jar:https?):/?/",
        )
        .on(ARGUMENTS)
        .through(DECODED),
    ]
}
