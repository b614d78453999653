//! What the pages say, from one file for each language: `key = text with {place}`, one a line.

use std::sync::LazyLock;

use storeward_base::{Language, Phrases};
use storeward_web::{Local, Woven};

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
    /// A text. A key that no file has stands for itself; the tests find it.
    pub fn s(self, key: &str) -> String {
        ALL.say(self.0, key)
    }

    /// A text with one place filled.
    pub fn f(self, key: &str, place: &str, value: impl std::fmt::Display) -> String {
        ALL.fill(self.0, key, &[(place, &value)])
    }

    /// A text with several places filled.
    pub fn ff(self, key: &str, values: &[(&str, &dyn std::fmt::Display)]) -> String {
        ALL.fill(self.0, key, values)
    }

    /// A text with a moment in it, as HTML: in the reader's own time where there is a script.
    pub fn h(self, key: &str, place: &str, moment: &Local) -> Woven {
        Woven::new(&self.f(key, place, Woven::PLACE), *moment)
    }

    pub fn tag(self) -> &'static str {
        self.0.tag()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Every key that a template or a source file names is there, and none is there for nobody.
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
        let faults = ALL.faults(
            &all,
            &[".s(\"", ".f(\"", ".ff(\"", ".h(\""],
            &["activity.", "factor.", "letter.", "password."],
        );
        assert_eq!(faults, Vec::<String>::new());
    }
}
