//! Records of a CSV file (RFC 4180): values may be quoted and then hold separators and line ends.

use std::io::{self, BufRead, Read};

/// Longest record that is read.
const MOST_BYTES: u64 = 256 * 1024;

/// Reads record by record.
pub struct Records<R> {
    source: R,
    separator: u8,
    /// How many names the header has, and how many with empty ones at its end.
    width: usize,
    named: usize,
    /// Counted from 1, as editors count; the line that the record begins in.
    line: u64,
    pub bytes: u64,
}

/// Why a record cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub enum Broken {
    TooLong,
    NoUtf8,
    /// A value that begins with a quote has no other to end it in the rest of the file.
    Unclosed,
    /// Text behind the quote that ends a value: which of the two is wrong, nobody can tell.
    BehindQuote,
    /// It has so many values, which are more than the header has.
    Values(usize),
}

/// What stands between two ends of lines that are no part of a value.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// The line that it begins in, and the one that it ends in.
    pub lines: (u64, u64),
    pub values: Result<Vec<String>, Broken>,
}

impl<R: BufRead> Records<R> {
    /// Reads the header, and tells from it whether `,`, `;` or a tab separates.
    pub fn new(mut source: R) -> io::Result<(Self, Vec<String>)> {
        let mut first = Vec::new();
        source.by_ref().take(MOST_BYTES).read_until(b'\n', &mut first)?;
        let count = |separator: u8| first.iter().filter(|byte| **byte == separator).count();
        let separator = [b',', b';', b'\t'].into_iter().max_by_key(|one| count(*one)).unwrap_or(b',');
        let bytes = u64::try_from(first.len()).unwrap_or(0);
        let mut values = Values::new(separator);
        values.take(first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&first));
        let mut header = match values.end() {
            Ok(header) if first.len() < usize::try_from(MOST_BYTES).unwrap_or(usize::MAX) => header,
            _ => {
                let why = "the first line is no header of CSV";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
        };
        let named = header.len();
        // What ends each line with a separator has nothing behind it.
        while header.len() > 1 && header.last().is_some_and(|name| name.trim().is_empty()) {
            header.pop();
        }
        Ok((Records { source, separator, width: header.len(), named, line: 2, bytes }, header))
    }

    /// How many values the header has.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// The next record.
    pub fn next(&mut self) -> io::Result<Option<Record>> {
        loop {
            let (mut values, begin) = (Values::new(self.separator), self.line);
            let (mut part, mut end) = (Vec::new(), begin);
            loop {
                part.clear();
                let read = self.source.by_ref().take(MOST_BYTES).read_until(b'\n', &mut part)?;
                self.bytes += u64::try_from(read).unwrap_or(0);
                // The last line may have no end.
                if read == 0 {
                    break;
                }
                end = self.line;
                self.line += u64::from(part.ends_with(b"\n"));
                if values.take(&part) {
                    break;
                }
            }
            match values.seen {
                Seen::Nothing => return Ok(None),
                Seen::Blanks => continue,
                Seen::Something => {}
            }
            let mut values = values.end();
            if let Ok(cells) = &mut values {
                // Spreadsheets leave empty values at the end of a row away: what is missing is for whoever reads it to see. One too many
                // is none that may be left away: a comma within a name makes such a row, too, where the last value is empty.
                let has_more = cells.iter().skip(self.width).any(|cell| !cell.is_empty());
                if cells.len() > self.named || has_more {
                    values = Err(Broken::Values(cells.len()));
                } else {
                    cells.truncate(self.width);
                }
            }
            return Ok(Some(Record { lines: (begin, end), values }));
        }
    }
}

/// Where in a value a byte is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Begin,
    Plain,
    /// Behind a quote that began the value: there alone a quote is more than a sign.
    Quoted,
    /// Behind a quote that ends the value, or is the first of two that stand for one.
    Quote,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Blanks,
    Something,
}

/// The values of one record, byte by byte: what ends it and what separates them is told by the same reading.
struct Values {
    separator: u8,
    cells: Vec<Vec<u8>>,
    cell: Vec<u8>,
    at: At,
    seen: Seen,
    /// Something stands behind the end of a quoted value.
    is_loose: bool,
    length: u64,
}

impl Values {
    const fn new(separator: u8) -> Self {
        Values {
            separator,
            cells: Vec::new(),
            cell: Vec::new(),
            at: At::Begin,
            seen: Seen::Nothing,
            is_loose: false,
            length: 0,
        }
    }

    /// Whether the record ends with this part, which has an end of line at its end or none.
    fn take(&mut self, part: &[u8]) -> bool {
        self.length = self.length.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
        if self.seen != Seen::Something && !part.is_empty() {
            let blank = part.iter().all(u8::is_ascii_whitespace);
            self.seen = if blank { Seen::Blanks } else { Seen::Something };
        }
        if self.length > MOST_BYTES {
            // Read to its end, so that nothing within it is taken for a record; but not kept.
            self.cells.clear();
            self.cell.clear();
        }
        for byte in part {
            self.at = match (*byte, self.at) {
                (b'\n', At::Begin | At::Plain | At::Quote) => {
                    if self.at == At::Plain {
                        while self.cell.last() == Some(&b'\r') {
                            self.cell.pop();
                        }
                    }
                    return true;
                }
                (b'"', At::Begin | At::Quote) => {
                    if self.at == At::Quote {
                        self.cell.push(b'"');
                    }
                    At::Quoted
                }
                (b'"', At::Quoted) => At::Quote,
                (byte, At::Begin | At::Plain | At::Quote) if byte == self.separator => {
                    self.cells.push(std::mem::take(&mut self.cell));
                    At::Begin
                }
                (byte, At::Quoted) => {
                    self.cell.push(byte);
                    At::Quoted
                }
                (b'\r', At::Quote) => At::Quote,
                (byte, at) => {
                    self.is_loose |= at == At::Quote;
                    self.cell.push(byte);
                    At::Plain
                }
            };
        }
        false
    }

    fn end(mut self) -> Result<Vec<String>, Broken> {
        if self.at == At::Quoted {
            return Err(Broken::Unclosed);
        }
        if self.length > MOST_BYTES {
            return Err(Broken::TooLong);
        }
        if self.is_loose {
            return Err(Broken::BehindQuote);
        }
        self.cells.push(self.cell);
        self.cells.into_iter().map(|cell| String::from_utf8(cell).map_err(|_| Broken::NoUtf8)).collect()
    }
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

    fn row(lines: (u64, u64), cells: [&str; 2]) -> Record {
        Record { lines, values: Ok(cells.map(str::to_owned).to_vec()) }
    }

    fn broken(lines: (u64, u64), why: Broken) -> Record {
        Record { lines, values: Err(why) }
    }

    #[test]
    fn quotes_separators_and_line_ends_in_values_are_read() {
        let (header, rows) =
            all("\u{feff}id;name\r\n1;\"Ada; \"\"the\"\" first\"\r\n\r\n2;\"two\nlines\"\n3;x");
        assert_eq!(header, ["id", "name"]);
        let rows_wanted = [
            row((2, 2), ["1", "Ada; \"the\" first"]),
            row((4, 5), ["2", "two\nlines"]),
            row((6, 6), ["3", "x"]),
        ];
        assert_eq!(rows, rows_wanted);
        assert_eq!(all("a\tb\n1\t2\n").1, [row((2, 2), ["1", "2"])]);
        // Line ends of a spreadsheet, an empty value in quotes.
        let (header, rows) = all("a,b\r\n\"\",\"x\"\r\n1,\"\"\"\"\r\n");
        assert_eq!((header.len(), rows), (2, vec![row((2, 2), ["", "x"]), row((3, 3), ["1", "\""])]));
        assert_eq!(all("a,b\n1,2,\n").1, [broken((2, 2), Broken::Values(3))]);
    }

    /// RFC 4180, 2.5: a quote within a value that does not begin with one is a sign like others.
    #[test]
    fn inches_swallow_no_customers() {
        let mut text = "id,note\n1,likes 12\" discs\n".to_owned();
        for number in 2..1502 {
            text.push_str(&format!("{number},x\n"));
        }
        text.push_str("1502,likes 7\" singles\n");
        let (_, rows) = all(&text);
        assert_eq!(rows.len(), 1502);
        assert_eq!(rows[0], row((2, 2), ["1", "likes 12\" discs"]));
        assert!(rows.iter().all(|one| one.values.is_ok()));
    }

    /// A separator too many would put each value into the next field: a telephone number for a street.
    #[test]
    fn a_row_with_other_than_the_headers_number_of_values_is_left_out() {
        let (_, rows) = all("id,name\n1,Smith, John\n2\n3,x\n");
        let short = Record { lines: (3, 3), values: Ok(vec!["2".to_owned()]) };
        assert_eq!(rows, [broken((2, 2), Broken::Values(3)), short, row((4, 4), ["3", "x"])]);
        let (header, rows) = all("id,name,\n1,x\n2,y,\n");
        assert_eq!((header.len(), rows), (2, vec![row((2, 2), ["1", "x"]), row((3, 3), ["2", "y"])]));
    }

    #[test]
    fn rows_that_two_loose_quotes_glue_are_told_with_their_lines() {
        let (_, rows) = all("id,name\n1,\"Ada\n2,x\n3,\"Bob\n4,y\n");
        assert_eq!(rows, [broken((2, 4), Broken::BehindQuote), row((5, 5), ["4", "y"])]);
        assert_eq!(all("id,name\n1,\"12\" discs\n").1, [broken((2, 2), Broken::BehindQuote)]);
    }

    #[test]
    fn what_is_too_long_is_read_to_its_end_and_the_next_is_read() {
        let long = format!("a,b\n{},x\n1,2\n", "y".repeat(300_000));
        assert!(all(&long).1 == [broken((2, 2), Broken::TooLong), row((3, 3), ["1", "2"])]);
        // What somebody wrote into their own long value is no record of another customer.
        let inner = "9,evil\n".repeat(60_000);
        let (_, rows) = all(&format!("a,b\n1,\"{inner}\"\n2,x\n"));
        assert!(rows == [broken((2, 60_002), Broken::TooLong), row((60_003, 60_003), ["2", "x"])]);
    }

    #[test]
    fn a_quote_that_never_closes_is_told_with_all_its_lines() {
        let (_, rows) = all("a,b\n0,z\n1,\"never ends\n2,x\n");
        assert_eq!(rows, [row((2, 2), ["0", "z"]), broken((3, 4), Broken::Unclosed)]);
        let (_, rows) = all(&format!("a,b\n1,\"never ends\n{}", "2,x\n".repeat(100_000)));
        assert_eq!(rows, [broken((2, 100_002), Broken::Unclosed)]);
    }
}
