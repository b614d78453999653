//! What guidance adds to the pages of accounts: the check-up, entries of the navigation, links at the foot.

use storeward_base::{CustomerId, Language};
use storeward_identity::{Companion, Later, Standing, Tab};
use storeward_store::{Db, Error, Reader};
use storeward_web::askama::Template;
use storeward_web::{Failure, render};

use crate::pages::{assets, own};
use crate::sql;
use crate::texts::Texts;
use crate::verbs::checkup::checkup;

/// Stands beside accounts. Holds no accounts itself, or the two would keep each other for ever.
pub struct Beside(pub Db);

#[derive(Template)]
#[template(path = "checkup.html", askama = storeward_web::askama)]
struct CheckupPart<'a> {
    t: Texts,
    base: &'static str,
    csrf: &'a str,
    done: usize,
    all: usize,
    /// Of the ring's hundred parts.
    percent: usize,
    facts: Vec<FactLine>,
    actions: Vec<ActionLine>,
    reviewed: Option<String>,
}

struct FactLine {
    text: String,
    holds: bool,
}

struct ActionLine {
    title: String,
    why: String,
    path: &'static str,
}

impl Companion for Beside {
    fn tabs(&self, language: Language) -> Vec<Tab> {
        let t = Texts(language);
        vec![
            Tab { path: "/learn", label: t.s("nav.learn") },
            Tab { path: "/messages", label: t.s("nav.messages") },
            Tab { path: "/reminders", label: t.s("nav.reminders") },
        ]
    }

    fn foot(&self, language: Language) -> Vec<Tab> {
        let t = Texts(language);
        vec![
            Tab { path: "/messages", label: t.s("messages.title") },
            Tab { path: "/trust", label: t.s("nav.trust") },
        ]
    }

    fn stylesheet(&self) -> String {
        format!("{}?v={}", own("/guide/guide.css"), assets::css_version())
    }

    fn checkup<'a>(
        &'a self,
        customer: CustomerId,
        standing: Standing,
        language: Language,
        csrf: &'a str,
    ) -> Later<'a, Result<String, Failure>> {
        Box::pin(async move {
            let found = self.0.read(move |reader: &mut Reader<'_>| {
                let lessons = sql::lesson::of_customer(reader, customer)?;
                Ok::<_, Error>((lessons, sql::person::by_id(reader, customer)?))
            });
            let (lessons, person) = found.await?;
            let found = checkup(&standing, &lessons, self.0.now());
            let t = Texts(language);
            let (done, all) = (found.done(), found.facts.len());
            let reviewed_at = person.and_then(|person| person.reviewed_at);
            render(&CheckupPart {
                t,
                base: storeward_host::OWN_PREFIX,
                csrf,
                done,
                all,
                percent: done * 100 / all.max(1),
                facts: found
                    .facts
                    .iter()
                    .map(|fact| FactLine { text: t.s(&format!("fact.{}", fact.key)), holds: fact.holds })
                    .collect(),
                actions: found
                    .actions
                    .iter()
                    .map(|action| ActionLine {
                        title: t.s(&format!("action.{}", action.key)),
                        why: t.f(&format!("action.{}_why", action.key), "count", action.count),
                        path: action.path,
                    })
                    .collect(),
                reviewed: reviewed_at.map(|at| t.f("checkup.reviewed_at", "when", at.in_words(language))),
            })
        })
    }
}
