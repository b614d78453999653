//! How far imports came: all SQL of it.

use storeward_base::{CustomerId, Timestamp};
use storeward_store::{Error, Reader, Tx, params, statements};

statements! {
    SHOP = "SELECT run, ended_at, swept_at FROM import_shop WHERE source = $1";
    BEGIN = "INSERT INTO import_shop (source, run, begun_at) VALUES ($1, $2, $3) \
             ON CONFLICT (source) DO UPDATE SET run = EXCLUDED.run, begun_at = EXCLUDED.begun_at, ended_at = NULL";
    END = "UPDATE import_shop SET ended_at = $2 WHERE source = $1 AND run = $3";
    SWEPT = "UPDATE import_shop SET swept_at = $2 WHERE source = $1 AND run = $3";
    PART = "SELECT file, run, after, since, next FROM import_part WHERE source = $1 AND part = $2";
    PUT_PART = "INSERT INTO import_part (source, part, file, run, after, since, next) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                ON CONFLICT (source, part) DO UPDATE SET file = EXCLUDED.file, run = EXCLUDED.run, after = EXCLUDED.after, \
                since = EXCLUDED.since, next = EXCLUDED.next WHERE import_part.run <= EXCLUDED.run";
    PRESENT = "INSERT INTO import_present (source, customer, run) VALUES ($1, $2, $3) \
               ON CONFLICT (source, customer) DO UPDATE SET run = EXCLUDED.run, gone_at = NULL \
               WHERE import_present.run <= EXCLUDED.run";
    NEWLY_GONE = "SELECT p.customer FROM import_present p JOIN vault_customer c ON c.id = p.customer \
                  WHERE p.source = $1 AND p.run < $2 AND p.gone_at IS NULL AND c.erasure_begun_at IS NULL \
                  ORDER BY p.customer LIMIT 500";
    SET_GONE = "UPDATE import_present SET gone_at = $3 WHERE source = $1 AND customer = $2";
    GONE = "SELECT p.customer, p.gone_at, p.source FROM import_present p JOIN vault_customer c ON c.id = p.customer \
            WHERE p.gone_at IS NOT NULL AND c.erasure_begun_at IS NULL ORDER BY p.gone_at DESC, p.customer LIMIT $1";
}

/// Where the imports from one shop stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShopRow {
    pub run: u64,
    pub ended_at: Option<Timestamp>,
    pub swept_at: Option<Timestamp>,
}

/// Where one part of it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartRow {
    pub file: String,
    pub run: u64,
    pub after: Option<i64>,
    pub since: Option<Timestamp>,
    pub next: Timestamp,
}

/// A customer whom a shop has no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    pub customer: CustomerId,
    pub since: Timestamp,
    pub source: String,
}

pub(crate) fn shop(reader: &mut Reader<'_>, source: &str) -> Result<Option<ShopRow>, Error> {
    reader.query_optional(SHOP, params![source], |row| {
        Ok(ShopRow { run: row.get(0)?, ended_at: row.get(1)?, swept_at: row.get(2)? })
    })
}

pub(crate) fn begin(tx: &mut Tx<'_>, source: &str, run: u64) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(BEGIN, params![source, number(run), now]).map(drop)
}

/// Of this run: where another one began meanwhile, it is not ended by this.
pub(crate) fn end(tx: &mut Tx<'_>, source: &str, run: u64) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(END, params![source, now, number(run)]).map(drop)
}

pub(crate) fn swept(tx: &mut Tx<'_>, source: &str, run: u64) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(SWEPT, params![source, now, number(run)]).map(drop)
}

pub(crate) fn part(reader: &mut Reader<'_>, source: &str, part: &str) -> Result<Option<PartRow>, Error> {
    reader.query_optional(PART, params![source, part], |row| {
        Ok(PartRow {
            file: row.get(0)?,
            run: row.get(1)?,
            after: row.get(2)?,
            since: row.get(3)?,
            next: row.get(4)?,
        })
    })
}

pub(crate) fn put_part(tx: &mut Tx<'_>, source: &str, part: &str, row: &PartRow) -> Result<(), Error> {
    let PartRow { file, run, after, since, next } = row;
    tx.execute(PUT_PART, params![source, part, file, number(*run), *after, *since, *next]).map(drop)
}

/// Two imports of one shop at once, the job's and an operator's, may be of different runs: the later one's word stays.
pub(crate) fn present(tx: &mut Tx<'_>, source: &str, customer: CustomerId, run: u64) -> Result<(), Error> {
    tx.execute(PRESENT, params![source, customer, number(run)]).map(drop)
}

/// Customers, at most 500, of whom there are records, and whom the shop had before this run and has no more.
pub(crate) fn newly_gone(reader: &mut Reader<'_>, source: &str, run: u64) -> Result<Vec<CustomerId>, Error> {
    reader.query_many(NEWLY_GONE, params![source, number(run)], |row| row.get(0))
}

pub(crate) fn set_gone(tx: &mut Tx<'_>, source: &str, customer: CustomerId) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(SET_GONE, params![source, customer, now]).map(drop)
}

/// Newest first.
pub(crate) fn gone(reader: &mut Reader<'_>, limit: u32) -> Result<Vec<Gone>, Error> {
    reader.query_many(GONE, params![limit], |row| {
        Ok(Gone { customer: row.get(0)?, since: row.get(1)?, source: row.get(2)? })
    })
}

fn number(run: u64) -> i64 {
    i64::try_from(run).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use storeward_store::both_engines;

    use super::*;

    // The job's import and an operator's at once: the slower one made people look gone whom the other had just seen.
    both_engines!(a_slower_run_takes_nothing_back, crate::import::MIGRATIONS, async |db| {
        let ada = CustomerId::from_bits(1);
        let row = |run: u64, after: Option<i64>| PartRow {
            file: "f".to_owned(),
            run,
            after,
            since: None,
            next: Timestamp::from_seconds(1),
        };
        let written = db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("a test");
            begin(tx, "shop", 1)?;
            present(tx, "shop", ada, 1)?;
            end(tx, "shop", 1)?;
            begin(tx, "shop", 2)?;
            present(tx, "shop", ada, 2)?;
            put_part(tx, "shop", "people", &row(2, Some(7)))?;
            // What the first one says late.
            present(tx, "shop", ada, 1)?;
            put_part(tx, "shop", "people", &row(1, None))?;
            end(tx, "shop", 1)?;
            swept(tx, "shop", 1)
        });
        written.await.unwrap();
        let read = db.read(|reader| -> Result<_, Error> {
            let run: u64 = reader.query_one("SELECT run FROM import_present", &[], |row| row.get(0))?;
            Ok((run, shop(reader, "shop")?, part(reader, "shop", "people")?))
        });
        let (run, shop, part) = read.await.unwrap();
        assert_eq!(run, 2);
        assert_eq!(shop, Some(ShopRow { run: 2, ended_at: None, swept_at: None }));
        assert_eq!(part, Some(row(2, Some(7))));
    });
}
