//! For tests, here and in other crates: small files in MaxMind's format, written by its specification (version 2.0), since
//! none that somebody gives out may lie in the repository.

use ipnet::IpNet;

/// What stands in a row.
#[derive(Clone, Debug)]
pub enum Field {
    Text(&'static str),
    Number(u32),
    Degrees(f64),
    Flag(bool),
    Map(Vec<(&'static str, Field)>),
}

/// A file with these networks, as bytes.
pub fn mmdb(kind: &str, rows: &[(&str, Field)]) -> Vec<u8> {
    let mut tree = vec![[Record::Nothing; 2]];
    let mut values = Vec::new();
    for (network, field) in rows {
        let network: IpNet = network.parse().expect("a test names networks");
        let (bits, length) = match network {
            IpNet::V4(v4) => (u128::from(u32::from(v4.network())), v4.prefix_len() + 96),
            IpNet::V6(v6) => (u128::from(v6.network()), v6.prefix_len()),
        };
        let at = values.len();
        write_field(&mut values, field);
        insert(&mut tree, bits, length, at);
    }
    let nodes = tree.len();
    let mut out = Vec::new();
    for record in tree.iter().flatten() {
        let number = match record {
            Record::Nothing => nodes,
            Record::Node(node) => *node,
            Record::Value(at) => nodes + 16 + at,
        };
        out.extend(u32::try_from(number).expect("a test's file is small").to_be_bytes());
    }
    out.extend([0; 16]);
    out.extend(values);
    out.extend(b"\xAB\xCD\xEFMaxMind.com");
    write_metadata(&mut out, kind, nodes);
    out
}

#[derive(Clone, Copy, Debug)]
enum Record {
    Nothing,
    Node(usize),
    Value(usize),
}

fn insert(tree: &mut Vec<[Record; 2]>, bits: u128, length: u8, value: usize) {
    let mut node = 0;
    for depth in 0..length {
        let side = usize::from(bits >> (127 - depth) & 1 == 1);
        if depth + 1 == length {
            tree[node][side] = Record::Value(value);
            return;
        }
        node = match tree[node][side] {
            Record::Node(next) => next,
            // What stood for the wider network stands for both of its halves.
            wider @ (Record::Nothing | Record::Value(_)) => {
                tree.push([wider; 2]);
                let next = tree.len() - 1;
                tree[node][side] = Record::Node(next);
                next
            }
        };
    }
}

fn head(out: &mut Vec<u8>, kind: u8, size: usize) {
    let size = u8::try_from(size).expect("a test's texts are short");
    let (low, more) = if size < 29 { (size, None) } else { (29, Some(size - 29)) };
    // Types above 7 have a byte of their own.
    match kind {
        0..=7 => out.push(kind << 5 | low),
        _ => out.extend([low, kind - 7]),
    }
    out.extend(more);
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    head(out, 2, text.len());
    out.extend(text.as_bytes());
}

fn write_number(out: &mut Vec<u8>, kind: u8, number: u32) {
    let bytes = number.to_be_bytes();
    let bytes = if kind == 5 { &bytes[2..] } else { &bytes[..] };
    head(out, kind, bytes.len());
    out.extend(bytes);
}

fn write_field(out: &mut Vec<u8>, field: &Field) {
    match field {
        Field::Text(text) => write_text(out, text),
        Field::Number(number) => write_number(out, 6, *number),
        Field::Degrees(degrees) => {
            head(out, 3, 8);
            out.extend(degrees.to_be_bytes());
        }
        Field::Flag(flag) => head(out, 14, usize::from(*flag)),
        Field::Map(fields) => {
            head(out, 7, fields.len());
            for (name, field) in fields {
                write_text(out, name);
                write_field(out, field);
            }
        }
    }
}

fn write_metadata(out: &mut Vec<u8>, kind: &str, nodes: usize) {
    head(out, 7, 9);
    let numbers = [
        ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0),
        ("ip_version", 6),
        ("record_size", 32),
    ];
    for (name, number) in numbers {
        write_text(out, name);
        write_number(out, 5, number);
    }
    write_text(out, "node_count");
    write_number(out, 6, u32::try_from(nodes).expect("a test's file is small"));
    write_text(out, "build_epoch");
    write_number(out, 9, 1_700_000_000);
    write_text(out, "database_type");
    write_text(out, kind);
    write_text(out, "languages");
    head(out, 11, 1);
    write_text(out, "en");
    write_text(out, "description");
    head(out, 7, 1);
    write_text(out, "en");
    write_text(out, "of a test");
}

/// A row as cities' files have it, with names in two languages.
pub fn town(
    code: &'static str,
    country: [&'static str; 2],
    town: [&'static str; 2],
    radius_km: u32,
) -> Field {
    let names = |[en, de]: [&'static str; 2]| {
        Field::Map(vec![("names", Field::Map(vec![("en", Field::Text(en)), ("de", Field::Text(de))]))])
    };
    let Field::Map(mut of_country) = names(country) else { return names(country) };
    of_country.push(("iso_code", Field::Text(code)));
    Field::Map(vec![
        ("city", names(town)),
        ("country", Field::Map(of_country)),
        (
            "location",
            Field::Map(vec![
                ("accuracy_radius", Field::Number(radius_km)),
                ("latitude", Field::Degrees(51.3402)),
                ("longitude", Field::Degrees(12.3601)),
            ]),
        ),
    ])
}
