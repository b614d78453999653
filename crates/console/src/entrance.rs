//! What the gate on the shop's host sees of the staff: a sign-in at the console is handed over by a code, and becomes a session
//! of its own there.
//!
//! A code is good once, for a minute, for the host it was asked from, and for the browser that holds what its challenge is the hash
//! of (as PKCE binds codes, RFC 7636): a code that somebody else sees or sends opens nothing. Staff's passwords and passkeys
//! are shown at the console only: a script that got into the shop reads whatever is typed on the shop's host.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::Deserialize;
use storeward_base::{Actor, ClientIp, Clock, Entropy, Secret, StaffId, Timestamp};
use storeward_events::Event;
use storeward_events::gate::{GateLeft, GatePassed, GateRefused, GateRevoked};
use storeward_seal::DataKey;
use storeward_seal::encoding::{base64_url, decode_base64_url};
use storeward_seal::fingerprint::{equal, sha256, token_hash};
use storeward_store::{Db, Reader, Tx};
use storeward_web::CsrfToken;

pub use crate::accounts::is_group_name;
use crate::accounts::{StaffSessionId, roles_of, sql_entrance as sql, touch_session};
pub use crate::error::Error;

/// A session at the shop's host is over after this in any case; a gate may ask for less.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// From the gate to the console and through its sign-in.
const REQUEST_LIFE: Duration = Duration::from_secs(30 * 60);
/// How stale "seen" may be.
const SEEN_STEP: Duration = Duration::from_secs(60);
const REQUEST_PLACE: &str = "console/entrance";
const LONGEST_REQUEST: usize = 2_000;

/// Where the gate takes codes, on the shop's host.
pub const TAKE_PATH: &str = "/.storeward/gate/take";
/// Signs of a challenge that tell a browser's journeys apart.
const WAY_SIGNS: usize = 12;

/// What the console has to know of a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// As the configuration has it.
    pub name: String,
    /// Any of these may pass; everybody where it is empty.
    pub groups: Vec<String>,
    /// Whether a passkey has to be shown, rather than any second factor.
    pub takes: Takes,
}

/// Which second factor opens a gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Takes {
    #[default]
    Any,
    Passkey,
}

impl Door {
    /// Why this person may not pass; nothing where they may.
    pub fn refuses(&self, groups: &[String], factor: Option<&str>) -> Option<Refusal> {
        let in_one = self.groups.is_empty() || self.groups.iter().any(|group| groups.contains(group));
        if !in_one {
            return Some(Refusal::Group);
        }
        let fits = match self.takes {
            Takes::Any => factor.is_some(),
            Takes::Passkey => factor == Some(crate::accounts::PASSKEY),
        };
        (!fits).then_some(Refusal::Factor)
    }
}

/// Why somebody who is known is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Group,
    Factor,
}

impl Refusal {
    pub const fn word(self) -> &'static str {
        match self {
            Refusal::Group => "group",
            Refusal::Factor => "factor",
        }
    }
}

/// What the gate asks of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub gate: String,
    /// The shop's host with its port, where the person came from and goes back to.
    pub authority: String,
    /// The hash of what the browser holds, in base64url.
    pub challenge: String,
    pub wants: Wants,
}

/// How lately a second factor has to have been shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    SignIn,
    FreshFactor,
}

/// Random bits in hexadecimal, as the cookie at the shop's host holds them.
#[derive(Clone, Debug)]
pub struct EntranceToken(Secret<String>);

impl EntranceToken {
    /// `None` when it cannot be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| EntranceToken(Secret::new(text.to_owned())))
    }

    pub fn secret(&self) -> &Secret<String> {
        &self.0
    }

    /// What each form of this session repeats.
    pub fn csrf(&self) -> CsrfToken {
        let bytes = format!("gate-csrf/1\n{}", self.0.expose());
        CsrfToken::new(storeward_seal::fingerprint::sha256_hex(bytes.as_bytes()))
    }

    fn hash(&self) -> String {
        token_hash(self.0.expose())
    }
}

/// Who has a session at the shop's host.
#[derive(Clone, Debug)]
pub struct Guest {
    pub session: StaffSessionId,
    pub staff: StaffId,
    pub name: String,
    pub email: String,
    /// With `owner` for whoever owns the shop because nobody is in that group.
    pub groups: Vec<String>,
    pub began_at: Timestamp,
    pub seen_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
    /// `totp` or `passkey`.
    pub factor: Option<String>,
    told: String,
}

impl Guest {
    pub fn is_told(&self, mark: &str) -> bool {
        self.told.lines().any(|line| line == mark)
    }
}

/// The browser that brings a code.
#[derive(Clone, Debug)]
pub struct Bearer {
    pub address: ClientIp,
    /// Such as "Firefox · Linux".
    pub label: String,
}

/// What the entrance is made of.
pub struct EntranceParts {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub data_key: DataKey,
    pub doors: Vec<Door>,
}

/// The staff as the gate sees them. Clones share it.
#[derive(Clone)]
pub struct Entrance(Arc<EntranceParts>, Arc<RwLock<Vec<Door>>>);

impl Entrance {
    pub fn new(parts: EntranceParts) -> Self {
        let doors = Arc::new(RwLock::new(parts.doors.clone()));
        Entrance(Arc::new(parts), doors)
    }

    pub fn door(&self, name: &str) -> Option<Door> {
        let doors = self.1.read().unwrap_or_else(PoisonError::into_inner);
        doors.iter().find(|door| door.name == name).cloned()
    }

    /// From now on with these doors.
    pub fn set_doors(&self, doors: Vec<Door>) {
        *self.1.write().unwrap_or_else(PoisonError::into_inner) = doors;
    }

    /// Where a code is taken to: the gate of the host that asked.
    pub fn take_address(asked: &Asked, code: &Secret<String>) -> String {
        let (host, way) = (&asked.authority, way_of(&asked.challenge));
        format!("https://{host}{TAKE_PATH}?way={way}&code={}", code.expose())
    }

    /// What is asked, so that nobody on the way can change or make it.
    pub fn seal(&self, asked: &Asked) -> String {
        let until = self.0.clock.now().plus(REQUEST_LIFE).micros();
        let wants = match asked.wants {
            Wants::SignIn => "sign_in",
            Wants::FreshFactor => "fresh_factor",
        };
        let Asked { gate, authority, challenge, .. } = asked;
        let plain = format!("1\n{gate}\n{authority}\n{challenge}\n{wants}\n{until}");
        base64_url(&self.0.data_key.seal(plain.as_bytes(), REQUEST_PLACE, &*self.0.entropy))
    }

    /// Reads what [`Entrance::seal`] wrote, while it is good and its gate is there.
    pub fn open(&self, sealed: &str) -> Option<Asked> {
        let sealed = Some(sealed).filter(|text| text.len() <= LONGEST_REQUEST).and_then(decode_base64_url)?;
        let plain = self.0.data_key.open(&sealed, REQUEST_PLACE).ok()?;
        let mut parts = std::str::from_utf8(plain.expose()).ok()?.split('\n');
        let version = parts.next()?;
        let mut next = || parts.next().map(str::to_owned);
        let (gate, authority, challenge) = (next()?, next()?, next()?);
        let wants = match next()?.as_str() {
            "sign_in" => Wants::SignIn,
            "fresh_factor" => Wants::FreshFactor,
            _ => return None,
        };
        let until: i64 = next()?.parse().ok()?;
        let holds = version == "1" && self.0.clock.now().micros() < until && self.door(&gate).is_some();
        holds.then_some(Asked { gate, authority, challenge, wants })
    }

    /// Takes a code: a session at the shop's host begins. `previous` is the one the browser had there; it ends. `None` where the
    /// code is not good here, whatever the reason: it is spent in any case.
    pub async fn redeem(
        &self,
        code: &str,
        verifier: &Secret<String>,
        asked: &Asked,
        bearer: &Bearer,
        previous: Option<EntranceToken>,
    ) -> Result<Option<EntranceToken>, Error> {
        let EntranceParts { db, clock, entropy, .. } = &*self.0;
        let (now, token) = (clock.now(), EntranceToken(Secret::new(entropy.token::<32>())));
        let begins = sql::NewAtGate {
            token_hash: token.hash(),
            id: StaffSessionId::at(now, &**entropy),
            label: bearer.label.clone(),
            address: bearer.address.to_string(),
            now,
            expires_at: now.plus(LONGEST),
        };
        let (code, challenge) = (token_hash(code), challenge_of(verifier));
        let stranger = Actor::Client { client: db.client_ref(bearer.address) };
        let (gate, authority) = (asked.gate.clone(), asked.authority.clone());
        let previous = previous.map(|previous| previous.hash());
        let began = db.write(move |tx| {
            let row = sql::take_hand_over(tx, &code)?;
            let staff = row.as_ref().map(|row| row.staff);
            let row = row.filter(|row| {
                equal(row.challenge.as_bytes(), challenge.as_bytes()) && row.authority == authority
            });
            let Some(row) = row else {
                // A code that there never was, or no more, is noise that anybody can make.
                if staff.is_some() {
                    let fact = GateRefused { gate: gate.clone(), staff, reason: "code".to_owned() };
                    tx.append(stranger, None, fact)?;
                } else {
                    tx.commit_silent("there is no such code");
                }
                return Ok::<_, Error>(false);
            };
            if let Some(previous) = &previous {
                sql::end_at_gate(tx, previous)?;
            }
            begins.write(tx, &row)?;
            tx.commit_silent("who comes through which gate is told where they come through");
            Ok(true)
        });
        Ok(began.await?.then_some(token))
    }

    /// One network brings too many codes: told once a wait.
    pub async fn throttled(&self, client: ClientIp, gate: &str) -> Result<(), Error> {
        let stranger = Actor::Client { client: self.0.db.client_ref(client) };
        let fact = GateRefused { gate: gate.to_owned(), staff: None, reason: "throttled".to_owned() };
        let written = self.0.db.write(move |tx| {
            tx.append(stranger, None, fact.clone())?;
            Ok::<_, Error>(())
        });
        written.await
    }

    /// Whose session it is, if it stands. Asked of the database each time: what ended it holds from then on.
    pub async fn guest(&self, token: &EntranceToken) -> Result<Option<Guest>, Error> {
        let (hash, now) = (token.hash(), self.0.clock.now());
        let read = move |reader: &mut Reader<'_>| {
            let Some(row) = sql::at_gate(reader, &hash, now)? else { return Ok(None) };
            let groups = roles_of(reader, row.staff)?;
            Ok::<_, storeward_store::Error>(Some((row, groups)))
        };
        Ok(self.0.db.read(read).await?.map(|(row, groups)| Guest {
            session: row.id,
            staff: row.staff,
            name: row.name,
            email: row.email,
            groups,
            began_at: row.created_at,
            seen_at: row.seen_at,
            confirmed_at: row.confirmed_at,
            factor: row.factor,
            told: row.told.unwrap_or_default(),
        }))
    }

    /// The session was used just now.
    pub async fn seen(&self, token: &EntranceToken, guest: &Guest) -> Result<(), Error> {
        let (hash, now) = (token.hash(), self.0.clock.now());
        if now.since(guest.seen_at) < SEEN_STEP {
            return Ok(());
        }
        let written = self.0.db.write(move |tx| {
            touch_session(tx, &hash, now)?;
            tx.commit_silent("when a session was last seen is no fact to keep");
            Ok::<_, Error>(())
        });
        written.await
    }

    /// Tells the ledger that somebody came through a gate: once for each session.
    pub async fn passed(&self, token: &EntranceToken, guest: &Guest, gate: &str) -> Result<(), Error> {
        let factor = guest.factor.clone().unwrap_or_default();
        let fact = GatePassed { gate: gate.to_owned(), staff: guest.staff, factor };
        self.tell(token, guest, gate, '+', fact.into()).await
    }

    /// Tells the ledger that somebody who is signed in was not let through: once, until they were.
    pub async fn refused(
        &self,
        token: &EntranceToken,
        guest: &Guest,
        gate: &str,
        why: Refusal,
    ) -> Result<(), Error> {
        let (gate_name, staff, reason) = (gate.to_owned(), guest.staff, why.word().to_owned());
        let fact = if guest.is_told(&format!("+{gate}")) {
            GateRevoked { gate: gate_name, staff, reason }.into()
        } else {
            GateRefused { gate: gate_name, staff: Some(staff), reason }.into()
        };
        self.tell(token, guest, gate, '-', fact).await
    }

    async fn tell(
        &self,
        token: &EntranceToken,
        guest: &Guest,
        gate: &str,
        sign: char,
        fact: Event,
    ) -> Result<(), Error> {
        let mark = format!("{sign}{gate}");
        if guest.is_told(&mark) {
            return Ok(());
        }
        let others = guest.told.lines().filter(|line| line.get(1..) != Some(gate));
        let told = others.chain([mark.as_str()]).collect::<Vec<_>>().join("\n");
        let (hash, before, staff) = (token.hash(), guest.told.clone(), guest.staff);
        let written = self.0.db.write(move |tx: &mut Tx<'_>| {
            if sql::tell(tx, &hash, &told, &before)? {
                tx.append(Actor::Staff { id: staff }, None, fact.clone())?;
            } else {
                tx.commit_silent("another request of this session told it, or the session is over");
            }
            Ok::<_, Error>(())
        });
        written.await
    }

    /// Ends the session at the shop's host; the one at the console stays.
    pub async fn leave(&self, token: &EntranceToken, staff: StaffId) -> Result<(), Error> {
        let hash = token.hash();
        let written = self.0.db.write(move |tx| {
            if sql::end_at_gate(tx, &hash)? {
                tx.append(Actor::Staff { id: staff }, None, GateLeft { staff })?;
            } else {
                tx.commit_silent("the session was over already");
            }
            Ok::<_, Error>(())
        });
        written.await
    }
}

/// By what a browser with several journeys under way finds the one that a code ends. No secret.
pub fn way_of(challenge: &str) -> &str {
    challenge.get(..WAY_SIGNS).unwrap_or(challenge)
}

/// What a browser's secret has to hash to.
pub fn challenge_of(verifier: &Secret<String>) -> String {
    base64_url(&sha256(verifier.expose().as_bytes()))
}
