//! Cross-site scripting, server-side templates, XML.

use super::{ARGUMENTS, C, rule, rx};
use crate::rule::{Operator, Rule};
use crate::verdict::Category::{CrossSiteScripting, TemplateInjection, XmlInjection};

pub(super) fn rules() -> Vec<Rule> {
    [scripting(), templates(), xml()].concat()
}

fn scripting() -> Vec<Rule> {
    vec![
        rule(12_100, CrossSiteScripting, "Script by the reading of its markup", Operator::DetectXss)
            .not_in_passwords(),
        rule(
            12_101,
            CrossSiteScripting,
            "Script by the reading of its markup, as written",
            Operator::DetectXssAsWritten,
        )
        .through(&[])
        .not_in_passwords(),
        rx(
            12_110,
            CrossSiteScripting,
            "A script element or an event handler",
            r"(?i)<script[\s/>]|<(?:svg|img|body|video|audio|iframe|details|input)[^>]{0,120}[\s/\x22']on[a-z]{3,}\s*=|\bjavascript:\s*(?:alert|confirm|prompt|eval)\b|\]\(\s*<?\s*(?:javascript|vbscript)\s*:|\[(?:url|img|link)=?['\x22]?\]?\s*(?:javascript|vbscript)\s*:",
        ),
        rx(
            12_120,
            CrossSiteScripting,
            "Script that leaves a string",
            r#"(?i)(?:['"`)\]};]|\*/|//)\s*[-;+*/|&,^?:%<>=]{0,4}\s*(?:\(\s*)?(?:window\.|self\.|top\.|this\.)?(?:alert|confirm|prompt|eval|settimeout|setinterval|fetch|import|atob|function)(?:\(|`|\?\.\()\s*[^\s)]|(?:^|[=\s;(])(?:alert|confirm|prompt)(?:\(|`)\s*(?:\d+|document|[`'"/]|xss|origin)"#,
        )
        .not_in_passwords(),
        rx(
            12_130,
            CrossSiteScripting,
            "Script that reaches for the page",
            r#"(?i)\bdocument\.(?:cookie|domain|write(?:ln)?|location|documentelement|body\b|getelementby|forms\b)|\bdocument\s*\[\s*['"]|\bwindow\.(?:location|name|open|onerror)\s*[=(\[.]|\b(?:local|session)storage\.(?:get|set)item|\.(?:inner|outer)html\s*=|\bstring\.fromcharcode|\b(?:self|top|this|window|globalthis|frames|parent)\s*\[\s*(?:['"/`]|\w+\s*\+)|\bconstructor\.constructor|\[\s*['"]constructor['"]\s*\]|\b(?:alert|confirm|prompt)\.(?:call|apply)|\$\{\s*(?:alert|fetch|eval|confirm|prompt)\b|\b(?:top|self|window|parent|this|globalthis|frames)\.(?:alert|confirm|prompt|eval)\b|\(\s*(?:alert|confirm|prompt)\s*\)\s*\(|=\s*(?:alert|confirm|prompt|eval)\s*[,;]|\.(?:find|map|filter|foreach|some|every)\(\s*(?:alert|confirm|prompt|eval)\s*\)|\bnew\s+function\s*\(\s*['"`]|\bxmlhttprequest\s*\(|\bnavigator\.sendbeacon|\blocation\.(?:href|hash|replace|assign)\s*[=(]|\blocation\s*=\s*['"`]|\b\.src\s*=\s*['"`]//"#,
        )
        .not_in_passwords(),
        rx(
            12_140,
            CrossSiteScripting,
            "A server-side include",
            r"(?i)<!--\s*#\s*(?:exec|include|echo|config|printenv|set|fsize)\b",
        ),
        // A string's end, an assignment, and what hides or takes up the rest of the shop's own line.
        rx(
            12_150,
            CrossSiteScripting,
            "Script that leaves a string and assigns",
            r#"(?i)^[^{]*['"`][\s);]*\}[^{]*[=(][^{]*(?:[;}]|\belse)\s*(?:(?:if|while|for)\s*\([^)]*\))?\{\s*['"`]?\s*$|['"`]\s*[)\]}]*\s*;\s*[a-z_$][\w$]*(?:\.[\w$]+)*\s*[-+*/|&]?=\s*[^=\s][^\n]*//\s*$|['"`]\s*[)\]}]*\s*[-;,+*/|&^?:]+\s*\(*\s*(?:(?:window|self|top|parent|document|globalthis|frames)\s*\.\s*)?location(?:\s*\.\s*href)?\s*=\s*(?:(?:window|self|top|parent|document|globalthis|opener|location)\s*\.|name\s*(?:$|[-;,)}+'"`/]))|['"`]\s*[)\]}]*\s*[-;,+*/|&^?:]+\s*\(*\s*(?:(?:window|self|top|parent|globalthis|frames)\s*\.\s*)?document\s*\.\s*\w+\s*=[^=]"#,
        )
        .not_in_passwords(),
        rx(
            12_170,
            CrossSiteScripting,
            "Script that leaves a string and calls what makes script of a text",
            r#"(?i)['"`][\s)\]}]*(?:[-;,+*/|&^?:.{(\[]|in\b)[^'"`<>]{0,80}?\b(?:eval|settimeout|setinterval|import|function|constructor|execscript)\s*\(\s*[^\s)]|['"`][\s)\]}]*[-;,+*/|&^?:]+\s*(?:[a-z_$][\w$]*\s*:\s*|try\s*)?\{[^'"`<>]{0,40}?\b(?:location|document|name)\s*=[^=]"#,
        )
        .not_in_passwords(),
        // Every sign, and every word, that JavaScript takes between a string and a call; comments and line ends before its
        // bracket. A blank there stands in prose, so it does for what is no word of any prose only.
        rx(
            12_171,
            CrossSiteScripting,
            "Script that leaves a string by an operator and calls",
            r#"(?i)['"`][\s)\]}]*(?:[-;,+*/|&^?:.{(\[%<>=!~]|\b(?:in|instanceof|of)\b)[^'"`]{0,80}?\b(?:(?:eval|settimeout|setinterval|execscript)(?:\s|/\*.{0,80}?\*/|//[^\r\n]{0,80}[\r\n])*|(?:alert|confirm|prompt|fetch|atob|import)(?:[\t\r\n]|/\*.{0,80}?\*/|//[^\r\n]{0,80}[\r\n])*)(?:\?\.\s*)?[(`]\s*[^\s)]|['"`][\s)\]}]*(?:[-;,+*/|&^?:.{(\[%<>=!~]|\b(?:in|instanceof|of)\b)[^'"`]{0,80}?\b(?:eval|settimeout|setinterval|function|alert)\s*(?:\.\s*(?:call|apply|bind)\b|,\s*(?:0|null|this|window|self|\[)|\)\s*\(|\]\s*\()"#,
        )
        .not_in_passwords(),
        rx(
            12_160,
            CrossSiteScripting,
            "Script that leaves a string and takes up the rest of the line",
            r#"['"`][\s)\]}]*[-;+*/|&^?][^\n]*[(\[=`][^\n]*(?://\s*$|[-+*/|&;]\s*['"`]\s*$)"#,
        )
        .not_in_passwords(),
    ]
}

fn templates() -> Vec<Rule> {
    vec![
        rx(
            16_100,
            TemplateInjection,
            "A template that calculates or reaches for its host",
            r#"(?i)\{\{[^}]{0,80}(?:\bapp\.request\.server\b|\bprocess\.env\b|\|\s*attr\s*\(|\.class\.(?:base|mro)\b)|\bsmarty_internal_\w|\{math\s+equation\s*=|\|\s*(?:map|filter|sort|reduce|find)\s*\(\s*['"](?:system|passthru|exec|shell_exec|popen|proc_open|pcntl_exec|assert|eval|phpinfo|call_user_func|file_put_contents|file_get_contents|readfile|show_source|highlight_file|include)\b|\{\{\s*['"(]{0,2}\d+['")]{0,2}\s*[*+/-]\s*['"(]{0,2}\d+|\{\{[^}]{0,120}(?:constructor|__\w+__|\bcycler\b|\bjoiner\b|\blipsum\b|_self\b|\bget_flashed_messages\b|\bpopen\b|\|\s*(?:system)|\.exec\(|getclass|registerundefinedfiltercallback|\$on\b|\$eval)|\{\{\s*(?:config|self|request|settings)\s*(?:\.|\}|\[|\||\()|\{%[^%]{0,80}(?:\bimport\b|__\w+__|popen|\bsystem\b)|\{%[-+~]?\s*print\s*[(\d'"]|\{\{-?\s*(?:print(?:f|ln)?|call|urlquery|template|block|define)\s+[\x22'`$.(\d]|\{include(?:_php)?\s+file\s*=\s*['"]?(?:/|\.\.|[a-z]+://|(?:file|php|data|eval):|[\w./-]+\.(?:php|ini|conf|env|log|txt|ya?ml|key|pem)\b|\w+['"]?\s*\})|\{fetch\s+file\s*=|\{\{=\s*\S|\{\{\s*dump\(|\{\$smarty\."#,
        ),
        // As written: to a decoder `%de` is a byte.
        rx(
            16_101,
            TemplateInjection,
            "A template that shows all it has",
            r"(?i)\{%[-+~]?\s*debug\s*[-+~]?%\}",
        )
        .through(&[]),
        rx(
            16_110,
            TemplateInjection,
            "An expression in another template language",
            r#"(?i)[$#*@]\{\s*['"(]{0,2}\d+['")]{0,2}\s*[*+-]\s*['"(]{0,2}\d+|@\(\s*\d+\s*[*+]\s*\d+\s*\)|<%=?\s*(?:\d+\s*[*+]\s*\d+|system|`|file\.|io\.|exec|eval|require|response\.|request\.|foobar)|[$#*]\{[^}]{0,160}(?:\bt\s*\(\s*java|\bruntime\b|processbuilder|getclass\s*\(|\.class\.|forname|java\.lang|\bscriptengine|applicationscope|sessionscope|requestscope)|<#assign\b|freemarker\.template|\?new\s*\(\s*\)|#set\s*\(\s*\$\w+\s*=|\{php\}|(?:^|[\s({;\x22'>])@(?-i:System|AppDomain|Environment|HttpContext|Process)\.(?-i:[A-Z])\w+|\{(?:system|passthru|exec|literal|if\s+(?:system|phpinfo))\s*\(|\[\[\s*\$\{|#\{\s*(?:global\.|root\.|require|file\.|system|`|\w+\.constructor)|__\$\{"#,
        ),
        rx(
            16_120,
            TemplateInjection,
            "Python's way to its own insides",
            r"(?i)__(?:class|mro|base|bases|subclasses|globals|builtins|import|init|getitem|reduce)__|\battr\(\s*['\x22]\\?x?_",
        ),
    ]
}

fn xml() -> Vec<Rule> {
    vec![
        rx(
            23_100,
            XmlInjection,
            "XML: an entity or a document type from elsewhere",
            r#"(?i)<!ENTITY\s+(?:%\s*)?[^\s>]+\s+(?:SYSTEM|PUBLIC|["'])|<!DOCTYPE\s+[^>\[]*(?:\bSYSTEM\b|\[)"#,
        )
        .on(ARGUMENTS)
        .also_on(&[C::XmlDocument, C::FilesContent]),
        // An outer document type loads as one with SYSTEM does; a page of XHTML has one of the W3C's, and comes as an argument.
        rx(23_101, XmlInjection, "XML: a document type from elsewhere", r"(?i)<!DOCTYPE\s+[^>\[]*\bPUBLIC\b")
            .on(&[C::XmlDocument]),
        rx(
            23_110,
            XmlInjection,
            "XML: an inclusion",
            r"(?i)<xi:include\b|http://www\.w3\.org/2001/XInclude|<\?xml-stylesheet\b|<xsl:(?:value-of|include|import|script)\b|<msxsl:script",
        )
        .on(ARGUMENTS)
        .also_on(&[C::XmlDocument]),
    ]
}
