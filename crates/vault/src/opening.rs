//! Opening: the policy is asked, the ledger is told, then values are handed out, masked as the policy says.

use std::collections::BTreeSet;
use std::sync::Arc;

use storeward_base::{Actor, CustomerId, Secret, Timestamp};
use storeward_events::Event;
use storeward_events::vault::{FieldsOpened, OpeningDenied, ReadingLimitReached};
use storeward_policy::{Act, Answer, Asked, Circumstances, Grant, Mask, Policies, Thing, VOLUME_LIMIT};
use storeward_seal::envelope::{CustomerKey, FieldPlace};
use storeward_store::Tx;

use crate::asking::Ask;
use crate::catalogue::{Class, FIELDS, Field};
use crate::grants::{self, Facts};
use crate::manifest::{Flaw, Harm};
use crate::orders::{self, Named};
use crate::records::{Provenance, Vault, whole};
use crate::said::{told, weighed};
use crate::sql::{self, CustomerRow, FieldRow};
use crate::walks::Steps;
use crate::{Error, mask, sights};

/// How far back openings count for the policy's limit.
pub const VOLUME_WINDOW: std::time::Duration = std::time::Duration::from_secs(3600);

/// A field that was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    pub field: &'static Field,
    pub item: String,
    /// As much of it as the policy shows.
    pub value: Secret<String>,
    pub mask: Mask,
    /// The rules that allowed it.
    pub rules: Vec<String>,
    pub provenance: String,
    pub written_at: Timestamp,
}

/// A field that is kept and was not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub field: &'static Field,
    /// A code: `no_rule`, or what the guard says that refused.
    pub reason: &'static str,
}

/// What came of an opening.
#[derive(Clone, Debug)]
pub struct Opening {
    pub values: Vec<Opened>,
    pub refused: Vec<Refused>,
}

impl Vault {
    /// Opens the named fields of all of the customer's items, as far as the policy lets the asker see them. What was opened,
    /// by whom and for what is durable in the ledger before a value is handed out; where it cannot be written, nothing is
    /// opened. [`Error::Denied`] where nothing of it may be seen.
    pub async fn open(&self, ask: &Ask, fields: &[&'static Field]) -> Result<Opening, Error> {
        self.open_for(Act::Open, ask, fields).await
    }

    pub(crate) async fn open_for(
        &self,
        act: Act,
        ask: &Ask,
        fields: &[&'static Field],
    ) -> Result<Opening, Error> {
        let opened = self.open_now(act, ask, fields).await;
        self.alarm(ask.asker.actor, opened).await
    }

    async fn open_now(&self, act: Act, ask: &Ask, fields: &[&'static Field]) -> Result<Opening, Error> {
        let customer = ask.customer;
        self.standing(customer).await?;
        let held = self.0.keys.held(customer).await?.ok_or(Error::NoCustomer)?;
        let policies = self.policies();
        let (asked, wanted, key) = (ask.clone(), fields.to_vec(), held.key.clone());
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            let row = sql::customer(tx, customer)?.filter(|row| row.erasure_begun_at.is_none());
            let row = row.ok_or(Error::NoCustomer)?;
            // What is wanted, and what the policy goes by.
            let counts = |class: &str| {
                class.is_empty()
                    || class == Class::Consent.name()
                    || (asked.order.is_some() && class == Class::Order.name())
                    || wanted.iter().any(|field| field.class.name() == class)
            };
            let rows = whole(tx, customer, &held, &row, counts)?;
            // Decided in the write itself: of many that ask at once, none slips in before another counts.
            let told = circumstances(tx, act, &asked, &row, Some((&rows, &held.key)))?;
            let now = tx.now();
            let granted = match act {
                Act::Open => {
                    let mut granted = grants::active(tx, &asked, &held.key, now)?;
                    // It ends with the right to ask for it: whoever lost their role sees nothing by what they were let see.
                    granted.retain(|(_, grant)| may_still(&policies, &asked, *grant, &told));
                    granted
                }
                _ => Vec::new(),
            };
            let present = |field: &&'static Field| rows.iter().any(|row| is_of(row, field));
            let kept: Vec<&'static Field> = wanted.iter().copied().filter(|field| present(field)).collect();
            // What is not there cannot be seen, but that somebody asked for it counts.
            let judged = if kept.is_empty() { wanted.clone() } else { kept };
            let judge = |field: &&'static Field| {
                let grant = granted.iter().find(|(known, _)| known == field).map(|(_, grant)| *grant);
                let told = Circumstances { grant: grant.unwrap_or_default(), ..told.clone() };
                (*field, decide(&policies, act, &asked, field, &told))
            };
            let named = orders::named(&rows, &held.key, &asked)?;
            if let Some(reason) = orders::refusal(tx, &asked, named)? {
                // Whom the right order would show nothing learns nothing of it, and is refused as without one.
                let if_theirs = Circumstances { is_assigned: true, ..told.clone() };
                let shows = |field: &&'static Field| {
                    matches!(decide(&policies, act, &asked, field, &if_theirs), Answer::Allow { .. })
                };
                if judged.iter().any(shows) {
                    orders::deny(tx, act, &asked, &judged, reason)?;
                    return Ok(Err(reason));
                }
            }
            let verdicts: Vec<(&'static Field, Answer)> = judged.iter().map(judge).collect();
            record(tx, &asked, &verdicts)?;
            let is_open = verdicts.iter().any(|(_, answer)| matches!(answer, Answer::Allow { .. }));
            let is_staff = matches!(asked.asker.actor, Actor::Staff { .. } | Actor::Key { .. });
            if is_open && is_staff && told.opened_lately + 1 == VOLUME_LIMIT {
                tx.append(asked.asker.actor, None, ReadingLimitReached { customers: VOLUME_LIMIT })?;
            }
            Ok(Ok((verdicts, rows)))
        });
        let decided = written.await?;
        let actor = ask.asker.actor;
        // Programs send what they packed in the order of its numbers; people look orders up.
        let steps = decided.is_err() || matches!(actor, Actor::Staff { .. });
        if let Some(order) = ask.order.as_ref().filter(|_| steps) {
            self.0.walks.step(actor, Steps::Orders, order, self.0.db.now());
        }
        let (verdicts, rows) = decided.map_err(Error::Denied)?;
        hand_out(verdicts, rows, &key, customer)
    }

    /// Fails for a customer who is not there, or whose erasure has begun.
    pub(crate) async fn standing(&self, customer: CustomerId) -> Result<CustomerRow, Error> {
        let found =
            self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::customer(reader, customer)?) });
        found.await?.filter(|row| row.erasure_begun_at.is_none()).ok_or(Error::NoCustomer)
    }
}

fn is_of(row: &FieldRow, field: &Field) -> bool {
    field.class.name() == row.collection && field.name == row.field
}

/// What the policy goes by, read in the transaction that records the answer: for every act, so that a rule of the shop's own
/// finds the same facts whatever is asked.
fn circumstances(
    tx: &mut Tx<'_>,
    act: Act,
    ask: &Ask,
    row: &CustomerRow,
    kept: Option<(&[FieldRow], &CustomerKey)>,
) -> Result<Circumstances, Error> {
    let named = kept.map_or(Ok(Named::Nothing), |(rows, key)| orders::named(rows, key, ask));
    let is_assigned = match named {
        Err(_) if act == Act::Erase => false,
        other => other? == Named::Theirs,
    };
    let since = tx.now().minus(VOLUME_WINDOW);
    let opened_lately = sights::others_opened(tx, ask.asker.actor, ask.customer, since)?
        + ask.asker.opened_by_others(tx, Some(ask.customer), since)?;
    let said = kept.map_or_else(|| Ok(Said::default()), |(rows, key)| said(rows, key, ask.customer));
    let said = match said {
        // Nothing that somebody broke keeps a customer from being erased.
        Err(_) if act == Act::Erase => Said::default(),
        other => other?,
    };
    Ok(Circumstances {
        is_assigned,
        opened_lately,
        consents: said.consents,
        objections: said.objections,
        is_restricted: row.restricted_at.is_some(),
        ..Circumstances::new(ask.purpose, ask.asker.factor_age_seconds)
    })
}

/// What a customer said about purposes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// What they agreed to and did not withdraw.
    pub consents: Vec<String>,
    pub objections: Vec<String>,
}

/// Of each purpose, what was said of it, whichever item it stands in.
pub(crate) fn said(rows: &[FieldRow], key: &CustomerKey, customer: CustomerId) -> Result<Said, Error> {
    let history = told(rows, key, customer)?;
    let purposes: BTreeSet<&String> = history.iter().map(|one| &one.purpose).collect();
    let mut said = Said::default();
    for purpose in purposes {
        let (agrees, objects) = weighed(history.iter().filter(|one| one.purpose == *purpose));
        if agrees {
            said.consents.push(purpose.clone());
        }
        if objects {
            said.objections.push(purpose.clone());
        }
    }
    Ok(said)
}

/// Whether the asker may still ask for what they were let see.
fn may_still(policies: &Policies, ask: &Ask, grant: Grant, told: &Circumstances) -> bool {
    let act = if grant == Grant::BreakGlass { Act::BreakGlass } else { Act::Find };
    let (owner, thing) = (&ask.customer.to_string(), Thing::Record);
    let asked = Asked { who: &ask.asker.who, act, owner, thing, circumstances: told };
    matches!(policies.decide(&asked), Answer::Allow { .. })
}

fn decide(policies: &Policies, act: Act, ask: &Ask, field: &'static Field, told: &Circumstances) -> Answer {
    policies.decide(&Asked {
        who: &ask.asker.who,
        act,
        owner: &ask.customer.to_string(),
        thing: Thing::Field { class: field.class.name(), name: field.name },
        circumstances: told,
    })
}

/// The rules that allow, or the reason of the refusal.
type Outcome = Result<Vec<String>, &'static str>;

/// One fact for each class and answer.
fn record(tx: &mut Tx<'_>, ask: &Ask, verdicts: &[(&'static Field, Answer)]) -> Result<(), Error> {
    let mut facts: Vec<(Class, Outcome, Vec<String>)> = Vec::new();
    for (field, answer) in verdicts {
        let outcome = match answer {
            Answer::Allow { rules, .. } => Ok(rules.clone()),
            Answer::Deny(refusal) => Err(refusal.reason),
        };
        match facts.iter_mut().find(|(class, known, _)| *class == field.class && *known == outcome) {
            Some((_, _, names)) => names.push(field.name.to_owned()),
            None => facts.push((field.class, outcome, vec![field.name.to_owned()])),
        }
    }
    for (class, outcome, fields) in facts {
        let (customer, collection, purpose) =
            (ask.customer, class.name().to_owned(), ask.purpose.name().to_owned());
        let opened = outcome.is_ok();
        let event: Event = match outcome {
            Ok(rules) => FieldsOpened { customer, collection, fields, purpose, rules }.into(),
            Err(reason) => {
                OpeningDenied { customer, collection, fields, purpose, reason: reason.to_owned() }.into()
            }
        };
        let told = tx.append(ask.asker.actor, None, event)?;
        sights::insert(tx, &told, customer, ask.purpose, opened)?;
    }
    Ok(())
}

fn hand_out(
    verdicts: Vec<(&'static Field, Answer)>,
    rows: Vec<FieldRow>,
    key: &CustomerKey,
    customer: CustomerId,
) -> Result<Opening, Error> {
    let mut opening = Opening { values: Vec::new(), refused: Vec::new() };
    let mut allowed = Vec::new();
    for (field, answer) in verdicts {
        match answer {
            Answer::Allow { mask, rules } => allowed.push((field, mask, rules)),
            Answer::Deny(refusal) => opening.refused.push(Refused { field, reason: refusal.reason }),
        }
    }
    if let (true, Some(first)) = (allowed.is_empty(), opening.refused.first()) {
        return Err(Error::Denied(first.reason));
    }
    for row in rows {
        let Some((field, mask, rules)) = allowed.iter().find(|(field, ..)| is_of(&row, field)) else {
            continue;
        };
        let value = match mask {
            // Nothing of it is shown, so it stays sealed.
            Mask::Hidden => mask::apply(*mask, field.rule, Secret::new(String::new())),
            _ => mask::apply(*mask, field.rule, open_row(key, customer, &row)?),
        };
        opening.values.push(Opened {
            field,
            item: row.item,
            value,
            mask: *mask,
            rules: rules.clone(),
            provenance: Provenance::spoken(&row.provenance).to_owned(),
            written_at: row.written_at,
        });
    }
    Ok(opening)
}

pub(crate) fn open_row(
    key: &CustomerKey,
    customer: CustomerId,
    row: &FieldRow,
) -> Result<Secret<String>, Error> {
    let owner = customer.to_string();
    let full = format!("{}.{}", row.item, row.field);
    let place = FieldPlace {
        customer: &owner,
        collection: &row.collection,
        field: &full,
        schema: row.form,
        version: row.version,
    };
    let damaged = || {
        let place = format!("{}.{}.{}", row.collection, row.item, row.field);
        Error::Harmed(Box::new(Flaw { customer, place, harm: Harm::Damaged }))
    };
    let opened = key.open(&row.sealed, &place).map_err(|_| damaged())?;
    let text = std::str::from_utf8(opened.expose()).map_err(|_| damaged())?;
    Ok(Secret::new(text.to_owned()))
}

/// All fields of these classes.
pub fn fields_of(classes: &[Class]) -> Vec<&'static Field> {
    FIELDS.iter().filter(|field| classes.contains(&field.class)).collect()
}

/// Decides about all that is kept of a customer; refused acts are told.
pub(crate) fn decide_record(
    tx: &mut Tx<'_>,
    policies: &Arc<Policies>,
    act: Act,
    ask: &Ask,
    facts: &Facts,
) -> Result<Outcome, Error> {
    decide_fields(tx, policies, act, ask, facts, &[])
}

/// Decides about fields, each by itself: one that is refused refuses all. About the record as a whole where there are none.
pub(crate) fn decide_fields(
    tx: &mut Tx<'_>,
    policies: &Arc<Policies>,
    act: Act,
    ask: &Ask,
    facts: &Facts,
    fields: &[&'static Field],
) -> Result<Outcome, Error> {
    let row = sql::customer(tx, ask.customer)?.ok_or(Error::NoCustomer)?;
    // Whoever is at a shell on the machine has the keys anyway.
    if matches!(ask.asker.actor, Actor::Operator | Actor::System) {
        return Ok(Ok(vec!["operator".to_owned()]));
    }
    let rows = match &facts.held {
        // Nothing that somebody broke keeps a customer from being erased.
        Some(held) if ask.order.is_some() && act != Act::Erase => {
            whole(tx, ask.customer, held, &row, |class| class == Class::Order.name())?
        }
        _ => sql::fields(tx, ask.customer)?,
    };
    let kept = facts.held.as_ref().map(|held| (rows.as_slice(), &held.key));
    let told = circumstances(tx, act, ask, &row, kept)?;
    let owner = ask.customer.to_string();
    let of_record = || {
        let (thing, circumstances) = (Thing::Record, &told);
        policies.decide(&Asked { who: &ask.asker.who, act, owner: &owner, thing, circumstances })
    };
    let answers: Vec<Answer> = match fields {
        [] => vec![of_record()],
        some => some.iter().map(|field| decide(policies, act, ask, field, &told)).collect(),
    };
    let mut allowed = Vec::new();
    for answer in answers {
        match answer {
            Answer::Allow { rules, .. } => allowed.extend(rules),
            Answer::Deny(refusal) => {
                let names = fields.iter().map(|field| field.full_name());
                let denied = OpeningDenied {
                    customer: ask.customer,
                    collection: "record".to_owned(),
                    fields: std::iter::once(act.name().to_owned()).chain(names).collect(),
                    purpose: ask.purpose.name().to_owned(),
                    reason: refusal.reason.to_owned(),
                };
                let record = tx.append(ask.asker.actor, None, denied)?;
                sights::insert(tx, &record, ask.customer, ask.purpose, false)?;
                return Ok(Err(refusal.reason));
            }
        }
    }
    Ok(Ok(allowed))
}
