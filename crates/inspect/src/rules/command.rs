//! Commands of shells, on Unix and on Windows.

use super::{C, DECODED, PATH, SHELL, rx};
use crate::rule::Rule;
use crate::verdict::Category::CommandInjection;

pub(super) fn rules() -> Vec<Rule> {
    [plain(), elsewhere(), formulas()].concat()
}

fn plain() -> Vec<Rule> {
    vec![
        rx(
            15_100,
            CommandInjection,
            "A command that is no word of any shop, behind a separator",
            r"(?i)^\s*(?:[\w./-]*/)?(?:whoami|uname|ifconfig|systeminfo|tasklist|ipconfig|printenv|netstat|lsof)\s*(?:$|[;|&<>`)]|\s[-/]\w)|(?:[;|&\n\r`]|\$\(|[<>]\(|^[\w./-]*/)\s*(?:[\w./-]*/)?(?:whoami|uname|wget|ifconfig|nslookup|chmod|chown|netcat|ncat|powershell|pwsh|certutil|systeminfo|tasklist|ipconfig|printenv|xxd|busybox|socat|wmic|mshta|rundll32|regsvr32|cscript|bitsadmin|netstat|lsof|traceroute|tcpdump|useradd|crontab|iptables|getent|hexdump|nohup|mkfifo)(?:\.exe)?(?:$|[\s;|&<>`)])|(?:[;|&\n\r`]|\$\()\s*(?:[\w./-]*/)?(?:(?-i:nc)\s+(?:-\w+\s+)*(?:[\w-]+\.[\w.-]+\s+\d{1,5}\b|\S+\s+\d{1,5}\s+-[ec]\b)|ssh\s+\w+@[\w.-]|scp\s+[\w.-]+@[\w.-]+:|tftp\s+[\w-]+\.\w|openssl\s+s_client\b|git\s+clone\s+\w+://|redis-cli\s|(?:timeout\s+\d+|setsid|env)\s+(?:id|ls|sh|bash|cat|nc|whoami)\b)",
        )
        .through(SHELL)
        .not_in_passwords(),
        rx(
            15_110,
            CommandInjection,
            "A command that is also a word, with an argument that only a command has",
            r"(?i)(?:[;|&\n\r`]|\$\(|[<>]\()\s*(?:[\w./-]*/)?(?:cat|ls|id|ps|rm|cp|mv|nc|ssh|scp|curl|bash|sh|zsh|ksh|dash|python[23]?|perl|ruby|php|node|ping|dig|host|echo|sleep|tee|env|sed|awk|head|tail|more|less|find|grep|tar|touch|kill|base64|telnet|ftp|type|dir|net|reg|sudo|su|export|printf|nl|tac|sort|cut|od|stat|file|mount|df|du|ln|mkdir|strings|rev|open|start|copy|del|timeout)\s+(?:-{1,2}[a-z]|/[a-z*?.~$]|\.{1,2}/|~/|\*|\$[\w({@]|https?://|[a-z]:\\|[\w.-]+\.(?:txt|php|sh|py|conf|env|ini|log|html|exe|ps1)\b|\d+(?:\.\d+){3}|\d+\s*(?:$|[;|&`)#])|[\w=.-]+\s*(?:\||>{1,2}|[;`)]\s*(?:$|\w)))",
        )
        .through(SHELL)
        .not_in_passwords(),
        rx(
            15_120,
            CommandInjection,
            "A command alone, behind a separator or substituted",
            r"(?i)[<>]\((?:id|ls|ps|pwd|env|hostname|sh|bash|uptime)\)|(?:;|\|\|?|&&|`|\$\()\s*(?:[\w.]*/[\w./]*)?(?:id|ls|ps|pwd|env|dir|set|ver|w|hostname|reboot|shutdown|sh|bash|cmd|date|uptime|ll|arch|groups|sleep\s+\d+)\s*(?:$|[`)]|;\s*(?:$|#|\w+=)|\|\||&&|\|\s*(?:$|\w)|#|>{1,2}\s*/)",
        )
        .not_on(C::RequestFilename)
        .through(SHELL)
        .not_in_passwords(),
        // Paths have parameters of their own: `/shoes;id`, `/;jsessionid=1/show`.
        rx(
            15_121,
            CommandInjection,
            "A command alone in the path, with signs of a shell around it",
            r"(?i)(?:\|\|?|&&|`|\$\()\s*(?:[\w.]*/[\w./]*)?(?:id|ls|ps|pwd|env|dir|set|ver|w|hostname|reboot|shutdown|sh|bash|cmd|date|uptime|ll|arch|groups|sleep\s+\d+|cat)\s*(?:$|[`)]|;\s*(?:$|#)|\|\||&&|\|\s*(?:$|\w)|#|>{1,2}\s*/)|;\s*(?:id|ls|ps|pwd|env|dir|hostname|reboot|shutdown|sh|bash|cmd|uptime|sleep\s+\d+|cat)\s*(?:[`|#]|;\s*(?:$|#)|&&|>{1,2}\s*/)",
        )
        .on(&[C::RequestFilename])
        .through(SHELL),
        rx(
            15_130,
            CommandInjection,
            "Tricks of a shell",
            r"(?i)\$\{?ifs\b|\$\{?(?:path|home|pwd|shell)(?::\d|\})|\$\(\(|\{(?:(?:cat|ls|curl|wget|ping|echo|nc|bash|sh|rm|nslookup),|id,-)[^}]{1,80}\}|/\?{2,}/[\w?*]+|/[?*\w]{0,3}[?*][?*\w]{0,3}/[?*\w]*[?*][?*\w]*\s+/|\(\)\s*\{\s*(?::|_|\w+)?[^}]{0,40}\}\s*;|/dev/(?:tcp|udp)/|/bin/(?:ba|z|k|c|da)?sh\b|\bbash\s+-[ic]\b|\bnc(?:at)?\s+(?:-\w+\s+)*-[ec]\b|\b(?:python[23]?|perl|ruby|php|node)\s+-[cer]\s+\S|\|\s*(?:ba|z|k|da)?sh\b(?:\s*$|\s+-|\s*[;&|])|<<<\s*\S|\$\(\s*<\s*/|\$\{?[a-z]\w?\}?/\$|[a-z]\$[@*1-9]\{?[a-z/]|\$\([a-z]+(?:\s+[-/$~.]|<)|\b(?:find|ls|du)\s+/\s+-\w|[;|&`]\s*/[\w?*]+/[\w?*/]*[?*]|[;|&`]\s*tar\s+-?[cxtzvj]+(?:f\b|\s+[/~.*$-])|(?:[;|`]|&&|\$\()\s*(?:\./[\w-]|/(?:tmp|var|dev/shm|home|usr|bin|sbin|opt|root)/[\w-])[\w./-]*\s*(?:$|[;|&`)#])|(?:[;|`]|&&|\$\()(?:(?-i:\s*(?:sh|zsh|ksh))|(?:ba|da)sh)\s+[\w./~-]+\s*(?:$|[;|&`)#])|(?:[;|]|&&)\s*\.\s+/|>\s*/(?:dev/null|tmp/|var/www)",
        )
        .through(SHELL)
        .not_in_passwords(),
    ]
}

/// What other shells than the plain one take.
fn elsewhere() -> Vec<Rule> {
    vec![
        rx(
            15_140,
            CommandInjection,
            "A command of Windows",
            r"(?i)\bcmd(?:\.exe)?\s*/[ckr]\b|%comspec%|\bpowershell(?:\.exe)?\s+(?:-\w|iex|&|\()|\b(?:iex|invoke-(?:expression|webrequest|command|restmethod))\s*[\s(]\S|new-object\s+(?:system\.)?net\.|\.downloadstring\s*\(|\bnet\s+(?:user|localgroup|view|share|start)\b\s*(?:$|/|\w+\s+/|[|&])|\btype\s+(?:%\w+%|[a-z]:)[\\/]?|\bdir\s+[a-z]:|%(?:systemroot|windir|programfiles|appdata|userprofile)%|\bcertutil\s+-|\breg\s+(?:add|query|delete)\s+hk|\\windows\\system32\\",
        )
        .through(DECODED),
        rx(
            15_150,
            CommandInjection,
            "A command behind what a shell takes for nothing, or in braces",
            r"(?i)(?:[;|&\n\r`]|\$\()\s*(?:\$(?:[@*0-9]|\{[\w@*]{1,24}\}))+(?:[\w./-]*/)?(?:whoami|uname|wget|curl|cat|ls|id|rm|nc|ncat|ssh|bash|sh|zsh|dash|python[23]?|perl|ruby|php|ping|dig|sleep|printf|echo|touch|chmod|env|base64|nslookup|tee|kill)(?:$|[\s;|&<>`)])|(?:[;|&`]|\$\()\s*\{(?:[\w./-]*/)?(?:whoami|uname|wget|curl|cat|ls|rm|cp|mv|nc|ncat|ssh|scp|bash|sh|zsh|ksh|dash|python[23]?|perl|ruby|php|ping|dig|sleep|printf|echo|touch|chmod|tar|sed|awk|grep|base64|nslookup|tee|kill|telnet|ftp|sudo|su|od|tac|nl),[^{}\s]{0,120}\}(?:$|[\s;|&<>`)#])",
        )
        .through(SHELL)
        .not_in_passwords(),
        rx(
            15_160,
            CommandInjection,
            "A command in the quotes of a shell that knows escapes",
            r#"(?i)(?:[;|&\n\r`]|\$\()\s*[\w./-]{0,24}\$(?:'[\w\\/.-]{2,64}'|"[\w\\/.-]{2,64}")(?:$|[\s;|&<>`)\w/])"#,
        )
        .through(DECODED)
        .not_in_passwords(),
        rx(
            15_170,
            CommandInjection,
            "A command taken apart, as only a shell puts it together again",
            r"(?i)(?:[;|&\n\r`]|\$\()\s*(?:\w{1,12}=[^\s;|&]{1,80}[;\s]\s*\$\{?\w|\w{1,12}\$\{?\w{1,12}\}?\\?\w{1,12}\s+[\w./-]|\$\(\s*[\w$]|`\s*\w+`\s*\w|<\s*[\w./~-]+\s+(?:ba|z|k|da)?sh\b|~/[\w.-]+|kill\s+-\d)",
        )
        .through(SHELL)
        .not_in_passwords(),
        rx(
            15_171,
            CommandInjection,
            "A command with backslashes between its letters",
            r"(?:[;|&\n\r`]|\$\()\s*(?:\w?\\[a-zA-Z]){3,}",
        )
        .through(PATH)
        .not_in_passwords(),
        // An address, then a line of its own: what tools that ping or look up names are given.
        rx(
            15_173,
            CommandInjection,
            "A command behind an address, or with a file as its input",
            r"(?i)^\s*(?:\d{1,3}\.){3}\d{1,3}\s*[\r\n]+\s*[a-z]{2,12}\b|(?:[;|&`]|\$\()\s*(?:cat|sh|bash|nl|od|tac|wc|xxd|base64|mail|sort|head|tail)<[\w./~-]",
        )
        .through(SHELL)
        .not_in_passwords(),
        // `dog|cat food` is a list of a shop for animals; `a|cat x` is none.
        rx(
            15_174,
            CommandInjection,
            "A command that reads a file, behind a pipe",
            r"(?i)\|\s*(?:(?:tac|xxd|awk|gawk|sed|grep|egrep|fgrep|chmod|chown|zcat|bzcat|base32|base64)\s+[\w./=$'\x22{-]+\s*(?:$|[\s;|&<>`)#])|(?:cat|head|tail|more|less|sort|uniq|nl|od|ls|rm|sh|bash)\s+(?:[a-z]\s*$|[./~$*]|(?:passwd|shadow|hosts|flag|secrets?|credentials?|users|id_rsa|makefile|dockerfile|\w+_\w+)\s*$))",
        )
        .through(SHELL)
        .not_in_passwords(),
        // A value that a program takes for an option of its own.
        rx(
            15_175,
            CommandInjection,
            "An option of a program that runs or writes something",
            r"(?i)(?:^|\s)-o\s?(?:proxycommand|localcommand|permitlocalcommand|knownhostscommand)\b|^\s*--(?:output(?:-document)?|upload-pack|receive-pack|exec|use-compress-program|checkpoint-action|post-file|ssh-command|to-command|config)\s*[= ]\s*\S",
        )
        .through(SHELL)
        .not_in_passwords(),
        rx(
            15_172,
            CommandInjection,
            "A command glued to a separator, or in braces behind one",
            r"(?i)(?:[;|&`]|\$\()(?:(?:cp|mv|rm|dd|eval|xargs|tee|chgrp)\s+[\w./=$-]+(?:\s|$)|find\s+[./]|\{\s*(?:id|ls|ps|pwd|env|cat|curl|wget|nc|sh|bash|rm|cp|uname|whoami|sleep|ping|echo|printf)\b)",
        )
        .through(SHELL)
        .not_in_passwords(),
    ]
}

fn formulas() -> Vec<Rule> {
    vec![
        // Orders and customers leave shops as tables, which staff open.
        rx(
            15_180,
            CommandInjection,
            "A formula that a spreadsheet would run",
            r"(?i)^\s*[=+@-][\w\s+*/().,:-]{0,40}?\b(?:cmd|powershell|pwsh|mshta|rundll32|regsvr32|certutil|msexcel|excel|dde)\s*\|\s*['\x22]|^\s*[=+@-]\s*(?:\w{1,12}\()?(?:hyperlink|webservice|importxml|importdata|importhtml|importfeed|importrange|dde|rtd|register\.id)\s*\(\s*\S",
        )
        .on(&[C::ArgsGet, C::ArgsPost])
        .through(DECODED)
        .not_in_passwords(),
    ]
}
