//! What guessing is slowed down by: account and device class, address, what is asked for.
//!
//! Nobody is locked out by somebody else: a device that signed in before has a count of its own, which strangers cannot
//! reach. The count that disables a password (`password_failures`) is kept in the database.

use std::time::Duration;

use storeward_base::{AddressBlock, WiderNetwork};
use storeward_detect::pace::{self, Drain, OnSuccess, Pace, Paced, Vouched};

pub use storeward_detect::pace::Leave;

/// The counts of this domain.
pub type Throttle = pace::Throttle<Key>;

/// Keys kept at once.
pub const MOST_KEYS: usize = 100_000;

/// What is counted. The texts are keyed marks and ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// Passwords for an address as typed, from devices that are not known.
    Stranger(String),
    /// Passwords for whatever names shops take for other ones, from devices that are not known: one name has more spellings than
    /// anybody can list.
    Rewritten,
    /// Passwords of one known device.
    KnownDevice(String),
    /// Passwords from one address block.
    Network(AddressBlock),
    /// Codes of an app, and passwords of step-ups, for one account over all its challenges, from devices and networks that are
    /// not known.
    Factor(String),
    /// Letters and messages to one address.
    Mail(String),
    /// The same, asked for by a device that signed in to the account before, or behind the right password, by each network that
    /// did and by all others together: apart from what strangers can use up, and from what they can see.
    MailKnown(String),
    /// Codes to new addresses that one account asks for: whoever is signed in writes to few strangers.
    NewAddress(String),
    /// Letters that say that so many were asked for: one a day for an account.
    Crowded(String),
    /// Letters with a link to a new password that staff had sent for one account: apart from what strangers can use up.
    ByStaff(String),
    /// Short messages to one number, or for one account.
    Sms(String),
    /// What is begun from one address block, such as sign-ups and ways back.
    Begun(AddressBlock),
    /// Passkey challenges from one address block: every sign-in page asks for one when it is opened.
    Passkey(AddressBlock),
    PasskeyAround(WiderNetwork),
    /// The same of one device that signed in before, to whatever account.
    PasskeyOn(String),
    /// Passwords that are read while they are typed, from one address block.
    Typed(AddressBlock),
    TypedAround(WiderNetwork),
    /// Questions at the shop whose token a text is that stands in an answer to one address block.
    Token(AddressBlock),
    TokenAround(WiderNetwork),
    /// Passwords from a network around the block: whoever has many blocks has not as many counts.
    NetworkAround(WiderNetwork),
    /// Passwords from all of what one operator holds.
    Operator(WiderNetwork),
    /// Challenges begun from a network around the block.
    BegunAround(WiderNetwork),
    /// Long forms of signed-in people from one address block, which may hold a sign-in where nobody reads it.
    Unread(AddressBlock),
    /// A network's count, apart for whoever has solved a puzzle first: those who have not cannot use it up.
    Solved(Box<Key>),
    /// The same for a name or an address, in one network: nobody uses it up from elsewhere, with however many puzzles.
    SolvedAt(Box<Key>, AddressBlock),
    /// Puzzles that were solved for one name or address, wherever. The next ones are harder. Nobody waits for it but who guesses
    /// at an app's code, whose six digits bear no more tries than that, and who has letters sent, of which a mailbox bears no more.
    SolvedFor(Box<Key>),
}

impl Key {
    /// The count of whoever has solved a puzzle, and asks from this network.
    pub fn solved(self, block: AddressBlock) -> Self {
        match self {
            Key::Network(_) | Key::Begun(_) | Key::Unread(_) => Key::Solved(Box::new(self)),
            named => Key::SolvedAt(Box::new(named), block),
        }
    }
}

/// A household, an office or a carrier's gateway shares an address.
const NETWORK: Pace = Pace { free: 30, longest: Duration::from_secs(15 * 60) };
/// All customers of an operator share it, so most of it is forgotten within the quarter of an hour, and the wait stays short: who solves a
/// puzzle does not share it.
const OPERATOR: Pace = Pace { free: 480, longest: Duration::from_secs(60) };
const OPERATOR_DRAINS: Drain = Drain::OneEvery(Duration::from_secs(2));
/// How solved puzzles are forgotten, so that an attack that is over costs nobody anything.
const SOLVED_DRAINS: Drain = Drain::OneEvery(Duration::from_secs(30));
/// All such names of a shop share the count, so that the mistakes of some are forgotten before others make theirs.
const REWRITTEN_DRAINS: Drain = Drain::OneEvery(Duration::from_secs(5 * 60));
/// With the three codes that fit at any time, 30 tries and one more every five minutes find an app's code within a day with a
/// chance of one in a thousand (318 tries, 3 in a million each).
const SOLVED_FOR_CODES: Pace = Pace { free: 30, longest: Duration::from_secs(5 * 60) };
const SOLVED_FOR_CODES_DRAINS: Drain = Drain::OneEvery(Duration::from_secs(5 * 60));
/// With the plain count's: some forty letters in the first hour, three in each hour after that.
const SOLVED_FOR_LETTERS: Pace = Pace { free: 16, longest: Duration::from_secs(60 * 60) };
const BEGUN: Pace = Pace { free: 120, longest: Duration::from_secs(60) };
/// As fast as they may come at the longest wait: an address that many share is not slower for what it did hours ago.
const BEGUN_DRAINS: Drain = Drain::OneEvery(Duration::from_secs(60));
/// A challenge costs a row for ten minutes, and nothing is guessed at by it.
const PASSKEY_DRAINS: Drain = Drain::OneEvery(Duration::from_secs(1));
/// A page asks some 20 times while one password is typed, and forgets one a second.
const TYPED: Pace = Pace { free: 120, longest: Duration::from_secs(4) };
const TYPED_DRAINS: Drain = Drain::OneEvery(Duration::from_secs(1));

impl Paced for Key {
    fn pace(&self) -> Pace {
        match self {
            Key::Stranger(_) | Key::KnownDevice(_) => Pace { free: 5, longest: Duration::from_secs(5 * 60) },
            Key::Rewritten => Pace { free: 10, longest: Duration::from_secs(5 * 60) },
            Key::Network(_) => NETWORK,
            Key::Operator(_) => OPERATOR,
            Key::Factor(_) => Pace { free: 10, longest: Duration::from_secs(10 * 60) },
            Key::Sms(_) => Pace { free: 3, longest: Duration::from_secs(30 * 60) },
            Key::Mail(_) | Key::MailKnown(_) | Key::NewAddress(_) | Key::ByStaff(_) => {
                Pace { free: 4, longest: Duration::from_secs(30 * 60) }
            }
            Key::Begun(_) | Key::Unread(_) | Key::Passkey(_) | Key::PasskeyOn(_) => BEGUN,
            // A page has few texts that may be tokens, and what was nobody's is not asked about again.
            Key::Typed(_) | Key::Token(_) => TYPED,
            Key::TypedAround(network) | Key::TokenAround(network) => pace::around(*network, TYPED),
            Key::NetworkAround(network) => pace::around(*network, NETWORK),
            Key::BegunAround(network) | Key::PasskeyAround(network) => pace::around(*network, BEGUN),
            Key::Solved(key) | Key::SolvedAt(key, _) => key.pace(),
            Key::Crowded(_) => Pace { free: 1, longest: pace::MEMORY },
            Key::SolvedFor(key) if matches!(**key, Key::Factor(_)) => SOLVED_FOR_CODES,
            Key::SolvedFor(key) if matches!(**key, Key::Mail(_)) => SOLVED_FOR_LETTERS,
            Key::SolvedFor(_) => Pace { free: 1_000, longest: Duration::ZERO },
        }
    }

    fn on_success(&self) -> OnSuccess {
        match self {
            Key::Stranger(_) | Key::KnownDevice(_) | Key::Factor(_) => OnSuccess::Clear,
            Key::Network(_) | Key::NetworkAround(_) | Key::Operator(_) | Key::BegunAround(_) => {
                OnSuccess::GiveBack
            }
            Key::Mail(_) | Key::MailKnown(_) | Key::ByStaff(_) | Key::Sms(_) => OnSuccess::GiveBack,
            Key::NewAddress(_) | Key::Crowded(_) => OnSuccess::GiveBack,
            Key::Begun(_) | Key::Unread(_) | Key::Rewritten => OnSuccess::GiveBack,
            Key::Passkey(_) | Key::PasskeyAround(_) | Key::PasskeyOn(_) => OnSuccess::GiveBack,
            Key::SolvedFor(_) | Key::Typed(_) | Key::TypedAround(_) => OnSuccess::GiveBack,
            Key::Token(_) | Key::TokenAround(_) => OnSuccess::GiveBack,
            Key::Solved(key) | Key::SolvedAt(key, _) => key.on_success(),
        }
    }

    fn wider(&self) -> Vec<Self> {
        match self {
            Key::Network(block) => {
                let around = block.wider().into_iter().map(Key::NetworkAround);
                around.chain([Key::Operator(block.operator())]).collect()
            }
            Key::Begun(block) => block.wider().into_iter().map(Key::BegunAround).collect(),
            Key::Passkey(block) => block.wider().into_iter().map(Key::PasskeyAround).collect(),
            Key::Typed(block) => block.wider().into_iter().map(Key::TypedAround).collect(),
            Key::Token(block) => block.wider().into_iter().map(Key::TokenAround).collect(),
            Key::Solved(key) => key.wider().into_iter().map(|key| Key::Solved(Box::new(key))).collect(),
            _ => Vec::new(),
        }
    }

    fn drain(&self) -> Drain {
        match self {
            Key::NetworkAround(_) | Key::BegunAround(_) | Key::Unread(_) => pace::AROUND_DRAINS,
            Key::Begun(_) => BEGUN_DRAINS,
            Key::Operator(_) => OPERATOR_DRAINS,
            Key::Passkey(_) | Key::PasskeyAround(_) | Key::PasskeyOn(_) => PASSKEY_DRAINS,
            Key::Typed(_) | Key::TypedAround(_) | Key::Token(_) | Key::TokenAround(_) => TYPED_DRAINS,
            Key::SolvedFor(key) if matches!(**key, Key::Factor(_)) => SOLVED_FOR_CODES_DRAINS,
            // What is forgotten by the half minute is no bound on letters.
            Key::SolvedFor(key) if matches!(**key, Key::Mail(_)) => Drain::Never,
            Key::SolvedFor(_) => SOLVED_DRAINS,
            Key::Rewritten => REWRITTEN_DRAINS,
            Key::Solved(key) | Key::SolvedAt(key, _) => key.drain(),
            _ => Drain::Never,
        }
    }

    fn vouched(&self) -> Vouched {
        match self {
            // A device that signed in, a password that was right, a puzzle that was solved.
            Key::KnownDevice(_) | Key::PasskeyOn(_) | Key::Factor(_) | Key::Sms(_) => Vouched::Yes,
            Key::MailKnown(_) | Key::NewAddress(_) | Key::ByStaff(_) | Key::Crowded(_) => Vouched::Yes,
            Key::Solved(_) | Key::SolvedAt(..) | Key::SolvedFor(_) => Vouched::Yes,
            _ => Vouched::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::Timestamp;

    // ASVS 5.0 6.1.1: what is written down is what is in force.
    #[test]
    fn the_document_names_the_figures_in_force() {
        let block = "192.0.2.1".parse::<AddressBlock>().unwrap();
        for (key, words) in [
            (
                Key::Stranger(String::new()),
                "passwords for one address as typed, from devices that did not sign in to it before",
            ),
            (Key::KnownDevice(String::new()), "passwords of one device that did"),
            (
                Key::Rewritten,
                "passwords for all names together that shops write anew, from devices that did not",
            ),
            (Key::Network(block), "passwords from one network (an IPv4 address, an IPv6 /64)"),
            (
                Key::Factor(String::new()),
                "codes of an app and passwords of step-ups for one account, from devices and networks that did not sign in before",
            ),
            (
                Key::SolvedFor(Box::new(Key::Factor(String::new()))),
                "the same behind solved puzzles, from all networks together; one is forgotten every five minutes",
            ),
            (Key::Mail(String::new()), "letters to one address"),
            (
                Key::MailKnown(String::new()),
                "letters that a device asks for that signed in before, or, behind the right password, each network that did and all others together",
            ),
            (
                Key::SolvedFor(Box::new(Key::Mail(String::new()))),
                "puzzles solved for letters to one address, from all networks together",
            ),
            (Key::NewAddress(String::new()), "codes to new addresses that one account asks for"),
            (Key::ByStaff(String::new()), "links to a new password that staff send for one account"),
            (Key::Sms(String::new()), "short messages to one number, or for one account"),
            (
                Key::Begun(block),
                "sign-ups, ways back and changes of address begun from one network; one is forgotten every minute",
            ),
            (
                Key::Passkey(block),
                "passkey challenges from one network, and apart from it from each device that signed in before; one is forgotten every second",
            ),
        ] {
            let pace = key.pace();
            let minutes = pace.longest.as_secs() / 60;
            let unit = if minutes == 1 { "minute" } else { "minutes" };
            let line = format!("| customers: {words} | {} | {minutes} {unit} |", pace.free);
            assert!(include_str!("../../../docs/asvs.md").contains(&line), "{line}");
        }
    }

    #[test]
    fn strangers_do_not_use_up_what_a_known_device_has() {
        const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
        let throttle = Throttle::new(MOST_KEYS);
        for _ in 0..1_000 {
            throttle.attempt(&[Key::Stranger("a".into())], NOW);
        }
        assert!(matches!(throttle.attempt(&[Key::Stranger("a".into())], NOW), Leave::Wait { .. }));
        assert_eq!(throttle.attempt(&[Key::KnownDevice("d".into())], NOW), Leave::Granted);
    }

    // 420 of 420 guesses from one /16 waited for nothing.
    #[test]
    fn whoever_has_many_networks_of_one_operator_waits_too() {
        const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
        let throttle = Throttle::new(MOST_KEYS);
        let attempt = |n: u32, at| {
            let block = format!("198.51.{}.{}", n % 256, n / 256 % 256).parse().unwrap();
            throttle.attempt(&[Key::Network(block)], at)
        };
        let granted = (0..2_000).filter(|n| attempt(*n, NOW) == Leave::Granted).count();
        assert_eq!(granted, 480);
        // Another operator's customers do not wait, nor do those who solved a puzzle, nor anybody a quarter of an hour later.
        assert_eq!(throttle.attempt(&[Key::Network("192.0.2.9".parse().unwrap())], NOW), Leave::Granted);
        let block = "198.51.7.200".parse().unwrap();
        assert_eq!(throttle.attempt(&[Key::Network(block).solved(block)], NOW), Leave::Granted);
        let later = NOW.plus(Duration::from_secs(14 * 60));
        assert!((0..100).all(|n| attempt(50_000 + n * 256, later) == Leave::Granted));
    }

    // One IPv6 /48 and a made-up name each filled the table, and then everybody was refused for a day.
    #[test]
    fn whoever_makes_up_names_and_blocks_shuts_nobody_out() {
        const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
        let throttle = Throttle::new(MOST_KEYS);
        let attempt = |network: u32, n: u32| {
            let block = format!("2{network:03x}:db8:0:{n:x}::/64").parse().unwrap();
            throttle.attempt(&[Key::Network(block), Key::Stranger(format!("{network} {n}"))], NOW)
        };
        let granted = (0..2_000).filter(|n| attempt(0, *n) == Leave::Granted).count();
        assert_eq!(granted, 480);
        assert!(matches!(attempt(0, 50_000), Leave::Wait { .. }), "the /48 waits");
        // Whoever has many such networks fills it in the end.
        for network in 1..400 {
            for n in 0..250 {
                assert_eq!(attempt(network, n * 256), Leave::Granted, "{network} {n}");
            }
        }
        let ella = [Key::Network("192.0.2.9".parse().unwrap()), Key::Stranger("ella".into())];
        assert_eq!(throttle.attempt(&ella, NOW), Leave::Granted);
        assert_eq!(throttle.attempt(&[Key::KnownDevice("d".into())], NOW), Leave::Granted);
        let block = "192.0.2.9".parse().unwrap();
        assert_eq!(throttle.attempt(&ella.map(|key| key.solved(block)), NOW), Leave::Granted);
        assert_eq!(throttle.attempt(&[Key::Factor("c".into())], NOW), Leave::Granted);
    }
}
