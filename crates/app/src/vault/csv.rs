//! Records of a CSV file (RFC 4180): values may be quoted and then hold separators and line ends.

use std::io::{self, BufRead, Read};

/// Longest record that is read.
const MOST_BYTES: u64 = 256 * 1024;

/// Reads record by record.
pub struct Records<R> {
    source: R,
    separator: u8,
    /// Counted from 1, as editors count; the line that the record begins in.
    line: u64,
    pub bytes: u64,
}

/// A record that cannot be read: too long, a quote that does not end, no UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken;

/// The line that a record begins in, and its values.
type Record = (u64, Result<Vec<String>, Broken>);

impl<R: BufRead> Records<R> {
    /// Reads the header, and tells from it whether `,`, `;` or a tab separates.
    pub fn new(mut source: R) -> io::Result<(Self, Vec<String>)> {
        let mut first = Vec::new();
        source.by_ref().take(MOST_BYTES).read_until(b'\n', &mut first)?;
        let count = |separator: u8| first.iter().filter(|byte| **byte == separator).count();
        let separator = [b',', b';', b'\t'].into_iter().max_by_key(|one| count(*one)).unwrap_or(b',');
        let bytes = u64::try_from(first.len()).unwrap_or(0);
        let text = first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&first);
        let header = split(text, separator).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "the first line is no header of CSV")
        })?;
        Ok((Records { source, separator, line: 2, bytes }, header))
    }

    /// The next record with the number of its first line.
    pub fn next(&mut self) -> io::Result<Option<Record>> {
        loop {
            let (mut record, line) = (Vec::new(), self.line);
            let (mut is_whole, mut is_open) = (true, false);
            loop {
                let before = record.len();
                let room = MOST_BYTES.saturating_sub(u64::try_from(record.len()).unwrap_or(MOST_BYTES));
                let read = self.source.by_ref().take(room).read_until(b'\n', &mut record)?;
                self.bytes += u64::try_from(read).unwrap_or(0);
                let at_end = read == 0;
                self.line += u64::from(record.ends_with(b"\n") && !at_end);
                // What was read now: a quote that stays open over many lines is counted once.
                let new = record.get(before..).unwrap_or_default();
                is_open ^= new.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
                let is_full = u64::try_from(record.len()).unwrap_or(MOST_BYTES) >= MOST_BYTES;
                if is_full && !record.ends_with(b"\n") {
                    is_whole = false;
                    self.skip_line()?;
                }
                if at_end || !is_open || !is_whole {
                    is_whole = is_whole && !is_open;
                    break;
                }
            }
            if record.is_empty() {
                return Ok(None);
            }
            if record.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let cells = if is_whole { split(&record, self.separator).ok_or(Broken) } else { Err(Broken) };
            return Ok(Some((line, cells)));
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let mut rest = Vec::new();
            let read = self.source.by_ref().take(MOST_BYTES).read_until(b'\n', &mut rest)?;
            self.bytes += u64::try_from(read).unwrap_or(0);
            if read == 0 || rest.ends_with(b"\n") {
                self.line += u64::from(read > 0);
                return Ok(());
            }
        }
    }
}

fn split(record: &[u8], separator: u8) -> Option<Vec<String>> {
    let text = std::str::from_utf8(record).ok()?.trim_end_matches(['\r', '\n']);
    let separator = char::from(separator);
    let (mut cells, mut cell) = (Vec::new(), String::new());
    let mut signs = text.chars().peekable();
    let mut is_quoted = false;
    while let Some(sign) = signs.next() {
        match (sign, is_quoted) {
            ('"', true) if signs.peek() == Some(&'"') => {
                signs.next();
                cell.push('"');
            }
            ('"', true) => is_quoted = false,
            ('"', false) if cell.is_empty() => is_quoted = true,
            (sign, false) if sign == separator => cells.push(std::mem::take(&mut cell)),
            (sign, _) => cell.push(sign),
        }
    }
    cells.push(cell);
    (!is_quoted).then_some(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> (Vec<String>, Vec<Record>) {
        let (mut records, header) = Records::new(text.as_bytes()).unwrap();
        let mut found = Vec::new();
        while let Some(one) = records.next().unwrap() {
            found.push(one);
        }
        assert_eq!(records.bytes, u64::try_from(text.len()).unwrap());
        (header, found)
    }

    #[test]
    fn quotes_separators_and_line_ends_in_values_are_read() {
        let (header, rows) =
            all("\u{feff}id;name\r\n1;\"Ada; \"\"the\"\" first\"\r\n\r\n2;\"two\nlines\"\n3;x");
        assert_eq!(header, ["id", "name"]);
        let row = |line, cells: [&str; 2]| (line, Ok(cells.map(str::to_owned).to_vec()));
        assert_eq!(
            rows,
            [row(2, ["1", "Ada; \"the\" first"]), row(4, ["2", "two\nlines"]), row(6, ["3", "x"])]
        );
        assert_eq!(all("a\tb\n1\t2\n").1, [row(2, ["1", "2"])]);
    }

    #[test]
    fn what_cannot_be_read_is_one_broken_record_and_the_next_is_read() {
        let long = format!("a,b\n{},x\n1,2\n", "y".repeat(300_000));
        let (_, rows) = all(&long);
        assert!(rows == [(2, Err(Broken)), (3, Ok(vec!["1".to_owned(), "2".to_owned()]))]);
        let (_, rows) = all("a,b\n1,\"never ends\n2,x\n");
        assert_eq!(rows, [(2, Err(Broken))]);
    }
}
