//! How many guesses a password stands: zxcvbn's estimate, in our words.

use zxcvbn::matching::patterns::{DictionaryPattern, MatchPattern};

use super::message::{Message, MessageId};

/// zxcvbn's score and estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Strength {
    /// 0 (guessed at once) to 4 (stands even where the hashes were stolen).
    pub score: u8,
    /// Power of ten of the guesses that it stands.
    pub guesses_log10: f64,
}

impl Strength {
    /// The key of the text beside the bar.
    pub const fn key(self) -> &'static str {
        match self.score {
            0 => "password.strength.0",
            1 => "password.strength.1",
            2 => "password.strength.2",
            3 => "password.strength.3",
            _ => "password.strength.4",
        }
    }

    /// English.
    pub const fn english(self) -> &'static str {
        match self.score {
            0 => "Guessed at once",
            1 => "Quickly guessed",
            2 => "Holds for a while",
            3 => "Good",
            _ => "Very good",
        }
    }

    /// Fewer than 10^6 guesses: 100 tries a day for each of the addresses of a small botnet.
    pub(super) const fn is_guessed_at_once(self) -> bool {
        self.score < 2
    }
}

pub struct Reading {
    pub strength: Strength,
    /// It is, as a whole, on one of the lists that guessers go through.
    pub is_common: bool,
    pub advice: Vec<Message>,
}

/// zxcvbn tries every way in which signs may stand for letters: 40 such signs take a third of a second, 100 of them
/// two. So a password is read in pieces of at most so many characters, with at most so many such signs each.
const PIECE_CHARACTERS: usize = 40;
const PIECE_SIGNS: usize = 12;
/// A strong end makes a password strong; nobody's password has more pieces that matter.
const MOST_PIECES: usize = 3;
/// What zxcvbn takes for a letter in disguise.
const SIGNS: &str = "4@8({[<3691!|70$5+%2";

/// Reads a password piece by piece until one is good: the strength is that of the best piece, and so never too high.
pub fn read(text: &str, own_words: &[String]) -> Reading {
    let words: Vec<&str> = own_words.iter().map(String::as_str).collect();
    let mut rest = text;
    let mut best: Option<Reading> = None;
    for number in 0..MOST_PIECES {
        let (piece, after) = rest.split_at(end_of_piece(rest));
        if number > 0 && piece.is_empty() {
            break;
        }
        let mut reading = read_piece(piece, &words);
        // Only as a whole can it be on a list.
        reading.is_common &= number == 0 && after.is_empty();
        if best.as_ref().is_none_or(|best| reading.strength.guesses_log10 > best.strength.guesses_log10) {
            best = Some(reading);
        }
        if best.as_ref().is_some_and(|best| best.strength.score >= 3) {
            break;
        }
        rest = after;
    }
    best.unwrap_or_else(|| read_piece("", &words))
}

fn end_of_piece(text: &str) -> usize {
    let mut signs = 0;
    for (count, (at, character)) in text.char_indices().enumerate() {
        signs += usize::from(SIGNS.contains(character));
        if count == PIECE_CHARACTERS || signs > PIECE_SIGNS {
            return at;
        }
    }
    text.len()
}

fn read_piece(text: &str, words: &[&str]) -> Reading {
    let estimate = zxcvbn::zxcvbn(text, words);
    let score = u8::from(estimate.score());
    let guesses_log10 = if estimate.guesses_log10().is_finite() { estimate.guesses_log10() } else { 0.0 };
    let patterns: Vec<&MatchPattern> = estimate.sequence().iter().map(|found| &found.pattern).collect();
    let is_common = match patterns.as_slice() {
        [MatchPattern::Dictionary(word)] => !is_disguised(word),
        _ => false,
    };
    let advice = if score < 3 { advice(&patterns) } else { Vec::new() };
    Reading { strength: Strength { score, guesses_log10 }, is_common, advice }
}

fn is_disguised(word: &DictionaryPattern) -> bool {
    word.l33t || word.reversed
}

fn advice(patterns: &[&MatchPattern]) -> Vec<Message> {
    let mut ids = vec![MessageId::AddWords];
    let mut add = |id| {
        if !ids.contains(&id) {
            ids.push(id);
        }
    };
    for pattern in patterns {
        match pattern {
            MatchPattern::Dictionary(word) => {
                if patterns.len() == 1 {
                    add(MessageId::AvoidNames);
                }
                if word.l33t {
                    add(MessageId::SwapsDoNotHelp);
                }
                if word.reversed {
                    add(MessageId::BackwardsDoesNotHelp);
                }
                if word.uppercase_variations > 1 {
                    add(MessageId::CapitalsDoNotHelp);
                }
            }
            MatchPattern::Spatial(_) => add(MessageId::AvoidKeyboard),
            MatchPattern::Repeat(_) => add(MessageId::AvoidRepeats),
            MatchPattern::Sequence(_) => add(MessageId::AvoidSequence),
            MatchPattern::Regex(_) | MatchPattern::Date(_) => add(MessageId::AvoidDates),
            MatchPattern::BruteForce => {}
        }
    }
    ids.into_iter().map(Message::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bound is on what zxcvbn is given, whatever comes in.
    #[test]
    fn no_piece_can_take_long() {
        for text in [
            "4@8({[<3690!|17$5+%2".repeat(50),
            "123456789012345678901234567890".repeat(30),
            "\u{1f989}".repeat(250),
            "a".repeat(1_024),
            String::new(),
        ] {
            let mut rest = text.as_str();
            let mut pieces = 0;
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(end_of_piece(rest));
                assert!(!piece.is_empty() && piece.chars().count() <= PIECE_CHARACTERS, "{piece}");
                assert!(piece.chars().filter(|c| SIGNS.contains(*c)).count() <= PIECE_SIGNS, "{piece}");
                rest = after;
                pieces += 1;
            }
            assert!(pieces > 0 || text.is_empty());
        }
    }

    #[test]
    fn the_best_piece_counts() {
        let score = |text: &str| read(text, &[]).strength.score;
        assert!(score("passwordpasswordpasswordpasswordpassword") < 2);
        assert!(score("passwordpasswordpasswordpasswordpassword and a lantern moth") >= 3);
        assert!(score("1111111111111111111111111111111111111111") < 2);
        assert!(score(&"4@8({[<3690!|17$5+%2".repeat(50)) >= 3);
        assert!(read("password", &[]).is_common && !read(&"password".repeat(6), &[]).is_common);
    }
}
