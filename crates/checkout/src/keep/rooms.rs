//! Rooms of the inventory: what fills one keeps nothing out of the others, and one that is full is told.

use std::time::Duration;

use storeward_store::Error as StoreError;

use super::{Telling, alert_id};
use crate::address;
use crate::intake::{Place, Seen};
use crate::model::{Kind, ScriptId};
use crate::sql::{self, Happens, NewRow};

/// Files that stood in pages and that nobody approved or rejected: all, those of one host, and beside them the first one of each further host.
const MOST_FILES: u64 = 1_000;
const MOST_OF_HOST: u64 = 300;
const MOST_FURTHER: u64 = 300;
/// Code in pages that nobody approved or rejected; and rows that stand for code that is another one with each view.
const MOST_CODE: u64 = 500;
const MOST_CHANGING: u64 = 300;
/// How many pieces of code a full room takes in an hour. Whoever looks at a page with one cart after the other makes as many as they
/// like: what others had seen would go for it, and its alert with it.
const MOST_IN_FULL: u64 = 20;
const HOUR: Duration = Duration::from_secs(3600);
/// Code that was seen over a day, and within these days, stays: no room is made of it.
const SEEN_OVER: Duration = Duration::from_secs(24 * 3600);
const SEEN_WITHIN: Duration = Duration::from_secs(7 * 24 * 3600);
/// Code that was seen once and begins alike on one page, and all that was seen once there: what comes beyond is taken for code that is
/// another one with each view, until it is seen again.
const MOST_ALIKE: u64 = 3;
const MOST_ONCE: u64 = 100;
/// Code without a shape that begins alike on one page, however often it was seen: what comes beyond is another one with each session.
const MOST_SO: u64 = 20;
/// But not what is the same after so long: no session's code is.
const STAYS_FOR: Duration = Duration::from_secs(24 * 3600);
/// Rows that were only reported. A full room has room again a day after each came, whoever reports it still: else whoever filled it once
/// would keep it by saying the same again. What goes and is reported again has a row, and an open alert, anew.
const MOST_HEARD: u64 = 400;
/// The same of code that scripts put in, beside them.
const MOST_PUT_IN: u64 = 200;
const HEARD_STAYS: Duration = Duration::from_secs(24 * 3600);
/// Files that were asked for as if they were to run beside the pages: anybody can ask so for any file of the shop.
const MOST_WORKERS: u64 = 20;

/// What alerts wait in: a full one keeps out no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    File,
    /// Files of a host of which none was known.
    Host,
    Code,
    /// Changes of one script.
    Changed,
    /// That another room is full.
    Full,
    /// What the request of one client alone may have brought about.
    Asked,
    Rest,
}

impl Room {
    /// Of what has a row already.
    pub(super) const fn of(kind: Kind) -> Room {
        match kind {
            Kind::Inline | Kind::Handler => Room::Code,
            _ => Room::File,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Room::File => "file",
            Room::Host => "host",
            Room::Code => "code",
            Room::Changed => "changed",
            Room::Full => "full",
            Room::Asked => "asked",
            Room::Rest => "",
        }
    }
}

/// The row that stands for code that is another one with each view. How many there are in a view is known: one more of them has a row,
/// and an alert, of its own.
pub(super) struct Changing {
    id: ScriptId,
    words: String,
}

impl Changing {
    /// Of what begins alike.
    fn of_mark(seen: &Seen, place: &Place) -> Changing {
        Changing::new(seen, &place.mark, place.of_mark)
    }

    /// Of whatever nobody knows on the page.
    fn of_page(seen: &Seen, place: &Place) -> Changing {
        Changing::new(seen, "", place.of_view)
    }

    fn new(seen: &Seen, mark: &str, number: usize) -> Changing {
        let id = ScriptId::of(seen.kind, &format!("changing\n{}\n{mark}\n{number}", seen.page));
        let words = format!("code that is another one with each view ({} of them in one view)", number + 1);
        Changing { id, words }
    }
}

impl Telling<'_, '_> {
    /// Where there is room for another row.
    pub(super) fn room(&mut self, seen: &Seen) -> Result<Option<Room>, StoreError> {
        if !seen.source.is_own() {
            if seen.kind == Kind::Worker && sql::count_workers(self.tx)? >= MOST_WORKERS {
                return Ok(None);
            }
            let before = self.tx.now().minus(HEARD_STAYS);
            let is_code = matches!(seen.kind, Kind::Inline | Kind::Handler);
            let most = if is_code { MOST_PUT_IN } else { MOST_HEARD };
            let has_room =
                sql::count_heard(self.tx, is_code)? < most || sql::drop_heard(self.tx, is_code, before)?;
            return Ok(has_room.then_some(Room::Rest));
        }
        if matches!(seen.kind, Kind::Inline | Kind::Handler) {
            if sql::count_code(self.tx, false)? >= MOST_CODE {
                let now = self.tx.now();
                let may_come = sql::count_new_code(self.tx, now.minus(HOUR))? < MOST_IN_FULL;
                if !may_come || !sql::drop_code(self.tx, SEEN_OVER, now.minus(SEEN_WITHIN))? {
                    return Ok(None);
                }
                self.tell_full("code", "what was seen least recently was taken out", seen)?;
            }
            return Ok(Some(Room::Code));
        }
        let files = sql::count_files(self.tx)?;
        let (all, of_host) = match address::origin(&seen.address) {
            Some(origin) => sql::count_of_host(self.tx, &format!("{origin}/"))?,
            None => (files, files),
        };
        Ok(match all {
            0 => (files < MOST_FILES + MOST_FURTHER).then_some(Room::Host),
            _ => (files < MOST_FILES && of_host < MOST_OF_HOST).then_some(Room::File),
        })
    }

    /// The row for code that is another one with each view, where this is such code. What is seen again is none.
    pub(super) fn changing(&mut self, seen: &Seen) -> Result<Option<Changing>, StoreError> {
        let Some(place) = &seen.place else { return Ok(None) };
        let (alike, once) = sql::count_once(self.tx, &seen.page, &place.mark)?;
        let is_so = !place.has_shape && sql::count_so(self.tx, &seen.page, &place.mark)? >= MOST_SO;
        let changing = if once >= MOST_ONCE {
            Changing::of_page(seen, place)
        } else if is_so || !place.has_shape && alike >= MOST_ALIKE {
            Changing::of_mark(seen, place)
        } else {
            return Ok(None);
        };
        let is_again = match &seen.hash {
            Some(hash) if is_so => {
                let since = self.tx.now().minus(STAYS_FOR);
                sql::stays(self.tx, &changing.id, hash, since)?
            }
            Some(hash) => seen.count > 1 || sql::has_version(self.tx, &changing.id, hash)?,
            None => false,
        };
        if is_so && is_again {
            sql::drop_so(self.tx, &seen.page, &place.mark)?;
        }
        Ok((!is_again).then_some(changing))
    }

    /// Counts it with what stood in its place before; the first of them is told.
    pub(super) fn another(&mut self, changing: &Changing, seen: &Seen) -> Result<bool, StoreError> {
        let now = self.tx.now();
        let id = &changing.id;
        if let Some(row) = sql::find(self.tx, id, now)? {
            sql::touch(self.tx, id, (seen.count, seen.source), None)?;
            self.begins(&row, seen)?;
            if seen.may_arm {
                sql::arm(self.tx, &alert_id("script_new", id.as_str()), Room::Code)?;
            }
        } else if sql::count_code(self.tx, true)? >= MOST_CHANGING {
            return Ok(false);
        } else {
            let row = NewRow {
                id,
                kind: seen.kind,
                address: &changing.words,
                sample: "",
                hash: None,
                page: &seen.page,
                initiator: None,
                source: seen.source,
                seen: seen.count,
                place: None,
                is_changing: true,
                begins: Some(seen.begins.as_str()).filter(|begins| !begins.is_empty()),
            };
            sql::insert(self.tx, &row)?;
            let told = Seen { address: changing.words.clone(), ..seen.clone() };
            self.tell_new(id, &told, Room::Code)?;
        }
        if let Some(hash) = &seen.hash {
            sql::add_version(self.tx, id, hash, seen.source, seen.bytes)?;
        }
        Ok(true)
    }

    /// What stands in a page and has no room in the inventory is told all the same, once an hour, and takes a page to its last good state.
    pub(super) fn no_room(&mut self, id: &ScriptId, seen: &Seen) -> Result<(), StoreError> {
        let is_code = matches!(seen.kind, Kind::Inline | Kind::Handler);
        let of = if is_code { "code" } else { "files" };
        if self.tell_full(of, "it was left out", seen)? {
            self.tell_script_new(id, seen)?;
        }
        Ok(())
    }

    /// An alert that a room is full, and what follows, once an hour; whether it is new.
    fn tell_full(&mut self, of: &str, so: &str, seen: &Seen) -> Result<bool, StoreError> {
        let hour: String = self.tx.now().rfc3339().chars().take(13).collect();
        let what = format!(
            "the inventory has no room for more {of} of paying pages: {} on {}: {}: {so}",
            seen.kind.word(),
            seen.page,
            seen.address
        );
        let about = format!("no room\n{of}\n{so}\n{hour}");
        let how = (Happens::Still, seen.may_arm);
        self.alert_of(how, "script_new", (None, seen.source), &about, (&what, seen.count))
    }
}
