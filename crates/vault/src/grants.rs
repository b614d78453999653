//! Seeing more than the rules let one see: with the approval of a second person, or at once in an emergency, which a second
//! person looks into afterwards. Either holds for one person, one customer, one purpose, named fields, and a while.

mod emergency;
pub(crate) mod told;

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, CustomerId, GrantId, Secret, StaffId, Timestamp};
use storeward_events::Event;
use storeward_events::vault::{AccessApproved, AccessRefused, AccessRequested, AccessWithdrawn};
use storeward_policy::{Act, Answer, Asked, Circumstances, Grant, Purpose, Thing};
use storeward_seal::envelope::{CustomerKey, FieldPlace};
use storeward_seal::fingerprint::equal;
use storeward_store::{Reader, Row, Tx, params, readable, statements};

use crate::Error;
use crate::asking::{Ask, Asker};
use crate::catalogue::Field;
use crate::keys::Held;
use crate::manifest::{Flaw, Harm};
use crate::opening::decide_record;
use crate::records::Vault;
use crate::sights;

/// How long an approval lasts.
pub const APPROVED_FOR: Duration = Duration::from_secs(30 * 60);
/// How long an emergency lasts.
pub const EMERGENCY_FOR: Duration = Duration::from_secs(15 * 60);
/// A request that nobody answered within this is over.
pub const ASKED_FOR: Duration = Duration::from_secs(24 * 3_600);
/// As long as the ledger keeps the facts of it.
const KEPT: Duration = Duration::from_secs(400 * 24 * 3_600);
/// Requests of one person that wait at once.
const MOST_WAITING: u64 = 20;
const LONGEST_REASON: usize = 1_000;

statements! {
    INSERT = "INSERT INTO vault_grant (id, emergency, customer, staff, purpose, fields, reason, asked_at, decided_at, until, tag) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    FIND = "SELECT id, emergency, customer, staff, purpose, fields, reason, asked_at, decided_at, decided_by, until, tag, \
            reviewed_at, reviewed_by, verdict FROM vault_grant WHERE id = $1";
    WAITING = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_grant WHERE staff = $1 AND emergency = 0 AND decided_at IS NULL AND asked_at > $2";
    DECIDE = "UPDATE vault_grant SET decided_at = $2, decided_by = $3, until = $4, tag = $5 WHERE id = $1 AND decided_at IS NULL";
    REVIEW = "UPDATE vault_grant SET reviewed_at = $2, reviewed_by = $3, verdict = $4 WHERE id = $1";
    ACTIVE = "SELECT id, emergency, customer, staff, purpose, fields, reason, asked_at, decided_at, decided_by, until, tag, \
              reviewed_at, reviewed_by, verdict FROM vault_grant \
              WHERE staff = $1 AND customer = $2 AND purpose = $3 AND until > $4 ORDER BY id LIMIT 100";
    PAST_AND_OPEN = "SELECT id, emergency, customer, staff, purpose, fields, reason, asked_at, decided_at, decided_by, until, tag, \
                     reviewed_at, reviewed_by, verdict FROM vault_grant WHERE asked_at > $1 ORDER BY id DESC LIMIT 10000";
    WITHDRAW = "UPDATE vault_grant SET until = $2, tag = NULL WHERE id = $1";
    UNDECIDED = "SELECT id, emergency, customer, staff, purpose, fields, reason, asked_at, decided_at, decided_by, until, tag, \
                 reviewed_at, reviewed_by, verdict FROM vault_grant \
                 WHERE emergency = 0 AND decided_at IS NULL AND asked_at > $1 ORDER BY id LIMIT 200";
    PAST = "SELECT id, emergency, customer, staff, purpose, fields, reason, asked_at, decided_at, decided_by, until, tag, \
            reviewed_at, reviewed_by, verdict FROM vault_grant WHERE ($1 = '' OR id < $1) ORDER BY id DESC LIMIT $2";
    FORGET = "DELETE FROM vault_grant WHERE asked_at < $1 AND (emergency = 0 OR reviewed_at IS NOT NULL)";
}

/// A request, or an opening in an emergency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: GrantId,
    pub kind: Grant,
    pub customer: CustomerId,
    pub staff: StaffId,
    pub purpose: Purpose,
    pub fields: Vec<&'static Field>,
    pub asked_at: Timestamp,
    pub decided_at: Option<Timestamp>,
    pub decided_by: Option<StaffId>,
    /// Until when the fields may be seen; nothing where it was refused or is not decided.
    pub until: Option<Timestamp>,
    pub reviewed_at: Option<Timestamp>,
    pub reviewed_by: Option<StaffId>,
    pub verdict: Option<Verdict>,
    reason: Vec<u8>,
    tag: Option<Vec<u8>>,
}

/// What a second person found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Justified,
    Unjustified,
}

impl Verdict {
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Justified => "justified",
            Verdict::Unjustified => "unjustified",
        }
    }

    pub fn of_name(name: &str) -> Option<Verdict> {
        [Verdict::Justified, Verdict::Unjustified].into_iter().find(|one| one.name() == name)
    }
}

/// The second person's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Approve,
    Refuse,
}

/// Those that somebody has to do something about, and the last ones.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// Emergencies that nobody looked into yet: they stay on top until somebody has.
    pub unreviewed: Vec<Request>,
    pub undecided: Vec<Request>,
    /// All of them, the newest first.
    pub past: Vec<Request>,
}

impl Vault {
    /// Asks a second person to let the asker see fields of a customer for a purpose.
    pub async fn request_access(
        &self,
        ask: &Ask,
        fields: &[&'static Field],
        reason: &str,
    ) -> Result<GrantId, Error> {
        let draft = self.draft(ask, fields, reason).await?;
        let (policies, asked) = (self.policies(), ask.clone());
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            if let Err(why) = decide_record(tx, &policies, Act::Find, &asked, &draft.facts)? {
                return Ok(Err(why));
            }
            let since = tx.now().minus(ASKED_FOR);
            let waiting: u64 = tx.query_one(WAITING, params![draft.staff, since], |row| row.get(0))?;
            if waiting >= MOST_WAITING {
                tx.commit_silent("too many requests of one person wait already");
                return Ok(Err("too_many_requests"));
            }
            let id = tx.fresh_id();
            draft.insert(tx, id, Grant::None, None)?;
            let (customer, purpose, fields) = draft.told();
            tx.append(asked.asker.actor, None, AccessRequested { request: id, customer, purpose, fields })?;
            Ok(Ok(id))
        });
        written.await?.map_err(Error::Denied)
    }

    /// The second person's answer. Never by whoever asked; of two answers the first counts.
    pub async fn decide_access(&self, by: &Asker, id: GrantId, decision: Decision) -> Result<(), Error> {
        let request = self.request(id).await?;
        let held = self.0.keys.held(request.customer).await?.ok_or(Error::NoCustomer)?;
        let staff = by.staff_id().ok_or(Error::Denied("no_rule"))?;
        let ask = Ask::new(by.clone(), request.customer, request.purpose);
        let facts = Facts { held: Some(held.clone()) };
        let policies = self.policies();
        let (actor, customer) = (by.actor, request.customer);
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            let request = find(tx, id)?.ok_or(Error::NoRequest)?;
            if let Err(why) = may_decide(tx, &request, staff, &ask, &policies, &facts)? {
                return Ok(Err(why));
            }
            let now = tx.now();
            let is_over = now.since(request.asked_at) > ASKED_FOR;
            if is_over || request.kind == Grant::BreakGlass || request.decided_at.is_some() {
                return Err(Error::Decided);
            }
            // Who asked, for what and why, as it was asked: what somebody made of the row is nobody's to approve.
            if request.customer != customer || !request.is_as_asked(&held.key) {
                let place = format!("request.{id}");
                return Err(Error::Harmed(Box::new(Flaw { customer, place, harm: Harm::Row })));
            }
            let until = (decision == Decision::Approve).then(|| now.plus(APPROVED_FOR));
            let tag = until.map(|until| request.tag_until(&held.key, until));
            let values = params![id, now, staff, until, tag];
            if tx.execute(DECIDE, values)? != 1 {
                return Err(Error::Decided);
            }
            tx.append(ask.asker.actor, None, answered(&request, until))?;
            Ok(Ok(()))
        });
        let written = written.await;
        self.alarm(actor, written).await?.map_err(Error::Denied)
    }

    /// Takes back what somebody may see: by whoever may approve, or by themselves.
    pub async fn withdraw(&self, by: &Asker, id: GrantId) -> Result<(), Error> {
        let request = self.request(id).await?;
        let staff = by.staff_id().ok_or(Error::Denied("no_rule"))?;
        let ask = Ask::new(by.clone(), request.customer, request.purpose);
        let facts = Facts { held: self.0.keys.held(request.customer).await? };
        let policies = self.policies();
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            let request = find(tx, id)?.ok_or(Error::NoRequest)?;
            if request.staff != staff
                && let Err(why) = decide_record(tx, &policies, Act::Approve, &ask, &facts)?
            {
                return Ok(Err(why));
            }
            let now = tx.now();
            if request.until.is_none_or(|until| until <= now) {
                return Err(Error::Decided);
            }
            tx.execute(WITHDRAW, params![id, now])?;
            let (customer, staff) = (request.customer, request.staff);
            tx.append(ask.asker.actor, None, AccessWithdrawn { request: id, customer, staff })?;
            Ok(Ok(()))
        });
        written.await?.map_err(Error::Denied)
    }

    /// What waits for somebody, and what was, at most `limit` before `before`.
    pub async fn requests(&self, before: Option<GrantId>, limit: u32) -> Result<Requests, Error> {
        let since = self.0.db.now().minus(ASKED_FOR);
        let before = before.map_or_else(String::new, |id| id.to_string());
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            Ok(Requests {
                unreviewed: told::unreviewed(reader)?,
                undecided: flat(reader.query_many(UNDECIDED, params![since], request)?),
                past: flat(reader.query_many(PAST, params![&before, limit.clamp(1, 200)], request)?),
            })
        });
        let mut found = found.await?;
        // What somebody made of a row is shown to nobody as a request; `verify` names it.
        let mut whole = Vec::new();
        for request in found.undecided {
            let held = self.0.keys.held(request.customer).await?;
            if held.is_some_and(|held| request.is_as_asked(&held.key)) {
                whole.push(request);
            }
        }
        found.undecided = whole;
        Ok(found)
    }

    /// Whether somebody may do this with a customer's record, as far as role, purpose and factor tell; nothing is recorded. Who may
    /// answer requests reads what was written beside them.
    pub fn may(&self, asker: &Asker, act: Act, customer: CustomerId, purpose: Purpose) -> bool {
        let answer = self.judged(asker, act, &customer.to_string(), Thing::Record, purpose);
        matches!(answer, Answer::Allow { .. })
    }

    /// Whether somebody may put this field right, as far as role and factor tell; nothing is recorded. For what a page offers.
    pub fn may_correct(&self, asker: &Asker, customer: CustomerId, field: &'static Field) -> bool {
        let thing = Thing::Field { class: field.class.name(), name: field.name };
        let answer = self.judged(asker, Act::Correct, &customer.to_string(), thing, Purpose::RightsRequest);
        matches!(answer, Answer::Allow { .. })
    }

    /// What the rules say by role, purpose and factor alone.
    pub(crate) fn judged(
        &self,
        asker: &Asker,
        act: Act,
        owner: &str,
        thing: Thing<'_>,
        purpose: Purpose,
    ) -> Answer {
        let circumstances = &Circumstances::new(purpose, asker.factor_age_seconds);
        self.policies().decide(&Asked { who: &asker.who, act, owner, thing, circumstances })
    }

    /// Why somebody asked, for whoever answers; nothing once the customer is erased.
    pub async fn reason(&self, request: &Request) -> Result<Option<Secret<String>>, Error> {
        let Some(held) = self.0.keys.held(request.customer).await? else { return Ok(None) };
        let (owner, id) = (request.customer.to_string(), request.id.to_string());
        if request.reason.is_empty() {
            return Ok(None);
        }
        let opened = held.key.open(&request.reason, &place(&owner, &id))?;
        let text = std::str::from_utf8(opened.expose()).map_err(|_| storeward_seal::Error::Sealed)?;
        Ok(Some(Secret::new(text.to_owned())))
    }

    async fn request(&self, id: GrantId) -> Result<Request, Error> {
        let found = self.0.db.read(move |reader| -> Result<_, Error> { find(reader, id) });
        found.await?.ok_or(Error::NoRequest)
    }

    async fn draft(&self, ask: &Ask, fields: &[&'static Field], reason: &str) -> Result<Draft, Error> {
        self.standing(ask.customer).await?;
        let held = self.0.keys.held(ask.customer).await?.ok_or(Error::NoCustomer)?;
        let staff = ask.asker.staff_id().ok_or(Error::Denied("no_rule"))?;
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
            return Err(Error::Value { field: "reason", why: "is one to 1,000 characters" });
        }
        if fields.is_empty() {
            return Err(Error::Value { field: "fields", why: "are none" });
        }
        let facts = Facts { held: Some(held.clone()) };
        Ok(Draft {
            customer: ask.customer,
            staff,
            purpose: ask.purpose,
            fields: fields.to_vec(),
            reason: Secret::new(reason.to_owned()),
            key: held.key,
            entropy: Arc::clone(&self.0.entropy),
            facts,
        })
    }
}

/// What the policy needs beside the question, for acts on a record as a whole.
pub struct Facts {
    pub held: Option<Held>,
}

struct Draft {
    customer: CustomerId,
    staff: StaffId,
    purpose: Purpose,
    fields: Vec<&'static Field>,
    reason: Secret<String>,
    key: CustomerKey,
    entropy: Arc<dyn storeward_base::Entropy>,
    facts: Facts,
}

impl Draft {
    fn told(&self) -> (CustomerId, String, Vec<String>) {
        let fields = self.fields.iter().map(|field| field.full_name()).collect();
        (self.customer, self.purpose.name().to_owned(), fields)
    }

    fn insert(
        &self,
        tx: &mut Tx<'_>,
        id: GrantId,
        kind: Grant,
        until: Option<Timestamp>,
    ) -> Result<(), Error> {
        let (owner, name, now) = (self.customer.to_string(), id.to_string(), tx.now());
        let reason =
            self.key.seal(self.reason.expose().as_bytes(), &place(&owner, &name), self.entropy.as_ref());
        let tag = match until {
            Some(until) => tag(&self.key, id, kind, self.staff, self.purpose, &self.fields, until),
            None => tag_asked(&self.key, (id, self.staff, self.purpose, &self.fields), now, &reason),
        };
        let fields = names(&self.fields);
        let values = params![
            id,
            i64::from(kind == Grant::BreakGlass),
            self.customer,
            self.staff,
            self.purpose.name(),
            fields,
            reason,
            now,
            until.map(|_| now),
            until,
            Some(tag),
        ];
        Ok(tx.execute(INSERT, values).map(drop)?)
    }
}

impl Request {
    /// Whether it waits as it was asked.
    fn is_as_asked(&self, key: &CustomerKey) -> bool {
        let asked = (self.id, self.staff, self.purpose, self.fields.as_slice());
        let own = tag_asked(key, asked, self.asked_at, &self.reason);
        self.kind != Grant::BreakGlass && self.tag.as_ref().is_some_and(|tag| equal(tag, &own))
    }

    /// Whether its words open and its tag is the one it was given. One that was refused or taken back has none, and lets nobody see
    /// anything; nor does one that nobody answered in time.
    pub(crate) fn is_whole(&self, key: &CustomerKey, now: Timestamp) -> bool {
        let (owner, id) = (self.customer.to_string(), self.id.to_string());
        let opens = self.reason.is_empty() || key.open(&self.reason, &place(&owner, &id)).is_ok();
        opens
            && match (self.decided_at, &self.tag) {
                (None, _) => now.since(self.asked_at) > ASKED_FOR || self.is_as_asked(key),
                (Some(_), Some(_)) => self.is_ours(key),
                (Some(_), None) => true,
            }
    }

    fn tag_until(&self, key: &CustomerKey, until: Timestamp) -> [u8; 16] {
        tag(key, self.id, self.kind, self.staff, self.purpose, &self.fields, until)
    }

    /// Whether it was decided by us: a row that somebody put there lets nobody see anything.
    fn is_ours(&self, key: &CustomerKey) -> bool {
        match (&self.tag, self.until) {
            (Some(tag), Some(until)) => equal(tag, &self.tag_until(key, until)),
            _ => false,
        }
    }
}

/// What somebody was let see of a customer for a purpose at this moment, field by field.
pub fn active(
    reader: &mut Reader<'_>,
    ask: &Ask,
    key: &CustomerKey,
    now: Timestamp,
) -> Result<Vec<(&'static Field, Grant)>, Error> {
    let Some(staff) = ask.asker.staff_id() else { return Ok(Vec::new()) };
    let values = params![staff, ask.customer, ask.purpose.name(), now];
    let mut granted = Vec::new();
    let found = flat(reader.query_many(ACTIVE, values, request)?);
    if found.is_empty() {
        return Ok(granted);
    }
    let withdrawn = told::withdrawn(reader, now)?;
    for one in found {
        if one.is_ours(key) && !withdrawn.contains(&one.id) {
            let kind = if one.kind == Grant::BreakGlass { Grant::BreakGlass } else { Grant::Approved };
            granted.extend(one.fields.iter().map(|field| (*field, kind)));
        }
    }
    Ok(granted)
}

/// Forgets what the ledger has forgotten, too.
pub fn forget(tx: &mut Tx<'_>) -> Result<(), Error> {
    let before = tx.now().minus(KEPT);
    Ok(tx.execute(FORGET, params![before]).map(drop)?)
}

/// Those that were asked since, as they lie there.
pub(crate) fn since(reader: &mut Reader<'_>, since: Timestamp) -> Result<Vec<Request>, Error> {
    Ok(flat(reader.query_many(PAST_AND_OPEN, params![since], request)?))
}

fn find(reader: &mut Reader<'_>, id: GrantId) -> Result<Option<Request>, Error> {
    Ok(reader.query_optional(FIND, params![id], request)?.flatten())
}

fn answered(request: &Request, until: Option<Timestamp>) -> Event {
    let (id, customer, staff) = (request.id, request.customer, request.staff);
    match until {
        None => AccessRefused { request: id, customer, staff }.into(),
        Some(until) => AccessApproved {
            request: id,
            customer,
            staff,
            purpose: request.purpose.name().to_owned(),
            fields: request.fields.iter().map(|field| field.full_name()).collect(),
            until,
        }
        .into(),
    }
}

/// Nobody answers for themselves, and nobody without the right; either refusal is on record.
fn may_decide(
    tx: &mut Tx<'_>,
    request: &Request,
    staff: StaffId,
    ask: &Ask,
    policies: &Arc<storeward_policy::Policies>,
    facts: &Facts,
) -> Result<Result<(), &'static str>, Error> {
    if request.staff != staff {
        return Ok(decide_record(tx, policies, Act::Approve, ask, facts)?.map(drop));
    }
    let fact = refused(request.customer, request.purpose, Act::Approve, "own_request");
    let record = tx.append(ask.asker.actor, None, fact)?;
    sights::insert(tx, &record, request.customer, request.purpose, false)?;
    Ok(Err("own_request"))
}

fn refused(
    customer: CustomerId,
    purpose: Purpose,
    act: Act,
    reason: &str,
) -> storeward_events::vault::OpeningDenied {
    storeward_events::vault::OpeningDenied {
        customer,
        collection: "record".to_owned(),
        fields: vec![act.name().to_owned()],
        purpose: purpose.name().to_owned(),
        reason: reason.to_owned(),
    }
}

fn place<'a>(customer: &'a str, id: &'a str) -> FieldPlace<'a> {
    FieldPlace { customer, collection: "grant", field: id, schema: 1, version: 1 }
}

fn names(fields: &[&'static Field]) -> String {
    fields.iter().map(|field| field.full_name()).collect::<Vec<_>>().join(",")
}

fn tag(
    key: &CustomerKey,
    id: GrantId,
    kind: Grant,
    staff: StaffId,
    purpose: Purpose,
    fields: &[&'static Field],
    until: Timestamp,
) -> [u8; 16] {
    let kind = [u8::from(kind == Grant::BreakGlass)];
    key.tag(
        "storeward.grant/1",
        &[
            id.to_string().as_bytes(),
            &kind,
            staff.to_string().as_bytes(),
            purpose.name().as_bytes(),
            names(fields).as_bytes(),
            &until.micros().to_be_bytes(),
        ],
    )
}

/// Over all that somebody is asked to approve.
fn tag_asked(
    key: &CustomerKey,
    (id, staff, purpose, fields): (GrantId, StaffId, Purpose, &[&'static Field]),
    asked_at: Timestamp,
    reason: &[u8],
) -> [u8; 16] {
    key.tag(
        "storeward.request/1",
        &[
            id.to_string().as_bytes(),
            staff.to_string().as_bytes(),
            purpose.name().as_bytes(),
            names(fields).as_bytes(),
            &asked_at.micros().to_be_bytes(),
            reason,
        ],
    )
}

fn flat(rows: Vec<Option<Request>>) -> Vec<Request> {
    rows.into_iter().flatten().collect()
}

/// Nothing for a row in words that are not ours, ids among them.
fn request(row: &Row<'_>) -> Result<Option<Request>, storeward_store::Error> {
    Ok(readable(read(row))?.flatten())
}

fn read(row: &Row<'_>) -> Result<Option<Request>, storeward_store::Error> {
    let (purpose, fields, verdict): (String, String, Option<String>) =
        (row.get(4)?, row.get(5)?, row.get(14)?);
    let Some(purpose) = Purpose::of_name(&purpose) else { return Ok(None) };
    let fields: Option<Vec<&'static Field>> = fields.split(',').map(|name| Field::find(name).ok()).collect();
    let Some(fields) = fields else { return Ok(None) };
    let verdict = match verdict.as_deref().map(Verdict::of_name) {
        Some(None) => return Ok(None),
        known => known.flatten(),
    };
    let kind = match row.get::<i64>(1)? {
        0 => Grant::None,
        1 => Grant::BreakGlass,
        _ => return Ok(None),
    };
    Ok(Some(Request {
        id: row.get(0)?,
        kind,
        customer: row.get(2)?,
        staff: row.get(3)?,
        purpose,
        fields,
        reason: row.get(6)?,
        asked_at: row.get(7)?,
        decided_at: row.get(8)?,
        decided_by: row.get(9)?,
        until: row.get(10)?,
        tag: row.get(11)?,
        reviewed_at: row.get(12)?,
        reviewed_by: row.get(13)?,
        verdict,
    }))
}

impl Asker {
    pub(crate) fn staff_id(&self) -> Option<StaffId> {
        match self.actor {
            Actor::Staff { id } => Some(id),
            _ => None,
        }
    }
}
