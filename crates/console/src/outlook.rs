//! The one sentence: is all well, and if not, what is wrong and what to do.

use std::collections::BTreeMap;

use storeward_base::Timestamp;

use storeward_events::system::RowHarmed;

use crate::level::Level;
use crate::status::{ShieldProblem, SystemStatus};

/// A certificate that somebody else renews needs a look when it ends within this many days.
const CERTIFICATE_SOON_DAYS: u64 = 14;
/// One that we renew ourselves, at two thirds of its life or before, needs one only when that has long been due.
const OWN_CERTIFICATE_SOON_DAYS: u64 = 1;
const DAY_SECONDS: u64 = 86_400;
/// Attacks are worth a word when at least so many requests were stopped in an hour, and a tenth of all.
const MANY: u64 = 20;

/// What the sentence is made of.
pub struct Picture<'a> {
    pub status: &'a SystemStatus,
    pub now: Timestamp,
    /// In the last hour.
    pub requests: u64,
    /// In the last hour.
    pub stopped: u64,
    /// Answers of 500 and above from the shop in the last hour.
    pub errors: u64,
    /// Rows that were found not to be what Storeward wrote, in the last two days.
    pub harmed: &'a [RowHarmed],
}

/// The answer to "is my shop well?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    pub level: Level,
    pub headline: String,
    pub sentence: String,
    pub problems: Vec<Problem>,
}

/// What is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub level: Level,
    pub what: String,
    pub todo: String,
}

impl Outlook {
    pub fn of(picture: &Picture<'_>) -> Self {
        let mut problems = Vec::new();
        shop_problems(picture, &mut problems);
        certificate_problems(picture, &mut problems);
        own_problems(picture, &mut problems);
        let attacked = is_many(picture.stopped, picture.requests);
        problems.sort_by_key(|p| std::cmp::Reverse(p.level));
        let calm = if attacked { Level::Note } else { Level::Ok };
        let level = problems.first().map_or(calm, |p| p.level);
        let pressing = problems.iter().filter(|p| p.level >= Level::Warn).count();
        let headline = match (level, pressing) {
            (Level::Ok | Level::Plain | Level::Note, _) if attacked => "Under attack, and held".to_owned(),
            (Level::Ok | Level::Plain | Level::Note, _) => "All quiet".to_owned(),
            (_, 1) => "One thing needs you".to_owned(),
            (_, count) => format!("{count} things need you"),
        };
        Outlook { level, headline, sentence: sentence(picture), problems }
    }
}

fn is_many(count: u64, of: u64) -> bool {
    count >= MANY && count.saturating_mul(10) >= of
}

fn sentence(picture: &Picture<'_>) -> String {
    let mut parts = vec![
        counted(picture.requests, "request", "requests") + " in the last hour",
        match picture.stopped {
            0 => "no attacks".to_owned(),
            n => counted(n, "stopped", "stopped"),
        },
    ];
    let shops = &picture.status.upstreams;
    if !shops.is_empty() && shops.iter().all(|u| u.answers == Some(true)) {
        parts.push("the shop answers".to_owned());
    }
    let until = picture.status.certificates.iter().map(|c| c.not_after).min();
    if let Some(until) = until.filter(|until| *until > picture.now) {
        parts.push(format!("the padlock is good until {}", day(until)));
    }
    let mut text = parts.join(", ");
    text.push('.');
    text
}

fn shop_problems(picture: &Picture<'_>, problems: &mut Vec<Problem>) {
    for upstream in picture.status.upstreams.iter().filter(|u| u.answers == Some(false)) {
        let reason = upstream.reason.as_deref().map(|r| format!(" ({r})")).unwrap_or_default();
        problems.push(Problem {
            level: Level::Bad,
            what: format!("The shop at {} does not answer{reason}.", upstream.address),
            todo:
                "Customers see a page that asks them to come back. Check the shop's own server and its log."
                    .to_owned(),
        });
    }
    if is_many(picture.errors, picture.requests) {
        problems.push(Problem {
            level: Level::Warn,
            what: format!(
                "The shop answered {} with an error.",
                counted(picture.errors, "request", "requests")
            ),
            todo: "Open the errors below and look for the address they share.".to_owned(),
        });
    }
}

fn certificate_problems(picture: &Picture<'_>, problems: &mut Vec<Problem>) {
    for certificate in &picture.status.certificates {
        let names = certificate.names.join(", ");
        let days = certificate.not_after.since(picture.now).as_secs() / DAY_SECONDS;
        let why = certificate.problem.as_deref();
        let soon = match certificate.source.as_str() {
            "files" => CERTIFICATE_SOON_DAYS,
            _ if why.is_some() => CERTIFICATE_SOON_DAYS,
            _ => OWN_CERTIFICATE_SOON_DAYS,
        };
        let (level, what) = if certificate.not_after <= picture.now {
            (Level::Bad, format!("The certificate for {names} ended on {}.", day(certificate.not_after)))
        } else if days < soon {
            (Level::Warn, format!("The certificate for {names} ends in {}.", counted(days, "day", "days")))
        } else if let Some(why) = why {
            (Level::Warn, format!("A new certificate for {names} could not be had: {why}."))
        } else {
            continue;
        };
        let todo = match certificate.source.as_str() {
            "acme" => {
                "Check that the shop's names lead to this machine and that port 80 or 443 is reachable; it is \
                       tried again by itself."
            }
            "files" => {
                "Put the renewed files where the configuration says; they are read again by themselves."
            }
            _ => "Set up a public certificate in the configuration before customers come.",
        };
        problems.push(Problem { level, what, todo: todo.to_owned() });
    }
}

fn shield_problem(problem: &ShieldProblem) -> Problem {
    let effect = match (problem.blind, problem.closed) {
        (false, _) => "Customers sign in as before.",
        (true, true) => {
            "Nobody is signed in there for the moment, and staff are kept out of the back office."
        }
        (true, false) => {
            "Customers sign in without a second step, and staff are kept out of the back office."
        }
    };
    Problem {
        level: if problem.blind { Level::Bad } else { Level::Warn },
        what: format!("The shield's test account: {}. {effect}", problem.what),
        todo: "Sign in at the shop yourself and see what an update changed; then mend the adapter or the account. \
               docs/shield.md says how."
            .to_owned(),
    }
}

/// Whoever was at the database, and what to do. The rows count for nothing already.
fn harmed_rows(harmed: &[RowHarmed]) -> Option<Problem> {
    let mut tables: BTreeMap<&str, u64> = BTreeMap::new();
    for row in harmed {
        *tables.entry(&row.table).or_default() += 1;
    }
    let count = tables.values().sum();
    let named: Vec<String> =
        tables.iter().map(|(table, rows)| format!("{table} ({})", grouped(*rows))).collect();
    (count > 0).then(|| Problem {
        level: Level::Bad,
        what: format!(
            "{} not what Storeward wrote: {}.",
            counted(count, "row of the database is", "rows of the database are"),
            named.join(", ")
        ),
        todo: "Somebody was at the database. Such rows count for nothing: whoever is let in by one is not. Keep a copy, look for \
               system.row_harmed in the ledger, find out who wrote there, and put the rows back from a backup. A member of staff is \
               taken back with `storeward staff reset`."
            .to_owned(),
    })
}

fn own_problems(picture: &Picture<'_>, problems: &mut Vec<Problem>) {
    let status = picture.status;
    problems.extend(harmed_rows(picture.harmed));
    if let Some(why) = &status.ledger_problem {
        problems.push(Problem {
            level: Level::Bad,
            what: format!("The ledger cannot be relied on: {why}."),
            todo: "Keep a copy of the database and of ledger.head, run `storeward audit verify`, and find out who wrote to \
                   the database. If you have restored an older backup yourself, say so with `storeward audit accept`."
                .to_owned(),
        });
    }
    if let Some(why) = &status.writes_problem {
        problems.push(Problem {
            level: Level::Bad,
            what: format!("Nothing can be written down: {why}."),
            todo: "Make room on the disk of the database, or make it writable; it goes on by itself. Until then the shop is \
                   served and attacks are stopped as before, but what happens is kept in memory only, and nobody new can \
                   sign in here."
                .to_owned(),
        });
    }
    problems.extend(status.shield_problem.as_ref().map(shield_problem));
    problems.extend(status.concerns.iter().map(|concern| Problem {
        level: Level::Warn,
        what: concern.what.clone(),
        todo: concern.todo.clone(),
    }));
    problems.extend(status.backup_problem.as_ref().map(|backup| Problem {
        level: if backup.is_grave { Level::Bad } else { Level::Warn },
        what: format!("{}.", backup.what),
        todo: format!("{}.", backup.todo),
    }));
    if status.events_dropped > 0 {
        problems.push(Problem {
            level: Level::Warn,
            what: format!(
                "{} in the ledger: a queue was full.",
                counted(status.events_dropped, "gap", "gaps")
            ),
            todo: "The disk or the database is too slow for the traffic. Check both.".to_owned(),
        });
    }
    if status.inspection_failures > 0 {
        problems.push(Problem {
            level: Level::Warn,
            what: format!(
                "{} let through uninspected since the start.",
                counted(status.inspection_failures, "request was", "requests were")
            ),
            todo: "Look for edge.inspection_failed in the ledger and report it to us.".to_owned(),
        });
    }
    if status.detects_only {
        problems.push(Problem {
            level: Level::Note,
            what: "Some routes only detect: attacks there are listed as flagged, not stopped.".to_owned(),
            todo: "When the flagged requests hold no customers, set the mode to block.".to_owned(),
        });
    }
}

/// `1 request`, `1 312 requests`: digits in groups of three, set apart by a thin space that does not break.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// Digits in groups of three.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + 8);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `24 February 2027`: the console speaks English.
pub fn day(moment: Timestamp) -> String {
    moment.day_in_words(storeward_base::Language::En)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{CertificateStatus, UpstreamStatus};

    const NOW: Timestamp = Timestamp::from_seconds(1_795_541_880);

    fn healthy() -> SystemStatus {
        SystemStatus {
            certificates: vec![CertificateStatus {
                names: vec!["shop.example".into()],
                source: "acme".into(),
                not_after: NOW.plus(std::time::Duration::from_secs(60 * DAY_SECONDS)),
                problem: None,
            }],
            upstreams: vec![UpstreamStatus {
                name: "shop".into(),
                address: "127.0.0.1:8000".into(),
                answers: Some(true),
                since: None,
                reason: None,
            }],
            ..SystemStatus::default()
        }
    }

    fn outlook(status: &SystemStatus) -> Outlook {
        Outlook::of(&Picture { status, now: NOW, requests: 1_312, stopped: 4, errors: 0, harmed: &[] })
    }

    #[test]
    fn a_good_day_is_one_sentence() {
        let outlook = outlook(&healthy());
        assert_eq!((outlook.level, outlook.headline.as_str()), (Level::Ok, "All quiet"));
        assert_eq!(
            outlook.sentence,
            "1\u{202f}312 requests in the last hour, 4 stopped, the shop answers, the padlock is good until 23 January 2027."
        );
        assert!(outlook.problems.is_empty());
    }

    #[test]
    fn the_worst_comes_first_and_says_what_to_do() {
        let mut status = healthy();
        status.events_dropped = 1;
        status.detects_only = true;
        status.upstreams[0].answers = Some(false);
        status.upstreams[0].reason = Some("connection refused".into());
        let outlook = outlook(&status);
        assert_eq!(outlook.level, Level::Bad);
        assert_eq!(outlook.headline, "2 things need you", "a note needs nobody");
        assert!(outlook.problems[0].what.contains("127.0.0.1:8000 does not answer (connection refused)"));
        assert!(!outlook.sentence.contains("the shop answers"));
    }

    #[test]
    fn harmed_rows_are_bad_and_named_by_table() {
        let row = |table: &str, row: &str| RowHarmed {
            table: table.to_owned(),
            row: row.to_owned(),
            harm: "changed".to_owned(),
        };
        let harmed = [row("staff_account", "a"), row("customer_device", "b"), row("customer_device", "c")];
        let outlook = Outlook::of(&Picture {
            status: &healthy(),
            now: NOW,
            requests: 1,
            stopped: 0,
            errors: 0,
            harmed: &harmed,
        });
        assert_eq!((outlook.level, outlook.headline.as_str()), (Level::Bad, "One thing needs you"));
        assert_eq!(
            outlook.problems[0].what,
            "3 rows of the database are not what Storeward wrote: customer_device (2), staff_account (1)."
        );
    }

    #[test]
    fn a_full_disk_is_bad_and_says_what_to_do() {
        let status = SystemStatus { writes_problem: Some("database or disk is full".into()), ..healthy() };
        let outlook = outlook(&status);
        assert_eq!((outlook.level, outlook.headline.as_str()), (Level::Bad, "One thing needs you"));
        assert_eq!(outlook.problems[0].what, "Nothing can be written down: database or disk is full.");
        assert!(outlook.problems[0].todo.starts_with("Make room on the disk"));
    }

    #[test]
    fn a_certificate_is_named_before_it_ends() {
        for (days, source, level) in
            [(60, "acme", Level::Ok), (20, "acme", Level::Ok), (3, "files", Level::Warn)]
        {
            let mut status = healthy();
            status.certificates[0].source = source.into();
            status.certificates[0].not_after = NOW.plus(std::time::Duration::from_secs(days * DAY_SECONDS));
            assert_eq!(outlook(&status).level, level, "{days} {source}");
        }
        let mut status = healthy();
        status.certificates[0].not_after = NOW;
        assert_eq!(outlook(&status).level, Level::Bad);
    }

    #[test]
    fn an_hour_of_attacks_is_not_called_quiet() {
        let of = |requests, stopped, status: &SystemStatus| {
            Outlook::of(&Picture { status, now: NOW, requests, stopped, errors: 0, harmed: &[] })
        };
        for (requests, stopped, headline, level) in [
            (283, 237, "Under attack, and held", Level::Note),
            (200, 20, "Under attack, and held", Level::Note),
            (201, 20, "All quiet", Level::Ok),
            (19, 19, "All quiet", Level::Ok),
        ] {
            let outlook = of(requests, stopped, &healthy());
            assert_eq!(
                (outlook.headline.as_str(), outlook.level),
                (headline, level),
                "{stopped} of {requests}"
            );
        }
        let mut status = healthy();
        status.detects_only = true;
        assert_eq!(of(200, 20, &status).headline, "Under attack, and held");
        status.upstreams[0].answers = Some(false);
        assert_eq!(of(200, 20, &status).headline, "One thing needs you");
    }

    #[test]
    fn a_blind_shield_is_told_with_what_it_means() {
        let mut status = healthy();
        let problem = |closed, blind| ShieldProblem { what: "it broke".to_owned(), closed, blind };
        for (found, level, words) in [
            (problem(true, true), Level::Bad, "Nobody is signed in there"),
            (problem(false, true), Level::Bad, "without a second step"),
            (problem(false, false), Level::Warn, "as before"),
        ] {
            status.shield_problem = Some(found);
            let outlook = outlook(&status);
            assert_eq!(outlook.headline, "One thing needs you");
            let told = &outlook.problems[0];
            assert!(
                told.level == level && told.what.contains("it broke") && told.what.contains(words),
                "{told:?}"
            );
        }
    }

    #[test]
    fn a_ledger_that_was_cut_back_comes_first() {
        let mut status = healthy();
        status.events_dropped = 3;
        status.ledger_problem = Some("it had 7 entries, and has 3 now".to_owned());
        let outlook = outlook(&status);
        assert_eq!((outlook.level, outlook.headline.as_str()), (Level::Bad, "2 things need you"));
        assert!(outlook.problems[0].what.contains("it had 7 entries, and has 3 now."));
    }

    #[test]
    fn digits_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(counted(1, "day", "days"), "1 day");
    }
}
