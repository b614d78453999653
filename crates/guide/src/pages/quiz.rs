//! A lesson's questions. Every answer explains itself; nothing is measured but for the person's own list.

use std::collections::HashMap;

use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form};

use super::learn::{initial, named, sender, title};
use super::view::View;
use crate::guide::Guide;
use crate::lookalike::Names;
use crate::model::Lesson;
use crate::sql::lesson::Finished;
use crate::texts::Texts;
use crate::verbs::learn::{Given, right};

#[derive(Template)]
#[template(path = "quiz.html", askama = storeward_web::askama)]
struct QuizPage {
    t: Texts,
    base: &'static str,
    csrf: String,
    word: &'static str,
    title: String,
    shop: String,
    initial: String,
    questions: Vec<Question>,
    count: u32,
    result: Option<Marked>,
}

struct Marked {
    words: String,
    all_right: bool,
    kept: bool,
    /// How many the check-up wants, where there were fewer.
    least: Option<String>,
}

struct Question {
    number: usize,
    text: String,
    mail: Option<Example>,
    answers: Vec<Answer>,
    /// Empty until it was answered.
    why: String,
    verdict: String,
    good: bool,
}

struct Answer {
    word: &'static str,
    text: String,
    chosen: bool,
    right: bool,
}

/// A message to judge.
struct Example {
    from: String,
    subject: String,
    text: String,
    button: String,
    target: String,
    bears_code: bool,
    is_call: bool,
}

pub async fn page(
    State(guide): State<Guide>,
    Path(word): Path<String>,
    view: View,
) -> Result<Response, Failure> {
    let lesson = named(&word)?;
    shown(&guide, &view, lesson, None)
}

pub async fn answer(
    State(guide): State<Guide>,
    Path(word): Path<String>,
    view: View,
    Form(fields): Form<HashMap<String, String>>,
) -> Result<Response, Failure> {
    let lesson = named(&word)?;
    let given = given(lesson, &fields);
    // Who pressed the button without an answer wants to read, not to be remembered.
    let answered = given.iter().any(Option::is_some);
    if let (Some(session), true) = (&view.session, answered) {
        guide.finish_lesson(session.customer, lesson, &given).await?;
    }
    shown(&guide, &view, lesson, Some(given))
}

/// The answers of a form; whatever is none of ours counts as none.
fn given(lesson: Lesson, fields: &HashMap<String, String>) -> Given {
    let of = |number: u32| {
        let given = fields.get(&format!("a{number}"))?;
        lesson.answers().iter().find(|known| **known == given.as_str()).copied()
    };
    (1..=lesson.questions()).map(of).collect()
}

fn shown(guide: &Guide, view: &View, lesson: Lesson, given: Option<Given>) -> Result<Response, Failure> {
    let t = view.texts();
    let shop = guide.0.identity.shop_name();
    let names = guide.0.names();
    let title = title(guide, t, lesson);
    let result = given.as_ref().map(|given| {
        let (right, all) = (right(lesson, given), lesson.questions());
        Marked {
            words: t.ff("quiz.result", &[("right", &right), ("all", &all)]),
            all_right: right == all,
            least: (lesson == Lesson::Phishing && right < Finished::least(all))
                .then(|| t.ff("quiz.least", &[("least", &Finished::least(all)), ("all", &all)])),
            kept: view.session.is_some() && given.iter().any(Option::is_some),
        }
    });
    let ask = Asking { guide, t, lesson, names: &names, shop: &shop };
    let questions = lesson.right().iter().enumerate().map(|(at, right)| {
        let given = given.as_ref().map(|given| given.get(at).copied().flatten());
        ask.question(at + 1, right, given)
    });
    let page = QuizPage {
        t,
        base: storeward_host::OWN_PREFIX,
        csrf: view.csrf(),
        word: lesson.word(),
        title: title.clone(),
        initial: initial(&shop),
        questions: questions.collect(),
        count: lesson.questions(),
        shop: shop.clone(),
        result,
    };
    view.show(guide, ("/learn", t.f("quiz.title", "lesson", title)), &page)
}

struct Asking<'a> {
    guide: &'a Guide,
    t: Texts,
    lesson: Lesson,
    names: &'a Names,
    shop: &'a str,
}

impl Asking<'_> {
    /// `given`: `None` before the form was sent.
    fn question(&self, number: usize, right: &str, given: Option<Option<&'static str>>) -> Question {
        let (t, word) = (self.t, self.lesson.word());
        let key = |part: &str| format!("quiz.{word}.{number}.{part}");
        let mail = (self.lesson == Lesson::Phishing).then(|| self.example(number));
        let answer_text = |answer: &str| match self.lesson {
            Lesson::Phishing => t.f(&format!("quiz.{answer}"), "shop", self.shop),
            Lesson::Passwords | Lesson::Payment => t.s(&key(answer)),
        };
        let target = mail.as_ref().map_or_else(String::new, |mail| mail.target.clone());
        let chosen = given.flatten();
        let good = chosen == Some(right);
        let verdict = match (good, chosen) {
            (true, _) => t.s("quiz.right"),
            (false, Some(_)) => t.s("quiz.wrong"),
            (false, None) => t.s("quiz.none"),
        };
        let answer_is = t.f("quiz.answer", "answer", answer_text(right));
        let answer = |answer: &&'static str| Answer {
            word: answer,
            text: answer_text(answer),
            chosen: chosen == Some(*answer),
            right: *answer == right,
        };
        let why = || t.ff(&key("why"), &[("host", &self.names.host), ("target", &target)]);
        Question {
            number,
            text: if mail.is_none() { t.s(&key("q")) } else { String::new() },
            answers: self.lesson.answers().iter().map(answer).collect(),
            why: given.map_or_else(String::new, |_| why()),
            verdict: if good { verdict } else { format!("{verdict}. {answer_is}") },
            good,
            mail,
        }
    }

    /// The shop's own mails and what imitates them: each false one has one sign, which its explanation names.
    fn example(&self, number: usize) -> Example {
        let (names, real) = (self.names, sender(self.guide, self.names));
        let (from, target, bears_code) = match number {
            1 => (real, format!("https://{}{}/not-me", names.host, storeward_host::OWN_PREFIX), true),
            2 => (real, format!("https://{}/login", names.in_front), false),
            3 => (format!("service@{}", names.twisted), format!("https://{}/pay", names.twisted), false),
            4 => (real, format!("https://{}{}/account", names.host, storeward_host::OWN_PREFIX), true),
            _ => (String::new(), String::new(), false),
        };
        let said = |part: &str| self.t.f(&format!("quiz.phishing.{number}.{part}"), "shop", self.shop);
        Example {
            from,
            subject: said("subject"),
            text: said("text"),
            button: said("button"),
            target,
            bears_code,
            is_call: number == 5,
        }
    }
}
