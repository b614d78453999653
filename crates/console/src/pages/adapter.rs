//! The shop's own sign-in, learnt by looking on: one member of staff signs in there with a test account, sees what was recognised,
//! corrects it, has it tried, and saves it.

use serde::Deserialize;
use storeward_base::Secret;
use storeward_identity::teach::{
    Chosen, KeptFile, Learning, Saved, Standing, Teach, Tried, Unfit, Withdrawn, is_file_name, spelled,
};
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::{Html, IntoResponse, Response};
use storeward_web::http::HeaderMap;
use storeward_web::{Failure, Form, LeadsTo, Moment, Query, redirect, redirect_away, render};

use super::pass::lead_on;
use super::view::{View, icons};
use crate::app::App;
use crate::level::{Badge, Level};

const HERE: &str = "/apps";
const PAGE: &str = "/adapter";
const TITLE: &str = "Shop sign-in";
const CHECK: &str = "/adapter/check";
/// Requests that the page shows, newest first.
const STEPS: usize = 12;

#[derive(Template)]
#[template(path = "adapter.html", askama = storeward_web::askama)]
struct AdapterPage<'a> {
    csrf: &'a str,
    is_set_up: bool,
    in_force: Option<String>,
    lesson: Option<LessonLine>,
    state: Option<StatePart>,
    /// What earlier lessons left.
    kept: Vec<KeptFile>,
    fault: Option<&'static str>,
    user: String,
    icons: &'static str,
}

/// Of one's own lesson; of another member's only that there is one.
struct LessonLine {
    began: Moment,
    own: Option<OwnLesson>,
}

struct OwnLesson {
    is_watching: bool,
    user: String,
    start: String,
}

#[derive(Template)]
#[template(path = "adapter_state.html", askama = storeward_web::askama)]
struct StatePart {
    is_watching: bool,
    lines: Vec<Line>,
    doubts: Vec<String>,
    is_ready: bool,
    steps: Vec<StepLine>,
    icons: &'static str,
}

struct Line {
    badge: Badge,
    what: &'static str,
    words: String,
}

struct StepLine {
    request: String,
    status: u16,
    more: String,
}

impl StatePart {
    fn of(standing: &Standing) -> Self {
        let line = |said: &Learning| Line {
            badge: if said.is_seen {
                Badge::new(Level::Ok, "seen")
            } else {
                Badge::new(Level::Warn, "to do")
            },
            what: said.what,
            words: said.words.clone(),
        };
        let steps = standing.steps.iter().rev().take(STEPS);
        StatePart {
            is_watching: standing.is_watching,
            lines: standing.in_words().iter().map(line).collect(),
            doubts: if standing.steps.is_empty() { Vec::new() } else { standing.doubts() },
            is_ready: standing.learnt.choice().is_some(),
            steps: steps
                .map(|step| StepLine {
                    request: format!("{} {}", step.method, step.path),
                    status: step.status,
                    more: [("fields", &step.fields), ("cookies", &step.cookies)]
                        .iter()
                        .filter(|(_, names)| !names.is_empty())
                        .map(|(what, names)| format!("{what}: {}", names.join(", ")))
                        .collect::<Vec<_>>()
                        .join(" · "),
                })
                .collect(),
            icons: icons(),
        }
    }
}

fn teach(app: &App) -> Result<&Teach, Failure> {
    let missing =
        || Failure::missing("console.teach", "Customers have no accounts here: there is no [identity].");
    app.teach.as_ref().ok_or_else(missing)
}

pub async fn page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    show(&app, &view, None, String::new()).await
}

async fn show(
    app: &App,
    view: &View,
    fault: Option<&'static str>,
    user: String,
) -> Result<Response, Failure> {
    let staff = view.visitor.staff;
    if let Some(teach) = &app.teach {
        teach.compare(staff).await;
    }
    let standing = app.teach.as_ref().and_then(|teach| teach.standing(staff));
    let under_way = app.teach.as_ref().and_then(Teach::under_way);
    let own = |standing: &Standing| OwnLesson {
        is_watching: standing.is_watching,
        user: standing.user.clone(),
        start: app.teach.as_ref().map(Teach::start_address).unwrap_or_default(),
    };
    let lesson = under_way
        .map(|(_, began_at)| LessonLine { began: Moment(began_at), own: standing.as_ref().map(own) });
    let content = AdapterPage {
        csrf: view.csrf(),
        is_set_up: app.teach.is_some(),
        in_force: app.teach.as_ref().and_then(Teach::in_force),
        lesson,
        kept: match &app.teach {
            Some(teach) => teach.kept().await?,
            None => Vec::new(),
        },
        state: standing.as_ref().map(StatePart::of),
        fault,
        user,
        icons: icons(),
    };
    if fault.is_some() { view.refused(TITLE, HERE, &content) } else { view.page(TITLE, HERE, &content) }
}

/// The part of the page that renews itself.
pub async fn state(State(app): State<App>, view: View) -> Result<Response, Failure> {
    let teach = teach(&app)?;
    teach.compare(view.visitor.staff).await;
    let standing = teach.standing(view.visitor.staff).ok_or_else(over)?;
    Ok(Html(render(&StatePart::of(&standing))?).into_response())
}

fn over() -> Failure {
    Failure::missing("console.teach_over", "This is over. Begin again.")
}

#[derive(Deserialize)]
pub struct Beginning {
    user: String,
}

pub async fn begin(
    State(app): State<App>,
    view: View,
    Form(beginning): Form<Beginning>,
) -> Result<Response, Failure> {
    let fault = match teach(&app)?.begin(view.visitor.staff, &beginning.user).await? {
        Ok(()) => return Ok(redirect(PAGE)),
        Err(Unfit::Taken(_)) => "Another member of staff is at it. It ends by itself after half an hour.",
        Err(Unfit::Name) => "Give the name of the test account as it is typed at the shop.",
    };
    show(&app, &view, Some(fault), beginning.user).await
}

#[derive(Deserialize)]
pub struct Nothing {}

/// One's own: nobody ends another member's.
pub async fn end(
    State(app): State<App>,
    view: View,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Response, Failure> {
    teach(&app)?.end(view.visitor.staff);
    Ok(redirect(PAGE))
}

#[derive(Deserialize)]
pub struct Arriving {
    #[serde(default)]
    browser: String,
}

/// From the shop's host, where this console's cookie does not come along.
pub async fn arrive(headers: HeaderMap, Query(arriving): Query<Arriving>) -> Result<Response, Failure> {
    if arriving.browser.is_empty() || !arriving.browser.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Failure::invalid(
            "console.teach",
            "This address is not whole. Begin again in the console.",
        ));
    }
    lead_on(&headers, &format!("/adapter/join/{}", arriving.browser))
}

#[derive(Template)]
#[template(path = "adapter_join.html", askama = storeward_web::askama)]
struct JoinPage<'a> {
    csrf: &'a str,
    browser: &'a str,
    shop: String,
}

pub async fn join_page(
    State(app): State<App>,
    view: View,
    Path(browser): Path<String>,
) -> Result<Response, Failure> {
    let teach = teach(&app)?;
    if teach.standing(view.visitor.staff).is_none() {
        return Err(over());
    }
    let content = JoinPage { csrf: view.csrf(), browser: &browser, shop: teach.shop_origin() };
    let response = view.page(TITLE, HERE, &content)?;
    let to = LeadsTo::new(&format!("{}/", teach.shop_origin()));
    Ok(to.ok_or_else(|| Failure::broken("console.teach"))?.mark(response))
}

/// The browser goes back to the shop with a code.
pub async fn join(
    State(app): State<App>,
    view: View,
    Path(browser): Path<String>,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Response, Failure> {
    let teach = teach(&app)?;
    let code = teach.join(view.visitor.staff, &browser).ok_or_else(over)?;
    let url = format!("{}?code={}", teach.take_address(), code.expose());
    redirect_away(&url).ok_or_else(|| Failure::broken("console.teach"))
}

/// What the owner chose. All of it is optional, so that a form without it is what was recognised.
#[derive(Clone, Default, Deserialize)]
pub struct Choosing {
    cookies: Option<String>,
    user_field: Option<String>,
    password_field: Option<String>,
    page: Option<String>,
    out: Option<String>,
    /// Of the test account; used for the try alone.
    secret: Option<Secret<String>>,
}

impl Choosing {
    fn chosen(&self) -> Chosen {
        let names = |text: &String| {
            text.split([' ', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        Chosen {
            cookies: self.cookies.as_ref().map(names),
            user: self.user_field.clone(),
            password: self.password_field.clone(),
            page: self.page.clone(),
            out: self.out.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "adapter_check.html", askama = storeward_web::askama)]
struct CheckPage<'a> {
    csrf: &'a str,
    user: String,
    door: String,
    cookies: String,
    seen_cookies: Vec<String>,
    user_fields: Vec<Pick>,
    password_fields: Vec<Pick>,
    pages: Vec<Pick>,
    outs: Vec<Pick>,
    verdict: Option<Verdict>,
    file: Option<String>,
    name: String,
    name_fault: Option<&'static str>,
    icons: &'static str,
}

struct Verdict {
    level: Level,
    words: String,
}

/// One choice of a list.
struct Pick {
    value: String,
    words: String,
    is_picked: bool,
}

fn picks<'a>(all: impl IntoIterator<Item = (String, String)> + 'a, picked: &str) -> Vec<Pick> {
    all.into_iter().map(|(value, words)| Pick { is_picked: value == picked, value, words }).collect()
}

pub async fn check(State(app): State<App>, view: View) -> Result<Response, Failure> {
    check_page(&app, &view, &Choosing::default(), Outcome::default())
}

/// What a form led to.
#[derive(Default)]
struct Outcome {
    verdict: Option<Verdict>,
    file: Option<String>,
    name: String,
    name_fault: Option<&'static str>,
}

fn check_page(app: &App, view: &View, choosing: &Choosing, outcome: Outcome) -> Result<Response, Failure> {
    let standing = teach(app)?.standing(view.visitor.staff).ok_or_else(over)?;
    let learnt = &standing.learnt;
    let choice = learnt.choice().ok_or_else(|| {
        Failure::missing("console.teach_early", "Not enough was seen yet. Go on at the shop, then come back.")
    })?;
    let own = |wanted: &Option<String>, found: &str| wanted.clone().unwrap_or_else(|| found.to_owned());
    let fields =
        |picked: &str| picks(choice.door.fields.iter().map(|name| (name.clone(), name.clone())), picked);
    let found_out = choice.out.as_ref().map(spelled).unwrap_or_default();
    let nowhere = (String::new(), "none of these: it stays signed in".to_owned());
    let outs = learnt.outs.iter().map(|out| (spelled(out), spelled(out))).chain([nowhere]);
    let kept: Vec<_> = choice.session.iter().cloned().collect();
    let is_refused = outcome.verdict.as_ref().is_some_and(|verdict| verdict.level != Level::Ok);
    let content = CheckPage {
        csrf: view.csrf(),
        user: standing.user.clone(),
        door: choice.door.path.clone(),
        cookies: own(&choosing.cookies, &kept.join(" ")),
        seen_cookies: learnt.cookies.iter().map(|cookie| cookie.name.clone()).collect(),
        user_fields: fields(&own(&choosing.user_field, &choice.door.user)),
        password_fields: fields(&own(&choosing.password_field, &choice.door.password)),
        pages: picks(
            learnt.probes.iter().map(|probe| (probe.path.clone(), probe.path.clone())),
            &own(&choosing.page, &choice.probe.path),
        ),
        outs: picks(outs, &own(&choosing.out, &found_out)),
        verdict: outcome.verdict,
        file: outcome.file,
        name: outcome.name,
        name_fault: outcome.name_fault,
        icons: icons(),
    };
    if is_refused || content.name_fault.is_some() {
        return view.refused(TITLE, HERE, &content);
    }
    view.page(TITLE, HERE, &content)
}

/// Signs the test account in and out by what was chosen.
pub async fn try_it(
    State(app): State<App>,
    view: View,
    Form(choosing): Form<Choosing>,
) -> Result<Response, Failure> {
    let unfit = || Failure::invalid("console.teach_secret", "Type the password of the test account.");
    let secret = choosing.secret.clone().filter(|secret| !secret.expose().is_empty()).ok_or_else(unfit)?;
    let tried = teach(&app)?.try_it(view.visitor.staff, &choosing.chosen(), secret).await;
    let bad = |words: String| Some(Verdict { level: Level::Bad, words });
    let outcome = match tried {
        Tried::NoLesson => return Err(over()),
        Tried::Works { proposal, but } => {
            let but = but.map(|fault| format!(" But {fault}.")).unwrap_or_default();
            let words =
                format!("It works: the test account signed in, was seen, and was told from a visitor.{but}");
            let verdict = Some(Verdict { level: Level::Ok, words });
            Outcome { verdict, file: Some(proposal.text), name: "own-shop".to_owned(), name_fault: None }
        }
        Tried::Fails { proposal, why } => {
            let verdict = bad(format!("It does not work: {why}."));
            Outcome { verdict, file: Some(proposal.text), ..Outcome::default() }
        }
        Tried::NoAdapter => Outcome {
            verdict: bad(
                "These choices make no sign-in: name a cookie that was seen, and two different fields."
                    .to_owned(),
            ),
            ..Outcome::default()
        },
        Tried::NoAnswer => Outcome {
            verdict: bad("The shop does not answer at the moment.".to_owned()),
            ..Outcome::default()
        },
    };
    check_page(&app, &view, &choosing, outcome)
}

#[derive(Deserialize)]
pub struct Withdrawing {
    name: String,
}

/// A file that a lesson left is deleted.
pub async fn withdraw(
    State(app): State<App>,
    view: View,
    Form(withdrawing): Form<Withdrawing>,
) -> Result<Response, Failure> {
    let fault = match teach(&app)?.withdraw(view.visitor.staff, &withdrawing.name).await? {
        Withdrawn::Gone => return Ok(redirect(PAGE)),
        Withdrawn::InForce => {
            "It guards the shop now. Name another one under [shield] and reload, then take it back."
        }
        Withdrawn::Nothing => "There is no such file of a lesson any more.",
    };
    show(&app, &view, Some(fault), String::new()).await
}

#[derive(Deserialize)]
pub struct Saving {
    name: String,
}

#[derive(Template)]
#[template(path = "adapter_saved.html", askama = storeward_web::askama)]
struct SavedPage {
    file: String,
    in_force: Option<String>,
}

pub async fn save(
    State(app): State<App>,
    view: View,
    Form(saving): Form<Saving>,
) -> Result<Response, Failure> {
    let teach = teach(&app)?;
    let name = saving.name.trim().to_owned();
    let fault = match teach.save(view.visitor.staff, &name).await? {
        Saved::Written => {
            let content = SavedPage { file: format!("{name}.toml"), in_force: teach.in_force() };
            return view.page(TITLE, HERE, &content);
        }
        Saved::There => "There is a file of this name already. Choose another one.",
        Saved::Refused if is_file_name(&name) => return Ok(redirect(CHECK)),
        Saved::Refused => "Small letters, digits and - only, and no name that Storeward uses itself.",
    };
    let file = teach.works(view.visitor.staff);
    check_page(
        &app,
        &view,
        &Choosing::default(),
        Outcome { verdict: None, file, name, name_fault: Some(fault) },
    )
}
