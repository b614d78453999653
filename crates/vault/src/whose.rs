//! Whose a record is: which of the addresses in it open the own page of whoever reads their mails; and which words about purposes are
//! the customer's own.
//!
//! Programs write addresses without being let read. So an address of theirs proves nothing in a record that held anything else
//! before: else whoever has a key that only writes reads everybody, by an account at the shop of their own.

use storeward_base::{Actor, CustomerId};
use storeward_seal::envelope::CustomerKey;

use crate::Error;
use crate::catalogue::{Class, Field};
use crate::opening::open_row;
use crate::records::{Provenance, Vault};
use crate::sql::FieldRow;

/// Behind the provenance of an address that a program wrote into a record that was there.
const LATER: &str = "/later";

fn email() -> &'static Field {
    Field::find("contact.email").expect("the catalogue has it")
}

pub(crate) fn is_email(class: &str, field: &str) -> bool {
    class == Class::Contact.name() && field == "email"
}

/// What an own page, or an import, tells by whose a record is.
pub(crate) fn says_whose(field: &Field) -> bool {
    field.class == Class::Contact && matches!(field.name, "email" | "shop_id")
}

fn emails(rows: &[FieldRow]) -> impl Iterator<Item = &FieldRow> {
    rows.iter().filter(|row| is_email(&row.collection, &row.field))
}

/// Whether what is kept so says by itself whose a record is: the customer, the owner and the shop's own accounts do.
pub(crate) fn is_proven(kept: &str) -> bool {
    [Provenance::Customer, Provenance::Owner, Provenance::Import].iter().any(|by| by.name() == kept)
}

/// Whether a word about a purpose is the customer's own, or the owner's who took it down: no program and no file of the shop.
pub(crate) fn is_own_word(kept: &str) -> bool {
    [Provenance::Customer, Provenance::Owner, Provenance::Staff].iter().any(|by| by.name() == kept)
}

/// Whether an address says whose the record is, as it is kept. What staff wrote says nothing of it, unless the owner did: else whoever
/// corrects reads. What a program wrote says it while nobody says otherwise: of two addresses either may be a stranger's, who knew the
/// number before its customer came.
fn proves(kept_by: &str, is_undisputed: bool) -> bool {
    let is_first = Provenance::spoken(kept_by) == Provenance::Shop.name() && !kept_by.ends_with(LATER);
    is_proven(kept_by) || (is_undisputed && is_first)
}

fn opened_emails<'a>(
    key: &CustomerKey,
    customer: CustomerId,
    rows: &'a [FieldRow],
) -> Vec<(&'a FieldRow, String)> {
    let open = |row| open_row(key, customer, row).ok().and_then(|value| email().normal(value.expose()));
    emails(rows).filter_map(|row| Some((row, open(row)?))).collect()
}

/// The addresses by which a record is somebody's, each once, as far as they can be opened.
pub(crate) fn proven_emails(key: &CustomerKey, customer: CustomerId, rows: &[FieldRow]) -> Vec<String> {
    let kept = opened_emails(key, customer, rows);
    let is_undisputed = kept.iter().all(|(_, value)| kept.first().is_some_and(|(_, first)| first == value));
    let proven = kept.iter().filter(|(row, _)| proves(&row.provenance, is_undisputed));
    let mut found: Vec<String> = proven.map(|(_, value)| value.clone()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Those of them that somebody else than a program wrote.
pub(crate) fn believed_emails(key: &CustomerKey, customer: CustomerId, rows: &[FieldRow]) -> Vec<String> {
    let kept = opened_emails(key, customer, rows).into_iter();
    kept.filter(|(row, _)| is_proven(&row.provenance)).map(|(_, value)| value).collect()
}

/// Refuses a program's or a file's write over an item in which the customer's own word stands.
pub(crate) fn refuse_over_own_word(
    rows: &[FieldRow],
    item: &str,
    (actor, by): (Actor, Provenance),
) -> Result<(), Error> {
    let is_hearsay =
        matches!(actor, Actor::Key { .. }) || matches!(by, Provenance::Shop | Provenance::Import);
    let is_own = |row: &FieldRow| {
        row.collection == Class::Consent.name() && row.item == item && is_own_word(&row.provenance)
    };
    if is_hearsay && rows.iter().any(is_own) { Err(Error::Denied("own_word")) } else { Ok(()) }
}

/// As an address is kept that a program writes into a record that holds these: what is there already and the same goes on proving what
/// it proved; in a record that holds what others wrote, or another address, a new one proves nothing.
pub(crate) fn address_kept_by(
    actor: Actor,
    rows: &[FieldRow],
    key: &CustomerKey,
    customer: CustomerId,
    (item, value): (&str, &str),
) -> String {
    let own = Provenance::Shop.kept_by(actor);
    let is_same = |row: &FieldRow| {
        open_row(key, customer, row).is_ok_and(|kept| email().normal(kept.expose()) == email().normal(value))
    };
    if let Some(row) = emails(rows).find(|row| row.item == item && is_same(row)) {
        return row.provenance.clone();
    }
    let is_first = rows.iter().all(|row| row.provenance == own) && emails(rows).all(is_same);
    if is_first { own } else { format!("{own}{LATER}") }
}

impl Vault {
    /// Whose records bear this e-mail address, for the own page of whoever confirmed it.
    pub async fn of_email(&self, email: &str) -> Result<Vec<CustomerId>, Error> {
        let field = self::email();
        let mut found = Vec::new();
        let mut behind = String::new();
        while let Some(page) = self.next_led(field, email, &mut behind).await? {
            for customer in page.into_iter().flatten() {
                // The index only leads there: what is sealed says whose it is.
                if self.has_email(customer, email).await? {
                    found.push(customer);
                }
            }
        }
        Ok(found)
    }

    /// Other records with an e-mail address of this one, such as of somebody who ordered without their account: whoever asks to be erased
    /// means them all. Nothing of them is handed out; nobody where the record is not as it was written last.
    pub async fn of_same_address(&self, customer: CustomerId) -> Result<Vec<CustomerId>, Error> {
        let (key, rows) = match self.rows(customer).await {
            Ok(found) => found,
            Err(Error::Harmed(_) | Error::NoCustomer) => return Ok(Vec::new()),
            Err(other) => return Err(other),
        };
        let mut others = Vec::new();
        for row in emails(&rows) {
            let Ok(email) = open_row(&key, customer, row) else { continue };
            // Another's record that is not whole is named where it is looked at, and shuts nobody else's page.
            match self.of_email(email.expose()).await {
                Ok(found) => others.extend(found),
                Err(Error::Harmed(_)) => {}
                Err(other) => return Err(other),
            }
        }
        others.sort_unstable();
        others.dedup();
        others.retain(|other| *other != customer);
        Ok(others)
    }

    /// The records that are theirs who read the mails of this address: an account's, and what the shop has of them as a guest; nothing where
    /// nobody can tell, because several accounts have the address. A guest's is theirs whatever addresses accounts were given.
    ///
    /// No shop that is imported confirms the address of an account. It is theirs all the same: by the same mailbox the shop itself lets
    /// them in (a new password), and sends there what is ordered.
    pub async fn own_records(&self, email: &str) -> Result<Option<Vec<CustomerId>>, Error> {
        let guest = self.kept_of_shop(&Vault::guest_number(email)).await?;
        let found = self.of_email(email).await?;
        let (guests, accounts): (Vec<_>, Vec<_>) = found.into_iter().partition(|one| *one == guest);
        Ok(match (accounts.len(), guests.len()) {
            (0 | 1, _) => Some([accounts, guests].concat()),
            (_, 0) => None,
            _ => Some(guests),
        })
    }

    /// The shop's number of a customer, where the shop's own accounts or the owner say it, and of nobody else: a program that only
    /// writes gives nobody another's number.
    pub async fn number_of(&self, customer: CustomerId) -> Result<Option<String>, Error> {
        let field = Field::find("contact.shop_id").expect("the catalogue has it");
        let (key, rows) = match self.alarm(Actor::System, self.rows(customer).await).await {
            Ok(found) => found,
            Err(Error::NoCustomer) => return Ok(None),
            Err(other) => return Err(other),
        };
        let is_said = |row: &&FieldRow| {
            row.collection == field.class.name()
                && row.field == field.name
                && [Provenance::Import, Provenance::Owner].iter().any(|by| by.name() == row.provenance)
        };
        let mut said: Vec<String> = Vec::new();
        for row in rows.iter().filter(is_said) {
            said.push(open_row(&key, customer, row)?.expose().clone());
        }
        let [number] = said.as_slice() else { return Ok(None) };
        Ok((self.find(field, number).await?.as_slice() == [customer]).then(|| number.clone()))
    }

    /// Whether this is the customer of this e-mail address, by the values that are sealed: an index that somebody changed
    /// leads nobody to another's record.
    async fn has_email(&self, customer: CustomerId, wanted: &str) -> Result<bool, Error> {
        let field = email();
        let Ok(wanted) = field.take(wanted) else { return Ok(false) };
        let wanted = field.normal(&wanted);
        let rows = self.rows(customer).await;
        let (key, rows) = match self.alarm(Actor::System, rows).await {
            Ok(found) => found,
            Err(Error::NoCustomer) => return Ok(false),
            Err(other) => return Err(other),
        };
        let mut kept = Vec::new();
        for row in emails(&rows) {
            let value = open_row(&key, customer, row)?;
            kept.push((row.provenance.as_str(), field.normal(value.expose()) == wanted));
        }
        let is_undisputed = kept.iter().all(|(_, is_wanted)| *is_wanted);
        Ok(kept.iter().any(|(by, is_wanted)| *is_wanted && proves(by, is_undisputed)))
    }
}
