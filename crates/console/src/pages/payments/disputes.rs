//! Disputes: those that are open, how long there is to answer, the evidence as it would go out, and the answer by whoever may.

use serde::Deserialize;
use storeward_base::{Actor, Timestamp};
use storeward_events::words;
use storeward_payments::desk::{
    Dispute, Error as PayError, EvidenceFile, Fact, FactKind, FileAbout, MOST_FILE_BYTES, Money, Pack,
    Payments, Reply,
};
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::header;
use storeward_web::{Failure, Form, Moment, Query, Upload, redirect};

use super::{TITLE, may, payments, sentence, way};
use crate::app::App;
use crate::level::{Badge, Level};
use crate::pages::next::confirm_link;
use crate::pages::view::{View, icons};

/// The navigation's entry, and where these pages are.
const NAV: &str = "/payments";
const HERE: &str = "/payments/disputes";
const LINES: u32 = 100;
/// A file and what goes with it in the form.
pub const UPLOAD_BYTES: usize = MOST_FILE_BYTES + 16 * 1024;
/// What is typed to give in, or to send: no click by mistake does.
const SURE: &str = "yes";

#[derive(Template)]
#[template(path = "disputes.html", askama = storeward_web::askama)]
struct DisputesPage {
    open: Vec<Line>,
    closed: Vec<Line>,
    icons: &'static str,
}

pub(super) struct Line {
    pub id: String,
    pub opened: Moment,
    pub due: Option<Moment>,
    pub amount: String,
    pub way: &'static str,
    pub reason: String,
    pub badge: Badge,
}

pub(super) fn line(dispute: &Dispute, now: Timestamp) -> Line {
    Line {
        id: dispute.id(),
        opened: Moment(dispute.opened_at),
        due: dispute.due_at.filter(|_| dispute.may_answer(now)).map(Moment),
        amount: dispute.money().map_or_else(|| dispute.amount.to_string(), |money| money.to_string()),
        way: way(Some(dispute.provider)),
        reason: dispute.reason.replace('_', " ").to_lowercase(),
        badge: badge(dispute, now),
    }
}

fn badge(dispute: &Dispute, now: Timestamp) -> Badge {
    match (dispute.state.as_str(), dispute.answer) {
        ("won", _) => Badge::new(Level::Ok, "won"),
        ("lost", Reply::Conceded) => Badge::new(Level::Plain, "given in"),
        ("lost", _) => Badge::new(Level::Bad, "lost"),
        (_, Reply::Sending | Reply::Conceding) => Badge::new(Level::Warn, "being asked"),
        (_, Reply::Sent | Reply::Conceded) => Badge::new(Level::Note, "under review"),
        (_, Reply::None) if !dispute.may_answer(now) => Badge::new(Level::Bad, "not answered in time"),
        (_, Reply::None) => Badge::new(Level::Warn, "waits for an answer"),
    }
}

pub async fn page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    let (payments, now) = (payments(&app)?, app.clock.now());
    let closed = payments.disputes(None, LINES).await?;
    let content = DisputesPage {
        open: payments.open_disputes(LINES).await?.iter().map(|one| line(one, now)).collect(),
        closed: closed.iter().filter(|one| one.state != "open").map(|one| line(one, now)).collect(),
        icons: icons(),
    };
    view.page(TITLE, NAV, &content)
}

#[derive(Template)]
#[template(path = "dispute.html", askama = storeward_web::askama)]
struct DisputePage<'a> {
    csrf: &'a str,
    line: Line,
    payment: String,
    order: String,
    withdrawn: String,
    fee: String,
    done: Option<&'static str>,
    fault: Option<String>,
    code: Option<String>,
    answered: Option<Moment>,
    /// Where to show a factor first.
    confirm: Option<String>,
    may: bool,
    may_answer: bool,
    is_on_its_way: bool,
    shown: Option<Shown>,
    kinds: &'static [(FactKind, &'static str)],
    abouts: &'static [(FileAbout, &'static str)],
    icons: &'static str,
}

/// The evidence, for whoever may send it.
struct Shown {
    digest: String,
    goes_out: Vec<(String, String)>,
    left_out: Vec<(String, String)>,
    course: Vec<(Moment, String)>,
    checked: Vec<String>,
    bought: String,
    facts: Vec<(String, &'static str, String)>,
    files: Vec<(String, &'static str, String)>,
}

const KINDS: &[(FactKind, &str)] = &[
    (FactKind::Carrier, "Carrier"),
    (FactKind::TrackingNumber, "Tracking number"),
    (FactKind::ShippedOn, "Day of dispatch"),
    (FactKind::DeliveredOn, "Day of delivery"),
    (FactKind::ShippedTo, "Address it went to"),
    (FactKind::Communication, "What was written"),
    (FactKind::Terms, "Terms of returns"),
    (FactKind::SignIn, "How the buyer was signed in"),
    (FactKind::Explanation, "Why the dispute is wrong"),
];

const ABOUTS: &[(FileAbout, &str)] = &[
    (FileAbout::Receipt, "Receipt or invoice"),
    (FileAbout::Shipping, "That it was sent, or arrived"),
    (FileAbout::Communication, "What was written"),
    (FileAbout::Terms, "Terms of returns"),
    (FileAbout::Other, "Something else"),
];

fn file_line(file: &EvidenceFile) -> (String, &'static str, String) {
    let about = ABOUTS.iter().find(|(one, _)| *one == file.about).map_or("", |(_, words)| words);
    let size = file.size_bytes.div_ceil(1024);
    (file.id.clone(), about, format!("{} ({}, {size} KiB)", file.name, file.kind.word().to_uppercase()))
}

fn kind_words(kind: FactKind) -> &'static str {
    KINDS.iter().find(|(one, _)| *one == kind).map_or("", |(_, words)| words)
}

fn shown(pack: &Pack) -> Shown {
    let fact = |fact: &Fact| (fact.id.clone(), kind_words(fact.kind), fact.text.clone());
    Shown {
        digest: pack.digest(),
        goes_out: pack.goes_out(),
        left_out: pack.left_out(),
        course: pack.course.iter().map(|(at, said)| (Moment(*at), said.clone())).collect(),
        checked: [pack.checked(), pack.told_earlier()].concat(),
        bought: pack.bought(),
        facts: pack.facts.iter().map(fact).collect(),
        files: pack.files.iter().map(file_line).collect(),
    }
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
    let content = content(&app, &view, &id, &asked.done, None).await?;
    view.page(TITLE, NAV, &content)
}

async fn content<'a>(
    app: &App,
    view: &'a View,
    id: &str,
    done: &str,
    fault: Option<String>,
) -> Result<DisputePage<'a>, Failure> {
    let (pays, now) = (payments(app)?, app.clock.now());
    let pack = pays.pack(id).await?;
    let dispute = &pack.dispute;
    let may = may(app, view).await?;
    let is_on_its_way = pays.is_on_its_way(id);
    let mut line = line(dispute, now);
    if is_on_its_way {
        line.badge = Badge::new(Level::Warn, "answer on its way");
    }
    let money = |minor: i64| match dispute.money() {
        Some(money) => Money { minor, ..money }.to_string(),
        None => minor.to_string(),
    };
    Ok(DisputePage {
        csrf: view.csrf(),
        payment: dispute.payment.to_string(),
        order: pack.payment.order.clone(),
        withdrawn: money(dispute.withdrawn),
        fee: money(dispute.fee),
        done: match done {
            "send" => Some("The evidence is with the provider."),
            "concede" => Some("You gave in: the buyer gets the money."),
            "add" => Some("It is added."),
            "remove" => Some("It is taken away."),
            "unsure" => Some(
                "The provider has not said yet whether it has it. It is being asked; nothing is sent twice.",
            ),
            _ => None,
        },
        fault,
        code: dispute.code.as_deref().map(|code| words::reason(code).to_string()),
        answered: dispute.answered_at.map(Moment),
        confirm: (!view.visitor.is_fresh).then(|| confirm_link(&format!("{HERE}/{id}"))),
        may,
        may_answer: dispute.may_answer(now) && !is_on_its_way,
        is_on_its_way,
        // It says who bought what: for those who answer, who have just shown a second factor.
        shown: (may && view.visitor.is_fresh).then(|| shown(&pack)),
        kinds: KINDS,
        abouts: ABOUTS,
        line,
        icons: icons(),
    })
}

#[derive(Deserialize)]
pub struct Ordered {
    #[serde(default)]
    act: String,
    #[serde(default)]
    about: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    fact: String,
    #[serde(default)]
    file: String,
    /// Of the evidence that was looked at.
    #[serde(default)]
    digest: String,
    #[serde(default)]
    sure: String,
}

async fn must(app: &App, view: &View) -> Result<(), Failure> {
    if may(app, view).await? {
        return Ok(());
    }
    Err(Failure::denied(
        "console.payments_role",
        "Disputes are answered by members of the groups owner and accountant.",
    ))
}

/// Adds, takes away, sends or gives in.
pub async fn act(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(ordered): Form<Ordered>,
) -> Result<Response, Failure> {
    must(&app, &view).await?;
    let is_sure = ordered.sure.trim().eq_ignore_ascii_case(SURE);
    if matches!(ordered.act.as_str(), "send" | "concede") && !is_sure {
        let why = "Type the word “yes” to say that you are sure. Nothing was sent.";
        let content = content(&app, &view, &id, "", Some(why.to_owned())).await?;
        return view.refused(TITLE, NAV, &content);
    }
    let actor = Actor::Staff { id: view.visitor.staff };
    let done = carried_out(payments(&app)?, actor, &id, &ordered).await;
    answered(&app, &view, &id, done).await
}

/// Adds a file.
pub async fn add_file(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    upload: Upload,
) -> Result<Response, Failure> {
    must(&app, &view).await?;
    let misfit = |field, why| PayError::Misfit { field, why };
    let done = match (FileAbout::of_word(upload.field("about")), upload.file()) {
        (None, _) => Err(misfit("about", "choose what it shows")),
        (_, None) => Err(misfit("file", "choose a file")),
        (Some(about), Some(file)) => {
            let actor = Actor::Staff { id: view.visitor.staff };
            let content = file.bytes.to_vec();
            payments(&app)?.add_file(actor, &id, about, &file.name, content).await.map(|()| "add")
        }
    };
    answered(&app, &view, &id, done).await
}

async fn answered(
    app: &App,
    view: &View,
    id: &str,
    done: Result<&'static str, PayError>,
) -> Result<Response, Failure> {
    match done {
        Ok(done) => Ok(redirect(&format!("{HERE}/{id}?done={done}"))),
        Err(PayError::Store(error)) => Err(error.into()),
        Err(PayError::NoDispute) => Err(PayError::NoDispute.into()),
        Err(why) => {
            let content = content(app, view, id, "", Some(sentence(&why.to_string()))).await?;
            view.refused(TITLE, NAV, &content)
        }
    }
}

async fn carried_out(
    payments: &Payments,
    actor: Actor,
    id: &str,
    ordered: &Ordered,
) -> Result<&'static str, PayError> {
    let told = |dispute: Dispute, done| match dispute.answer {
        Reply::Sending | Reply::Conceding => "unsure",
        _ => done,
    };
    match ordered.act.as_str() {
        "add" => {
            let no_kind = PayError::Misfit { field: "about", why: "choose what it is about" };
            let kind = FactKind::of_word(&ordered.about).ok_or(no_kind)?;
            payments.add_fact(actor, id, kind, &ordered.text).await.map(|_| "add")
        }
        "remove" => payments.remove_fact(actor, id, &ordered.fact).await.map(|()| "remove"),
        "remove_file" => payments.remove_file(actor, id, &ordered.file).await.map(|()| "remove"),
        "send" => payments.send_evidence(actor, id, &ordered.digest).await.map(|one| told(one, "send")),
        "concede" => payments.concede(actor, id).await.map(|one| told(one, "concede")),
        _ => Err(PayError::Misfit { field: "act", why: "there is no such act" }),
    }
}

/// The evidence as a file. To be saved, never shown: what a buyer wrote must not run on the console's host.
pub async fn file(State(app): State<App>, view: View, Path(id): Path<String>) -> Result<Response, Failure> {
    must(&app, &view).await?;
    let pack = payments(&app)?.pack(&id).await?;
    let body = pack.file();
    let head = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"dispute-evidence.json\""),
    ];
    Ok((head, body).into_response())
}
