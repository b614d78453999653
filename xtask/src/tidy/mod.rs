//! `cargo xtask tidy`: every broken rule on a line of its own, with the place.

mod asvs;
mod floors;
mod metadata;
mod places;
mod proofs;
mod rules;
mod shares;
mod source;

use std::fmt;
use std::path::Path;
use std::process::Command;

/// A broken rule and where.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub place: String,
    pub what: String,
}

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Finding { place: place.into(), what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// A tracked text file, or one that will be.
pub struct File {
    /// From the root, with `/`.
    pub path: String,
    pub text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Looks at the whole workspace. The error lists what was found.
pub fn tidy(root: &Path) -> Result<(), String> {
    let packages = metadata::packages(root)?;
    let files = files(root)?;
    let mut findings = floors::check(&packages);
    findings.extend(floors::check_windows(&files));
    findings.extend(shares::check(&files));
    findings.extend(rules::check_packages(&files));
    findings.extend(proofs::check(&files));
    findings.extend(asvs::check(&files));
    for file in &files {
        findings.extend(places::check(file));
        if file.is_rust() {
            findings.extend(rules::check_source(file));
        }
    }
    let silent = rules::silent_commits(&files);
    println!("tidy: {} crates, {} files, {silent} silent commits", packages.len(), files.len());
    if findings.is_empty() {
        return Ok(());
    }
    findings.sort();
    let mut all: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    all.push_str(&format!("tidy: {} findings", findings.len()));
    Err(all)
}

/// What git tracks, and what it would: a file that was not added yet is judged as well.
fn files(root: &Path) -> Result<Vec<File>, String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("git cannot be called: {e}"))?;
    if !listed.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&listed.stderr)));
    }
    let mut files = Vec::new();
    for path in String::from_utf8_lossy(&listed.stdout).split('\0').filter(|path| !path.is_empty()) {
        // A file that was deleted but is still tracked, or one that holds a picture, has no text to judge.
        let Ok(bytes) = std::fs::read(root.join(path)) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        files.push(File { path: path.to_owned(), text });
    }
    Ok(files)
}
