//! The guard's words, for people.

use storeward_checkout::desk::{
    Act, Alert, Decision, HeaderLine, Hold, Kind, Mode, Scope, Script, Source, Standing, Status, Version,
    Wanted,
};
use storeward_web::Moment;

use super::{DecisionLine, HeaderRow, Names, ScopeLine, VersionLine};
use crate::level::{Badge, Level};
use crate::outlook::grouped;

/// What of the inventory is shown: its word, and its name in the address.
pub const SHOWN: [(&str, &str); 4] =
    [("Waits for you", ""), ("Approved", "approved"), ("Rejected", "rejected"), ("All", "all")];

pub fn wanted(show: &str) -> Wanted {
    match show {
        "approved" => Wanted::Approved,
        "rejected" => Wanted::Rejected,
        "all" => Wanted::All,
        _ => Wanted::Open,
    }
}

pub fn done(word: &str) -> Option<&'static str> {
    Some(match word {
        "approve" => "It is approved, from the next page on.",
        "revoke" => "It does not run any more, from the next page on that is held to approvals.",
        "close" => "The alert is closed.",
        "enforce" => "The page runs approved scripts only, from the next answer on.",
        "last_good" => "The page was taken to its last good state.",
        "learn" => "The page is served as the config says.",
        "headers" => "The headers are approved as they are.",
        _ => return None,
    })
}

pub const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Script => "Script",
        Kind::Inline => "Code in the page",
        Kind::Handler => "Code in an attribute",
        Kind::Connect => "Connection",
        Kind::Image => "Picture",
        Kind::Style => "Style sheet",
        Kind::Font => "Font",
        Kind::Media => "Sound or film",
        Kind::Object => "Object",
        Kind::Worker => "Worker",
        Kind::Frame => "Frame",
        Kind::Form => "Form",
        Kind::Navigate => "Leads away",
    }
}

pub fn status(status: Status) -> Badge {
    match status {
        Status::New => Badge::new(Level::Warn, "not approved"),
        Status::Approved => Badge::new(Level::Ok, "approved"),
        Status::Changed => Badge::new(Level::Bad, "changed"),
        Status::Expired => Badge::new(Level::Warn, "approval is over"),
        Status::Revoked => Badge::new(Level::Plain, "rejected"),
    }
}

pub const fn source(source: Source) -> &'static str {
    match source {
        Source::Page => "in the page as it went out",
        Source::Report => "a browser says so",
        Source::Fetch => "fetched",
        Source::Guard => "the guard in the page says so",
    }
}

pub const fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Exact => "this very hash",
        Scope::Shape => "its shape, whatever its strings and numbers are",
        Scope::Address => "whatever the address serves",
    }
}

/// What may be chosen, the safest first.
pub fn scopes(script: &Script) -> Vec<ScopeLine> {
    let is_code = matches!(script.kind, Kind::Inline | Kind::Handler);
    let is_file = script.kind == Kind::Script && script.address.contains("://");
    let mut fits = Vec::new();
    if script.hash.is_some() && (is_code || is_file) {
        fits.push((
            Scope::Exact,
            "This very hash",
            "Another hash is told, and by the policy of changes does not run.",
        ));
    }
    if script.kind == Kind::Inline && !script.sample.is_empty() {
        fits.push((
            Scope::Shape,
            "Its shape",
            "For data that the shop writes as code: what stands in its strings and numbers may change.",
        ));
    }
    let is_code_of_frame = script.kind == Kind::Frame && script.hash.is_some();
    if !is_code && !is_code_of_frame {
        fits.push((
            Scope::Address,
            "The address",
            "Whatever it serves. For a provider’s script, which changes by itself, and for places.",
        ));
    }
    let before = script.approval.as_ref().map(|own| own.scope);
    let chosen = fits.iter().position(|(own, ..)| Some(*own) == before).unwrap_or(0);
    let line = |(at, (own, label, hint)): (usize, (Scope, &'static str, &'static str))| ScopeLine {
        word: own.word(),
        label,
        hint,
        is_chosen: at == chosen,
    };
    fits.into_iter().enumerate().map(line).collect()
}

pub fn fetched(script: &Script) -> String {
    match (script.fetched_at, script.fetch_code.as_deref()) {
        (None, _) => "not yet".to_owned(),
        (Some(at), None) => format!("{at}"),
        (Some(at), Some(code)) => format!("{at}, in vain: {}", code.replace('_', " ")),
    }
}

pub fn version(version: &Version) -> VersionLine {
    VersionLine {
        hash: version.hash.clone(),
        first: Moment(version.first_seen),
        last: Moment(version.last_seen),
        source: Source::of_word(&version.source).map_or("–", source),
        bytes: version.bytes.map(grouped).unwrap_or_default(),
    }
}

pub fn decision(decision: &Decision, names: &Names) -> DecisionLine {
    DecisionLine {
        at: Moment(decision.at),
        badge: match decision.act {
            Act::Approved => Badge::new(Level::Ok, "approved"),
            Act::Revoked => Badge::new(Level::Warn, "taken back"),
            Act::Rejected => Badge::new(Level::Plain, "rejected"),
        },
        by: names.who(&decision.by),
        scope: decision.scope.map(scope).unwrap_or_default(),
        owner: decision.owner.clone(),
        justification: decision.justification.clone(),
        until: decision.until.map(Moment),
    }
}

pub fn alert(alert: &Alert) -> Badge {
    let level = match (alert.closed_at.is_some(), alert.source.is_own()) {
        (true, _) => Level::Plain,
        (false, true) => Level::Bad,
        (false, false) => Level::Warn,
    };
    let word = match alert.kind.as_str() {
        "script_new" => "not known",
        "script_changed" => "changed",
        "header_changed" => "header",
        "blocked" => "stopped",
        "approval_ends" => "ends soon",
        "approval_over" => "approval over",
        "preconnect" => "host looked up",
        "tampered" => "guard attacked",
        "unguarded" => "without the guard",
        "unread" => "not read whole",
        "reports_flooded" => "too many reports",
        _ => "alert",
    };
    Badge::new(level, word)
}

pub fn serving(standing: &Standing) -> Badge {
    let is_held_back = standing.held.as_ref().is_some_and(|held| held.hold == Hold::LastGood);
    match standing.acts_as {
        Mode::Off => Badge::new(Level::Bad, "off"),
        Mode::Learn => Badge::new(Level::Warn, "learns"),
        Mode::Enforce if is_held_back || standing.is_triggered => Badge::new(Level::Note, "last good state"),
        Mode::Enforce => Badge::new(Level::Ok, "approved scripts only"),
    }
}

/// Why a page is served so.
pub fn why(standing: &Standing, who: impl Fn(&str) -> String) -> String {
    if standing.section == Mode::Off {
        return "checkout.mode is off: nothing is looked at".to_owned();
    }
    let held = standing.held.as_ref().filter(|held| held.hold != Hold::Learn);
    match held {
        Some(held) => format!("{} said so, {}", who(&held.by), held.at),
        None if standing.is_triggered => {
            "something that nobody approved runs there: close every alert of scripts to go back".to_owned()
        }
        None => format!("as the config says: {}", standing.section.word()),
    }
}

pub fn header(line: &HeaderLine) -> HeaderRow {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "is not sent".to_owned());
    let badge = match (line.approved_at.is_some(), line.value == line.approved) {
        (false, _) => Badge::new(Level::Warn, "not approved"),
        (true, true) => Badge::new(Level::Ok, "as approved"),
        (true, false) => Badge::new(Level::Bad, "changed"),
    };
    let approved = match line.approved_at {
        Some(_) => text(&line.approved),
        None => "–".to_owned(),
    };
    HeaderRow { name: line.name.clone(), value: text(&line.value), approved, badge }
}
