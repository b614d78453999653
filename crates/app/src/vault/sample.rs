//! The sample shop's customers, taken over when the demo starts: from the export that it gives to anybody who asks.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use storeward_vault::import::Mapping;

use super::Standing;
use super::import::{Run, import_with};
use crate::Done;
use crate::data::write_atomically;
use crate::failure::{Context, Failure};
use crate::open::Opened;

const MAPPING: &str = r#"
key = "id"
[fields]
"contact.name" = "name"
"contact.email" = "email"
"contact.phone" = "phone"
"address.street@home" = "address"
"#;
const LONGEST: u64 = 8 * 1024 * 1024;

/// How many customers there are here then. `url` is the shop's own, without a slash at the end.
pub fn take_over(opened: &Opened, standing: &Standing, url: &str) -> Done<u64> {
    let mapping: Mapping = toml::from_str(MAPPING).context("the sample shop's mapping")?;
    let file = opened.data.join("sample-shop-customers.csv");
    write_atomically(&file, &export(url)?)?;
    let report = import_with(opened, Some(&standing.vault), &file, &mapping, MAPPING, Run::Real);
    // In plain text no longer than it takes.
    std::fs::remove_file(&file).context(file.display())?;
    report.map(|report| report.new + report.known)
}

fn export(url: &str) -> Done<Vec<u8>> {
    const WHAT: &str = "the sample shop's export";
    let address = url.trim_start_matches("http://");
    let mut shop = TcpStream::connect(address).context(WHAT)?;
    shop.set_read_timeout(Some(Duration::from_secs(20))).context(WHAT)?;
    let ask = format!("GET /admin/export.csv HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    shop.write_all(ask.as_bytes()).context(WHAT)?;
    let mut answer = Vec::new();
    shop.take(LONGEST).read_to_end(&mut answer).context(WHAT)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.ok_or_else(|| Failure::new(format!("{WHAT}: no answer")))? + 4);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200") || head.contains("transfer-encoding") {
        return Err(Failure::new(format!("{WHAT}: {}", head.lines().next().unwrap_or_default())));
    }
    Ok(body.to_vec())
}
