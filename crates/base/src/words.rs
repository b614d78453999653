//! Texts in several languages, from files of the domain that says them: `key = text with {place}`, one a line. The keys
//! are an enum ([`text_keys!`](crate::text_keys)), so a text that nobody wrote cannot be asked for; loading fails unless
//! every language has every key with exactly its places.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use crate::Language;

/// The texts a domain says. Made with [`text_keys!`](crate::text_keys).
pub trait TextKey: Copy + 'static {
    const ALL: &'static [Self];

    /// As it stands in the files, such as `code.subject`.
    fn name(self) -> &'static str;

    /// The places that every language's text fills, without their braces.
    fn places(self) -> &'static [&'static str];
}

/// Declares the texts of a domain:
///
/// ```
/// storeward_base::text_keys! {
///     /// What a mail with a code says.
///     pub enum CodeText {
///         Subject = "code.subject" {},
///         Intro = "code.intro" { shop, minutes },
///     }
/// }
/// ```
#[macro_export]
macro_rules! text_keys {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($variant:ident = $key:literal { $($place:ident),* $(,)? }),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name { $($variant),+ }

        impl $crate::TextKey for $name {
            const ALL: &'static [Self] = &[$($name::$variant),+];

            fn name(self) -> &'static str {
                match self { $($name::$variant => $key),+ }
            }

            fn places(self) -> &'static [&'static str] {
                match self { $($name::$variant => &[$(stringify!($place)),*]),+ }
            }
        }
    };
}

/// What is wrong with a file of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordsError {
    language: Language,
    key: String,
    why: &'static str,
}

impl fmt::Display for WordsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the texts in {}: `{}` {}", self.language, self.key, self.why)
    }
}

impl std::error::Error for WordsError {}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(String),
}

/// All texts of a domain, in every language.
#[derive(Debug)]
pub struct Words<K> {
    texts: BTreeMap<(Language, &'static str), Vec<Part>>,
    keys: PhantomData<fn() -> K>,
}

impl<K: TextKey> Words<K> {
    /// Reads one file for each language.
    pub fn load(files: [(Language, &str); Language::ALL.len()]) -> Result<Self, WordsError> {
        let mut texts = BTreeMap::new();
        for (language, file) in files {
            let fault = |key: &str, why| WordsError { language, key: key.to_owned(), why };
            let mut said = read(file).map_err(|(key, why)| fault(&key, why))?;
            for key in K::ALL {
                let parts = said.remove(key.name()).ok_or_else(|| fault(key.name(), "is missing"))?;
                let there: BTreeSet<&str> = parts.iter().filter_map(place).collect();
                if there != key.places().iter().copied().collect() {
                    return Err(fault(key.name(), "does not fill the places that it should"));
                }
                texts.insert((language, key.name()), parts);
            }
            if let Some(unknown) = said.keys().next() {
                return Err(fault(unknown, "is asked for by nobody"));
            }
        }
        match Language::ALL.into_iter().find(|language| !texts.keys().any(|(known, _)| known == language)) {
            Some(language) => Err(WordsError { language, key: String::new(), why: "are missing as a whole" }),
            None => Ok(Words { texts, keys: PhantomData }),
        }
    }

    /// A text with its places filled. What fills them is taken as it is: braces in it mean nothing.
    pub fn text(&self, language: Language, key: K, values: &[(&str, &str)]) -> String {
        let mut out = String::new();
        for part in self.texts.get(&(language, key.name())).into_iter().flatten() {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Place(name) => {
                    let value = values.iter().find(|(known, _)| known == name);
                    debug_assert!(value.is_some(), "{} is said without {name}", key.name());
                    out.push_str(value.map_or("", |(_, value)| value));
                }
            }
        }
        out
    }
}

fn place(part: &Part) -> Option<&str> {
    match part {
        Part::Place(name) => Some(name),
        Part::Text(_) => None,
    }
}

fn read(file: &str) -> Result<BTreeMap<String, Vec<Part>>, (String, &'static str)> {
    let mut said = BTreeMap::new();
    for line in file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (key, text) = line.split_once('=').ok_or((line.to_owned(), "is no `key = text`"))?;
        let (key, text) = (key.trim(), text.trim());
        if text.is_empty() {
            return Err((key.to_owned(), "is empty"));
        }
        let parts = split(text).ok_or((key.to_owned(), "has a brace that does not fit"))?;
        if said.insert(key.to_owned(), parts).is_some() {
            return Err((key.to_owned(), "is there twice"));
        }
    }
    Ok(said)
}

fn split(mut text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    while let Some((before, rest)) = text.split_once('{') {
        let (name, after) = rest.split_once('}')?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if !is_name || before.contains('}') {
            return None;
        }
        parts.extend([Part::Text(before.to_owned()), Part::Place(name.to_owned())]);
        text = after;
    }
    parts.push(Part::Text(text.to_owned()));
    (!text.contains('}')).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::text_keys! {
        enum Text {
            Subject = "code.subject" {},
            Intro = "code.intro" { shop, minutes },
        }
    }

    const EN: &str =
        "# mails\ncode.subject = Your code\ncode.intro = {shop}: use it within {minutes} minutes\n";
    const DE: &str = "code.subject = Ihr Code\ncode.intro = Gültig {minutes} Minuten bei {shop}\n";

    fn load(de: &str) -> Result<Words<Text>, WordsError> {
        use Language::{De, En, Es, Fr};
        Words::load([(En, EN), (De, de), (Fr, EN), (Es, EN)])
    }

    #[test]
    fn places_are_filled_once() {
        let words = load(DE).unwrap();
        let values = [("minutes", "{shop}"), ("shop", "A & B")];
        assert_eq!(words.text(Language::De, Text::Intro, &values), "Gültig {shop} Minuten bei A & B");
        assert_eq!(words.text(Language::Fr, Text::Subject, &[]), "Your code");
    }

    #[test]
    fn languages_that_differ_are_refused() {
        let check = |de: &str, expected: &str| {
            let why = load(de).unwrap_err().to_string();
            assert!(why.contains(expected) && why.contains(" de:"), "{de}: {why}");
        };
        check("code.subject = Ihr Code\n", "`code.intro` is missing");
        check(&format!("{DE}code.extra = x"), "asked for by nobody");
        check(&DE.replace("{shop}", "uns"), "places");
        check(&DE.replace("{shop}", "{shop} {other}"), "places");
        check(&DE.replace("{shop}", "{shop"), "brace");
        check(&DE.replace("{shop}", "shop}"), "brace");
        check(&format!("{DE}{DE}"), "twice");
        check(&DE.replace("= Ihr Code", "="), "empty");
        check(&DE.replace("= Ihr Code", ""), "key = text");
    }

    #[test]
    fn a_language_left_out_is_told() {
        use Language::{De, En, Fr};
        let why = Words::<Text>::load([(En, EN), (De, DE), (Fr, EN), (Fr, EN)]).unwrap_err();
        assert_eq!(why.language, Language::Es);
    }
}
