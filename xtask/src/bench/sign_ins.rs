//! `cargo xtask bench sign-ins`: what a flood of bad sign-ins costs whoever looks at the shop meanwhile.
//!
//! Pages are asked for at a steady rate under three conditions, in another order each round: at rest; while a tool
//! throws sign-ins at another server on this machine (what the tool itself takes from the cores); and while it throws
//! the same at Storeward's own sign-in. Every attempt names another account and comes from another address, so that no
//! count stops it and all of them reach the queue of passwords. What is compared is p99 within a round.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::servers::{Contender, Kind};
use super::stage::{self, Stage, run};
use super::{loads, number, target, usage};

const PACED: &str = include_str!("paced.lua");
/// Pages a second, and over how many connections.
const PAGES: (u32, u32) = (400, 32);
/// Sign-ins wait for their turn: with few connections the tool would wait with them.
const CONNECTIONS: u32 = 384;
/// Requests that fill the access record in memory (100,000 records) and, each from another address, the detector's notes (50,000
/// addresses), however few a second come in: they fill on any busy day, and so belong to the base and not to the flood.
const RECORD: f64 = 110_000.0;
/// Until all connections of the tool are there.
const LEAD: Duration = Duration::from_secs(4);
/// A round counts as quiet where a host took less than this share of all cores from the machine in each of its windows.
const QUIET: f64 = 0.005;
/// One of Argon2id's memories, in KiB (`storeward-passwords`, its first cost).
const ARENA_KIB: f64 = 19_456.0;

pub struct Options {
    rounds: usize,
    seconds: u64,
    per_second: u32,
    storeward: Option<PathBuf>,
}

impl Options {
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Options { rounds: 5, seconds: 8, per_second: 500, storeward: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().copied().ok_or_else(|| format!("{word} wants a value"));
            match *word {
                "--rounds" => options.rounds = number(value()?, 1, 50)?,
                "--seconds" => options.seconds = number(value()?, 1, 60)?,
                "--per-second" => options.per_second = number(value()?, 1, 5000)?,
                "--storeward" => options.storeward = Some(PathBuf::from(value()?)),
                other => return Err(format!("bench sign-ins does not know {other}")),
            }
        }
        Ok(options)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meanwhile {
    Nothing,
    FloodElsewhere,
    Flood,
}

impl Meanwhile {
    const ALL: [Meanwhile; 3] = [Meanwhile::Nothing, Meanwhile::FloodElsewhere, Meanwhile::Flood];

    fn name(self) -> &'static str {
        match self {
            Meanwhile::Nothing => "at rest",
            Meanwhile::FloodElsewhere => "the same flood at another server",
            Meanwhile::Flood => "the flood at our sign-in",
        }
    }
}

/// One window of one round.
struct Sample {
    meanwhile: Meanwhile,
    p50_ms: f64,
    p99_ms: f64,
    pages_per_second: f64,
    flood_per_second: f64,
    answers: String,
    peak_kb: f64,
    stolen: f64,
}

/// Runs it and writes `target/bench/sign-ins.md`.
pub fn sign_ins(root: &Path, options: &Options) -> Result<(), String> {
    let target = target(root);
    let binary = options.storeward.clone().unwrap_or_else(|| target.join("release/storeward"));
    if !binary.is_file() {
        return Err(format!(
            "{} is not there; build it with: cargo build --release -p storeward-app",
            binary.display()
        ));
    }
    stage::want_programs(&["nginx", "wrk", "openssl", "python3", "curl"])?;
    let load_before = stage::load_average();
    let stage = Stage::set(binary)?;
    let script = stage.file("paced.lua");
    std::fs::write(&script, PACED).map_err(|e| format!("{}: {e}", script.display()))?;
    let shop = Contender::start(&stage, Kind::StorewardSigningIn)?;
    let other = Contender::start(&stage, Kind::Nginx)?;
    let form = Form::of(&stage, shop.port)?;
    let bench = Bench { stage: &stage, script: &script, shop: &shop, other: &other, form: &form, options };
    bench.fill_record()?;
    let base_kb = usage::pss_kb(&shop.tree());
    // What is set up at first use counts for the memory, and not for the times: one flood that nobody times.
    bench.window(Meanwhile::Flood, 2)?;
    let mut rounds: Vec<Vec<Sample>> = Vec::new();
    for round in 0..options.rounds {
        let mut samples = Vec::new();
        for turn in 0..Meanwhile::ALL.len() {
            let Some(&meanwhile) = Meanwhile::ALL.get((turn + round) % Meanwhile::ALL.len()) else {
                continue;
            };
            let sample = bench.window(meanwhile, options.seconds)?;
            eprintln!(
                "round {}: {:<34} p50 {:.2} ms, p99 {:.2} ms, {:.0} pages/s; {:.0} sign-ins/s ({}); PSS {:.1} MiB; stolen {:.2} %",
                round + 1,
                meanwhile.name(),
                sample.p50_ms,
                sample.p99_ms,
                sample.pages_per_second,
                sample.flood_per_second,
                sample.answers,
                sample.peak_kb / 1024.0,
                sample.stolen * 100.0,
            );
            samples.push(sample);
        }
        rounds.push(samples);
    }
    let text = report(&rounds, base_kb, load_before);
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let path = folder.join("sign-ins.md");
    std::fs::write(&path, &text).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("{text}");
    Ok(())
}

/// The token and the cookies that belong together, as an attacker takes them from the page first.
struct Form {
    csrf: String,
    cookies: String,
}

impl Form {
    fn of(stage: &Stage, port: u16) -> Result<Self, String> {
        let url = format!("https://localhost:{port}/.storeward/sign-in");
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--include", "--cacert"]).arg(stage.file("certificate.pem"));
        let text = run(curl.arg(&url))?;
        let csrf = text.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let cookies: Vec<&str> = text
            .lines()
            .filter(|line| line.to_ascii_lowercase().starts_with("set-cookie:"))
            .filter_map(|line| line.split_once(':')?.1.trim().split(';').next())
            .collect();
        match csrf {
            Some(csrf) => Ok(Form { csrf: csrf.to_owned(), cookies: cookies.join("; ") }),
            None => Err("the sign-in page has no form".to_owned()),
        }
    }
}

struct Bench<'a> {
    stage: &'a Stage,
    script: &'a Path,
    shop: &'a Contender,
    other: &'a Contender,
    form: &'a Form,
    options: &'a Options,
}

impl Bench<'_> {
    fn window(&self, meanwhile: Meanwhile, seconds: u64) -> Result<Sample, String> {
        let flood = match meanwhile {
            Meanwhile::Nothing => None,
            Meanwhile::FloodElsewhere => Some(self.flood(self.other.port, seconds)?),
            Meanwhile::Flood => Some(self.flood(self.shop.port, seconds)?),
        };
        sleep(LEAD);
        let (stolen, passed) = usage::stolen_and_all();
        let pages = self.pages(seconds)?;
        let end = Instant::now() + Duration::from_secs(seconds);
        let tree = self.shop.tree();
        let mut peak_kb = 0.0_f64;
        while Instant::now() < end {
            peak_kb = peak_kb.max(usage::pss_kb(&tree));
            sleep(Duration::from_millis(500));
        }
        let pages = finish(pages)?;
        let counted = loads::read_wrk(&pages)?;
        let after = usage::stolen_and_all();
        let told = flood.map(finish).transpose()?;
        let line =
            |name: &str| told.as_deref()?.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if told.as_deref().is_some_and(|text| text.contains("Socket errors: connect 1")) {
            return Err(format!("the flood could not connect:\n{}", told.unwrap_or_default()));
        }
        Ok(Sample {
            meanwhile,
            p50_ms: counted.p50_ms,
            p99_ms: counted.p99_ms,
            pages_per_second: counted.done / counted.seconds,
            flood_per_second: line("Requests/sec:")
                .and_then(|number| number.parse().ok())
                .unwrap_or_default(),
            answers: line("answers:").unwrap_or_default().to_owned(),
            peak_kb,
            stolen: (after.0 - stolen) / (after.1 - passed).max(1.0),
        })
    }

    /// Pages as fast as they come, until the record is full; then a pause, in which what was freed goes back.
    fn fill_record(&self) -> Result<(), String> {
        let url = format!("https://localhost:{}/1k.html", self.shop.port);
        let mut done = 0.0;
        while done < RECORD {
            let mut wrk = Command::new("wrk");
            wrk.args(["-t1", "-c32", "-d3s", "--latency", "-s"]).arg(self.script).arg(&url);
            let told = run(wrk.args(["--", "0", "spread"]).current_dir(&self.stage.folder))?;
            let fresh = loads::read_wrk(&told)?.done;
            if fresh < 1.0 {
                return Err(format!("no page came while the record was filled:\n{told}"));
            }
            done += fresh;
        }
        sleep(Duration::from_secs(20));
        Ok(())
    }

    /// Pages of the shop at a steady rate.
    fn pages(&self, seconds: u64) -> Result<Child, String> {
        let (per_second, connections) = PAGES;
        let url = format!("https://localhost:{}/1k.html", self.shop.port);
        self.wrk(connections, seconds, per_second, &url, &[])
    }

    fn flood(&self, port: u16, seconds: u64) -> Result<Child, String> {
        let url = format!("https://localhost:{port}/.storeward/sign-in");
        let seconds = seconds + LEAD.as_secs() + 1;
        let words =
            [self.form.csrf.as_str(), self.form.cookies.as_str(), &format!("https://localhost:{port}")];
        self.wrk(CONNECTIONS, seconds, self.options.per_second, &url, &words)
    }

    fn wrk(
        &self,
        connections: u32,
        seconds: u64,
        rate: u32,
        url: &str,
        words: &[&str],
    ) -> Result<Child, String> {
        let mut wrk = Command::new("sh");
        wrk.args([
            "-c",
            "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" \"$@\"",
            "wrk",
            "-t1",
            "--latency",
            "--timeout",
            "30s",
        ]);
        wrk.arg(format!("-c{connections}")).arg(format!("-d{seconds}s")).arg("-s").arg(self.script).arg(url);
        wrk.arg("--").arg(rate.to_string()).args(words);
        wrk.current_dir(&self.stage.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        wrk.spawn().map_err(|e| format!("wrk cannot be called: {e}"))
    }
}

fn finish(child: Child) -> Result<String, String> {
    let done = child.wait_with_output().map_err(|e| format!("wrk: {e}"))?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    if !done.status.success() {
        return Err(format!("wrk: {text}{}", String::from_utf8_lossy(&done.stderr)));
    }
    Ok(text)
}

fn report(rounds: &[Vec<Sample>], base_kb: f64, load_before: f64) -> String {
    let mut text = "| meanwhile | pages/s | p50 ms | p99 ms | p99 to the other server's | sign-ins/s | PSS MiB, most |\n\
                    |---|---|---|---|---|---|---|\n"
        .to_owned();
    let of = |samples: &[Sample], meanwhile: Meanwhile, value: fn(&Sample) -> f64| {
        samples.iter().find(|sample| sample.meanwhile == meanwhile).map_or(f64::NAN, value)
    };
    let all = |meanwhile: Meanwhile, value: fn(&Sample) -> f64| {
        rounds.iter().map(move |samples| of(samples, meanwhile, value)).collect::<Vec<f64>>()
    };
    for meanwhile in Meanwhile::ALL {
        let ratios: Vec<f64> = rounds
            .iter()
            .map(|samples| {
                of(samples, meanwhile, |s| s.p99_ms) / of(samples, Meanwhile::FloodElsewhere, |s| s.p99_ms)
            })
            .collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {:.0} | {:.2} | {:.2} | **{:.2}** ({:.2}–{:.2}) | {:.0} | {:.1} |",
            meanwhile.name(),
            middle(all(meanwhile, |s| s.pages_per_second)),
            middle(all(meanwhile, |s| s.p50_ms)),
            middle(all(meanwhile, |s| s.p99_ms)),
            middle(ratios.clone()),
            ratios.iter().copied().reduce(f64::min).unwrap_or(f64::NAN),
            ratios.iter().copied().reduce(f64::max).unwrap_or(f64::NAN),
            middle(all(meanwhile, |s| s.flood_per_second)),
            all(meanwhile, |s| s.peak_kb).into_iter().reduce(f64::max).unwrap_or(f64::NAN) / 1024.0,
        );
    }
    let answers = rounds.iter().flatten().filter(|sample| sample.meanwhile == Meanwhile::Flood);
    let answers: Vec<&str> = answers.map(|sample| sample.answers.as_str()).collect();
    let _ = writeln!(
        text,
        "\nAnswers to the flood, by status, each round: {}. PSS before any sign-in, with a full record: {:.1} MiB; one arena has {:.0} MiB. Load average \
         {load_before} before, {} after.",
        answers.join("; "),
        base_kb / 1024.0,
        ARENA_KIB / 1024.0,
        stage::load_average()
    );
    text.push_str(&quiet_rounds(rounds));
    text
}

/// The rounds in which the machine had its cores for itself: under a host that takes them away, p99 is the host's.
fn quiet_rounds(rounds: &[Vec<Sample>]) -> String {
    let p99 = |samples: &[Sample], meanwhile: Meanwhile| {
        samples.iter().find(|sample| sample.meanwhile == meanwhile).map_or(f64::NAN, |sample| sample.p99_ms)
    };
    let ratios: Vec<f64> = rounds
        .iter()
        .filter(|samples| samples.iter().all(|sample| sample.stolen < QUIET))
        .map(|samples| p99(samples, Meanwhile::Flood) / p99(samples, Meanwhile::FloodElsewhere))
        .collect();
    let windows: Vec<f64> = rounds.iter().flatten().map(|sample| sample.stolen * 100.0).collect();
    let took = format!(
        "\nThe host took {:.2} % of the cores in the middle window, {:.2} % in the worst; in each of {} of {} rounds less than {:.1} % in every window",
        middle(windows.clone()),
        windows.iter().copied().reduce(f64::max).unwrap_or(f64::NAN),
        ratios.len(),
        rounds.len(),
        QUIET * 100.0,
    );
    if ratios.is_empty() {
        return took + ".\n";
    }
    format!(
        "{took}: in them the flood at our sign-in has a p99 of {:.2} times the other server's ({:.2}–{:.2}).\n",
        middle(ratios.clone()),
        ratios.iter().copied().reduce(f64::min).unwrap_or(f64::NAN),
        ratios.iter().copied().reduce(f64::max).unwrap_or(f64::NAN),
    )
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
