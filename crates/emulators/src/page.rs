//! The pages that a buyer's browser walks through. No script at all; every page says that it is a stand-in.

use crate::message::{Answer, Leaves};

/// Text for HTML, also inside of quoted attributes.
pub fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut all, sign| {
        match sign {
            '&' => all.push_str("&amp;"),
            '<' => all.push_str("&lt;"),
            '>' => all.push_str("&gt;"),
            '"' => all.push_str("&quot;"),
            '\'' => all.push_str("&#39;"),
            other => all.push(other),
        }
        all
    })
}

const STYLE: &str = "\
:root{color-scheme:light dark;--paper:#f6f7f9;--card:#fff;--ink:#1a1f36;--soft:#5b6472;--line:#d5dae1;--act:#4b3fd1;--on:#fff;--bad:#b3261e}\
@media(prefers-color-scheme:dark){:root{--paper:#12141a;--card:#1c1f27;--ink:#eef0f4;--soft:#a7afbd;--line:#3a404d;--act:#9d94ff;--on:#12141a;--bad:#ff9d94}}\
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
main{max-width:30rem;margin:2rem auto;padding:1.5rem;background:var(--card);border:1px solid var(--line);border-radius:12px}\
@media(max-width:32rem){main{margin:0;border:0;border-radius:0;min-height:100vh}}\
h1{font-size:1.25rem;margin:0 0 .5rem}.sum{font-size:1.75rem;font-weight:600;margin:.25rem 0 1rem}\
.stand{font-size:.875rem;color:var(--soft);border-bottom:1px solid var(--line);padding-bottom:.75rem;margin:0 0 1rem}\
label{display:block;font-size:.875rem;margin:.75rem 0 .25rem}\
input{width:100%;min-height:2.75rem;padding:.5rem .75rem;font:inherit;color:inherit;background:transparent;border:1px solid var(--soft);border-radius:8px}\
.two{display:grid;grid-template-columns:1fr 1fr;gap:.75rem}\
button{width:100%;min-height:2.75rem;margin-top:1rem;font:inherit;font-weight:600;color:var(--on);background:var(--act);border:1px solid var(--act);border-radius:8px;cursor:pointer}\
button.second{color:var(--act);background:transparent}\
a{color:var(--act)}:focus-visible{outline:3px solid var(--act);outline-offset:2px}\
details{margin-top:1rem;font-size:.875rem}.bad{color:var(--bad);font-weight:600}ul{padding-left:1.25rem}";

/// A whole page. `title` is text, `body` is HTML.
pub fn page(status: u16, title: &str, provider: &str, body: &str) -> Answer {
    let (title, provider) = (escaped(title), escaped(provider));
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><main><p class=\"stand\">Stand-in for {provider}. No money moves here; use test \
         cards only.</p><h1>{title}</h1>{body}</main></body></html>"
    );
    Answer { status, headers: Vec::new(), body: html, leaves: Leaves::Whole }
        .with("content-type", "text/html; charset=utf-8")
        .with("cache-control", "no-store")
        .with("referrer-policy", "no-referrer")
        .with(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        )
}

/// An amount for people: minor units with the currency's digits.
pub fn amount(minor: i64, currency: &str) -> String {
    let digits = digits(currency);
    let name = currency.to_ascii_uppercase();
    if digits == 0 {
        return format!("{minor} {name}");
    }
    let scale = 10_i64.pow(digits);
    let width = usize::try_from(digits).unwrap_or(2);
    format!("{}.{:0width$} {name}", minor / scale, (minor % scale).abs())
}

/// ISO 4217: how many digits stand behind the point.
pub fn digits(currency: &str) -> u32 {
    match currency.to_ascii_lowercase().as_str() {
        "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "vnd" | "vuv"
        | "xaf" | "xof" | "xpf" => 0,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_their_currency_s_digits() {
        for (minor, currency, expected) in [
            (1999, "eur", "19.99 EUR"),
            (5, "usd", "0.05 USD"),
            (500, "jpy", "500 JPY"),
            (1234, "kwd", "1.234 KWD"),
        ] {
            assert_eq!(amount(minor, currency), expected);
        }
    }

    #[test]
    fn text_cannot_leave_its_place() {
        let page = page(200, "<script>\"'&", "x", "");
        assert!(!page.body.contains("<script"), "{}", page.body);
    }
}
