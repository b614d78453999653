//! Saved views: a filter that a member of staff gave a name.

use storeward_base::{Id, StaffId, Tagged};

use super::Accounts;
use super::model::Misfit;
use super::sql;
use crate::error::Error;

/// Views of one person at most.
const MOST_VIEWS: i64 = 50;

#[derive(Debug)]
pub enum View {}
impl Tagged for View {
    const PREFIX: &'static str = "view";
}
pub type ViewId = Id<View>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedView {
    pub id: ViewId,
    pub name: String,
    /// A filter as a query string, as `storeward_edge` prints it.
    pub query: String,
}

/// 1 to 60 characters without control characters.
pub fn parse_view_name(text: &str) -> Result<String, Misfit> {
    let text = text.trim();
    let fits = (1..=60).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Misfit { field: "name", words: "Give the view a name of at most 60 characters.".into() })
    }
}

impl Accounts {
    pub async fn views(&self, staff: StaffId) -> Result<Vec<SavedView>, Error> {
        Ok(self.db.read(move |reader| sql::views(reader, staff, MOST_VIEWS)).await?)
    }

    pub async fn save_view(&self, staff: StaffId, name: String, query: String) -> Result<(), Error> {
        let now = self.clock.now();
        let view = SavedView { id: ViewId::new(&*self.clock, &*self.entropy), name, query };
        self.db
            .write(move |tx| {
                if sql::count_views(tx, staff)? >= MOST_VIEWS {
                    return Err(Error::TooManyViews);
                }
                sql::insert_view(tx, staff, &view, now)?;
                tx.commit_silent("how somebody arranges their own pages is no fact of security");
                Ok(())
            })
            .await
    }

    /// Deletes the member's own view; another one's stays.
    pub async fn delete_view(&self, staff: StaffId, id: ViewId) -> Result<(), Error> {
        self.db
            .write(move |tx| {
                sql::delete_view(tx, staff, id)?;
                tx.commit_silent("how somebody arranges their own pages is no fact of security");
                Ok::<(), Error>(())
            })
            .await
    }
}
