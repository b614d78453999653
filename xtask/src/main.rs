//! The workspace's own chores.
//!
//! **Owns** `cargo xtask tidy` (the rules of ARCHITECTURE.md and STYLE.md that a program can check) and
//! `cargo xtask bench` (comparisons with other programs and with published figures, in one run) and `cargo xtask chaos`
//! (the tests that take too long for each run).
//! **Holds** a rule that has an exception names it in a table, with the reason.
//! **Never** part of what runs in front of a shop; changes a file that git tracks.
//! **Emits** nothing.
#![forbid(unsafe_code)]

mod bench;
mod chaos;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask tidy                what breaks the rules of ARCHITECTURE.md and STYLE.md
       cargo xtask bench edge [options]   the release binary beside Debian's nginx, in one run on loopback
           --rounds N        5 unless given
           --seconds S       4 unless given, of each load in each round
           --self-check      nginx against nginx: how far apart two equal servers come out
           --storeward PATH  another binary than target/release/storeward
       cargo xtask bench risk [options]   attacks on sign-ins caught, and customers challenged
           --data FILE       sign-ins in the form of das-group/rba-dataset instead of generated ones
           --rows N          1000000 unless given, of that file
           --customers N     10000 unless given, generated
           --seed N          2026 unless given
           --write FILE      the sign-ins in that form
       cargo xtask bench fraud --data DIR [--quick]   our scorers beside the Fraud Detection Handbook's figures
           DIR holds the daily files of github.com/Fraud-Detection-Handbook/simulated-data-raw, which you download
       cargo xtask bench passwords [--rounds N]   our Argon2id beside Debian's argon2, in CPU time
       cargo xtask bench sign-ins [options]   what a flood of bad sign-ins costs those who look at the shop
           --rounds N        5 unless given
           --seconds S       8 unless given, of each condition in each round
           --per-second N    500 unless given
           --storeward PATH  another binary than target/release/storeward
       cargo xtask chaos payments [options]   payments while calls fail, messages are lost and the program is killed
           --payments N      10000 unless given
           --kills N         50 unless given
       cargo xtask bench vault [options]   customers' records: writes beside PostgreSQL, growth, what sealing costs
           --rounds N        5 unless given
           --seconds S       4 unless given, of each in each round
           --customers A,B   10000,100000,1000000 unless given: look-ups and openings with so many
           --rates PATH      another binary than target/release/examples/vault_rates
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["tidy"] => tidy::tidy(&root()),
        ["bench", "edge", options @ ..] => {
            bench::Options::parse(options).and_then(|options| bench::edge(&root(), &options))
        }
        ["bench", "risk", options @ ..] => bench::risk(&root(), options),
        ["bench", "fraud", options @ ..] => bench::fraud(&root(), options),
        ["bench", "passwords", options @ ..] => bench::passwords::Options::parse(options)
            .and_then(|options| bench::passwords::passwords(&root(), &options)),
        ["bench", "sign-ins", options @ ..] => bench::sign_ins::Options::parse(options)
            .and_then(|options| bench::sign_ins::sign_ins(&root(), &options)),
        ["chaos", "payments", options @ ..] => chaos::payments(&root(), options),
        ["bench", "vault", options @ ..] => {
            bench::vault::Options::parse(options).and_then(|options| bench::vault::vault(&root(), &options))
        }
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
