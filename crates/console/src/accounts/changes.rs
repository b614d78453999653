//! What is done to one member of staff by another, or at the command line: locked and unlocked, signed out everywhere, put into groups.
//!
//! Each holds from its commit on: sessions and groups are asked of the database with every request, also at the gates.

use storeward_base::{Actor, StaffId};
use storeward_events::staff::{StaffGroupsChanged, StaffLocked, StaffSessionsRevoked, StaffUnlocked};
use storeward_store::{Db, Tx};

use super::members::{OWNER, find};
use super::{Accounts, sql, sql_entrance, told};
use crate::error::Error;

/// Members of this group may change others in the console. The command line puts the first one into it.
pub const ADMINS: &str = "admin";

/// Groups of one member at most.
const MOST_GROUPS: usize = 20;

/// What becomes of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// They can neither sign in nor go on.
    Lock,
    Unlock,
    EndSessions,
    /// The groups they are in from now on.
    Groups(Groups),
}

/// Names of groups, each once, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups(Vec<String>);

impl Groups {
    /// `None` where one is no name of a group, or there are too many.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        names.sort();
        names.dedup();
        let fits = names.len() <= MOST_GROUPS && names.iter().all(|name| is_group_name(name));
        fits.then_some(Groups(names))
    }
}

/// 1 to 40 of `a-z`, `0-9` and `-`: it stands in events, assertions and the configuration as it is.
pub fn is_group_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(plain)
}

/// Whether it changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    Yes,
    WasSo,
}

impl Change {
    fn make(&self, tx: &mut Tx<'_>, actor: Actor, staff: StaffId) -> Result<Changed, Error> {
        if !sql::is_member(tx, staff)? {
            return Err(Error::NoSuchMember);
        }
        let changed = match self {
            Change::Lock => {
                let locked = sql_entrance::lock(tx, staff, tx.now())?;
                if locked {
                    tx.append(actor, None, StaffLocked { staff })?;
                }
                end_all(tx, actor, staff)? || locked
            }
            Change::Unlock => {
                let unlocked = sql_entrance::unlock(tx, staff)?;
                if unlocked {
                    tx.append(actor, None, StaffUnlocked { staff })?;
                }
                unlocked
            }
            Change::EndSessions => end_all(tx, actor, staff)?,
            Change::Groups(Groups(groups)) => {
                let before = told::groups_of(tx, staff)?;
                let differs = before != *groups;
                let owns = |groups: &[String]| groups.iter().any(|group| group == OWNER);
                // While nobody is in it, whoever enrolled first is the owner: no admin may come to be so by this. Whoever is at
                // the machine owns it all.
                if owns(&before) && !owns(groups) && actor != Actor::Operator && !others_own(tx, staff)? {
                    return Err(Error::LastOwner);
                }
                if differs {
                    tx.append(actor, None, StaffGroupsChanged { staff, groups: groups.clone() })?;
                }
                differs
            }
        };
        if !changed {
            tx.commit_silent("it was so already");
        }
        Ok(if changed { Changed::Yes } else { Changed::WasSo })
    }
}

fn others_own(tx: &mut Tx<'_>, staff: StaffId) -> Result<bool, Error> {
    let all = told::groups(tx)?;
    Ok(all.into_iter().any(|(member, groups)| member != staff && groups.iter().any(|group| group == OWNER)))
}

/// Sessions at the console and at the gates, and what was about to become one.
fn end_all(tx: &mut Tx<'_>, actor: Actor, staff: StaffId) -> Result<bool, Error> {
    sql_entrance::delete_hand_overs(tx, staff)?;
    let count = sql::delete_sessions(tx, staff)?;
    if count > 0 {
        tx.append(actor, None, StaffSessionsRevoked { staff, count })?;
    }
    Ok(count > 0)
}

/// For the command line; panics inside of a runtime. `who` is an id or an e-mail address.
pub fn change_blocking(db: &Db, actor: Actor, who: &str, change: &Change) -> Result<Changed, Error> {
    let (member, change) = (find(db, who)?, change.clone());
    db.write_blocking(move |tx| change.make(tx, actor, member))
}

impl Accounts {
    /// By a member of staff, to another one.
    pub async fn change(&self, by: StaffId, member: StaffId, change: Change) -> Result<Changed, Error> {
        let changed = self.db.write(move |tx| {
            // Asked where it is done: whoever was taken out of the group a moment ago does nothing more.
            if by == member || !told::groups_of(tx, by)?.iter().any(|group| group == ADMINS) {
                return Err(Error::NotAdmin);
            }
            change.make(tx, Actor::Staff { id: by }, member)
        });
        changed.await
    }

    /// All members, by name.
    pub async fn members(&self) -> Result<Vec<super::Member>, Error> {
        Ok(self.db.read(super::members::all).await?)
    }
}
