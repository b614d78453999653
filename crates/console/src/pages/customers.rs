//! Customers: an account found by its exact address, what staff may see of it, and what they may do to it.
//!
//! There is no route that acts as a customer, shows a secret or chooses a password, and there will be none.

use serde::Deserialize;
use storeward_base::{CustomerId, StaffId};
use storeward_identity::staff::{
    AccountView, Act, By, Customers, Done, HeldView, OfficeView, Reason, WaitView, parse_id,
};
use storeward_payments::desk::{month, name_of as means_name};
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Moment, Query, redirect};

use super::next::confirm_link;
use super::view::{View, icons};
use crate::accounts::{self, Names};
use crate::app::App;
use crate::error::Error;
use crate::level::{Badge, Level};
use crate::outlook::counted;

const HERE: &str = "/customers";
const TITLE: &str = "Customers";

#[derive(Template)]
#[template(path = "customers.html", askama = storeward_web::askama)]
struct CustomersPage<'a> {
    csrf: &'a str,
    done: Option<&'static str>,
    fault: Option<&'a str>,
    /// Accounts of one address, where there are several.
    several: Vec<String>,
    is_set_up: bool,
    pressed: Vec<PressedLine>,
    icons: &'static str,
}

/// One account whose sign-ins were held back of late.
pub struct PressedLine {
    pub id: String,
    pub count: String,
    pub at: Moment,
    pub badge: Badge,
    pub why: String,
}

#[derive(Template)]
#[template(path = "customer.html", askama = storeward_web::askama)]
struct CustomerPage<'a> {
    csrf: &'a str,
    id: String,
    masked: String,
    done: Option<&'static str>,
    fault: Option<&'a str>,
    state: Vec<Badge>,
    facts: Vec<(&'static str, String)>,
    since: Moment,
    acts: Vec<ActForm>,
    /// Where a second factor is shown first; nothing where one was shown just now.
    confirm: Option<String>,
    wait: Option<String>,
    factors: Vec<FactorLine>,
    sessions: Vec<SessionLine>,
    held: Vec<HeldLine>,
    activity: Vec<(Moment, String, String)>,
    past: Vec<PastLine>,
    /// What the shop keeps of how they pay; `None` where the reader's role does not see it.
    means: Option<Vec<MeansLine>>,
    icons: &'static str,
}

struct MeansLine {
    name: String,
    way: &'static str,
    until: Option<String>,
    since: Moment,
}

struct ActForm {
    word: &'static str,
    /// Tells the fields of one form from those of another.
    key: String,
    label: String,
    hint: &'static str,
    is_grave: bool,
    /// What was shown, and comes back with the form.
    compared: Option<String>,
}

struct FactorLine {
    kind: &'static str,
    added: Moment,
    used: Option<Moment>,
}

struct SessionLine {
    device: String,
    place: String,
    assurance: &'static str,
    began: Moment,
    seen: Moment,
}

struct HeldLine {
    at: Moment,
    badge: Badge,
    purpose: &'static str,
    why: Vec<String>,
}

struct PastLine {
    at: Moment,
    who: String,
    what: &'static str,
    reason: String,
}

/// Customers' accounts, where there are some.
fn customers(app: &App) -> Result<&Customers, Failure> {
    app.customers.as_ref().ok_or_else(|| {
        Failure::missing(
            "console.no_customers",
            "Customers have no accounts here: storeward.toml has no [identity].",
        )
    })
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let mut content = list(&app, &view, None).await?;
    content.done = (asked.done == Act::Close.word()).then_some(
        "The account is closed: nothing of it is left here but the ledger. The person was told by mail.",
    );
    view.page(TITLE, HERE, &content)
}

async fn list<'a>(app: &App, view: &'a View, fault: Option<&'a str>) -> Result<CustomersPage<'a>, Failure> {
    let pressed = pressed(app).await?;
    let is_set_up = app.customers.is_some();
    let (done, several) = (None, Vec::new());
    Ok(CustomersPage { csrf: view.csrf(), done, fault, several, is_set_up, pressed, icons: icons() })
}

/// Accounts under pressure, for this page and for Now.
pub async fn pressed(app: &App) -> Result<Vec<PressedLine>, Failure> {
    let Some(customers) = &app.customers else { return Ok(Vec::new()) };
    let pressed = customers.pressed_lately().await.map_err(Error::from)?;
    Ok(pressed
        .into_iter()
        .map(|account| PressedLine {
            id: account.customer.to_string(),
            count: counted(u64::try_from(account.count).unwrap_or(u64::MAX), "time", "times"),
            at: Moment(account.last.at),
            badge: held_badge(&account.last),
            why: account.last.why.join(" "),
        })
        .collect())
}

#[derive(Deserialize)]
pub struct Wanted {
    address: String,
}

/// By a form only: an address stands in no URL, no log and no history.
pub async fn find(
    State(app): State<App>,
    view: View,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Failure> {
    let found = customers(&app)?.find(view.visitor.staff, &wanted.address).await.map_err(Error::from)?;
    match found.as_slice() {
        [only] => Ok(redirect(&format!("{HERE}/{only}"))),
        [_, _, ..] => {
            let mut content = list(&app, &view, None).await?;
            content.several = found.iter().map(ToString::to_string).collect();
            view.page(TITLE, HERE, &content)
        }
        [] => {
            let fault = "No account has exactly this address. It is compared as a whole: there is no search by parts.";
            let content = list(&app, &view, Some(fault)).await?;
            view.refused(TITLE, HERE, &content)
        }
    }
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    done: String,
}

pub async fn account(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let id = parse_id(&id).ok_or_else(no_such)?;
    let content = look(&app, &view, id, done_words(&asked.done), None).await?;
    view.page("A customer", HERE, &content)
}

/// The account's page, whatever way leads to it. Each look is told before anything of it is shown.
async fn look<'a>(
    app: &App,
    view: &'a View,
    id: CustomerId,
    done: Option<&'static str>,
    fault: Option<&'a str>,
) -> Result<CustomerPage<'a>, Failure> {
    let found = customers(app)?.view(id).await.map_err(Error::from)?.ok_or_else(no_such)?;
    customers(app)?.looked_at(view.visitor.staff, id).await.map_err(Error::from)?;
    let names = app.db.read(accounts::names).await.map_err(Error::from)?;
    let mut content = account_page(view, &found, &names, done, fault);
    content.means = means(app, view, id).await?;
    Ok(content)
}

/// For those who see payments, of a shop that takes some.
async fn means(app: &App, view: &View, id: CustomerId) -> Result<Option<Vec<MeansLine>>, Failure> {
    let Some(payments) = &app.payments else { return Ok(None) };
    if !super::payments::may(app, view).await? {
        return Ok(None);
    }
    let kept = payments.kept_of_account(id).await?.into_iter().map(|(_, one)| MeansLine {
        name: means_name(&one),
        way: super::payments::way(Some(one.provider)),
        until: one.expires.as_deref().map(month),
        since: Moment(one.created_at),
    });
    Ok(Some(kept.collect()))
}

fn no_such() -> Failure {
    Failure::missing("console.no_such_customer", "There is no account of this number.")
}

#[derive(Deserialize)]
pub struct Fields {
    act: String,
    reason: String,
    /// What stood on the page, of the acts that go by it: the code that was compared, or the factor.
    #[serde(default)]
    compared: String,
}

pub async fn act(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let customers = customers(&app)?;
    let id = parse_id(&id).ok_or_else(no_such)?;
    let act = Act::of_word(&fields.act)
        .ok_or_else(|| Failure::invalid("console.act", "The form does not fit this page."))?;
    let Some(reason) = Reason::parse(&fields.reason) else {
        return again(&app, &view, id, "Give a reason of 3 to 300 characters in one line. It is kept.").await;
    };
    let by = By { staff: view.visitor.staff, reason };
    let changed = match act {
        Act::LetIntoOffice => customers.let_into_office(&by, id, &fields.compared).await,
        Act::TakeFactor => customers.take_factor(&by, id, &fields.compared).await,
        _ => customers.act(&by, id, act).await,
    };
    let done = match changed.map_err(Error::from)? {
        Done::OtherCode => {
            let fault = "What they added is not what you compared: it changed after this page was shown. Nobody was let in. Compare the code anew.";
            return again(&app, &view, id, fault).await;
        }
        Done::NothingElse => {
            let fault = "Nothing was taken away: it is the last one, and there is no address to send a code to. Lock the account instead.";
            return again(&app, &view, id, fault).await;
        }
        // There is no page of it any more.
        Done::Changed if act == Act::Close => return Ok(redirect(&format!("{HERE}?done={}", act.word()))),
        Done::Changed => act.word(),
        Done::Already => "already",
        Done::WaitsForAnother => "waits",
        Done::TooOften { .. } => "too_often",
    };
    Ok(redirect(&format!("{HERE}/{id}?done={done}")))
}

async fn again(app: &App, view: &View, id: CustomerId, fault: &str) -> Result<Response, Failure> {
    let content = look(app, view, id, None, Some(fault)).await?;
    view.refused("A customer", HERE, &content)
}

fn done_words(done: &str) -> Option<&'static str> {
    Some(match done {
        "lock" => "The account is locked, and everybody is signed out of it. The person was told by mail.",
        "unlock" => "The account is open again. The person was told by mail.",
        "end_sessions" => "Everybody is signed out of the account. The person was told by mail.",
        "force_step_up" => "The next sign-in asks for a second factor.",
        "begin_new_password" => {
            "A mail with a link went to the address on file. The person chooses the new password; nobody here sees it."
        }
        "shop_password_changed" => "From now on sign-ins are asked for what the policy asks.",
        "too_often" => {
            "Nothing was sent: the person had several such mails of late. Try again in half an hour."
        }
        "begin_way_back" => {
            "The waiting time has begun. The person was told by mail, with a link that stops it."
        }
        "let_into_office" => "What they added opens the back office from now on.",
        "take_factor" => {
            "It is taken away, and everybody is signed out. The next sign-in asks for another factor or a mailed code. The person was told by mail."
        }
        "stop_way_back" => "The waiting time is stopped.",
        "shorten_way_back" => "The waiting time ends in an hour. The person was told by mail.",
        "waits" => "You asked for it. It takes effect when another member of staff asks for the same here.",
        "already" => "Nothing changed: it was so already.",
        _ => return None,
    })
}

fn account_page<'a>(
    view: &'a View,
    account: &AccountView,
    names: &Names,
    done: Option<&'static str>,
    fault: Option<&'a str>,
) -> CustomerPage<'a> {
    let id = account.id.to_string();
    CustomerPage {
        csrf: view.csrf(),
        masked: account.masked_email.clone(),
        done,
        fault,
        state: state_badges(account),
        facts: facts(account),
        since: Moment(account.created_at),
        acts: act_forms(account),
        confirm: (!view.visitor.is_fresh).then(|| confirm_link(&format!("{HERE}/{id}"))),
        wait: account.wait.as_ref().map(|wait| wait_words(wait, names)),
        factors: account
            .factors
            .iter()
            .map(|f| FactorLine { kind: f.kind, added: Moment(f.added_at), used: f.used_at.map(Moment) })
            .collect(),
        sessions: account
            .sessions
            .iter()
            .map(|s| SessionLine {
                device: s.device.clone(),
                place: s.place.clone(),
                assurance: assurance(s.acr),
                began: Moment(s.created_at),
                seen: Moment(s.seen_at),
            })
            .collect(),
        held: account.held.iter().map(HeldLine::of).collect(),
        activity: account
            .activity
            .iter()
            .map(|line| (Moment(line.at), line.what.clone(), line.device.clone()))
            .collect(),
        past: account
            .acts
            .iter()
            .map(|past| PastLine {
                at: Moment(past.at),
                who: name_of(past.staff, names),
                what: act_words(&past.what),
                reason: past.reason.clone(),
            })
            .collect(),
        id,
        means: None,
        icons: icons(),
    }
}

fn name_of(staff: StaffId, names: &Names) -> String {
    names.in_words(&staff.to_string())
}

fn state_badges(account: &AccountView) -> Vec<Badge> {
    let state = &account.state;
    let mut badges = Vec::new();
    if state.locked_at.is_some() {
        badges.push(Badge::new(Level::Bad, "locked"));
    }
    if state.password_disabled_at.is_some() {
        badges.push(Badge::new(Level::Warn, "password counts on known devices only"));
    }
    if state.must_change_at.is_some() {
        badges.push(Badge::new(Level::Warn, "must choose a new password"));
    }
    if state.step_up_forced_at.is_some() {
        badges.push(Badge::new(Level::Note, "second factor at the next sign-in"));
    }
    if badges.is_empty() {
        badges.push(Badge::new(Level::Ok, "open"));
    }
    badges
}

fn facts(account: &AccountView) -> Vec<(&'static str, String)> {
    let password = match account.password_set_at {
        Some(at) => format!("set on {}", crate::outlook::day(at)),
        None => "none here: it is the shop's own, and changed there".to_owned(),
    };
    let mut facts = vec![
        ("Password", password),
        ("Recovery codes left", account.codes_left.to_string()),
        ("Known devices", account.devices.to_string()),
        ("Language", account.language.tag().to_owned()),
    ];
    match &account.office {
        OfficeView::Nothing => {}
        OfficeView::Waits { code } => facts.push(("Code for the back office", code.clone())),
        OfficeView::Since(at) => {
            facts.push(("Back office", format!("open since {}", crate::outlook::day(*at))));
        }
    }
    facts
}

fn act_forms(account: &AccountView) -> Vec<ActForm> {
    let form = |act: Act, label: &str, hint, is_grave| ActForm {
        word: act.word(),
        key: act.word().to_owned(),
        label: label.to_owned(),
        hint,
        is_grave,
        compared: None,
    };
    let lock = if account.state.locked_at.is_some() {
        form(Act::Unlock, "Unlock the account", "The person can sign in again and is told by mail.", false)
    } else {
        let hint = "Nobody signs in, everybody is signed out, no device is trusted any more; the person is told by mail.";
        form(Act::Lock, "Lock the account", hint, true)
    };
    let end = "Everybody is signed out of the account, and no device is trusted any more; the person is told by mail.";
    let more = "Whoever signs in next shows a second factor, a mailed code at least.";
    let mut forms = vec![
        form(Act::ForceStepUp, "Ask for a second factor", more, false),
        form(Act::EndSessions, "End all sessions", end, false),
        lock,
    ];
    let of_shop = account.password_set_at.is_none();
    if of_shop && account.state.must_change_at.is_some() {
        let hint = "For somebody who said that a sign-in was not theirs, and who told you themself that they have a new password at the shop. Until then each sign-in asks for a second factor.";
        forms.insert(1, form(Act::ShopPasswordChanged, "The shop's password was changed", hint, true));
    }
    // Where the password is the shop's own there is none to be chosen here.
    if account.state.locked_at.is_none() && !of_shop {
        let hint = "The person gets a mail with a link that is good for ten minutes, and chooses it themself, behind their second factor if they have one. Nothing changes until then.";
        forms.insert(1, form(Act::BeginNewPassword, "Begin a new password", hint, false));
    }
    if let OfficeView::Waits { code } = &account.office {
        let hint = "Only for a member of the shop's own staff who told you the code below themself, by telephone or face to face. What they added opens the back office from then on.";
        let plain = form(Act::LetIntoOffice, "Let into the back office", hint, false);
        forms.push(ActForm { compared: Some(code.clone()), ..plain });
    }
    forms.extend(account.factors.iter().enumerate().map(|(at, factor)| {
        let hint = match account.factors.len() {
            1 => "For somebody who lost it. It is the last one: another member of staff asks for the same within a day. Then everybody is signed out, and the next sign-in asks for a mailed code.",
            _ => "For somebody who lost it. Everybody is signed out, and the next sign-in asks for another factor or a mailed code; the person is told by mail.",
        };
        let label = format!("Take away: {}, added on {}", factor.kind.to_lowercase(), crate::outlook::day(factor.added_at));
        let key = format!("{}-{at}", Act::TakeFactor.word());
        ActForm { key, compared: Some(factor.id.clone()), ..form(Act::TakeFactor, &label, hint, true) }
    }));
    match &account.wait {
        None if !account.factors.is_empty() => {
            let hint = "For somebody who lost every second factor and rings you: they are told by mail, wait, and add a new one themselves.";
            forms.push(form(Act::BeginWayBack, "Begin the way back", hint, false));
        }
        None => {}
        Some(wait) => {
            let stop = "Nobody adds a new factor this way.";
            forms.push(form(Act::StopWayBack, "Stop the way back", stop, false));
            if !wait.is_over {
                let hint = "Takes two members of staff. The person is told, and an hour is left to stop it.";
                forms.push(form(Act::ShortenWayBack, "Shorten the waiting time", hint, true));
            }
        }
    }
    let close = match account.factors.len() {
        0 => {
            "For somebody who asks for it and cannot do it themselves. Every row of the account goes, this page and the reason too; the person is told by mail. Whoever signs in at the shop afterwards is somebody new."
        }
        _ => {
            "For somebody who asks for it and cannot do it themselves. It has a second factor: another member of staff asks for the same within a day. Then every row of the account goes, this page and the reasons too; the person is told by mail. Whoever signs in at the shop afterwards is somebody new, with a mailed code alone."
        }
    };
    forms.push(form(Act::Close, "Close the account", close, true));
    forms
}

fn wait_words(wait: &WaitView, names: &Names) -> String {
    let by = wait.begun_by.map_or_else(|| "the person".to_owned(), |staff| name_of(staff, names));
    let when = if wait.is_over {
        "It is over: with a code to the address on file a new factor may be added.".to_owned()
    } else {
        format!("It ends on {}.", crate::outlook::day(wait.ends_at))
    };
    let asked = wait.shorten_asked_by.map_or_else(String::new, |staff| {
        format!(" {} asked to shorten it; another member of staff has to agree.", name_of(staff, names))
    });
    format!("Every second factor is said to be lost, by {by}. {when}{asked}")
}

fn act_words(word: &str) -> &'static str {
    match Act::of_word(word) {
        Some(Act::Lock) => "locked the account",
        Some(Act::Unlock) => "unlocked the account",
        Some(Act::EndSessions) => "ended all sessions",
        Some(Act::ForceStepUp) => "asked for a second factor",
        Some(Act::BeginNewPassword) => "began a new password",
        Some(Act::ShopPasswordChanged) => "said that the shop's password was changed",
        Some(Act::BeginWayBack) => "began the way back",
        Some(Act::StopWayBack) => "stopped the way back",
        Some(Act::LetIntoOffice) => "let them into the back office",
        Some(Act::ShortenWayBack) => "asked to shorten the waiting time",
        Some(Act::TakeFactor) => "took a factor away",
        // Of the account that is closed nothing is shown.
        Some(Act::Close) => "closed the account",
        None if word == "ask_close" => "asked to close the account",
        None if word == "ask_take_factor" => "asked to take the last factor away",
        None => "did something that this version does not know",
    }
}

fn assurance(acr: &str) -> &'static str {
    match acr {
        "phr" => "passkey",
        "aal2" => "two factors",
        _ => "password",
    }
}

fn held_badge(held: &HeldView) -> Badge {
    match held.what {
        "refused" => Badge::new(Level::Bad, "refused"),
        "failed" => Badge::new(Level::Warn, "did not fit"),
        "noticed" => Badge::new(Level::Note, "let in, noticed"),
        _ => Badge::new(Level::Note, "asked for more"),
    }
}

impl HeldLine {
    fn of(held: &HeldView) -> Self {
        let purpose = match held.purpose.as_str() {
            "sign_in" => "sign-in",
            "shield" => "the shop's own sign-in",
            "step_up" => "a sensitive act",
            "recovery" => "a way back in",
            _ => "another step",
        };
        HeldLine { at: Moment(held.at), badge: held_badge(held), purpose, why: held.why.clone() }
    }
}
