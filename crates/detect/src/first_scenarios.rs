//! The scenarios a shop starts with.
//!
//! Figures follow CrowdSec's hub (commit b03cb59, MIT; see docs of `capacity`, `leak`, `mute`) unless a comment says
//! why not. The rule for every `Ban`: no single customer, whatever goes wrong for them and whatever other sites' pages
//! make their browser send, may fill the bucket. A share of good requests softens weak signals only (pages that are not
//! there, a few blocks): an attacker makes good requests for nothing, so each strong signal has a bound without it.

use std::time::Duration;

use crate::scenario::Condition::{
    AdminPath, AfterBlock, BackdoorFile, Method, NotStatic, Outcome as Was, ScannerUserAgent, SensitiveFile,
    ShopAnswered, SignInFailed, SignInPost, Status, Unwanted,
};
use crate::{Condition, Distinct, Group, Initiator, Outcome, Response, Scenario};

/// All of them, in the order in which they are looked at.
pub fn first_scenarios() -> Vec<Scenario> {
    let mut all = probing();
    all.extend(sign_in());
    all.extend(attacks());
    all.extend(pace());
    all.extend(others());
    all
}

/// What most scenarios share: every request counts, per client, silence of a minute, ban unless the address is a
/// crowd (under 10 % of its requests went wrong).
fn ban(name: &'static str, when: &'static [Condition], capacity: u32, leak: Duration) -> Scenario {
    Scenario {
        name,
        title: "",
        meaning: "",
        initiator: Initiator::Own,
        when,
        distinct: Distinct::Nothing,
        group: Group::Client,
        capacity,
        leak,
        mute: Duration::from_secs(60),
        response: Response::Ban,
        held_back: Response::Note,
        min_bad_percent: 10,
    }
}

fn note(name: &'static str, when: &'static [Condition], capacity: u32, leak: Duration) -> Scenario {
    Scenario { response: Response::Note, min_bad_percent: 0, ..ban(name, when, capacity, leak) }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const FIVE_MINUTES: Duration = Duration::from_secs(300);

fn probing() -> Vec<Scenario> {
    vec![
        Scenario {
            title: "looks for pages that do not exist",
            meaning: "Asked for many different pages that the shop does not have or does not show: a program \
                      that tries out names of pages, not a person.",
            distinct: Distinct::Path,
            group: Group::ClientAndHost,
            mute: FIVE_MINUTES,
            min_bad_percent: 25,
            ..ban("probing", &[ShopAnswered(&[400, 403, 404]), NotStatic], 10, seconds(10))
        },
        // Our own: mixing good pages into the probing gets past `probing`'s 25 %, but not past this one.
        Scenario {
            title: "looks for very many pages that do not exist",
            meaning: "Asked for dozens of different pages that the shop does not have, hidden among ordinary \
                      requests.",
            distinct: Distinct::Path,
            group: Group::ClientAndHost,
            mute: FIVE_MINUTES,
            min_bad_percent: 5,
            ..ban("probing_mass", &[ShopAnswered(&[400, 403, 404]), NotStatic], 60, seconds(10))
        },
        Scenario {
            title: "looks for an administration page",
            meaning: "Asked for several administration pages of well-known shop systems that this shop does not \
                      have or does not show.",
            distinct: Distinct::Path,
            min_bad_percent: 25,
            ..ban("admin_probing", &[ShopAnswered(&[403, 404]), NotStatic, AdminPath], 2, seconds(10))
        },
        Scenario {
            title: "looks for secret files",
            meaning: "Asked for files that hold passwords, keys, backups or source code. Nobody does that by \
                      accident several times.",
            distinct: Distinct::Path,
            mute: FIVE_MINUTES,
            ..ban("sensitive_files", &[SensitiveFile], 4, seconds(5))
        },
        Scenario {
            title: "looks for a back door",
            meaning: "Asked for files by which burglars return to shops they broke into before.",
            distinct: Distinct::FileName,
            mute: FIVE_MINUTES,
            ..ban("backdoor_files", &[BackdoorFile], 1, seconds(5))
        },
    ]
}

fn sign_in() -> Vec<Scenario> {
    vec![
        Scenario {
            title: "guesses passwords",
            meaning: "Sign-ins failed one after the other, faster than a person types.",
            held_back: Response::Challenge,
            ..ban("sign_in_failures", &[SignInFailed], 5, seconds(10))
        },
        // Ours: good requests between the guesses do not help past this.
        Scenario {
            title: "guesses very many passwords",
            meaning: "Dozens of sign-ins failed in a few minutes, hidden among ordinary requests.",
            min_bad_percent: 0,
            ..ban("sign_in_failures_mass", &[SignInFailed], 40, seconds(15))
        },
        // After ssh-slow-bf's pattern. Only noted: a mobile network can hold so many forgetful customers.
        Scenario {
            title: "guesses passwords slowly",
            meaning: "Sign-ins kept failing over a long time.",
            mute: Duration::from_secs(3600),
            ..note("sign_in_failures_slow", &[SignInFailed], 10, seconds(60))
        },
        // Ours: most shops answer a failed sign-in with 200 and the form once more.
        Scenario {
            title: "signs in very often",
            meaning: "Sent the sign-in form again and again. The shop does not say whether the sign-ins failed.",
            mute: FIVE_MINUTES,
            ..note("sign_in_flood", &[SignInPost], 20, seconds(10))
        },
    ]
}

fn attacks() -> Vec<Scenario> {
    vec![
        // CrowdSec's appsec scenarios ban at the second distinct rule; a false positive on a cookie or on one form
        // may well trip two, so it takes three different rules here.
        Scenario {
            title: "tries out several kinds of attack",
            meaning: "Inspection stopped requests of this client for three different reasons in short order.",
            distinct: Distinct::Rule,
            held_back: Response::Challenge,
            ..ban("attack_variety", &[Was(&[Outcome::Blocked])], 2, seconds(60))
        },
        // Ours: whoever shows this many kinds is no customer, however many customers share the address.
        Scenario {
            title: "tries out many kinds of attack",
            meaning: "Inspection stopped requests of this client for seven different reasons within minutes.",
            distinct: Distinct::Rule,
            min_bad_percent: 0,
            ..ban("attack_repertoire", &[Was(&[Outcome::Blocked])], 6, seconds(60))
        },
        // A wrongly blocked customer tries again a few times; twenty times within a minute is a program.
        Scenario {
            title: "keeps on attacking",
            meaning: "Inspection stopped more than twenty requests of this client in short order.",
            min_bad_percent: 0,
            ..ban("attack_hammering", &[Was(&[Outcome::Blocked])], 20, seconds(5))
        },
        // Ours, for those who are patient.
        Scenario {
            title: "attacks again and again",
            meaning: "Inspection stopped more than thirty requests of this client within half an hour.",
            min_bad_percent: 0,
            ..ban("attack_mass", &[Was(&[Outcome::Blocked])], 30, seconds(60))
        },
        Scenario {
            title: "would have been blocked for several reasons",
            meaning: "On a route that only watches, inspection found three different kinds of attack.",
            distinct: Distinct::Rule,
            mute: FIVE_MINUTES,
            ..note("attack_flagged", &[Was(&[Outcome::Flagged])], 2, seconds(60))
        },
        Scenario {
            title: "uses an attack tool after a block",
            meaning: "Was stopped by inspection, and calls itself by the name of a tool for breaking in.",
            mute: Duration::from_secs(120),
            min_bad_percent: 0,
            ..ban("scanner_after_block", &[ScannerUserAgent, AfterBlock], 0, seconds(60))
        },
        Scenario {
            title: "uses an attack tool",
            meaning: "Calls itself by the name of a tool that looks for security holes. It may be your own test.",
            mute: FIVE_MINUTES,
            ..note("scanner_user_agent", &[ScannerUserAgent], 1, seconds(60))
        },
    ]
}

const MALFORMED: &[Condition] = &[Was(&[Outcome::Refused]), Status(&[400, 414, 431, 501, 505])];

fn pace() -> Vec<Scenario> {
    vec![
        // Ours. A broken program is wrong in one way all the time; somebody who tries to confuse the proxy is wrong
        // in many ways.
        Scenario {
            title: "sends requests that are malformed in many ways",
            meaning: "Sent requests that break the rules of HTTP in several different ways, as tools do that try \
                      to slip past a proxy.",
            distinct: Distinct::Reason,
            ..ban("malformed_variety", MALFORMED, 3, seconds(30))
        },
        Scenario {
            title: "keeps sending malformed requests",
            meaning: "Sent many requests that break the rules of HTTP, always in the same way: probably a broken \
                      program.",
            mute: FIVE_MINUTES,
            ..note("malformed_repeated", MALFORMED, 20, seconds(10))
        },
        Scenario {
            title: "is too fast",
            meaning: "Ran into the rate limit again and again.",
            mute: FIVE_MINUTES,
            ..note("rate_limited", &[Was(&[Outcome::Limited])], 5, seconds(60))
        },
        // Ours: a client that slows down when told to never gets here. It may be an office behind one address: whoever has
        // a browser solves a puzzle and goes on. When that does not end it, it is a ban.
        Scenario {
            title: "floods the shop",
            meaning: "Kept sending more than five requests a second above the limit, hundreds of them.",
            mute: FIVE_MINUTES,
            response: Response::Challenge,
            held_back: Response::Challenge,
            ..ban("flooding", &[Was(&[Outcome::Limited])], 300, Duration::from_millis(200))
        },
        // The hub's figures (40, one each half second) would hit an office of thirty that browses at once; a crawler
        // that matters is much faster than these, too.
        Scenario {
            title: "reads the whole shop",
            meaning: "Opened more than a hundred different pages, faster than people read. A search engine, a \
                      price comparison, or somebody copying your catalogue.",
            distinct: Distinct::Path,
            group: Group::ClientAndHost,
            mute: FIVE_MINUTES,
            ..note("crawling", &[Method(&["GET", "HEAD"]), NotStatic], 100, Duration::from_millis(250))
        },
    ]
}

fn others() -> Vec<Scenario> {
    vec![
        // Ours. One visit, or a bookmark that is tried a few times, is no offence.
        Scenario {
            title: "keeps asking for what is closed",
            meaning: "Asked ten times for pages that the configuration closes to it.",
            mute: FIVE_MINUTES,
            ..ban("closed_routes", &[Was(&[Outcome::Closed])], 9, seconds(30))
        },
        // Ours. A page on another site can make a visitor's browser send as many requests as it likes; their person
        // must not pay for it, and who only claims to be such a browser gains nothing but the refusal.
        Scenario {
            title: "is used by a page of another site",
            meaning: "A page of another site made this client's browser send dozens of attacks, failed sign-ins or \
                      requests for pages that do not exist. What other sites send through it is refused for a \
                      while; the person's own requests pass.",
            initiator: Initiator::Foreign,
            mute: seconds(600),
            min_bad_percent: 0,
            response: Response::RefuseForeign { minutes: 10 },
            ..ban("foreign_pages", &[Unwanted], 20, seconds(10))
        },
        // Ours. A review with twenty pictures of `/.env` makes every reader's browser ask for them. The reader solves a
        // puzzle without noticing much; a program that only claims the mark has to solve one, too.
        Scenario {
            title: "is sent after what does not belong here by a page of the shop",
            meaning: "A page of the shop made this client's browser send dozens of attacks or requests for pages that \
                      do not exist, as pictures or other parts of itself. Look at what visitors wrote on that page. The \
                      client solves a puzzle before it goes on.",
            initiator: Initiator::Page,
            mute: FIVE_MINUTES,
            min_bad_percent: 0,
            response: Response::Challenge,
            held_back: Response::Challenge,
            ..ban("own_pages", &[Unwanted], 30, seconds(10))
        },
        // Ours, for those who claim the mark and are patient: what fills no bucket above at one attack each ten seconds
        // would be hundreds an hour. Attacks only, so that broken links on other sites cost nobody their way back from
        // a payment provider.
        Scenario {
            title: "keeps being used for attacks by pages of other sites",
            meaning: "Inspection stopped more than thirty requests within half an hour that claim to come from pages \
                      of other sites. What other sites send through this client is refused for an hour; the person's \
                      own requests pass.",
            initiator: Initiator::Foreign,
            min_bad_percent: 0,
            response: Response::RefuseForeign { minutes: 60 },
            ..ban("foreign_attack_mass", &[Was(&[Outcome::Blocked])], 30, seconds(60))
        },
        Scenario {
            title: "is used for many kinds of attack by pages of other sites",
            meaning: "Inspection stopped seven kinds of attack within minutes that claim to come from pages of other \
                      sites. What other sites send through this client is refused for an hour; the person's own \
                      requests pass.",
            initiator: Initiator::Foreign,
            distinct: Distinct::Rule,
            min_bad_percent: 0,
            response: Response::RefuseForeign { minutes: 60 },
            ..ban("foreign_attack_repertoire", &[Was(&[Outcome::Blocked])], 6, seconds(60))
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_can_be_told_to_a_person() {
        let all = first_scenarios();
        let mut names: Vec<_> = all.iter().map(|s| s.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
        for scenario in all {
            assert!(!scenario.title.is_empty() && scenario.meaning.ends_with('.'), "{}", scenario.name);
            assert!(scenario.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", scenario.name);
            assert!(!scenario.leak.is_zero() && !scenario.when.is_empty());
        }
    }
}
