//! Looking customers up.
//!
//! Whoever sees a part of a field only learns the whole of it by a look-up that finds somebody. So that is an opening of the field, on
//! record with each customer who was found, and counts as one; and how often such a look-up may find nobody has a limit.

use std::sync::Arc;

use storeward_base::{Actor, CustomerId, Timestamp};
use storeward_events::office::UnusualReading;
use storeward_events::vault::{CustomersFound, FieldsOpened, ReadingLimitReached, SearchDenied};
use storeward_policy::{Act, Answer, Asked, Circumstances, Mask, Policies, Purpose, Thing, VOLUME_LIMIT};
use storeward_store::{Reader, Tx};

use crate::asking::Asker;
use crate::catalogue::{Field, Lookup};
use crate::opening::VOLUME_WINDOW;
use crate::records::Vault;
use crate::walks::Steps;
use crate::{Error, orders, sights};

const ORDER: &str = "order.number";
/// Look-ups within an hour that find nobody and are no [`Miss::Guess`]: one a minute, as of people who answer customers without a break.
const MOST_MISSES: u64 = 60;
/// Whoever asks looked up too many of those.
const TOO_MANY_LOOKUPS: &str = "too_many_lookups";

/// What a look-up counts as that finds nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Miss {
    /// By an order's number among those that are kept: whoever tries a few of them finds one.
    Guess,
    /// By anything else, and by numbers beyond those that are kept: the shop has orders that no import has brought yet, customers ask
    /// about those most, and nobody finds anybody by trying there.
    Other,
}

impl Miss {
    fn of(fact: &CustomersFound) -> Miss {
        if fact.field == ORDER && !fact.beyond { Miss::Guess } else { Miss::Other }
    }

    fn most(self) -> u64 {
        match self {
            Miss::Guess => orders::count(orders::MOST_WRONG),
            Miss::Other => MOST_MISSES,
        }
    }

    /// Why whoever has that many is refused.
    const fn refusal(self) -> &'static str {
        match self {
            Miss::Guess => orders::TOO_MANY,
            Miss::Other => TOO_MANY_LOOKUPS,
        }
    }

    /// What the last of them is told as.
    const fn finding(self) -> &'static str {
        match self {
            Miss::Guess => "orders",
            Miss::Other => "lookups",
        }
    }
}

/// Who looks, and for what.
struct Look {
    asker: Asker,
    field: &'static Field,
    /// The answer tells more than the asker sees of the field.
    tells: bool,
    policies: Arc<Policies>,
    since: Timestamp,
}

impl Vault {
    /// [`Vault::find`], or [`Vault::find_by_part`] where the field is not found by whole values, for somebody whom the policy lets find
    /// customers. That they looked, and how many there were, is on record.
    pub async fn look_up(
        &self,
        asker: &Asker,
        field: &'static Field,
        value: &str,
    ) -> Result<Vec<CustomerId>, Error> {
        let (actor, now) = (asker.actor, self.0.db.now());
        let is_by_part = field.lookup == Lookup::None;
        let sees_whole = self.sees_whole(asker, field);
        // The shop's own program opens nothing, and goes from one to the next each night.
        let tells =
            !sees_whole && !asker.is_shop() && matches!(actor, Actor::Staff { .. } | Actor::Key { .. });
        let look = Arc::new(Look {
            asker: asker.clone(),
            field,
            tells,
            policies: self.policies(),
            since: now.minus(VOLUME_WINDOW),
        });
        let asked = Arc::clone(&look);
        let before = self.0.db.read(move |reader| asked.refusal(reader)).await?;
        let refused = before.or((is_by_part && !sees_whole).then_some("not_seen_whole"));
        let found = match (refused, field.lookup) {
            (Some(_), _) => Vec::new(),
            (None, Lookup::Whole) => self.find(field, value).await?,
            (None, Lookup::None) => self.find_by_part(field, value).await?,
        };
        // Told only where it counts: of whoever sees the numbers whole nothing is.
        let is_missed_order = refused.is_none() && tells && found.is_empty() && look.is_order();
        let beyond = is_missed_order && self.is_beyond(field, value).await?;
        if refused.is_none() {
            match field.full_name().as_str() {
                _ if asker.is_shop() => {}
                "contact.shop_id" => self.0.walks.step(actor, Steps::Customers, value, now),
                ORDER => self.0.walks.step(actor, Steps::Orders, value, now),
                _ => {}
            }
        }
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            // Decided in the write itself: of many that ask at once, none slips in before another counts.
            if let Some(reason) = refused.map_or_else(|| look.refusal(tx), |reason| Ok(Some(reason)))? {
                let fact = SearchDenied { field: look.field.full_name(), reason: reason.to_owned() };
                tx.append(look.asker.actor, None, fact)?;
                return Ok(Err(reason));
            }
            look.record(tx, &found, beyond)?;
            Ok(Ok(found.clone()))
        });
        written.await?.map_err(Error::Denied)
    }

    /// Whether somebody sees a field as it is, of whomever, for some purpose that is theirs: whoever sees a part only would learn the rest by
    /// asking.
    fn sees_whole(&self, asker: &Asker, field: &'static Field) -> bool {
        // A factor is asked for where something is opened.
        let asker = Asker { factor_age_seconds: Some(0), ..asker.clone() };
        let thing = Thing::Field { class: field.class.name(), name: field.name };
        asker.purposes.iter().any(|&purpose| {
            let answer = self.judged(&asker, Act::Open, "nobody", thing, purpose);
            matches!(answer, Answer::Allow { mask: Mask::Whole, .. })
        })
    }
}

impl Look {
    fn is_order(&self) -> bool {
        self.field.full_name() == ORDER
    }

    fn is_by_part(&self) -> bool {
        self.field.lookup == Lookup::None
    }

    /// What counts with this look: who was opened, and, by parts, how often was asked. Who asks about parts asks many times, and each
    /// answer says something.
    fn counted(&self, reader: &mut Reader<'_>) -> Result<u64, Error> {
        let (actor, since) = (self.asker.actor, self.since);
        let opened =
            sights::opened_since(reader, actor, since)? + self.asker.opened_by_others(reader, None, since)?;
        Ok(opened + if self.is_by_part() { sights::looked_since(reader, actor, since)? } else { 0 })
    }

    fn answer(&self, opened_lately: u64) -> Answer {
        let factor = self.asker.factor_age_seconds;
        let circumstances = Circumstances { opened_lately, ..Circumstances::new(Purpose::Support, factor) };
        self.policies.decide(&Asked {
            who: &self.asker.who,
            act: Act::Find,
            owner: "nobody",
            thing: Thing::Record,
            circumstances: &circumstances,
        })
    }

    /// Why this is not answered, where that is so; also where it would be right, else its answer would say so.
    fn refusal(&self, reader: &mut Reader<'_>) -> Result<Option<&'static str>, Error> {
        let opened_lately = self.counted(reader)?;
        if let Answer::Deny(refusal) = self.answer(opened_lately) {
            return Ok(Some(refusal.reason));
        }
        if (self.is_by_part() || self.tells) && opened_lately >= VOLUME_LIMIT {
            return Ok(Some("too_many"));
        }
        // Which of the two a look by an order's number would count as is not known yet, nor may the refusal say it.
        let counts_as: &[Miss] = if self.is_order() { &[Miss::Guess, Miss::Other] } else { &[Miss::Other] };
        for &miss in counts_as {
            if self.tells && self.missed(reader, miss)? >= miss.most() {
                return Ok(Some(miss.refusal()));
            }
        }
        Ok(None)
    }

    fn missed(&self, reader: &mut Reader<'_>, miss: Miss) -> Result<u64, Error> {
        let mut actors = self.asker.alike(reader)?;
        actors.push(self.asker.actor);
        sights::missed_since(reader, &actors, self.since, |fact| Miss::of(fact) == miss)
    }

    fn record(&self, tx: &mut Tx<'_>, found: &[CustomerId], beyond: bool) -> Result<(), Error> {
        let (actor, before) = (self.asker.actor, self.counted(tx)?);
        let fact =
            CustomersFound { field: self.field.full_name(), count: orders::count(found.len()), beyond };
        let miss = Miss::of(&fact);
        tx.append(actor, None, fact)?;
        if self.tells {
            let rules = match self.answer(before) {
                Answer::Allow { rules, .. } => rules,
                Answer::Deny(_) => Vec::new(),
            };
            for &customer in found {
                let fact = FieldsOpened {
                    customer,
                    collection: self.field.class.name().to_owned(),
                    fields: vec![self.field.name.to_owned()],
                    purpose: Purpose::Support.name().to_owned(),
                    rules: rules.clone(),
                };
                let told = tx.append(actor, None, fact)?;
                sights::insert(tx, &told, customer, Purpose::Support, true)?;
            }
            let most = miss.most();
            if found.is_empty() && self.missed(tx, miss)? == most {
                let reason = miss.finding().to_owned();
                tx.append(actor, None, UnusualReading { reason, customers: most, limit: most, minutes: 60 })?;
            }
        }
        if before < VOLUME_LIMIT && self.counted(tx)? >= VOLUME_LIMIT {
            tx.append(actor, None, ReadingLimitReached { customers: VOLUME_LIMIT })?;
        }
        Ok(())
    }
}
