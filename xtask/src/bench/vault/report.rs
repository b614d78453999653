//! What came out, as a table for docs/benchmarks.md.

use std::fmt::Write as _;
use std::path::Path;

use super::{CLIENTS, Cost, Figure, Growth, Writer};
use crate::bench::figures::{Spread, spread};

pub struct About {
    pub rounds: usize,
    pub seconds: u64,
    pub postgres: String,
    pub has_pgcrypto: bool,
    pub load_before: f64,
    pub load_after: f64,
}

pub fn write(
    folder: &Path,
    about: &About,
    writes: &[Figure],
    growth: &[Growth],
    costs: &[Cost],
) -> Result<(), String> {
    let mut text = format!(
        "{} rounds of {} s, interleaved; PostgreSQL {}{}; load average {} before, {} after\n\n",
        about.rounds,
        about.seconds,
        about.postgres,
        if about.has_pgcrypto { "" } else { " (pgcrypto is not installed, so nothing stands beside it)" },
        about.load_before,
        about.load_after,
    );
    // Writing to a String cannot fail.
    let _ = writes_table(&mut text, writes);
    let _ = growth_table(&mut text, growth);
    let _ = costs_table(&mut text, costs);
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let path = folder.join("vault.md");
    std::fs::write(&path, &text).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("{text}");
    Ok(())
}

fn writes_table(text: &mut String, writes: &[Figure]) -> std::fmt::Result {
    writeln!(
        text,
        "| clients | durable writes | a second | ratio to the plain row | p99 ms |\n|---|---|---|---|---|"
    )?;
    for clients in CLIENTS {
        for writer in Writer::ALL {
            let of = |writer: Writer| {
                writes.iter().filter(move |one| one.clients == clients && one.writer == writer)
            };
            let base = |round: usize| of(Writer::PostgresPlain).find(|one| one.round == round);
            let ratios = of(writer)
                .filter_map(|one| base(one.round).map(|base| one.per_second / base.per_second))
                .collect();
            let Some(rate) = spread(of(writer).map(|one| one.per_second).collect()) else { continue };
            let p99 = spread(of(writer).map(|one| one.p99_ms).collect());
            writeln!(
                text,
                "| {clients} | {} | {:.0} | {} | {} |",
                writer.name(),
                rate.median,
                told(spread(ratios), 2),
                p99.map_or_else(String::new, |p99| format!("{:.1}", p99.median)),
            )?;
        }
    }
    writeln!(text)
}

fn told(spread: Option<Spread>, places: usize) -> String {
    spread.map_or_else(String::new, |spread| {
        format!("**{:.places$}** ({:.places$}–{:.places$})", spread.median, spread.least, spread.most)
    })
}

fn growth_table(text: &mut String, growth: &[Growth]) -> std::fmt::Result {
    writeln!(
        text,
        "| customers | look-up p50 us | growth | look-ups/s, 64 clients | opening p50 us, 1 client | openings/s, 64 clients | growth of the time | CPU us | growth |\n|---|---|---|---|---|---|---|---|---|"
    )?;
    let Some(first) = growth.first() else { return Ok(()) };
    for one in growth {
        writeln!(
            text,
            "| {} | {:.0} | {:.2} | {:.0} | {:.0} | {:.0} | {:.2} | {:.0} | {:.2} |",
            one.customers,
            one.find_p50_us,
            one.find_p50_us / first.find_p50_us,
            one.find_per_second,
            one.open_p50_us,
            one.open_per_second,
            first.open_per_second / one.open_per_second,
            one.open_cpu_us,
            one.open_cpu_us / first.open_cpu_us,
        )?;
    }
    writeln!(text)
}

fn costs_table(text: &mut String, costs: &[Cost]) -> std::fmt::Result {
    writeln!(
        text,
        "| bytes | seal ns | open ns | `openssl speed` AES-256-GCM ns | pgcrypto encrypt ns | decrypt ns | seal is faster by |\n|---|---|---|---|---|---|---|"
    )?;
    for cost in costs {
        let shown = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), |ns| format!("{ns:.0}"));
        writeln!(
            text,
            "| {} | {:.0} | {:.0} | {:.0} | {} | {} | {} |",
            cost.bytes,
            cost.seal,
            cost.open,
            cost.openssl,
            shown(cost.pgp_encrypt),
            shown(cost.pgp_decrypt),
            cost.pgp_encrypt.map_or_else(|| "–".to_owned(), |ns| format!("{:.0} times", ns / cost.seal)),
        )?;
    }
    Ok(())
}
