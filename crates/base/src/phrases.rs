//! Texts that templates name by their keys, in several languages, from files of the domain that says them: `key = text
//! with {place}`, one a line. Where the keys are few and known to the code, [`crate::Words`] is stricter.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;

use crate::Language;

type Said = HashMap<&'static str, &'static str>;

/// All texts of a domain, in every language.
#[derive(Debug)]
pub struct Phrases {
    files: [(Language, &'static str); Language::ALL.len()],
    said: Vec<(Language, Said)>,
}

impl Phrases {
    /// Reads one file for each language. What is wrong in them [`Phrases::faults`] tells, in the domain's tests.
    pub fn read(files: [(Language, &'static str); Language::ALL.len()]) -> Self {
        let said = files.iter().map(|(language, file)| (*language, lines(file).filter_map(split).collect()));
        Phrases { files, said: said.collect() }
    }

    /// A text. A key that no file has stands for itself.
    pub fn say(&self, language: Language, key: &str) -> String {
        self.find(language, key).unwrap_or(key).to_owned()
    }

    /// A text with its places filled. What fills them is taken as it is: braces in it mean nothing.
    pub fn fill(&self, language: Language, key: &str, values: &[(&str, &dyn Display)]) -> String {
        let mut rest = self.find(language, key).unwrap_or(key);
        let mut out = String::with_capacity(rest.len() + 32);
        while let Some((before, name, after)) = next_place(rest) {
            out.push_str(before);
            match values.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => out.push_str(&value.to_string()),
                None => out.push_str(&format!("{{{name}}}")),
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn find(&self, language: Language, key: &str) -> Option<&'static str> {
        let (_, said) = self.said.iter().find(|(known, _)| *known == language)?;
        said.get(key).copied()
    }

    /// What is wrong, a line each: a language that says less, more or with other places than English, a key that is there
    /// twice, one that `sources` (templates and code) name by a call of `calls` and nobody says, and one that nobody asks
    /// for. Keys that begin with one of `composed` are put together by code.
    pub fn faults(&self, sources: &str, calls: &[&str], composed: &[&str]) -> Vec<String> {
        let mut faults = Vec::new();
        let english: &Said = &self.said[0].1;
        for ((language, said), (_, file)) in self.said.iter().zip(&self.files) {
            for key in english.keys().filter(|key| !said.contains_key(*key)) {
                faults.push(format!("{language}: `{key}` is missing"));
            }
            for (key, text) in said {
                match english.get(key) {
                    None => faults.push(format!("{language}: `{key}` is not in English")),
                    Some(there) if places(there) != places(text) => {
                        faults.push(format!("{language}: `{key}` has other places"));
                    }
                    Some(_) if text.is_empty() => faults.push(format!("{language}: `{key}` is empty")),
                    Some(_) => {}
                }
            }
            if lines(file).count() != said.len() {
                faults.push(format!("{language}: a key is there twice, or a line is no `key = text`"));
            }
        }
        let asked = calls.iter().flat_map(|call| sources.split(call).skip(1));
        for key in asked.filter_map(|rest| rest.split('"').next()) {
            // Keys that end in a dot are continued by code.
            if !key.ends_with('.') && !english.contains_key(key) {
                faults.push(format!("nobody says `{key}`"));
            }
        }
        for key in english.keys() {
            let is_composed = composed.iter().any(|start| key.starts_with(start));
            if !is_composed && !sources.contains(&format!("\"{key}\"")) {
                faults.push(format!("`{key}` is asked for by nobody"));
            }
        }
        faults
    }
}

fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn split(line: &'static str) -> Option<(&'static str, &'static str)> {
    line.split_once('=').map(|(key, text)| (key.trim(), text.trim()))
}

/// What stands before the next place, its name, and what stands behind it.
fn next_place(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

fn places(mut text: &str) -> BTreeSet<&str> {
    let mut places = BTreeSet::new();
    while let Some((_, name, after)) = next_place(text) {
        places.insert(name);
        text = after;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{De, En, Es, Fr};

    const ENGLISH: &str = "# pages\na.hello = Hello {name}\na.bye = Bye\nkind.one = One\n";

    fn faults(german: &'static str, sources: &str) -> Vec<String> {
        let phrases = Phrases::read([(En, ENGLISH), (De, german), (Fr, ENGLISH), (Es, ENGLISH)]);
        phrases.faults(sources, &[".s(\""], &["kind."])
    }

    #[test]
    fn places_are_filled_once() {
        let phrases = Phrases::read([(En, ENGLISH), (De, ENGLISH), (Fr, ENGLISH), (Es, ENGLISH)]);
        let fill = |name: &str| phrases.fill(En, "a.hello", &[("name", &name), ("hello", &"x")]);
        assert_eq!(fill("{hello}"), "Hello {hello}");
        assert_eq!(phrases.fill(De, "a.hello", &[]), "Hello {name}");
        assert_eq!((phrases.say(Fr, "a.bye"), phrases.say(Es, "a.none")), ("Bye".into(), "a.none".into()));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let asked = "t.s(\"a.hello\") t.s(\"a.bye\") t.s(\"kind.\")";
        assert_eq!(faults(ENGLISH, asked), Vec::<String>::new());
        let check = |german, sources, told: &str| {
            let found = faults(german, sources);
            assert!(found.iter().any(|fault| fault.contains(told)), "{told}: {found:?}");
        };
        check("a.hello = Hallo {name}\nkind.one = Eins\n", asked, "de: `a.bye` is missing");
        check("a.hello = Hallo\na.bye = x\nkind.one = y\n", asked, "de: `a.hello` has other places");
        check("a.hello = {name}\na.bye =\nkind.one = y\n", asked, "de: `a.bye` is empty");
        check("a.hello = {name}\na.bye = x\na.bye = x\nkind.one = y\n", asked, "twice");
        check(ENGLISH, "t.s(\"a.hello\")", "`a.bye` is asked for by nobody");
        check(ENGLISH, "t.s(\"a.none\") \"a.hello\" \"a.bye\"", "nobody says `a.none`");
    }
}
