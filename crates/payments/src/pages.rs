//! The pages where buyers choose how to pay, below [`crate::PAGES`] on the shop's own host, and the addresses to which providers send
//! their messages.

mod contact;
mod form;
mod link;
mod look;
pub(crate) mod own;
mod stopped;
mod texts;
mod waits;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use storeward_base::{ClientIp, Language, PaymentId};
use storeward_web::askama::Template;
use storeward_web::axum::Router;
use storeward_web::axum::body::Bytes;
use storeward_web::axum::extract::{Extension, Path, State};
use storeward_web::axum::response::{Html, IntoResponse, Response};
use storeward_web::http::{HeaderMap, HeaderValue, StatusCode, header};
use storeward_web::{
    Access, CsrfToken, Failure, Form, HostNames, HostNamesError, NoGate, Nobody, Nonce, Query, Routes, Site,
    explained, redirect, render,
};

use crate::error::Error;
use crate::model::{Payment, Provider, Saving, State as At, Strength, Terms};
use crate::money::Money;
use crate::payments::Payments;
use crate::verbs::Ended;
use crate::webhooks::MOST_BODY_BYTES;

use contact::Reach;
use form::Agreed;
use link::{Link, Made, Of};
pub use look::Look;
pub use own::{Numbers, OWN_MEANS, OwnMeans};
use stopped::Buyer;
use texts::{Text, WORDS};

/// A path of ours. [`crate::PAGES`] cannot stand in a literal; a test holds the two together.
macro_rules! own {
    ($path:literal) => {
        concat!("/.storeward/pay", $path)
    };
}

/// A buyer who comes back waits so long for what the provider says; afterwards the page asks again by itself.
const WAITS: Duration = Duration::from_secs(8);

const BUYER: Access<Nobody> = Access::PublicForm("whoever has the payment's address may pay it");
const LINK: Access<Nobody> = Access::PublicForm("what the shop signed is what is paid");
const BACK: Access<Nobody> =
    Access::Public("comes from the provider: the provider is asked, nothing is believed");
const STYLE: Access<Nobody> = Access::Public("how the pages look");
const PROVIDER: Access<Nobody> = Access::Program("a provider: its signature decides");

/// The pages, with the shop's looks.
#[derive(Clone)]
pub struct Pages(Arc<Inner>);

struct Inner {
    payments: Payments,
    look: Look,
}

impl Pages {
    pub fn new(payments: Payments, look: Look) -> Self {
        Pages(Arc::new(Inner { payments, look }))
    }

    /// The router, for [`crate::PAGES`] on the shop's hosts.
    pub fn router(&self, hosts: &[String]) -> Result<Router, HostNamesError> {
        let entropy = Arc::clone(&self.0.payments.0.entropy);
        let mut site = Site::new(HostNames::parse(hosts)?, "/", entropy);
        site.body_limit_bytes = MOST_BODY_BYTES;
        // Longer than a call to a provider may take.
        site.patience = Duration::from_secs(60);
        let pages = self.clone();
        site.dress = Some(Arc::new(move |failure, headers| pages.fault(failure, headers)));
        Ok(routes(Routes::new(NoGate)).finish(self.clone(), site))
    }

    /// Every route with its rule, one per line.
    pub fn access_table() -> String {
        let routes = routes(Routes::new(NoGate));
        routes.rows().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    fn fault(&self, failure: &Failure, headers: &HeaderMap) -> Option<Response> {
        let language = language(headers);
        let words = match failure.code() {
            "payments.no_payment" => Text::FaultNoPayment,
            "payments.link" => Text::FaultLink,
            "payments.way" => Text::FaultWay,
            _ => Text::FaultOther,
        };
        let page = FaultPage {
            frame: self.frame(language, Text::FaultTitle),
            words: say(language, words, &[]),
            exact: (language == Language::En).then(|| failure.detail().to_owned()),
            home: say(language, Text::Home, &[]),
            code: failure.code(),
        };
        page.render().ok().map(|text| Html(text).into_response())
    }

    fn frame(&self, language: Language, title: Text) -> Frame {
        Frame {
            lang: language.tag(),
            title: say(language, title, &[]),
            shop: self.0.look.name.clone(),
            style: self.0.look.style_address(own!("/style.css")),
            test: (!self.0.payments.is_live()).then(|| say(language, Text::TestMode, &[])),
        }
    }

    async fn payment(&self, part: &str) -> Result<Payment, Failure> {
        let missing = || Failure::missing("payments.no_payment", "There is no payment at this address.");
        let id = self.0.payments.of_page(part).ok_or_else(missing)?;
        self.0.payments.find(id).await?.ok_or_else(missing)
    }
}

fn routes(routes: Routes<Pages, NoGate>) -> Routes<Pages, NoGate> {
    routes
        .get(own!("/{payment}"), BUYER, choose)
        .post(own!("/{payment}/begin"), BUYER, begin)
        .get(own!("/{payment}/back"), BACK, back)
        .get(own!("/{payment}/gave-up"), BACK, gave_up)
        .get(own!("/link"), LINK, link)
        .post(own!("/link"), LINK, begin_by_link)
        .get(own!("/{payment}/form"), BUYER, form::show)
        .get(own!("/form.js"), STYLE, form::script)
        .get(own!("/style.css"), STYLE, style)
        .post(own!("/webhooks/stripe"), PROVIDER, from_stripe)
        .post(own!("/webhooks/paypal"), PROVIDER, from_paypal)
}

fn language(headers: &HeaderMap) -> Language {
    let wished = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    wished.and_then(Language::of_accept).unwrap_or(Language::En)
}

fn say(language: Language, key: Text, values: &[(&str, &str)]) -> String {
    WORDS.text(language, key, values)
}

/// What stands around every page.
struct Frame {
    lang: &'static str,
    title: String,
    shop: String,
    style: String,
    test: Option<String>,
}

struct Row {
    name: String,
    count: String,
    sum: String,
}

struct Way {
    word: &'static str,
    label: String,
}

#[derive(Template)]
#[template(path = "pay.html", askama = storeward_web::askama)]
struct PayPage {
    frame: Frame,
    order: String,
    rows: Vec<Row>,
    total_label: String,
    total: String,
    /// What happened before, if it did not lead to the money.
    notice: Option<String>,
    action: String,
    /// What the form says again, of a signed link.
    fields: Vec<(&'static str, String)>,
    csrf: String,
    ways_label: String,
    ways: Vec<Way>,
    /// In the place of the form, where nothing can be paid with at the moment.
    no_way: Option<(String, Reach)>,
    /// The buyer is asked whether it is kept.
    keep: Option<String>,
    safe: String,
    back_label: String,
    back_to: String,
}

#[derive(Template)]
#[template(path = "stands.html", askama = storeward_web::askama)]
struct StandsPage {
    frame: Frame,
    is_well: bool,
    words: String,
    order: String,
    total: String,
    link: Option<(String, String)>,
    /// That a person looks at it, where it was refused.
    person: Option<String>,
    /// How to reach one, where the words say to ask.
    reach: Option<Reach>,
}

#[derive(Template)]
#[template(path = "leads.html", askama = storeward_web::askama)]
struct LeadsPage {
    frame: Frame,
    words: String,
    address: String,
    label: String,
}

#[derive(Template)]
#[template(path = "fault.html", askama = storeward_web::askama)]
struct FaultPage {
    frame: Frame,
    words: String,
    /// As exactly as whoever puts the shop's links together wants it; there is no other language for it.
    exact: Option<String>,
    home: String,
    code: &'static str,
}

/// Loads again, or goes on, by itself: without script, too. `None` where the address cannot stand in a header.
fn refresh(mut response: Response, seconds: &str, to: Option<&str>) -> Response {
    let line = to.map_or_else(|| seconds.to_owned(), |to| format!("{seconds}; url={to}"));
    if let Ok(line) = HeaderValue::try_from(line) {
        response.headers_mut().insert(header::REFRESH, line);
    }
    response
}

async fn choose(
    State(pages): State<Pages>,
    Path(part): Path<String>,
    csrf: Option<Extension<CsrfToken>>,
    client: Option<Extension<ClientIp>>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let payment = pages.payment(&part).await?;
    pages.opened(client, &payment.order);
    pages.shown(&payment, csrf.as_ref().map_or("", |csrf| csrf.0.as_str()), &headers).await
}

impl Pages {
    async fn shown(&self, payment: &Payment, csrf: &str, headers: &HeaderMap) -> Result<Response, Failure> {
        let language = language(headers);
        let (back_to, lines) = self.0.payments.told(payment.id).await?;
        let saving = self.0.payments.saving(payment.id).await?;
        let now = self.0.payments.0.clock.now();
        let may_pay = matches!(payment.state, At::Created | At::RequiresAction | At::Declined);
        if payment.is_unsure || payment.state == At::Processing {
            return self.waits(payment, language, back_to).await;
        }
        if may_pay && payment.expires_at > now {
            let (ways, no_way) = self.offer(payment.amount, language);
            let rows = lines.iter().map(|line| Row {
                name: line.name.clone(),
                count: line.quantity.to_string(),
                sum: sum_of(line.unit_amount, line.quantity, payment),
            });
            let page = PayPage {
                frame: self.frame(language, Text::Title),
                order: say(language, Text::Order, &[("order", &payment.order)]),
                rows: rows.collect(),
                total_label: say(language, Text::Total, &[]),
                total: payment.amount.to_string(),
                notice: (payment.state == At::Declined).then(|| say(language, Text::Declined, &[])),
                action: format!("{}/begin", self.0.payments.page_path(payment.id)),
                fields: Vec::new(),
                csrf: csrf.to_owned(),
                ways_label: say(language, Text::Ways, &[]),
                ways,
                no_way,
                keep: (saving == Saving::Ask)
                    .then(|| say(language, Text::Keep, &[("shop", &self.0.look.name)])),
                safe: say(language, Text::Safe, &[("shop", &self.0.look.name)]),
                back_label: say(language, Text::BackToShop, &[("shop", &self.0.look.name)]),
                back_to,
            };
            return Ok(Html(render(&page)?).into_response());
        }
        let words = match payment.state {
            At::Authorized if self.0.payments.is_looked_at(payment.id).await? => Text::LookedAt,
            At::Authorized => Text::SetAside,
            At::PartiallyCaptured | At::Captured => Text::Paid,
            At::PartiallyRefunded | At::Refunded => Text::GivenBack,
            At::Voided | At::Failed => match self.0.payments.ended(payment).await? {
                Ended::Again => Text::Over,
                Ended::Paid => Text::PaidLater,
                Ended::ByShop => Text::Closed,
                Ended::ByProvider => Text::Ended,
            },
            _ => Text::Over,
        };
        let label = say(language, Text::BackToShop, &[("shop", &self.0.look.name)]);
        let page = self.stands(payment, language, words, Some((back_to.clone(), label)));
        let response = Html(render(&page)?).into_response();
        // The buyer reads it, and is led back to the shop.
        let is_paid = matches!(payment.state, At::Authorized | At::Captured | At::PartiallyCaptured);
        Ok(if is_paid { refresh(response, "5", Some(&back_to)) } else { response })
    }

    /// The ways to pay an amount; and what stands in their place where there is none at the moment.
    fn offer(&self, amount: Money, language: Language) -> (Vec<Way>, Option<(String, Reach)>) {
        let ways = self.0.payments.ways_for(amount).into_iter().map(|provider| Way {
            word: provider.word(),
            label: match provider {
                Provider::Stripe => say(language, Text::ByCard, &[]),
                Provider::PayPal => say(language, Text::ByPayPal, &[]),
            },
        });
        let ways: Vec<Way> = ways.collect();
        let words = || say(language, Text::NoWay, &[("shop", &self.0.look.name)]);
        let none = ways.is_empty().then(|| (words(), self.reach(language)));
        (ways, none)
    }

    fn stands(
        &self,
        payment: &Payment,
        language: Language,
        words: Text,
        link: Option<(String, String)>,
    ) -> StandsPage {
        StandsPage {
            frame: self.frame(language, Text::Title),
            is_well: matches!(payment.state, At::Authorized | At::PartiallyCaptured | At::Captured),
            words: say(
                language,
                words,
                &[("shop", &self.0.look.name), ("provider", payment.provider.map_or("", Provider::name))],
            ),
            order: say(language, Text::Order, &[("order", &payment.order)]),
            total: payment.amount.to_string(),
            link,
            person: None,
            reach: words.says_to_ask().then(|| self.reach(language)),
        }
    }
}

fn sum_of(unit: i64, quantity: u32, payment: &Payment) -> String {
    let minor = unit.checked_mul(i64::from(quantity)).unwrap_or_default();
    Money { minor, currency: payment.currency() }.to_string()
}

#[derive(Deserialize)]
struct Chosen {
    #[serde(default)]
    way: String,
    /// The buyer's word that it may be kept.
    #[serde(default)]
    keep: String,
    /// On the provider's own page, whatever the shop wants.
    #[serde(default)]
    elsewhere: String,
}

/// To the provider. By a page that leads there, because a form of ours may lead to no other place.
async fn begin(
    State(pages): State<Pages>,
    Path(part): Path<String>,
    nonce: Nonce,
    csrf: CsrfToken,
    buyer: Buyer,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Failure> {
    let payment = pages.payment(&part).await?;
    let is_ours = chosen.elsewhere.is_empty();
    if let Some(provider) = Provider::of_word(&chosen.way)
        && is_ours
        && pages.is_embedded(&payment, provider).await?
    {
        // A buyer's word stands in a form that bears the page's token, and in no address: nobody gives it for them by a link.
        if chosen.keep == "1" && pages.0.payments.saving(payment.id).await? == Saving::Ask {
            return form::shown(&pages, &part, Agreed::ByForm, (&nonce, &csrf), &buyer).await;
        }
        return Ok(redirect(&pages.form_path(&payment)));
    }
    pages.lead(&payment, &chosen.way, chosen.keep == "1", &buyer).await
}

/// An order that the shop's template wants paid. Nothing is written until the buyer chooses.
async fn link(
    State(pages): State<Pages>,
    csrf: Option<Extension<CsrfToken>>,
    client: Option<Extension<ClientIp>>,
    headers: HeaderMap,
    Query(link): Query<Link>,
) -> Result<Response, Failure> {
    let language = language(&headers);
    let new = link.wanted(&pages.0.payments.0.settings.links, pages.0.payments.0.clock.now())?;
    pages.0.payments.check(&new)?;
    pages.opened(client, &new.order);
    match pages.of_link(&new).await? {
        Of::Payment(known) => return Ok(redirect(&pages.0.payments.page_path(known.id))),
        Of::Later(other) | Of::Paid(other) => return pages.beside(&other, Text::Older, &headers),
        Of::Nothing => {}
    }
    let shop = [("shop", pages.0.look.name.as_str())];
    let (ways, no_way) = pages.offer(new.amount, language);
    let page = PayPage {
        frame: pages.frame(language, Text::Title),
        order: say(language, Text::Order, &[("order", &new.order)]),
        rows: Vec::new(),
        total_label: say(language, Text::Total, &[]),
        total: new.amount.to_string(),
        notice: None,
        action: own!("/link").to_owned(),
        fields: link.fields(),
        csrf: csrf.as_ref().map_or("", |csrf| csrf.0.as_str()).to_owned(),
        ways_label: say(language, Text::Ways, &[]),
        ways,
        no_way,
        keep: None,
        safe: say(language, Text::Safe, &shop),
        back_label: say(language, Text::BackToShop, &shop),
        back_to: new.return_address,
    };
    Ok(Html(render(&page)?).into_response())
}

#[derive(Deserialize)]
struct ChosenByLink {
    #[serde(default)]
    way: String,
    #[serde(flatten)]
    link: Link,
}

async fn begin_by_link(
    State(pages): State<Pages>,
    buyer: Buyer,
    Form(chosen): Form<ChosenByLink>,
) -> Result<Response, Failure> {
    let new = chosen.link.wanted(&pages.0.payments.0.settings.links, pages.0.payments.0.clock.now())?;
    let payment = match pages.of_link(&new).await? {
        Of::Payment(known) => known,
        Of::Later(other) | Of::Paid(other) => return pages.beside(&other, Text::Older, &buyer.headers),
        Of::Nothing => match pages.made(new).await? {
            Made::Payment(payment) => payment,
            Made::Beside(other) => return pages.beside(&other, Text::Changed, &buyer.headers),
        },
    };
    pages.lead(&payment, &chosen.way, false, &buyer).await
}

impl Pages {
    async fn lead(
        &self,
        payment: &Payment,
        way: &str,
        agrees: bool,
        buyer: &Buyer,
    ) -> Result<Response, Failure> {
        let (pages, language) = (self, language(&buyer.headers));
        let provider = Provider::of_word(way)
            .ok_or_else(|| Failure::invalid("payments.way", "Choose one of the ways to pay."))?;
        // What the form says counts only where the shop wanted the buyer to be asked.
        let saves = match pages.0.payments.saving(payment.id).await? {
            Saving::No => false,
            Saving::Ask => agrees,
            Saving::Yes => true,
        };
        let terms = Terms { saves, ..Terms::of(provider, Strength::Usual) };
        let front = buyer.front(&self.0.payments).await;
        let begun = match pages.0.payments.begin_as(payment.id, terms, &front).await {
            Ok(begun) => begun,
            Err(Error::Stopped { category }) => return pages.stopped(payment, language, category).await,
            // The page says how it stands.
            Err(Error::Unsure | Error::State(_) | Error::NoProvider) => {
                return Ok(redirect(&pages.0.payments.page_path(payment.id)));
            }
            Err(why @ (Error::Refused { .. } | Error::NotReached { .. } | Error::Raced)) => {
                let (words, label, status) = match why {
                    Error::Refused { .. } => (Text::NotTaken, Text::OtherWay, StatusCode::CONFLICT),
                    _ => (Text::NotReached, Text::Again, StatusCode::SERVICE_UNAVAILABLE),
                };
                let link = pages.0.payments.page_path(payment.id);
                let page = pages.stands(payment, language, words, Some((link, say(language, label, &[]))));
                return Ok(explained(status, Html(render(&page)?)));
            }
            Err(other) => return Err(other.into()),
        };
        let name = provider.name();
        let page = LeadsPage {
            frame: pages.frame(language, Text::Title),
            words: say(language, Text::Leads, &[("provider", name)]),
            address: begun.address.clone(),
            label: say(language, Text::GoOn, &[]),
        };
        Ok(refresh(Html(render(&page)?).into_response(), "0", Some(&begun.address)))
    }
}

/// The buyer comes back. Nothing that the address says is believed: the provider is asked, as a message of its own would make us.
async fn back(State(pages): State<Pages>, Path(part): Path<String>) -> Result<Response, Failure> {
    let payment = pages.payment(&part).await?;
    pages.look(payment.id).await;
    Ok(redirect(&pages.0.payments.page_path(payment.id)))
}

async fn gave_up(State(pages): State<Pages>, Path(part): Path<String>) -> Result<Response, Failure> {
    let payment = pages.payment(&part).await?;
    Ok(redirect(&pages.0.payments.page_path(payment.id)))
}

impl Pages {
    /// Asks the provider, one at a time for a payment, and no longer than a buyer waits. Whatever comes of it stands in the payment.
    async fn look(&self, id: PaymentId) {
        let Some(seat) = self.0.look.seats.take(id, self.0.payments.0.clock.now()) else { return };
        let payments = self.0.payments.clone();
        // Goes on when the buyer goes away.
        let asked = tokio::spawn(async move {
            let _seat = seat;
            payments.look(id).await.map(drop)
        });
        let _late = tokio::time::timeout(WAITS, asked).await;
    }
}

async fn style(State(pages): State<Pages>) -> Response {
    let head = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (head, pages.0.look.css.clone()).into_response()
}

async fn from_stripe(State(pages): State<Pages>, headers: HeaderMap, body: Bytes) -> Response {
    pages.message(Provider::Stripe, &headers, &body).await
}

async fn from_paypal(State(pages): State<Pages>, headers: HeaderMap, body: Bytes) -> Response {
    pages.message(Provider::PayPal, &headers, &body).await
}

impl Pages {
    /// 200 once it is durable.
    async fn message(&self, provider: Provider, headers: &HeaderMap, body: &[u8]) -> Response {
        let status = match self.0.payments.receive(provider, headers, body).await {
            Ok(()) => StatusCode::OK,
            Err(why) => StatusCode::from_u16(why.status()).unwrap_or(StatusCode::BAD_REQUEST),
        };
        explained(status, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_one() {
        assert_eq!(own!(""), crate::PAGES);
        assert_eq!([own!("/webhooks/stripe"), own!("/webhooks/paypal")], crate::WEBHOOKS);
    }

    #[test]
    fn every_route_says_why_it_is_open() {
        let table = Pages::access_table();
        assert_eq!(table.lines().count(), 11, "{table}");
        assert!(table.lines().all(|line| line.contains("public") || line.contains("program")), "{table}");
    }
}
