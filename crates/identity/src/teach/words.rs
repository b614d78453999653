//! What was recognised, in words for the console's page. Names of fields, cookies and paths stand in them, and nothing that was
//! typed.

use storeward_adapter::learn::{ActSeen, Answered, DoorFound, Doubt, Probe, Sent};

use super::Standing;

/// One thing that has to be known, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learning {
    pub what: &'static str,
    pub is_seen: bool,
    pub words: String,
}

impl Standing {
    /// What is known, in the order in which it is seen.
    pub fn in_words(&self) -> Vec<Learning> {
        let learnt = &self.learnt;
        let of = |what, seen: Option<String>, todo: &str| Learning {
            what,
            is_seen: seen.is_some(),
            words: seen.unwrap_or_else(|| todo.to_owned()),
        };
        let door = learnt.door.as_ref().map(sent_to);
        let kept: Vec<_> = learnt.session().into_iter().collect();
        let token = learnt.door.as_ref().and_then(|door| door.token.as_ref());
        let token =
            token.map(|(pointer, _)| format!("a token of the shop's scripts, at {pointer} of the answer"));
        let session = (!kept.is_empty()).then(|| {
            let open = learnt.cookies.iter().filter(|cookie| !cookie.is_http_only);
            let open: Vec<_> = open.map(|cookie| cookie.name.as_str()).collect();
            let rest = if open.is_empty() {
                String::new()
            } else {
                format!("; left to the shop's scripts: {}", open.join(", "))
            };
            format!("{}{rest}", kept.join(", "))
        });
        let out = learnt.outs.first().map(|out| {
            let end = if learnt.went_out { ", and the account was named no more" } else { "" };
            format!("{} {}{end}", out.method, out.path)
        });
        let acts: Vec<_> = learnt.acts.iter().map(changed).collect();
        let acts =
            (!acts.is_empty()).then(|| format!("{}: these take a fresh second factor", acts.join(", ")));
        vec![
            of("Sign-in", door, "sign in by the shop's own page"),
            of(
                "Right password",
                learnt.right.as_ref().map(answered),
                "sign in, then open the account's page",
            ),
            of("Session", token.or(session), "the cookies that only a server reads: none was seen yet"),
            of(
                "Who it is",
                learnt.probes.first().map(named),
                "open the page with the account's own name or address",
            ),
            of("Wrong password", learnt.wrong.as_ref().map(wrong), "try a wrong password once"),
            of("Changes", acts, "change the account's address and its password, to what they are already"),
            of("Sign-out", out.filter(|_| learnt.went_out), "sign out, then open the account's page again"),
        ]
    }

    /// What is not plain, and what to do.
    pub fn doubts(&self) -> Vec<String> {
        self.learnt
            .doubts()
            .iter()
            .filter(|doubt| **doubt != Doubt::NoSignIn)
            .map(ToString::to_string)
            .collect()
    }
}

fn sent_to(door: &DoorFound) -> String {
    let DoorFound { path, user, password, .. } = door;
    let how = match &door.sent {
        Sent::Form => "as a form".to_owned(),
        Sent::Json => "as JSON by a script".to_owned(),
        Sent::Graphql { operation, .. } => format!("as GraphQL by a script, which calls {operation}"),
    };
    format!("sent to {path} {how}: the name in `{user}`, the password in `{password}`")
}

fn answered(answer: &Answered) -> String {
    match answer.cookies.as_slice() {
        [] => format!("answered with {}; no new cookie", answer.status),
        names => format!("answered with {}, and sets {}", answer.status, names.join(", ")),
    }
}

fn wrong(answer: &Answered) -> String {
    format!("{}; nobody was named afterwards", answered(answer))
}

fn changed(act: &ActSeen) -> String {
    match &act.operation {
        Some(operation) => format!("{operation} at {}", act.path),
        None => format!("{} {}", act.method, act.path),
    }
}

fn named(probe: &Probe) -> String {
    let subject = &probe.subject;
    let place = match (&subject.json, &subject.field, &subject.between) {
        (Some(pointer), _, _) => format!("at {pointer} of its JSON"),
        (_, Some(name), _) => format!("in the field `{name}`"),
        (_, _, Some([before, after])) => format!("between {before} and {after}"),
        (None, None, None) => "in its cookie".to_owned(),
    };
    format!("{} names the account {place}; a visitor sees nobody there", probe.path)
}
