//! What was learnt, as an adapter file.

use std::fmt::Write;

use super::act::AddressIn;
use super::{ActSeen, Choice, DoorFound, Sent};
use crate::model::{Probe, Subject};

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The adapter as a file.
pub(super) fn file(name: &str, choice: &Choice) -> String {
    let Choice { session, door, probe, out, acts } = choice;
    let names: Vec<_> = session.iter().map(|name| quoted(name)).collect();
    let mut text = format!(
        "# Proposed by watching one sign-in. Look at it before you use it.\nformat = 1\nname = {}\ntitle = {0}\n# Also what is not named below, and holds a password or another \
         address, takes a fresh second factor.\nunnamed_acts = \"guarded\"\n\n[cookies]\nsession \
         = [{}]\n\n[signed_in.probe]\npath = {}\n",
        quoted(name),
        names.join(", "),
        quoted(&probe.path)
    );
    text.push_str(&told(probe));
    text.push_str(&sign_in(door));
    if let Some((path, marker)) = &door.sign_up {
        let _ = write!(
            text,
            "\n[[door]]\nname = \"sign-up\"\nkind = \"sign-up\"\npaths = [{}]\nmarker = {}\n",
            quoted(path),
            quoted(marker)
        );
    }
    if let Some(out) = out {
        let _ = write!(text, "\n[sign_out]\nmethod = \"{}\"\npath = {}\n", out.method, quoted(&out.path));
        if out.method == "POST" && !out.page.is_empty() {
            let _ = writeln!(text, "form_page = {}", quoted(&out.page));
        }
    }
    text.push_str(&renamed(probe, acts));
    text.extend(acts.iter().map(|act| place("sensitive", act)));
    text.push_str(
        "\n# Not seen by watching: name the back office, and further acts that should take a fresh second factor.\n# [staff]\n# paths = \
         [\"/admin\"]\n# [[sensitive]]\n# methods = [\"POST\"]\n# path = \"/account/card\"\n",
    );
    text
}

fn place(name: &str, act: &ActSeen) -> String {
    let ActSeen { method, path, operation, .. } = act;
    let mut text = format!("\n[[{name}]]\nmethods = [{}]\npath = {}\n", quoted(method), quoted(path));
    if let Some(operation) = operation {
        let _ = writeln!(text, "operation = [{}]", quoted(operation));
    }
    text
}

/// Where the shop names people by their address: how that changes.
fn renamed(probe: &Probe, acts: &[ActSeen]) -> String {
    let is_named_so = probe.email.is_some();
    if !is_named_so {
        return String::new();
    }
    let mut text = String::new();
    let field = acts.iter().find_map(|act| match &act.address {
        Some(AddressIn::Field(field)) => Some(field),
        Some(AddressIn::Script) | None => None,
    });
    if let Some(field) = field {
        let is_one = |act: &&ActSeen| act.address.as_ref() == Some(&AddressIn::Field(field.clone()));
        let paths: Vec<_> = acts.iter().filter(is_one).map(|act| quoted(&act.path)).collect();
        let (paths, field) = (paths.join(", "), quoted(field));
        let _ = write!(text, "\n[signed_in.renamed]\npaths = [{paths}]\nfield = {field}\n");
    }
    let scripts = acts.iter().filter(|act| act.address == Some(AddressIn::Script));
    text.extend(scripts.map(|act| place("signed_in.renamed.script", act)));
    text
}

/// Where a page names the account.
fn told(probe: &Probe) -> String {
    let subject = |subject: &Subject| match subject {
        Subject { json: Some(pointer), .. } => format!("{{ json = {} }}", quoted(pointer)),
        Subject { field: Some(name), .. } => format!("{{ field = {} }}", quoted(name)),
        Subject { between: Some([before, after]), .. } => {
            format!("{{ between = [{}, {}] }}", quoted(before), quoted(after))
        }
        Subject { split, .. } => format!("{{ split = {} }}", quoted(split.as_deref().unwrap_or_default())),
    };
    let contains = probe.contains.as_ref().map(|contains| ("contains", quoted(contains)));
    let email = probe.email.as_ref().map(|email| ("email", subject(email)));
    let visitor = probe.visitor.as_ref().map(|visitor| {
        let status = visitor.status.map(|status| format!("status = {status}"));
        let signs = [("location", &visitor.location), ("contains", &visitor.contains)];
        let signs =
            signs.into_iter().filter_map(|(key, text)| Some(format!("{key} = {}", quoted(text.as_ref()?))));
        ("visitor", format!("{{ {} }}", status.into_iter().chain(signs).collect::<Vec<_>>().join(", ")))
    });
    let lines =
        contains.into_iter().chain([("subject", subject(&probe.subject))]).chain(email).chain(visitor);
    lines.map(|(key, value)| format!("{key} = {value}\n")).collect()
}

/// The door, and the question whose the token is.
fn sign_in(door: &DoorFound) -> String {
    let DoorFound { path, sent, user, password, token, marker, .. } = door;
    let mut lines = vec![
        "\n[[door]]".to_owned(),
        "name = \"sign-in\"".to_owned(),
        "kind = \"sign-in\"".to_owned(),
        format!("paths = [{}]", quoted(path)),
    ];
    match sent {
        Sent::Form => {}
        Sent::Json => lines.push("body = \"json\"".to_owned()),
        Sent::Graphql { operation, document } => {
            lines.push("body = \"graphql\"".to_owned());
            lines.push(format!("operation = [{}]", quoted(operation)));
            lines.push(format!("document = {}", quoted(document)));
        }
    }
    lines.push(format!("user = [{}]", quoted(user)));
    lines.push(format!("password = [{}]", quoted(password)));
    lines.extend(marker.as_ref().map(|marker| format!("marker = {}", quoted(marker))));
    if let Some((pointer, probe)) = token {
        lines.push(format!("token = [{}]\n\n[door.bearer]\npath = {}", quoted(pointer), quoted(&probe.path)));
        lines.push(told(probe).trim_end().to_owned());
    }
    lines.join("\n") + "\n"
}
