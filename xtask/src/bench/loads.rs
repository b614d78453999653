//! The loads, and reading what wrk, h2load and our own client say.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::servers::Contender;
use super::stage::{Stage, run};
use super::usage::cpu_seconds;

const CLIENT: &str = include_str!("client.py");
/// Connections of one measurement of handshakes: about half a second of CPU, fifty of the kernel's ticks.
const HANDSHAKES: u32 = 1200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Load {
    H1Small,
    H1Page,
    H1Middle,
    H1Large,
    H2Small,
    H2Middle,
    H2Large,
    FullHandshake,
    ResumedHandshake,
}

/// What one measurement gave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figure {
    /// CPU of the server a request (or a connection, for handshakes).
    pub cpu_us: f64,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Load {
    pub const ALL: [Load; 9] = [
        Load::H1Small,
        Load::H1Page,
        Load::H1Middle,
        Load::H1Large,
        Load::H2Small,
        Load::H2Middle,
        Load::H2Large,
        Load::FullHandshake,
        Load::ResumedHandshake,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Load::H1Small => "HTTP/1.1, 1 KiB page",
            Load::H1Page => "HTTP/1.1, 64 KiB page",
            Load::H1Middle => "HTTP/1.1, 64 KiB picture",
            Load::H1Large => "HTTP/1.1, 1 MiB picture",
            Load::H2Small => "HTTP/2, 1 KiB page",
            Load::H2Middle => "HTTP/2, 64 KiB picture",
            Load::H2Large => "HTTP/2, 1 MiB picture",
            Load::FullHandshake => "full handshake",
            Load::ResumedHandshake => "resumed handshake",
        }
    }
}

/// What the client counted.
#[derive(Debug, PartialEq)]
pub struct Counted {
    pub done: f64,
    pub seconds: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

pub fn measure(stage: &Stage, contender: &Contender, load: Load, seconds: u64) -> Result<Figure, String> {
    let port = contender.port;
    let tree = contender.tree();
    let before = cpu_seconds(&tree);
    let counted = match load {
        Load::H1Small => wrk(port, "1k.html", 64, seconds),
        Load::H1Page => wrk(port, "64k.html", 64, seconds),
        Load::H1Middle => wrk(port, "64k.jpg", 64, seconds),
        Load::H1Large => wrk(port, "1m.jpg", 16, seconds),
        Load::H2Small => h2load(stage, port, "1k.html", (16, 16), seconds),
        Load::H2Middle => h2load(stage, port, "64k.jpg", (16, 4), seconds),
        Load::H2Large => h2load(stage, port, "1m.jpg", (8, 2), seconds),
        Load::FullHandshake => handshakes(stage, port, "full"),
        Load::ResumedHandshake => handshakes(stage, port, "resumed"),
    };
    let counted = counted.map_err(|why| format!("{}, {}: {why}", contender.kind.name(), load.name()))?;
    let used = cpu_seconds(&tree) - before;
    if counted.done < 1.0 {
        return Err(format!("{}, {}: nothing was answered", contender.kind.name(), load.name()));
    }
    Ok(Figure {
        cpu_us: used / counted.done * 1e6,
        per_second: counted.done / counted.seconds,
        p50_ms: counted.p50_ms,
        p99_ms: counted.p99_ms,
    })
}

fn wrk(port: u16, file: &str, connections: u32, seconds: u64) -> Result<Counted, String> {
    let url = format!("https://localhost:{port}/{file}");
    let mut command = Command::new("wrk");
    command.args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--latency", &url]);
    read_wrk(&run(&mut command)?)
}

pub fn read_wrk(text: &str) -> Result<Counted, String> {
    if let Some(line) = text.lines().find(|line| line.contains("Non-2xx") || line.contains("Socket errors")) {
        return Err(format!("wrk: {}", line.trim()));
    }
    let percentile =
        |name: &str| text.lines().find_map(|line| milliseconds(line.trim().strip_prefix(name)?.trim()));
    // "  12345 requests in 4.00s, 15.00MB read"
    let line = text.lines().find(|line| line.contains(" requests in ")).unwrap_or_default().trim();
    let done = line.split_whitespace().next().and_then(|word| word.parse().ok());
    let seconds =
        line.split(" requests in ").nth(1).and_then(|rest| rest.split(',').next()).and_then(milliseconds);
    match (done, seconds, percentile("50%"), percentile("99%")) {
        (Some(done), Some(ms), Some(p50_ms), Some(p99_ms)) => {
            Ok(Counted { done, seconds: ms / 1000.0, p50_ms, p99_ms })
        }
        _ => Err(format!("wrk said something else than it used to:\n{text}")),
    }
}

/// `3.87ms`, `950.00us`, `1.20s`, `1.00m`
fn milliseconds(text: &str) -> Option<f64> {
    for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0), ("m", 60_000.0)] {
        if let Some(number) = text.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok()) {
            return Some(number * factor);
        }
    }
    None
}

fn h2load(
    stage: &Stage,
    port: u16,
    file: &str,
    (clients, streams): (u32, u32),
    seconds: u64,
) -> Result<Counted, String> {
    let log = stage.file("h2load.log");
    let _none_yet = fs::remove_file(&log);
    let mut command = Command::new("h2load");
    command.args(["-t1", &format!("-c{clients}"), &format!("-m{streams}"), "-D", &seconds.to_string()]);
    command.arg(format!("--log-file={}", log.display())).arg(format!("https://localhost:{port}/{file}"));
    let text = run(&mut command)?;
    let log = fs::read_to_string(&log).map_err(|e| format!("h2load's log: {e}"))?;
    #[expect(clippy::cast_precision_loss, reason = "at most 60")]
    let seconds = seconds as f64;
    read_h2load(&text, &log, seconds)
}

fn read_h2load(text: &str, log: &str, seconds: f64) -> Result<Counted, String> {
    let protocol = text.lines().find_map(|line| line.strip_prefix("Application protocol: "));
    if protocol != Some("h2") {
        return Err(format!("h2load spoke {}", protocol.unwrap_or("nothing")));
    }
    // "requests: 100 total, 100 started, 100 done, 100 succeeded, 0 failed, 0 errored, 0 timeout"
    let line = text.lines().find_map(|line| line.strip_prefix("requests: ")).unwrap_or_default();
    let number = |word: &str| {
        let part = line.split(", ").find_map(|part| part.strip_suffix(word));
        part.and_then(|number| number.trim().parse::<f64>().ok())
    };
    let (Some(done), Some(failed), Some(errored)) =
        (number(" succeeded"), number(" failed"), number(" errored"))
    else {
        return Err(format!("h2load said something else than it used to:\n{text}"));
    };
    if failed + errored > 0.0 {
        return Err(format!("h2load: {line}"));
    }
    // "start in us \t status \t us"
    let mut times: Vec<u64> =
        log.lines().filter_map(|line| line.split('\t').nth(2)?.trim().parse().ok()).collect();
    times.sort_unstable();
    let at = |percent: usize| {
        let us = times.get(times.len() * percent / 100).copied().unwrap_or_default();
        f64::from(u32::try_from(us).unwrap_or(u32::MAX)) / 1000.0
    };
    Ok(Counted { done, seconds, p50_ms: at(50), p99_ms: at(99) })
}

fn handshakes(stage: &Stage, port: u16, mode: &str) -> Result<Counted, String> {
    let began = std::time::Instant::now();
    let text = run(client(stage).args(["handshakes", &port.to_string(), &HANDSHAKES.to_string(), mode]))?;
    let seconds = began.elapsed().as_secs_f64();
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let &[resumed, p50_ms, p99_ms] = numbers.as_slice() else {
        return Err(format!("the client said {text}"));
    };
    let wanted = if mode == "resumed" { f64::from(HANDSHAKES) } else { 0.0 };
    // A ticket may run into a change of keys; more than a few would be another measurement.
    if (resumed - wanted).abs() > f64::from(HANDSHAKES) / 50.0 {
        return Err(format!("{resumed} of {HANDSHAKES} sessions were resumed"));
    }
    Ok(Counted { done: f64::from(HANDSHAKES), seconds, p50_ms, p99_ms })
}

/// Our own client, which the words to follow tell what to do.
pub fn client(stage: &Stage) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", CLIENT]).current_dir(&stage.folder);
    command
}

pub fn status(stage: &Stage, port: u16, path: &str) -> Result<u16, String> {
    let text = run(client(stage).args(["status", &port.to_string(), path]))?;
    text.trim().parse().map_err(|_| format!("the client said {text}"))
}

/// What was compared, for the report.
pub fn versions(binary: Option<&Path>) -> Vec<String> {
    let first = |command: &mut Command| {
        let out = command.output().map(|out| [out.stdout, out.stderr].concat()).unwrap_or_default();
        String::from_utf8_lossy(&out).lines().next().unwrap_or_default().trim().to_owned()
    };
    let mut all = vec![first(Command::new("/usr/sbin/nginx").arg("-v"))];
    all.extend(binary.map(|binary| first(Command::new(binary).arg("--version"))));
    all.push(first(Command::new("openssl").arg("version")));
    all.push(first(Command::new("wrk").arg("-v")));
    all.push(first(Command::new("h2load").arg("--version")));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrk_is_read() {
        let text = "Running 4s test @ https://localhost:1/\n  Latency Distribution\n     50%    3.87ms\n     75%    5ms\n     \
                    90%    6ms\n     99%   14.30ms\n  68123 requests in 4.01s, 83.00MB read\nRequests/sec:  16988.28\n";
        let read = read_wrk(text).unwrap();
        assert_eq!((read.done, read.p50_ms, read.p99_ms), (68123.0, 3.87, 14.3));
        assert!((read.seconds - 4.01).abs() < 1e-9);
        assert!(read_wrk(&format!("{text}  Non-2xx or 3xx responses: 3\n")).is_err());
        assert!(read_wrk("").is_err());
        assert_eq!(milliseconds("500.00us"), Some(0.5));
        assert_eq!(milliseconds("1.20s"), Some(1200.0));
    }

    #[test]
    fn h2load_is_read() {
        let text = "Application protocol: h2\nfinished in 4.00s, 2.5 req/s, 1KB/s\nrequests: 10 total, 12 started, 10 \
                    done, 10 succeeded, 0 failed, 0 errored, 0 timeout\n";
        let log: String = (1..=10).map(|n| format!("1700000000000000\t200\t{}\n", n * 1000)).collect();
        let read = read_h2load(text, &log, 4.0).unwrap();
        assert_eq!(read, Counted { done: 10.0, seconds: 4.0, p50_ms: 6.0, p99_ms: 10.0 });
        assert!(read_h2load(&text.replace("0 failed", "1 failed"), &log, 4.0).is_err());
        assert!(read_h2load(&text.replace(": h2", ": http/1.1"), &log, 4.0).is_err());
    }
}
