//! What was learnt, as an adapter file.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{DoorFound, Out};
use crate::model::{Probe, Subject};

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The adapter as a file.
pub(super) fn file(
    name: &str,
    session: &BTreeSet<String>,
    door: &DoorFound,
    probe: &Probe,
    out: &Option<Out>,
) -> String {
    let names: Vec<_> = session.iter().map(|name| quoted(name)).collect();
    let mut text = format!(
        "# Proposed by watching one sign-in. Look at it before you use it.\nformat = 1\nname = {}\ntitle = {0}\n\n[cookies]\nsession \
         = [{}]\n\n[signed_in.probe]\npath = {}\n",
        quoted(name),
        names.join(", "),
        quoted(&probe.path)
    );
    let subject = |subject: &Subject| match subject {
        Subject { json: Some(pointer), .. } => format!("{{ json = {} }}", quoted(pointer)),
        Subject { field: Some(name), .. } => format!("{{ field = {} }}", quoted(name)),
        Subject { between: Some([before, after]), .. } => {
            format!("{{ between = [{}, {}] }}", quoted(before), quoted(after))
        }
        Subject { split, .. } => format!("{{ split = {} }}", quoted(split.as_deref().unwrap_or_default())),
    };
    // Writing to a String cannot fail.
    let mut line = |key: &str, value: String| {
        let _ = writeln!(text, "{key} = {value}");
    };
    if let Some(contains) = &probe.contains {
        line("contains", quoted(contains));
    }
    line("subject", subject(&probe.subject));
    if let Some(email) = &probe.email {
        line("email", subject(email));
    }
    let _ = write!(
        text,
        "\n[[door]]\nname = \"sign-in\"\nkind = \"sign-in\"\npaths = [{}]\nuser = [{}]\npassword = [{}]\n",
        quoted(&door.path),
        quoted(&door.user),
        quoted(&door.password)
    );
    if let Some(marker) = &door.marker {
        let _ = writeln!(text, "marker = {}", quoted(marker));
    }
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
        if out.method == "POST" {
            let _ = writeln!(text, "form_page = {}", quoted(&out.page));
        }
    }
    text.push_str(
        "\n# Not seen by watching: name the back office, and acts that should take a fresh second factor.\n# [staff]\n# paths = \
         [\"/admin\"]\n# [[sensitive]]\n# methods = [\"POST\"]\n# path = \"/account/email\"\n",
    );
    text
}
