//! Abuse of HTTP and of encodings.

use std::borrow::Cow;

use super::{ARGUMENTS, C, DECODED, NAMES, PATH, rule, rx};
use crate::rule::{Operator, Rule, Variable};
use crate::values::Fact;
use crate::verdict::Category::Protocol;
use crate::verdict::Severity;

/// What they find may hold a card's number that nobody sees: packed, in an odd character set, or in UTF-16 or UTF-32, where each digit has
/// a null byte beside it.
pub(crate) const UNREAD: [u32; 3] = [25_107, 25_108, NULL_BYTE];
pub(crate) const NULL_BYTE: u32 = 25_200;

pub(super) fn rules() -> Vec<Rule> {
    [facts(), encodings(), fields()].concat()
}

fn facts() -> Vec<Rule> {
    let of = |id, fact: Fact, severity, message| {
        let mut fact_rule = rule(id, Protocol, message, Operator::Always).severity(severity).through(&[]);
        fact_rule.condition.exclusions = Vec::new();
        fact_rule.condition.variables = vec![Variable::named(C::Facts, fact.as_str())];
        fact_rule
    };
    vec![
        of(25_100, Fact::BadUrlEncoding, Severity::Notice, "A percent sign that encodes nothing"),
        of(25_101, Fact::BadJson, Severity::Warning, "JSON that is none"),
        of(25_102, Fact::BadMultipart, Severity::Critical, "A multipart body that breaks its own rules"),
        of(25_103, Fact::BadBoundary, Severity::Critical, "A multipart boundary that breaks the rules"),
        of(25_104, Fact::TooDeep, Severity::Critical, "JSON nested beyond reason"),
        of(25_105, Fact::TooManyArguments, Severity::Critical, "More arguments than a shop has"),
        of(25_106, Fact::Truncated, Severity::Notice, "The body goes on past the cap"),
        of(25_107, Fact::EncodedBody, Severity::Critical, "A compressed request, which cannot be inspected"),
        of(25_108, Fact::OddCharset, Severity::Critical, "A charset in which text reads differently"),
        of(25_109, Fact::BadContentType, Severity::Critical, "A content type that is none"),
        of(25_110, Fact::RepeatedContentType, Severity::Critical, "More than one content type"),
    ]
}

fn encodings() -> Vec<Rule> {
    vec![
        rx(NULL_BYTE, Protocol, "A null byte", r"\x00")
            .on(&[ARGUMENTS, NAMES, &[C::RequestCookies, C::RequestHeaders, C::RequestFilename, C::Files]].concat())
            .through(&[crate::rule::Transformation::PercentDecode]),
        rx(25_201, Protocol, "A null byte in the target", r"%(?:25)*00|\x00").on(&[C::RequestUriRaw]).through(&[]),
        rx(
            25_210,
            Protocol,
            "Overlong UTF-8",
            r"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}",
        )
        .on(&[ARGUMENTS, NAMES, &[C::RequestCookies, C::RequestFilename, C::RequestUriRaw]].concat())
        .through(&[crate::rule::Transformation::PercentDecode]),
        rule(25_220, Protocol, "Bytes that are not UTF-8", Operator::InvalidUtf8)
            .on(&[C::ArgsGet, C::ArgsPost])
            .through(&[])
            .severity(Severity::Notice),
        rx(
            25_230,
            Protocol,
            "A line break, then a header field",
            r"(?i)[\r\n]\s*(?:set-cookie\s*:|location\s*:|content-(?:type|length|disposition|encoding)\s*:|transfer-encoding\s*:|refresh\s*:|x-[\w-]+\s*:|http/[\d.]+\s+\d|(?:bcc|cc|to|from|subject|reply-to|mime-version)\s*:\s*\S+@)",
        )
        .on(&[C::ArgsGet, C::ArgsGetNames, C::RequestCookies, C::RequestFilename, C::RequestHeaders])
        .through(DECODED),
        rx(
            25_231,
            Protocol,
            "A line break, then a whole header",
            r"(?i)[\r\n]\s*(?:set-cookie\s*:\s*\w+=|content-length\s*:\s*\d|transfer-encoding\s*:\s*chunked|http/1\.[01]\s+\d|bcc\s*:\s*\S+@|(?:get|post)\s+\S+\s+http/1)",
        )
        .on(ARGUMENTS)
        .through(DECODED),
        rx(25_232, Protocol, "A line break in the path", r"[\r\n]").on(&[C::RequestFilename]).through(PATH),
    ]
}

fn fields() -> Vec<Rule> {
    let within =
        |texts: &[&'static str]| Operator::Within(texts.iter().map(|text| Cow::Borrowed(*text)).collect());
    let mut control = rx(25_300, Protocol, "A control byte in a header field", r"[\x00-\x08\x0a-\x1f\x7f]")
        .on(&[C::RequestHeaders])
        .through(&[]);
    control.condition.exclusions = Vec::new();
    vec![
        control,
        rule(
            25_310,
            Protocol,
            "A method that shops do not use",
            within(&[
                "TRACE",
                "TRACK",
                "DEBUG",
                "CONNECT",
                "MOVE",
                "COPY",
                "MKCOL",
                "PROPFIND",
                "PROPPATCH",
                "LOCK",
                "UNLOCK",
                "SEARCH",
            ]),
        )
        .on(&[C::RequestMethod])
        .through(&[]),
        rule(
            25_320,
            Protocol,
            "Another method behind the real one",
            within(&["TRACE", "TRACK", "CONNECT", "DEBUG", "DELETE", "MOVE", "COPY", "PROPFIND"]),
        )
        .on_header(&["x-http-method-override", "x-http-method", "x-method-override"])
        .through(&[]),
        rx(25_330, Protocol, "Another address behind the real one", r"^.+$")
            .on_header(&["x-original-url", "x-rewrite-url", "proxy", "x-middleware-subrequest"])
            .through(&[]),
        // RFC 6750 section 2.1 has no such sign in a token.
        rx(25_350, Protocol, "A bearer's token that is none", r#"(?i)^bearer\s.*['"<>();]"#)
            .on_header(&["authorization"])
            .through(&[]),
        rx(25_340, Protocol, "Very many ranges", r"^[^,]*(?:,[^,]*){8,}$")
            .on_header(&["range", "request-range"])
            .through(&[]),
    ]
}
