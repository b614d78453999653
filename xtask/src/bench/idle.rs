//! Memory of a server that holds a thousand idle TLS connections.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use super::loads;
use super::servers::Contender;
use super::stage::Stage;
use super::usage::pss_kb;

const CONNECTIONS: u32 = 1000;

/// In KB.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub base_kb: f64,
    pub with_connections_kb: f64,
    pub per_connection_kb: f64,
}

pub fn measure(stage: &Stage, contender: &Contender) -> Result<Held, String> {
    // What is set up on the first requests belongs to the base.
    for _ in 0..20 {
        loads::status(stage, contender.port, "/1k.html")?;
    }
    let base_kb = pss_kb(&contender.tree());
    let mut client = loads::client(stage);
    client.args(["idle", &contender.port.to_string(), &CONNECTIONS.to_string()]);
    let mut child = client
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("python3 cannot be called: {e}"))?;
    let mut said = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut said).map_err(|e| e.to_string())?;
    }
    sleep(Duration::from_millis(500));
    let with_connections_kb = pss_kb(&contender.tree());
    // The end of its input lets it go.
    drop(child.stdin.take());
    child.wait().map_err(|e| e.to_string())?;
    if said.trim() != "ready" {
        return Err(format!("{}: the idle connections did not come about", contender.kind.name()));
    }
    let per_connection_kb = (with_connections_kb - base_kb) / f64::from(CONNECTIONS);
    Ok(Held { base_kb, with_connections_kb, per_connection_kb })
}
