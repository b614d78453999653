//! Which passwords may be chosen: NIST SP 800-63B-4 section 3.1.1 and OWASP ASVS 5.0 section 6.2.
//!
//! Length counts, and whether it is on the lists that guessers try first. No rules of composition, no forced change, any
//! character. What the meter says besides is advice.

mod message;
mod meter;

use storeward_base::Secret;

use crate::prepare::{MAX_BYTES, prepared};

pub use message::{Message, MessageId};
pub use meter::Strength;

/// Fewer different characters than this are a pattern, whatever their number.
const LEAST_DISTINCT: usize = 5;
/// So much must be left of a password when the words of its context are taken out.
const LEAST_BESIDE_CONTEXT: usize = 6;

/// How long a password must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    least_characters: usize,
}

impl Policy {
    /// Where the password is the only factor (NIST SP 800-63B-4: 15 characters).
    pub const ONLY_FACTOR: Policy = Policy { least_characters: 15 };
    /// Where there is a second factor (8 characters).
    pub const BESIDE_SECOND_FACTOR: Policy = Policy { least_characters: 8 };

    /// A longer minimum.
    #[must_use]
    pub const fn at_least(self, characters: usize) -> Self {
        if characters > self.least_characters { Policy { least_characters: characters } } else { self }
    }

    pub const fn least_characters(self) -> usize {
        self.least_characters
    }

    /// Judges a password that somebody wants to have. Takes a millisecond of a core, and up to 20 for the worst; a server
    /// has [`crate::Pool::judge`]. Ask the breach list besides, and [`Judgement::object`] if it is in it.
    pub fn judge(self, password: &Secret<String>, context: &Context) -> Judgement {
        let text = prepared(password);
        let lower = zeroize::Zeroizing::new(text.to_lowercase());
        let mut objections = Vec::new();
        if text.chars().count() < self.least_characters {
            objections.push(Message::new(MessageId::TooShort).with("least", self.least_characters));
        }
        if text.len() > MAX_BYTES || password.expose().len() > MAX_BYTES {
            // Nothing else is looked at: that is what the limit is for.
            let most = Message::new(MessageId::TooLong).with("most", MAX_BYTES);
            return Judgement { strength: Strength::default(), objections: vec![most], advice: Vec::new() };
        }
        let reading = meter::read(&text, &context.words);
        if context.words.iter().any(|word| is_mostly(&lower, word)) {
            objections.push(Message::new(MessageId::Context));
        }
        if distinct(&lower) < LEAST_DISTINCT {
            objections.push(Message::new(MessageId::FewDistinct));
        }
        if reading.is_common {
            objections.push(Message::new(MessageId::Common));
        } else if reading.strength.is_guessed_at_once() && objections.is_empty() {
            objections.push(Message::new(MessageId::Guessable));
        }
        Judgement { strength: reading.strength, objections, advice: reading.advice }
    }
}

/// What guessers who know the shop and the account try first.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// In lower case, three characters or more.
    words: Vec<String>,
}

impl Context {
    /// A name of the account's owner or of the shop, such as `Ada Lovelace`.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.push(name);
        self
    }

    /// An e-mail address: the whole, and what stands before the `@`.
    #[must_use]
    pub fn email(mut self, email: &str) -> Self {
        self.push(email);
        self.push(email.split('@').next().unwrap_or_default());
        self
    }

    /// A host name of the shop: the whole, and its parts but for the last and `www`.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        let host = host.strip_prefix("www.").unwrap_or(host);
        self.push(host);
        let mut labels: Vec<&str> = host.split('.').collect();
        labels.pop();
        for label in labels {
            self.push(label);
        }
        self
    }

    fn push(&mut self, word: &str) {
        let word = word.trim().to_lowercase();
        if word.chars().count() >= 3 && !self.words.contains(&word) {
            self.words.push(word);
        }
    }
}

/// What is to be said of a password.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    pub strength: Strength,
    /// Why it may not be chosen.
    pub objections: Vec<Message>,
    /// What would make it better.
    pub advice: Vec<Message>,
}

impl Judgement {
    pub fn is_accepted(&self) -> bool {
        self.objections.is_empty()
    }

    /// What to say to somebody who is still typing: two sentences at most. Of a password that is too short, that comes first,
    /// and what would follow from its length by itself is left out.
    pub fn while_typing(&self) -> Vec<&Message> {
        const MOST_SAID: usize = 2;
        let is_short = self.objections.iter().any(|told| told.id() == MessageId::TooShort);
        let follows = |told: &&Message| {
            matches!(told.id(), MessageId::FewDistinct | MessageId::Guessable | MessageId::AddWords)
        };
        let said = self.objections.iter().chain(&self.advice).filter(|told| !(is_short && follows(told)));
        said.take(MOST_SAID).collect()
    }

    /// zxcvbn's score, but not above 1 while it may not be chosen.
    pub fn shown_score(&self) -> u8 {
        if self.is_accepted() { self.strength.score } else { self.strength.score.min(1) }
    }

    /// One more reason against it, found elsewhere.
    pub fn object(&mut self, message: Message) {
        if !self.objections.contains(&message) {
            self.objections.push(message);
        }
    }
}

/// Whether the password is the word with little around it.
fn is_mostly(password: &str, word: &str) -> bool {
    let squeezed: String = password.chars().filter(|c| !c.is_whitespace()).collect();
    let word: String = word.chars().filter(|c| !c.is_whitespace()).collect();
    squeezed.contains(&word) && squeezed.replace(&word, "").chars().count() < LEAST_BESIDE_CONTEXT
}

fn distinct(text: &str) -> usize {
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    characters.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(policy: Policy, text: &str) -> Judgement {
        let context =
            Context::default().email("ada.b@shop.example").name("Ada Lovelace").host("www.bookshop.example");
        policy.judge(&Secret::new(text.to_owned()), &context)
    }

    fn ids(judgement: &Judgement) -> Vec<MessageId> {
        judgement.objections.iter().map(Message::id).collect()
    }

    #[test]
    fn length_counts_and_composition_does_not() {
        for good in [
            "four words in a row",
            "\u{43f}\u{430}\u{440}\u{43e}\u{43b}\u{44c} \u{438}\u{437} \u{441}\u{43b}\u{43e}\u{432}\u{438}\u{441}",
            "lamp post umbrella tea",
            "\u{6d77}\u{8fb9}\u{7684}\u{706f}\u{5854}\u{770b}\u{5b88}\u{4eba}\u{517b}\u{4e86}\u{4e09}\u{53ea}\u{767d}\u{8272}\u{6d77}\u{9e25}",
            "aardvark&Lantern7!moth",
        ] {
            assert_eq!(ids(&judge(Policy::ONLY_FACTOR, good)), [], "{good}");
        }
        let fourteen = "tpzquvmxwkjrlf";
        assert_eq!(ids(&judge(Policy::ONLY_FACTOR, fourteen)), [MessageId::TooShort]);
        assert_eq!(ids(&judge(Policy::BESIDE_SECOND_FACTOR, fourteen)), []);
        assert_eq!(ids(&judge(Policy::BESIDE_SECOND_FACTOR, "tpzquvm")), [MessageId::TooShort]);
        assert_eq!(ids(&judge(Policy::BESIDE_SECOND_FACTOR.at_least(15), fourteen)), [MessageId::TooShort]);
        // Characters, not bytes, and of the prepared text: eight letters with their marks apart are eight.
        assert_eq!(ids(&judge(Policy::BESIDE_SECOND_FACTOR, "z\u{438}\u{436}\u{444}q\u{448}w\u{44e}")), []);
        let apart = "u\u{308}o\u{308}a\u{308}xe\u{301}";
        assert_eq!(ids(&judge(Policy::BESIDE_SECOND_FACTOR, apart)), [MessageId::TooShort]);
        let words = "x y z w v ".repeat(200);
        assert_eq!(ids(&judge(Policy::ONLY_FACTOR, &words)), [MessageId::TooLong]);
        let longest: String = "the quick brown fox ".chars().cycle().take(1_024).collect();
        assert_eq!(ids(&judge(Policy::ONLY_FACTOR, &longest)), []);
    }

    #[test]
    fn common_ones_are_refused_in_every_disguise() {
        for common in [
            "password",
            "12345678",
            "1234567890",
            "baseball",
            "football",
            "qwertyuiop",
            "1qaz2wsx",
            "sunshine",
            "iloveyou",
            "starwars",
            "computer",
            "princess",
            "trustno1",
            "11111111",
            "liverpool",
            "metallica",
            "Password",
            "PASSWORD",
            "P@ssw0rd",
            "drowssap",
        ] {
            let judged = judge(Policy::BESIDE_SECOND_FACTOR, common);
            assert!(!judged.is_accepted(), "{common}");
        }
        for common in ["password", "iloveyou", "Liverpool"] {
            assert_eq!(ids(&judge(Policy::BESIDE_SECOND_FACTOR, common)), [MessageId::Common], "{common}");
        }
        for weak in [
            "passwordpassword",
            "abcdefghijklmnop",
            "1234567890123456",
            "qwertyuiopasdfgh",
            "aaaaaaaaaaaaaaaa",
            "121212121212121212",
            "abcabcabcabcabcabc",
            "20200101202001012020",
        ] {
            assert!(!judge(Policy::ONLY_FACTOR, weak).is_accepted(), "{weak}");
        }
    }

    #[test]
    fn names_of_the_account_and_the_shop_do_not_count() {
        for own in [
            "ada.b@shop.example",
            "ADA.B@shop.example1",
            "bookshop.example",
            "Bookshop2026",
            "book shop 2026",
            "ada lovelace99",
            "AdaLovelace1",
            "bookshopbookshop",
        ] {
            let judged = judge(Policy::BESIDE_SECOND_FACTOR, own);
            assert!(ids(&judged).contains(&MessageId::Context), "{own}: {judged:?}");
        }
        assert!(judge(Policy::ONLY_FACTOR, "bookshop lantern umbrella tea").is_accepted());
    }

    #[test]
    fn who_types_reads_what_helps_now() {
        let said = |text: &str| {
            judge(Policy::ONLY_FACTOR, text).while_typing().into_iter().map(Message::id).collect::<Vec<_>>()
        };
        assert_eq!(said("lam")[0], MessageId::TooShort);
        assert!(
            !said("lam").contains(&MessageId::FewDistinct) && !said("lam").contains(&MessageId::AddWords)
        );
        assert_eq!(said("qwertyuiopasdfgh")[..2], [MessageId::Guessable, MessageId::AddWords]);
        assert_eq!(said("lamp post umbrella tea"), []);
        assert!(judge(Policy::ONLY_FACTOR, "xq7 vw2 kj9").shown_score() <= 1);
        assert_eq!(judge(Policy::ONLY_FACTOR, "lamp post umbrella tea").shown_score(), 4);
    }

    #[test]
    fn a_judgement_does_not_repeat_the_password() {
        for text in ["bookshop.example", "password", "x", "tpzquvmxwkjrlf", "abcabcabcabc"] {
            let shown = format!("{:?}", judge(Policy::ONLY_FACTOR, text));
            let words: Vec<String> = judge(Policy::ONLY_FACTOR, text)
                .objections
                .iter()
                .chain(&judge(Policy::ONLY_FACTOR, text).advice)
                .map(Message::english)
                .collect();
            if text.len() > 8 {
                assert!(!shown.contains(text) && !words.concat().contains(text), "{shown}");
            }
        }
    }
}
