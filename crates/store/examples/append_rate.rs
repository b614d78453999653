//! How many durable, acknowledged appends a second: `cargo run --release --example append_rate -- sqlite:/tmp/rate.db`.
//! Each of 1, 16, 64, 256 and 1024 writers waits for its event to be durable before it writes the next; then the same
//! events go through the batcher; then the ledger is verified.

use std::sync::Arc;
use std::time::{Duration, Instant};

use storeward_base::{Actor, Entropy, Secret, SystemClock, SystemEntropy};
use storeward_events::{Event, edge::RequestBlocked};
use storeward_seal::{LogKey, Origin, PseudonymKey};
use storeward_store::ledger::{self, VerifyOptions};
use storeward_store::{DatabaseUrl, Db, Emission, Error, EventSink, OpenOptions};

const SPAN: Duration = Duration::from_secs(3);

fn event() -> Event {
    RequestBlocked {
        method: "POST".to_owned(),
        path: "/checkout/address".to_owned(),
        stage: "inspect".to_owned(),
        rule_id: 942_100,
        category: "sqli".to_owned(),
        variable: "ARGS:q".to_owned(),
        matched: "1' or 1=1".to_owned(),
        score: 15,
    }
    .into()
}

fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "sqlite:append_rate.db".to_owned());
    let entropy: &dyn Entropy = &SystemEntropy;
    let db = Db::open(OpenOptions {
        url: DatabaseUrl::parse(&url)?,
        node: "rate".to_owned(),
        log_key: LogKey::from_seed(&Secret::new([1; 32])),
        trusted: Vec::new(),
        pseudonym_key: PseudonymKey::generate(entropy),
        origin: Origin::parse("rate.example").map_err(|why| Error::Open(why.to_string()))?,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        migrations: Vec::new(),
        readers: 1,
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|why| Error::Open(why.to_string()))?;
    for writers in [1, 16, 64, 256, 1024] {
        let rate = runtime.block_on(tokio::task::LocalSet::new().run_until(writers_rate(&db, writers)))?;
        println!("{writers:5} writers: {rate:8.0} appends/s");
    }
    println!("    batcher: {:8.0} events/s", runtime.block_on(batcher_rate(&db))?);
    let began = Instant::now();
    let report = ledger::verify(&db, &VerifyOptions::default(), |_, _| {})?;
    let rate = rate(report.entries, began.elapsed());
    println!("verified {} entries at {rate:.0}/s: {:?}", report.entries, report.first_fault);
    db.close();
    Ok(())
}

async fn writers_rate(db: &Db, writers: usize) -> Result<f64, Error> {
    let began = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let db = db.clone();
            tokio::task::spawn_local(async move {
                let mut count = 0;
                while began.elapsed() < SPAN {
                    db.write(|tx| tx.append(Actor::System, None, event())).await?;
                    count += 1;
                }
                Ok::<u64, Error>(count)
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await.map_err(|_| Error::Panicked)??;
    }
    Ok(rate(count, began.elapsed()))
}

async fn batcher_rate(db: &Db) -> Result<f64, Error> {
    let sink = EventSink::start(db.clone())?;
    let began = Instant::now();
    let mut waiting = std::collections::VecDeque::new();
    let mut count = 0;
    while began.elapsed() < SPAN {
        let client = format!("192.0.2.{}", count % 250).parse().ok();
        let emission = Emission { at: db.now(), request: None, client, actor: None, event: event() };
        waiting.extend(sink.offer(emission));
        if waiting.len() >= 4096
            && let Some(ack) = waiting.pop_front()
        {
            ack.await?;
            count += 1;
        }
    }
    for ack in waiting {
        ack.await?;
        count += 1;
    }
    Ok(rate(count, began.elapsed()))
}

fn rate(count: u64, span: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / span.as_secs_f64()
}
