//! The gate on the way of a request: looked at before the shop hears of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use storeward_console::entrance::{EntranceToken, Guest, Refusal};
use storeward_host::{Later, Minder, Passage, RequestHead, Seen, SessionExchange, SessionStage};
use storeward_web::Failure;

use crate::answers::{self, Held};
use crate::assertion::{ASSERTION, EMAIL, USER};
use crate::config::GateSection;
use crate::gate::{COOKIE, Gate};
use crate::guards::{Before, Place};
use crate::journey::Goal;
use crate::pages::{Why, own_page, start_address};

impl SessionStage for Gate {
    fn enter(&self, head: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
        let place = Place { host: head.host, path: head.path, written: head.written, query: head.query };
        let gate = match self.0.guards().before(&place) {
            Before::None => return None,
            Before::One(gate) => Some(gate),
            Before::Several => None,
        };
        let to = match head.query {
            Some(query) => format!("{}?{query}", head.written),
            None => head.written.to_owned(),
        };
        Some(Box::new(Arrival {
            house: self.clone(),
            gate,
            asks: Asks::of(head),
            method: head.method.clone(),
            url: format!("https://{}{}", head.authority, head.written),
            to,
            back: came_from(head),
            token: COOKIE.read(head.headers).and_then(EntranceToken::parse),
        }))
    }
}

/// Who asks, and how they are told no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    /// A person who opens a page: may be led elsewhere and back.
    Page,
    /// A person who sent something: it is not sent again.
    Sent,
    Program,
    /// A WebSocket of another site's page, which browsers send cookies along with.
    ForeignSocket,
}

impl Asks {
    fn of(head: &RequestHead<'_>) -> Self {
        if head.headers.contains_key(header::UPGRADE) {
            let own = format!("https://{}", head.authority);
            let mut origins = head.headers.get_all(header::ORIGIN).iter();
            let is_own = match (origins.next(), origins.next()) {
                (None, _) => true,
                (Some(origin), None) => origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()),
                (Some(_), Some(_)) => false,
            };
            return if is_own { Asks::Program } else { Asks::ForeignSocket };
        }
        match (head.wants_problem, head.method.is_safe()) {
            (true, _) => Asks::Program,
            (false, true) => Asks::Page,
            (false, false) => Asks::Sent,
        }
    }
}

/// Where a form stood, if on this host: there the person comes back to.
fn came_from(head: &RequestHead<'_>) -> Option<String> {
    let referer = head.headers.get(header::REFERER)?.to_str().ok()?;
    let path = referer.strip_prefix("https://")?.strip_prefix(head.authority)?;
    path.starts_with('/').then(|| path.to_owned())
}

/// A request that stands before a gate.
struct Arrival {
    house: Gate,
    /// Nothing where it can be read as one for several.
    gate: Option<Arc<GateSection>>,
    asks: Asks,
    method: Method,
    url: String,
    /// Path and query, as they were written.
    to: String,
    back: Option<String>,
    token: Option<EntranceToken>,
}

impl SessionExchange for Arrival {
    fn request<'a>(&'a mut self, headers: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async move {
            match self.admit(headers).await {
                Ok(None) => Passage::On,
                Ok(Some(answer)) => Passage::Instead(Box::new(answer)),
                // Closed: what cannot be asked is not let through.
                Err(_) => Passage::Instead(Box::new(answers::UNAVAILABLE.problem(None))),
            }
        })
    }

    fn response<'a>(
        &'a mut self,
        _: StatusCode,
        headers: &'a mut HeaderMap,
        _: Seen<'a>,
    ) -> Later<'a, Passage> {
        answers::keep_private(headers);
        Box::pin(async { Passage::On })
    }

    fn mind(&mut self) -> Option<Box<dyn Minder>> {
        let arrival =
            Socket { house: self.house.clone(), gate: self.gate.clone()?, token: self.token.take()? };
        Some(Box::new(arrival))
    }

    fn mind_body(&mut self) -> Option<Box<dyn Minder>> {
        self.mind()
    }
}

/// A connection, or an answer, behind a gate that stays open: closed when its session ends, or opens this gate no more.
struct Socket {
    house: Gate,
    gate: Arc<GateSection>,
    token: EntranceToken,
}

/// How long what passes in an open connection may outlive its session.
const MIND_EVERY: Duration = Duration::from_secs(10);

impl Minder for Socket {
    fn every(&self) -> Duration {
        MIND_EVERY
    }

    fn stands(&self) -> Later<'_, bool> {
        Box::pin(async move {
            match guest_of(&self.house, &self.gate, &self.token).await {
                Ok(Some(guest)) => self.gate.door().refuses(&guest.groups, guest.factor.as_deref()).is_none(),
                Ok(None) | Err(_) => false,
            }
        })
    }
}

/// Whose session stands, and is not too old for this gate.
async fn guest_of(house: &Gate, gate: &GateSection, token: &EntranceToken) -> Result<Option<Guest>, Failure> {
    let Some(guest) = house.0.entrance.guest(token).await? else { return Ok(None) };
    let now = house.0.clock.now();
    let stands = now.since(guest.seen_at) < gate.idle() && now.since(guest.began_at) < gate.longest();
    Ok(stands.then_some(guest))
}

impl Arrival {
    /// Nothing where it goes on to the shop.
    async fn admit(&self, headers: &mut HeaderMap) -> Result<Option<Response<Bytes>>, Failure> {
        let Some(gate) = &self.gate else { return Ok(Some(answers::AMBIGUOUS.problem(None))) };
        if self.asks == Asks::ForeignSocket {
            return Ok(Some(answers::FOREIGN.problem(None)));
        }
        let Some((token, guest)) = self.guest(gate).await? else {
            return Ok(Some(self.held(gate, answers::SIGN_IN)));
        };
        let entrance = &self.house.0.entrance;
        if let Some(why) = gate.door().refuses(&guest.groups, guest.factor.as_deref()) {
            entrance.refused(token, &guest, &gate.name, why).await?;
            let held = match why {
                Refusal::Group => answers::GROUP,
                Refusal::Factor => answers::FACTOR,
            };
            return Ok(Some(self.held(gate, held)));
        }
        if !self.is_fresh_enough(gate, &guest, headers) {
            return Ok(Some(self.held(gate, answers::FRESH)));
        }
        entrance.passed(token, &guest, &gate.name).await?;
        // Whoever may pass does so where that cannot be written: the session ends the sooner.
        let _untouched = entrance.seen(token, &guest).await;
        self.claim(gate, &guest, headers).await?;
        Ok(None)
    }

    /// Whose session stands, and is not too old for this gate.
    async fn guest(&self, gate: &GateSection) -> Result<Option<(&EntranceToken, Guest)>, Failure> {
        let Some(token) = &self.token else { return Ok(None) };
        Ok(guest_of(&self.house, gate, token).await?.map(|guest| (token, guest)))
    }

    /// What changes something may ask for a factor shown lately. A line that asks the shop to take a GET for something else makes it
    /// one that changes something.
    fn is_fresh_enough(&self, gate: &GateSection, guest: &Guest, headers: &HeaderMap) -> bool {
        const DISGUISES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];
        let Some(fresh) = gate.fresh() else { return true };
        let changes = !self.method.is_safe() || DISGUISES.iter().any(|name| headers.contains_key(*name));
        let now = self.house.0.clock.now();
        !changes || guest.confirmed_at.is_some_and(|at| now.since(at) < fresh)
    }

    /// Says who it is. What a client wrote under these names was taken out before (`edge::request`).
    async fn claim(&self, gate: &GateSection, guest: &Guest, headers: &mut HeaderMap) -> Result<(), Failure> {
        let assertion = self.house.0.assertion(gate, guest, self.method.as_str(), &self.url).await?;
        let mut put = |name: &'static str, text: &str| match HeaderValue::try_from(text) {
            Ok(value) => {
                headers.insert(HeaderName::from_static(name), value);
                Ok(())
            }
            Err(_) => Err(Failure::broken("gate.header")),
        };
        put(ASSERTION, &assertion)?;
        if gate.plain_headers {
            put(USER, &guest.staff.to_string())?;
            if gate.email {
                put(EMAIL, &guest.email)?;
            }
        }
        Ok(())
    }

    fn held(&self, gate: &GateSection, held: Held) -> Response<Bytes> {
        let fresh = held.code == answers::FRESH.code;
        let to = match self.asks {
            Asks::Page => Some(self.to.as_str()),
            Asks::Sent | Asks::Program | Asks::ForeignSocket => self.back.as_deref(),
        };
        let shared = &self.house.0;
        let first = gate.paths.first().map_or("/", String::as_str);
        let goal = Goal::new(&gate.name, to.unwrap_or(first), fresh);
        let sealed = goal.seal(&shared.data_key, &*shared.entropy);
        let may_help = held.code != answers::GROUP.code;
        let start = start_address(&sealed);
        match self.asks {
            Asks::Program | Asks::ForeignSocket => held.problem(may_help.then_some(start.as_str())),
            Asks::Page if may_help => answers::lead(&start),
            Asks::Page => answers::lead(&own_page(&sealed, Why::Group)),
            Asks::Sent => answers::lead(&own_page(&sealed, Why::of(held.code))),
        }
    }
}
