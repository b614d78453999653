//! Sign-ins as rows with the columns of the published data set (das-group/rba-dataset, Wiefling et al. 2022).

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::rc::Rc;

use storeward_base::{ClientIp, Timestamp};
use storeward_detect::sign_in::{Country, Place, UserAgent};

/// In the order of the published file.
pub const COLUMNS: [&str; 16] = [
    "index",
    "Login Timestamp",
    "User ID",
    "Round-Trip Time [ms]",
    "IP Address",
    "Country",
    "Region",
    "City",
    "ASN",
    "User Agent String",
    "Browser Name and Version",
    "OS Name and Version",
    "Device Type",
    "Login Successful",
    "Is Attack IP",
    "Is Account Takeover",
];

#[derive(Clone, Debug)]
pub struct Row {
    pub at: Timestamp,
    pub user: i64,
    pub round_trip_ms: Option<u32>,
    pub ip: ClientIp,
    pub country: Option<Country>,
    pub region: Rc<str>,
    pub city: Rc<str>,
    pub asn: u32,
    pub agent: Rc<str>,
    pub outcome: Outcome,
}

/// The last three columns, as far as they matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A success from an address that is not known for attacks.
    Own,
    /// Failed, or from an address known for attacks.
    Noise,
    /// A success that was a takeover.
    Takeover,
}

impl Row {
    pub fn place(&self) -> Place {
        Place { asn: Some(self.asn), country: self.country, ..Place::default() }
    }

    fn line(&self, index: usize) -> String {
        let agent = UserAgent::parse(&self.agent);
        let version = agent.major.map_or_else(String::new, |major| format!(" {major}"));
        let moment = self.at.rfc3339().replace('T', " ").replace('Z', "");
        let python = |yes| if yes { "True" } else { "False" };
        format!(
            "{index},{moment},{},{},{},{},{},{},{},\"{}\",{}{version},{},{},{},{},{}",
            self.user,
            self.round_trip_ms.map_or_else(String::new, |ms| ms.to_string()),
            self.ip,
            self.country.map_or_else(String::new, |country| country.to_string()),
            self.region,
            self.city,
            self.asn,
            self.agent,
            agent.browser.name(),
            agent.system.name(),
            agent.device.name(),
            python(self.outcome != Outcome::Noise),
            python(self.outcome != Outcome::Own),
            python(self.outcome == Outcome::Takeover),
        )
    }
}

pub fn write(path: &Path, rows: &[Row]) -> Result<(), String> {
    let told = |e: std::io::Error| format!("{}: {e}", path.display());
    let mut file = BufWriter::new(File::create(path).map_err(told)?);
    writeln!(file, "{}", COLUMNS.join(",")).map_err(told)?;
    for (index, row) in rows.iter().enumerate() {
        writeln!(file, "{}", row.line(index)).map_err(told)?;
    }
    file.flush().map_err(told)
}

/// The first `most` rows of a file in the published form, in order of time. Rows without a user agent, country or
/// operator are left out, as the published evaluation does; how many is told.
pub fn read(path: &Path, most: usize) -> Result<(Vec<Row>, usize), String> {
    let told = |e: std::io::Error| format!("{}: {e}", path.display());
    let mut lines = BufReader::new(File::open(path).map_err(told)?).lines();
    let head = lines.next().ok_or("an empty file")?.map_err(told)?;
    let names = fields(&head);
    let mut places = [0; COLUMNS.len()];
    for (place, column) in places.iter_mut().zip(COLUMNS).skip(1) {
        let found = names.iter().position(|name| name.trim_start_matches('\u{feff}') == column);
        *place = found.ok_or_else(|| format!("{} has no column {column}", path.display()))?;
    }
    let mut words: HashMap<String, Rc<str>> = HashMap::new();
    let (mut rows, mut left_out) = (Vec::new(), 0);
    for line in lines.take(most) {
        match row(&fields(&line.map_err(told)?), &places, &mut words) {
            Some(row) => rows.push(row),
            None => left_out += 1,
        }
    }
    rows.sort_by_key(|row| row.at);
    Ok((rows, left_out))
}

fn row(fields: &[String], places: &[usize; 16], words: &mut HashMap<String, Rc<str>>) -> Option<Row> {
    let field = |column: usize| fields.get(*places.get(column)?).map(String::as_str);
    let mut word = |text: &str| match words.get(text) {
        Some(word) => word.clone(),
        None => {
            let word: Rc<str> = text.into();
            words.insert(text.to_owned(), word.clone());
            word
        }
    };
    let yes = |column| Some(field(column)?.eq_ignore_ascii_case("true"));
    let outcome = match (yes(13)?, yes(14)?, yes(15)?) {
        (_, _, true) => Outcome::Takeover,
        (true, false, false) => Outcome::Own,
        _ => Outcome::Noise,
    };
    let agent = field(9)?;
    if agent.is_empty() {
        return None;
    }
    Some(Row {
        at: Timestamp::parse_rfc3339(&format!("{}Z", field(1)?.replacen(' ', "T", 1)))?,
        user: field(2)?.parse().ok()?,
        // Written as a number with a fraction where pandas met gaps.
        round_trip_ms: field(3)?.split('.').next().and_then(|ms| ms.parse().ok()),
        ip: field(4)?.parse().ok()?,
        country: Some(Country::parse(field(5)?)?),
        region: word(field(6)?),
        city: word(field(7)?),
        asn: field(8)?.split('.').next()?.parse().ok()?,
        agent: word(agent),
        outcome,
    })
}

/// The fields of a line of CSV (RFC 4180); a field with a line end in it does not occur here.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut signs = line.chars().peekable();
    while let Some(sign) = signs.next() {
        let at_end = fields.len() - 1;
        let Some(field) = fields.get_mut(at_end) else { break };
        match sign {
            '"' if quoted && signs.peek() == Some(&'"') => {
                signs.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            sign => field.push(sign),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::generate;

    #[test]
    fn what_is_written_is_read_again() {
        let rows = generate(20, 7);
        let file = std::env::temp_dir().join(format!("storeward-risk-rows-{}.csv", std::process::id()));
        write(&file, &rows).unwrap();
        let read = read(&file, rows.len());
        std::fs::remove_file(&file).unwrap();
        let (read, left_out) = read.unwrap();
        assert_eq!((read.len(), left_out), (rows.len(), 0));
        for (one, other) in rows.iter().zip(&read) {
            // The file keeps milliseconds.
            assert_eq!(one.at.micros() / 1_000, other.at.micros() / 1_000);
            assert_eq!(
                (one.user, one.ip, &one.agent, one.asn),
                (other.user, other.ip, &other.agent, other.asn)
            );
            assert_eq!(
                (one.outcome, &one.city, one.round_trip_ms),
                (other.outcome, &other.city, other.round_trip_ms)
            );
        }
        let again = generate(20, 7);
        assert!(rows.iter().zip(&again).all(|(one, other)| one.at == other.at && one.ip == other.ip));
    }

    /// Rows in the shape of the published file.
    #[test]
    fn published_rows_are_read() {
        let file = std::env::temp_dir().join(format!("storeward-risk-published-{}.csv", std::process::id()));
        let text = format!(
            "{}\n\
             0,2020-02-03 12:43:30.772,-4324475583306591935,,10.0.65.171,NO,-,-,29695,\"Agent (like \"\"this\"\", that)\",Firefox 20.0.0.1618,iOS 13.4,mobile,False,False,False\n\
             1,2020-02-03 12:43:29,7,23.0,192.0.2.1,NO,Vestland,Urangsvag,29695,Agent,Chrome 69,Android 4.1,mobile,True,True,True\n\
             2,2020-02-03 12:43:31.5,7,23,192.0.2.1,NO,,,29695,,,,,True,False,False\n",
            COLUMNS.join(",")
        );
        std::fs::write(&file, text).unwrap();
        let read_all = read(&file, 10);
        std::fs::remove_file(&file).unwrap();
        let (rows, left_out) = read_all.unwrap();
        assert_eq!((rows.len(), left_out), (2, 1));
        assert_eq!((rows[0].outcome, rows[0].round_trip_ms), (Outcome::Takeover, Some(23)));
        assert_eq!((rows[1].outcome, &*rows[1].agent), (Outcome::Noise, "Agent (like \"this\", that)"));
        assert_eq!(rows[1].user, -4_324_475_583_306_591_935);
    }
}
