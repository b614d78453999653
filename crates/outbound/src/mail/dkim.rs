//! Signing mail (DKIM, RFC 6376): relaxed/relaxed, with RSA or Ed25519 (RFC 8463). Every header that a reader sees or acts
//! on is signed once more than it is there, so that none can be added on the way (section 8.15).

use std::fmt;

use storeward_base::Timestamp;
use storeward_seal::dkim::{MailKey, body_hash};
use storeward_seal::encoding::base64;

use super::error::MailError;

/// Signed whether they are there or not.
const SIGNED: [&str; 16] = [
    "From",
    "Reply-To",
    "Sender",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// One key of one domain.
pub struct Signer {
    domain: String,
    selector: String,
    key: MailKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, {})", self.record_name(), self.key.algorithm().name())
    }
}

impl Signer {
    /// Both are names of DNS; `None` when one is not.
    pub fn new(domain: &str, selector: &str, key: MailKey) -> Option<Self> {
        let fits = is_name(domain) && is_name(selector);
        fits.then(|| Signer {
            domain: domain.to_ascii_lowercase(),
            selector: selector.to_ascii_lowercase(),
            key,
        })
    }

    /// Where receivers look for the public key.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    pub fn key(&self) -> &MailKey {
        &self.key
    }

    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The `DKIM-Signature` header of a mail, to stand before it. `mail` is the whole of it with CRLF.
    pub fn sign(&self, mail: &str, now: Timestamp) -> Result<String, MailError> {
        let (head, body) = mail.split_once("\r\n\r\n").unwrap_or((mail, ""));
        let fields = fields(head);
        let hash = base64(&body_hash(relaxed_body(body).as_bytes()));
        let mut names = Vec::new();
        let mut signed = String::new();
        for name in SIGNED {
            names.push(name);
            // From the bottom up, as section 5.4.2 says; ours are there once.
            for field in fields.iter().rev().filter(|field| is_named(field, name)) {
                signed.push_str(&relaxed_header(field));
                signed.push_str("\r\n");
                names.push(name);
            }
        }
        let mut header = format!(
            "DKIM-Signature: v=1; a={}; c=relaxed/relaxed; d={};\r\n\ts={}; t={}; h=",
            self.key.algorithm().name(),
            self.domain,
            self.selector,
            now.micros().div_euclid(1_000_000)
        );
        push_names(&mut header, &names);
        header.push_str(&format!(";\r\n\tbh={hash};\r\n\tb="));
        signed.push_str(&relaxed_header(&header));
        let signature = self.key.sign(signed.as_bytes()).map_err(|_| MailError::Signature)?;
        for chunk in base64(&signature).as_bytes().chunks(72) {
            header.extend(chunk.iter().map(|b| char::from(*b)));
            header.push_str("\r\n\t");
        }
        header.truncate(header.len().saturating_sub(1));
        Ok(header)
    }
}

/// The names of `h=`, folded after a colon (section 3.5 allows blanks there).
fn push_names(header: &mut String, names: &[&str]) {
    let mut width = 20;
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            header.push(':');
            if width + name.len() > 70 {
                header.push_str("\r\n\t ");
                width = 9;
            }
        }
        header.push_str(name);
        width += name.len() + 1;
    }
}

fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    text.len() <= 200 && text.split('.').all(is_label)
}

/// The head's fields, each with its continued lines.
pub(super) fn fields(head: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = head;
    while !rest.is_empty() {
        let mut end = rest.len();
        for (at, _) in rest.match_indices("\r\n") {
            if !rest.get(at + 2..).is_some_and(|next| next.starts_with([' ', '\t'])) {
                end = at;
                break;
            }
        }
        let (field, after) = rest.split_at(end);
        fields.push(field);
        rest = after.strip_prefix("\r\n").unwrap_or(after);
    }
    fields
}

fn is_named(field: &str, name: &str) -> bool {
    field.split(':').next().is_some_and(|found| found.trim_end().eq_ignore_ascii_case(name))
}

/// Section 3.4.2.
pub(super) fn relaxed_header(field: &str) -> String {
    let (name, value) = field.split_once(':').unwrap_or((field, ""));
    let value = value.replace("\r\n", "");
    format!("{}:{}", name.trim_end().to_ascii_lowercase(), single_blanks(&value).trim_matches(' '))
}

/// Section 3.4.4.
pub(super) fn relaxed_body(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    for line in body.split_terminator("\r\n") {
        out.push_str(single_blanks(line).trim_end_matches(' '));
        out.push_str("\r\n");
    }
    while out.ends_with("\r\n\r\n") {
        out.truncate(out.len() - 2);
    }
    if out == "\r\n" { String::new() } else { out }
}

fn single_blanks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' | '\t' if out.ends_with(' ') => {}
            '\t' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SystemEntropy;
    use storeward_seal::dkim::{Algorithm, verify};
    use storeward_seal::encoding::decode_base64;

    #[test]
    fn relaxed_as_the_standard_shows() {
        // RFC 6376 section 3.4.5 describes this mail.
        assert_eq!(relaxed_header("A: X"), "a:X");
        assert_eq!(relaxed_header("B : Y\t\r\n\tZ  "), "b:Y Z");
        assert_eq!(relaxed_body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
        assert_eq!(relaxed_body(""), "");
        assert_eq!(relaxed_body("\r\n\r\n"), "");
        assert_eq!(fields("A: X\r\nB : Y\t\r\n\tZ  "), ["A: X", "B : Y\t\r\n\tZ  "]);
    }

    const MAIL: &str = "Date: Tue, 24 Nov 2026 17:38:00 +0000\r\nFrom: \"Shop\" <a@shop.example>\r\nTo: \
                        <b@c.example>\r\nSubject: Your\r\n code\r\nMessage-ID: <1@shop.example>\r\n\r\nHello \
                        there\r\n";

    /// Reads a signed mail as a receiver does: section 6.1, from the header alone.
    fn check(mail: &str, algorithm: Algorithm, public: &[u8]) -> Result<(), &'static str> {
        let (head, body) = mail.split_once("\r\n\r\n").ok_or("no body")?;
        let fields = fields(head);
        let signature = *fields.iter().find(|f| is_named(f, "dkim-signature")).ok_or("unsigned")?;
        let flat: String = signature.split_once(':').unwrap().1.split_whitespace().collect();
        let tag = |name: &str| {
            flat.split(';')
                .find_map(|tag| tag.strip_prefix(name)?.strip_prefix('='))
                .ok_or("a tag is missing")
        };
        if tag("a")? != algorithm.name() {
            return Err("algorithm");
        }
        if tag("bh")? != base64(&body_hash(relaxed_body(body).as_bytes())) {
            return Err("body");
        }
        let mut left: Vec<&str> = fields.iter().copied().filter(|f| *f != signature).collect();
        let mut signed = String::new();
        for name in tag("h")?.split(':') {
            if let Some(at) = left.iter().rposition(|field| is_named(field, name)) {
                signed.push_str(&relaxed_header(left.remove(at)));
                signed.push_str("\r\n");
            }
        }
        let bare = signature.rfind("b=").map(|at| &signature[..at + 2]).unwrap();
        signed.push_str(&relaxed_header(bare));
        let bytes = decode_base64(tag("b")?).ok_or("base 64")?;
        verify(algorithm, public, signed.as_bytes(), &bytes).map_err(|_| "signature")
    }

    #[test]
    fn a_signed_mail_stands_and_a_changed_one_falls() {
        for algorithm in [Algorithm::RsaSha256, Algorithm::Ed25519Sha256] {
            let (key, _) = MailKey::generate(algorithm, &SystemEntropy).unwrap();
            let public = key.public().unwrap();
            let signer = Signer::new("Shop.Example", "s1", key).unwrap();
            assert_eq!(signer.record_name(), "s1._domainkey.shop.example");
            let header = signer.sign(MAIL, Timestamp::from_seconds(1_795_541_880)).unwrap();
            assert!(header.ends_with("\r\n") && !header.contains("\r\n\r\n"), "{header}");
            assert!(header.lines().all(|line| line.len() <= 78), "{header}");
            let signed = format!("{header}{MAIL}");
            assert_eq!(check(&signed, algorithm, &public), Ok(()));
            // What relays do on the way changes nothing.
            assert_eq!(check(&format!("Received: by x\r\n{signed}"), algorithm, &public), Ok(()));
            assert_eq!(
                check(&signed.replace("Your\r\n code", "Your \r\n\tcode"), algorithm, &public),
                Ok(())
            );
            let falls = |changed: String| assert!(check(&changed, algorithm, &public).is_err(), "{changed}");
            falls(signed.replace("Hello", "Hallo"));
            falls(format!("{signed}more\r\n"));
            falls(signed.replace("Your", "My"));
            falls(signed.replace("b@c", "x@c"));
            for added in [
                "From: <x@evil.example>",
                "Subject: Another",
                "To: <x@evil.example>",
                "Cc: <x@evil.example>",
                "Date: Tue, 24 Nov 2026 18:38:00 +0000",
                "Message-ID: <2@shop.example>",
                "Reply-To: <x@evil.example>",
                "Sender: <x@evil.example>",
                "List-Unsubscribe: <https://evil.example/>",
                "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
                "Content-Type: text/html",
                "Content-Transfer-Encoding: base64",
            ] {
                falls(format!("{added}\r\n{signed}"));
                falls(signed.replace("\r\n\r\n", &format!("\r\n{added}\r\n\r\n")));
            }
        }
    }

    #[test]
    fn names_are_those_of_dns() {
        for (domain, selector) in
            [("shop.example; x=y", "s"), ("shop.example", "s\r\n"), ("", "s"), ("a..b", "s"), ("a.b", "")]
        {
            let (key, _) = MailKey::generate(Algorithm::Ed25519Sha256, &SystemEntropy).unwrap();
            assert!(Signer::new(domain, selector, key).is_none(), "{domain} {selector}");
        }
    }
}
