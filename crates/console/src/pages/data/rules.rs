//! Who can see what: the table that the rules make, and the rules in words.

use serde::Deserialize;
use storeward_policy::{Mask, groups, table};
use storeward_vault::desk::{Class, RulesFrom, fields_of};
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Query};

use super::{HERE, class_words, vault};
use crate::accounts;
use crate::app::App;
use crate::error::Error;
use crate::pages::view::{View, icons};

#[derive(Template)]
#[template(path = "data_rules.html", askama = storeward_web::askama)]
struct RulesPage {
    roles: Vec<RoleTable>,
    /// Rules that the tables cannot show, with who may what by them.
    untold: Vec<RuleLine>,
    done: Option<&'static str>,
    /// Where the rules come from.
    from: String,
    icons: &'static str,
    allowing: Vec<RuleLine>,
    guarding: Vec<RuleLine>,
}

struct RoleTable {
    role: String,
    /// Purpose, and what of each class is seen for it.
    lines: Vec<(&'static str, Vec<String>)>,
}

struct RuleLine {
    id: String,
    says: String,
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    done: String,
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let policies = vault(&app)?.policies();
    let fields = fields_of(&Class::ALL);
    let names: Vec<(&str, &str)> = fields.iter().map(|field| (field.class.name(), field.name)).collect();
    let of_members = app.db.read(|reader| Ok::<_, Error>(accounts::all_groups(reader)?)).await?;
    let groups = groups(&[&policies], of_members.iter().map(String::as_str));
    let rows = table(&policies, &groups, &names);
    let roles = groups
        .into_iter()
        .map(|role| {
            let of_role = rows.iter().filter(|row| row.group == role);
            let lines = of_role.filter_map(|row| {
                let words: Vec<String> = Class::ALL
                    .into_iter()
                    .filter_map(|class| {
                        let cells = fields.iter().zip(&row.cells).filter(|(field, _)| field.class == class);
                        class_line(class, cells.map(|(field, cell)| (field.name, cell.plain, cell.assigned)))
                    })
                    .collect();
                (!words.is_empty()).then(|| (row.purpose.words(), words))
            });
            RoleTable { lines: lines.collect(), role }
        })
        .collect();
    let (allowing, guarding) = policies.rules().partition::<Vec<_>, _>(|rule| rule.allows);
    let line = |rule: &storeward_policy::Rule| RuleLine { id: rule.id.clone(), says: rule.says.clone() };
    let untold = policies.untold().into_iter().map(|rule| RuleLine { id: rule.id, says: rule.words });
    let content = RulesPage {
        roles,
        untold: untold.collect(),
        done: (asked.done == "saved").then_some("The rules are saved, and in force from now on."),
        from: match vault(&app)?.rules_from() {
            RulesFrom::Start => "These are the rules that a shop begins with.".to_owned(),
            RulesFrom::File => "They come from the file that vault.policy_file names.".to_owned(),
            RulesFrom::Harmed => "The rules that were saved here are not what the ledger says: somebody was at the database. Until the owner \
                                  saves rules again, nobody else sees anything."
                .to_owned(),
            RulesFrom::Console(version) => format!("This is version {version} of the rules saved here."),
        },
        icons: icons(),
        allowing: allowing.into_iter().map(line).collect(),
        guarding: guarding.into_iter().map(line).collect(),
    };
    view.page("Who can see what", HERE, &content)
}

/// What of one class is seen: `Contact: in part name, email; with an order whole phone`.
fn class_line<'a>(
    class: Class,
    cells: impl Iterator<Item = (&'a str, Option<Mask>, Option<Mask>)>,
) -> Option<String> {
    let mut kinds: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, plain, assigned) in cells {
        let one = |mask: Mask| match mask {
            Mask::Whole => "whole",
            Mask::Part => "in part",
            Mask::Hidden => "hidden",
        };
        let kind = match (plain, assigned) {
            (None, None) => continue,
            (None, Some(mask)) => format!("{} once an order is named", one(mask)),
            (Some(mask), Some(more)) if more > mask => {
                format!("{}, {} once an order is named", one(mask), one(more))
            }
            (Some(mask), _) => one(mask).to_owned(),
        };
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, names)) => names.push(name),
            None => kinds.push((kind, vec![name])),
        }
    }
    if kinds.is_empty() {
        return None;
    }
    let words: Vec<String> =
        kinds.iter().map(|(kind, names)| format!("{kind}: {}", names.join(", ").replace('_', " "))).collect();
    Some(format!("{}. {}", class_words(class), words.join("; ")))
}
