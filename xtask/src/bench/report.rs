//! The table for people and the samples for programs.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::Options;
use super::figures::{Samples, Spread, YARDSTICK};
use super::loads::{self, Load};
use super::servers::Kind;

pub struct About {
    pub options: Options,
    /// The Storeward that took part.
    pub binary: Option<PathBuf>,
    pub load_before: f64,
    pub load_after: f64,
}

pub fn write(folder: &Path, about: &About, samples: &Samples, kinds: &[Kind]) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let text = markdown(about, samples, kinds);
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
    };
    put("edge.md", &text)?;
    put("edge.json", &format!("{:#}\n", as_json(about, samples)))?;
    println!("{text}");
    println!("Written to {}.", folder.join("edge.md").display());
    Ok(())
}

fn markdown(about: &About, samples: &Samples, kinds: &[Kind]) -> String {
    let mut out = String::from("# The edge beside nginx\n\n");
    for line in surroundings(about) {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "- {line}");
    }
    out.push_str(
        "\nMedian of the rounds; in brackets least and most. A ratio compares with nginx within one round: below 1.00 \
         is better, except for requests a second.\n\n\
         | load | server | CPU/request us | ratio | requests/s | ratio | p50 ms | p99 ms | p99 ratio |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for load in Load::ALL {
        for kind in kinds {
            out.push_str(&row(samples, load, *kind));
        }
    }
    out.push_str(
        "\nMemory with 1,000 idle TLS connections after one request each (PSS of all processes):\n\n\
         | server | idle MB | with connections MB | KB a connection | ratio |\n|---|---|---|---|---|\n",
    );
    for kind in kinds {
        out.push_str(&memory_row(samples, *kind));
    }
    out
}

fn row(samples: &Samples, load: Load, kind: Kind) -> String {
    let absolute = |of| samples.absolute(load, kind, of).map_or(f64::NAN, |spread| spread.median);
    let ratio = |of| ratio(samples.ratio(load, kind, of), kind);
    format!(
        "| {} | {} | {:.1} | {} | {:.0} | {} | {:.2} | {:.2} | {} |\n",
        load.name(),
        kind.name(),
        absolute(|f| f.cpu_us),
        ratio(|f| f.cpu_us),
        absolute(|f| f.per_second),
        ratio(|f| f.per_second),
        absolute(|f| f.p50_ms),
        absolute(|f| f.p99_ms),
        ratio(|f| f.p99_ms),
    )
}

fn ratio(spread: Option<Spread>, kind: Kind) -> String {
    match spread {
        Some(_) if kind == YARDSTICK => "1.00".to_owned(),
        Some(Spread { median, least, most }) => format!("**{median:.2}** ({least:.2}–{most:.2})"),
        None => "–".to_owned(),
    }
}

fn memory_row(samples: &Samples, kind: Kind) -> String {
    let median = |kind, of| samples.memory(kind, of).map_or(f64::NAN, |spread| spread.median);
    let each = median(kind, |held| held.per_connection_kb);
    format!(
        "| {} | {:.1} | {:.1} | {each:.1} | {:.2} |\n",
        kind.name(),
        median(kind, |held| held.base_kb) / 1024.0,
        median(kind, |held| held.with_connections_kb) / 1024.0,
        each / median(YARDSTICK, |held| held.per_connection_kb),
    )
}

/// What limits the figures.
fn surroundings(about: &About) -> Vec<String> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let said = |program: &str, words: &[&str]| {
        let out = Command::new(program).args(words).output().map(|out| out.stdout).unwrap_or_default();
        String::from_utf8_lossy(&out).trim().to_owned()
    };
    vec![
        format!(
            "{} rounds of {} s a load, interleaved; {}",
            about.options.rounds,
            about.options.seconds,
            said("date", &["-u", "+%F %R UTC"])
        ),
        format!("commit {}", said("git", &["describe", "--always", "--dirty"])),
        format!(
            "{cores} cores of {}, Linux {}",
            model.trim_start_matches([' ', '\t', ':']),
            said("uname", &["-r"])
        ),
        format!(
            "load average {:.1} before, {:.1} after; the load's makers and the upstream share the cores",
            about.load_before, about.load_after
        ),
        loads::versions(about.binary.as_deref()).join("; "),
    ]
}

fn as_json(about: &About, samples: &Samples) -> serde_json::Value {
    let each: Vec<serde_json::Value> = samples
        .each()
        .map(|(load, kind, round, figure)| {
            json!({
                "load": load.name(), "server": kind.name(), "round": round + 1, "cpu_us": figure.cpu_us,
                "per_second": figure.per_second, "p50_ms": figure.p50_ms, "p99_ms": figure.p99_ms,
            })
        })
        .collect();
    let memory = |kind: Kind| {
        samples.memory(kind, |held| held.per_connection_kb).map(|spread| {
            json!({ "server": kind.name(), "kb_a_connection": spread.median, "least": spread.least, "most": spread.most })
        })
    };
    let kinds =
        [Kind::Nginx, Kind::NginxAgain, Kind::NginxLogging, Kind::StorewardPlain, Kind::StorewardInspecting];
    json!({
        "version": 1,
        "surroundings": surroundings(about),
        "samples": each,
        "memory": kinds.into_iter().filter_map(memory).collect::<Vec<_>>(),
    })
}
