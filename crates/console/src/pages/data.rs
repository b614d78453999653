//! Customers' data: found by an exact value, opened for a stated purpose, with the rule that allowed each value.
//!
//! A page shows values only as the answer to a form: no address leads to them, so no history, no link and no other site does.

mod correct;
pub mod keys;
mod pleas;
mod requests;
mod rights;
mod rules;
mod rules_edit;
mod said;
mod seen;

pub use correct::correct;
pub use pleas::{answer as answer_asked, page as asked, receive};
pub use requests::{answer, ask, page as requests};
pub use rights::act;
pub use rules::page as rules;
pub use rules_edit::{edit as edit_rules, write as write_rules};
pub use said::take_down;
pub use seen::{file as seen_file, page as seen};

use serde::Deserialize;
use storeward_base::CustomerId;
use storeward_policy::{Act, Purpose};
use storeward_vault::desk::{
    Ask, Asker, Class, Error as VaultError, FIELDS, Field, Item, Opening, Right, Vault, Word, fields_of,
};
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Moment, Query, redirect};

use super::next::confirm_link;
use super::view::{View, icons};
use crate::accounts::{self, NO_ROLE};
use crate::app::App;
use crate::error::Error;
use crate::level::{Badge, Level};

pub const HERE: &str = "/data";
const TITLE: &str = "Customers' data";

/// The reason of a refusal that a second person's approval can change.
const NO_RULE: &str = "no_rule";

/// No epoch may be longer.
const LONGEST_EPOCH_DAYS: u32 = 30;

/// What customers are found by, as a whole.
const BY: [(&str, &str); 4] = [
    ("contact.email", "E-mail address"),
    ("contact.phone", "Telephone, with its country"),
    ("order.number", "Order number"),
    ("contact.shop_id", "Number in the shop"),
];
/// And by parts of it, where `vault.find_by_part` names it.
const BY_PART: [(&str, &str); 4] = [
    ("contact.name", "Part of a name"),
    ("contact.company", "Part of a company's name"),
    ("address.name", "Part of a name in an address"),
    ("address.company", "Part of a company's name in an address"),
];
/// No more are told.
const MOST_BY_PART: usize = 100;

#[derive(Template)]
#[template(path = "data.html", askama = storeward_web::askama)]
struct DataPage<'a> {
    csrf: &'a str,
    is_set_up: bool,
    done: Option<&'static str>,
    fault: Option<&'a str>,
    by: Vec<(&'static str, &'static str)>,
    /// Whether some are found by parts.
    has_parts: bool,
    several: Vec<String>,
    roles: Roles,
    /// Emergencies that nobody looked into, and requests that nobody answered.
    waiting: (usize, usize),
    /// Requests of customers that are not answered, and how many are overdue.
    asked: (u64, u64),
    /// When all records were looked at last, and how many faults there were.
    verified: Option<(Moment, u64)>,
    icons: &'static str,
}

/// What the reader is here, in words.
pub type Roles = String;

#[derive(Template)]
#[template(path = "data_customer.html", askama = storeward_web::askama)]
struct CustomerPage<'a> {
    csrf: &'a str,
    id: String,
    done: Option<&'static str>,
    fault: Option<&'a str>,
    purposes: Vec<(&'static str, &'static str, bool)>,
    classes: Vec<ClassLine>,
    order: String,
    groups: Vec<Group>,
    refused: Vec<(String, &'static str)>,
    opened_for: Option<&'static str>,
    is_restricted: bool,
    confirm: Option<String>,
    roles: Roles,
    /// Records with the same e-mail address.
    others: Vec<String>,
    /// When the shop's database was read last.
    imported: Option<Moment>,
    /// What the rules kept back, for a second person to be asked.
    more: Option<More>,
    /// What may be added or put right, by its full name.
    correctable: Vec<(String, String)>,
    rights: Vec<(&'static str, &'static str)>,
    /// What a customer may say of a purpose; nothing where the reader may not take it down.
    words: Vec<(&'static str, &'static str)>,
    icons: &'static str,
}

/// Fields that no rule shows in whole.
struct More {
    purpose: &'static str,
    fields: String,
    words: String,
}

impl More {
    fn new(purpose: Purpose, fields: &[&'static Field]) -> Option<Self> {
        let names: Vec<String> = fields.iter().map(|field| field.full_name()).collect();
        let words = names.join(", ").replace('_', " ");
        (!names.is_empty()).then(|| More { purpose: purpose.name(), fields: names.join(","), words })
    }
}

#[derive(Template)]
#[template(path = "data_erased.html", askama = storeward_web::askama)]
struct ErasedPage {
    id: String,
    begun: Moment,
    erased: Option<Moment>,
    beyond_backups: bool,
    days: u32,
}

struct ClassLine {
    name: &'static str,
    words: &'static str,
    is_chosen: bool,
}

/// One item, such as an address, with its values.
struct Group {
    title: String,
    lines: Vec<Line>,
}

struct Line {
    name: String,
    /// Such as `contact.email`, and which of several: for a correction.
    full: String,
    item: String,
    value: String,
    badge: Option<Badge>,
    /// Whether the reader may put it right, and is asked why.
    is_correctable: bool,
    is_said: bool,
    /// The rules that allowed it, in words.
    why: Vec<String>,
    provenance: String,
    written: Moment,
}

pub const fn class_words(class: Class) -> &'static str {
    match class {
        Class::Contact => "Contact",
        Class::Address => "Addresses",
        Class::Order => "Orders",
        Class::Note => "Notes",
        Class::IdentityDocument => "Identity documents",
        Class::Consent => "Consents",
        Class::Payment => "Payment methods",
    }
}

/// What a refusal means, and what helps.
pub fn reason_words(reason: &str) -> &'static str {
    match reason {
        "no_rule" => "no rule lets your role see it for this purpose",
        "purpose" => "not for this purpose",
        "act" => "the program's key may not do this",
        "factor_too_old" => "show your second factor again first",
        "restricted" => "the customer had the use of their data restricted",
        "too_many" => "you opened the data of 200 customers within an hour; wait, or ask the owner",
        "no_consent" => "the customer did not agree to marketing",
        "objected" => "the customer objects to this purpose",
        "not_their_order" => {
            "the order that you named is none of this customer's; look whether number and customer belong together, or leave the order \
             away. After five wrong ones within an hour none can be named for a while"
        }
        "too_many_orders" => {
            "you named or looked for five orders within an hour that were none of the customers'; wait, or leave the order away"
        }
        "too_many_lookups" => {
            "you looked for sixty values within an hour that nobody has; wait, or ask the owner"
        }
        "owner_only" => "only the owner puts this right; customers do so on their own page",
        "own_request" => "nobody answers their own request: a second person does",
        "too_many_emergencies" => {
            "you opened in five emergencies within an hour: ask somebody to let you see it"
        }
        "too_many_requests" => "twenty requests of yours wait already",
        "rules_file" => {
            "the rules come from the file that vault.policy_file names; take that line out to change them here"
        }
        "not_own" => "that is somebody else's data",
        "forbidden" => "a rule of this shop forbids it",
        "rule_broken" => "a rule could not be evaluated; ask whoever wrote it",
        _ => "the rules refuse it",
    }
}

pub fn vault(app: &App) -> Result<&Vault, Failure> {
    app.vault.as_ref().ok_or_else(|| {
        Failure::missing(
            "console.no_vault",
            "Customers' data is not kept here: storeward.toml has no [vault].",
        )
    })
}

/// Who asks, as the policy knows them.
pub async fn asker(app: &App, view: &View) -> Result<(Asker, Roles), Failure> {
    let staff = view.visitor.staff;
    let roles = app.db.read(move |reader| accounts::roles_of(reader, staff)).await.map_err(Error::from)?;
    let words = if roles.is_empty() { NO_ROLE.to_owned() } else { roles.join(", ") };
    Ok((Asker::staff(staff, roles, view.visitor.factor_age_seconds), words))
}

pub fn read_id(id: &str) -> Result<CustomerId, Failure> {
    id.parse()
        .map_err(|_| Failure::missing("console.no_such_customer", "There is no customer of this number."))
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Done>,
) -> Result<Response, Failure> {
    let mut content = start(&app, &view, None).await?;
    content.done = match asked.done.as_str() {
        "erased" => Some("The customer is erased: their key is destroyed."),
        "erased-but" => Some(
            "The customer is erased: their key is destroyed. An account of their address stays open, because it has a second factor, or because \
             only a program said that the address is theirs: if they asked for that, too, two of you close it under Customers.",
        ),
        _ => None,
    };
    view.page(TITLE, HERE, &content)
}

async fn start<'a>(app: &App, view: &'a View, fault: Option<&'a str>) -> Result<DataPage<'a>, Failure> {
    let (_, roles) = asker(app, view).await?;
    let is_set_up = app.vault.is_some();
    let several = Vec::new();
    let (mut waiting, mut asked, mut verified) = ((0, 0), (0, 0), None);
    let mut by = BY.to_vec();
    if let Some(vault) = &app.vault {
        by.extend(by_part(vault).await?);
        let requests = vault.requests(None, 1).await?;
        waiting = (requests.unreviewed.len(), requests.undecided.len());
        asked = vault.pleas_waiting().await?;
        verified = vault.last_verified().await?.map(|(at, fact)| (Moment(at), fact.faults));
    }
    Ok(DataPage {
        csrf: view.csrf(),
        is_set_up,
        done: None,
        fault,
        has_parts: by.len() > BY.len(),
        by,
        several,
        roles,
        waiting,
        asked,
        verified,
        icons: icons(),
    })
}

/// What is found by parts here.
async fn by_part(vault: &Vault) -> Result<Vec<(&'static str, &'static str)>, VaultError> {
    let fields = vault.found_by_parts().await?;
    let is_found = |name: &str| fields.iter().any(|field| field.full_name() == name);
    Ok(BY_PART.into_iter().filter(|(name, _)| is_found(name)).collect())
}

#[derive(Deserialize)]
pub struct Wanted {
    by: String,
    value: String,
}

/// By a form only: what somebody is looked for by stands in no URL, no log and no history.
pub async fn find(
    State(app): State<App>,
    view: View,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Failure> {
    let is_whole = BY.iter().any(|(name, _)| *name == wanted.by);
    let is_known = is_whole || by_part(vault(&app)?).await?.iter().any(|(name, _)| *name == wanted.by);
    let field = Field::find(&wanted.by).ok().filter(|_| is_known);
    let field = field.ok_or_else(|| Failure::invalid("console.act", "The form does not fit this page."))?;
    let (asker, _) = asker(&app, &view).await?;
    let found = match vault(&app)?.look_up(&asker, field, &wanted.value).await {
        Ok(found) => found,
        Err(VaultError::Denied(reason)) => {
            let words = format!("Not found: {}.", reason_words(reason));
            let content = start(&app, &view, Some(&words)).await?;
            return view.refused(TITLE, HERE, &content);
        }
        Err(VaultError::Value { why, .. }) if !is_whole => {
            let words = format!("Not looked for: a part {why}.");
            let content = start(&app, &view, Some(&words)).await?;
            return view.refused(TITLE, HERE, &content);
        }
        Err(other) => return Err(other.into()),
    };
    match found.as_slice() {
        [only] => Ok(redirect(&format!("{HERE}/{only}"))),
        [_, _, ..] => {
            let words = "These are the first hundred. Type more of it, and there are fewer.";
            let is_cut = !is_whole && found.len() >= MOST_BY_PART;
            let mut content = start(&app, &view, is_cut.then_some(words)).await?;
            content.several = found.iter().map(ToString::to_string).collect();
            view.page(TITLE, HERE, &content)
        }
        [] => {
            let words = match is_whole {
                true => {
                    "Nobody has exactly this value. It is compared as a whole: there is no search by parts of it."
                }
                false => "Nobody has these letters in a row in it.",
            };
            let content = start(&app, &view, Some(words)).await?;
            view.refused(TITLE, HERE, &content)
        }
    }
}

/// Of a list: behind which line, and what was just done.
#[derive(Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    before: String,
    #[serde(default)]
    done: String,
}

#[derive(Deserialize)]
pub struct Done {
    #[serde(default)]
    done: String,
}

pub async fn customer(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Query(asked): Query<Done>,
) -> Result<Response, Failure> {
    let id = read_id(&id)?;
    if let Some(erasure) = vault(&app)?.erasure(id).await? {
        let page = ErasedPage {
            id: id.to_string(),
            begun: Moment(erasure.begun_at),
            erased: erasure.erased_at.map(Moment),
            beyond_backups: erasure.beyond_backups,
            days: LONGEST_EPOCH_DAYS,
        };
        return view.page("Erased", HERE, &page);
    }
    let mut content = customer_page(&app, &view, id).await?;
    content.done = match asked.done.as_str() {
        "restricted" => Some("The use of the data is restricted. It stays, and the customer can have it."),
        "allowed" => Some("The data may be used again."),
        "asked" => {
            Some("A second person is asked. Once they agree, open it again: you have 30 minutes then.")
        }
        "corrected" => Some("The value is put right."),
        "taken" => Some("The value is taken away."),
        "said" => Some("It is taken down. Of each purpose the last word counts."),
        "nothing" => Some("There was no such value, so nothing changed."),
        _ => None,
    };
    view.page("A customer's data", HERE, &content)
}

async fn customer_page<'a>(app: &App, view: &'a View, id: CustomerId) -> Result<CustomerPage<'a>, Failure> {
    let is_restricted = vault(app)?.is_restricted(id).await?;
    let (asker, roles) = asker(app, view).await?;
    let vault = vault(app)?;
    let mut content = CustomerPage {
        csrf: view.csrf(),
        id: id.to_string(),
        done: None,
        fault: None,
        purposes: Vec::new(),
        classes: Vec::new(),
        order: String::new(),
        groups: Vec::new(),
        refused: Vec::new(),
        opened_for: None,
        is_restricted,
        confirm: (!view.visitor.is_fresh).then(|| confirm_link(&format!("{HERE}/{id}"))),
        roles,
        others: others(vault, &asker, id).await?,
        imported: vault.last_imported().await?.map(Moment),
        more: None,
        correctable: FIELDS
            .iter()
            .filter(|field| vault.may_correct(&asker, id, field))
            .map(|field| (field.full_name(), field.full_name().replace(['.', '_'], " ")))
            .collect(),
        rights: Right::ALL.map(|right| (right.name(), pleas::right_words(right))).to_vec(),
        words: if vault.may_correct(&asker, id, Field::find("consent.given_at")?) {
            Word::ALL.map(|word| (word.name(), said::word_words(word))).to_vec()
        } else {
            Vec::new()
        },
        icons: icons(),
    };
    content.choose(None, &[Class::Contact]);
    Ok(content)
}

/// Other records of the same address, for whoever may erase them: that two records are one person's is itself told of them, and nobody else needs
/// it.
async fn others(vault: &Vault, asker: &Asker, id: CustomerId) -> Result<Vec<String>, Failure> {
    if !vault.may(asker, Act::Erase, id, Purpose::RightsRequest) {
        return Ok(Vec::new());
    }
    Ok(vault.of_same_address(id).await?.iter().map(ToString::to_string).collect())
}

impl CustomerPage<'_> {
    fn choose(&mut self, purpose: Option<Purpose>, classes: &[Class]) {
        self.purposes = Purpose::OF_STAFF.map(|one| (one.name(), one.words(), Some(one) == purpose)).to_vec();
        let line = |class: Class| ClassLine {
            name: class.name(),
            words: class_words(class),
            is_chosen: classes.contains(&class),
        };
        self.classes = Class::ALL.map(line).into();
    }
}

#[derive(Deserialize)]
pub struct Fields {
    purpose: String,
    #[serde(default)]
    order: String,
    #[serde(default)]
    contact: String,
    #[serde(default)]
    address: String,
    #[serde(default, rename = "order_class")]
    orders: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    identity_document: String,
    #[serde(default)]
    consent: String,
    #[serde(default)]
    payment: String,
}

impl Fields {
    fn classes(&self) -> Vec<Class> {
        let marked = |class: &Class| {
            let mark = match class {
                Class::Contact => &self.contact,
                Class::Address => &self.address,
                Class::Order => &self.orders,
                Class::Note => &self.note,
                Class::IdentityDocument => &self.identity_document,
                Class::Consent => &self.consent,
                Class::Payment => &self.payment,
            };
            mark == "yes"
        };
        Class::ALL.into_iter().filter(marked).collect()
    }
}

/// Opens, and answers with the values: they stand on this one answer, which nothing keeps.
pub async fn open(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let id = read_id(&id)?;
    let mut content = customer_page(&app, &view, id).await?;
    let (purpose, classes) = (Purpose::of_name(&fields.purpose), fields.classes());
    content.choose(purpose, &classes);
    content.order = fields.order.chars().take(64).collect();
    let Some(purpose) = purpose.filter(|_| !classes.is_empty()) else {
        content.fault = Some("Choose a purpose and what you need for it.");
        return view.refused("A customer's data", HERE, &content);
    };
    let (asker, _) = asker(&app, &view).await?;
    let ask = Ask::new(asker, id, purpose).about_order(&fields.order);
    match vault(&app)?.open(&ask, &fields_of(&classes)).await {
        Ok(opening) => {
            let policies = vault(&app)?.policies();
            let says = |rule: &str| policies.says(rule).map_or_else(|| rule.to_owned(), str::to_owned);
            content.more = More::new(purpose, &kept_back(&opening));
            show(&mut content, opening, says);
            content.opened_for = Some(purpose.words());
            view.page("A customer's data", HERE, &content)
        }
        Err(VaultError::Denied(reason)) => {
            let words = format!("Nothing was opened: {}. That you asked is on record.", reason_words(reason));
            content.fault = Some(&words);
            if reason == NO_RULE {
                content.more = More::new(purpose, &fields_of(&classes));
            }
            view.refused("A customer's data", HERE, &content)
        }
        Err(harmed @ VaultError::Harmed(_)) => {
            let words = format!("Nothing was opened. {harmed}. Tell whoever runs Storeward: docs/vault.md.");
            content.fault = Some(&words);
            view.refused("A customer's data", HERE, &content)
        }
        Err(other) => Err(other.into()),
    }
}

/// What a second person could let somebody see: what no rule shows, or not in whole. What a guard keeps, nobody can.
fn kept_back(opening: &Opening) -> Vec<&'static Field> {
    let refused = opening.refused.iter().filter(|one| one.reason == NO_RULE).map(|one| one.field);
    let masked = opening.values.iter().filter(|one| one.mask != storeward_policy::Mask::Whole);
    let mut fields: Vec<&'static Field> = refused.chain(masked.map(|one| one.field)).collect();
    fields.dedup();
    fields
}

fn show(content: &mut CustomerPage<'_>, opening: Opening, says: impl Fn(&str) -> String) {
    // Which item of which class each group is: a heading names no item by what the shop calls it.
    let mut items: Vec<(Class, String)> = Vec::new();
    for value in opening.values {
        let class = value.field.class;
        let at = items.iter().position(|(known, item)| *known == class && *item == value.item);
        let line = Line {
            name: value.field.name.replace('_', " "),
            is_correctable: content.correctable.iter().any(|(name, _)| *name == value.field.full_name()),
            is_said: class == Class::Consent,
            full: value.field.full_name(),
            item: value.item.clone(),
            badge: (value.mask != storeward_policy::Mask::Whole)
                .then(|| Badge::new(Level::Note, value.mask.name())),
            value: value.value.expose().clone(),
            why: value.rules.iter().map(|rule| says(rule)).collect(),
            provenance: value.provenance,
            written: Moment(value.written_at),
        };
        if let Some(at) = at {
            content.groups[at].lines.push(line);
            continue;
        }
        let words = class_words(class);
        let before = items.iter().filter(|(known, _)| *known == class).count();
        let title = match Item::spoken(&value.item) {
            Some(name) => format!("{words}: {name}"),
            None if before > 0 => format!("{words}, {}", before + 1),
            None => words.to_owned(),
        };
        items.push((class, value.item));
        content.groups.push(Group { title, lines: vec![line] });
    }
    content.refused =
        opening.refused.iter().map(|one| (one.field.full_name(), reason_words(one.reason))).collect();
}
