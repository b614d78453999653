//! Everything of the gate's that is answered below [`PREFIX`].

use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde_json::Value;
use storeward_base::ClientIp;
use storeward_console::entrance::{
    Asked, Bearer, EntranceToken, Guest, LONGEST, Wants, challenge_of, way_of,
};
use storeward_detect::pace::Leave;
use storeward_host::OwnPages;
use storeward_web::askama::Template;
use storeward_web::axum::Router;
use storeward_web::axum::extract::{Extension, State};
use storeward_web::axum::response::{Html, IntoResponse, Response};
use storeward_web::http::request::Parts;
use storeward_web::http::{HeaderMap, HeaderValue, StatusCode, header};
use storeward_web::{
    Access, Cookie, CsrfToken, Failure, Form, HostNames, HostNamesError, Query, Routes, Site, agent, assets,
    explained, host_of_request, redirect, redirect_away, render,
};

use crate::gate::{COOKIE, Gate, JOURNEY_COOKIES, Shared};
use crate::journey::{Goal, Journey};
use crate::pace::Key;

/// Where the gate's pages live on the shop's host.
pub const PREFIX: &str = "/.storeward/gate";

/// A path of ours. [`PREFIX`] cannot stand in a literal; a test holds the two together.
macro_rules! own {
    ($path:literal) => {
        concat!("/.storeward/gate", $path)
    };
}

const STYLE: Access<Need> = Access::Public("how the gate's pages look");
const OPEN: Access<Need> = Access::Program("what everybody may know");
const WAY: Access<Need> =
    Access::Public("leads to the console and back; a code with the browser's secret decides");

/// Why somebody is shown a page instead of being led on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    SignIn,
    Fresh,
    Factor,
    Group,
}

impl Why {
    pub fn of(code: &str) -> Self {
        match code {
            "gate.fresh_factor" => Why::Fresh,
            "gate.factor" => Why::Factor,
            "gate.group" => Why::Group,
            _ => Why::SignIn,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Why::SignIn => "sign-in",
            Why::Fresh => "fresh",
            Why::Factor => "factor",
            Why::Group => "group",
        }
    }
}

/// Where a sign-in begins.
pub fn start_address(sealed: &str) -> String {
    format!("{PREFIX}/start?r={sealed}")
}

/// A page that says why something was not done.
pub fn own_page(sealed: &str, why: Why) -> String {
    format!("{PREFIX}/held?why={}&r={sealed}", why.word())
}

/// What a page needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing; who is signed in is seen.
    Anybody,
    /// A member of staff with a session here.
    Guest,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Anybody => "anybody, signed in or not",
            Need::Guest => "staff with a session at the gate",
        })
    }
}

struct GuestGate(Gate);

/// Who is signed in, put into the request.
#[derive(Clone)]
struct Present {
    token: EntranceToken,
    guest: Guest,
}

impl storeward_web::Gate for GuestGate {
    type Need = Need;

    async fn admit(&self, need: &Need, head: &mut Parts) -> Result<(), Response> {
        let token = COOKIE.read(&head.headers).and_then(EntranceToken::parse);
        let found = match token {
            Some(token) => {
                let guest = self.0.0.entrance.guest(&token).await;
                let guest = guest.map_err(|error| Failure::from(error).into_response())?;
                guest.map(|guest| Present { token, guest })
            }
            None => None,
        };
        match (found, need) {
            (Some(present), _) => {
                head.extensions.insert(present.token.csrf());
                head.extensions.insert(present);
                Ok(())
            }
            (None, Need::Anybody) => Ok(()),
            (None, Need::Guest) => Err(Failure::sign_in_first().into_response()),
        }
    }
}

impl Gate {
    /// The router. The listener must put the client's address into each request's extensions, as a [`ClientIp`].
    pub fn router(&self) -> Result<Router, HostNamesError> {
        let mut site = Site::new(HostNames::parse(&self.0.shop_names)?, PREFIX, self.0.entropy.clone());
        site.dress = Some(Arc::new(|failure, _| {
            let page = FailurePage {
                style: style_url(),
                title: if failure.status().is_server_error() { "Something broke" } else { "Not this way" },
                detail: failure.detail(),
                code: failure.code(),
            };
            page.render().ok().map(|text| Html(text).into_response())
        }));
        Ok(routes(Routes::new(GuestGate(self.clone()))).finish(self.clone(), site))
    }

    /// The gate's pages among those that there are.
    pub fn answer(&self, own: Option<OwnPages>) -> Result<OwnPages, HostNamesError> {
        let router = self.router()?;
        Ok(match own {
            Some(own) => own.with(&[PREFIX], router),
            None => OwnPages::new(router, &[], &[]),
        })
    }

    /// Every route with its rule, one per line.
    pub fn access_table(&self) -> String {
        let routes = routes(Routes::new(GuestGate(self.clone())));
        routes.rows().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}

fn routes(routes: Routes<Gate, GuestGate>) -> Routes<Gate, GuestGate> {
    routes
        .get(own!(""), Access::Only(Need::Anybody), page)
        .post(own!("/sign-out"), Access::Only(Need::Guest), sign_out)
        .get(own!("/start"), WAY, start)
        .get(own!("/take"), WAY, take)
        .get(own!("/held"), WAY, held)
        .get(own!("/jwks.json"), OPEN, key_set)
        .get(own!("/style.css"), STYLE, style)
}

#[derive(Deserialize)]
struct Carried {
    #[serde(default)]
    r: String,
    #[serde(default)]
    why: String,
}

#[derive(Deserialize)]
struct Brought {
    #[serde(default)]
    code: String,
    /// Which of the browser's journeys it ends.
    #[serde(default)]
    way: String,
}

#[derive(Deserialize)]
struct Done {
    #[serde(default)]
    done: String,
}

/// To the console, with what only this browser can answer to.
async fn start(
    State(gate): State<Gate>,
    head: Parts,
    Query(carried): Query<Carried>,
) -> Result<Response, Failure> {
    let shared = &gate.0;
    let goal =
        Goal::open(&carried.r, &shared.data_key).filter(|goal| shared.guards().named(&goal.gate).is_some());
    let goal = goal.ok_or_else(not_whole)?;
    let host = host_of_request(&head).ok_or_else(not_whole)?;
    let console = shared.console().ok_or_else(|| Failure::busy("gate.console"))?;
    let wants = if goal.fresh { Wants::FreshFactor } else { Wants::SignIn };
    let journey = Journey::begin(goal, shared.clock.now(), &*shared.entropy);
    let asked = Asked {
        gate: journey.goal.gate.clone(),
        authority: shared.authority(&host.to_ascii_lowercase()),
        challenge: challenge_of(&journey.verifier),
        wants,
    };
    let url = format!("{console}/pass?r={}", shared.entrance.seal(&asked));
    let mut response = redirect_away(&url).ok_or_else(|| Failure::broken("gate.console"))?;
    let sealed = journey.seal(&shared.data_key, &*shared.entropy);
    let line = place_for_journey(shared, &head.headers)
        .set(&sealed, Some(30 * 60))
        .ok_or_else(|| Failure::broken("gate.cookie"))?;
    response.headers_mut().append(header::SET_COOKIE, line);
    Ok(response)
}

/// A cookie that no journey under way holds, or else that of the oldest.
fn place_for_journey(shared: &Shared, headers: &HeaderMap) -> Cookie {
    let now = shared.clock.now();
    let until = |cookie: &Cookie| {
        let journey = cookie.read(headers).and_then(|sealed| Journey::open(sealed, &shared.data_key, now));
        journey.map_or(i64::MIN, |journey| journey.until())
    };
    JOURNEY_COOKIES.into_iter().min_by_key(until).unwrap_or(JOURNEY_COOKIES[0])
}

/// The journey that this code ends: several tabs may be under way.
fn journey_of(shared: &Shared, headers: &HeaderMap, way: &str) -> Option<(Cookie, Journey)> {
    let now = shared.clock.now();
    let open = |cookie: Cookie| {
        let journey = Journey::open(cookie.read(headers)?, &shared.data_key, now)?;
        Some((cookie, journey))
    };
    // Without the word for it, it is the first: a code that fits it not is spent.
    let is_it =
        |(_, journey): &(Cookie, Journey)| way.is_empty() || way_of(&challenge_of(&journey.verifier)) == way;
    JOURNEY_COOKIES.into_iter().filter_map(open).find(is_it)
}

fn not_whole() -> Failure {
    Failure::invalid("gate.way", "This address is not whole. Open the page that you wanted once more.")
}

/// Back from the console.
async fn take(
    State(gate): State<Gate>,
    Extension(client): Extension<ClientIp>,
    head: Parts,
    Query(brought): Query<Brought>,
) -> Result<Response, Failure> {
    let shared = &gate.0;
    let journey = journey_of(shared, &head.headers, &brought.way);
    let (Some((cookie, journey)), Some(host)) = (journey, host_of_request(&head)) else {
        return Err(Failure::denied(
            "gate.other_browser",
            "This sign-in began in another browser, or too long ago. Open the page that you wanted once more.",
        ));
    };
    pace(shared, client, &journey.goal.gate).await?;
    let asked = Asked {
        gate: journey.goal.gate.clone(),
        authority: shared.authority(&host.to_ascii_lowercase()),
        challenge: challenge_of(&journey.verifier),
        wants: Wants::SignIn,
    };
    let agent = head.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let bearer = Bearer { address: client, label: agent::label(agent.unwrap_or("")) };
    let previous = COOKIE.read(&head.headers).and_then(EntranceToken::parse);
    let taken = shared.entrance.redeem(&brought.code, &journey.verifier, &asked, &bearer, previous).await?;
    let token = taken.ok_or_else(|| {
        Failure::denied(
            "gate.code",
            "This sign-in was used already or is too old. Open the page that you wanted once more.",
        )
    })?;
    shared.takes.succeeded(&[Key::of(client)]);
    let mut response = redirect(&journey.goal.to);
    let broken = || Failure::broken("gate.cookie");
    let line = COOKIE.set(token.secret().expose(), Some(LONGEST.as_secs())).ok_or_else(broken)?;
    response.headers_mut().append(header::SET_COOKIE, line);
    response.headers_mut().append(header::SET_COOKIE, cookie.clear().ok_or_else(broken)?);
    Ok(response)
}

/// Counts a code against its network before anything is looked for. That one has to wait is told once a wait.
async fn pace(shared: &Shared, client: ClientIp, gate: &str) -> Result<(), Failure> {
    match shared.takes.attempt(&[Key::of(client)], shared.clock.now()) {
        Leave::Granted => Ok(()),
        Leave::Wait { seconds, first } => {
            if first {
                shared.entrance.throttled(client, gate).await?;
            }
            Err(Failure::too_many("gate.too_often", seconds))
        }
    }
}

#[derive(Template)]
#[template(path = "held.html", askama = storeward_web::askama)]
struct HeldPage {
    style: &'static str,
    title: &'static str,
    words: &'static str,
    /// What was sent is gone.
    was_sent: bool,
    start: Option<String>,
}

async fn held(State(gate): State<Gate>, Query(carried): Query<Carried>) -> Result<Response, Failure> {
    let goal = Goal::open(&carried.r, &gate.0.data_key).ok_or_else(not_whole)?;
    let start = start_address(&goal.seal(&gate.0.data_key, &*gate.0.entropy));
    let (status, page) = match carried.why.as_str() {
        "group" => (
            StatusCode::FORBIDDEN,
            HeldPage {
                style: style_url(),
                title: "Not for you",
                words: "You are signed in, and in no group of staff that may open this page. Ask whoever looks after Storeward.",
                was_sent: false,
                start: None,
            },
        ),
        "factor" => (
            StatusCode::FORBIDDEN,
            HeldPage {
                style: style_url(),
                title: "A passkey, please",
                words: "This page takes passkeys only.",
                was_sent: true,
                start: Some(start),
            },
        ),
        "fresh" => (
            StatusCode::FORBIDDEN,
            HeldPage {
                style: style_url(),
                title: "Confirm who you are",
                words: "What you sent asks for a second factor shown just now.",
                was_sent: true,
                start: Some(start),
            },
        ),
        _ => (
            StatusCode::UNAUTHORIZED,
            HeldPage {
                style: style_url(),
                title: "Sign in first",
                words: "You are not signed in any more.",
                was_sent: true,
                start: Some(start),
            },
        ),
    };
    Ok(explained(status, Html(render(&page)?)))
}

#[derive(Template)]
#[template(path = "gate.html", askama = storeward_web::askama)]
struct GatePage<'a> {
    style: &'static str,
    name: Option<&'a str>,
    csrf: &'a str,
    notice: Option<&'static str>,
    gates: Vec<(&'a str, &'a str)>,
    console: Option<&'a str>,
}

/// Who is signed in here, and the way out.
async fn page(
    State(gate): State<Gate>,
    present: Option<Extension<Present>>,
    csrf: Option<Extension<CsrfToken>>,
    Query(asked): Query<Done>,
) -> Result<Response, Failure> {
    let guest = present.as_ref().map(|present| &present.0.guest);
    let passes = |section: &&Arc<crate::config::GateSection>| {
        guest.is_some_and(|guest| section.door().refuses(&guest.groups, guest.factor.as_deref()).is_none())
    };
    let guards = gate.0.guards();
    let here = guards.all().iter().filter(passes);
    let page = GatePage {
        style: style_url(),
        name: guest.map(|guest| guest.name.as_str()),
        csrf: csrf.as_ref().map_or("", |csrf| csrf.0.as_str()),
        notice: (asked.done == "out")
            .then_some("You are signed out here. The console keeps its own session."),
        gates: here.filter_map(|gate| Some((gate.name.as_str(), gate.paths.first()?.as_str()))).collect(),
        console: gate.0.console(),
    };
    Ok(Html(render(&page)?).into_response())
}

#[derive(Deserialize)]
struct Nothing {}

async fn sign_out(
    State(gate): State<Gate>,
    Extension(present): Extension<Present>,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Response, Failure> {
    gate.0.entrance.leave(&present.token, present.guest.staff).await?;
    let mut response = redirect(own!("?done=out"));
    let line = COOKIE.clear().ok_or_else(|| Failure::broken("gate.cookie"))?;
    response.headers_mut().append(header::SET_COOKIE, line);
    Ok(response)
}

/// What assertions are checked with (RFC 7517 section 5).
async fn key_set(State(gate): State<Gate>) -> Result<Response, Failure> {
    let keys: Value = gate.0.keys.key_set().await?;
    let headers: HeaderMap = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ]
    .into_iter()
    .collect();
    Ok((headers, keys.to_string()).into_response())
}

fn style_url() -> &'static str {
    static URL: LazyLock<String> = LazyLock::new(|| assets::CSS.url_at(own!("/style.css")));
    &URL
}

async fn style() -> Response {
    assets::CSS.response()
}

#[derive(Template)]
#[template(path = "failure.html", askama = storeward_web::askama)]
struct FailurePage<'a> {
    style: &'static str,
    title: &'static str,
    detail: &'a str,
    code: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_one() {
        assert_eq!(own!(""), PREFIX);
        assert!(PREFIX.starts_with(storeward_host::OWN_PREFIX));
    }
}
