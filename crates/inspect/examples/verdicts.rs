//! Judges values: one a line on standard input, in hexadecimal, each as the argument `q` of a search. Answers each with a line: `-`
//! where it passes, otherwise the rules that stopped it. `tests/oracles` asks it.

use std::error::Error;
use std::io::{self, BufRead as _, Write as _};

use storeward_inspect::{Engine, HttpVersion, Policy, RequestHead};

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::with_own_rules()?;
    let policy = Policy::default();
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let rules = stopped_by(&engine, &policy, &format!("q={}", percent_encoded(line?.trim())));
        match rules.as_slice() {
            [] => writeln!(output, "-")?,
            rules => {
                let ids: Vec<String> = rules.iter().map(u32::to_string).collect();
                writeln!(output, "{}", ids.join(" "))?;
            }
        }
        output.flush()?;
    }
    Ok(())
}

fn stopped_by(engine: &Engine, policy: &Policy, query: &str) -> Vec<u32> {
    let target = format!("/search?{query}");
    let head = RequestHead {
        method: "GET",
        path: "/search",
        raw_target: target.as_bytes(),
        query: Some(query),
        host: "shop.example",
        version: HttpVersion::Http11,
        headers: &[("accept", "text/html"), ("user-agent", "Mozilla/5.0")],
    };
    let mut tx = engine.transaction(policy);
    let verdict = tx.request_head(&head);
    match verdict.is_block() {
        true => tx.matches().iter().map(|found| found.rule_id).collect(),
        false => Vec::new(),
    }
}

/// Each byte as `%XX`: what is no hexadecimal digit is left out.
fn percent_encoded(hexadecimal: &str) -> String {
    let digits: Vec<char> = hexadecimal.chars().filter(char::is_ascii_hexdigit).collect();
    digits.chunks_exact(2).flat_map(|pair| std::iter::once('%').chain(pair.iter().copied())).collect()
}
