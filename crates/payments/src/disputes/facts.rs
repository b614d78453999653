//! What the shop knows of a disputed order and Storeward does not: how it was sent, when it arrived, what was written. Staff add it
//! at the console, programs by the REST interface. Kept sealed.

use storeward_base::{Actor, Timestamp};
use storeward_events::payment as facts;
use storeward_store::{Reader, Tx, params, statements};

use crate::error::Error;
use crate::model::{Provider, has_card_number};
use crate::payments::{Payments, Shared};

use super::{Dispute, Reply, get, of_id};

statements! {
    INSERT_FACT = "INSERT INTO payment_dispute_fact (id, provider, reference, kind, body, at) VALUES ($1, $2, $3, $4, $5, $6)";
    FACTS_OF = "SELECT id, kind, body, at FROM payment_dispute_fact WHERE provider = $1 AND reference = $2 ORDER BY at, id LIMIT 100";
    COUNT_FACTS = "SELECT COUNT(*) FROM payment_dispute_fact WHERE provider = $1 AND reference = $2";
    FIND_FACT = "SELECT kind FROM payment_dispute_fact WHERE id = $1 AND provider = $2 AND reference = $3";
    REMOVE_FACT = "DELETE FROM payment_dispute_fact WHERE id = $1";
}

const MOST: u32 = 50;
const MOST_SIGNS: usize = 5_000;

macro_rules! kinds {
    ($($(#[doc = $says:literal])* $variant:ident = $word:literal,)+) => {
        /// What a fact is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FactKind { $($(#[doc = $says])* $variant,)+ }

        impl FactKind {
            pub const ALL: &'static [FactKind] = &[$(FactKind::$variant),+];

            pub const fn word(self) -> &'static str {
                match self { $(FactKind::$variant => $word,)+ }
            }

            pub fn of_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }
        }
    };
}

kinds! {
    Carrier = "carrier",
    TrackingNumber = "tracking_number",
    /// The day, as the shop writes it.
    ShippedOn = "shipped_on",
    DeliveredOn = "delivered_on",
    /// The address to which it went.
    ShippedTo = "shipped_to",
    /// What the buyer and the shop wrote to each other.
    Communication = "communication",
    /// What the shop's terms say of giving back.
    Terms = "terms",
    /// When and how the buyer was signed in, and from where.
    SignIn = "sign_in",
    /// Why the shop holds the dispute to be wrong.
    Explanation = "explanation",
}

/// One thing that the shop knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub id: String,
    pub kind: FactKind,
    pub text: String,
    pub at: Timestamp,
}

impl Payments {
    /// Adds one, while the evidence has not gone out. 1 to 5,000 signs; 50 for a dispute.
    pub async fn add_fact(&self, actor: Actor, id: &str, kind: FactKind, text: &str) -> Result<Fact, Error> {
        let (provider, reference) = of_id(id)?;
        let text = text.replace("\r\n", "\n").trim().to_owned();
        let is_plain = text.chars().all(|c| !c.is_control() || c == '\n');
        if text.is_empty() || text.chars().count() > MOST_SIGNS || !is_plain {
            return Err(Error::Misfit { field: "text", why: "a fact has 1 to 5000 signs of plain text" });
        }
        // A parcel's number may look like a card's.
        if kind != FactKind::TrackingNumber && has_card_number(&text) {
            return Err(Error::Misfit { field: "text", why: "a card's number has no place in it" });
        }
        let shared = std::sync::Arc::clone(&self.0);
        self.0
            .write(move |tx| {
                let held = get(tx, provider, &reference)?;
                open_to_change(&held)?;
                let key = params![provider.word(), &reference];
                let count: u32 = tx.query_one(COUNT_FACTS, key, |row| row.get(0))?;
                if count >= MOST {
                    return Err(Error::Dispute("has fifty facts: that is the most"));
                }
                let (fact, now) = (tx.event_id().to_string(), tx.now());
                let body = shared.seal_fact(&fact, &text);
                tx.execute(INSERT_FACT, params![&fact, provider.word(), &reference, kind.word(), body, now])?;
                noted(tx, actor, &held, kind, "added")?;
                Ok(Fact { id: fact, kind, text: text.clone(), at: now })
            })
            .await
    }

    /// Takes one away again.
    pub async fn remove_fact(&self, actor: Actor, id: &str, fact: &str) -> Result<(), Error> {
        let (provider, reference) = of_id(id)?;
        let fact = fact.to_owned();
        self.0
            .write(move |tx| {
                let held = get(tx, provider, &reference)?;
                open_to_change(&held)?;
                let key = params![&fact, provider.word(), &reference];
                let kind = tx.query_optional(FIND_FACT, key, |row| row.get::<String>(0))?;
                let kind = kind.as_deref().and_then(FactKind::of_word).ok_or(Error::NoDispute)?;
                tx.execute(REMOVE_FACT, params![&fact])?;
                noted(tx, actor, &held, kind, "removed")
            })
            .await
    }
}

pub(super) fn open_to_change(held: &Dispute) -> Result<(), Error> {
    if held.state != "open" {
        return Err(Error::Dispute("is over"));
    }
    if held.answer == Reply::None { Ok(()) } else { Err(Error::Dispute("has an answer already")) }
}

fn noted(
    tx: &mut Tx<'_>,
    actor: Actor,
    held: &Dispute,
    kind: FactKind,
    how: &'static str,
) -> Result<(), Error> {
    let fact = facts::DisputeNoted {
        payment: held.payment,
        provider: held.provider.word().to_owned(),
        dispute: held.reference.clone(),
        about: kind.word().to_owned(),
        how: how.to_owned(),
    };
    tx.append(actor, None, fact)?;
    Ok(())
}

impl Shared {
    fn seal_fact(&self, id: &str, text: &str) -> Vec<u8> {
        self.data_key.seal(text.as_bytes(), &format!("payment.dispute_fact/{id}"), self.entropy.as_ref())
    }

    pub(super) fn facts_of(
        &self,
        reader: &mut Reader<'_>,
        provider: Provider,
        reference: &str,
    ) -> Result<Vec<Fact>, Error> {
        let rows = reader.query_many(FACTS_OF, params![provider.word(), reference], |row| {
            Ok((
                row.get::<String>(0)?,
                row.get::<String>(1)?,
                row.get::<Vec<u8>>(2)?,
                row.get::<Timestamp>(3)?,
            ))
        })?;
        let read = |(id, kind, body, at): (String, String, Vec<u8>, Timestamp)| {
            let plain = self.data_key.open(&body, &format!("payment.dispute_fact/{id}"))?;
            let text = std::str::from_utf8(plain.expose()).map_err(|_| Error::Form("a fact"))?.to_owned();
            let kind = FactKind::of_word(&kind).ok_or(Error::Form("a fact's kind"))?;
            Ok(Fact { id, kind, text, at })
        };
        rows.into_iter().map(read).collect()
    }
}
