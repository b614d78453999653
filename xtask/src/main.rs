//! The workspace's own chores.
//!
//! **Owns** `cargo xtask tidy` (the rules of ARCHITECTURE.md and STYLE.md that a program can check) and
//! `cargo xtask bench` (comparisons with other programs, in one run).
//! **Holds** a rule that has an exception names it in a table, with the reason.
//! **Never** part of what runs in front of a shop; changes a file that git tracks.
//! **Emits** nothing.
#![forbid(unsafe_code)]

mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask tidy                what breaks the rules of ARCHITECTURE.md and STYLE.md
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["tidy"] => tidy::tidy(&root()),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{}", why.trim_end());
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder, wherever the call came from.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}
