//! Lessons: the list, and each with its pictures.

use std::fmt::Display;

use storeward_web::Failure;
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;

use super::own;
use super::view::View;
use crate::guide::Guide;
use crate::lookalike::Names;
use crate::model::Lesson;
use crate::texts::Texts;
use crate::verbs::checkup::FADES;

#[derive(Template)]
#[template(path = "learn.html", askama = storeward_web::askama)]
struct LearnPage {
    t: Texts,
    base: &'static str,
    signed_in: bool,
    lessons: Vec<LessonLine>,
}

struct LessonLine {
    word: &'static str,
    picture: &'static str,
    title: String,
    teaser: String,
    /// When it was done; empty when never.
    state: String,
    fresh: bool,
}

#[derive(Template)]
#[template(path = "lesson.html", askama = storeward_web::askama)]
struct LessonPage {
    stand_in: Option<String>,
    t: Texts,
    base: &'static str,
    word: &'static str,
    title: String,
    teaser: String,
    parts: Vec<Part>,
    do_href: Option<String>,
    do_words: String,
}

struct Part {
    picture: &'static str,
    picture_words: String,
    title: String,
    text: String,
}

#[derive(Template)]
#[template(path = "phishing.html", askama = storeward_web::askama)]
struct PhishingPage {
    stand_in: Option<String>,
    t: Texts,
    base: &'static str,
    title: String,
    teaser: String,
    shop: String,
    initial: String,
    sender: String,
    names: Names,
    endings: String,
    /// What stands behind the real name in the false one.
    in_front_tail: String,
}

const fn pictures(lesson: Lesson) -> [&'static str; 3] {
    match lesson {
        Lesson::Passwords => [
            include_str!("../../templates/pictures/passwords_1.svg"),
            include_str!("../../templates/pictures/passwords_2.svg"),
            include_str!("../../templates/pictures/passwords_3.svg"),
        ],
        Lesson::Phishing => [include_str!("../../templates/pictures/look_up.svg"), "", ""],
        Lesson::Payment => [
            include_str!("../../templates/pictures/payment_1.svg"),
            include_str!("../../templates/pictures/payment_2.svg"),
            include_str!("../../templates/pictures/payment_3.svg"),
        ],
    }
}

/// The lesson that an address names.
pub fn named(word: &str) -> Result<Lesson, Failure> {
    Lesson::of_word(word).ok_or_else(|| Failure::missing("guide.no_lesson", "There is no such lesson."))
}

/// The first sign of the shop's name, as mail programs show senders.
pub fn initial(shop: &str) -> String {
    shop.chars().find(|c| c.is_alphanumeric()).map_or_else(|| "?".to_owned(), |c| c.to_uppercase().collect())
}

/// Whom real examples are from.
pub fn sender(guide: &Guide, names: &Names) -> String {
    let real = guide.0.sender.clone();
    real.unwrap_or_else(|| format!("service@{}", names.host))
}

/// Why examples have another address than the browser shows: a shop on one machine has none of its own yet.
fn stand_in(guide: &Guide, t: Texts) -> Option<String> {
    guide.0.stand_in_host().map(|host| t.f("learn.stand_in", "host", host))
}

pub fn title(guide: &Guide, t: Texts, lesson: Lesson) -> String {
    t.f(&format!("lesson.{}.title", lesson.word()), "shop", guide.0.identity.shop_name())
}

pub async fn list(State(guide): State<Guide>, view: View) -> Result<Response, Failure> {
    let t = view.texts();
    let done = match &view.session {
        Some(session) => guide.lessons_of(session.customer).await?,
        None => Vec::new(),
    };
    let now = guide.0.now();
    let line = |lesson: &Lesson| {
        let finished = done.iter().find(|done| done.lesson == *lesson);
        let fresh = finished.is_some_and(|done| done.is_learnt() && now.since(done.at) < FADES);
        let state = finished.map_or_else(String::new, |done| {
            let when = done.at.day_in_words(view.language);
            let figures: [(&str, &dyn Display); 3] =
                [("when", &when), ("right", &done.right), ("all", &done.questions)];
            match (fresh, done.is_learnt()) {
                (true, _) => t.ff("learn.done", &figures),
                (false, false) => t.ff("learn.tried", &figures),
                (false, true) => t.f("learn.refresh", "when", when),
            }
        });
        LessonLine {
            word: lesson.word(),
            picture: pictures(*lesson)[0],
            title: title(&guide, t, *lesson),
            teaser: t.s(&format!("lesson.{}.teaser", lesson.word())),
            state,
            fresh,
        }
    };
    let lessons = Lesson::ALL.iter().map(line).collect();
    let page = LearnPage { t, base: storeward_host::OWN_PREFIX, signed_in: view.session.is_some(), lessons };
    view.show(&guide, ("/learn", t.s("learn.title")), &page)
}

pub async fn lesson(
    State(guide): State<Guide>,
    Path(word): Path<String>,
    view: View,
) -> Result<Response, Failure> {
    let (lesson, t) = (named(&word)?, view.texts());
    let (title, names) = (title(&guide, t, lesson), guide.0.names());
    let teaser = t.s(&format!("lesson.{}.teaser", lesson.word()));
    let (base, word) = (storeward_host::OWN_PREFIX, lesson.word());
    let head = ("/learn", title.clone());
    if lesson == Lesson::Phishing {
        let shop = guide.0.identity.shop_name();
        let page = PhishingPage {
            stand_in: stand_in(&guide, t),
            t,
            base,
            title,
            teaser,
            initial: initial(&shop),
            sender: sender(&guide, &names),
            in_front_tail: names.in_front.trim_start_matches(&names.host).trim_start_matches('.').to_owned(),
            endings: guide.0.endings().join(&format!(" {} ", t.s("phishing.or"))),
            shop,
            names,
        };
        return view.show(&guide, head, &page);
    }
    let part = |(at, picture): (usize, &'static str)| {
        let number = at + 1;
        Part {
            picture,
            picture_words: t.s(&format!("picture.{word}.{number}")),
            title: t.s(&format!("{word}.{number}.title")),
            text: t.f(&format!("{word}.{number}.text"), "host", &names.host),
        }
    };
    let page = LessonPage {
        stand_in: stand_in(&guide, t),
        t,
        base,
        word,
        title,
        teaser,
        parts: pictures(lesson).into_iter().enumerate().map(part).collect(),
        do_href: match lesson {
            Lesson::Passwords => Some(own("/account/passkey")),
            Lesson::Payment => guide.0.policy().orders_path.clone(),
            Lesson::Phishing => None,
        },
        do_words: t.s(&format!("{word}.do")),
    };
    view.show(&guide, head, &page)
}
