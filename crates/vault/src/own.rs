//! A customer's own page: what is kept of them, a copy, an end of the use, an erasure.
//!
//! Whose a record is is told by the account's confirmed e-mail address: whoever reads its mails. The page is behind
//! everything that the account has for a second factor, shown just now.

mod said;
mod texts;

use serde::Deserialize;
use storeward_base::{Actor, CustomerId, Secret};
use storeward_identity::{
    Access as Need, Around, CurrentSession, CustomerGate, Farewell, Identity, OwnView, Standpoint, Tab,
};
use storeward_policy::Purpose;
use storeward_web::askama::Template;
use storeward_web::axum::Router;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::header;
use storeward_web::{Access, Failure, Form, HostNamesError, Local, Query, Routes, Woven, redirect};

use crate::asking::{Ask, Asker};
use crate::catalogue::{Class, FIELDS, Field};
use crate::copy;
use crate::error::Error;
use crate::opening::Opening;
use crate::pleas::Right;
use crate::records::{Item, Provenance, Vault};
use crate::rights::Use;
use crate::said::Word;
use crate::sights::Filter;
use texts::{Text, WORDS, of_class, of_field, of_purpose, of_right};

/// Where the page lives on the shop's host.
pub const PREFIX: &str = "/.storeward/data";
/// Below the pages' prefix, as the navigation has it.
const HERE: &str = "/data";
/// Looks that are listed.
const LOOKS: u32 = 20;

/// The page and what it goes by. Clones are cheap.
#[derive(Clone)]
pub struct OwnData {
    identity: Identity,
    vault: Vault,
}

impl AsRef<Identity> for OwnData {
    fn as_ref(&self) -> &Identity {
        &self.identity
    }
}

impl OwnData {
    pub fn new(identity: Identity, vault: Vault) -> Self {
        identity.add_tab(|language| Tab { path: HERE, label: WORDS.text(language, Text::Nav, &[]) });
        OwnData { identity, vault }
    }

    pub fn router(&self) -> Result<Router, HostNamesError> {
        let site = self.identity.site()?;
        Ok(self.routes().finish(self.clone(), site))
    }

    /// Every route with its rule, one per line.
    pub fn access_table(&self) -> String {
        self.routes().rows().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    fn routes(&self) -> Routes<OwnData, CustomerGate> {
        Routes::new(CustomerGate(self.identity.clone()))
            .get("/.storeward/data", Access::Only(Need::FreshCustomer), page)
            .post("/.storeward/data/act", Access::Only(Need::FreshCustomer), act)
    }

    /// The records that are theirs.
    async fn records(&self, session: &CurrentSession) -> Result<Whose, Failure> {
        let person = self.identity.person(session.customer).await?;
        let Some(email) = person.filter(|person| person.email_verified).and_then(|person| person.email)
        else {
            return Ok(Whose::Unconfirmed);
        };
        Ok(match self.vault.own_records(&email).await? {
            Some(records) if records.is_empty() => Whose::Nobody,
            Some(records) => Whose::Theirs(records),
            None => Whose::Several,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Whose {
    /// The account's first; at least one.
    Theirs(Vec<CustomerId>),
    Nobody,
    Several,
    Unconfirmed,
}

#[derive(Template)]
#[template(path = "own.html", askama = storeward_web::askama)]
struct OwnPage {
    csrf: String,
    title: String,
    lead: String,
    done: Option<String>,
    fault: Option<String>,
    /// In the place of all below, where there is nothing to show.
    instead: Option<String>,
    groups: Vec<Group>,
    said: Vec<Woven>,
    /// Whether there is something to withdraw, and whether marketing is objected to.
    agrees: bool,
    objects: bool,
    pleas: Vec<Woven>,
    rights: Vec<(&'static str, String)>,
    is_restricted: bool,
    looks: Vec<Woven>,
    words: Vec<String>,
}

struct Group {
    title: String,
    lines: Vec<Line>,
}

struct Line {
    label: String,
    value: String,
    /// For what customers put right themselves: the field, which of several, and the words beside the new value.
    correct: Option<(String, String, String)>,
}

/// What customers put right themselves: how they are reached and where things go to. Their confirmed address says whose the
/// record is, and orders are what the shop's books say.
fn is_theirs_to_correct(field: &Field) -> bool {
    match field.class {
        Class::Contact => !matches!(field.name, "email" | "shop_id"),
        Class::Address => true,
        Class::Order | Class::Note | Class::IdentityDocument | Class::Consent | Class::Payment => false,
    }
}

/// What stands on the page beside the values, in the order of the template.
const SAID: [Text; 27] = [
    Text::CopyTitle,
    Text::CopyJson,
    Text::CopyCsv,
    Text::UseTitle,
    Text::UseAllowed,
    Text::UseRestricted,
    Text::Restrict,
    Text::Allow,
    Text::EraseTitle,
    Text::EraseLead,
    Text::EraseSure,
    Text::Erase,
    Text::SeenTitle,
    Text::SeenNone,
    Text::Correct,
    Text::CorrectHint,
    Text::Save,
    Text::SaidTitle,
    Text::SaidLead,
    Text::SaidNone,
    Text::Withdraw,
    Text::Object,
    Text::PleaTitle,
    Text::PleaLead,
    Text::PleaKind,
    Text::PleaWords,
    Text::PleaSend,
];

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    done: String,
}

async fn page(
    State(own): State<OwnData>,
    view: OwnView,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let whose = own.records(&view.session).await?;
    let say = |key| WORDS.text(view.language, key, &[]);
    let done = match asked.done.as_str() {
        "erased" => Some(say(Text::Erased)),
        "restricted" => Some(say(Text::UseRestricted)),
        "corrected" => Some(say(Text::Corrected)),
        "said" => Some(say(Text::SaidDone)),
        "asked" => Some(say(Text::PleaDone)),
        _ => None,
    };
    show(&own, &view, whose, done, None).await
}

async fn show(
    own: &OwnData,
    view: &OwnView,
    whose: Whose,
    done: Option<String>,
    fault: Option<String>,
) -> Result<Response, Failure> {
    let shop = own.identity.shop_name();
    let say = |key| WORDS.text(view.language, key, &[("shop", &shop)]);
    let mut content = OwnPage {
        csrf: view.csrf.as_str().to_owned(),
        title: say(Text::Title),
        lead: say(Text::Lead),
        done,
        fault,
        instead: None,
        groups: Vec::new(),
        said: Vec::new(),
        agrees: false,
        objects: false,
        pleas: Vec::new(),
        rights: Right::ALL.map(|right| (right.name(), say(of_right(right)))).to_vec(),
        is_restricted: false,
        looks: Vec::new(),
        words: SAID.into_iter().map(say).collect(),
    };
    match whose {
        Whose::Nobody => content.instead = Some(say(Text::None)),
        Whose::Several => content.instead = Some(say(Text::Several)),
        Whose::Unconfirmed => content.instead = Some(say(Text::Unconfirmed)),
        Whose::Theirs(records) => fill(own, view, &records, &mut content).await?,
    }
    let around = Around {
        title: content.title.clone(),
        language: view.language,
        nonce: &view.nonce,
        csrf: Some(&view.csrf),
    };
    own.identity.page_at(Standpoint { here: HERE, wide: true }, around, &content)
}

/// What is kept, of each record behind the other. What they may say no to, or end, counts as said where each of them has it.
async fn fill(
    own: &OwnData,
    view: &OwnView,
    records: &[CustomerId],
    content: &mut OwnPage,
) -> Result<(), Failure> {
    let all: Vec<&'static Field> = FIELDS.iter().collect();
    content.looks = looks(own, view, records).await?;
    (content.is_restricted, content.objects) = (true, true);
    for (at, customer) in records.iter().enumerate() {
        content.is_restricted &= own.vault.is_restricted(*customer).await?;
        let said = own.vault.said_before(&ask(*customer)).await?;
        let (agrees, objects) = said::stands(&said);
        content.agrees |= agrees;
        content.objects &= objects;
        content.said.extend(said::lines(&said, view.language));
        content.pleas.extend(said::pleas(&own.vault.pleas_of(*customer).await?, view.language));
        content.groups.extend(groups(view, at, own.vault.open(&ask(*customer), &all).await?));
    }
    Ok(())
}

fn ask(customer: CustomerId) -> Ask {
    Ask::new(Asker::customer(customer), customer, Purpose::OwnData)
}

/// Of the record `at`, which the forms say before the item.
fn groups(view: &OwnView, at: usize, opening: Opening) -> Vec<Group> {
    let mut groups: Vec<(Class, String, Group)> = Vec::new();
    for value in opening.values {
        let class = value.field.class;
        let label = of_field(value.field).map_or_else(String::new, |key| WORDS.text(view.language, key, &[]));
        let correct = is_theirs_to_correct(value.field).then(|| {
            let words = WORDS.text(view.language, Text::CorrectNew, &[("field", &label)]);
            (value.field.full_name(), format!("{at}.{}", value.item), words)
        });
        let line = Line { label, value: value.value.expose().clone(), correct };
        match groups.iter_mut().find(|(known, item, _)| *known == class && *item == value.item) {
            Some((_, _, group)) => group.lines.push(line),
            None => {
                let title = WORDS.text(view.language, of_class(class), &[]);
                groups.push((class, value.item, Group { title, lines: vec![line] }));
            }
        }
    }
    groups.into_iter().map(|(_, _, group)| group).collect()
}

/// When and for what somebody looked; who of the staff it was is the shop's to say.
async fn looks(own: &OwnData, view: &OwnView, records: &[CustomerId]) -> Result<Vec<Woven>, Failure> {
    let mut sights = Vec::new();
    for id in records.iter().copied() {
        // Their own visits would push the others out of the list.
        let own_visits = Some(Actor::Customer { id });
        let filter = Filter { customer: Some(id), not_by: own_visits, ..Filter::default() };
        sights.extend(own.vault.sights(filter, LOOKS).await?);
    }
    sights.sort_by_key(|sight| std::cmp::Reverse(sight.at));
    sights.truncate(LOOKS as usize);
    let place = Woven::PLACE.to_string();
    let mut lines: Vec<Woven> = Vec::new();
    let mut last = None;
    for sight in sights {
        let purpose = Purpose::of_name(&sight.purpose).unwrap_or(Purpose::Support);
        let purpose = WORDS.text(view.language, of_purpose(purpose), &[]);
        let key = if sight.outcome.is_ok() { Text::SeenLine } else { Text::RefusedLine };
        let line = WORDS.text(view.language, key, &[("when", &place), ("purpose", &purpose)]);
        // One look at several collections is one line.
        let told = (line, sight.at.seconds() / 60);
        if last.as_ref() != Some(&told) {
            lines.push(Woven::new(&told.0, Local::minute(sight.at, view.language)));
            last = Some(told);
        }
    }
    Ok(lines)
}

#[derive(Deserialize)]
struct Fields {
    act: String,
    #[serde(default)]
    sure: String,
    #[serde(default)]
    field: String,
    #[serde(default)]
    item: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    right: String,
    #[serde(default)]
    text: String,
}

/// Done, with what the page says then; or what does not fit.
type Outcome = Result<&'static str, String>;

async fn correct(
    own: &OwnData,
    view: &OwnView,
    records: &[CustomerId],
    fields: &Fields,
) -> Result<Outcome, Failure> {
    let unfit = || Failure::invalid("vault.act", "The form does not fit this page.");
    let (at, id) = fields.item.split_once('.').ok_or_else(unfit)?;
    let customer = at.parse().ok().and_then(|at: usize| records.get(at)).ok_or_else(unfit)?;
    let ask = &ask(*customer);
    let field = Field::find(&fields.field).ok().filter(|field| is_theirs_to_correct(field));
    let field = field.ok_or_else(unfit)?;
    let done = if fields.value.trim().is_empty() {
        own.vault.take_away(ask, id, &[field]).await.map(drop)
    } else {
        let item = Item {
            id: id.to_owned(),
            values: vec![(field, Secret::new(fields.value.clone()))],
            provenance: Provenance::Customer,
            keep_until: None,
        };
        own.vault.correct(ask, item).await
    };
    match done {
        Ok(()) => Ok(Ok("corrected")),
        Err(Error::Value { .. }) => {
            let label = of_field(field).map_or_else(String::new, |key| WORDS.text(view.language, key, &[]));
            Ok(Err(WORDS.text(view.language, Text::NotCorrected, &[("field", &label)])))
        }
        Err(other) => Err(refused(other)),
    }
}

async fn plead(own: &OwnData, view: &OwnView, ask: &Ask, fields: &Fields) -> Result<Outcome, Failure> {
    let right = Right::of_name(&fields.right)
        .ok_or_else(|| Failure::invalid("vault.act", "The form does not fit this page."))?;
    match own.vault.receive_plea(ask, right, &fields.text).await {
        Ok(_) => Ok(Ok("asked")),
        Err(Error::Denied("too_many_requests") | Error::Value { .. }) => {
            Ok(Err(WORDS.text(view.language, Text::PleaFull, &[])))
        }
        Err(other) => Err(refused(other)),
    }
}

/// A denial is told as what it is: a page says of any other one that it was open for too long.
fn refused(error: Error) -> Failure {
    match error {
        Error::Denied(reason) => {
            Failure::invalid("vault.denied", format!("This is not done here ({reason}). Ask the shop."))
        }
        other => other.into(),
    }
}

async fn act(
    State(own): State<OwnData>,
    view: OwnView,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let whose = own.records(&view.session).await?;
    let Whose::Theirs(records) = &whose else { return show(&own, &view, whose, None, None).await };
    let Some(first) = records.first() else { return show(&own, &view, Whose::Nobody, None, None).await };
    let asks = || records.iter().map(|customer| ask(*customer));
    Ok(match fields.act.as_str() {
        "json" => file(copy::json(&export(&own, records, "json").await?), "json"),
        "csv" => file(copy::csv(&export(&own, records, "csv").await?), "csv"),
        "correct" => match correct(&own, &view, records, &fields).await? {
            Ok(done) => redirect(&format!("{PREFIX}?done={done}")),
            Err(why) => return show(&own, &view, whose.clone(), None, Some(why)).await,
        },
        // Staff who answer find the other record by the same address.
        "ask" => match plead(&own, &view, &ask(*first), &fields).await? {
            Ok(done) => redirect(&format!("{PREFIX}?done={done}")),
            Err(why) => return show(&own, &view, whose.clone(), None, Some(why)).await,
        },
        "withdraw" | "object" => {
            let word = if fields.act == "object" { Word::Object } else { Word::Withdraw };
            for ask in asks() {
                own.vault.say(&ask, Purpose::Marketing, word).await.map_err(refused)?;
            }
            redirect(&format!("{PREFIX}?done=said"))
        }
        "restrict" => {
            for ask in asks() {
                own.vault.restrict(&ask, Use::Restricted).await.map_err(refused)?;
            }
            redirect(&format!("{PREFIX}?done=restricted"))
        }
        "allow" => {
            for ask in asks() {
                own.vault.restrict(&ask, Use::Allowed).await.map_err(refused)?;
            }
            redirect(PREFIX)
        }
        "erase" if fields.sure == "yes" => {
            for ask in asks() {
                own.vault.erase(&ask).await.map_err(refused)?;
            }
            own.vault.close_account(view.session.customer).await.map_err(refused)?;
            own.identity.farewell(Farewell::Erased)
        }
        "erase" => {
            let why = WORDS.text(view.language, Text::Unsure, &[]);
            return show(&own, &view, whose.clone(), None, Some(why)).await;
        }
        _ => return Err(Failure::invalid("vault.act", "The form does not fit this page.")),
    })
}

async fn export(own: &OwnData, records: &[CustomerId], form: &'static str) -> Result<Opening, Failure> {
    let mut whole = Opening { values: Vec::new(), refused: Vec::new() };
    for customer in records {
        let Opening { values, refused } = own.vault.export(&ask(*customer), form).await.map_err(refused)?;
        whole.values.extend(values);
        whole.refused.extend(refused);
    }
    Ok(whole)
}

/// To be saved, never shown: what stands in it must not run on the shop's host.
fn file(body: String, form: &str) -> Response {
    let kind = if form == "json" { "application/json" } else { "text/csv; charset=utf-8" };
    let name = format!("attachment; filename=\"my-data.{form}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_one() {
        assert_eq!(PREFIX, format!("{}{HERE}", storeward_host::OWN_PREFIX));
    }

    // Of a status 403 the page says that it was open for too long, and whoever opened it anew was denied the same again.
    #[test]
    fn a_denial_is_told_as_one() {
        let told = refused(Error::Denied("not_own"));
        assert_eq!((told.status().as_u16(), told.code()), (400, "vault.denied"));
        assert_eq!(told.detail(), "This is not done here (not_own). Ask the shop.");
        let nobody = refused(Error::NoCustomer);
        assert_eq!(nobody.code(), Failure::from(Error::NoCustomer).code());
    }
}
