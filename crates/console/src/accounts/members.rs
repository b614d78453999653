//! Members of staff as the operator sees them: listed, reset after a lost authenticator, removed.
//!
//! Both acts hold from their commit on, also in a program that runs beside the command line: sessions, links and credentials
//! are asked of the database each time.

use std::collections::BTreeSet;

use storeward_base::{Actor, Entropy, StaffId, Timestamp};
use storeward_events::staff::{StaffRemoved, StaffReset};
use storeward_seal::DataKey;
use storeward_store::{Db, Reader, Tx};

use super::enrol::{Draft, Offer};
use super::{sql, sql_entrance, sql_letters, sql_own, told};
use crate::error::Error;

/// Members of staff that are listed at most; a shop has a few.
const MOST: u32 = 1000;

/// One member of staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: StaffId,
    pub name: String,
    pub email: String,
    pub enrolled_at: Timestamp,
    /// Since when they cannot sign in until they enrol again.
    pub reset_at: Option<Timestamp>,
    /// Since when they are kept out.
    pub locked_at: Option<Timestamp>,
    /// Names, in order.
    pub groups: Vec<String>,
    /// When a session of theirs was last seen; sessions that ended are forgotten.
    pub seen_at: Option<Timestamp>,
}

/// Names of staff by their ids, as both stand in the words of an event.
pub fn names(reader: &mut Reader<'_>) -> Result<Names, storeward_store::Error> {
    let members = sql::members(reader, MOST)?;
    Ok(Names(members.into_iter().map(|member| (member.id.to_string(), member.name)).collect()))
}

/// Who is meant by an id.
pub struct Names(Vec<(String, String)>);

impl Names {
    /// The text with each id of a member that is known replaced by their name.
    pub fn in_words(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (id, name) in &self.0 {
            if text.contains(id.as_str()) {
                text = text.replace(id.as_str(), name);
            }
        }
        text
    }
}

/// All members, by name. For the command line; panics inside of a runtime.
pub fn members_blocking(db: &Db) -> Result<Vec<Member>, Error> {
    Ok(db.read_blocking(all)?)
}

/// All members with their groups, by name.
pub fn all(reader: &mut Reader<'_>) -> Result<Vec<Member>, storeward_store::Error> {
    let mut members = sql::members(reader, MOST)?;
    let mut groups = told::groups(reader)?;
    for member in &mut members {
        member.groups = groups.remove(&member.id).unwrap_or_default();
    }
    Ok(members)
}

/// Said where somebody has no role.
pub const NO_ROLE: &str = "none: ask whoever owns the shop for a group on the page Staff";
/// The role of whoever owns the shop, and the group that gives it.
pub(super) const OWNER: &str = "owner";

/// Who owns the shop: the group of that name, or whoever enrolled first while nobody is in it.
pub fn owners(reader: &mut Reader<'_>) -> Result<Vec<StaffId>, storeward_store::Error> {
    let named =
        told::groups(reader)?.into_iter().filter(|(_, groups)| groups.iter().any(|group| group == OWNER));
    let named: Vec<StaffId> = named.map(|(staff, _)| staff).collect();
    if !named.is_empty() {
        return Ok(named);
    }
    Ok(told::first(reader)?.into_iter().collect())
}

/// The roles of a member towards customers' data: their groups. While nobody is in the group `owner`, whoever enrolled first
/// is: a shop of one person works from its first day on, and no second person becomes owner unseen.
pub fn roles_of(reader: &mut Reader<'_>, staff: StaffId) -> Result<Vec<String>, storeward_store::Error> {
    let mut groups = told::groups(reader)?;
    let has_owner = groups.values().flatten().any(|group| group == OWNER);
    let mut roles = groups.remove(&staff).unwrap_or_default();
    if !has_owner && told::first(reader)? == Some(staff) {
        roles.push(OWNER.to_owned());
    }
    Ok(roles)
}

/// Every group that somebody is in.
pub fn all_groups(reader: &mut Reader<'_>) -> Result<Vec<String>, storeward_store::Error> {
    let all: BTreeSet<String> = told::groups(reader)?.into_values().flatten().collect();
    Ok(all.into_iter().collect())
}

/// Takes a member's password and second factor away, ends their sessions and earlier links, and makes a new link. They
/// keep their id and what they saved. `who` is an id or an e-mail address.
pub fn reset_blocking(
    db: &Db,
    key: &DataKey,
    entropy: &dyn Entropy,
    actor: Actor,
    who: &str,
) -> Result<Offer, Error> {
    let member = find(db, who)?;
    let (draft, offer) = Draft::again(member, db.now(), key, entropy, actor);
    db.write_blocking(move |tx| {
        end_all(tx, member)?;
        if !sql::reset_account(tx, member, tx.now())? {
            return Err(Error::NoSuchMember);
        }
        tx.append(actor, None, StaffReset { staff: member })?;
        draft.write(tx)
    })?;
    Ok(offer)
}

/// Deletes a member with everything that is theirs. What they did stays in the ledger, under their id.
pub fn remove_blocking(db: &Db, actor: Actor, who: &str) -> Result<StaffId, Error> {
    let member = find(db, who)?;
    db.write_blocking(move |tx| {
        end_all(tx, member)?;
        sql::delete_views(tx, member)?;
        sql_letters::delete(tx, member)?;
        if !sql::delete_account(tx, member)? {
            return Err(Error::NoSuchMember);
        }
        tx.append(actor, None, StaffRemoved { staff: member })?;
        Ok(member)
    })
}

pub(super) fn find(db: &Db, who: &str) -> Result<StaffId, Error> {
    if let Ok(id) = who.parse() {
        return Ok(id);
    }
    let email = who.trim().to_lowercase();
    let found = db.read_blocking(move |reader| sql::member_by_email(reader, &email))?;
    found.ok_or(Error::NoSuchMember)
}

/// Sessions, passkeys, and links and codes that were not used yet.
fn end_all(tx: &mut Tx<'_>, member: StaffId) -> Result<(), Error> {
    sql_entrance::delete_hand_overs(tx, member)?;
    sql::delete_sessions(tx, member)?;
    sql::delete_offers(tx, member)?;
    sql_own::delete_passkeys(tx, member)?;
    Ok(())
}
