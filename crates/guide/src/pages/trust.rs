//! The public page of facts, and `security.txt`.

use std::time::Duration;

use storeward_base::{PageSize, Timestamp};
use storeward_events::Event;
use storeward_identity::SecondFactor;
use storeward_store::{Error, Reader, ledger};
use storeward_web::Failure;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::header;

use super::view::View;
use super::{day, own};
use crate::guide::Guide;
use crate::texts::Texts;

const LATELY: Duration = Duration::from_secs(30 * 86_400);
/// Attacks are counted up to here: the page says "more than" beyond it.
const MOST_PAGES: u16 = 4;
/// How long figures from the ledger are good.
const COUNTED_FOR: Duration = Duration::from_secs(60);
/// `security.txt` is made anew each day, and says so (RFC 9116 section 2.5.5 advises less than a year).
const SECURITY_TXT_GOOD: Duration = Duration::from_secs(180 * 86_400);

/// Figures of the ledger at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    at: Timestamp,
    attacks: u64,
    /// There were more than were counted.
    more: bool,
    /// When this version was first started here.
    version_since: Option<Timestamp>,
}

#[derive(Template)]
#[template(path = "trust.html", askama = storeward_web::askama)]
struct TrustPage {
    t: Texts,
    base: &'static str,
    shop: String,
    now: String,
    truths: Vec<Truth>,
}

/// One heading with what is true under it.
struct Truth {
    /// The picture's path.
    picture: &'static str,
    title: String,
    says: Vec<String>,
    /// A link to go on.
    link: Option<(String, String)>,
}

const LOCK: &str = "M7 11V8a5 5 0 0 1 10 0v3M5 11h14v10H5zM12 15v3";
const KEY: &str = "M15 9a4 4 0 1 0-3.5 4L14 15.500h2V18h2v2h3v-3l-6.500-6";
const SHIELD: &str = "M12 3l8 3v6c0 5-3 8-8 10-5-2-8-5-8-10V6zM8 12l3 3 5-6";
const MAIL: &str = "M3 6h18v13H3zM3 7l9 7 9-7";
const FLAG: &str = "M6 21V4h12l-3 4 3 4H6";

impl Guide {
    async fn counted(&self) -> Result<Counted, Error> {
        let now = self.0.now();
        let kept = *self.0.counted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(kept) = kept.filter(|kept| now.since(kept.at) < COUNTED_FOR) {
            return Ok(kept);
        }
        let version = (self.0.trust)().version;
        let counted = self.0.db.read(move |reader: &mut Reader<'_>| {
            let (attacks, more) = attacks(reader, now)?;
            Ok::<_, Error>(Counted { at: now, attacks, more, version_since: started(reader, &version)? })
        });
        let counted = counted.await?;
        *self.0.counted.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(counted);
        Ok(counted)
    }
}

fn attacks(reader: &mut Reader<'_>, now: Timestamp) -> Result<(u64, bool), Error> {
    let mut filter = ledger::Filter {
        kind_prefix: Some("edge.request_blocked".to_owned()),
        from: Some(now.minus(LATELY)),
        ..ledger::Filter::default()
    };
    let mut count = 0;
    for _ in 0..MOST_PAGES {
        let page = ledger::search(reader, &filter, PageSize::new(PageSize::MAX))?;
        count += u64::try_from(page.rows.len()).unwrap_or(0);
        filter.before = page.next;
        if page.next.is_none() {
            return Ok((count, false));
        }
    }
    Ok((count, true))
}

/// Since when this version runs here, going back from now.
fn started(reader: &mut Reader<'_>, version: &str) -> Result<Option<Timestamp>, Error> {
    let kind_prefix = Some("system.started".to_owned());
    let filter = ledger::Filter { kind_prefix, ..ledger::Filter::default() };
    let page = ledger::search(reader, &filter, PageSize::new(PageSize::MAX))?;
    let is_same = |event: &Event| matches!(event, Event::Started(started) if started.version == version);
    let same = page.rows.iter().map(|(_, record)| record).take_while(|record| is_same(&record.event));
    Ok(same.last().map(|record| record.at))
}

pub async fn page(State(guide): State<Guide>, view: View) -> Result<Response, Failure> {
    let t = view.texts();
    let shop = guide.0.identity.shop_name();
    let page = TrustPage {
        t,
        base: storeward_host::OWN_PREFIX,
        now: guide.0.now().in_words(t.0),
        truths: truths(&guide, t).await?,
        shop: shop.clone(),
    };
    view.show(&guide, ("/trust", t.f("trust.title", "shop", shop)), &page)
}

/// Each line is read from what runs; what is not known is not said.
async fn truths(guide: &Guide, t: Texts) -> Result<Vec<Truth>, Failure> {
    let shared = &guide.0;
    let (facts, counted) = ((shared.trust)(), guide.counted().await?);
    let truth =
        |picture, title: &str, says: Vec<String>| Truth { picture, title: t.s(title), says, link: None };
    let until = if facts.renews { "trust.tls_until" } else { "trust.tls_files_until" };
    let certificate = match facts.certificate_until.filter(|until| *until > shared.now()) {
        Some(when) => t.f(until, "when", when.day_in_words(t.0)),
        None => t.s("trust.tls_problem"),
    };
    let hsts = t.s(if facts.hsts { "trust.hsts_on" } else { "trust.hsts_off" });
    let mut sign_in = vec![t.s(match shared.identity.second_factor() {
        SecondFactor::Required if facts.always_asks => "trust.second_required",
        SecondFactor::Required | SecondFactor::Offered | SecondFactor::Risk => "trust.second_offered",
        SecondFactor::Off => "trust.second_off",
    })];
    // Behind the shield it is the shop that takes them.
    if facts.keeps_passwords {
        sign_in.push(t.s("trust.passwords"));
        sign_in.extend(facts.breach_list.then(|| t.s("trust.breached")));
    }
    let blocked = if counted.more { "trust.blocked_most" } else { "trust.blocked" };
    let mut attacks = vec![t.f(blocked, "count", counted.attacks)];
    attacks.extend((!facts.blocks).then(|| t.s("trust.watching")));
    attacks.extend(counted.version_since.map(|since| {
        let values: [(&str, &dyn std::fmt::Display); 2] =
            [("version", &facts.version), ("when", &since.day_in_words(t.0))];
        t.ff("trust.version", &values)
    }));
    let mut mails: Vec<String> = facts.mail_signed.then(|| t.s("trust.mail_signed")).into_iter().collect();
    mails.push(t.s("trust.mail_code"));
    mails.push(t.f("trust.reported", "count", guide.reports_lately().await?));
    let contact = shared.policy().security_contact.first().cloned();
    let says = match &contact {
        Some(contact) => t.f("trust.contact", "contact", readable(contact)),
        None => t.s("trust.contact_none"),
    };
    Ok(vec![
        truth(LOCK, "trust.tls", vec![certificate, hsts]),
        truth(KEY, "trust.sign_in", sign_in),
        truth(SHIELD, "trust.attacks", attacks),
        Truth { link: Some((own("/messages"), t.s("messages.title"))), ..truth(MAIL, "trust.mail", mails) },
        truth(FLAG, "trust.reports", vec![says]),
    ])
}

/// A contact as a person reads it.
fn readable(contact: &str) -> &str {
    ["mailto:", "tel:"].iter().find_map(|scheme| contact.strip_prefix(scheme)).unwrap_or(contact)
}

/// RFC 9116. Lines end with LF; the values were checked when the config was read.
pub async fn security_txt(State(guide): State<Guide>) -> Result<Response, Failure> {
    let shared = &guide.0;
    let policy = shared.policy();
    if policy.security_contact.is_empty() {
        return Err(Failure::missing("guide.no_contact", "This shop names no security contact."));
    }
    let expires = shared.now().plus(SECURITY_TXT_GOOD);
    let mut text = String::new();
    for contact in &policy.security_contact {
        text.push_str(&format!("Contact: {contact}\n"));
    }
    // Whole days, so that the file is the same all day.
    text.push_str(&format!("Expires: {}T00:00:00Z\n", day(expires)));
    let languages: Vec<&str> = storeward_base::Language::ALL
        .into_iter()
        .filter(|l| shared.identity.language(Some(*l)) == *l)
        .map(|l| l.tag())
        .collect();
    text.push_str(&format!("Preferred-Languages: {}\n", languages.join(", ")));
    // Under whichever of its names it was fetched, it is this file (section 2.5.2).
    for address in shared.identity.addresses() {
        text.push_str(&format!("Canonical: {address}{}\n", super::SECURITY_TXT));
    }
    if let Some(url) = &policy.security_policy {
        text.push_str(&format!("Policy: {url}\n"));
    }
    let head = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    Ok((head, text).into_response())
}
