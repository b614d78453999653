//! The rules of STYLE.md for one file and for one package.

use super::{File, Finding, source};

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 80;

/// Words that have no business in a committed file, with what to do instead.
const BANNED: [(&str, &str); 3] = [
    ("#[ignore", "no test is ignored: mend it or take it out"),
    ("todo!(", "nothing is left to do later in committed code"),
    ("unimplemented!(", "nothing is left to do later in committed code"),
];

const PARTS: [&str; 4] = ["**Owns**", "**Holds**", "**Never**", "**Emits**"];

pub fn check_source(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = file.text.lines().count();
    if lines > FILE_LINES {
        findings.push(Finding::new(
            &file.path,
            format!("{lines} lines; a file is one topic and stops at {FILE_LINES}"),
        ));
    }
    let code = source::blank(&file.text);
    for function in source::functions(&code).iter().filter(|one| one.lines > FUNCTION_LINES) {
        findings.push(Finding::new(
            format!("{}:{}", file.path, function.line),
            format!(
                "fn {} has {} lines; a function stops at {FUNCTION_LINES}",
                function.name, function.lines
            ),
        ));
    }
    for (word, why) in BANNED {
        for (at, _) in code.match_indices(word) {
            findings.push(Finding::new(format!("{}:{}", file.path, source::line(&code, at)), why));
        }
    }
    findings
}

/// Each package forbids unsafe code and opens with its four parts.
pub fn check_packages(files: &[File]) -> Vec<Finding> {
    let text_of = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    let workspace_forbids = text_of("Cargo.toml").is_some_and(|text| {
        manifest(text, &["workspace", "lints", "rust", "unsafe_code"]).is_some_and(|value| {
            value.as_str() == Some("forbid")
                || value.get("level").and_then(toml::Value::as_str) == Some("forbid")
        })
    });
    let mut findings = Vec::new();
    for own in files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let folder = own.path.trim_end_matches("Cargo.toml");
        let opening = ["src/lib.rs", "src/main.rs"].iter().find_map(|name| {
            text_of(&format!("{folder}{name}")).map(|text| (format!("{folder}{name}"), text))
        });
        let Some((path, text)) = opening else { continue };
        let inherits =
            manifest(&own.text, &["lints", "workspace"]).and_then(|value| value.as_bool()) == Some(true);
        let forbids = text.contains("#![forbid(unsafe_code)]") || (inherits && workspace_forbids);
        if !forbids {
            findings.push(Finding::new(&path, "unsafe code is not forbidden"));
        }
        if !opens_with_parts(text) {
            findings.push(Finding::new(&path, "does not open with Owns, Holds, Never, Emits"));
        }
    }
    findings
}

fn manifest(text: &str, path: &[&str]) -> Option<toml::Value> {
    let mut value: toml::Value = toml::from_str(text).ok()?;
    for key in path {
        value = value.get(key)?.clone();
    }
    Some(value)
}

fn opens_with_parts(text: &str) -> bool {
    let opening: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
    let places: Vec<Option<usize>> = PARTS.iter().map(|part| opening.find(part)).collect();
    places.iter().all(Option::is_some) && places.is_sorted()
}

/// Writes that leave no event; each gives its reason where it stands. The count is shown, so that it is noticed when
/// it grows.
pub fn silent_commits(files: &[File]) -> usize {
    files
        .iter()
        .filter(|file| file.is_rust() && file.path.contains("/src/") && !file.path.starts_with("xtask/"))
        .map(|file| {
            let code = source::blank(&file.text);
            code.matches("commit_silent(").count() - code.matches("fn commit_silent(").count()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: impl Into<String>) -> File {
        File { path: path.to_owned(), text: text.into() }
    }

    fn whats(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn long_files_and_functions_are_found() {
        let body = "    x();\n".repeat(79);
        let found = whats(check_source(&file("a.rs", format!("fn short() {{}}\nfn long() {{\n{body}}}\n"))));
        assert_eq!(found, ["a.rs:2: fn long has 81 lines; a function stops at 80"]);
        assert_eq!(check_source(&file("a.rs", "\n".repeat(600))).len(), 0);
        assert_eq!(check_source(&file("a.rs", "\n".repeat(601))).len(), 1);
    }

    #[test]
    fn ignored_tests_and_todos_are_found_in_code_only() {
        let text = "// todo!()\nconst A: &str = \"#[ignore]\";\n#[ignore = \"slow\"]\nfn a() { todo!() }\n";
        let found = whats(check_source(&file("a.rs", text)));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("a.rs:3") && found[1].starts_with("a.rs:4"));
    }

    #[test]
    fn a_package_forbids_unsafe_code_and_says_what_it_owns() {
        let root = file("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n");
        let opening = "//! x\n//! **Owns** a\n//! **Holds** b\n//! **Never** c\n//! **Emits** d\n";
        let good = [
            root,
            file("crates/a/Cargo.toml", "[lints]\nworkspace = true\n"),
            file("crates/a/src/lib.rs", opening),
            file("crates/b/Cargo.toml", ""),
            file("crates/b/src/main.rs", format!("{opening}#![forbid(unsafe_code)]\n")),
        ];
        assert_eq!(check_packages(&good), []);
        let bad = [
            file("crates/a/Cargo.toml", "[lints]\nworkspace = true\n"),
            file("crates/a/src/lib.rs", "//! **Holds** b\n//! **Owns** a\n"),
        ];
        assert_eq!(check_packages(&bad).len(), 2);
    }

    #[test]
    fn silent_commits_are_counted_where_they_are_called() {
        let files = [
            file(
                "crates/a/src/lib.rs",
                "fn commit_silent(a: u8) {}\nfn b() { commit_silent(1) } // commit_silent(2)\n",
            ),
            file("crates/a/tests/it.rs", "commit_silent(1)"),
        ];
        assert_eq!(silent_commits(&files), 1);
    }
}
