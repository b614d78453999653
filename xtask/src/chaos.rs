//! `cargo xtask chaos payments`: the goal's count of payments and kills, which takes too long for each run of the tests.

use std::path::Path;
use std::process::Command;

const GOAL: [(&str, &str); 2] = [("--payments", "10000"), ("--kills", "50")];

/// Runs the chaos test of the crate `payments` on both databases, with as many payments and kills as are asked for.
pub fn payments(root: &Path, options: &[&str]) -> Result<(), String> {
    let mut counts = GOAL;
    for pair in options.chunks(2) {
        let [name, value] = pair else { return Err(format!("{} has no value", pair.join(" "))) };
        let known = counts.iter_mut().find(|(option, _)| option == name);
        let known =
            known.ok_or_else(|| format!("{name} is no option; these are: --payments N, --kills N"))?;
        if !value.bytes().all(|b| b.is_ascii_digit()) || value.is_empty() {
            return Err(format!("{name} {value}: a number is wanted"));
        }
        known.1 = value;
    }
    let [(_, payments), (_, kills)] = counts;
    let done = Command::new("cargo")
        .args(["test", "-p", "storeward-payments", "--test", "it", "--", "chaos::nothing", "--nocapture"])
        .env("STOREWARD_CHAOS_PAYMENTS", payments)
        .env("STOREWARD_CHAOS_KILLS", kills)
        .current_dir(root)
        .status()
        .map_err(|why| format!("cargo does not start: {why}"))?;
    if done.success() { Ok(()) } else { Err("the chaos test failed".to_owned()) }
}
