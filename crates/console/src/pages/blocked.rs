//! Blocked: look up a reference number, ban an address, let somebody back in.

use std::time::Duration;

use serde::Deserialize;
use storeward_base::{Actor, AddressBlock, ClientIp, PageSize, RequestId};
use storeward_edge::access::Field;
use storeward_edge::bans::{Ban, BanRefusal};
use storeward_events::words;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Moment, Query, redirect};

use super::next::confirm_link;
use super::now::stopped_filter;
use super::view::{View, icons};
use crate::app::App;
use crate::outlook::counted;
use crate::rows::{self, RequestRow, explore, only};

const HERE: &str = "/blocked";
const ROWS: usize = 25;
/// Bans shown; more are counted.
const MOST_BANS: u16 = 200;

/// Reason codes of staff, with their words.
const REASONS: [(&str, &str); 5] = [
    ("staff.attack", "It attacks the shop"),
    ("staff.card_testing", "It tries out cards"),
    ("staff.scraping", "It copies the shop"),
    ("staff.spam", "It sends spam"),
    ("staff.other", "Something else"),
];
/// Lengths in minutes.
const DURATIONS: [(u64, &str); 5] =
    [(60, "1 hour"), (10, "10 minutes"), (360, "6 hours"), (1_440, "1 day"), (10_080, "7 days")];

#[derive(Template)]
#[template(path = "blocked.html", askama = storeward_web::askama)]
struct BlockedPage<'a> {
    reference: String,
    find_fault: Option<&'a str>,
    form: BanForm<'a>,
    /// Where a second factor is shown first; nothing where one was shown just now.
    confirm: Option<String>,
    bans: Vec<BanRow>,
    ban_count: String,
    never: String,
    rows: Vec<RequestRow>,
    stopped_link: String,
    icons: &'static str,
}

#[derive(Template)]
#[template(path = "ban.html", askama = storeward_web::askama)]
struct BanPage<'a> {
    form: BanForm<'a>,
    icons: &'static str,
}

#[derive(Template)]
#[template(path = "lift.html", askama = storeward_web::askama)]
struct LiftPage<'a> {
    block: String,
    words: String,
    csrf: &'a str,
}

/// What the form to ban is filled with.
struct BanForm<'a> {
    csrf: &'a str,
    client: String,
    fault: Option<String>,
    reasons: &'static [(&'static str, &'static str)],
    durations: &'static [(u64, &'static str)],
}

struct BanRow {
    block: String,
    link: String,
    reason: String,
    level: u32,
    until: Moment,
}

impl<'a> BanForm<'a> {
    fn new(view: &'a View, client: String, fault: Option<String>) -> Self {
        BanForm { csrf: view.csrf(), client, fault, reasons: &REASONS, durations: &DURATIONS }
    }
}

pub async fn page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    let content = content(&app, &view, String::new(), None).await?;
    view.page("Blocked", HERE, &content)
}

#[derive(Deserialize)]
pub struct Reference {
    reference: String,
}

/// Leads to the request of a reference number, forgiving how it was read out.
pub async fn find(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Reference>,
) -> Result<Response, Failure> {
    let fault = match read_reference(&asked.reference) {
        None => "This is no reference number. It begins with req_ and has 26 letters and digits behind it.",
        Some(id) => match app.ask(move |access| access.get(id)).await? {
            Some(_) => return Ok(redirect(&format!("/requests/{id}"))),
            None => "No request has this number, or it is older than what is kept.",
        },
    };
    let shown: String = asked.reference.chars().take(80).collect();
    let content = content(&app, &view, shown, Some(fault)).await?;
    view.refused("Blocked", HERE, &content)
}

/// Any case, spaces and dashes anywhere, with or without `req_`; `o` for 0 and the like are the id's own affair.
fn read_reference(text: &str) -> Option<RequestId> {
    if text.len() > 200 {
        return None;
    }
    let plain: String = text.chars().filter(|c| c.is_ascii_alphanumeric()).collect::<String>().to_lowercase();
    let digits = plain.strip_prefix("req").filter(|rest| rest.len() == 26).unwrap_or(&plain);
    format!("req_{digits}").parse().ok()
}

#[derive(Deserialize)]
pub struct Client {
    #[serde(default)]
    client: String,
}

pub async fn ban_form(view: View, Query(asked): Query<Client>) -> Result<Response, Failure> {
    let client: String = asked.client.chars().take(64).collect();
    let page = BanPage { form: BanForm::new(&view, client, None), icons: icons() };
    view.page("Keep an address out", HERE, &page)
}

#[derive(Deserialize)]
pub struct NewBan {
    client: String,
    reason: String,
    minutes: u64,
}

pub async fn ban(
    State(app): State<App>,
    view: View,
    Form(fields): Form<NewBan>,
) -> Result<Response, Failure> {
    let reason = REASONS.iter().find(|(code, _)| *code == fields.reason).map(|(code, _)| *code);
    let reason = reason.ok_or_else(|| Failure::invalid("console.reason", "Choose one of the reasons."))?;
    let known = DURATIONS.iter().any(|(minutes, _)| *minutes == fields.minutes);
    if !known {
        return Err(Failure::invalid("console.duration", "Choose one of the durations."));
    }
    let by = Actor::Staff { id: view.visitor.staff };
    let fault = match fields.client.parse::<ClientIp>() {
        Err(_) => "Write one IP address, such as 203.0.113.7 or 2001:db8::7.".to_owned(),
        Ok(client) => match app.bans.ban_for(client, Duration::from_secs(fields.minutes * 60), reason, by) {
            Ok(_) => {
                app.keep_bans().await?;
                return Ok(redirect("/blocked#bans"));
            }
            Err(refusal) => refusal_words(&refusal),
        },
    };
    let client: String = fields.client.chars().take(64).collect();
    let page = BanPage { form: BanForm::new(&view, client, Some(fault)), icons: icons() };
    view.refused("Keep an address out", HERE, &page)
}

fn refusal_words(refusal: &BanRefusal) -> String {
    let text = refusal.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(std::iter::once('.')).collect()
}

pub async fn lift_form(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Client>,
) -> Result<Response, Failure> {
    let block = read_block(&asked.client)?;
    let ban = app.bans.get(block).ok_or(storeward_edge::bans::NotBanned)?;
    let page = LiftPage { block: block.to_string(), words: ban_words(&ban), csrf: view.csrf() };
    view.page("Lift a ban", HERE, &page)
}

pub async fn lift(
    State(app): State<App>,
    view: View,
    Form(fields): Form<Client>,
) -> Result<Response, Failure> {
    let block = read_block(&fields.client)?;
    app.bans.lift(block, Actor::Staff { id: view.visitor.staff })?;
    app.keep_bans().await?;
    Ok(redirect("/blocked#bans"))
}

fn read_block(text: &str) -> Result<AddressBlock, Failure> {
    text.parse()
        .map_err(|_| Failure::invalid("console.address", "Write one IP address, such as 203.0.113.7."))
}

/// A ban in a sentence.
pub fn ban_words(ban: &Ban) -> String {
    let by = match ban.by {
        Actor::Staff { .. } => "by staff",
        Actor::Operator => "on the command line",
        Actor::System | Actor::Client { .. } | Actor::Customer { .. } | Actor::Key { .. } => "by itself",
    };
    let turned_away = counted(ban.turned_away, "request", "requests");
    format!(
        "Banned {by} for {} until {}, level {}; {turned_away} turned away.",
        reason_words(&ban.reason),
        ban.until,
        ban.level
    )
}

fn reason_words(reason: &str) -> String {
    let ours = REASONS.iter().find(|(code, _)| *code == reason);
    match (ours, words::behaviour(reason)) {
        (Some((_, words)), _) => format!("“{words}”"),
        (None, code) if code == reason => reason.to_owned(),
        (None, behaviour) => format!("“It {behaviour}”"),
    }
}

async fn content<'a>(
    app: &App,
    view: &'a View,
    reference: String,
    find_fault: Option<&'a str>,
) -> Result<BlockedPage<'a>, Failure> {
    let stopped = stopped_filter()?;
    let stopped_link = explore(&stopped);
    let page = app.ask(move |access| access.query(&stopped, None, ROWS)).await?;
    let bans = app.bans.active(PageSize::new(MOST_BANS), None);
    let all = app.bans.stats().active;
    let row = |ban: &Ban| BanRow {
        block: ban.block.to_string(),
        link: only(&Default::default(), Field::Client, &ban.block.to_string()),
        reason: reason_words(&ban.reason),
        level: ban.level,
        until: Moment(ban.until),
    };
    Ok(BlockedPage {
        reference,
        find_fault,
        form: BanForm::new(view, String::new(), None),
        confirm: (!view.visitor.is_fresh).then(|| confirm_link(HERE)),
        ban_count: match bans.next {
            Some(_) => format!("the newest {} of {}", bans.rows.len(), rows::count(all)),
            None => counted(u64::try_from(all).unwrap_or(u64::MAX), "address", "addresses"),
        },
        bans: bans.rows.iter().map(row).collect(),
        never: app.status().never_block.join(", "),
        rows: page.records.iter().map(|record| RequestRow::new(record)).collect(),
        stopped_link,
        icons: icons(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_says_why_in_words() {
        assert_eq!(reason_words("attack_variety"), "“It tries out several kinds of attack”");
        assert_eq!(reason_words("staff.spam"), "“It sends spam”");
        assert_eq!(reason_words("of_a_newer_program"), "of_a_newer_program");
    }

    #[test]
    fn reference_numbers_are_read_as_people_say_them() {
        let id: RequestId = "req_01jd3k9q0c8x4m2v6t5r7w1y0z".parse().unwrap();
        for text in [
            "req_01jd3k9q0c8x4m2v6t5r7w1y0z",
            " REQ_01JD3K9Q0C8X4M2V6T5R7W1Y0Z ",
            "req o1jd 3k9q 0c8x 4m2v 6t5r 7wly oz",
            "01JD3K9Q-0C8X4M2V-6T5R7W1Y0Z",
        ] {
            assert_eq!(read_reference(text), Some(id), "{text}");
        }
        for bad in ["", "req_", "req_01jd", "staff_01jd3k9q0c8x4m2v6t5r7w1y0z", "<script>"] {
            assert_eq!(read_reference(bad), None, "{bad}");
        }
        assert_eq!(read_reference(&"0".repeat(5_000)), None);
    }
}
