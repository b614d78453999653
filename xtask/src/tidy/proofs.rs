//! Documents that name tests as proof: each name they give is the name of a test.
//!
//! A name stands in backticks. Of a test in Rust it is `crate::module::function`, the crate by its folder's name, without
//! `it` and `tests`; of one in a browser it is `tests/browser/file.test.mjs: the case's title`.

use super::{File, Finding, source};

/// The documents that are looked at. One that is missing is a finding.
const DOCUMENTS: [&str; 2] = ["docs/asvs.md", "docs/shield.md"];

pub fn check(files: &[File]) -> Vec<Finding> {
    check_documents(files, &DOCUMENTS)
}

fn check_documents(files: &[File], documents: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let tests = Tests::of(files);
    for path in documents {
        let Some(document) = files.iter().find(|file| file.path == *path) else {
            findings.push(Finding::new(*path, "is listed in xtask/src/tidy/proofs.rs and is not there"));
            continue;
        };
        for (number, line) in document.text.lines().enumerate() {
            // Every second part stands between backticks.
            for name in line.split('`').skip(1).step_by(2).filter(|name| !tests.know(name)) {
                let place = format!("{path}:{}", number + 1);
                findings.push(Finding::new(place, format!("names a test that is not there: {name}")));
            }
        }
    }
    findings
}

/// Every test there is.
struct Tests {
    /// `crate::module::function`.
    rust: Vec<String>,
    /// `path: title`.
    cases: Vec<String>,
}

impl Tests {
    fn of(files: &[File]) -> Self {
        let mut tests = Tests { rust: Vec::new(), cases: Vec::new() };
        for file in files {
            if let Some(module) = module_of(&file.path).filter(|_| file.is_rust()) {
                let code = source::blank(&file.text);
                let names = functions(&code).into_iter().chain(of_macros(&code));
                tests.rust.extend(names.map(|name| format!("{module}::{name}")));
            } else if file.path.ends_with(".mjs") {
                tests.cases.extend(titles(&file.text).map(|title| format!("{}: {title}", file.path)));
            }
        }
        tests
    }

    /// Whether the words in backticks are either a test's name or not meant as one.
    fn know(&self, name: &str) -> bool {
        if name.contains(".mjs: ") {
            return self.cases.iter().any(|known| known == name);
        }
        !is_meant(name) || self.rust.iter().any(|known| known == name)
    }
}

/// `a::b::c` in small letters: types have capitals, and a path that begins with `crate` is one of an explanation.
fn is_meant(name: &str) -> bool {
    let small = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    name.contains("::") && !name.starts_with("crate::") && name.split("::").all(small)
}

/// `identity::mistakes` for `crates/identity/tests/it/mistakes.rs`.
fn module_of(path: &str) -> Option<String> {
    let inside = path.strip_prefix("crates/").unwrap_or(path).strip_suffix(".rs")?;
    let parts =
        inside.split('/').filter(|part| !matches!(*part, "src" | "tests" | "it" | "mod" | "lib" | "main"));
    let module = parts.collect::<Vec<_>>().join("::");
    (path.starts_with("crates/") || path.starts_with("xtask/")).then_some(module)
}

/// Names of functions that bear an attribute such as `#[test]` or `#[tokio::test(…)]`.
fn functions(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        // What stands between the item before and this one: its attributes and words such as `async`.
        let before = code.get(..at).unwrap_or_default();
        let own = before.rsplit([';', '{', '}']).next().unwrap_or_default();
        let is_test = ["test]", "test("].iter().any(|end| {
            own.match_indices(end).any(|(at, _)| own.get(..at).is_some_and(|text| text.ends_with(['[', ':'])))
        });
        if is_test {
            found.push(word(code.get(at + 3..).unwrap_or_default()));
        }
    }
    found
}

/// First words of macros that make tests, such as `both_engines!(name, …)`.
fn of_macros(code: &str) -> Vec<&str> {
    let calls = code.match_indices("!(").filter_map(|(at, _)| code.get(at + 2..));
    let named = calls.filter_map(|rest| {
        let name = word(rest.trim_start());
        let after = rest.trim_start().get(name.len()..).unwrap_or_default();
        (!name.is_empty() && after.starts_with(',')).then_some(name)
    });
    named.collect()
}

fn word(text: &str) -> &str {
    let end = text.find(|sign: char| !sign.is_alphanumeric() && sign != '_').unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// What stands in quotes after `test(`.
fn titles(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("test(").filter_map(|(at, call)| {
        let rest = text.get(at + call.len()..)?.trim_start();
        let quote = rest.chars().next().filter(|sign| matches!(sign, '\'' | '"' | '`'))?;
        rest.get(1..)?.split_once(quote).map(|(title, _)| title)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn found_in(document: &str) -> Vec<String> {
        let files = [
            file(
                "crates/shop/tests/it/doors.rs",
                "both_engines!(a_door_holds, MIGRATIONS, async |db| { let x = 1; });\nfn no_test() {}\n\
                 // fn in_a_comment() {}\n",
            ),
            file(
                "crates/shop/src/lock.rs",
                "fn open() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn it_locks() {}\n    \
                 #[tokio::test(flavor = \"multi_thread\")]\n    async fn it_waits() {}\n    fn latest() {}\n}\n",
            ),
            file("tests/browser/shop.test.mjs", "test('a \"good\" day', async () => {});\n"),
            file("docs/proofs.md", document),
        ];
        check_documents(&files, &["docs/proofs.md"]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_a_test_is_known() {
        for name in [
            "shop::doors::a_door_holds",
            "shop::lock::it_locks",
            "shop::lock::it_waits",
            "tests/browser/shop.test.mjs: a \"good\" day",
            "customers = \"required\"",
            "tokio::sync::Mutex",
            "crate::module::function",
        ] {
            assert_eq!(found_in(&format!("| 1 | `{name}` | words |")), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn what_is_none_is_found_with_its_line() {
        for name in [
            "shop::doors::a_door_held",
            "shop::a_door_holds",
            "nowhere::doors::a_door_holds",
            "shop::doors::no_test",
            "shop::doors::in_a_comment",
            "shop::lock::open",
            "shop::lock::latest",
            "tests/browser/shop.test.mjs: another day",
            "tests/browser/none.test.mjs: a \"good\" day",
        ] {
            let found = found_in(&format!("\n| `x` | `{name}` |"));
            assert_eq!(found, [format!("docs/proofs.md:2: names a test that is not there: {name}")]);
        }
    }

    #[test]
    fn a_document_that_is_gone_is_found() {
        assert_eq!(check_documents(&[], &["docs/gone.md"]).len(), 1);
    }
}
