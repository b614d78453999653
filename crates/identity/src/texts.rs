//! What the pages say, from one file for each language: `key = text with {place}`, one a line.

use std::collections::HashMap;
use std::sync::LazyLock;

use storeward_base::Language;

const FILES: [(Language, &str); 4] = [
    (Language::En, include_str!("../texts/en.txt")),
    (Language::De, include_str!("../texts/de.txt")),
    (Language::Fr, include_str!("../texts/fr.txt")),
    (Language::Es, include_str!("../texts/es.txt")),
];

type Said = HashMap<&'static str, &'static str>;

static ALL: LazyLock<Vec<(Language, Said)>> =
    LazyLock::new(|| FILES.iter().map(|(language, file)| (*language, read(file))).collect());

fn read(file: &'static str) -> Said {
    let lines = file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(key, text)| (key.trim(), text.trim())).collect()
}

/// The texts of one language.
#[derive(Clone, Copy, Debug)]
pub struct Texts(pub Language);

impl Texts {
    /// A text. A key that no file has stands for itself; the tests find it.
    pub fn s(self, key: &str) -> String {
        let said = ALL.iter().find(|(language, _)| *language == self.0);
        said.and_then(|(_, said)| said.get(key)).map_or_else(|| key.to_owned(), |text| (*text).to_owned())
    }

    /// A text with one place filled.
    pub fn f(self, key: &str, place: &str, value: impl std::fmt::Display) -> String {
        self.s(key).replace(&format!("{{{place}}}"), &value.to_string())
    }

    pub fn tag(self) -> &'static str {
        self.0.tag()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn places(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn every_language_says_everything_with_the_same_places() {
        let english = &ALL[0].1;
        for (language, said) in ALL.iter() {
            let (here, there): (BTreeSet<_>, BTreeSet<_>) = (said.keys().collect(), english.keys().collect());
            assert_eq!(here, there, "{language}");
            for (key, text) in said {
                assert_eq!(places(text), places(english[key]), "{language} {key}");
                assert!(!text.is_empty(), "{language} {key}");
            }
        }
        for (language, file) in FILES {
            let lines = file.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).count();
            assert_eq!(lines, english.len(), "{language} says something twice");
        }
    }

    /// Every key that a template or a source file names is there, and none is there for nobody.
    #[test]
    fn what_is_asked_for_is_there() {
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
        let english = &ALL[0].1;
        for call in [".s(\"", ".f(\""] {
            for rest in all.split(call).skip(1) {
                let key = rest.split('"').next().unwrap();
                // Keys that end in a dot are continued by code.
                assert!(key.ends_with('.') || english.contains_key(key), "nobody says `{key}`");
            }
        }
        let begun: Vec<&str> = ["activity.", "factor.", "letter."].to_vec();
        for key in english.keys() {
            let composed = begun.iter().any(|start| key.starts_with(start));
            assert!(composed || all.contains(&format!("\"{key}\"")), "`{key}` is asked for by nobody");
        }
    }
}
