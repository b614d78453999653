//! One request: everything that was kept of it, why it was stopped, and what can be done about its client.

use storeward_base::{AddressList, RequestId};
use storeward_edge::access::{AccessRecord, Field, Filter, Protocol, TlsVersion, Verdict};
use storeward_events::words;
use storeward_store::{Reader, ledger};
use storeward_web::Failure;
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;

use super::blocked::ban_words;
use super::ledger::EventLine;
use super::view::{View, icons};
use crate::accounts;
use crate::app::App;
use crate::error::Error;
use crate::level::{Badge, Level};
use crate::rows::{self, RequestRow, explore, only, without};

#[derive(Template)]
#[template(path = "request.html", askama = storeward_web::askama)]
struct RequestPage {
    row: RequestRow,
    story: Option<Story>,
    facts: Vec<Fact>,
    ban: Option<BanLine>,
    protected: bool,
    similar: Vec<Similar>,
    events: Vec<EventLine>,
    icons: &'static str,
}

/// Why it did not simply pass.
struct Story {
    headline: String,
    sentence: String,
    matched: String,
}

struct Fact {
    label: &'static str,
    value: String,
    mono: bool,
    links: Option<Links>,
}

struct Links {
    only: String,
    without: String,
}

struct BanLine {
    badge: Badge,
    words: String,
    block: String,
}

struct Similar {
    label: String,
    href: String,
}

pub async fn page(State(app): State<App>, view: View, Path(id): Path<String>) -> Result<Response, Failure> {
    let id: RequestId = id.parse().map_err(|_| no_such())?;
    let record = app.ask(move |access| access.get(id)).await?.ok_or_else(no_such)?;
    let read = move |reader: &mut Reader<'_>| {
        Ok::<_, Error>((ledger::by_request(reader, id)?, accounts::names(reader)?))
    };
    let (events, names) = app.db.read(read).await?;
    let ban = app.bans.get(record.client.block());
    let never = app.status().never_block;
    let content = RequestPage {
        row: RequestRow::new(&record),
        story: story(&record),
        facts: facts(&record),
        ban: ban.map(|ban| BanLine {
            badge: Badge::new(Level::Bad, "banned"),
            words: ban_words(&ban),
            block: ban.block.to_string(),
        }),
        protected: AddressList::parse(&never).is_ok_and(|list| list.contains(record.client.get())),
        similar: similar(&record),
        events: events.iter().map(|(number, event)| EventLine::new(*number, event, &names)).collect(),
        icons: icons(),
    };
    view.page("One request", rows::EXPLORE, &content)
}

fn no_such() -> Failure {
    Failure::missing(
        "console.no_such_request",
        "No request has this number, or it is older than what is kept. Check the number, or look in Explore.",
    )
}

fn story(record: &AccessRecord) -> Option<Story> {
    let (headline, sentence) = match record.verdict {
        Verdict::Pass if record.rule_id > 0 => (
            "The shop's answer tells too much".to_owned(),
            format!(
                "Rule {} found what an attacker likes to know: an error, a trace, a listing or a credential. The answer went \
                 out as it is; mend the page in the shop.",
                record.rule_id
            ),
        ),
        Verdict::Pass => return None,
        Verdict::Blocked if record.reason == AccessRecord::ROUTE_CLOSED => (
            "Stopped at a closed page".to_owned(),
            format!("The config closes {} to this client. It did not reach the shop.", record.route),
        ),
        Verdict::Blocked | Verdict::Flagged => {
            let what = match words::category(&record.category) {
                "" => "an attack",
                words => words,
            };
            let done = if record.verdict == Verdict::Blocked {
                ("Stopped as", "It did not reach the shop.")
            } else {
                ("Would have been stopped as", "This route only detects, so it reached the shop.")
            };
            let place = if record.variable.is_empty() {
                "the request".to_owned()
            } else {
                record.variable.to_string()
            };
            (format!("{} {what}", done.0), format!("Rule {} found it in {place}. {}", record.rule_id, done.1))
        }
        Verdict::Challenged => (
            "Asked to prove itself".to_owned(),
            "The client was shown a challenge before it may go on.".to_owned(),
        ),
        Verdict::Banned => (
            "Turned away: the address is banned".to_owned(),
            "Requests of a banned client are not looked at any further.".to_owned(),
        ),
        Verdict::Limited => (
            "Turned away: too many requests".to_owned(),
            format!("The client went over a limit: {}.", words::reason(&record.reason)),
        ),
        Verdict::Refused => (
            "Refused: not a proper request".to_owned(),
            format!("It was not carried out because of {}.", words::reason(&record.reason)),
        ),
    };
    Some(Story { headline, sentence, matched: record.matched.to_string() })
}

fn facts(record: &AccessRecord) -> Vec<Fact> {
    let mut facts = Facts(Vec::new());
    facts.plain("When", format!("{}", record.at));
    facts.linked("Method", Field::Method, record.method.as_str());
    facts.linked("Host", Field::Host, &record.host);
    facts.linked("Path", Field::Path, &record.path);
    let names: Vec<&str> = record.parameter_names.iter().collect();
    facts.plain("Parameters, names only", names.join(", "));
    facts.linked("Answer", Field::Status, &record.status.to_string());
    facts.linked("Verdict", Field::Verdict, record.verdict.name());
    if record.rule_id != 0 {
        facts.linked("Rule", Field::Rule, &record.rule_id.to_string());
    }
    facts.coded("Attack", Field::Category, (&record.category, words::category(&record.category)));
    facts.plain("Found in", record.variable.to_string());
    facts.coded("Reason", Field::Reason, (&record.reason, words::reason(&record.reason)));
    facts.linked("Client", Field::Client, &record.client.to_string());
    facts.linked("Browser", Field::UserAgent, &record.user_agent);
    facts.linked("Came from", Field::Referrer, &record.referrer_host);
    facts.linked("Route", Field::Route, &record.route);
    facts.linked("Shop", Field::Upstream, record.upstream.as_deref().unwrap_or(""));
    facts.linked("Type of the answer", Field::ContentType, &record.content_type);
    facts.plain("Took", timing(record));
    facts.plain(
        "Size",
        format!("{} in, {} out", rows::size(record.request_bytes), rows::size(record.response_bytes)),
    );
    facts.plain("Protocol", protocol(record));
    if record.auth_failed {
        facts.plain("Sign-in", "failed".to_owned());
    }
    facts.0
}

struct Facts(Vec<Fact>);

impl Facts {
    fn plain(&mut self, label: &'static str, value: String) {
        if !value.is_empty() {
            self.0.push(Fact { label, value, mono: false, links: None });
        }
    }

    fn linked(&mut self, label: &'static str, field: Field, value: &str) {
        if value.is_empty() {
            return;
        }
        let all = Filter::default();
        let links = Links { only: only(&all, field, value), without: without(&all, field, value) };
        self.0.push(Fact { label, value: value.to_owned(), mono: true, links: Some(links) });
    }
}

impl Facts {
    /// A code with its words; the link is the code's.
    fn coded(&mut self, label: &'static str, field: Field, (code, words): (&str, &str)) {
        self.linked(label, field, code);
        if let Some(fact) = self.0.last_mut().filter(|fact| fact.label == label && words != code) {
            fact.value = format!("{words} ({code})");
            fact.mono = false;
        }
    }
}

fn timing(record: &AccessRecord) -> String {
    let whole = rows::took(record.duration_us);
    match record.upstream_us {
        Some(shop) => format!("{whole}, of which the shop {}", rows::took(shop)),
        None => format!("{whole}; the shop was not asked"),
    }
}

fn protocol(record: &AccessRecord) -> String {
    let http = match record.protocol {
        Protocol::Http10 => "HTTP/1.0",
        Protocol::Http11 => "HTTP/1.1",
        Protocol::Http2 => "HTTP/2",
    };
    match record.tls {
        Some(TlsVersion::Tls12) => format!("{http} over TLS 1.2"),
        Some(TlsVersion::Tls13) => format!("{http} over TLS 1.3"),
        None => format!("{http} without TLS"),
    }
}

fn similar(record: &AccessRecord) -> Vec<Similar> {
    let all = Filter::default();
    let path = record.path.as_ref();
    let mut links = vec![
        Similar { label: "The same path".to_owned(), href: only(&all, Field::Path, path) },
        Similar {
            label: "The same client".to_owned(),
            href: only(&all, Field::Client, &record.client.to_string()),
        },
    ];
    if record.rule_id != 0 {
        let href = only(&all, Field::Rule, &record.rule_id.to_string());
        links.push(Similar { label: format!("The same rule, {}", record.rule_id), href });
    }
    if !record.category.is_empty() {
        let label = format!("The same kind of attack, {}", words::category(&record.category));
        links.push(Similar { label, href: only(&all, Field::Category, &record.category) });
    }
    if !record.user_agent.is_empty() {
        let href = only(&all, Field::UserAgent, &record.user_agent);
        links.push(Similar { label: "The same browser".to_owned(), href });
    }
    let around = around(record);
    links.push(Similar { label: "This client, five minutes around it".to_owned(), href: around });
    links
}

fn around(record: &AccessRecord) -> String {
    let span = std::time::Duration::from_secs(150);
    let (since, until) = (record.at.minus(span), record.at.plus(span));
    let text = format!("client={}&since={since}&until={until}", record.client);
    text.parse::<Filter>().map_or_else(|_| rows::EXPLORE.to_owned(), |filter| explore(&filter))
}
