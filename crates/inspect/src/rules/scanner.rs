//! Scanners: what they call themselves, and what they ask for.

use super::{C, NORMAL_PATH, TEXT, phrases, rule, rx};
use crate::rule::{Action, Rule};
use crate::verdict::Category::Scanner;
use crate::verdict::Severity;

const TOOLS: &[&str] = &[
    "sqlmap",
    "nikto",
    "nmap scripting",
    "masscan",
    "acunetix",
    "nessus",
    "openvas",
    "dirbuster",
    "gobuster",
    "feroxbuster",
    "fuzz faster u fool",
    "wfuzz",
    "wpscan",
    "nuclei",
    "zgrab",
    "burpsuite",
    "burp suite",
    "owasp zap",
    "havij",
    "w3af",
    "arachni",
    "skipfish",
    "jaeles",
    "commix",
    "whatweb",
    "netsparker",
    "invicti",
    "hydra",
    "dirsearch",
    "xsser",
    "fimap",
    "joomscan",
    "jorgee",
    "morfeus",
    "webinspect",
    "vega/",
    "sqlninja",
    "bsqlbf",
    "absinthe",
    "grendel-scan",
    "n-stealth",
    "webshag",
    "whisker",
    "zmeu",
    "muieblackcat",
    "libredtail",
    "httpx - open",
    "katana",
    "projectdiscovery",
    "censysinspect",
    "l9explore",
    "l9tcpid",
    "xray/",
    "dalfox",
    "ghauri",
    "tplmap",
    "detectify",
    "qualys was",
    "appscan",
    "gobot/",
    "hakai/",
    "hello, world",
    "interactsh",
];

pub(super) fn rules() -> Vec<Rule> {
    vec![
        rule(24_100, Scanner, "The browser calls itself a scanner", phrases(TOOLS)).on_header(&["user-agent"]),
        rx(
            24_110,
            Scanner,
            "A header field of a scanner",
            r"(?i)^(?:acunetix-\w+|x-scanner|x-wipp|x-ratproxy-loop|x-scan-memo|x-request-memo|x-requestmanager-memo|x-wvs-id|burp0|x-burp\w*|nuclei-\w+)$",
        )
        .on(&[C::RequestHeadersNames])
        .through(&[]),
        rx(
            24_120,
            Scanner,
            "A path that only scanners ask for",
            r"(?i)/(?:eval-stdin\.php|phpunit/(?:phpunit/)?src/util|_ignition/|telescope/requests|actuator/(?:env|heapdump|gateway|mappings|configprops|jolokia|threaddump|logfile)|jolokia/|cgi-bin/(?:luci|\.|%2e|test-cgi|php)|boaform/|hnap1\b|goform/|gponform/|solr/[\w/]*(?:admin|select)|owa/auth|autodiscover/autodiscover\.json|ecp/|vpnsvc|remote/fgt_lang|dana-na/|geoserver/|struts2?-|invoker/(?:jmx|ejb)|wls-wsat|_async/asyncresponse|console/(?:login|images)|manager/(?:html|text)|jmx-console|hudson/|jenkins/script|druid/index|nacos/|v1/agent/self|_cat/indices|_all_dbs|debug/(?:pprof|default)|\+cscoe\+|sdk/webservice|api/jsonws|axis2|shell\.php|c99\.php|r57\.php|wso\.php|b374k|alfa(?:shell|new)?\.php|webshell|cmd\.(?:php|jsp|asp)|x\.php\?|wp-content/[\w/.-]{0,80}(?:shell|backdoor|cmd|wso|r57|c99)\w*\.php|wp-content/(?:uploads|plugins)/[\w/.-]{1,120}/?\w+\.php\d?\.)",
        )
        .on(&[C::RequestFilename])
        .through(NORMAL_PATH),
        rx(
            24_130,
            Scanner,
            "A host that listens for scanners",
            r"(?i)\.(?:burpcollaborator\.net|oastify\.com|interact\.sh|interactsh\.com|oast\.(?:fun|pro|live|site|online|me)|dnslog\.cn|ceye\.io|requestbin\.net|bxss\.me|xss\.ht|canarytokens\.com|vulnweb\.com|eyes\.sh|dns\.outbound\.watchtowr\.com)\b",
        )
        .on(TEXT)
        .on_every_header(),
        rx(
            24_140,
            Scanner,
            "Administration tools are looked for",
            r"(?i)^/(?:phpmyadmin|pma|myadmin|mysqladmin|dbadmin|adminer(?:-[\d.]+)?(?:\.php)?|sqlbuddy|webmin|cpanel|whm|plesk)(?:/|$)",
        )
        .on(&[C::RequestFilename])
        .through(NORMAL_PATH)
        .severity(Severity::Warning)
        .action(Action::Challenge),
    ]
}
