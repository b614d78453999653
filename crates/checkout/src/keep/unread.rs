//! Pages that went out without the guard, and pages of which not everything was read: what hides there is in no inventory.

use storeward_events::checkout as facts;
use storeward_store::Error as StoreError;

use super::{Telling, alert_id};
use crate::intake::Unguarded;
use crate::model::Source;

/// The kind of alerts that a page was not read whole, and how the reasons of it begin.
pub(crate) const UNREAD: &str = "unread";
const UNREAD_BEGINS: &str = "unread.";

impl Telling<'_, '_> {
    pub(super) fn unguarded(&mut self, page: &str, reason: &str, seen: Unguarded) -> Result<(), StoreError> {
        let (kind, what) = match reason.strip_prefix(UNREAD_BEGINS) {
            Some(why) => (
                UNREAD,
                format!("{page} was not read whole, so its inventory is not whole: {}", why_unread(why)),
            ),
            None => {
                ("unguarded", format!("{page} went out without the guard in it: {}", why_unguarded(reason)))
            }
        };
        let about = format!("{page}\n{reason}");
        let how = (self.happens(&alert_id(kind, &about))?, seen.may_arm);
        if self.alert_of(how, kind, (None, Source::Page), &about, (&what, seen.count))? {
            self.tell(facts::Unguarded { page: page.to_owned(), reason: reason.to_owned() })?;
        }
        Ok(())
    }
}

fn why_unread(reason: &str) -> &'static str {
    match reason {
        "ambiguous" => "browsers may read a part of it in another way",
        "charset" => "its bytes are no letters of a kind that can be read here",
        "encoding" => "it was compressed in a way that cannot be read here",
        "too_many" => "more pieces of code stand in it than are noted",
        "unreadable" => "a tag in it is too large",
        _ => "it could not be read to its end",
    }
}

fn why_unguarded(reason: &str) -> &str {
    match reason {
        "fetched" => "a script of a page that is not guarded fetched it",
        "type" => "it is XML, or says not what it is",
        other => other,
    }
}
