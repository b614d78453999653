//! SQLite as the judge: values are drawn, put into a shop's queries and run; what shows what is hidden, or changes what is
//! stored, must not pass. `tests/oracles` does the same by the hour, with PostgreSQL and MariaDB, too.

use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::types::Value;
use rusqlite::{Batch, Connection};

use crate::exchange::{Exchange, url_encode};

const SECRET: &str = "HASHq1";
const HIDDEN: &str = "GONEx";

/// A shop's query, how values leave the place where they are put in, and how what stands behind them is taken up again.
struct Place {
    query: &'static str,
    /// Rows that an honest value can get.
    most: usize,
    leaves: &'static [&'static str],
    takes_up: &'static [&'static str],
}

const PLACES: [Place; 6] = [
    Place {
        query: "select id,name from products where name='§' and deleted=0",
        most: 1,
        leaves: &["mug'", "'", "x'", "x''||'", "it''s'"],
        takes_up: &[" or 'a'='b", "||'", " or '", " where 'a'='a", "='"],
    },
    Place {
        query: "select id,name from products where deleted=0 and (name like '%§%')",
        most: 3,
        leaves: &["x'", "%')", "zz%'", "a%')/**/"],
        takes_up: &[" or 'a'='b", "||'", " or '"],
    },
    Place {
        query: "select id,name from products where name=\"§\" and deleted=0",
        most: 1,
        leaves: &["x\"", "\"", "mug\""],
        takes_up: &[" or \"a\"=\"a", "||\"", "=\""],
    },
    Place {
        query: "select id,name from products where deleted=0 and id in (§)",
        most: 3,
        leaves: &["1)", "9)", "0,1)", "null)"],
        takes_up: &[" or (1", ""],
    },
    Place {
        query: "select id,name from products where id=§ and deleted=0",
        most: 1,
        leaves: &["9", "-1", "0x1", "(1)"],
        takes_up: &[""],
    },
    Place {
        query: "select id,name from products where deleted=0 order by §",
        most: 3,
        leaves: &["id", "price desc", "1", "name,"],
        takes_up: &[""],
    },
];

const OPERANDS: [&str; 16] = [
    "1",
    "0",
    "'a'",
    "null",
    "id",
    "[name]",
    "(1)",
    "-1",
    ".5",
    "x'41'",
    "products.id",
    "(select 1)",
    "`id`",
    "case when 1=1 then 1 end",
    "abs(1)",
    "true",
];
const SIGNS: [&str; 20] = [
    "=",
    "<>",
    ">",
    " like ",
    " is not ",
    " glob ",
    "==",
    "+",
    "-",
    "||",
    "&",
    "<<",
    "->>",
    " collate ",
    " is distinct from ",
    " between 0 and ",
    "%",
    "*",
    "|",
    " notnull and ",
];
const JOINTS: [&str; 8] = [" or ", " and ", " or not ", "/**/or/**/", ")or(", " or~", " or -", "\nor\t"];
const COLUMNS: [&str; 10] = [
    "pass",
    "c.pass",
    "max(pass)",
    "[pass]",
    "`pass`",
    "pass||''",
    "upper(pass)",
    "(pass)",
    "pass collate nocase",
    "coalesce(pass,1)",
];
const TABLES: [&str; 9] = [
    "customers",
    "customers c",
    "customers as c",
    "(select * from customers) c",
    "[customers]",
    "main.customers c",
    "customers c natural join notes",
    "customers c,products",
    "customers c left join products on 1",
];
const BETWEEN: [&str; 28] = [
    " window w as () ",
    " as ",
    " a ",
    ",",
    "[]",
    "(",
    ")",
    ".",
    " /*a*/ ",
    "--\n",
    "\t",
    " not ",
    " xor ",
    " minus ",
    " glob ",
    " escape 'a' ",
    " collate nocase ",
    " group by 1 ",
    " having 1 ",
    " limit 1 ",
    "~",
    "+",
    "\u{a0}",
    "\u{feff}",
    " over ()",
    " in ()",
    " isnull ",
    ";",
];
const CUTS: [&str; 6] = ["--", "-- x", "/*", ";", ";--", "-- the shop is closed"];

/// xorshift: the same values each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(most).unwrap()).unwrap()
    }

    fn one(&mut self, options: &[&'static str]) -> &'static str {
        options[self.below(options.len())]
    }

    fn expression(&mut self) -> String {
        format!("{}{}{}", self.one(&OPERANDS), self.one(&SIGNS), self.one(&OPERANDS))
    }

    fn query(&mut self) -> String {
        let columns = format!("{},{}", self.one(&OPERANDS), self.one(&COLUMNS));
        format!("select {columns} from {}", self.one(&TABLES))
    }

    fn attack(&mut self, place: &Place) -> String {
        let leaves = self.one(place.leaves);
        let asks = match self.below(6) {
            0 | 1 => format!("{}{}", self.one(&JOINTS), self.expression()),
            2 | 3 => format!(" union {}{}", self.one(&["", "all "]), self.query()),
            4 => format!(
                ";{}",
                self.one(&["delete from notes", "update notes set body=1", "create table z as select 1"])
            ),
            _ => format!("{}(select {} from {})", self.one(&SIGNS), self.one(&COLUMNS), self.one(&TABLES)),
        };
        let end = if self.below(2) == 0 { self.one(place.takes_up) } else { self.one(&CUTS) };
        let mut value = format!("{leaves}{asks}{end}");
        for _ in 0..self.below(3) {
            let ends: Vec<usize> = value.char_indices().map(|(at, _)| at).collect();
            value.insert_str(ends[self.below(ends.len())], self.one(&BETWEEN));
        }
        value
    }
}

fn shop() -> Connection {
    let shop = Connection::open_in_memory().unwrap();
    shop.execute_batch(&format!(
        "create table products(id integer primary key, name text, price integer, deleted integer);
         insert into products values(1,'mug',9,0),(2,'lamp',19,0),(3,'{HIDDEN}',29,1),(4,'a_b',39,0);
         create table customers(id integer primary key, email text, pass text);
         insert into customers values(1,'a@b.c','{SECRET}'),(2,'d@e.f','{SECRET}');
         create table notes(id integer, body text); insert into notes values(1,'x');"
    ))
    .unwrap();
    shop
}

/// Whether the shop's query with the value in it shows or does what no search may. All statements are run, as some drivers do.
fn harms(shop: &Connection, place: &Place, value: &str) -> bool {
    let query = place.query.replace('§', value);
    let before = shop.total_changes();
    shop.execute_batch("begin").unwrap();
    let mut sets: Vec<Vec<Vec<Value>>> = Vec::new();
    let mut statements = Batch::new(shop, &query);
    while let Ok(Some(mut statement)) = statements.next() {
        let columns = statement.column_count();
        let rows = statement
            .query_map([], |row| (0..columns).map(|at| row.get(at)).collect())
            .and_then(|rows| rows.take(50).collect());
        let Ok(rows) = rows else { break };
        sets.push(rows);
    }
    let has_changed = shop.total_changes() != before || shop.execute_batch("select 1 from z").is_ok();
    shop.execute_batch("rollback").unwrap();
    let shown = format!("{sets:?}");
    let has_more = sets.first().is_some_and(|rows| rows.len() > place.most);
    has_changed || has_more || shown.contains(SECRET) || shown.contains(HIDDEN)
}

fn passes(value: &str) -> bool {
    !Exchange::get("/search").query(&format!("q={}", url_encode(value))).verdict().is_block()
}

/// Where a number stands, a condition of plain words is a sentence, too: "1 or 2", "red or blue", `id is not 2`.
fn is_said(value: &str) -> bool {
    let words = value.split(|sign: char| "[]`\"() \t\n".contains(sign)).filter(|word| !word.is_empty());
    words.count() <= 5 && !value.contains(['\'', ';', '-', '/', '~'])
}

#[test]
fn what_sqlite_runs_and_harms_does_not_pass() {
    const VALUES: usize = 12_000;
    let shop = shop();
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let (mut harmful, mut passed) = (0, Vec::new());
    for _ in 0..VALUES {
        let place = &PLACES[chance.below(PLACES.len())];
        let value = chance.attack(place);
        if !harms(&shop, place, &value) || (place.query.contains("id=§") && is_said(&value)) {
            continue;
        }
        harmful += 1;
        if passes(&value) {
            passed.push(format!("{}: {value:?}", place.query));
        }
    }
    // The values must be attacks, or this says nothing.
    assert!(harmful > VALUES / 8, "{harmful} of {VALUES} do harm");
    assert!(passed.is_empty(), "{} of {harmful} pass:\n{}", passed.len(), passed.join("\n"));
}

#[test]
fn what_visitors_look_for_does_no_harm() {
    let shop = shop();
    for place in &PLACES[..2] {
        for value in ["mug", "O''Brien", "blue lamp -- 2 pieces", "50% off", ""] {
            assert!(!harms(&shop, place, value), "{}: {value}", place.query);
        }
    }
}
