//! The Handbook's transactions, day by day, and its own fifteen features.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use storeward_fraud::{Attempt, Buyer, Feature, Kind, Mark, Marks, Vector};

use crate::pickle;

pub const DAY: i64 = 86_400;

#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Seconds since 1970, as if the data's clock were UTC.
    pub at: i64,
    pub customer: u64,
    pub terminal: u64,
    pub cents: i64,
    pub fraud: bool,
}

impl Row {
    /// The customer is a card, the terminal a place to which it is sent: features of every kind of key are alike, so any
    /// other kind would do.
    pub fn attempt(&self) -> Attempt {
        Attempt {
            at: storeward_base::Timestamp::from_seconds(self.at),
            amount_minor: self.cents,
            marks: Marks::default()
                .with(Kind::Card, Mark(self.customer))
                .with(Kind::Shipping, Mark(self.terminal)),
            // Rules about anonymous buyers would count all of it as one flood.
            buyer: Buyer::SignedIn { account_age: Duration::from_secs(365 * 86_400) },
            ..Attempt::default()
        }
    }
}

/// All rows of the folder in the order of time.
pub fn read(folder: &Path) -> Result<Vec<Row>, String> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(|e| format!("{}: {e}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "pkl"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(format!("no .pkl files in {}", folder.display()));
    }
    let mut rows = Vec::new();
    for file in files {
        let told = |why: String| format!("{}: {why}", file.display());
        let bytes = fs::read(&file).map_err(|e| told(e.to_string()))?;
        let columns = pickle::load(&bytes).and_then(|value| pickle::frame(&value)).map_err(told)?;
        rows.extend(of_day(&columns).map_err(told)?);
    }
    rows.sort_by_key(|row| row.at);
    Ok(rows)
}

fn of_day(columns: &HashMap<String, Vec<f64>>) -> Result<Vec<Row>, String> {
    let column = |name: &str| columns.get(name).ok_or_else(|| format!("no column {name}"));
    let (moments, amounts) = (column("TX_DATETIME")?, column("TX_AMOUNT")?);
    let (customers, terminals) = (column("CUSTOMER_ID")?, column("TERMINAL_ID")?);
    let frauds = column("TX_FRAUD")?;
    let lengths = [amounts.len(), customers.len(), terminals.len(), frauds.len()];
    if lengths.iter().any(|length| *length != moments.len()) {
        return Err("columns of different lengths".to_owned());
    }
    let row = |at: usize| Row {
        at: whole(moments[at] / 1e9),
        customer: whole(customers[at]).cast_unsigned(),
        terminal: whole(terminals[at]).cast_unsigned(),
        cents: whole(amounts[at] * 100.0),
        fraud: frauds[at] == 1.0,
    };
    Ok((0..moments.len()).map(row).collect())
}

#[expect(clippy::cast_possible_truncation, reason = "moments in seconds, amounts in cents and ids are small")]
fn whole(figure: f64) -> i64 {
    figure.round() as i64
}

/// The Handbook's features (chapter 3, "Baseline feature transformation"), with its exact windows.
#[derive(Default)]
pub struct Base {
    customers: HashMap<u64, VecDeque<(i64, f64)>>,
    terminals: HashMap<u64, VecDeque<(i64, bool)>>,
}

pub const BASE: usize = 15;

impl Base {
    /// The figures of a row, which is counted with them. They are put into the places of features that have nothing to do
    /// with them: the scorers do not mind names.
    pub fn next(&mut self, row: &Row) -> Vector {
        let mut figures = [0.0_f64; BASE];
        let weekday = (row.at.div_euclid(DAY) + 3).rem_euclid(7);
        figures[0] = row.cents as f64 / 100.0;
        figures[1] = f64::from(u8::from(weekday >= 5));
        figures[2] = f64::from(u8::from(row.at.rem_euclid(DAY) / 3_600 <= 6));
        let own = self.customers.entry(row.customer).or_default();
        own.push_back((row.at, row.cents as f64 / 100.0));
        while own.front().is_some_and(|(at, _)| *at <= row.at - 30 * DAY) {
            own.pop_front();
        }
        for (place, days) in [1, 7, 30].into_iter().enumerate() {
            let inside = own.iter().filter(|(at, _)| *at > row.at - days * DAY);
            let (count, sum) =
                inside.fold((0.0, 0.0), |(count, sum), (_, amount)| (count + 1.0, sum + amount));
            figures[3 + 2 * place] = count;
            figures[4 + 2 * place] = sum / count;
        }
        let place = self.terminals.entry(row.terminal).or_default();
        place.push_back((row.at, row.fraud));
        while place.front().is_some_and(|(at, _)| *at <= row.at - 37 * DAY) {
            place.pop_front();
        }
        for (at_place, days) in [1, 7, 30].into_iter().enumerate() {
            let (from, until) = (row.at - (7 + days) * DAY, row.at - 7 * DAY);
            let inside = place.iter().filter(|(at, _)| *at > from && *at <= until);
            let (count, frauds) = inside.fold((0.0, 0.0), |(count, frauds), (_, fraud)| {
                (count + 1.0, frauds + f64::from(u8::from(*fraud)))
            });
            figures[9 + 2 * at_place] = count;
            figures[10 + 2 * at_place] = if count > 0.0 { frauds / count } else { 0.0 };
        }
        #[expect(clippy::cast_possible_truncation, reason = "features are singles")]
        Vector::of(|feature: Feature| figures.get(feature.place()).map_or(f32::NAN, |figure| *figure as f32))
    }
}
