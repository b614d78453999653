//! What a person may ask for by law: a copy, a correction, an end of the use, an erasure (GDPR articles 15 to 20).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use storeward_base::{Actor, CustomerId, PageSize, Secret, Timestamp};
use storeward_events::vault::{
    AccountLeft, CustomerErased, CustomerExported, ErasureBegun, FieldsForgotten, RecordHarmed,
    RestrictionChanged,
};
use storeward_events::{Event, Record};
use storeward_policy::Act;
use storeward_store::{Reader, ledger};

use crate::Error;
use crate::accounts::Left;
use crate::asking::Ask;
use crate::catalogue::{Class, FIELDS, Field};
use crate::grants::{self, Facts};
use crate::import::Cells;
use crate::keys::KeyFault;
use crate::manifest::{Flaw, Harm};
use crate::opening::{Opening, decide_fields, decide_record};
use crate::records::{Item, Provenance, Vault, manifest_for};
use crate::retention::{Rule, last_text};
use crate::sql::FieldRow;
use crate::verify::MOST_TOLD;
use crate::whose::says_whose;
use crate::{erased, pleas, sights, sql};

/// The ledger forgets facts of this kind after thirteen months; the index over them before that is of no use to keep.
const SIGHTS_KEPT: std::time::Duration = std::time::Duration::from_secs(400 * 24 * 3600);

/// Whether the use of somebody's data is restricted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Restricted,
    Allowed,
}

fn is_said(fields: &[&'static Field]) -> bool {
    fields.iter().any(|field| field.class == Class::Consent)
}

/// Who began a customer's erasure, as the ledger has it; nothing where it has no beginning.
fn who_began(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Option<Actor>, Error> {
    let kind_prefix = Some("vault.erasure_begun".to_owned());
    let mut filter = ledger::Filter { kind_prefix, ..ledger::Filter::default() };
    loop {
        let page = ledger::believed(reader, &filter, PageSize::new(PageSize::MAX))?;
        let is_it = |(_, record): &&(u64, Record)| matches!(&record.event, Event::ErasureBegun(fact) if fact.customer == customer);
        if let Some((_, record)) = page.rows.iter().find(is_it) {
            return Ok(Some(record.actor));
        }
        match page.next {
            None => return Ok(None),
            next => filter.before = next,
        }
    }
}

/// The accounts of their address that stayed open, as the ledger says.
fn accounts_left(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Vec<CustomerId>, Error> {
    let kind_prefix = Some("vault.account_left".to_owned());
    let mut filter = ledger::Filter { kind_prefix, ..ledger::Filter::default() };
    let mut found = Vec::new();
    loop {
        let page = ledger::believed(reader, &filter, PageSize::new(PageSize::MAX))?;
        found.extend(page.rows.into_iter().filter_map(|(_, record)| match record.event {
            Event::AccountLeft(fact) if fact.customer == customer => Some(fact.account),
            _ => None,
        }));
        filter.before = page.next;
        if filter.before.is_none() {
            return Ok(found);
        }
    }
}

fn harmed(flaw: Flaw) -> RecordHarmed {
    RecordHarmed { customer: flaw.customer, place: flaw.place, harm: flaw.harm.name().to_owned() }
}

/// The epoch whose end puts a customer beyond backups, as the ledger says; nothing where it has forgotten it, which is a year after that end.
fn epoch_of_erasure(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Option<u32>, Error> {
    let told = ledger::told(reader, &["vault.customer_erased"])?;
    let epochs = told.iter().filter_map(|(_, record)| match &record.event {
        Event::CustomerErased(fact) if fact.customer == customer => Some(fact.epoch),
        _ => None,
    });
    Ok(epochs.max())
}

/// What is known of an erasure, for the person who asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    pub begun_at: Timestamp,
    /// When the key was destroyed, from which on nothing can be opened.
    pub erased_at: Option<Timestamp>,
    /// Whether every epoch in which the key was ever wrapped has ended, here and in the one copy of the epochs' keys: then no backup of the
    /// keys opens it either.
    pub beyond_backups: bool,
    /// Accounts of their address that stayed open, because others than themselves asked.
    pub accounts_left: usize,
}

impl Vault {
    /// All that is kept of a customer, for them to take along. It is on record as opened and as handed out.
    /// Whoever asks for what they may not see in whole is told what is missing ([`crate::copy`]).
    pub async fn export(&self, ask: &Ask, form: &'static str) -> Result<Opening, Error> {
        let all: Vec<&'static Field> = FIELDS.iter().collect();
        let opening = self.open_for(Act::Export, ask, &all).await?;
        let fields = u64::try_from(opening.values.len()).unwrap_or(u64::MAX);
        let (customer, actor) = (ask.customer, ask.asker.actor);
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.append(actor, None, CustomerExported { customer, fields, form: form.to_owned() })?;
            Ok(())
        });
        written.await?;
        Ok(opening)
    }

    /// Writes values in the place of others, for somebody whom the policy lets correct each of these fields. Staff give a reason
    /// ([`Ask::because`]) for what a customer agreed or objected to.
    pub async fn correct(&self, ask: &Ask, mut item: Item) -> Result<(), Error> {
        let fields: Vec<&'static Field> = item.values.iter().map(|(field, _)| *field).collect();
        self.may_put_right(ask, &fields).await?;
        if ask.asker.staff_id().is_some() {
            // A guard lets nobody but the owner change what tells whose a record is.
            let is_owners = fields.iter().any(|field| says_whose(field));
            item.provenance = if is_owners { Provenance::Owner } else { Provenance::Staff };
        } else if matches!(ask.asker.actor, Actor::Key { .. }) && is_said(&fields) {
            // A program tells what the shop heard; the customer's own word stands beside it. An end is the owner's, whose key it is: what
            // proves less may close, never open.
            let is_end = fields.iter().any(|field| matches!(field.name, "withdrawn_at" | "objected_at"));
            let is_agreed = fields.iter().any(|field| field.name == "given_at");
            item.provenance = if is_end && !is_agreed { Provenance::Staff } else { Provenance::Shop };
        }
        self.write(ask.asker.actor, ask.customer, item).await
    }

    /// Takes values of one item away, for somebody whom the policy lets correct each of them; how many there were.
    pub async fn take_away(&self, ask: &Ask, item: &str, fields: &[&'static Field]) -> Result<u64, Error> {
        self.may_put_right(ask, fields).await?;
        self.remove(ask.asker.actor, ask.customer, item, fields).await
    }

    /// Restricts the use of a customer's data, or allows it again. It is kept either way.
    pub async fn restrict(&self, ask: &Ask, to: Use) -> Result<(), Error> {
        let restricted = self.restrict_now(ask, to).await;
        self.alarm(ask.asker.actor, restricted).await
    }

    async fn restrict_now(&self, ask: &Ask, to: Use) -> Result<(), Error> {
        let customer = ask.customer;
        self.standing(customer).await?;
        let held = self.0.keys.held(customer).await?.ok_or(Error::NoCustomer)?;
        let facts = Facts { held: Some(held.clone()) };
        let (policies, asked, entropy) = (self.policies(), ask.clone(), Arc::clone(&self.0.entropy));
        let key = held.key.clone();
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            if let Err(reason) = decide_record(tx, &policies, Act::Restrict, &asked, &facts)? {
                return Ok(Err(reason));
            }
            let mut manifest = manifest_for(tx, customer, &held)?;
            let row = sql::customer(tx, customer)?.ok_or(Error::NoCustomer)?;
            if row.restricted_at.is_some() == (to == Use::Restricted) {
                tx.commit_silent("it was so before");
                return Ok(Ok(manifest.revision));
            }
            let since = (to == Use::Restricted).then(|| tx.now());
            sql::restrict(tx, customer, since)?;
            manifest.restrict(since);
            let revision = manifest.save(tx, &held.key, entropy.as_ref(), 0)?;
            let fact = RestrictionChanged { customer, restricted: to == Use::Restricted };
            tx.append(asked.asker.actor, None, fact)?;
            Ok(Ok(revision))
        });
        let revision = written.await?.map_err(Error::Denied)?;
        self.0.keys.note(customer, &key, revision).await
    }

    /// Begins and ends an erasure. From the first commit nothing of the customer is opened, whatever happens to this
    /// program; what is left undone then, [`Vault::finish_erasures`] does.
    pub async fn erase(&self, ask: &Ask) -> Result<(), Error> {
        self.erase_and_count_left(ask).await.map(drop)
    }

    /// As [`Vault::erase`]; how many accounts of the person's address stay open, because others than themselves asked.
    pub async fn erase_and_count_left(&self, ask: &Ask) -> Result<usize, Error> {
        let facts = self.facts(ask).await;
        let (policies, asked) = (self.policies(), ask.clone());
        let begun = self.0.db.write(move |tx| -> Result<_, Error> {
            let customer = asked.customer;
            if let Err(reason) = decide_record(tx, &policies, Act::Erase, &asked, &facts)? {
                return Ok(Err(reason));
            }
            // One that somebody began in the database is told now that it is asked for.
            if sql::begin_erasure(tx, customer)? || who_began(tx, customer)?.is_none() {
                tx.append(asked.asker.actor, None, ErasureBegun { customer })?;
            } else {
                tx.commit_silent("the erasure was begun before");
            }
            Ok(Ok(()))
        });
        begun.await?.map_err(Error::Denied)?;
        self.finish_erasure(ask.asker.actor, ask.customer).await
    }

    /// Whether the use of somebody's data is restricted.
    pub async fn is_restricted(&self, customer: CustomerId) -> Result<bool, Error> {
        self.standing(customer).await.map(|row| row.restricted_at.is_some())
    }

    /// What became of an erasure; nothing where none was begun. Whether and when it was ended say the ledgers, not the customer's row: whoever
    /// writes the database makes no proof by it.
    pub async fn erasure(&self, customer: CustomerId) -> Result<Option<Erasure>, Error> {
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let left = accounts_left(reader, customer)?.len();
            Ok((sql::customer(reader, customer)?, epoch_of_erasure(reader, customer)?, left))
        });
        let (row, epoch, accounts_left) = found.await?;
        let Some(begun_at) = row.ok_or(Error::NoCustomer)?.erasure_begun_at else { return Ok(None) };
        let destroyed_at = self.0.keys.destroyed_at(customer).await?;
        let is_gone = self.0.keys.has_no_key(customer).await?;
        let has_ended = is_gone && destroyed_at.is_some_and(|at| self.0.keys.has_ended_since(at, epoch));
        // The copy of the epochs' keys opens older backups until the next good one replaces it.
        let beyond_backups = has_ended && self.0.keys.is_copy_of_now();
        // In an older copy of the data it was begun anew.
        let begun_at = destroyed_at.map_or(begun_at, |at| at.min(begun_at));
        Ok(Some(Erasure { begun_at, erased_at: destroyed_at, beyond_backups, accounts_left }))
    }

    /// Ends what was begun before a crash, and erases again whoever an older copy of the data brought back; how many there
    /// were.
    pub async fn finish_erasures(&self) -> Result<usize, Error> {
        self.begin_again().await?;
        let mut count = self.destroy_put_back().await?;
        let mut last = Some(String::new());
        while let Some(after) = last {
            let begun = self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::begun(reader, &after)?) });
            let begun = begun.await?;
            last = begun.iter().rev().map(|(id, _)| id).find(|id| !id.is_empty()).cloned();
            for (id, is_left) in begun {
                // A row of nobody's is named by the look over all records.
                let Ok(customer) = id.parse() else { continue };
                // The row may say what it likes of the end: the key says whether it came.
                if !is_left && self.0.keys.is_destroyed(customer).await? {
                    continue;
                }
                if self.is_unasked(customer).await? {
                    let flaw = Box::new(Flaw::whole(customer, Harm::Unasked));
                    // Named in the ledger; the others' erasures go on.
                    match self.alarm::<()>(Actor::System, Err(Error::Harmed(flaw))).await {
                        Ok(()) | Err(Error::Harmed(_)) => continue,
                        Err(other) => return Err(other),
                    }
                }
                self.finish_erasure(Actor::System, customer).await?;
                count += 1;
            }
        }
        self.close_left_accounts().await?;
        Ok(count)
    }

    /// Keys of erased people that somebody put back into the key store are destroyed again, and named.
    async fn destroy_put_back(&self) -> Result<usize, Error> {
        let found = self.0.keys.put_back().await?;
        for customer in &found {
            self.0.keys.destroy(*customer, Actor::System).await?;
            let Flaw { customer, place, harm } = KeyFault::Unknown(*customer).flaw();
            let told = self.0.db.write(move |tx| -> Result<(), Error> {
                let fact = RecordHarmed { customer, place: place.clone(), harm: harm.name().to_owned() };
                tx.append(Actor::System, None, fact)?;
                Ok(())
            });
            told.await?;
        }
        Ok(found.len())
    }

    /// Whether only the row says that an erasure began: the key is there, and the ledger has no beginning. Whoever writes into
    /// the data must not get a key destroyed by it.
    pub(crate) async fn is_unasked(&self, customer: CustomerId) -> Result<bool, Error> {
        match self.0.keys.held_in_store(customer).await {
            Ok(None) => return Ok(false),
            Err(Error::Store(why)) => return Err(Error::Store(why)),
            Ok(Some(_)) | Err(_) => {}
        }
        let found = self.0.db.read(move |reader| -> Result<bool, Error> {
            let row = sql::customer(reader, customer)?;
            let is_begun = row.is_some_and(|row| row.erasure_begun_at.is_some());
            Ok(is_begun && who_began(reader, customer)?.is_none())
        });
        found.await
    }

    /// The key store knows whose key it destroyed, also where the data was restored from before that.
    async fn begin_again(&self) -> Result<(), Error> {
        for some in self.0.keys.destroyed().await?.chunks(500) {
            let some = some.to_vec();
            let written = self.0.db.write(move |tx| -> Result<(), Error> {
                let mut begun = 0;
                for customer in &some {
                    let was_ended = sql::customer(tx, *customer)?.is_some_and(|row| row.erased_at.is_some());
                    if sql::begin_erasure(tx, *customer)? {
                        // A copy of before has a ledger of before: one that has the erasure had it in the row, too.
                        if was_ended && who_began(tx, *customer)?.is_some() {
                            tx.append(Actor::System, None, harmed(erased::flaw(*customer)))?;
                        }
                        tx.append(Actor::System, None, ErasureBegun { customer: *customer })?;
                        begun += 1;
                    }
                }
                if begun == 0 {
                    tx.commit_silent("nobody of these came back");
                }
                Ok(())
            });
            written.await?;
        }
        Ok(())
    }

    /// Whose act an erasure is that the program ends after a stop.
    async fn asker_of_erasure(&self, actor: Actor, customer: CustomerId) -> Result<Actor, Error> {
        if actor != Actor::System {
            return Ok(actor);
        }
        let read = self.0.db.read(move |reader| who_began(reader, customer));
        Ok(read.await?.unwrap_or(actor))
    }

    /// The key first: without it the rest says nothing any more, wherever copies of it lie.
    pub(crate) async fn finish_erasure(&self, actor: Actor, customer: CustomerId) -> Result<usize, Error> {
        // Whom a shop takes out of its accounts it goes on having as a guest, by the address on their orders: they stay erased under
        // that number, too. Older orders may bear another address: they stay erased themselves, whoever's they become. A mark is all that
        // is kept, as of their own number.
        let asker = self.asker_of_erasure(actor, customer).await?;
        let (accounts, left) = self.accounts_of(customer, asker).await?;
        let marks = self.as_guests(customer).await?.into_iter().chain(self.as_items(customer).await?);
        // While the key is there: without it nobody knows any more whose account it is.
        let count = left.len();
        self.tell_left(asker, customer, left).await?;
        // No key is of an account's: the note keeps its number for when an older copy of the data has it again.
        for mark in marks.chain(accounts.iter().copied()) {
            self.0.keys.destroy(mark, actor).await?;
        }
        let had_key = self.0.keys.destroy(customer, actor).await?;
        let epoch = self.0.keys.current_epoch().0;
        let ended = self.0.db.write(move |tx| -> Result<(), Error> {
            let fields = sql::delete_fields(tx, customer)?;
            let is_ended = sql::end_erasure(tx, customer)?;
            // It ended before, and somebody took that out of the row.
            if is_ended && epoch_of_erasure(tx, customer)?.is_some() {
                tx.append(actor, None, harmed(erased::flaw(customer)))?;
            }
            // Whoever says in the row that it ended before does not keep it from ending, nor from being told.
            let is_row_changed = !is_ended
                && (had_key || fields > 0)
                && sql::customer(tx, customer)?.is_some()
                && epoch_of_erasure(tx, customer)?.is_none();
            if is_row_changed {
                tx.append(actor, None, harmed(Flaw::whole(customer, Harm::Changed)))?;
            }
            if is_ended || is_row_changed {
                tx.append(actor, None, CustomerErased { customer, fields, epoch })?;
            } else {
                tx.commit_silent("the erasure was ended before");
            }
            Ok(())
        });
        ended.await?;
        self.close(accounts, actor).await?;
        Ok(count)
    }

    async fn tell_left(
        &self,
        asker: Actor,
        customer: CustomerId,
        left: Vec<(CustomerId, Left)>,
    ) -> Result<(), Error> {
        if left.is_empty() {
            return Ok(());
        }
        let told = self.0.db.write(move |tx| -> Result<(), Error> {
            let known = accounts_left(tx, customer)?;
            tx.commit_silent("a stop came between, and it was told before");
            for (account, why) in left.iter().filter(|(account, _)| !known.contains(account)) {
                let reason = why.name().to_owned();
                tx.append(asker, None, AccountLeft { customer, account: *account, reason })?;
            }
            Ok(())
        });
        told.await
    }

    /// Deletes values whose time is over, and the index over openings that the ledger has forgotten. How many values.
    pub async fn forget(&self) -> Result<u64, Error> {
        let written = self.0.db.write(|tx| -> Result<(), Error> {
            sights::forget(tx, tx.now().minus(SIGHTS_KEPT))?;
            grants::forget(tx)?;
            pleas::forget(tx)?;
            tx.commit_silent("indexes over what the ledger has forgotten");
            Ok(())
        });
        written.await?;
        let now = self.0.db.now();
        // Periods that somebody changed past Storeward erase nothing: the sweep stops, and the ledger has it.
        let rules = self.0.db.read(move |reader| Rule::all(reader, now)).await;
        let (mut count, mut told) = (0, BTreeSet::new());
        for rule in self.alarm(Actor::System, rules).await? {
            count += self.forget_by(rule, now, &mut told).await?;
        }
        Ok(count)
    }

    /// What keeps some values from the sweep is told once, and keeps nobody else's.
    async fn forget_by(
        &self,
        rule: Rule,
        now: Timestamp,
        told: &mut BTreeSet<(CustomerId, String)>,
    ) -> Result<u64, Error> {
        let (mut count, mut behind) = (0, String::new());
        loop {
            let from = behind.clone();
            let page = self.0.db.read(move |reader| -> Result<_, Error> {
                // A period that the owner takes back meanwhile deletes no more.
                let holds = Rule::all(reader, now)?.contains(&rule);
                if holds { rule.whose(reader, &from) } else { Ok(Vec::new()) }
            });
            let page = self.alarm(Actor::System, page.await).await?;
            for (customer, _) in &page {
                // A row of nobody's is named by the look over all records.
                let Ok(customer) = customer.parse::<CustomerId>() else { continue };
                let (forgotten, mut flaws) = match self.forget_of(customer, rule).await {
                    Ok(done) => done,
                    Err(Error::Harmed(flaw)) => (0, vec![*flaw]),
                    Err(Error::NoCustomer) => (0, Vec::new()),
                    // A column that says nothing keeps nobody else's values either.
                    Err(Error::Store(storeward_store::Error::Column { .. })) => {
                        (0, vec![Flaw::whole(customer, Harm::Row)])
                    }
                    Err(other) => return Err(other),
                };
                count += forgotten;
                flaws.truncate(MOST_TOLD);
                flaws.retain(|flaw| told.insert((flaw.customer, flaw.place.clone())));
                self.tell_harm(Actor::System, flaws).await?;
            }
            match last_text(&page) {
                Some(end) => behind = end,
                None if page.is_empty() => return Ok(count),
                // Nobody's, and no text: nothing is read behind them.
                None => {
                    let place = "vault_field.customer".to_owned();
                    let flaw = Flaw { customer: CustomerId::from_bits(0), place, harm: Harm::Row };
                    if told.insert((flaw.customer, flaw.place.clone())) {
                        self.tell_harm(Actor::System, vec![flaw]).await?;
                    }
                    return Ok(count);
                }
            }
        }
    }

    /// How many values of a customer were deleted, and what keeps others.
    async fn forget_of(&self, customer: CustomerId, rule: Rule) -> Result<(u64, Vec<Flaw>), Error> {
        let held = self.0.keys.held(customer).await?.ok_or(Error::NoCustomer)?;
        let (key, entropy) = (held.key.clone(), Arc::clone(&self.0.entropy));
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            let mut manifest = manifest_for(tx, customer, &held)?;
            let (due, rows, now) = (rule.values(tx, customer)?, sql::fields(tx, customer)?, tx.now());
            manifest.load_all(tx, &held.key)?;
            // Since when, and by whom, says whether it is due: whoever wrote that gets nothing swept by it.
            let mut flaws = manifest.flaws(&held.key, &rows);
            let kept = rule.kept(&flaws, &due);
            if kept.is_empty() {
                flaws.clear();
            }
            let mut by_item: BTreeMap<(&str, &str), Vec<&FieldRow>> = BTreeMap::new();
            for row in &rows {
                by_item.entry((&row.collection, &row.item)).or_default().push(row);
            }
            let mut count = 0;
            for (place @ (collection, item), fields) in &due {
                if kept.contains(place) {
                    continue;
                }
                let mut cells = Cells::read(tx, &held.key, customer, (collection, item))?;
                let of_item = by_item.get(&(collection.as_str(), item.as_str())).into_iter().flatten();
                for row in of_item.filter(|row| fields.contains(&row.field)) {
                    cells.sweep(row, now);
                    manifest.remove(collection, item, &row.field);
                    sql::delete_field(tx, customer, collection, item, &row.field)?;
                    count += 1;
                }
                cells.save(tx)?;
            }
            if count == 0 {
                tx.commit_silent(
                    "what was due is gone, or is left because something is not as it was written last",
                );
                return Ok((0, flaws, None));
            }
            // Here, and not when the sweep is through: one that is killed has told what it deleted.
            tx.append(Actor::System, None, FieldsForgotten { count })?;
            Ok((count, flaws, Some(manifest.save(tx, &held.key, entropy.as_ref(), 0)?)))
        });
        let (count, flaws, revision) = written.await?;
        if let Some(revision) = revision {
            self.0.keys.note(customer, &key, revision).await?;
        }
        Ok((count, flaws))
    }

    /// Asks the policy about each field; for what a customer said, the reason that staff or their program
    /// gives is kept first, as a note of the customer's.
    pub(crate) async fn may_put_right(&self, ask: &Ask, fields: &[&'static Field]) -> Result<(), Error> {
        if fields.is_empty() {
            return Err(Error::Value { field: "item", why: "has no values" });
        }
        self.allowed_fields(Act::Correct, ask, fields).await?;
        let is_said = is_said(fields);
        let is_told = ask.asker.staff_id().is_some() || matches!(ask.asker.actor, Actor::Key { .. });
        if !is_told || !is_said {
            return Ok(());
        }
        const MISSING: Error =
            Error::Value { field: "reason", why: "is missing: say who asked for it, and how" };
        let reason = ask.reason.as_ref().ok_or(MISSING)?;
        let names: Vec<String> = fields.iter().map(|field| field.full_name()).collect();
        let words = format!("Why {} was put right: {}", names.join(", "), reason.expose());
        let note = Item {
            id: format!("reason-{}", self.0.db.now().micros()),
            values: vec![(Field::find("note.text")?, Secret::new(words))],
            provenance: Provenance::Staff,
            keep_until: None,
        };
        self.write(ask.asker.actor, ask.customer, note).await
    }

    pub(crate) async fn allowed(&self, act: Act, ask: &Ask) -> Result<(), Error> {
        self.allowed_fields(act, ask, &[]).await
    }

    async fn allowed_fields(&self, act: Act, ask: &Ask, fields: &[&'static Field]) -> Result<(), Error> {
        let facts = self.facts(ask).await;
        let (policies, asked, fields) = (self.policies(), ask.clone(), fields.to_vec());
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            let decided = decide_fields(tx, &policies, act, &asked, &facts, &fields)?;
            if decided.is_ok() {
                tx.commit_silent("the act itself is told where it is done");
            }
            Ok(decided)
        });
        written.await?.map(drop).map_err(Error::Denied)
    }

    /// Without a key nothing that the customer said is known; whoever was erased has none.
    pub(crate) async fn facts(&self, ask: &Ask) -> Facts {
        Facts { held: self.0.keys.held(ask.customer).await.unwrap_or_default() }
    }

    /// The rules in force.
    pub fn policies(&self) -> Arc<storeward_policy::Policies> {
        let policies = self.0.policies.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(&policies.0)
    }
}
