//! No tracked file names a place on one machine, or a registry's host: both would tie the project to where it was
//! written.

use super::{File, Finding};

/// Folders of one machine. Written in two parts, so that this file passes its own rule.
const FOLDERS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Use", "rs/")];

const REGISTRIES: [&str; 8] = [
    concat!("registry.npm", "js.org"),
    concat!("registry.yarn", "pkg.com"),
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("crates.io", "-index"),
    concat!("pypi", ".org"),
    concat!("files.python", "hosted.org"),
    concat!("deb.debian", ".org"),
];

/// Cargo writes the name of its default registry, not a mirror's, into every lock file.
const CARGO_LOCK_SOURCE: &str =
    concat!("source = \"registry+https://github.com/rust-lang/crates.io", "-index\"");

/// Files in which such words are data: attacks that the rules must know, and the tests that fire them.
const DATA: [&str; 3] = ["crates/inspect/", "crates/edge/tests/", "crates/detect/"];

pub fn check(file: &File) -> Vec<Finding> {
    let holds_attacks = DATA.iter().any(|folder| file.path.starts_with(folder));
    let mut findings = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let place = || format!("{}:{}", file.path, number + 1);
        if !holds_attacks && let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
            findings.push(Finding::new(place(), format!("names {folder}, a folder of one machine")));
        }
        if line.trim() == CARGO_LOCK_SOURCE {
            continue;
        }
        if let Some(host) = REGISTRIES.iter().find(|host| line.contains(**host)) {
            findings.push(Finding::new(place(), format!("names {host}, a registry's host")));
        }
    }
    findings
}

/// `folder` at the root of a path, not further down in one or in a URL.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|sign| sign.is_alphanumeric() || "/._-)}~*".contains(sign))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&File { path: path.into(), text: text.into() }).len()
    }

    #[test]
    fn places_of_one_machine_are_found() {
        let home = FOLDERS[2];
        assert_eq!(found("README.md", &format!("cd {home}me/shop")), 1);
        assert_eq!(found("README.md", &format!("`{home}me`")), 1);
        assert_eq!(found("README.md", &format!("https://example.com{home}me and $X{home}")), 0);
        assert_eq!(found("crates/inspect/rules/x.txt", &format!("GET {home}me")), 0);
    }

    #[test]
    fn registries_are_found_but_for_the_name_cargo_writes() {
        assert_eq!(found("package-lock.json", &format!("\"resolved\": \"https://{}/x\"", REGISTRIES[0])), 1);
        assert_eq!(found("Cargo.lock", CARGO_LOCK_SOURCE), 0);
        assert_eq!(found("Cargo.lock", "source = \"registry+https://mirror.example/crates.io\""), 0);
    }
}
