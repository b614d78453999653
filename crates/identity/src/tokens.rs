//! What browsers hold of us: cookies, each a random token but the answer to a puzzle. At rest there are only hashes.

use storeward_base::{Entropy, Secret, Timestamp};
use storeward_seal::fingerprint::{equal, is_token, sha256_hex, token_hash};
use storeward_web::http::HeaderValue;
use storeward_web::{Cookie, CsrfToken, SameSite};

use crate::marks::Marks;
use crate::model::DeviceId;

/// Lax: customers come from letters and search engines by links, and are still signed in then. What changes anything
/// is a POST from our own pages.
pub const SESSION_COOKIE: Cookie = Cookie { name: "__Host-storeward-customer", same_site: SameSite::Lax };
/// The device that signed in before: one token for each of the last accounts that did so here, the latest first.
pub const DEVICE_COOKIE: Cookie = Cookie { name: "__Host-storeward-device", same_site: SameSite::Lax };
/// Something begun and not finished.
pub const FLOW_COOKIE: Cookie = Cookie { name: "__Host-storeward-flow", same_site: SameSite::Lax };

/// The answer to a puzzle, until the next try at the shop's own form.
pub const SOLVED_COOKIE: Cookie = Cookie { name: "__Host-storeward-solved", same_site: SameSite::Strict };
/// The same from a script of the storefront, with the request itself. Not `storeward-…`: those are what we say to the shop, and a
/// client's own are gone before we look.
pub const SOLVED_HEADER: &str = "x-storeward-puzzle";

macro_rules! token {
    ($name:ident, $csrf:literal, $what:literal) => {
        #[doc = $what]
        #[derive(Clone, Debug)]
        pub struct $name(Secret<String>);

        impl $name {
            pub fn generate(entropy: &dyn Entropy) -> Self {
                $name(Secret::new(entropy.token::<32>()))
            }

            /// `None` when it cannot be one of ours.
            pub fn parse(text: &str) -> Option<Self> {
                is_token(text).then(|| $name(Secret::new(text.to_owned())))
            }

            /// What the cookie holds.
            pub fn secret(&self) -> &Secret<String> {
                &self.0
            }

            /// What the database keeps.
            pub fn hash(&self) -> String {
                token_hash(self.0.expose())
            }

            /// What each form repeats: follows from the token, and does not lead back to it.
            pub fn csrf(&self) -> CsrfToken {
                CsrfToken::new(sha256_hex(format!("{}/1\n{}", $csrf, self.0.expose()).as_bytes()))
            }
        }
    };
}

/// Behind the token of a session that ends with its browser, in the cookie: what replaces the token does so, too.
const ENDS_WITH_BROWSER: &str = "-b";

/// What of a session's cookie is the token, and whether it outlives the browser.
pub fn read_session(cookie: &str) -> (Option<SessionToken>, bool) {
    match cookie.strip_suffix(ENDS_WITH_BROWSER) {
        Some(token) => (SessionToken::parse(token), false),
        None => (SessionToken::parse(cookie), true),
    }
}

/// The line that sets a session's cookie, for so many seconds where it outlives the browser.
pub fn session_cookie(token: &SessionToken, seconds: Option<u64>) -> Option<HeaderValue> {
    match seconds {
        Some(_) => SESSION_COOKIE.set(token.secret().expose(), seconds),
        None => SESSION_COOKIE.set(&format!("{}{ENDS_WITH_BROWSER}", token.secret().expose()), None),
    }
}

token!(SessionToken, "identity-session-csrf", "Of a signed-in browser: 256 random bits in hexadecimal.");
token!(FlowToken, "identity-flow-csrf", "Of something begun: 256 random bits in hexadecimal.");

/// Of a device: its id, and a secret that changes with each sign-in: 128 bits that nobody can guess, signed with 128 of a key of ours. So one
/// that was given out once is told from one that was made up, also when its hash is kept no more: it was copied. Behind that, signed as
/// well, when it was given out: a database that was put back from a backup knows none of the newer ones.
#[derive(Clone, Debug)]
pub struct DeviceToken {
    pub id: DeviceId,
    secret: Secret<String>,
    /// Microseconds since 1970 in 16 digits of hexadecimal, and 128 bits of a signature; empty in tokens of before.
    stamp: String,
}

/// The length of a stamp.
const STAMP: usize = 48;
/// As many accounts a browser is known for: a household shares it. Whoever comes beyond that replaces who signed in longest ago.
const HELD: usize = 4;
/// Between the tokens of a browser; in none of them two of these stand together.
const BETWEEN: &str = "--";

impl DeviceToken {
    pub fn generate(id: DeviceId, marks: &Marks, at: Timestamp, entropy: &dyn Entropy) -> Self {
        DeviceToken::signed(id, entropy.token::<16>(), marks, at)
    }

    /// What replaces it. It follows from it under a key of ours: a sign-in that is sent twice gives out the same token twice, in
    /// whatever order its answers come, and whichever of them the browser keeps.
    pub fn next(&self, marks: &Marks, at: Timestamp) -> Self {
        DeviceToken::signed(self.id, marks.next_device(self.id, self.secret.expose()), marks, at)
    }

    fn signed(id: DeviceId, random: String, marks: &Marks, at: Timestamp) -> Self {
        let secret = random.clone() + &marks.device(id, &random);
        let at = format!("{:016x}", at.micros());
        let stamp = at.clone() + &marks.device(id, &format!("{secret}\n{at}"));
        DeviceToken { id, secret: Secret::new(secret), stamp }
    }

    /// When it was given out. `None` of a token of before, and where somebody else wrote it.
    pub fn given_at(&self, marks: &Marks) -> Option<Timestamp> {
        let (at, signature) = self.stamp.split_at_checked(16)?;
        let own = marks.device(self.id, &format!("{}\n{at}", self.secret.expose()));
        let micros = i64::from_str_radix(at, 16).ok()?;
        equal(signature.as_bytes(), own.as_bytes()).then(|| Timestamp::from_micros(micros))
    }

    /// Whether it was given out by us, be it long ago.
    pub fn is_genuine(&self, marks: &Marks) -> bool {
        self.secret.expose().split_at_checked(32).is_some_and(|(random, signature)| {
            equal(signature.as_bytes(), marks.device(self.id, random).as_bytes())
        })
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (id, rest) = text.rsplit_once('-')?;
        let (secret, stamp) = rest.split_at_checked(64)?;
        let id = id.parse().ok()?;
        let is_one = is_token(secret) && (stamp.is_empty() || stamp.len() == STAMP);
        is_one.then(|| DeviceToken { id, secret: Secret::new(secret.to_owned()), stamp: stamp.to_owned() })
    }

    /// All that a browser holds, the latest first.
    pub fn parse_all(text: &str) -> Vec<Self> {
        text.split(BETWEEN).take(HELD).filter_map(DeviceToken::parse).collect()
    }

    /// What the cookie holds of this one.
    pub fn cookie_value(&self) -> Secret<String> {
        Secret::new(format!("{}-{}{}", self.id, self.secret.expose(), self.stamp))
    }

    /// What the cookie holds of this one, and behind it of others' on the same browser.
    pub fn cookie_with(&self, others: &[DeviceToken]) -> Secret<String> {
        let mut all = self.cookie_value().expose().clone();
        for other in others.iter().take(HELD - 1) {
            all.push_str(BETWEEN);
            all.push_str(other.cookie_value().expose());
        }
        Secret::new(all)
    }

    pub fn hash(&self) -> String {
        token_hash(self.secret.expose())
    }
}

/// A code of `digits` digits, each as likely as the others.
pub fn numeric_code(digits: u32, entropy: &dyn Entropy) -> Secret<String> {
    let most = 10u32.pow(digits);
    // The numbers above the last whole multiple would make the small codes likelier.
    let limit = u32::MAX - u32::MAX % most;
    loop {
        let number = u32::from_le_bytes(entropy.bytes::<4>());
        if number < limit {
            let width = usize::try_from(digits).unwrap_or(0);
            return Secret::new(format!("{:0width$}", number % most));
        }
    }
}

/// A recovery code: 16 characters of 5 bits, so few that people type them from paper without a fault. 80 bits are out of reach
/// of whoever has the database and not the key that its mark is made with (`Marks::recovery_code`), and nobody may try often.
pub fn recovery_code(entropy: &dyn Entropy) -> Secret<String> {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let bytes = entropy.bytes::<16>();
    let mut text = String::with_capacity(19);
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 && at % 4 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte & 31)]));
    }
    Secret::new(text)
}

/// A recovery code as somebody typed it: blanks, hyphens, capitals, and letters that look like digits are as they should be.
pub fn read_recovery_code(typed: &str) -> Option<TypedRecoveryCode> {
    let plain: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .take(25)
        .map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            c => c,
        })
        .collect();
    if !plain.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    match plain.len() {
        16 => Some(TypedRecoveryCode::Short(Secret::new(plain))),
        24 => Some(TypedRecoveryCode::Long { hash: token_hash(&format!("recovery/{plain}")) }),
        _ => None,
    }
}

/// Codes of both lengths are out there.
#[derive(Debug)]
pub enum TypedRecoveryCode {
    Short(Secret<String>),
    /// Of 24 characters, as they were made at first: kept under a plain hash, which their 120 bits allow.
    Long {
        hash: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::{SeededEntropy, SystemEntropy};
    use storeward_seal::PseudonymKey;

    #[test]
    fn tokens_round_trip() {
        let marks = Marks::new(&PseudonymKey::generate(&SystemEntropy));
        let device = DeviceToken::generate(
            DeviceId::at(Timestamp::from_seconds(1), &SystemEntropy),
            &marks,
            Timestamp::from_seconds(7),
            &SystemEntropy,
        );
        assert_eq!(device.given_at(&marks), Some(Timestamp::from_seconds(7)));
        assert!(device.is_genuine(&marks));
        let made_up = format!("{}-{}", device.id, "0".repeat(64));
        assert!(!DeviceToken::parse(&made_up).unwrap().is_genuine(&marks));
        let other = Marks::new(&PseudonymKey::generate(&SystemEntropy));
        assert!(!device.is_genuine(&other));
        let value = device.cookie_value();
        let read = DeviceToken::parse(value.expose()).unwrap();
        assert_eq!((read.id, read.hash()), (device.id, device.hash()));
        assert_eq!(read.given_at(&marks), device.given_at(&marks));
        // One of before, and one whose time somebody changed, were given out at a time that nobody knows.
        let (secret, stamp) = value.expose().split_at(value.expose().len() - STAMP);
        for stamp in [String::new(), format!("f{}", &stamp[1..]), format!("7{}", &stamp[1..])] {
            let read = DeviceToken::parse(&format!("{secret}{stamp}")).unwrap();
            assert!(read.is_genuine(&marks) && read.given_at(&marks).is_none(), "{stamp}");
        }
        assert!(DEVICE_COOKIE.set(value.expose(), None).is_some(), "a cookie can hold it");
        let next = |n| {
            let id = DeviceId::at(Timestamp::from_seconds(n), &SystemEntropy);
            DeviceToken::generate(id, &marks, Timestamp::from_seconds(n), &SystemEntropy)
        };
        let others: Vec<_> = (2..8).map(next).collect();
        let all = device.cookie_with(&others);
        assert!(DEVICE_COOKIE.set(all.expose(), None).is_some() && all.expose().len() < 1024);
        let ids = |tokens: &[DeviceToken]| tokens.iter().map(|token| token.id).collect::<Vec<_>>();
        let read = DeviceToken::parse_all(all.expose());
        assert_eq!(ids(&read), [vec![device.id], ids(&others[..HELD - 1])].concat());
        assert!(read.iter().all(|token| token.is_genuine(&marks) && token.given_at(&marks).is_some()));
        let (broken, many) = (format!("x--{}--", value.expose()), format!("{}--", value.expose()).repeat(9));
        assert_eq!(ids(&DeviceToken::parse_all(&broken)), [device.id]);
        assert_eq!(DeviceToken::parse_all(&many).len(), HELD);
        for bad in ["", "x-y", &value.expose()[1..], &value.expose()[..80], &value.expose().to_uppercase()] {
            assert!(DeviceToken::parse(bad).is_none_or(|t| t.hash() != device.hash()), "{bad}");
        }
        assert!(FlowToken::parse(&"A".repeat(64)).is_none());
    }

    #[test]
    fn codes_have_their_form() {
        let entropy = SeededEntropy::new(3);
        for _ in 0..50 {
            let code = numeric_code(8, &entropy);
            assert!(code.expose().len() == 8 && code.expose().bytes().all(|b| b.is_ascii_digit()));
        }
        let code = recovery_code(&entropy);
        assert_eq!(code.expose().len(), 19);
        let typed = code.expose().to_uppercase().replace('-', " ").replace('0', "O").replace('1', "l");
        let short = |text: &str| match read_recovery_code(text) {
            Some(TypedRecoveryCode::Short(plain)) => plain.expose().clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(short(&typed), short(code.expose()));
        let long = "7vja-3bfy-bvnw-8n77-fjr8-xq6g";
        assert!(matches!(read_recovery_code(long), Some(TypedRecoveryCode::Long { .. })));
        for none in ["1234", "", "7vja-3bfy-bvnw-8n7", "7vja-3bfy-bvnw-8n7é", "7vja-3bfy-bvnw-8n77-f"] {
            assert!(read_recovery_code(none).is_none(), "{none}");
        }
    }
}
