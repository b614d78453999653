//! What the pages and letters say, from one file for each language.

use std::fmt::Display;
use std::sync::LazyLock;

use storeward_base::{Language, Phrases};

static ALL: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::read([
        (Language::En, include_str!("../texts/en.txt")),
        (Language::De, include_str!("../texts/de.txt")),
        (Language::Fr, include_str!("../texts/fr.txt")),
        (Language::Es, include_str!("../texts/es.txt")),
    ])
});

/// The texts of one language.
#[derive(Clone, Copy, Debug)]
pub struct Texts(pub Language);

impl Texts {
    pub fn s(self, key: &str) -> String {
        ALL.say(self.0, key)
    }

    /// A text with one place filled.
    pub fn f(self, key: &str, place: &str, value: impl Display) -> String {
        ALL.fill(self.0, key, &[(place, &value)])
    }

    /// A text with several places filled.
    pub fn ff(self, key: &str, values: &[(&str, &dyn Display)]) -> String {
        ALL.fill(self.0, key, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const COMPOSED: &[&str] = &[
        "fact.",
        "action.",
        "lesson.",
        "quiz.",
        "topic.",
        "kind.",
        "letter.",
        "picture.",
        "passwords.",
        "phishing.",
        "payment.",
    ];

    #[test]
    fn every_language_says_everything_that_is_asked_for() {
        fn files(folder: &Path, all: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    files(&path, all);
                } else {
                    all.push_str(&std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut all = String::new();
        files(&root.join("templates"), &mut all);
        files(&root.join("src"), &mut all);
        assert_eq!(ALL.faults(&all, &[".s(\"", ".f(\"", ".ff(\""], COMPOSED), Vec::<String>::new());
    }

    /// What is put together by code is there as well.
    #[test]
    fn composed_keys_are_there() {
        use crate::model::{Lesson, Topic};
        let said = |key: String| assert_ne!(Texts(Language::En).s(&key), key);
        for lesson in Lesson::ALL {
            for part in ["title", "teaser"] {
                said(format!("lesson.{}.{part}", lesson.word()));
            }
            for number in 1..=lesson.questions() {
                for part in lesson.question_parts() {
                    said(format!("quiz.{}.{number}.{part}", lesson.word()));
                }
            }
        }
        for topic in Topic::ALL {
            for part in ["subject", "text", "button"] {
                said(format!("letter.{}.{part}", topic.word()));
            }
            if topic.may_be_switched_off() {
                said(format!("topic.{}", topic.word()));
                said(format!("topic.{}_hint", topic.word()));
            }
        }
    }
}
