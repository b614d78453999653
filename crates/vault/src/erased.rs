//! Whoever was erased, as the ledger tells it, held against their rows: one that somebody took away, or in which nobody was erased any more, is named.

use std::collections::BTreeMap;

use storeward_base::CustomerId;
use storeward_events::Event;
use storeward_store::{Reader, ledger};

use crate::Error;
use crate::manifest::{Flaw, Harm};
use crate::sql::{self, CustomerRow};

const TABLE: &str = "vault_customer";

/// What is told of a row in which somebody is less erased than the ledger has it.
pub(crate) fn flaw(customer: CustomerId) -> Flaw {
    Flaw { customer, place: TABLE.to_owned(), harm: Harm::Row }
}

/// Rows that do not say of an erasure what the ledger says, as far back as it keeps that. A row may say more: that an erasure began of which the
/// ledger has nothing is looked at with its key ([`crate::Vault::verify`]).
pub(crate) fn harms(reader: &mut Reader<'_>) -> Result<Vec<Flaw>, Error> {
    let mut flaws = Vec::new();
    for (customer, is_ended) in told(reader)? {
        let fits = match sql::customer(reader, customer) {
            Ok(row) => row.is_some_and(|row| says(&row, is_ended)),
            // One that says nothing is named by itself.
            Err(storeward_store::Error::Column { .. }) => true,
            Err(other) => return Err(other.into()),
        };
        if !fits {
            flaws.push(flaw(customer));
        }
    }
    Ok(flaws)
}

fn says(row: &CustomerRow, is_ended: bool) -> bool {
    row.erasure_begun_at.is_some() && (row.erased_at.is_some() || !is_ended)
}

/// Whose erasures began, and whether they ended.
fn told(reader: &mut Reader<'_>) -> Result<BTreeMap<CustomerId, bool>, Error> {
    let mut all = BTreeMap::new();
    for (_, record) in ledger::told(reader, &["vault.erasure_begun", "vault.customer_erased"])? {
        match &record.event {
            Event::ErasureBegun(fact) => drop(all.entry(fact.customer).or_insert(false)),
            Event::CustomerErased(fact) => drop(all.insert(fact.customer, true)),
            _ => {}
        }
    }
    Ok(all)
}
