//! Languages of servers: PHP, Java, JavaScript's prototypes.

use super::{ARGUMENTS, C, NAMES, PATH, TEXT, rule, rx};
use crate::rule::{Operator, Rule};
use crate::verdict::Category::{JavaInjection, PhpInjection, PrototypePollution};

pub(super) fn rules() -> Vec<Rule> {
    [php(), java(), prototypes()].concat()
}

fn php() -> Vec<Rule> {
    vec![
        rx(
            17_100,
            PhpInjection,
            "PHP: an opening tag",
            r"(?i)<\?(?:php\b|=)|<\?\s+\S|\[php\]|<script[^>]{0,40}php",
        ),
        rx(
            17_110,
            PhpInjection,
            "PHP: a stream wrapper",
            r"(?i)\b(?:php|phar|expect|glob|ogg|ssh2(?:\.\w+)?|compress\.(?:zlib|bzip2)|zlib|rar|zip)://|\bdata://?text|\bdata:[\w/;=]{0,40},\s*<\?|\bphp:(?:filter|input)",
        ),
        rx(
            17_120,
            PhpInjection,
            "PHP: a serialised object",
            r#"(?:^|[;{:=\s"'])[OC]:\+?\d{1,4}:\\?"[\w\\]{1,120}\\?":\d{1,6}:\{"#,
        )
        .on(TEXT),
        rx(17_121, PhpInjection, "PHP: a serialised object, encoded", r"(?:^|[=:;,\s\x22])(?:Tzo[w-z0-5](?:OiJ|\w{1,2}oi)|Qzo[w-z0-5](?:OiJ|\w{1,2}oi))[\w+/=%-]{6}")
            .on(&[C::RequestCookies, C::ArgsGet, C::ArgsPost])
            .through(PATH),
        rx(
            17_150,
            PhpInjection,
            "PHP: a framework's own functions from outside",
            r"(?i)[\\/]think[\\/](?:app|request|module|template|view|container)\b|\binvokefunction\b|\bdataisurl\b",
        )
        .also_on(NAMES),
        rx(
            17_130,
            PhpInjection,
            "PHP: a function that runs or reads",
            r#"(?i)\b(?:shell_exec|passthru|proc_open|pcntl_exec|call_user_func(?:_array)?|create_function|base64_decode|str_rot13|gzinflate|gzuncompress|file_get_contents|file_put_contents|fputs|fwrite|fopen|move_uploaded_file|phpinfo|ini_set|show_source|highlight_file|readfile|var_dump|print_r|phpversion|php_uname|posix_getpw\w+|curl_exec|array_(?:map|filter|walk)|usort|register_shutdown_function|preg_replace|invokefunction|scandir|opendir|symlink|getcwd|error_reporting|set_time_limit)\s*\(\s*(?:['"$/)\d]|[a-z_]+\()|\b(?:eval|assert|system|exec|popen|include|require)(?:_once)?\(\s*(?:['"$]|base64|chr\(|gz|str_|hex2bin|file_|implode|strrev|array_)|\b(?:include|require)(?:_once)?\s+['"$]\S*(?:php|http|/)|\b(?:echo|print|die|exit)\s*[(\s]\s*(?:shell_exec|system|exec|`|md5\(|phpversion|getcwd|\$_)"#,
        ),
        rx(
            17_140,
            PhpInjection,
            "PHP: variables and settings of the server",
            r#"(?i)\$_(?:get|post|request|cookie|server|files|session|env)\b\s*[\[{]|\$globals\b|\b(?:auto_(?:prepend|append)_file|allow_url_(?:include|fopen)|disable_functions|open_basedir|suhosin\.simulation|cgi\.force_redirect)\b\s*[=\s]|\$\{\s*@?(?:print|eval|system|phpinfo|exec|passthru)\b|\$\{\$\{|\$\w+\s*=\s*['"]\w+['"]\s*;\s*@?\$\w+\s*\(|\bchr\(\d+\)\s*\.\s*chr\("#,
        ),
    ]
}

fn java() -> Vec<Rule> {
    vec![
        rx(
            18_100,
            JavaInjection,
            "JNDI: a lookup, plain or pieced together",
            r"(?i)\$\{\s*jndi\s*:|\$\{\s*(?:lower|upper|env|sys|java|date|ctx|main|base64|script|dns|web|docker|k8s|spring|bundle|marker|event|map|sd)\s*:[^}]{0,200}\}?|\$\{[^{}]{0,24}:-[^{}]{0,12}\}|\$\{\s*\$\{|jndi:(?:ldaps?|rmi|dns|iiop|corba|nis|http)",
        )
        .on_every_header(),
        rx(
            18_110,
            JavaInjection,
            "Java or .NET: a serialised object",
            // The last is .NET's: a head of its binary form.
            r"\xac\xed\x00\x05|(?:^|[=:\s\x22])rO0AB[QXd]|(?i:aced0005)7[0-9a-f]|(?:^|[=:\s\x22])AAEAAAD/{5}",
        )
        .on(&[ARGUMENTS, &[C::RequestCookies, C::FilesContent]].concat())
        .through(&[]),
        rx(
            18_120,
            JavaInjection,
            "Java: classes that run or load",
            r"(?i)\bjava\.(?:lang\.(?:runtime|processbuilder|class|system|thread|reflect)|net\.(?:url|socket)|io\.(?:file|inputstream)|util\.scanner)\b|\bgetruntime\s*\(|\bprocessbuilder\s*\(|\bclass\.module\.classloader|\bclassloader\.(?:resources|url)|\bcom\.sun\.(?:rowset|jndi|org)|\bjavax\.(?:naming|script|management)\.|#_memberaccess|@java\.|#context\[|\bognl\.|\bxwork\.|#application\[|\borg\.(?:apache\.(?:commons\.collections|xalan|tomcat\.dbcp|ibatis)|springframework\.context\.support|codehaus\.groovy\.runtime)|%\{\s*\(?#|%\{\s*\d+\s*[*+]\s*\d+|\bclojure\.core|\bbsh\.interpreter",
        ),
    ]
}

fn prototypes() -> Vec<Rule> {
    vec![
        rx(
            21_120,
            PrototypePollution,
            "An object that a reader of YAML or of JavaScript would run",
            r"!!(?:python|ruby|perl|java|javax|com|org|sun)[/.:]|_\$\$ND_FUNC\$\$_|\bcos\nsystem\n\(",
        ),
        rx(
            21_100,
            PrototypePollution,
            "A name that reaches for a prototype",
            r"(?i)__proto__|constructor\s*(?:\]?\s*\[|\.)\s*['\x22]?prototype|\bprototype\s*(?:\]\s*\[|\.)\s*['\x22]?constructor|__(?:define|lookup)[gs]etter__",
        ),
        rule(
            21_110,
            PrototypePollution,
            "Names that together reach for a prototype",
            Operator::Equals("constructor".into()),
        )
        .on(NAMES)
        .and(&[C::ArgsPostNames, C::ArgsGetNames], Operator::Equals("prototype".into())),
    ]
}
