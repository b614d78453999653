//! Lists that are built, asked, damaged and forged; a service that speaks the range protocol, well and badly.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use storeward_base::{Secret, Timestamp};

use super::range::{RangeCheck, RangeQuery, RangeStats, Seen};
use super::*;
use crate::Error;

const NOW: Timestamp = Timestamp::from_seconds(1_795_541_880);

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn hex(password: &str) -> String {
    sha1(&secret(password)).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").unwrap();
        text
    })
}

/// Lines of passwords `stolen-0` and so on, in order, each seen as often as its number says.
fn source(count: usize) -> String {
    let mut lines: Vec<String> = (0..count).map(|n| format!("{}:{n}", hex(&format!("stolen-{n}")))).collect();
    lines.sort_unstable();
    lines.join("\r\n") + "\r\n"
}

fn options(bits: Bits, shard_keys: usize) -> BuildOptions {
    BuildOptions { bits, shard_keys, ..BuildOptions::new(NOW) }
}

fn built(dir: &Path, text: &str, options: &BuildOptions) -> BreachList {
    let path = dir.join("list");
    build(text.as_bytes(), &path, options, |_, _| {}).unwrap();
    BreachList::open(&path).unwrap()
}

#[test]
fn every_breached_password_is_found_and_hardly_another() {
    let dir = tempfile::tempdir().unwrap();
    let text = source(5_000);
    for (bits, most_wrong) in [(Bits::Eight, 60), (Bits::Sixteen, 3)] {
        let list = built(dir.path(), &text, &BuildOptions { least_count: 0, ..options(bits, 512) });
        for n in 0..5_000 {
            assert_eq!(list.contains(&secret(&format!("stolen-{n}"))), Ok(true), "{n}");
        }
        // A binomial of 5,000 tries: 20 and 0.08 are expected, so these bounds hold but once in a billion runs; the
        // passwords are always the same ones.
        let wrong = (0..5_000).filter(|n| list.contains(&secret(&format!("own-{n}"))).unwrap()).count();
        assert!(wrong < most_wrong, "{wrong} of 5,000 with {bits:?}");
        assert_eq!((list.passwords(), list.bits(), list.built_at()), (5_000, bits, NOW));
        assert_eq!(list.size_bytes(), fs::metadata(dir.path().join("list")).unwrap().len());
    }
}

#[test]
fn rare_ones_and_doubles_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let list =
        built(dir.path(), &source(1_000), &BuildOptions { least_count: 900, ..options(Bits::Sixteen, 64) });
    assert_eq!((list.passwords(), list.least_count()), (100, 900));
    assert_eq!(list.contains(&secret("stolen-950")), Ok(true));
    assert_eq!(list.contains(&secret("stolen-850")), Ok(false));
    let line = hex("password");
    let list = built(
        dir.path(),
        &format!("{line}\n{line}:7\n\n{}", line.to_lowercase()),
        &options(Bits::Sixteen, 64),
    );
    assert_eq!(list.passwords(), 1);
    assert_eq!(list.contains(&secret("password")), Ok(true));
    assert_eq!(list.contains(&secret("Password")), Ok(false));
}

#[test]
fn a_text_that_is_no_list_is_refused_by_its_line_and_leaves_the_old_list() {
    let dir = tempfile::tempdir().unwrap();
    let old = built(dir.path(), &hex("password"), &options(Bits::Sixteen, 64));
    drop(old);
    let (low, high) = ("0".repeat(40), "F".repeat(40));
    for (text, number) in [
        (format!("{high}:1\n{low}:1\n"), 2),
        (format!("{low}\nhunter2\n"), 2),
        (format!("{low}:\n"), 1),
        (format!("{low}:-1\n"), 1),
        (format!("{low};1\n"), 1),
        (format!("{}\n", "0".repeat(32)), 1),
        (format!("{}\n", "0".repeat(5_000)), 1),
    ] {
        let path = dir.path().join("list");
        let failed = build(text.as_bytes(), &path, &options(Bits::Sixteen, 64), |_, _| {}).unwrap_err();
        assert!(matches!(failed, Error::Line { number: at, .. } if at == number), "{failed:?}");
        assert!(!failed.to_string().contains("hunter2"));
        assert_eq!(BreachList::open(&path).unwrap().contains(&secret("password")), Ok(true));
    }
    let path = dir.path().join("list");
    assert!(build(&b"\n\n"[..], &path, &options(Bits::Sixteen, 64), |_, _| {}).is_err());
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["list"], "nothing half-made is left");
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    drop(built(dir.path(), &source(300), &BuildOptions { least_count: 0, ..options(Bits::Sixteen, 64) }));
    let path = dir.path().join("list");
    let good = fs::read(&path).unwrap();
    let changed = dir.path().join("changed");
    let asks = |bytes: &[u8]| -> Result<(), Error> {
        fs::write(&changed, bytes).unwrap();
        let list = BreachList::open(&changed)?;
        for n in 0..300 {
            list.contains(&secret(&format!("stolen-{n}")))?;
        }
        Ok(())
    };
    asks(&good).unwrap();
    // The last 32 bytes of the header are kept for later and mean nothing.
    for at in (0..good.len()).step_by(37).filter(|at| !(96..128).contains(at)) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        assert!(asks(&bytes).is_err(), "byte {at} of {}", good.len());
    }
    for length in [0, 7, 127, 128, good.len() / 2, good.len() - 1] {
        assert!(asks(&good[..length]).is_err(), "{length}");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(asks(&longer).is_err());
}

/// Whoever can write the file can also make its checksums fit. It must still not be read outside of itself.
#[test]
fn a_forged_file_cannot_be_read_outside_of_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("forged");
    let (entry, bytes) = format::shard(&[5, 7, 9], Bits::Eight, format::HEADER_BYTES as u64).unwrap();
    let forge = |change: &dyn Fn(&mut format::Entry, &mut format::Header)| {
        let mut entry = entry;
        let at = (format::HEADER_BYTES + bytes.len()) as u64;
        let mut header = format::Header {
            bits: Bits::Eight,
            keys: 3,
            shards: 1,
            least_count: 1,
            built_at: NOW,
            index_at: at,
            length: at + format::ENTRY_BYTES as u64,
            checksum: [0; 32],
        };
        change(&mut entry, &mut header);
        let mut index = Vec::new();
        entry.write(&mut index);
        let mut file = header.to_bytes(&index).to_vec();
        file.extend_from_slice(&bytes);
        file.extend_from_slice(&index);
        fs::write(&path, file).unwrap();
        BreachList::open(&path).and_then(|list| list.contains(&secret("anything")))
    };
    assert!(forge(&|_, _| {}).is_ok());
    assert!(forge(&|entry, _| entry.layout.segment_length *= 2).is_err());
    assert!(forge(&|entry, _| entry.layout.segment_length = 3).is_err());
    assert!(forge(&|entry, _| entry.layout.segment_length = 0).is_err());
    assert!(forge(&|entry, _| entry.layout.segment_count_length = 0).is_err());
    assert!(forge(&|entry, _| entry.layout.segment_count_length = u32::MAX).is_err());
    assert!(forge(&|entry, _| entry.fingerprints = u32::MAX).is_err());
    assert!(forge(&|entry, _| entry.at = u64::MAX).is_err());
    assert!(forge(&|_, header| header.shards = u32::MAX).is_err());
    assert!(forge(&|_, header| header.index_at = u64::MAX).is_err());
    assert!(forge(&|_, header| header.index_at = 0).is_err());
    assert!(forge(&|_, header| header.bits = Bits::Sixteen).is_err());
}

/// The stored form has a version and keeps its sample: `breach-v1.list` was written by the first version, from the
/// words "password" and "qwertyuiop".
#[test]
fn a_list_of_the_first_version_is_read() {
    let list =
        BreachList::open(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/breach-v1.list")))
            .unwrap();
    assert_eq!((list.passwords(), list.bits(), list.least_count()), (2, Bits::Sixteen, 1));
    assert_eq!(list.contains(&secret("password")), Ok(true));
    assert_eq!(list.contains(&secret("qwertyuiop")), Ok(true));
    assert_eq!(list.contains(&secret("lamp post umbrella tea")), Ok(false));
}

#[test]
fn five_digits_go_out_and_no_more() {
    let query = RangeQuery::of(&secret("password"));
    assert_eq!(query.path(), "/range/5BAA6");
    assert_eq!(format!("{query:?}"), "RangeQuery(***)");
    let suffix = &hex("password")[5..];
    let other = &hex("other")[5..];
    let check = |answer: String, expected: Result<u64, ()>| {
        assert_eq!(query.count_in(answer.as_bytes()).map_err(drop), expected, "{answer}");
    };
    check(format!("{other}:3\r\n{suffix}:9659365\r\n"), Ok(9_659_365));
    check(format!("{}:12", suffix.to_lowercase()), Ok(12));
    check(format!("{other}:3\r\n"), Ok(0));
    check(String::new(), Ok(0));
    // A line of padding says nothing, even if it hits by chance.
    check(format!("{suffix}:0\r\n"), Ok(0));
    check("<html>maintenance</html>".to_owned(), Err(()));
    check(format!("{suffix}:many\r\n"), Err(()));
    check(format!("{suffix}\r\n"), Err(()));
    check(format!("{suffix}:1\r\n").repeat(10_000), Err(()));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_answer_stops_nobody_and_is_counted() {
    let checks = RangeCheck::default();
    let password = secret("password");
    let answer = format!("{}:4\r\n", &hex("password")[5..]);
    let good = checks.ask(&password, async |path: String| {
        assert_eq!(path, "/range/5BAA6");
        Ok::<_, ()>(answer.clone().into_bytes())
    });
    assert_eq!(good.await, Seen::Times(4));
    assert_eq!(checks.ask(&password, async |_| Ok::<_, ()>(Vec::new())).await, Seen::Never);
    assert_eq!(checks.ask(&password, async |_| Err("refused")).await, Seen::Unknown);
    assert_eq!(checks.ask(&password, async |_| Ok::<_, ()>(b"<html>".to_vec())).await, Seen::Unknown);
    let start = tokio::time::Instant::now();
    assert_eq!(
        checks.ask(&password, async |_| std::future::pending::<Result<_, ()>>().await).await,
        Seen::Unknown
    );
    assert_eq!(start.elapsed(), range::TIME_OUT);
    assert_eq!(checks.stats(), RangeStats { seen: 1, never: 1, unknown: 3 });
}
