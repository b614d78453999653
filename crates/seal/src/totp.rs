//! Time-based one-time codes (RFC 6238): HMAC-SHA-1, six digits, steps of 30 seconds: what every authenticator app
//! supports.

use std::fmt;

use aws_lc_rs::hmac;
use storeward_base::{Entropy, Secret, Timestamp};

use crate::Error;
use crate::encoding::{base32, decode_base32};
use crate::fingerprint::equal;

/// Seconds that one code is shown.
pub const STEP_SECONDS: i64 = 30;
const DIGITS: usize = 6;

/// Number of a 30-second step since 1970. Store the last one accepted, and refuse codes that are not later (RFC 6238
/// section 5.2: a code is good once).
pub type Step = u64;

/// The secret that app and server share: 160 bits, as RFC 4226 section 4 recommends.
#[derive(Clone)]
pub struct TotpSecret(Secret<Vec<u8>>);

impl TotpSecret {
    pub fn generate(entropy: &dyn Entropy) -> Self {
        TotpSecret(Secret::new(entropy.bytes::<20>().to_vec()))
    }

    /// Between 16 bytes (RFC 4226 section 4, R6) and 64.
    pub fn from_bytes(bytes: Secret<Vec<u8>>) -> Result<Self, Error> {
        if (16..=64).contains(&bytes.expose().len()) { Ok(TotpSecret(bytes)) } else { Err(Error::Key) }
    }

    /// Reads what [`TotpSecret::base32`] shows.
    pub fn from_base32(text: &str) -> Result<Self, Error> {
        let bytes = decode_base32(text).ok_or(Error::Form("the secret is not in base 32"))?;
        Self::from_bytes(Secret::new(bytes))
    }

    /// What is sealed at rest.
    pub fn bytes(&self) -> &Secret<Vec<u8>> {
        &self.0
    }

    /// For a person who types it into an app.
    pub fn base32(&self) -> Secret<String> {
        Secret::new(base32(self.0.expose()))
    }

    /// What an app reads from a QR code.
    pub fn otpauth_uri(&self, issuer: &str, account: &str) -> Secret<String> {
        let (issuer, account) = (percent(issuer), percent(account));
        Secret::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            base32(self.0.expose())
        ))
    }

    /// The code of one step.
    pub fn code_at(&self, step: Step) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.0.expose());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        // RFC 4226 section 5.3: the last four bits say where to read 31 bits.
        let offset = tag.last().map_or(0, |b| usize::from(b & 15));
        let window = tag.get(offset..offset + 4).and_then(|w| <[u8; 4]>::try_from(w).ok());
        let bits = u32::from_be_bytes(window.expect("offset is below 16 and a SHA-1 tag has 20 bytes"))
            & 0x7FFF_FFFF;
        format!("{:0DIGITS$}", bits % 1_000_000)
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(***)")
    }
}

/// The step that `now` lies in; 0 before 1970.
pub fn step_at(now: Timestamp) -> Step {
    Step::try_from(now.seconds().div_euclid(STEP_SECONDS)).unwrap_or(0)
}

/// The step whose code this is, at most `window` steps away from `now` (1 is right: RFC 6238 section 5.2). The caller
/// must refuse a step that is not later than the last one it accepted. Spaces are passed over.
pub fn verify(secret: &TotpSecret, code: &str, now: Timestamp, window: u8) -> Option<Step> {
    let typed: String = code.chars().filter(|c| !c.is_whitespace()).take(DIGITS + 1).collect();
    if typed.len() != DIGITS || !typed.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (middle, window) = (step_at(now), u64::from(window));
    let steps = middle.saturating_sub(window)..=middle.saturating_add(window);
    // No early return: the time must not tell which step fits.
    steps.fold(None, |found, step| {
        if equal(secret.code_at(step).as_bytes(), typed.as_bytes()) { Some(step) } else { found }
    })
}

/// Percent-encoding of everything but RFC 3986's unreserved characters.
fn percent(text: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes()
        .map(|b| if unreserved(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc_secret() -> TotpSecret {
        TotpSecret::from_bytes(Secret::new(b"12345678901234567890".to_vec())).unwrap()
    }

    #[test]
    fn rfc_6238_appendix_b() {
        // The appendix shows eight digits; six are the last six of them.
        let cases = [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ];
        for (seconds, code) in cases {
            assert_eq!(rfc_secret().code_at(step_at(Timestamp::from_seconds(seconds))), code[2..]);
        }
    }

    #[test]
    fn accepts_neighbours_and_says_which_step() {
        let (secret, now) = (rfc_secret(), Timestamp::from_seconds(1_000_000_000));
        let step = step_at(now);
        for (at, expected) in [
            (step - 2, None),
            (step - 1, Some(step - 1)),
            (step, Some(step)),
            (step + 1, Some(step + 1)),
            (step + 2, None),
        ] {
            assert_eq!(verify(&secret, &secret.code_at(at), now, 1), expected);
        }
        let spaced = format!(" {} {}", &secret.code_at(step)[..3], &secret.code_at(step)[3..]);
        assert_eq!(verify(&secret, &spaced, now, 1), Some(step));
        for bad in ["", "12345", "1234567", "12345a", "１２３４５６"] {
            assert_eq!(verify(&secret, bad, now, 1), None);
        }
    }

    #[test]
    fn shows_itself_to_apps_only() {
        let secret = rfc_secret();
        assert_eq!(secret.base32().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            TotpSecret::from_base32("gezd gnbv gy3t qojq gezd gnbv gy3t qojq").unwrap().bytes().expose(),
            secret.bytes().expose()
        );
        assert_eq!(
            secret.otpauth_uri("My shop", "a@b").expose(),
            "otpauth://totp/My%20shop:a%40b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=My%20shop&algorithm=SHA1&digits=6&period=30"
        );
        assert_eq!(format!("{secret:?}"), "TotpSecret(***)");
        assert!(TotpSecret::from_bytes(Secret::new(vec![0; 8])).is_err());
    }
}
