//! A live front door on loopback, for what is measured or attacked by hand: h2spec, h2load, large bodies.
//!
//! `cargo run --release -p storeward-edge --example front [-- http://127.0.0.1:8080]` protects that shop; without an
//! address it protects one that answers `x` and, below `/zeros/<bytes>`, as many zeros as asked for. It ends with Enter.
#![allow(clippy::unwrap_used, dead_code, reason = "a bench that cannot go on shall stop where it is")]

#[path = "../tests/it/harness.rs"]
mod harness;

use storeward_testkit::{Asked, FakeShop, Reply};

fn answer(asked: &Asked) -> Reply {
    let zeros = asked.target().strip_prefix("/zeros/").and_then(|n| n.parse::<u64>().ok());
    match zeros {
        Some(count) => Reply::Zeros(
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nContent-Length: {count}\r\n\r\n")
                .into_bytes(),
            count,
        ),
        None => Reply::ok(&format!("took {} bytes\n", asked.discarded)),
    }
}

#[tokio::main]
async fn main() {
    let shop = FakeShop::discarding(answer).await;
    let upstream = std::env::args().nth(1).unwrap_or_else(|| shop.url());
    let edge = harness::TestEdge::start(&[upstream], "[limits]\nbody_bytes = 8000000000\n");
    let port = edge.https.port();
    println!("https://localhost:{port}\n");
    println!("tests/h2spec/run does all of this for h2spec, a conformance suite");
    println!("h2load -n 100000 -c 16 -m 16 https://localhost:{port}/");
    let kind = "-H 'Content-Type: application/octet-stream'";
    println!("truncate -s 2G /tmp/2g; curl -sk {kind} -T /tmp/2g https://localhost:{port}/up");
    println!("curl -sk -o /dev/null https://localhost:{port}/zeros/2147483648");
    println!("grep VmHWM /proc/{}/status\n\nEnter stops it.", std::process::id());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    for record in edge.records().iter().filter(|r| !r.reason.is_empty()).take(200) {
        println!("{} {} {}", record.status, record.reason, record.path);
    }
    edge.stop();
}
