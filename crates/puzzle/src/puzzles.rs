//! Asking, checking, and what a solved puzzle is changed for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use altcha::types::CounterMode;
use altcha::{
    Challenge, ChallengeParameters, HmacAlgorithm, Payload, SolveChallengeOptions, VerifySolutionOptions,
};
use aws_lc_rs::{constant_time, hmac};
use base64ct::{Base64, Encoding};
use serde_json::Value;
use storeward_base::{ClientIp, Clock, Entropy, Secret, Timestamp};

use crate::spent::{Marked, Spent};

/// A puzzle can be answered for so long: a form may be filled in slowly.
pub const LIFE: Duration = Duration::from_secs(15 * 60);
/// A pass opens for so long.
pub const PASS_LIFE: Duration = Duration::from_secs(60 * 60);
/// Longest answer that is looked at, in bytes; ours have about 800.
const MOST_BYTES: usize = 4_096;
const ALGORITHM: &str = "PBKDF2/SHA-256";
const KEY_BYTES: usize = 32;

/// What a puzzle is solved for; good for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// For a pass through the front door.
    Pass,
    SignIn,
    SignUp,
    Recovery,
    /// For a letter with a code.
    Code,
}

impl Purpose {
    const fn word(self) -> &'static str {
        match self {
            Purpose::Pass => "pass",
            Purpose::SignIn => "sign-in",
            Purpose::SignUp => "sign-up",
            Purpose::Recovery => "recovery",
            Purpose::Code => "code",
        }
    }
}

/// How much work a puzzle is: `16^digits` tries on average, each of `iterations` rounds of PBKDF2. Checking takes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difficulty {
    pub iterations: u32,
    pub digits: usize,
}

impl Difficulty {
    /// 4,096 tries of 1,000 rounds: about a second for a desktop's browser, some seconds for an old telephone's.
    pub const USUAL: Difficulty = Difficulty { iterations: 1_000, digits: 3 };
    /// For tests: solved at once.
    pub const SMALL: Difficulty = Difficulty { iterations: 10, digits: 1 };
}

/// How much harder than usual a puzzle is: the work doubles each time. So whoever goes on pays more and more, and whoever
/// solves one only is never shut out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Harder(u32);

impl Harder {
    /// Eight times the usual work: some seconds for a desktop's browser.
    const MOST: u32 = 3;
    pub const NOT: Harder = Harder(0);

    pub const fn by(doublings: u32) -> Self {
        Harder(if doublings < Self::MOST { doublings } else { Self::MOST })
    }

    /// What is good enough while this much is asked for: one doubling less, for it may have been asked for a moment ago.
    const fn least(self) -> Self {
        Harder(self.0.saturating_sub(1))
    }
}

/// What a client sent as its answer: base 64 of JSON, as ALTCHA's own widget sends it.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a>(pub &'a str);

/// Why an answer does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is none.
    Form,
    /// The puzzle is not one of ours, or was changed.
    Foreign,
    /// Of ours, but for another purpose or another network.
    Elsewhere,
    Late,
    Unsolved,
    /// Of ours, from when less was asked for.
    TooEasy,
    /// It was shown before.
    Again,
    /// More were solved than we remember.
    Full,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wrong::Form => "the answer cannot be read",
            Wrong::Foreign => "the puzzle is not one of this shop's",
            Wrong::Elsewhere => "the puzzle was for something else, or for another network",
            Wrong::Late => "the puzzle is too old; ask for another",
            Wrong::Unsolved => "the puzzle is not solved by this",
            Wrong::TooEasy => "harder ones are asked for by now; ask for another",
            Wrong::Again => "the puzzle was used before; ask for another",
            Wrong::Full => "too many puzzles were solved at once; try again in a few minutes",
        })
    }
}

/// Asks and checks. Several programs with the same secret take each other's puzzles and passes.
pub struct Puzzles {
    secret: Secret<String>,
    clients: hmac::Key,
    passes: hmac::Key,
    difficulty: Difficulty,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    spent: Mutex<Spent>,
}

impl fmt::Debug for Puzzles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Puzzles").field("difficulty", &self.difficulty).finish_non_exhaustive()
    }
}

impl Puzzles {
    pub fn new(
        secret: &Secret<String>,
        difficulty: Difficulty,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let derive = |what: &str| hmac::sign(&root, what.as_bytes());
        let key = |what: &str| hmac::Key::new(hmac::HMAC_SHA256, derive(what).as_ref());
        let spent = Mutex::new(Spent::new(LIFE, clock.now()));
        Puzzles {
            secret: Secret::new(hex(derive("puzzle/1 challenge").as_ref())),
            clients: key("puzzle/1 client"),
            passes: key("puzzle/1 pass"),
            difficulty,
            clock,
            entropy,
            spent,
        }
    }

    /// A fresh puzzle, as JSON in ALTCHA's form. Costs two HMACs; nothing is kept of it.
    pub fn ask(&self, purpose: Purpose, client: ClientIp) -> String {
        self.ask_harder(purpose, client, Harder::NOT)
    }

    /// The same, with more work in it.
    pub fn ask_harder(&self, purpose: Purpose, client: ClientIp, harder: Harder) -> String {
        let entropy = self.entropy.as_ref();
        let ends = self.clock.now().plus(LIFE);
        let data = BTreeMap::from([
            ("for".to_owned(), Value::from(purpose.word())),
            ("client".to_owned(), Value::from(self.client_mark(client))),
        ]);
        let mut parameters = ChallengeParameters {
            algorithm: ALGORITHM.to_owned(),
            cost: self.cost(harder),
            data: Some(data),
            expires_at: Some(ends.seconds()),
            key_length: KEY_BYTES,
            key_prefix: "0".repeat(self.difficulty.digits),
            key_signature: None,
            memory_cost: None,
            nonce: entropy.token::<16>(),
            parallelism: None,
            salt: entropy.token::<16>(),
        };
        let signed = self.sign(&mut parameters);
        signed.and_then(|signed| serde_json::to_string(&signed).ok()).unwrap_or_default()
    }

    /// Whether the answer solves a puzzle of ours, for this purpose and this client, for the first time.
    pub fn check(&self, purpose: Purpose, client: ClientIp, answer: Answer<'_>) -> Result<(), Wrong> {
        self.check_harder(purpose, client, answer, Harder::NOT)
    }

    /// The same, while puzzles as hard as this are asked for: those that were asked for long before do not count any more.
    pub fn check_harder(
        &self,
        purpose: Purpose,
        client: ClientIp,
        answer: Answer<'_>,
        harder: Harder,
    ) -> Result<(), Wrong> {
        let Payload { challenge, solution } = read(answer).ok_or(Wrong::Form)?;
        let mut parameters = challenge.parameters;
        let ours = self.sign(&mut parameters).and_then(|signed| signed.signature).ok_or(Wrong::Form)?;
        let theirs = challenge.signature.unwrap_or_default();
        constant_time::verify_slices_are_equal(ours.as_bytes(), theirs.as_bytes())
            .map_err(|_| Wrong::Foreign)?;
        let said = |key: &str| {
            parameters
                .data
                .as_ref()
                .and_then(|data| data.get(key))
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        if said("for") != purpose.word() || said("client") != self.client_mark(client) {
            return Err(Wrong::Elsewhere);
        }
        if parameters.cost < self.cost(harder.least()) {
            return Err(Wrong::TooEasy);
        }
        let now = self.clock.now();
        // The library looks at the machine's clock, and the house has one of its own: so the end is ours to check.
        if parameters.expires_at.take().is_none_or(|ends| now.seconds() >= ends) {
            return Err(Wrong::Late);
        }
        let nonce = parameters.nonce.clone();
        if self.spent().holds(&nonce) {
            return Err(Wrong::Again);
        }
        let endless = self.sign(&mut parameters).ok_or(Wrong::Form)?;
        let options = VerifySolutionOptions::new(&endless, &solution, self.secret.expose().as_str());
        let verified = altcha::verify_solution(options).map_err(|_| Wrong::Form)?;
        if !verified.verified {
            return Err(Wrong::Unsolved);
        }
        match self.spent().mark(&nonce, now) {
            Marked::First => Ok(()),
            Marked::Again => Err(Wrong::Again),
            Marked::Full => Err(Wrong::Full),
        }
    }

    /// A pass for this client's network: letters, digits and `-` only.
    pub fn pass(&self, client: ClientIp) -> Secret<String> {
        let ends = self.clock.now().plus(PASS_LIFE).seconds();
        Secret::new(format!(
            "{ends}-{}",
            hex(hmac::sign(&self.passes, pass_text(ends, client).as_bytes()).as_ref())
        ))
    }

    /// Whether the pass is one of ours, was given to this client's network, and is not over.
    pub fn holds(&self, client: ClientIp, pass: &str) -> bool {
        let Some((ends, mark)) = pass.split_once('-') else { return false };
        let Ok(ends) = ends.parse::<i64>() else { return false };
        let now = self.clock.now();
        let lives =
            Timestamp::from_seconds(ends) > now && now.plus(PASS_LIFE) >= Timestamp::from_seconds(ends);
        let ours = hex(hmac::sign(&self.passes, pass_text(ends, client).as_bytes()).as_ref());
        lives && constant_time::verify_slices_are_equal(ours.as_bytes(), mark.as_bytes()).is_ok()
    }

    fn cost(&self, harder: Harder) -> u32 {
        self.difficulty.iterations.saturating_mul(1 << harder.0)
    }

    fn sign(&self, parameters: &mut ChallengeParameters) -> Option<Challenge> {
        let secret = self.secret.expose();
        altcha::sign_challenge(&HmacAlgorithm::Sha256, parameters, None, secret, None).ok()
    }

    /// The same for all addresses of one client's network, and no way back to them.
    fn client_mark(&self, client: ClientIp) -> String {
        let mark = hmac::sign(&self.clients, client.block().to_string().as_bytes());
        hex(mark.as_ref().get(..16).unwrap_or_default())
    }

    fn spent(&self) -> std::sync::MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Solves a puzzle, for programs: the JSON of [`Puzzles::ask`] in, the text of an answer out.
pub fn solve(puzzle: &str) -> Option<String> {
    let challenge: Challenge = serde_json::from_str(puzzle).ok()?;
    let options = SolveChallengeOptions {
        challenge: &challenge,
        counter_mode: CounterMode::Uint32,
        counter_start: 0,
        counter_step: 1,
        timeout_ms: 0,
    };
    let solution = altcha::solve_challenge(options).ok()??;
    let json = serde_json::to_string(&Payload { challenge, solution }).ok()?;
    Some(Base64::encode_string(json.as_bytes()))
}

fn read(answer: Answer<'_>) -> Option<Payload> {
    let text = answer.0;
    if text.len() > MOST_BYTES {
        return None;
    }
    serde_json::from_slice(&Base64::decode_vec(text).ok()?).ok()
}

fn pass_text(ends: i64, client: ClientIp) -> String {
    format!("{ends}\n{}", client.block())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::{FixedClock, SystemEntropy};

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    struct Bench {
        clock: Arc<FixedClock>,
        puzzles: Puzzles,
        client: ClientIp,
    }

    fn bench() -> Bench {
        let clock = Arc::new(FixedClock::at(NOW));
        let secret = Secret::new("a secret".to_owned());
        let puzzles = Puzzles::new(&secret, Difficulty::SMALL, clock.clone(), Arc::new(SystemEntropy));
        Bench { clock, puzzles, client: "198.51.100.7".parse().unwrap() }
    }

    impl Bench {
        fn check(&self, purpose: Purpose, answer: &str) -> Result<(), Wrong> {
            self.puzzles.check(purpose, self.client, Answer(answer))
        }

        fn solved(&self, purpose: Purpose) -> String {
            solve(&self.puzzles.ask(purpose, self.client)).unwrap()
        }
    }

    /// The answer with something changed in its JSON.
    fn changed(answer: &str, change: impl Fn(&mut Value)) -> String {
        let mut json: Value = serde_json::from_slice(&Base64::decode_vec(answer).unwrap()).unwrap();
        change(&mut json);
        Base64::encode_string(json.to_string().as_bytes())
    }

    #[test]
    fn a_solved_puzzle_counts_once() {
        let bench = bench();
        let answer = bench.solved(Purpose::SignIn);
        assert_eq!(bench.check(Purpose::SignIn, &answer), Ok(()));
        assert_eq!(bench.check(Purpose::SignIn, &answer), Err(Wrong::Again));
        // The same work under another spelling is the same puzzle.
        let spelled = changed(&answer, |json| json["solution"]["time"] = 5.into());
        assert_eq!(bench.check(Purpose::SignIn, &spelled), Err(Wrong::Again));
    }

    #[test]
    fn one_of_many_that_show_the_same_answer_at_once_is_taken() {
        let bench = bench();
        let answer = bench.solved(Purpose::SignIn);
        let taken = std::thread::scope(|scope| {
            let one = || scope.spawn(|| bench.check(Purpose::SignIn, &answer).is_ok());
            let threads: Vec<_> = (0..8).map(|_| one()).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|ok| *ok).count()
        });
        assert_eq!(taken, 1);
    }

    #[test]
    fn it_counts_for_its_purpose_network_and_time_only() {
        let bench = bench();
        let answer = bench.solved(Purpose::SignUp);
        assert_eq!(bench.check(Purpose::SignIn, &answer), Err(Wrong::Elsewhere));
        let other = "198.51.100.8".parse().unwrap();
        assert_eq!(bench.puzzles.check(Purpose::SignUp, other, Answer(&answer)), Err(Wrong::Elsewhere));
        bench.clock.advance(LIFE);
        assert_eq!(bench.check(Purpose::SignUp, &answer), Err(Wrong::Late));
        // Whose memory is another's, or whose secret: a restart keeps both apart by the end in the puzzle.
        let secret = Secret::new("another secret".to_owned());
        let clock = bench.clock.clone();
        let strange = Puzzles::new(&secret, Difficulty::SMALL, clock, Arc::new(SystemEntropy));
        let answer = bench.solved(Purpose::SignUp);
        assert_eq!(strange.check(Purpose::SignUp, bench.client, Answer(&answer)), Err(Wrong::Foreign));
    }

    #[test]
    fn nobody_makes_it_easier() {
        let bench = bench();
        let answer = bench.solved(Purpose::SignIn);
        for (what, key, value) in [
            ("cost", "cost", Value::from(1)),
            ("prefix", "keyPrefix", Value::from("")),
            ("time", "expiresAt", Value::from(9_000_000)),
            ("salt", "salt", Value::from("00")),
            ("algorithm", "algorithm", Value::from("SHA-256")),
            ("data", "data", serde_json::json!({ "for": "pass" })),
        ] {
            let eased = changed(&answer, |json| json["challenge"]["parameters"][key] = value.clone());
            assert_eq!(bench.check(Purpose::SignIn, &eased), Err(Wrong::Foreign), "{what}");
        }
        let guessed = changed(&answer, |json| json["solution"]["derivedKey"] = "00".repeat(32).into());
        assert_eq!(bench.check(Purpose::SignIn, &guessed), Err(Wrong::Unsolved));
        let unsigned = changed(&answer, |json| {
            json["challenge"].as_object_mut().unwrap().remove("signature");
        });
        assert_eq!(bench.check(Purpose::SignIn, &unsigned), Err(Wrong::Foreign));
        for text in ["", "!", "e30=", &"A".repeat(5_000)] {
            assert_eq!(bench.check(Purpose::SignIn, text), Err(Wrong::Form));
        }
        // None of that used the puzzle up.
        assert_eq!(bench.check(Purpose::SignIn, &answer), Ok(()));
    }

    #[test]
    fn harder_ones_are_more_work_and_easy_ones_count_no_more() {
        let bench = bench();
        let cost = |puzzle: &str| {
            let puzzle: Value = serde_json::from_str(puzzle).unwrap();
            puzzle["parameters"]["cost"].as_u64().unwrap()
        };
        let ask = |doublings| bench.puzzles.ask_harder(Purpose::SignIn, bench.client, Harder::by(doublings));
        let costs: Vec<_> = [0, 1, 2, 3, 9].map(|doublings| cost(&ask(doublings))).to_vec();
        assert_eq!(costs, [10, 20, 40, 80, 80]);
        let check = |asked: u32, wanted: u32| {
            let answer = solve(&ask(asked)).unwrap();
            let harder = Harder::by(wanted);
            bench.puzzles.check_harder(Purpose::SignIn, bench.client, Answer(&answer), harder)
        };
        assert_eq!(check(3, 3), Ok(()));
        assert_eq!(check(2, 3), Ok(()), "asked for a moment ago");
        assert_eq!(check(1, 3), Err(Wrong::TooEasy));
        assert_eq!(check(0, 1), Ok(()));
    }

    #[test]
    fn a_pass_opens_for_its_network_and_its_hour() {
        let bench = bench();
        let pass = bench.puzzles.pass(bench.client);
        let pass = pass.expose();
        assert!(bench.puzzles.holds(bench.client, pass));
        assert!(!bench.puzzles.holds("198.51.100.8".parse().unwrap(), pass));
        let (ends, mark) = pass.split_once('-').unwrap();
        let later = ends.parse::<i64>().unwrap() + 1;
        for forged in [format!("{later}-{mark}"), format!("{ends}-"), mark.to_owned(), String::new()] {
            assert!(!bench.puzzles.holds(bench.client, &forged), "{forged}");
        }
        bench.clock.advance(PASS_LIFE);
        assert!(!bench.puzzles.holds(bench.client, pass));
        // The whole network of a client is one: an IPv6 client may send from any address of its own.
        let (one, other) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        assert!(bench.puzzles.holds(other, bench.puzzles.pass(one).expose()));
    }

    #[test]
    fn a_puzzle_names_nobody() {
        let bench = bench();
        let puzzle = bench.puzzles.ask(Purpose::Pass, bench.client);
        assert!(!puzzle.contains("198.51"), "{puzzle}");
        assert!(!format!("{:?}", bench.puzzles).contains("secret"));
    }
}
