//! A behaviour as data: which requests count, how many are too many, what then.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::words;
use crate::{Initiator, Observation, Outcome};

/// What a finding of the scenario asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Tell people, do nothing.
    Note,
    /// Let the client solve a puzzle first; keep it out when it goes on like that all the same.
    Challenge,
    /// Keep the client out for a while.
    Ban,
    /// Refuse for so long what other sites' pages make the client's browser send; its own requests pass.
    RefuseForeign { minutes: u32 },
}

/// Whose requests share a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The client's address block.
    Client,
    /// The client's address block on one host.
    ClientAndHost,
}

/// What must differ for a request to count again while the bucket is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distinct {
    /// Every request counts.
    Nothing,
    Path,
    /// The last segment of the path.
    FileName,
    /// The inspection rule; its category where it has no number.
    Rule,
    /// The reason code of a refusal.
    Reason,
}

/// One thing that must be so for a request to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The shop's own answer had one of these statuses.
    ShopAnswered(&'static [u16]),
    /// We or the shop answered with one of these statuses.
    Status(&'static [u16]),
    Method(&'static [&'static str]),
    Outcome(&'static [Outcome]),
    /// Inspection or a rate limit stopped it, its address could be read in two ways, or it was a sign-in that failed, or the shop has no such page.
    Unwanted,
    /// Not an image, style sheet, script, font or the like.
    NotStatic,
    /// A path under which shops and their tools keep their administration.
    AdminPath,
    /// A file that should never be reachable: secrets, backups, version control.
    SensitiveFile,
    /// The name of a known web shell.
    BackdoorFile,
    /// A POST to a path that looks like a sign-in.
    SignInPost,
    /// A sign-in that failed: a 401 or 403 of the shop to a sign-in POST, or the shop said so.
    SignInFailed,
    /// The user agent names a tool for attacking.
    ScannerUserAgent,
    /// The same client was blocked by inspection within ten minutes before.
    AfterBlock,
}

/// A behaviour. The bucket overflows with `capacity` + 1 counted requests and loses one each `leak`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Stable: stands in events and bans.
    pub name: &'static str,
    pub title: &'static str,
    /// What it means and why it matters, for a shopkeeper.
    pub meaning: &'static str,
    /// Whose requests count. What other sites' pages send never counts against the client itself.
    pub initiator: Initiator,
    /// All of them must hold.
    pub when: &'static [Condition],
    pub distinct: Distinct,
    pub group: Group,
    pub capacity: u32,
    pub leak: Duration,
    /// Silence after a finding.
    pub mute: Duration,
    pub response: Response,
    /// What is done instead of a ban that is held back, for the address is a crowd: [`Response::Note`] for what a crawler
    /// does by itself, [`Response::Challenge`] for what no honest program does.
    pub held_back: Response,
    /// A ban is held back while fewer than this many percent of the client's recent requests (static files
    /// aside) went wrong. 0 for never holding back.
    pub min_bad_percent: u8,
}

/// What a condition may know beyond the request itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub is_static: bool,
    pub is_scanner: bool,
    pub after_block: bool,
}

impl Scenario {
    pub(crate) fn matches(&self, seen: &Observation<'_>, context: Context) -> bool {
        self.initiator == seen.initiator && self.when.iter().all(|condition| condition.holds(seen, context))
    }

    /// What a request is told apart by, as text and number; `None` where every request counts.
    pub(crate) fn key<'a>(&self, seen: &Observation<'a>) -> Option<(&'a str, u32)> {
        match self.distinct {
            Distinct::Nothing => None,
            Distinct::Path => Some((seen.path, 0)),
            Distinct::FileName => Some((words::file_name(seen.path), 0)),
            Distinct::Rule if seen.rule_id == 0 => Some((seen.category, 0)),
            Distinct::Rule => Some(("", seen.rule_id)),
            Distinct::Reason => Some((seen.reason, 0)),
        }
    }
}

impl Condition {
    fn holds(self, seen: &Observation<'_>, context: Context) -> bool {
        match self {
            Condition::ShopAnswered(statuses) => seen.reached_the_shop() && statuses.contains(&seen.status),
            Condition::Status(statuses) => statuses.contains(&seen.status),
            Condition::Method(methods) => methods.contains(&seen.method),
            Condition::Outcome(outcomes) => outcomes.contains(&seen.outcome),
            Condition::Unwanted => {
                let failed = Condition::SignInFailed.holds(seen, context);
                let stopped = matches!(seen.outcome, Outcome::Blocked | Outcome::Limited | Outcome::Refused);
                failed || stopped || (seen.reached_the_shop() && seen.status == 404)
            }
            Condition::NotStatic => !context.is_static,
            Condition::AdminPath => words::is_admin_path(seen.path),
            Condition::SensitiveFile => words::is_sensitive_file(seen.path),
            Condition::BackdoorFile => words::is_backdoor_file(seen.path),
            Condition::SignInPost => seen.method == "POST" && words::is_sign_in_path(seen.path),
            Condition::SignInFailed => {
                let refused_by_the_shop = seen.reached_the_shop() && matches!(seen.status, 401 | 403);
                seen.auth_failed
                    || (refused_by_the_shop && seen.method == "POST" && words::is_sign_in_path(seen.path))
            }
            Condition::ScannerUserAgent => context.is_scanner,
            Condition::AfterBlock => context.after_block,
        }
    }
}
