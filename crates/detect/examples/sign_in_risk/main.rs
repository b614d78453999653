//! How often customers are challenged for how many attacks caught: `cargo xtask bench risk` runs this.
//!
//! On generated sign-ins, or with `--data FILE` on a file in the form of das-group/rba-dataset (CC BY 4.0, not part of
//! this repository).

mod attackers;
mod generate;
mod measure;
mod report;
mod rows;
mod world;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

struct Options {
    customers: usize,
    seed: u64,
    data: Option<PathBuf>,
    rows: usize,
    write: Option<PathBuf>,
    out: PathBuf,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match Options::parse(&words).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Options {
            customers: 10_000,
            seed: 2026,
            data: None,
            rows: 1_000_000,
            write: None,
            out: PathBuf::from("."),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} wants a value"))?;
            let wrong = || format!("{word} {value} is no such number");
            match word.as_str() {
                "--customers" => options.customers = value.parse().map_err(|_| wrong())?,
                "--seed" => options.seed = value.parse().map_err(|_| wrong())?,
                "--data" => options.data = Some(value.into()),
                "--rows" => options.rows = value.parse().map_err(|_| wrong())?,
                "--write" => options.write = Some(value.into()),
                "--out" => options.out = value.into(),
                _ => return Err(format!("bench risk does not know {word}")),
            }
        }
        Ok(options)
    }
}

fn run(options: &Options) -> Result<(), String> {
    let (rows, source) = match &options.data {
        Some(path) => {
            let (rows, left_out) = rows::read(path, options.rows)?;
            (
                rows,
                format!("the first {} rows of a data set ({left_out} left out as incomplete)", options.rows),
            )
        }
        None => {
            let rows = generate::generate(options.customers, options.seed);
            (
                rows,
                format!(
                    "generated: {} customers over {} days, seed {}",
                    options.customers,
                    generate::DAYS,
                    options.seed
                ),
            )
        }
    };
    eprintln!("{} rows", rows.len());
    if let Some(path) = &options.write {
        rows::write(path, &rows)?;
    }
    let measured = measure::measure(&rows, options.seed);
    let text = text(&source, rows.len(), &measured);
    println!("{text}");
    put(&options.out, "risk.md", &text)?;
    put(&options.out, "risk.svg", &report::svg(&measured))
}

fn text(source: &str, rows: usize, measured: &measure::Measured) -> String {
    let mut out = String::from("# Sign-ins: attacks caught and customers challenged\n\n");
    let attacks: Vec<String> = attackers::Attacker::ALL
        .iter()
        .map(|attacker| format!("{} {}", measured.attacks.get(attacker).map_or(0, Vec::len), attacker.name()))
        .collect();
    let _ = writeln!(out, "- {source}");
    let _ = writeln!(
        out,
        "- {rows} rows, of which {} are sign-ins of {} customers; attempts: {}",
        measured.own_rows,
        measured.customers,
        attacks.join(", ")
    );
    let _ = writeln!(
        out,
        "- one decision (features, score, answer; keys by FNV instead of HMAC): {:.1} us; stored as JSON: {} bytes an account on average, {} bytes for the shop\n",
        measured.decision.as_secs_f64() * 1e6,
        measured.account_bytes,
        measured.shop_bytes
    );
    out.push_str(
        "Median share (and number) of a customer's sign-ins that is challenged, when the threshold is set so that this share of attacks is:\n\n",
    );
    out.push_str(&report::table(measured));
    out.push_str("\nBy how often customers sign in; targeted attackers, after 12 sign-ins:\n\n");
    out.push_str(&report::by_frequency(measured));
    out.push_str("\nThe default policy's answers:\n\n");
    out.push_str(&report::answers(measured));
    out.push_str("\nWhat other thresholds would bring (share of customers' sign-ins, share of attacks):\n\n");
    out.push_str(&report::trade(measured));
    out
}

fn put(folder: &Path, name: &str, text: &str) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let path = folder.join(name);
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
}
