//! What came of an import, by number of the row and by field, never with a value.

use std::collections::BTreeMap;

use super::{RowTaken, Taken, Told};

/// Numbers of rows that are told of each reason.
const SHOWN: usize = 10;

/// Whether anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    Dry,
    Real,
}

#[derive(Clone, Debug)]
pub struct Report {
    /// What rows are told by: `line` or `id`.
    row: &'static str,
    pub new: u64,
    pub known: u64,
    pub erased: u64,
    /// Items that left the record of somebody else.
    pub moved: u64,
    pub resumed_after: u64,
    /// Where the first record begins that goes over several lines and cannot be read: how many customers are lost in it, nobody can tell.
    pub cut_at: Option<u64>,
    left_out: Noted,
    /// What was put right here and changed in the shop since, by field.
    overtaken: Noted,
}

type Noted = BTreeMap<String, (u64, Vec<u64>)>;

fn note(noted: &mut Noted, what: String, row: u64) {
    let (count, rows) = noted.entry(what).or_default();
    *count += 1;
    if rows.len() < SHOWN {
        rows.push(row);
    }
}

impl Report {
    pub fn new(row: &'static str) -> Self {
        let (left_out, overtaken) = (Noted::new(), Noted::new());
        Report {
            row,
            new: 0,
            known: 0,
            erased: 0,
            moved: 0,
            resumed_after: 0,
            cut_at: None,
            left_out,
            overtaken,
        }
    }

    pub fn leave_out(&mut self, why: String, row: u64) {
        note(&mut self.left_out, why, row);
    }

    /// How many values and rows were left out.
    pub fn left_out(&self) -> u64 {
        self.left_out.values().map(|(count, _)| count).sum()
    }

    pub fn take(&mut self, of_row: impl Into<RowTaken>, row: u64) {
        let RowTaken { taken, told, moved } = of_row.into();
        self.moved += moved;
        for (field, told) in told {
            match told {
                Told::Stands => {
                    let why =
                        "was changed here since the shop said so, and stands: put it right in the shop, too";
                    self.leave_out(format!("{} {why}", field.full_name()), row);
                }
                Told::LeftBehind => {
                    let why = "was changed here in the record that it left with its item: put it right anew";
                    self.leave_out(format!("{} {why}", field.full_name()), row);
                }
                Told::Overtaken => note(&mut self.overtaken, field.full_name(), row),
            }
        }
        match taken {
            Taken::New => self.new += 1,
            Taken::Known => self.known += 1,
            Taken::Erased => self.erased += 1,
            Taken::Nothing => {
                self.leave_out(format!("the {} names no customer, or nothing of it fits", self.named()), row);
            }
        }
    }

    fn named(&self) -> &'static str {
        if self.row == "line" { "line" } else { "row" }
    }

    pub fn told(&self, run: Run) -> String {
        let mut out = match run {
            Run::Dry => format!("{} rows fit. Nothing was written.\n", self.new + self.known),
            Run::Real if self.row == "line" => {
                format!("{} customers new, {} known before\n", self.new, self.known)
            }
            // A customer has several rows in a shop's database.
            Run::Real => format!("{} rows of new customers, {} of known ones\n", self.new, self.known),
        };
        if self.resumed_after > 0 {
            out.push_str(&format!("resumed after {} {}\n", self.row, self.resumed_after));
        }
        if self.erased > 0 {
            out.push_str(&format!("{} rows of customers who were erased were left out\n", self.erased));
        }
        if self.moved > 0 {
            out.push_str(&format!(
                "{} items (orders, notes and the like) left the record of another customer, because the shop gives them to somebody else now\n",
                self.moved
            ));
        }
        let noted = |word: &str, noted: &Noted, behind: &str| -> String {
            let line = |(what, (count, rows)): (&String, &(u64, Vec<u64>))| {
                let shown: Vec<String> = rows.iter().map(u64::to_string).collect();
                let more = if *count > u64::try_from(rows.len()).unwrap_or(u64::MAX) { ", …" } else { "" };
                format!("{count} {word}: {what}{behind} ({} {}{more})\n", self.row, shown.join(", "))
            };
            noted.iter().map(line).collect()
        };
        let since = " was changed here, and in the shop since: the shop's newer word counts";
        out.push_str(&noted("taken over", &self.overtaken, since));
        out.push_str(&noted("left out", &self.left_out, ""));
        out
    }
}
