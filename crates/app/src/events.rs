//! `storeward events`: the ledger, read out; with `--follow` as it grows.

use std::net::IpAddr;
use std::time::Duration;

use storeward_base::{Actor, ClientIp, PageSize};
use storeward_events::Record;
use storeward_store::{Db, addresses, ledger};

use crate::failure::{Context, Failure};
use crate::{Directory, Done, open};

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    at: Directory,
    /// Go on as new events happen; Ctrl-C ends it.
    #[arg(long, short)]
    follow: bool,
    /// One JSON object a line, as the ledger hashes it.
    #[arg(long, conflicts_with = "ocsf")]
    json: bool,
    /// One OCSF 1.6.0 object a line, for other security tools.
    #[arg(long)]
    ocsf: bool,
    /// How many past events to begin with; of those of `--kind`, where it is given.
    #[arg(long, short = 'n', default_value_t = 50, value_name = "COUNT")]
    last: u64,
    /// Only kinds that begin so, such as `edge.` or `staff.signed_in`.
    #[arg(long, value_name = "PREFIX", default_value = "")]
    kind: String,
}

/// How often a follower looks: another process writes the ledger, so there is nothing to be woken by.
const LOOK: Duration = Duration::from_millis(250);
const PAGE: u32 = 500;

pub fn events(options: &Options) -> Done {
    let opened = open::open(&options.at.dir)?;
    let head = opened.db.read_blocking(ledger::head).context("the ledger")?;
    let mut after = match options.kind.as_str() {
        "" => head.size.saturating_sub(options.last),
        kind => before_last_of(&opened.db, kind, options.last)?.unwrap_or(head.size),
    };
    loop {
        let page =
            opened.db.read_blocking(move |r| ledger::read_after(r, after, PAGE)).context("the ledger")?;
        let full = page.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX);
        if let Some((seq, _)) = page.last() {
            after = *seq;
        }
        for (_, record) in page.iter().filter(|(_, r)| r.event.kind().starts_with(&options.kind)) {
            match print(&opened.db, record, options) {
                Ok(()) => {}
                // `storeward events | head` closes the pipe: that is an end, not a failure.
                Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                Err(e) => return Err(Failure::new(format!("cannot print: {e}"))),
            }
        }
        match (full, options.follow) {
            (true, _) => {}
            (false, true) => std::thread::sleep(LOOK),
            (false, false) => return Ok(()),
        }
    }
}

/// Behind which the newest `count` events of a kind stand; nothing where none is wanted.
fn before_last_of(db: &Db, kind: &str, count: u64) -> Done<Option<u64>> {
    let mut filter = ledger::Filter { kind_prefix: Some(kind.to_owned()), ..ledger::Filter::default() };
    let mut left = count;
    let mut after = None;
    while left > 0 {
        let wanted = filter.clone();
        let page = db
            .read_blocking(move |r| ledger::search(r, &wanted, PageSize::new(PageSize::MAX)))
            .context("the ledger")?;
        for (seq, _) in &page.rows {
            if left == 0 {
                break;
            }
            left -= 1;
            after = Some(seq.saturating_sub(1));
        }
        match page.next {
            None => break,
            next => filter.before = next,
        }
    }
    Ok(after)
}

fn print(db: &Db, record: &Record, options: &Options) -> std::io::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if options.json {
        out.write_all(&record.to_bytes())?;
        return writeln!(out);
    }
    let address = address_of(db, record);
    if options.ocsf {
        return writeln!(out, "{}", record.ocsf(address));
    }
    let who = match address {
        Some(ip) => ip.to_string(),
        None => record.actor.to_string(),
    };
    writeln!(
        out,
        "{}  {:<13} {:<26} {}  [{who}]",
        record.at,
        record.event.severity().name(),
        record.event.kind(),
        record.sentence()
    )
}

/// The client's address, where the book still has it, and where it is the one that the event's fingerprint stands for.
fn address_of(db: &Db, record: &Record) -> Option<IpAddr> {
    let Actor::Client { client } = record.actor else { return None };
    let found = db.read_blocking(move |r| addresses::find(r, &[client])).ok()?;
    found.into_iter().map(|(_, ip)| ip).find(|ip| db.client_ref(ClientIp::new(*ip)) == client)
}

#[cfg(test)]
mod tests {
    use storeward_events::system::{Started, Stopped};
    use storeward_store::Error;

    use super::*;

    // `--kind office.unusual` showed nothing, though two stood there, because none of them was among the newest fifty of all kinds.
    storeward_store::both_engines!(the_newest_of_a_kind_are_counted_and_not_the_newest_of_all, async |db| {
        for n in 0..60 {
            let write = db.write(move |tx| -> Result<(), Error> {
                match n {
                    3 | 5 => tx.append(Actor::System, None, Stopped { reason: "signal".to_owned() })?,
                    _ => tx.append(Actor::System, None, Started { version: "1".to_owned() })?,
                };
                Ok(())
            });
            write.await.unwrap();
        }
        let looked = Db::clone(&db);
        let before = move |kind: &str, count| before_last_of(&looked, kind, count).unwrap();
        let found = tokio::task::spawn_blocking(move || {
            [
                before("system.stopped", 50),
                before("system.stopped", 1),
                before("system.", 2),
                before("system.", 0),
                before("edge.", 9),
            ]
        });
        assert_eq!(found.await.unwrap(), [Some(3), Some(5), Some(58), None, None]);
    });
}
