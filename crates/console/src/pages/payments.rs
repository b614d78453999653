//! Payments: how each stands, what was called, booked and told; and giving back, taking, setting free by whoever may.

mod differences;
pub mod disputes;
mod heard;
pub mod live;
mod unknown;

use serde::Deserialize;
use storeward_base::{Actor, Entropy, PaymentId, SystemEntropy};
use storeward_events::words;
use storeward_payments::desk::{
    Answer, Call, CallState, Delivery, Error as PayError, Judgement, Money, Outcome, Payment, Payments,
    Posting, Provider, Source, State as At, Truth, Whole, Wish,
};
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::{Html, IntoResponse, Response};
use storeward_web::{Failure, Form, Moment, Query, redirect, render};

use super::next::confirm_link;
use super::view::{View, icons};
use crate::accounts;
use crate::app::App;
use crate::error::Error;
use crate::level::{Badge, Level};

const HERE: &str = "/payments";
const TITLE: &str = "Payments";
const LINES: u32 = 50;
const DIFFERENCES: u32 = 20;
/// Who may move money: whoever owns the shop, and whoever keeps its books.
const MAY: [&str; 2] = ["owner", "accountant"];

#[derive(Template)]
#[template(path = "payments.html", askama = storeward_web::askama)]
struct PaymentsPage {
    is_set_up: bool,
    is_live: bool,
    state: String,
    facts: Vec<live::FactRow>,
    after: u64,
    icons: &'static str,
}

#[derive(Template)]
#[template(path = "payments_state.html", askama = storeward_web::askama)]
struct StateOf {
    /// PayPal refuses the keys of the config.
    keys: Option<&'static str>,
    to_look_at: usize,
    rows: Vec<Row>,
    older: Option<String>,
    balances: Vec<(String, String)>,
    unknown: Vec<unknown::Line>,
    unknown_count: u64,
    differences: Vec<differences::Line>,
    /// How many more there are than are shown.
    further: u64,
    /// How far days are held against each provider's own list.
    compared: Vec<String>,
    waiting: u64,
    disputes: Vec<disputes::Line>,
    icons: &'static str,
}

pub(super) struct Row {
    pub id: String,
    at: Moment,
    pub order: String,
    pub amount: String,
    pub way: &'static str,
    pub badge: Badge,
    taken: String,
    /// What was judged of the last attempt.
    judged: Option<Badge>,
    score: Option<String>,
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    before: String,
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let state = match &app.payments {
        Some(payments) => render(&state_of(&app, payments, asked.before.parse().ok()).await?)?,
        None => String::new(),
    };
    let (facts, after) = live::newest(&app).await?;
    let content = PaymentsPage {
        facts,
        after,
        is_set_up: app.payments.is_some(),
        is_live: app.payments.as_ref().is_some_and(Payments::is_live),
        state,
        icons: icons(),
    };
    view.page(TITLE, HERE, &content)
}

/// The newest, for a page that stays open.
pub async fn state(State(app): State<App>) -> Result<Response, Failure> {
    Ok(Html(render(&state_of(&app, payments(&app)?, None).await?)?).into_response())
}

pub(super) fn payments(app: &App) -> Result<&Payments, Failure> {
    app.payments
        .as_ref()
        .ok_or_else(|| Failure::missing("console.no_payments", "Storeward takes no payments here."))
}

async fn state_of(app: &App, payments: &Payments, before: Option<PaymentId>) -> Result<StateOf, Failure> {
    let now = app.clock.now();
    let found = payments.list(before, LINES).await?;
    let is_full = u32::try_from(found.len()).is_ok_and(|count| count == LINES);
    let older = found.last().filter(|_| is_full).map(|last| format!("{HERE}?before={}", last.id));
    let balances = payments.balances().await?;
    let judged = payments.last_judgements(found.iter().map(|payment| payment.id).collect()).await?;
    let of = |payment: &Payment| judged.iter().find(|one| one.payment == payment.id);
    let differences = payments.differences_before(None, DIFFERENCES).await?;
    let shown = u64::try_from(differences.len()).unwrap_or(0);
    let (unknown, unknown_count) = payments.unknown(DIFFERENCES).await?;
    Ok(StateOf {
        keys: payments.keys_refused(),
        to_look_at: payments.reviews(LINES).await?.len(),
        rows: found.iter().map(|payment| judged_row(payment, of(payment))).collect(),
        older,
        balances: balances
            .into_iter()
            .map(|(account, money)| (account_words(&account), money.to_string()))
            .collect(),
        unknown: unknown.into_iter().map(unknown::line).collect(),
        unknown_count,
        compared: payments.reach().await?.iter().filter_map(differences::reach).collect(),
        further: payments.count_differences().await?.saturating_sub(shown),
        differences: differences.into_iter().map(differences::line).collect(),
        waiting: payments.waiting().await?,
        disputes: payments.open_disputes(5).await?.iter().map(|one| disputes::line(one, now)).collect(),
        icons: icons(),
    })
}

fn account_words(account: &str) -> String {
    match account {
        "customer_receivable" => "Buyers".to_owned(),
        "provider_clearing:stripe" => "At Stripe".to_owned(),
        "provider_clearing:paypal" => "At PayPal".to_owned(),
        "fees" => "Fees".to_owned(),
        "refunds" => "Given back".to_owned(),
        "disputes" => "Disputes".to_owned(),
        other => other.to_owned(),
    }
}

pub(super) const fn way(provider: Option<Provider>) -> &'static str {
    match provider {
        Some(provider) => provider.name(),
        None => "–",
    }
}

fn badge(payment: &Payment) -> Badge {
    if payment.is_unsure {
        return Badge::new(Level::Warn, "being asked");
    }
    match payment.state {
        At::Created => Badge::new(Level::Plain, "not begun"),
        At::RequiresAction => Badge::new(Level::Note, "at the provider"),
        At::Processing => Badge::new(Level::Note, "under way"),
        At::Declined => Badge::new(Level::Warn, "declined"),
        At::Authorized => Badge::new(Level::Note, "set aside"),
        At::PartiallyCaptured => Badge::new(Level::Ok, "taken in part"),
        At::Captured => Badge::new(Level::Ok, "paid"),
        At::PartiallyRefunded => Badge::new(Level::Note, "given back in part"),
        At::Refunded => Badge::new(Level::Plain, "given back"),
        At::Voided => Badge::new(Level::Plain, "set free"),
        At::Failed => Badge::new(Level::Plain, "not paid in time"),
    }
}

pub(super) fn row(payment: &Payment) -> Row {
    let money = |minor: i64| Money { minor, currency: payment.currency() }.to_string();
    Row {
        id: payment.id.to_string(),
        at: Moment(payment.created_at),
        order: payment.order.clone(),
        amount: payment.amount.to_string(),
        way: way(payment.provider),
        badge: badge(payment),
        taken: match payment.captured {
            0 => "–".to_owned(),
            taken => money(taken - payment.refunded),
        },
        judged: None,
        score: None,
    }
}

/// The same, with what was judged.
fn judged_row(payment: &Payment, judged: Option<&Judgement>) -> Row {
    Row {
        judged: judged.map(|one| answer_badge(one.answer)),
        score: judged.and_then(|one| one.score).map(|score| format!("{score:.3}")),
        ..row(payment)
    }
}

fn answer_badge(answer: Answer) -> Badge {
    match answer {
        Answer::Allow => Badge::new(Level::Ok, "allowed"),
        Answer::Challenge => Badge::new(Level::Note, "3-D Secure"),
        Answer::Review => Badge::new(Level::Warn, "to look at"),
        Answer::Block => Badge::new(Level::Bad, "refused"),
    }
}

#[derive(Template)]
#[template(path = "payment.html", askama = storeward_web::askama)]
struct PaymentPage<'a> {
    csrf: &'a str,
    row: Row,
    done: Option<&'static str>,
    fault: Option<String>,
    /// Where to show a factor first.
    confirm: Option<String>,
    may: bool,
    expires: Moment,
    authorized: String,
    captured: String,
    refunded: String,
    capturable: Option<String>,
    refundable: Option<String>,
    may_void: bool,
    /// What is set free is the rest.
    has_taken: bool,
    unlearnt: Option<unknown::Asked>,
    /// Something went back, and nobody has said yet that it was for fraud.
    may_say_fraud: bool,
    /// Of whatever is ordered from this page: sent twice, it is done once.
    name: String,
    calls: Vec<CallLine>,
    postings: Vec<PostingLine>,
    disputes: Vec<disputes::Line>,
    news: Vec<NewsLine>,
    heard: Vec<heard::Line>,
    judged: Vec<JudgedLine>,
    waits: bool,
    icons: &'static str,
}

struct JudgedLine {
    at: Moment,
    badge: Badge,
    score: String,
    reasons: Vec<String>,
    became: String,
}

struct CallLine {
    at: Moment,
    what: &'static str,
    way: &'static str,
    amount: String,
    badge: Badge,
    code: String,
}

struct PostingLine {
    at: Moment,
    account: String,
    amount: String,
    reference: String,
}

struct NewsLine {
    at: Moment,
    hook: String,
    kind: String,
    badge: Badge,
}

#[derive(Default, Deserialize)]
pub struct Done {
    #[serde(default)]
    done: String,
}

pub async fn show(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Query(asked): Query<Done>,
) -> Result<Response, Failure> {
    let content = content(&app, &view, &id, &asked, None).await?;
    view.page(TITLE, HERE, &content)
}

pub(super) async fn may(app: &App, view: &View) -> Result<bool, Failure> {
    let staff = view.visitor.staff;
    let roles = app.db.read(move |reader| accounts::roles_of(reader, staff)).await.map_err(Error::from)?;
    Ok(roles.iter().any(|role| MAY.contains(&role.as_str())))
}

pub(super) fn read_id(text: &str) -> Result<PaymentId, Failure> {
    let missing = || Failure::missing("payments.no_payment", "There is no such payment.");
    text.parse().map_err(|_| missing())
}

async fn content<'a>(
    app: &App,
    view: &'a View,
    id: &str,
    asked: &Done,
    fault: Option<String>,
) -> Result<PaymentPage<'a>, Failure> {
    let missing = || Failure::missing("payments.no_payment", "There is no such payment.");
    let Whole { payment, calls, postings, disputes, news, heard, judgements, review, .. } =
        payments(app)?.whole(read_id(id)?).await?.ok_or_else(missing)?;
    let unlearnt = payments(app)?.unlearnt(payment.id).await?;
    let entropy: &dyn Entropy = &SystemEntropy;
    let money = |minor: i64| Money { minor, currency: payment.currency() }.to_string();
    let some = |minor: i64| (minor > 0 && !payment.is_unsure).then(|| money(minor));
    Ok(PaymentPage {
        csrf: view.csrf(),
        done: match asked.done.as_str() {
            "capture" => Some("It is taken."),
            "refund" => Some("It is given back."),
            "refund-fraud" => Some("It is given back, and noted as fraud."),
            "fraud" => Some("It is noted as fraud."),
            "void" => Some("It is set free."),
            "settle" => Some(
                "It is known now: the payment says what PayPal shows, and the ledger what you said where PayPal shows nothing.",
            ),
            "unsure" => {
                Some("The provider has not said yet what it did. It is being asked; nothing is done twice.")
            }
            _ => None,
        },
        fault,
        confirm: (!view.visitor.is_fresh).then(|| confirm_link(&format!("{HERE}/{id}"))),
        may: may(app, view).await?,
        expires: Moment(payment.expires_at),
        authorized: money(payment.authorized),
        captured: money(payment.captured),
        refunded: money(payment.refunded),
        capturable: some(payment.capturable()),
        refundable: some(payment.refundable()),
        may_void: !payment.is_unsure
            && (matches!(payment.state, At::Created | At::RequiresAction | At::Declined | At::Authorized)
                || (payment.captured > 0 && payment.capturable() > 0)),
        has_taken: payment.captured > 0,
        unlearnt: unlearnt.map(|one| unknown::asked(one, app.clock.now())),
        may_say_fraud: payment.refunded > 0 && !judgements.is_empty() && !is_fraud(&judgements),
        name: entropy.token::<16>(),
        calls: calls.iter().map(|call| call_line(call, &money)).collect(),
        postings: postings.iter().filter_map(posting_line).collect(),
        disputes: disputes.iter().map(|one| disputes::line(one, app.clock.now())).collect(),
        news: news.iter().map(news_line).collect(),
        heard: heard.iter().map(heard::line).collect(),
        waits: review.is_some_and(|one| one.state == "open"),
        judged: judgements.iter().map(judged_line).collect(),
        row: row(&payment),
        icons: icons(),
    })
}

fn is_fraud(judged: &[Judgement]) -> bool {
    judged.iter().any(|one| one.label.is_some_and(|label| label.truth == Truth::Fraud))
}

fn judged_line(judged: &Judgement) -> JudgedLine {
    let outcome = match judged.outcome {
        None => "",
        Some(Outcome::Approved) => "approved",
        Some(Outcome::Declined) => "declined by the bank",
        Some(Outcome::Blocked) => "nothing was sent",
    };
    let label = match judged.label.map(|label| label.truth) {
        None => "",
        Some(Truth::Good) => "; good, as is known now",
        Some(Truth::Fraud) => "; fraud, as is known now",
    };
    let secure = judged.facts.and_then(|facts| super::review::secure_words(facts.signals.secure));
    let secure = secure.map_or_else(String::new, |words| format!("; 3-D Secure: {words}"));
    JudgedLine {
        at: Moment(judged.at),
        badge: answer_badge(judged.answer),
        score: judged.score.map_or_else(|| "–".to_owned(), |score| format!("{score:.3}")),
        reasons: super::review::reasons(judged),
        became: format!("{outcome}{secure}{label}"),
    }
}

fn call_line(call: &Call, money: &impl Fn(i64) -> String) -> CallLine {
    CallLine {
        at: Moment(call.first_sent_at),
        what: unknown::what(call.operation),
        way: way(Some(call.provider)),
        amount: call.amount.map_or_else(|| "–".to_owned(), money),
        badge: match call.state {
            CallState::Sent => Badge::new(Level::Note, "sent"),
            CallState::Done => Badge::new(Level::Ok, "done"),
            CallState::Refused => Badge::new(Level::Bad, "refused"),
            CallState::Unsure => Badge::new(Level::Warn, "being asked"),
        },
        code: call.code.as_deref().map(words::reason).unwrap_or_default().to_string(),
    }
}

fn posting_line(posting: &Posting) -> Option<PostingLine> {
    let amount = Money { minor: posting.amount, currency: posting.currency.parse().ok()? };
    Some(PostingLine {
        at: Moment(posting.at),
        account: account_words(&posting.account),
        amount: amount.to_string(),
        reference: posting.reference.clone(),
    })
}

fn news_line(news: &Delivery) -> NewsLine {
    NewsLine {
        at: Moment(news.made_at),
        hook: news.hook.clone(),
        kind: news.kind.trim_start_matches("payment.").replace('_', " "),
        badge: match (news.taken_at, news.tries) {
            (Some(_), _) => Badge::new(Level::Ok, "taken"),
            (None, 0) => Badge::new(Level::Note, "not sent yet"),
            (None, tries) => Badge::new(Level::Warn, format!("not taken, tried {tries} times")),
        },
    }
}

#[derive(Deserialize)]
pub struct Ordered {
    #[serde(default)]
    act: String,
    /// Such as `12.50`; all that is left where it is empty.
    #[serde(default)]
    amount: String,
    /// Drawn with the page, so that a form that is sent twice is done once.
    #[serde(default)]
    name: String,
    /// It goes back because it was fraud.
    #[serde(default)]
    fraud: String,
    /// What a person found at the provider, or why nothing is there.
    #[serde(default)]
    transaction: String,
    #[serde(default)]
    why: String,
}

/// Takes, gives back or sets free.
pub async fn act(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(ordered): Form<Ordered>,
) -> Result<Response, Failure> {
    let (payments, payment) = (payments(&app)?, read_id(&id)?);
    if !may(&app, &view).await? {
        return Err(Failure::denied(
            "console.payments_role",
            "Money is moved by members of the groups owner and accountant.",
        ));
    }
    let missing = || Failure::missing("payments.no_payment", "There is no such payment.");
    let held = payments.find(payment).await?.ok_or_else(missing)?;
    let done = match amount(&ordered.amount, &held) {
        Ok(amount) => {
            let name = (!ordered.name.is_empty()).then(|| ordered.name.chars().take(64).collect());
            let wish = Wish { actor: Actor::Staff { id: view.visitor.staff }, amount, name };
            match ordered.act.as_str() {
                "capture" => payments.capture(payment, wish).await,
                "refund" if ordered.fraud == "yes" => payments.refund_for_fraud(payment, wish).await,
                "refund" => payments.refund(payment, wish).await,
                "void" => payments.void(payment, wish).await,
                "settle" => {
                    let by = (payment, wish.actor);
                    unknown::settle(payments, by, &ordered.transaction, &ordered.why).await.map(|()| held)
                }
                "fraud" => {
                    payments.label(payment, (Truth::Fraud, Source::Refund), wish.actor).await.map(|()| held)
                }
                _ => return Err(Failure::invalid("console.payments_act", "There is no such act.")),
            }
        }
        Err(why) => return refused(&app, &view, &id, why.to_owned()).await,
    };
    match done {
        Ok(after) if after.is_unsure && ordered.act != "settle" => {
            Ok(redirect(&format!("{HERE}/{id}?done=unsure")))
        }
        Ok(_) if ordered.act == "refund" && ordered.fraud == "yes" => {
            Ok(redirect(&format!("{HERE}/{id}?done=refund-fraud")))
        }
        Ok(_) => Ok(redirect(&format!("{HERE}/{id}?done={}", ordered.act))),
        Err(PayError::Store(error)) => Err(error.into()),
        Err(why) => refused(&app, &view, &id, why.to_string()).await,
    }
}

async fn refused(app: &App, view: &View, id: &str, why: String) -> Result<Response, Failure> {
    let content = content(app, view, id, &Done::default(), Some(sentence(&why))).await?;
    view.refused(TITLE, HERE, &content)
}

/// A fault as a sentence.
fn sentence(why: &str) -> String {
    let mut why = why.to_owned();
    if let Some(first) = why.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    format!("{why}.")
}

/// Minor units of `12.50`, exactly; `None` where nothing is written.
fn amount(text: &str, payment: &Payment) -> Result<Option<i64>, &'static str> {
    const WHY: &str =
        "Write the amount with a point, such as 12.50, with no more decimals than the currency has";
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let decimals = usize::try_from(payment.currency().decimals()).unwrap_or(0);
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(part) || part.len() > decimals {
        return Err(WHY);
    }
    let digits = format!("{whole}{part:0<decimals$}");
    digits.parse().map(Some).map_err(|_| WHY)
}
