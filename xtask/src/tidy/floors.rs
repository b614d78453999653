//! The floors of ARCHITECTURE.md: dependencies point down only, siblings do not see each other, and each heavy
//! dependency has one owner.

use super::metadata::{Dependency, Package};
use super::{File, Finding, source};

const FLOORS: [(&str, u8); 31] = [
    ("storeward-argon", 1),
    ("storeward-base", 1),
    ("storeward-events", 1),
    ("storeward-inspect", 2),
    ("storeward-detect", 2),
    ("storeward-fraud", 2),
    ("storeward-adapter", 2),
    ("storeward-policy", 2),
    ("storeward-seal", 2),
    ("storeward-store", 2),
    ("storeward-web", 2),
    ("storeward-outbound", 2),
    ("storeward-passwords", 2),
    ("storeward-token", 2),
    ("storeward-puzzle", 2),
    ("storeward-host", 3),
    ("storeward-post", 3),
    ("storeward-api", 3),
    ("storeward-edge", 4),
    ("storeward-console", 4),
    ("storeward-identity", 4),
    ("storeward-vault", 4),
    ("storeward-guide", 4),
    ("storeward-oidc", 4),
    ("storeward-gate", 4),
    ("storeward-anchor", 4),
    ("storeward-backup", 4),
    ("storeward-payments", 4),
    ("storeward-checkout", 4),
    ("storeward-app", 5),
    // For tests: sees everything below the app.
    ("storeward-testkit", 5),
];

/// Beside the house: none of ours may be named there, and only the ones named here may name it: first who uses it, then
/// whose tests do.
const BESIDE: [(&str, &str, &[&str]); 3] = [
    ("storeward-demo-shop", "storeward-app", &[]),
    // Payments are tried against stand-ins for the providers; a production build names none.
    ("storeward-emulators", "storeward-app", &["storeward-payments"]),
    ("xtask", "", &[]),
];

const TESTKIT: &str = "storeward-testkit";

/// A window between siblings: who looks, at whom, at which modules (all when empty), and why.
struct Window {
    from: &'static str,
    to: &'static str,
    modules: &'static [&'static str],
    #[expect(dead_code, reason = "for the reader of the table")]
    reason: &'static str,
}

const WINDOWS: [Window; 19] = [
    Window {
        from: "storeward-events",
        to: "storeward-base",
        modules: &[],
        reason: "facts are told in the base's words: ids, times, actors",
    },
    Window {
        from: "storeward-store",
        to: "storeward-seal",
        modules: &[],
        reason: "the ledger is a Merkle tree with signed checkpoints, and only seal hashes and signs",
    },
    Window {
        from: "storeward-token",
        to: "storeward-seal",
        modules: &["encoding", "envelope", "Error"],
        reason: "a token is one of the places where a root key is, and only seal says what that is",
    },
    Window {
        from: "storeward-outbound",
        to: "storeward-seal",
        modules: &["dkim", "encoding"],
        reason: "a mail that goes out bears a signature, and only seal hashes and signs",
    },
    Window {
        from: "storeward-console",
        to: "storeward-edge",
        modules: &["access", "bans"],
        reason: "staff see the edge's access record and lift its bans; the rest of the edge stays out of sight",
    },
    Window {
        from: "storeward-console",
        to: "storeward-identity",
        modules: &["staff", "teach"],
        reason: "staff look an account up and protect it, and teach Storeward the shop's sign-in; what signs customers in stays out of sight",
    },
    Window {
        from: "storeward-guide",
        to: "storeward-identity",
        modules: &[],
        reason: "guidance goes by how well an account is protected, and adds to its pages, so that there is one place",
    },
    Window {
        from: "storeward-console",
        to: "storeward-guide",
        modules: &["staff"],
        reason: "staff see what reminders changed and which messages were reported; the rest of guidance stays out of sight",
    },
    Window {
        from: "storeward-oidc",
        to: "storeward-identity",
        modules: &[],
        reason: "who signs in to a shop is whoever is signed in here, and the pages are the customers' pages",
    },
    Window {
        from: "storeward-console",
        to: "storeward-oidc",
        modules: &["registry"],
        reason: "staff decide which shops and programs let their customers sign in here",
    },
    Window {
        from: "storeward-console",
        to: "storeward-vault",
        modules: &["desk"],
        reason: "staff open customers' data there, as far as the policy lets them; keys stay out of sight",
    },
    Window {
        from: "storeward-console",
        to: "storeward-backup",
        modules: &["desk"],
        reason: "staff see whether what was put away can be had back; repositories and passwords stay out of sight",
    },
    Window {
        from: "storeward-console",
        to: "storeward-payments",
        modules: &["desk"],
        reason: "staff see how payments stand and give money back; keys and clients of providers stay out of sight",
    },
    Window {
        from: "storeward-console",
        to: "storeward-checkout",
        modules: &["desk"],
        reason: "staff approve what runs on paying pages; how pages are read and changed stays out of sight",
    },
    Window {
        from: "storeward-vault",
        to: "storeward-identity",
        modules: &[],
        reason: "customers see what is kept of them on the pages where they are signed in",
    },
    Window {
        from: "storeward-payments",
        to: "storeward-identity",
        modules: &[],
        reason: "customers see what is kept of how they pay on the pages where they are signed in",
    },
    Window {
        from: "storeward-gate",
        to: "storeward-console",
        modules: &["entrance"],
        reason: "whoever passes a gate is staff, and staff sign in at the console; the rest of the console stays out of sight",
    },
    Window {
        from: "storeward-gate",
        to: "storeward-oidc",
        modules: &["keys"],
        reason: "what the shop is told is signed with keys that are exchanged as the provider's are, on a ring of their own",
    },
    Window {
        from: "storeward-gate",
        to: "storeward-edge",
        modules: &["paths"],
        reason: "a gate holds a path by the spellings by which routes are closed",
    },
];

/// Who may name a heavy dependency in its manifest (tests apart).
const OWNERS: [(&str, &[&str]); 30] = [
    // The sample shop keeps a file of its own, as a shop that knows nothing of us would.
    ("rusqlite", &["storeward-store", "storeward-demo-shop"]),
    ("postgres", &["storeward-store"]),
    ("cryptoki", &["storeward-token"]),
    ("tokio-postgres", &["storeward-store"]),
    ("axum", &["storeward-web", "storeward-demo-shop"]),
    ("qrcodegen", &["storeward-web"]),
    ("askama", &["storeward-web", "storeward-demo-shop"]),
    // The store speaks TLS to PostgreSQL.
    // The stand-ins deliver their webhooks over TLS.
    ("rustls", &["storeward-edge", "storeward-outbound", "storeward-store", "storeward-emulators"]),
    ("tokio-rustls", &["storeward-edge", "storeward-outbound", "storeward-store", "storeward-emulators"]),
    // Whose certificates a time stamp leads to.
    ("rustls-webpki", &["storeward-seal"]),
    ("instant-acme", &["storeward-edge"]),
    // The stand-in for PayPal signs its webhooks with a certificate of its own.
    ("rcgen", &["storeward-edge", "storeward-emulators"]),
    // The sample shop hashes its own customers' passwords.
    (
        "aws-lc-rs",
        &[
            "storeward-seal",
            "storeward-passwords",
            "storeward-puzzle",
            "storeward-edge",
            "storeward-demo-shop",
            // As the providers do, beside the house.
            "storeward-emulators",
        ],
    ),
    ("rustic_core", &["storeward-backup"]),
    ("bytesize", &["storeward-backup"]),
    ("cedar-policy", &["storeward-policy"]),
    ("miette", &["storeward-policy"]),
    ("altcha", &["storeward-puzzle"]),
    ("maxminddb", &["storeward-detect"]),
    ("argon2", &["storeward-passwords", "storeward-demo-shop"]),
    ("bcrypt", &["storeward-passwords"]),
    ("md-5", &["storeward-passwords"]),
    ("scrypt", &["storeward-passwords"]),
    ("xorf", &["storeward-passwords"]),
    ("thread-priority", &["storeward-passwords", "storeward-host"]),
    ("zxcvbn", &["storeward-passwords"]),
    // Patterns of the providers' published documents.
    ("regex", &["storeward-inspect", "storeward-emulators"]),
    // Pages that a shop compressed although it was asked not to.
    ("flate2", &["storeward-edge", "storeward-checkout"]),
    ("lol_html", &["storeward-checkout"]),
    ("encoding_rs", &["storeward-checkout"]),
];

pub fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        if floor(&package.name).is_none() && beside(&package.name).is_none() {
            findings
                .push(Finding::new(&package.name, "stands on no floor: add it to xtask/src/tidy/floors.rs"));
        }
        for dependency in &package.dependencies {
            if let Some(why) = refuse(&package.name, dependency) {
                findings.push(Finding::new(&package.name, why));
            }
            if let Some(why) = refuse_owner(&package.name, dependency) {
                findings.push(Finding::new(&package.name, why));
            }
        }
    }
    findings
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor)
}

fn beside(name: &str) -> Option<(&'static str, &'static [&'static str])> {
    BESIDE.iter().find(|(known, ..)| *known == name).map(|(_, user, tests)| (*user, *tests))
}

/// Why `from` must not name `dependency`; nothing if it may.
fn refuse(from: &str, dependency: &Dependency) -> Option<String> {
    let to = dependency.name.as_str();
    if let Some((user, tests)) = beside(to) {
        let is_tried = dependency.is_dev && tests.contains(&from);
        return (from != user && from != to && !is_tried)
            .then(|| format!("must not use {to}, which stands beside the house"));
    }
    let below = floor(to)?;
    // A crate's own tests name it once more to switch its testing feature on.
    if from == to && dependency.is_dev {
        return None;
    }
    if to == TESTKIT {
        return (!dependency.is_dev).then(|| format!("may use {to} in tests only"));
    }
    let Some(own) = floor(from) else {
        return Some(format!("stands beside the house and must not use {to}"));
    };
    if below < own || window(from, to).is_some() {
        return None;
    }
    let word = if below == own { "its sibling" } else { "which stands above it," };
    Some(format!("must not use {word} {to}"))
}

fn refuse_owner(from: &str, dependency: &Dependency) -> Option<String> {
    let (name, owners) = OWNERS.iter().find(|(name, _)| *name == dependency.name)?;
    (!dependency.is_dev && !owners.contains(&from))
        .then(|| format!("must not name {name}: only {} may", owners.join(", ")))
}

fn window(from: &str, to: &str) -> Option<&'static Window> {
    WINDOWS.iter().find(|window| window.from == from && window.to == to)
}

/// Whoever looks at a sibling through a window sees only the modules that it shows.
pub fn check_windows(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for window in WINDOWS.iter().filter(|window| !window.modules.is_empty()) {
        let folder = format!("crates/{}/src/", window.from.trim_start_matches("storeward-"));
        let word = format!("{}::", window.to.replace('-', "_"));
        for file in files.iter().filter(|file| file.is_rust() && file.path.starts_with(&folder)) {
            let code = source::blank(&file.text);
            for (at, _) in code.match_indices(&word) {
                let rest = &code[at + word.len()..];
                let module: String =
                    rest.chars().take_while(|sign| sign.is_alphanumeric() || *sign == '_').collect();
                if !window.modules.contains(&module.as_str()) {
                    let place = format!("{}:{}", file.path, source::line(&code, at));
                    let shown = window.modules.join(", ");
                    findings.push(Finding::new(
                        place,
                        format!("sees {word}{module}; {} shows {shown}", window.to),
                    ));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::metadata;
    use super::*;

    fn findings(from: &str, to: &str, kind: &str) -> Vec<String> {
        let kind = if kind.is_empty() { "null".to_owned() } else { format!("\"{kind}\"") };
        let json = format!(
            r#"{{"packages":[{{"name":"{from}","dependencies":[{{"name":"{to}","kind":{kind},"path":"/x"}}]}}]}}"#
        );
        check(&metadata::parse(json.as_bytes()).unwrap()).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn dependencies_point_down() {
        for (from, to, kind) in [
            ("storeward-edge", "storeward-base", ""),
            ("storeward-events", "storeward-base", ""),
            ("storeward-store", "storeward-seal", ""),
            ("storeward-console", "storeward-edge", ""),
            ("storeward-store", "storeward-store", "dev"),
            ("storeward-edge", "storeward-testkit", "dev"),
            ("storeward-testkit", "storeward-edge", ""),
            ("storeward-app", "storeward-demo-shop", ""),
            ("storeward-inspect", "regex", ""),
            ("storeward-app", "rustls", "dev"),
            ("storeward-app", "storeward-emulators", ""),
            ("xtask", "serde_json", ""),
        ] {
            assert_eq!(findings(from, to, kind), Vec::<String>::new(), "{from} -> {to}");
        }
    }

    #[test]
    fn up_across_and_beside_are_refused() {
        for (from, to, kind, word) in [
            ("storeward-base", "storeward-events", "", "sibling"),
            ("storeward-base", "storeward-edge", "dev", "above"),
            ("storeward-edge", "storeward-console", "", "sibling"),
            ("storeward-inspect", "storeward-detect", "", "sibling"),
            ("storeward-edge", "storeward-testkit", "", "tests only"),
            ("storeward-edge", "storeward-demo-shop", "", "beside"),
            ("storeward-app", "xtask", "", "beside"),
            ("xtask", "storeward-base", "", "beside"),
            ("storeward-demo-shop", "storeward-base", "", "beside"),
            ("storeward-payments", "storeward-emulators", "", "beside"),
            ("storeward-edge", "storeward-emulators", "dev", "beside"),
            ("storeward-edge", "rusqlite", "", "only storeward-store"),
            ("storeward-nowhere", "serde", "", "no floor"),
        ] {
            let found = findings(from, to, kind);
            assert!(found.iter().any(|what| what.contains(word)), "{from} -> {to}: {found:?}");
        }
    }

    #[test]
    fn tests_may_use_what_stands_beside_where_it_says_so() {
        let is_refused = |kind: &str| {
            let found = findings("storeward-payments", "storeward-emulators", kind);
            found.iter().any(|what| what.contains("beside the house"))
        };
        assert!(!is_refused("dev"));
        assert!(is_refused("") && is_refused("build"));
    }

    #[test]
    fn a_window_shows_only_its_modules() {
        let text = "use storeward_edge::access::Filter;\n// storeward_edge::server\nuse storeward_edge::server::Server;\n";
        let file = File { path: "crates/console/src/x.rs".into(), text: text.into() };
        let found = check_windows(&[file]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].place, "crates/console/src/x.rs:3");
    }
}
