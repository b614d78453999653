//! `cargo xtask bench passwords`: our Argon2id beside Debian's `argon2`, which is libargon2 and its command line.
//!
//! CPU time of one hash, interleaved: each round has some of ours and some of theirs, and what is compared is the ratio
//! within the round. The command line tells the CPU time of the hash alone (clock(3) around argon2_hash), without the
//! start of its process and without the check that it does after.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{number, stage, target};

/// Memory in KiB, passes, and what the ratio should not be above.
const COSTS: [(u32, u32, f64); 2] = [(19_456, 2, 0.70), (47_104, 1, 0.40)];
/// Hashes of each in a round.
const IN_A_ROUND: u32 = 10;

pub struct Options {
    rounds: usize,
    ours: Option<PathBuf>,
}

impl Options {
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        match words {
            [] => Ok(Options { rounds: 15, ours: None }),
            ["--rounds", rounds] => Ok(Options { rounds: number(rounds, 1, 200)?, ours: None }),
            ["--rounds", rounds, "--hashing", path] => {
                Ok(Options { rounds: number(rounds, 1, 200)?, ours: Some(PathBuf::from(path)) })
            }
            _ => Err("bench passwords knows --rounds N [--hashing PATH]".to_owned()),
        }
    }
}

/// Runs it and writes `target/bench/passwords.md`.
pub fn passwords(root: &Path, options: &Options) -> Result<(), String> {
    let target = target(root);
    let binary = options.ours.clone().unwrap_or_else(|| target.join("release/examples/hashing"));
    if !binary.is_file() {
        return Err(format!(
            "{} is not there; build it with: cargo build --release -p storeward-passwords --example hashing",
            binary.display()
        ));
    }
    stage::want_programs(&["argon2"])?;
    let load_before = stage::load_average();
    let mut ours = Ours::start(&binary)?;
    let mut samples: Vec<Vec<(f64, f64)>> = vec![Vec::new(); COSTS.len()];
    for round in 0..options.rounds {
        for ((memory_kib, passes, _), pairs) in COSTS.into_iter().zip(&mut samples) {
            let own = ours.measure(memory_kib, passes)?;
            let theirs = libargon2(memory_kib, passes)?;
            eprintln!("round {}: {memory_kib}/{passes}: {own:.2} ms, libargon2 {theirs:.2} ms", round + 1);
            pairs.push((own, theirs));
        }
    }
    let mut text =
        "| KiB / passes | ours, ms CPU | libargon2, ms CPU | ratio | aim |\n|---|---|---|---|---|\n"
            .to_owned();
    for ((memory_kib, passes, aim), pairs) in COSTS.into_iter().zip(&samples) {
        let [own, theirs, ratio] = [
            middle(pairs.iter().map(|(own, _)| *own)),
            middle(pairs.iter().map(|(_, theirs)| *theirs)),
            middle(pairs.iter().map(|(own, theirs)| own / theirs)),
        ];
        let [least, most] = [f64::min as fn(f64, f64) -> f64, f64::max]
            .map(|pick| pairs.iter().map(|(own, theirs)| own / theirs).reduce(pick).unwrap_or(f64::NAN));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {memory_kib} / {passes} | {own:.1} | {theirs:.1} | **{ratio:.2}** ({least:.2}–{most:.2}) | {aim:.2} |"
        );
    }
    let _ = writeln!(
        text,
        "\n{} rounds of {IN_A_ROUND} hashes each, interleaved; median, in brackets least and most of the rounds; load average {load_before} \
         before, {} after",
        options.rounds,
        stage::load_average()
    );
    let path = target.join("bench/passwords.md");
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    std::fs::write(&path, &text).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("{text}");
    Ok(())
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The example of storeward-passwords, which keeps its memory from one hash to the next.
struct Ours {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Ours {
    fn start(binary: &Path) -> Result<Self, String> {
        let mut child = Command::new(binary)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{}: {e}", binary.display()))?;
        let (Some(ask), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the example has no pipes".to_owned());
        };
        Ok(Ours { child, ask, answers: BufReader::new(answers) })
    }

    /// Milliseconds of CPU for one hash.
    fn measure(&mut self, memory_kib: u32, passes: u32) -> Result<f64, String> {
        writeln!(self.ask, "{memory_kib} {passes} {IN_A_ROUND}").map_err(|e| format!("the example: {e}"))?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|e| format!("the example: {e}"))?;
        let micros: f64 = line.trim().parse().map_err(|_| format!("the example said {line:?}"))?;
        Ok(micros / 1_000.0 / f64::from(IN_A_ROUND))
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn libargon2(memory_kib: u32, passes: u32) -> Result<f64, String> {
    let mut seconds = 0.0;
    for _ in 0..IN_A_ROUND {
        let mut child = Command::new("argon2")
            .args(["sixteen bytes ok", "-id", "-p", "1", "-l", "32"])
            .args(["-t", &passes.to_string(), "-k", &memory_kib.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("argon2: {e}"))?;
        if let Some(mut ask) = child.stdin.take() {
            ask.write_all(b"correct horse battery staple").map_err(|e| format!("argon2: {e}"))?;
        }
        let said = child.wait_with_output().map_err(|e| format!("argon2: {e}"))?;
        seconds += told_seconds(&String::from_utf8_lossy(&said.stdout)).ok_or("argon2 told no time")?;
    }
    Ok(seconds * 1_000.0 / f64::from(IN_A_ROUND))
}

/// From the line `0.025 seconds`.
fn told_seconds(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_suffix(" seconds"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_command_line_tells_is_read() {
        assert_eq!(
            told_seconds("Type:\t\tArgon2id\nHash:\t\tab\n0.025 seconds\nVerification ok\n"),
            Some(0.025)
        );
        assert_eq!(told_seconds("Error"), None);
        assert!(Options::parse(&["--rounds", "0"]).is_err() && Options::parse(&["--rounds", "3"]).is_ok());
        assert!((middle([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < 1e-9);
    }
}
