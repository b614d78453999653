//! Seeing more than the rules let one see: with the approval of a second person, or at once in an emergency, which a second
//! person looks into afterwards. Either holds for one person, one customer, one purpose, named fields, and a while.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, CustomerId, GrantId, Secret, StaffId, Timestamp};
use storeward_events::Event;
use storeward_events::vault::{AccessApproved, AccessRefused, AccessRequested, GlassBroken, GlassReviewed};
use storeward_policy::{Act, Answer, Asked, Circumstances, Grant, Purpose, Thing};
use storeward_seal::envelope::{CustomerKey, FieldPlace};
use storeward_seal::fingerprint::equal;
use storeward_store::{Reader, Row, Tx, params, statements};

use crate::Error;
use crate::asking::{Ask, Asker};
use crate::catalogue::Field;
use crate::keys::Held;
use crate::opening::decide_record;
use crate::records::Vault;

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
    REVIEW = "UPDATE vault_grant SET reviewed_at = $2, reviewed_by = $3, verdict = $4 WHERE id = $1 AND reviewed_at IS NULL";
    ACTIVE = "SELECT id, emergency, customer, staff, purpose, fields, reason, asked_at, decided_at, decided_by, until, tag, \
              reviewed_at, reviewed_by, verdict FROM vault_grant \
              WHERE staff = $1 AND customer = $2 AND purpose = $3 AND until > $4 ORDER BY id LIMIT 100";
    UNREVIEWED = "SELECT id, emergency, customer, staff, purpose, fields, reason, asked_at, decided_at, decided_by, until, tag, \
                  reviewed_at, reviewed_by, verdict FROM vault_grant \
                  WHERE emergency = 1 AND reviewed_at IS NULL ORDER BY id LIMIT 200";
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

    /// Lets the asker see fields at once, because it cannot wait. The owner is told, and a second person looks into it.
    pub async fn break_glass(
        &self,
        ask: &Ask,
        fields: &[&'static Field],
        reason: &str,
    ) -> Result<GrantId, Error> {
        let draft = self.draft(ask, fields, reason).await?;
        let (policies, asked) = (self.policies(), ask.clone());
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            if let Err(why) = decide_record(tx, &policies, Act::BreakGlass, &asked, &draft.facts)? {
                return Ok(Err(why));
            }
            let id = tx.fresh_id();
            let until = tx.now().plus(EMERGENCY_FOR);
            draft.insert(tx, id, Grant::BreakGlass, Some(until))?;
            let (customer, purpose, fields) = draft.told();
            let fact = GlassBroken { request: id, customer, purpose, fields, until };
            tx.append(asked.asker.actor, None, fact)?;
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
        let facts = Facts::new(self, &ask, Some(held.clone()));
        let policies = self.policies();
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            let request = find(tx, id)?.ok_or(Error::NoRequest)?;
            if request.staff == staff {
                tx.append(ask.asker.actor, None, denied(&request, Act::Approve, "own_request"))?;
                return Ok(Err("own_request"));
            }
            if let Err(why) = decide_record(tx, &policies, Act::Approve, &ask, &facts)? {
                return Ok(Err(why));
            }
            let now = tx.now();
            let is_over = now.since(request.asked_at) > ASKED_FOR;
            if is_over || request.kind == Grant::BreakGlass || request.decided_at.is_some() {
                return Err(Error::Decided);
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
        written.await?.map_err(Error::Denied)
    }

    /// A second person says what they found about an opening in an emergency.
    pub async fn review(&self, by: &Asker, id: GrantId, verdict: Verdict) -> Result<(), Error> {
        let request = self.request(id).await?;
        let staff = by.staff_id().ok_or(Error::Denied("no_rule"))?;
        let ask = Ask::new(by.clone(), request.customer, request.purpose);
        // Whoever was erased meanwhile has no key, and it is looked into all the same.
        let held = self.0.keys.held(request.customer).await?;
        let facts = Facts::new(self, &ask, held);
        let policies = self.policies();
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            let request = find(tx, id)?.ok_or(Error::NoRequest)?;
            if request.staff == staff {
                tx.append(ask.asker.actor, None, denied(&request, Act::Approve, "own_request"))?;
                return Ok(Err("own_request"));
            }
            if let Err(why) = decide_record(tx, &policies, Act::Approve, &ask, &facts)? {
                return Ok(Err(why));
            }
            let is_one = request.kind == Grant::BreakGlass;
            if !is_one || tx.execute(REVIEW, params![id, tx.now(), staff, verdict.name()])? != 1 {
                return Err(Error::Decided);
            }
            let (customer, verdict) = (request.customer, verdict.name().to_owned());
            tx.append(
                ask.asker.actor,
                None,
                GlassReviewed { request: id, customer, staff: request.staff, verdict },
            )?;
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
                unreviewed: flat(reader.query_many(UNREVIEWED, &[], request)?),
                undecided: flat(reader.query_many(UNDECIDED, params![since], request)?),
                past: flat(reader.query_many(PAST, params![&before, limit.clamp(1, 200)], request)?),
            })
        });
        found.await
    }

    /// Whether somebody may do this with a customer's record, as far as role, purpose and factor tell; nothing is recorded. Who may
    /// answer requests reads what was written beside them.
    pub fn may(&self, asker: &Asker, act: Act, customer: CustomerId, purpose: Purpose) -> bool {
        let circumstances = Circumstances::new(purpose, asker.factor_age_seconds);
        let owner = customer.to_string();
        let asked = Asked {
            who: &asker.who,
            act,
            owner: &owner,
            thing: Thing::Record,
            circumstances: &circumstances,
        };
        matches!(self.policies().decide(&asked), Answer::Allow { .. })
    }

    /// Whether somebody may put this field right, as far as role and factor tell; nothing is recorded. For what a page offers.
    pub fn may_correct(&self, asker: &Asker, customer: CustomerId, field: &'static Field) -> bool {
        let circumstances = Circumstances::new(Purpose::RightsRequest, asker.factor_age_seconds);
        let (who, act, owner) = (&asker.who, Act::Correct, &customer.to_string());
        let thing = Thing::Field { class: field.class.name(), name: field.name };
        let asked = Asked { who, act, owner, thing, circumstances: &circumstances };
        matches!(self.policies().decide(&asked), Answer::Allow { .. })
    }

    /// Why somebody asked, for whoever answers; nothing once the customer is erased.
    pub async fn reason(&self, request: &Request) -> Result<Option<Secret<String>>, Error> {
        let Some(held) = self.0.keys.held(request.customer).await? else { return Ok(None) };
        let (owner, id) = (request.customer.to_string(), request.id.to_string());
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
        let facts = Facts::new(self, ask, Some(held.clone()));
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
    pub order_marks: Vec<(u32, [u8; 16])>,
    pub held: Option<Held>,
}

impl Facts {
    pub fn new(vault: &Vault, ask: &Ask, held: Option<Held>) -> Self {
        Facts { order_marks: vault.order_marks(ask), held }
    }
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
        let tag = until.map(|until| tag(&self.key, id, kind, self.staff, self.purpose, &self.fields, until));
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
            tag,
        ];
        Ok(tx.execute(INSERT, values).map(drop)?)
    }
}

impl Request {
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
    for one in flat(reader.query_many(ACTIVE, values, request)?) {
        if one.is_ours(key) {
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

fn denied(request: &Request, act: Act, reason: &str) -> storeward_events::vault::OpeningDenied {
    storeward_events::vault::OpeningDenied {
        customer: request.customer,
        collection: "record".to_owned(),
        fields: vec![act.name().to_owned()],
        purpose: request.purpose.name().to_owned(),
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

fn flat(rows: Vec<Option<Request>>) -> Vec<Request> {
    rows.into_iter().flatten().collect()
}

/// Nothing for a row in words that are not ours.
fn request(row: &Row<'_>) -> Result<Option<Request>, storeward_store::Error> {
    let (purpose, fields, verdict): (String, String, Option<String>) =
        (row.get(4)?, row.get(5)?, row.get(14)?);
    let Some(purpose) = Purpose::of_name(&purpose) else { return Ok(None) };
    let fields: Option<Vec<&'static Field>> = fields.split(',').map(|name| Field::find(name).ok()).collect();
    let Some(fields) = fields else { return Ok(None) };
    let is_emergency: i64 = row.get(1)?;
    Ok(Some(Request {
        id: row.get(0)?,
        kind: if is_emergency == 1 { Grant::BreakGlass } else { Grant::None },
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
        verdict: verdict.as_deref().and_then(Verdict::of_name),
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
