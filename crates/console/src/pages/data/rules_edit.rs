//! Rules written at the console: looked at first, with what would change for whom, then saved. What does not fit is told with its
//! line and never takes effect; every version is kept and can be taken up again.

use std::collections::BTreeSet;

use serde::Deserialize;
use storeward_policy::{Act, Mask, Policies, Untold, changes, groups};
use storeward_vault::desk::{Class, NotSaved, RulesFrom, fields_of, may_change, read_rules, rules_hash};
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Moment, Query, redirect};

use super::{HERE, asker, reason_words, vault};
use crate::accounts;
use crate::app::App;
use crate::error::Error;
use crate::pages::next::confirm_link;
use crate::pages::view::{View, icons};

const TITLE: &str = "Change the rules";
const PLACE: &str = "/data/rules/edit";
/// Differences that are shown.
const SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "data_rules_edit.html", askama = storeward_web::askama)]
struct EditPage<'a> {
    csrf: &'a str,
    /// Why there is nothing to write here.
    instead: Option<String>,
    confirm: Option<String>,
    fault: Option<String>,
    text: String,
    begun_from: u64,
    /// What was looked at, and what would change; nothing before that.
    seen: Option<String>,
    differences: Vec<String>,
    more: usize,
    /// Rules that would be others, and that the table cannot show.
    untold: Vec<String>,
    /// Groups that nobody is in and that are no role.
    strange: Vec<String>,
    versions: Vec<Version>,
    icons: &'static str,
}

struct Version {
    version: u64,
    at: Moment,
    who: String,
    hash: String,
    is_in_force: bool,
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    version: String,
}

pub async fn edit(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let mut content = start(&app, &view).await?;
    if content.instead.is_none() {
        content.text = match asked.version.parse::<u64>() {
            Ok(0) => Policies::default_text().to_owned(),
            Ok(version) => {
                vault(&app)?.rule_version(version).await?.map(|one| one.text).ok_or_else(|| {
                    Failure::missing("console.no_such_rules", "There are no rules of this number.")
                })?
            }
            Err(_) => in_force(&app).await?,
        };
    }
    view.page(TITLE, HERE, &content)
}

async fn in_force(app: &App) -> Result<String, Failure> {
    let vault = vault(app)?;
    let saved = match vault.rules_from() {
        RulesFrom::Console(version) => vault.rule_version(version).await?,
        RulesFrom::Start | RulesFrom::File | RulesFrom::Harmed => None,
    };
    Ok(saved.map_or_else(|| Policies::default_text().to_owned(), |one| one.text))
}

async fn start<'a>(app: &App, view: &'a View) -> Result<EditPage<'a>, Failure> {
    let vault = vault(app)?;
    let (asker, _) = asker(app, view).await?;
    let mut instead = None;
    let mut confirm = None;
    match (vault.rules_from(), may_change(&asker)) {
        (RulesFrom::File, _) => instead = Some(reason_words("rules_file").to_owned()),
        (_, Err("factor_too_old")) => {
            instead =
                Some("Changing the rules asks for your second factor, shown within ten minutes.".to_owned());
            confirm = Some(confirm_link(PLACE));
        }
        (_, Err(_)) => instead = Some("Only the owner changes the rules.".to_owned()),
        (RulesFrom::Start | RulesFrom::Console(_) | RulesFrom::Harmed, Ok(())) => {}
    }
    let versions = if instead.is_some() { Vec::new() } else { vault.rule_versions().await? };
    let names = app.db.read(|reader| Ok::<_, Error>(accounts::names(reader)?)).await?;
    let now = vault.rules_from();
    Ok(EditPage {
        csrf: view.csrf(),
        instead,
        confirm,
        fault: None,
        text: String::new(),
        begun_from: versions.first().map_or(0, |last| last.version),
        seen: None,
        differences: Vec::new(),
        more: 0,
        untold: Vec::new(),
        strange: Vec::new(),
        versions: versions
            .into_iter()
            .map(|one| Version {
                version: one.version,
                at: Moment(one.at),
                who: names.in_words(&one.staff.to_string()),
                hash: one.hash.get(..12).unwrap_or_default().to_owned(),
                is_in_force: now == RulesFrom::Console(one.version),
            })
            .collect(),
        icons: icons(),
    })
}

#[derive(Deserialize)]
pub struct Written {
    text: String,
    begun_from: u64,
    act: String,
    /// What the text that was looked at hashes to.
    #[serde(default)]
    seen: String,
}

pub async fn write(
    State(app): State<App>,
    view: View,
    Form(written): Form<Written>,
) -> Result<Response, Failure> {
    let mut content = start(&app, &view).await?;
    if content.instead.is_some() {
        return view.refused(TITLE, HERE, &content);
    }
    // Browsers send lines with both ends.
    content.text = written.text.replace("\r\n", "\n");
    let last = content.begun_from;
    content.begun_from = written.begun_from;
    let vault = vault(&app)?;
    let hash = rules_hash(&content.text);
    let rules = match read_rules(&content.text) {
        Ok(rules) => rules,
        Err(fault) => {
            content.fault = Some(format!("The rules do not fit, so nothing changed. {fault}"));
            return view.refused(TITLE, HERE, &content);
        }
    };
    if written.act == "save" && written.seen == hash {
        let (asker, _) = asker(&app, &view).await?;
        content.fault = Some(match vault.save_rules(&asker, &content.text, written.begun_from).await {
            Ok(_) => return Ok(redirect("/data/rules?done=saved")),
            Err(NotSaved::Fault(fault)) => format!("The rules do not fit, so nothing changed. {fault}"),
            Err(NotSaved::Meanwhile) => {
                content.begun_from = last;
                "Somebody saved rules since you began. Look at what changes now, then save.".to_owned()
            }
            Err(NotSaved::Denied(reason)) => format!("Nothing was saved: {}.", reason_words(reason)),
            Err(NotSaved::Error(error)) => return Err(error.into()),
        });
    }
    // Some thousand questions: beside whatever else is served.
    let before = vault.policies();
    let of_members = app.db.read(|reader| Ok::<_, Error>(accounts::all_groups(reader)?)).await?;
    let looked = tokio::task::spawn_blocking(move || differing(&before, &rules, &of_members)).await;
    let looked = looked.map_err(|_| Failure::broken("console.rules"))?;
    (content.differences, content.more) = (looked.differences, looked.more);
    (content.untold, content.strange) = (looked.untold, looked.strange);
    content.seen = Some(hash);
    if content.fault.is_some() {
        view.refused(TITLE, HERE, &content)
    } else {
        view.page(TITLE, HERE, &content)
    }
}

fn mask_words(mask: Option<Mask>) -> &'static str {
    match mask {
        None => "nothing",
        Some(Mask::Hidden) => "that there is a value",
        Some(Mask::Part) => "a part",
        Some(Mask::Whole) => "all",
    }
}

const fn act_words(act: Act) -> &'static str {
    match act {
        Act::Open => "open",
        Act::Export => "take a copy along",
        Act::Find => "find customers",
        Act::Write => "keep what customers gave the shop",
        Act::Correct => "put right",
        Act::Answer => "answer customers' requests",
        Act::Erase => "erase",
        Act::Restrict => "restrict the use",
        Act::Approve => "answer requests of others",
        Act::BreakGlass => "open in an emergency",
    }
}

/// What a look at other rules tells.
struct Looked {
    differences: Vec<String>,
    more: usize,
    untold: Vec<String>,
    strange: Vec<String>,
}

fn differing(before: &Policies, after: &Policies, of_members: &[String]) -> Looked {
    let fields = fields_of(&Class::ALL);
    let names: Vec<(&str, &str)> = fields.iter().map(|field| (field.class.name(), field.name)).collect();
    let of_members = || of_members.iter().map(String::as_str);
    let found = changes(before, after, &groups(&[before, after], of_members()), &names);
    let known = groups(&[&Policies::default_rules()], of_members());
    let strange: BTreeSet<&str> =
        after.groups().filter(|group| !known.iter().any(|one| one == group)).collect();
    let would = |what: &str, rules: &[Untold]| {
        rules.iter().map(|rule| format!("{what} {}: {}", rule.id, rule.words)).collect::<Vec<_>>()
    };
    let untold = [would("no longer", &found.dropped), would("from now on", &found.untold)].concat();
    let mut words: Vec<String> = Vec::new();
    for one in &found.acts {
        let may = if one.is_allowed { "may now" } else { "may no longer" };
        let of = one.field.map_or_else(String::new, |(class, name)| format!(" {class}.{name}"));
        words.push(format!("{} {may} {}{of} ({})", one.group, act_words(one.act), one.purpose.words()));
    }
    for one in &found.cells {
        let (class, name) = one.field;
        let field = format!("{class} {name}").replace('_', " ");
        let (role, purpose) = (&one.group, one.purpose.words());
        if one.before.plain != one.after.plain {
            words.push(format!(
                "{role}, {purpose}: {field}: {} → {}",
                mask_words(one.before.plain),
                mask_words(one.after.plain)
            ));
        }
        if one.before.assigned != one.after.assigned {
            words.push(format!(
                "{role}, {purpose}, with an order: {field}: {} → {}",
                mask_words(one.before.assigned),
                mask_words(one.after.assigned)
            ));
        }
    }
    let more = words.len().saturating_sub(SHOWN);
    words.truncate(SHOWN);
    let strange = strange.into_iter().map(str::to_owned).collect();
    Looked { differences: words, more, untold, strange }
}
