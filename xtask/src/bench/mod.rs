//! `cargo xtask bench edge` and, at the bottom, `bench risk` and `bench fraud`; the others have files of their own.
//!
//! Edge: Storeward beside Debian's nginx, in one interleaved run on loopback.
//!
//! Same upstream, same certificate, one worker each. Every round measures every contender under every load, each
//! round in another order, so that what else the machine does falls on all alike; what is compared is the ratio
//! within a round.

mod figures;
mod idle;
mod loads;
pub mod passwords;
mod report;
mod servers;
pub mod sign_ins;
mod stage;
mod usage;
pub mod vault;

use std::path::{Path, PathBuf};

use figures::Samples;
use loads::Load;
use servers::{Contender, Kind};
use stage::Stage;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub rounds: usize,
    pub seconds: u64,
    /// nginx against nginx: shows how far apart two equal servers come out.
    pub self_check: bool,
    /// Another binary than the release build.
    pub storeward: Option<PathBuf>,
}

impl Options {
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Options { rounds: 5, seconds: 4, self_check: false, storeward: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().copied().ok_or_else(|| format!("{word} wants a value"));
            match *word {
                "--rounds" => options.rounds = number(value()?, 1, 50)?,
                "--seconds" => options.seconds = number(value()?, 1, 60)?,
                "--storeward" => options.storeward = Some(PathBuf::from(value()?)),
                "--self-check" => options.self_check = true,
                other => return Err(format!("bench edge does not know {other}")),
            }
        }
        Ok(options)
    }

    fn contenders(&self) -> Vec<Kind> {
        if self.self_check {
            vec![Kind::Nginx, Kind::NginxAgain]
        } else {
            vec![Kind::Nginx, Kind::NginxLogging, Kind::StorewardPlain, Kind::StorewardInspecting]
        }
    }
}

fn number<T: std::str::FromStr + PartialOrd>(text: &str, least: T, most: T) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| *number >= least && *number <= most);
    number.ok_or_else(|| format!("{text} is out of range"))
}

/// Runs it and writes `target/bench/edge.md` and `edge.json`.
pub fn edge(root: &Path, options: &Options) -> Result<(), String> {
    let target = target(root);
    let binary = options.storeward.clone().unwrap_or_else(|| target.join("release/storeward"));
    if !options.self_check && !binary.is_file() {
        return Err(format!(
            "{} is not there; build it with: cargo build --release -p storeward-app",
            binary.display()
        ));
    }
    stage::want_programs(&["nginx", "wrk", "h2load", "openssl", "python3"])?;
    let load_before = stage::load_average();
    let part = (!options.self_check).then(|| binary.clone());
    let stage = Stage::set(binary)?;
    let mut samples = Samples::default();
    memory(&stage, options, &mut samples)?;
    rounds(&stage, options, &mut samples)?;
    let load_after = stage::load_average();
    let told = report::About { options: options.clone(), binary: part, load_before, load_after };
    let folder = target.join("bench");
    report::write(&folder, &told, &samples, &options.contenders())
}

/// Runs the example `sign_in_risk` of `detect`, which writes `target/bench/risk.md` and `risk.svg`. A program of its own,
/// because this one stands beside the house and uses none of its crates.
pub fn risk(root: &Path, options: &[&str]) -> Result<(), String> {
    example(root, "storeward-detect", "sign_in_risk", options)
}

/// Runs the example `handbook` of `fraud`, which writes `target/bench/fraud.md`.
pub fn fraud(root: &Path, options: &[&str]) -> Result<(), String> {
    example(root, "storeward-fraud", "handbook", options)
}

fn example(root: &Path, package: &str, name: &str, options: &[&str]) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let ended = std::process::Command::new(cargo)
        .args(["run", "--release", "--quiet", "-p", package, "--example", name, "--"])
        .arg("--out")
        .arg(target(root).join("bench"))
        .args(options)
        .status()
        .map_err(|e| format!("cargo could not be started: {e}"))?;
    if ended.success() { Ok(()) } else { Err(format!("{name} failed")) }
}

fn target(root: &Path) -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root.join(folder),
        None => root.join("target"),
    }
}

/// Memory with 1,000 idle connections, each time with a server that has done nothing else yet.
fn memory(stage: &Stage, options: &Options, samples: &mut Samples) -> Result<(), String> {
    for round in 0..options.rounds.min(3) {
        for kind in options.contenders() {
            let contender = Contender::start(stage, kind)?;
            let held = idle::measure(stage, &contender)?;
            eprintln!(
                "memory {}: {:<22} {:.1} KB a connection",
                round + 1,
                kind.name(),
                held.per_connection_kb
            );
            samples.add_memory(kind, held);
        }
    }
    Ok(())
}

fn rounds(stage: &Stage, options: &Options, samples: &mut Samples) -> Result<(), String> {
    let kinds = options.contenders();
    let contenders =
        kinds.iter().map(|kind| Contender::start(stage, *kind)).collect::<Result<Vec<_>, _>>()?;
    for contender in &contenders {
        contender.prove(stage)?;
    }
    for round in 0..options.rounds {
        for load in Load::ALL {
            for turn in 0..contenders.len() {
                let Some(contender) = contenders.get((turn + round) % contenders.len()) else { continue };
                let figure = loads::measure(stage, contender, load, options.seconds)?;
                eprintln!(
                    "round {}: {:<24} {:<24} {:>9.1} us CPU {:>9.0} /s  p99 {:.2} ms",
                    round + 1,
                    load.name(),
                    contender.kind.name(),
                    figure.cpu_us,
                    figure.per_second,
                    figure.p99_ms,
                );
                samples.add(round, load, contender.kind, figure);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_bounded() {
        let read = Options::parse(&["--rounds", "2", "--seconds", "1", "--self-check"]).unwrap();
        assert_eq!((read.rounds, read.seconds, read.self_check), (2, 1, true));
        for wrong in [&["--rounds", "0"][..], &["--rounds"], &["--seconds", "x"], &["--fast"]] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
