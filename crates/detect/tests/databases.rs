//! Files in MaxMind's format, as owners put them beside the config.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use storeward_detect::sign_in::{Called, Networks};
use storeward_detect::testing::{Field, mmdb, town};

fn read(files: Vec<Vec<u8>>) -> Networks {
    let mut networks = Networks::default();
    for file in files {
        networks.read(file).unwrap();
    }
    networks
}

fn called(networks: &Networks, ip: &str) -> Called {
    networks.called(ip.parse().unwrap())
}

fn name<'a>(names: &'a std::collections::BTreeMap<String, String>, tag: &str) -> &'a str {
    names.get(tag).map_or("", String::as_str)
}

#[test]
fn a_file_of_towns_is_read_for_both_families() {
    let leipzig = || town("DE", ["Germany", "Deutschland"], ["Leipzig", "Leipzig"], 20);
    let cologne = town("DE", ["Germany", "Deutschland"], ["Cologne", "Köln"], 10);
    let somewhere = town("SE", ["Sweden", "Schweden"], ["Stockholm", "Stockholm"], 500);
    let networks = read(vec![mmdb(
        "GeoLite2-City",
        &[
            ("203.0.113.0/24", leipzig()),
            ("203.0.113.128/25", cologne),
            ("198.51.100.0/24", somewhere),
            ("2001:db8:1::/48", leipzig()),
        ],
    )]);
    let here = called(&networks, "203.0.113.7");
    assert_eq!((here.country.unwrap().to_string().as_str(), name(&here.towns, "en")), ("DE", "Leipzig"));
    assert_eq!(name(&here.countries, "de"), "Deutschland");
    assert_eq!(name(&called(&networks, "203.0.113.200").towns, "de"), "Köln");
    assert_eq!(name(&called(&networks, "2001:db8:1:ff::9").towns, "en"), "Leipzig");
    // Nothing is near Stockholm within 500 km.
    let vague = called(&networks, "198.51.100.1");
    assert!(vague.towns.is_empty() && name(&vague.countries, "en") == "Sweden");
    assert_eq!(called(&networks, "192.0.2.1"), Called::default());
    // What the risk engine reads of the same rows.
    let place = networks.look_up("203.0.113.7".parse().unwrap());
    assert!(place.location.is_some() && place.country.unwrap().to_string() == "DE" && place.asn.is_none());
}

#[test]
fn other_makers_rows_and_operators_are_read() {
    let row = Field::Map(vec![
        ("asn", Field::Text("AS64500")),
        ("country", Field::Text("Norway")),
        ("country_code", Field::Text("NO")),
        ("is_hosting", Field::Flag(true)),
    ]);
    let operator = Field::Map(vec![("autonomous_system_number", Field::Number(64501))]);
    let networks =
        read(vec![mmdb("lite", &[("203.0.113.0/24", row)]), mmdb("ASN", &[("198.51.100.0/24", operator)])]);
    let place = networks.look_up("203.0.113.7".parse().unwrap());
    assert_eq!((place.asn, place.hosting), (Some(64500), Some(true)));
    let here = called(&networks, "203.0.113.7");
    assert_eq!((name(&here.countries, "en"), here.towns.len()), ("Norway", 0));
    assert_eq!(networks.look_up("198.51.100.7".parse().unwrap()).asn, Some(64501));
}

#[test]
fn a_later_line_wins_and_names_of_another_country_go() {
    let leipzig = town("DE", ["Germany", "Deutschland"], ["Leipzig", "Leipzig"], 20);
    let file = mmdb("GeoLite2-City", &[("203.0.113.0/24", leipzig)]);
    let networks =
        read(vec![file.clone(), b"203.0.113.0/25 country=AT\n203.0.113.128/25 country=DE\n".to_vec()]);
    let moved = called(&networks, "203.0.113.7");
    assert_eq!(moved.country.unwrap().to_string(), "AT");
    assert!(moved.towns.is_empty() && moved.countries.is_empty());
    assert_eq!(name(&called(&networks, "203.0.113.200").towns, "en"), "Leipzig");
}

#[test]
fn names_cannot_break_a_page_and_damage_keeps_nobody_out() {
    let long: &'static str = "x".repeat(200).leak();
    let row = town("DE", ["Ger\u{7}many\n", "Deutschland"], [long, "  "], 20);
    let file = mmdb("GeoLite2-City", &[("203.0.113.0/24", row)]);
    let here = called(&read(vec![file.clone()]), "203.0.113.7");
    assert_eq!((name(&here.countries, "en"), name(&here.towns, "en").len()), ("Germany", 60));
    assert!(!here.towns.contains_key("de"));
    // A file that was cut off is refused, or knows less; it never panics.
    for cut in (0..file.len()).step_by(7) {
        let mut networks = Networks::default();
        if networks.read(file[cut..].to_vec()).is_ok() {
            let _ = called(&networks, "203.0.113.7");
        }
    }
    let mut networks = Networks::default();
    assert!(networks.read(file[..file.len() - 40].to_vec()).is_err());
}
