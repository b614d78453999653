//! The list in docs/oidc.md of the conformance suite's modules, held against the tests: each name has its test, and each such test
//! its name in the list.

use std::collections::BTreeSet;

const LIST: &str = include_str!("../../../../docs/oidc.md");
const TESTS: [&str; 2] = [include_str!("conformance.rs"), include_str!("logout.rs")];

/// The plans of Basic OP, Config OP and the two of log-out that Storeward does, with the number of modules that the suite's plan classes
/// name.
const PLANS: [(&str, usize); 4] = [
    ("oidcc-basic-certification-test-plan", 38),
    ("oidcc-config-certification-test-plan", 1),
    ("oidcc-rp-initiated-logout-certification-test-plan", 11),
    ("oidcc-backchannel-rp-initiated-logout-certification-test-plan", 2),
];

/// The modules of one row of the table. A name that begins with a dash goes on from the row's first one.
fn modules(plan: &str) -> Vec<String> {
    let begin = format!("| `{plan}` | ");
    let row = LIST.lines().find_map(|line| line.strip_prefix(begin.as_str()));
    let names: Vec<&str> =
        row.unwrap_or_else(|| panic!("{plan} has a row")).split('`').skip(1).step_by(2).collect();
    let whole = |name: &&str| match name.strip_prefix('-') {
        Some(rest) => format!("{}-{rest}", names[0]),
        None => (*name).to_owned(),
    };
    names.iter().map(whole).collect()
}

#[test]
fn every_module_of_the_plans_has_a_test_of_its_name_and_no_other_test_bears_one() {
    let mut listed = BTreeSet::new();
    for (plan, count) in PLANS {
        let names = modules(plan);
        assert_eq!(names.len(), count, "{plan}: {names:?}");
        for name in names {
            assert!(name.starts_with("oidcc-"), "{name}");
            assert!(listed.insert(name.replace('-', "_")), "{name} stands twice");
        }
    }
    let begun = TESTS.iter().flat_map(|text| text.split("\nboth_engines!(").skip(1));
    let tests = begun.filter_map(|rest| rest.split(',').next()).map(str::trim);
    let tests: BTreeSet<String> =
        tests.filter(|name| name.starts_with("oidcc_")).map(str::to_owned).collect();
    let missing: Vec<_> = listed.difference(&tests).collect();
    let unlisted: Vec<_> = tests.difference(&listed).collect();
    assert!(
        missing.is_empty() && unlisted.is_empty(),
        "without a test: {missing:?}; not listed: {unlisted:?}"
    );
}
