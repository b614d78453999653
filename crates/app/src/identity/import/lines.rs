//! The lines of a file with accounts: CSV (RFC 4180) with a header, or JSON objects, one a line.

use std::io::{self, BufRead, Read};

use serde::Deserialize;
use storeward_base::{Language, Secret};
use storeward_identity::import::ImportedAccount;

/// Longest line that is read.
const MOST_BYTES: u64 = 64 * 1024;

/// Where one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1, as editors count.
    pub line: u64,
    pub bytes: u64,
}

/// Why a line is none.
#[derive(Debug)]
pub enum Broken {
    Form,
    File(io::Error),
}

pub struct Lines<R> {
    source: R,
    place: Place,
    kind: Kind,
    first: Option<String>,
}

enum Kind {
    Json,
    /// Which column holds what.
    Csv(Columns),
}

#[derive(Clone, Copy, Debug)]
struct Columns {
    address: usize,
    hash: usize,
    name: Option<usize>,
    language: Option<usize>,
}

#[derive(Deserialize)]
struct Object {
    #[serde(alias = "email")]
    address: String,
    hash: Secret<String>,
    name: Option<String>,
    language: Option<String>,
}

impl<R: BufRead> Lines<R> {
    /// Reads the first line: a header of CSV, or a JSON object.
    pub fn new(mut source: R) -> io::Result<Self> {
        let mut place = Place::default();
        let first = next_line(&mut source, &mut place)?.unwrap_or_default();
        let first = first.trim_start_matches('\u{feff}').to_owned();
        if first.trim_start().starts_with('{') {
            return Ok(Lines { source, place, kind: Kind::Json, first: Some(first) });
        }
        let header: Vec<String> =
            fields(&first).unwrap_or_default().iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        let of = |names: &[&str]| header.iter().position(|name| names.contains(&name.as_str()));
        let (Some(address), Some(hash)) = (of(&["address", "email"]), of(&["hash"])) else {
            let why = "the first line names no columns `address` and `hash`";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        };
        let columns = Columns { address, hash, name: of(&["name"]), language: of(&["language"]) };
        Ok(Lines { source, place, kind: Kind::Csv(columns), first: None })
    }

    fn account(&self, text: &str) -> Option<ImportedAccount> {
        let language = |text: Option<String>| text.as_deref().and_then(Language::parse);
        match self.kind {
            Kind::Json => {
                let object: Object = serde_json::from_str(text).ok()?;
                Some(ImportedAccount {
                    address: object.address,
                    hash: object.hash,
                    name: object.name,
                    language: language(object.language),
                })
            }
            Kind::Csv(columns) => {
                let row = fields(text)?;
                let of = |at: usize| row.get(at).cloned();
                Some(ImportedAccount {
                    address: of(columns.address)?,
                    hash: Secret::new(of(columns.hash)?),
                    name: columns.name.and_then(of).filter(|name| !name.is_empty()),
                    language: language(columns.language.and_then(of)),
                })
            }
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = (Place, Result<ImportedAccount, Broken>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let text = match self.first.take() {
                Some(first) => first,
                None => match next_line(&mut self.source, &mut self.place) {
                    Ok(line) => line?,
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        return Some((self.place, Err(Broken::Form)));
                    }
                    Err(error) => return Some((self.place, Err(Broken::File(error)))),
                },
            };
            if !text.trim().is_empty() {
                return Some((self.place, self.account(&text).ok_or(Broken::Form)));
            }
        }
    }
}

/// The next line without its end; an overlong one, and one that is no UTF-8, is skipped and told.
fn next_line(source: &mut impl BufRead, place: &mut Place) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let read = source.by_ref().take(MOST_BYTES).read_until(b'\n', &mut bytes)?;
    if read == 0 {
        return Ok(None);
    }
    place.line += 1;
    let read = u64::try_from(read).unwrap_or(u64::MAX);
    place.bytes += read;
    let is_whole = bytes.last() == Some(&b'\n') || read < MOST_BYTES;
    if !is_whole {
        loop {
            let mut rest = Vec::new();
            let more = source.by_ref().take(MOST_BYTES).read_until(b'\n', &mut rest)?;
            place.bytes += u64::try_from(more).unwrap_or(u64::MAX);
            if more == 0 || rest.last() == Some(&b'\n') {
                break;
            }
        }
        return Err(io::ErrorKind::InvalidData.into());
    }
    while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        bytes.pop();
    }
    String::from_utf8(bytes).map(Some).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// The fields of one line of CSV. None where quotation marks do not fit together; a field with a line's end in it is
/// none either, for no address, name or hash has one.
fn fields(line: &str) -> Option<Vec<String>> {
    let mut out = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => match rest.split_once(',') {
                Some((field, after)) => (field.to_owned(), Some(after)),
                None => (rest.to_owned(), None),
            },
        };
        out.push(field);
        match after {
            Some(after) => rest = after,
            None => return Some(out),
        }
    }
}

/// What stands until the closing mark, and what comes after the comma.
fn quoted_field(text: &str) -> Option<(String, Option<&str>)> {
    let mut out = String::new();
    let mut rest = text;
    loop {
        let (inner, after) = rest.split_once('"')?;
        out.push_str(inner);
        match after.as_bytes().first() {
            None => return Some((out, None)),
            Some(b',') => return Some((out, after.get(1..))),
            Some(b'"') => {
                out.push('"');
                rest = after.get(1..)?;
            }
            Some(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (String, String, Option<String>);

    fn read(text: &str) -> Vec<(u64, Option<Row>)> {
        let all = Lines::new(text.as_bytes()).unwrap();
        let part = |one: ImportedAccount| (one.address, one.hash.expose().clone(), one.name);
        all.map(|(place, line)| (place.line, line.ok().map(part))).collect()
    }

    fn some(address: &str, hash: &str, name: Option<&str>) -> Option<Row> {
        Some((address.to_owned(), hash.to_owned(), name.map(str::to_owned)))
    }

    #[test]
    fn csv_and_json_are_read() {
        let csv = "\u{feff}name,Email,hash\r\n\"B, Ada \"\"A\"\"\",a@b.example,$P$B\r\n\r\n,c@d.example,x\n\"open,e,f\n";
        assert_eq!(
            read(csv),
            [
                (2, some("a@b.example", "$P$B", Some("B, Ada \"A\""))),
                (4, some("c@d.example", "x", None)),
                (5, None),
            ]
        );
        let json = "{\"address\":\"a@b.example\",\"hash\":\"h\",\"name\":null,\"source\":\"x\"}\nnone\n{\"hash\":\"h\"}\n";
        assert_eq!(read(json), [(1, some("a@b.example", "h", None)), (2, None), (3, None)]);
        assert!(Lines::new("a,b\n1,2\n".as_bytes()).is_err());
        let long = format!("address,hash\n{}\na@b.example,h\n", "x".repeat(200_000));
        assert_eq!(read(&long), [(2, None), (3, some("a@b.example", "h", None))]);
    }
}
