//! The guards and the first rules, asked from outside.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop where it is")]

use storeward_policy::{
    Act, Answer, Asked, Changes, Circumstances, Grant, Mask, Policies, Purpose, Thing, VOLUME_LIMIT, Who,
    changes, groups,
};

fn staff(groups: &[&str]) -> Who {
    Who::Staff { id: "staff_1".to_owned(), groups: groups.iter().map(|&name| name.to_owned()).collect() }
}

fn now(purpose: Purpose) -> Circumstances {
    Circumstances::new(purpose, Some(30))
}

fn ask(rules: &Policies, who: &Who, act: Act, full: &str, told: &Circumstances) -> Answer {
    let thing = match full.split_once('.') {
        Some((class, name)) => Thing::Field { class, name },
        None => Thing::Record,
    };
    rules.decide(&Asked { who, act, owner: "cust_ada", thing, circumstances: told })
}

/// `whole support_reads_notes`, or the reason.
fn shown(answer: &Answer) -> String {
    match answer {
        Answer::Allow { mask, rules } => format!("{} {}", mask.name(), rules.join(" ")),
        Answer::Deny(refusal) => refusal.reason.to_owned(),
    }
}

#[test]
fn what_a_shop_begins_with() {
    let rules = Policies::default_rules();
    let check = |groups: &[&str], purpose: Purpose, full: &str, expected: &str| {
        let answer = ask(&rules, &staff(groups), Act::Open, full, &now(purpose));
        assert_eq!(shown(&answer), expected, "{groups:?} {purpose:?} {full}");
    };
    check(&["owner"], Purpose::Support, "contact.email", "whole owner_works");
    check(&["support"], Purpose::Support, "contact.email", "part support_answers");
    check(&["support"], Purpose::Support, "note.text", "whole support_reads_notes");
    check(&["support"], Purpose::Shipping, "contact.email", "no_rule");
    check(&["fulfilment"], Purpose::Shipping, "address.street", "no_rule");
    check(&["accountant"], Purpose::Invoicing, "address.street", "whole accountant_invoices");
    check(&["accountant"], Purpose::Invoicing, "address.phone", "no_rule");
    check(&["accountant"], Purpose::Invoicing, "contact.birthday", "no_rule");
    // Groups that are no role, and none at all, see nothing.
    check(&["admin", "packers"], Purpose::Support, "contact.email", "no_rule");
    check(&[], Purpose::Support, "contact.email", "no_rule");
    // Two roles: what shows more counts, and is named.
    check(&["support", "owner"], Purpose::Support, "contact.email", "whole owner_works");
}

#[test]
fn while_rules_cannot_be_told_only_the_owner_sees_anything() {
    let rules = Policies::owner_only();
    let check = |group: &str, purpose: Purpose, full: &str, expected: &str| {
        let answer = ask(&rules, &staff(&[group]), Act::Open, full, &now(purpose));
        assert_eq!(shown(&answer), expected, "{group} {purpose:?} {full}");
    };
    check("owner", Purpose::Support, "contact.email", "whole owner_works");
    check("support", Purpose::Support, "contact.email", "no_rule");
    check("accountant", Purpose::Invoicing, "address.street", "no_rule");
    let answer =
        ask(&rules, &staff(&["support"]), Act::Export, "contact.email", &now(Purpose::RightsRequest));
    assert_eq!(shown(&answer), "no_rule");
    assert!(
        rules.rules().all(|rule| !rule.allows || rule.id.starts_with("owner_")),
        "no emergency, no grant"
    );
}

#[test]
fn an_order_of_the_customer_opens_more() {
    let rules = Policies::default_rules();
    let with_order = |purpose| Circumstances { is_assigned: true, ..now(purpose) };
    let check = |groups: &[&str], purpose: Purpose, full: &str, expected: &str| {
        let answer = ask(&rules, &staff(groups), Act::Open, full, &with_order(purpose));
        assert_eq!(shown(&answer), expected, "{groups:?} {purpose:?} {full}");
    };
    check(&["support"], Purpose::Support, "contact.email", "whole support_answers_about_an_order");
    check(&["support"], Purpose::Support, "contact.birthday", "part support_answers");
    check(&["fulfilment"], Purpose::Shipping, "address.street", "whole fulfilment_ships");
    check(&["fulfilment"], Purpose::Shipping, "contact.phone", "part fulfilment_calls");
    check(&["fulfilment"], Purpose::Support, "address.street", "no_rule");
}

/// A shop that allows everything, by mistake or by a thief's hand, still allows none of this.
#[test]
fn no_rule_of_a_shop_gets_past_the_guards() {
    let rules = Policies::parse("@id(\"all\") permit (principal, action, resource);").unwrap();
    let owner = staff(&["owner"]);
    let check = |who: &Who, full: &str, told: Circumstances, expected: &str| {
        for act in [Act::Open, Act::Export] {
            assert_eq!(shown(&ask(&rules, who, act, full, &told)), expected, "{act:?} {full} {told:?}");
        }
    };
    let support = || now(Purpose::Support);
    check(&owner, "contact.email", support(), "whole all");
    for age in [Some(601), Some(u64::MAX), None] {
        check(
            &owner,
            "contact.email",
            Circumstances { factor_age_seconds: age, ..support() },
            "factor_too_old",
        );
    }
    check(
        &owner,
        "contact.email",
        Circumstances { opened_lately: VOLUME_LIMIT - 1, ..support() },
        "whole all",
    );
    check(&owner, "contact.email", Circumstances { opened_lately: VOLUME_LIMIT, ..support() }, "too_many");
    check(&owner, "contact.email", Circumstances { is_restricted: true, ..support() }, "restricted");
    let claim = Circumstances { is_restricted: true, ..now(Purpose::LegalClaim) };
    check(&owner, "contact.email", claim, "whole all");
    check(&owner, "identity_document.number", support(), "purpose");
    check(&owner, "identity_document.number", now(Purpose::Dispute), "whole all");
    check(&owner, "contact.email", now(Purpose::Marketing), "no_consent");
    let agreed = Circumstances { consents: vec!["marketing".to_owned()], ..now(Purpose::Marketing) };
    check(&owner, "contact.email", agreed, "whole all");
    check(&owner, "contact.email", now(Purpose::OwnData), "purpose");
    // One customer and another's data.
    let (ada, eve) =
        (Who::Customer { id: "cust_ada".to_owned() }, Who::Customer { id: "cust_eve".to_owned() });
    check(&eve, "contact.email", now(Purpose::OwnData), "not_own");
    check(&ada, "contact.email", now(Purpose::Support), "not_own");
    let stale = Circumstances { factor_age_seconds: Some(3_600), ..now(Purpose::RightsRequest) };
    assert_eq!(shown(&ask(&rules, &owner, Act::Correct, "address.city", &stale)), "factor_too_old");
    assert_eq!(shown(&ask(&rules, &eve, Act::Correct, "address.city", &now(Purpose::OwnData))), "not_own");
    // Whose a record is, and what they said, is the owner's to put right, whatever a shop's rules say.
    for full in ["contact.email", "contact.shop_id", "consent.given_at", "consent.objected_at"] {
        let told = now(Purpose::RightsRequest);
        assert_eq!(shown(&ask(&rules, &staff(&["support"]), Act::Correct, full, &told)), "owner_only");
        assert_eq!(shown(&ask(&rules, &owner, Act::Correct, full, &told)), "whole all");
    }
    for act in [Act::Answer, Act::Erase, Act::Restrict] {
        assert_eq!(shown(&ask(&rules, &eve, act, "record", &now(Purpose::OwnData))), "not_own");
        let stale = Circumstances { factor_age_seconds: Some(3_600), ..now(Purpose::RightsRequest) };
        assert_eq!(shown(&ask(&rules, &owner, act, "record", &stale)), "factor_too_old");
    }
}

#[test]
fn no_rule_of_a_shop_takes_a_customers_rights_away() {
    // Nothing allows, everything forbids, and a rule breaks.
    for rules in [
        "",
        "@id(\"none\") forbid (principal, action, resource);",
        "@id(\"sum\") forbid (principal, action, resource) when { 9223372036854775807 + context.factor_age < 0 };",
    ] {
        takes_nothing_away(&Policies::parse(rules).unwrap());
    }
}

fn takes_nothing_away(rules: &Policies) {
    let ada = Who::Customer { id: "cust_ada".to_owned() };
    let restricted = Circumstances { is_restricted: true, factor_age_seconds: None, ..now(Purpose::OwnData) };
    for act in [Act::Open, Act::Export] {
        assert_eq!(
            shown(&ask(rules, &ada, act, "identity_document.number", &restricted)),
            "whole guard_own_data"
        );
    }
    for act in [Act::Answer, Act::Erase, Act::Restrict] {
        assert_eq!(shown(&ask(rules, &ada, act, "record", &restricted)), "whole guard_own_data");
    }
    for full in ["contact.email", "consent.withdrawn_at"] {
        assert_eq!(shown(&ask(rules, &ada, Act::Correct, full, &restricted)), "whole guard_own_data");
    }
    let owner = ask(rules, &staff(&["owner"]), Act::Open, "contact.email", &now(Purpose::Support));
    assert!(matches!(owner, Answer::Deny(_)));
}

#[test]
fn a_mask_counts_only_where_nothing_shows_more() {
    let rules = Policies::parse(
        "@id(\"a\") @mask(\"hidden\") permit (principal is Staff, action == Action::\"open\", resource);\n\
         @id(\"b\") @mask(\"part\") permit (principal is Staff, action == Action::\"open\", resource in Class::\"contact\");",
    )
    .unwrap();
    let asked = |full: &str| ask(&rules, &staff(&[]), Act::Open, full, &now(Purpose::Support));
    assert_eq!(shown(&asked("contact.email")), "part b");
    assert_eq!(shown(&asked("note.text")), "hidden a");
    assert!(Mask::Hidden < Mask::Part && Mask::Part < Mask::Whole);
}

#[test]
fn a_policy_that_does_not_fit_is_not_taken() {
    let check = |text: &str, says: &str| {
        let fault = Policies::parse(text).err().unwrap_or_else(|| panic!("{text} was taken")).to_string();
        assert!(fault.contains(says), "{text}: {fault}");
    };
    check("permit (principal", "");
    check("permit (principal, action, resource);", "needs a name");
    check("@id(\"Big\") permit (principal, action, resource);", "needs a name");
    check("@id(\"guard_factor\") permit (principal, action, resource);", "kept for the guards");
    check(
        "@id(\"a\") permit (principal, action, resource); @id(\"a\") permit (principal, action, resource);",
        "two rules",
    );
    check("@id(\"a\") @mask(\"half\") permit (principal, action, resource);", "@mask");
    check("@id(\"a\") @mask(\"part\") forbid (principal, action, resource);", "@mask");
    check("@id(\"a\") @reason(\"mood\") forbid (principal, action, resource);", "@reason");
    // Words that there are none of: the strict validator finds them.
    check("@id(\"a\") permit (principal, action, resource) when { context.fator_age < 600 };", "");
    check("@id(\"a\") permit (principal is Robot, action, resource);", "");
    check("@id(\"a\") permit (principal, action == Action::\"peek\", resource);", "");
    check("@id(\"a\") permit (principal == ?principal, action, resource);", "templates");
    check(&"x".repeat(300_000), "longer");
    let many: String =
        (0..300).map(|n| format!("@id(\"r{n}\") permit (principal, action, resource);\n")).collect();
    check(&many, "more than");
}

#[test]
fn a_rule_that_breaks_on_the_way_allows_nothing() {
    // Overflows for a factor that was never shown.
    let rules = Policies::parse(
        "@id(\"all\") permit (principal, action, resource);\n\
         @id(\"sum\") forbid (principal, action, resource) when { context.opened_lately * context.opened_lately < 0 };",
    )
    .unwrap();
    let told = Circumstances { opened_lately: 5_000_000_000, ..now(Purpose::Support) };
    assert_eq!(shown(&ask(&rules, &staff(&["owner"]), Act::Open, "contact.email", &told)), "rule_broken");
}

/// Ids come from outside of Cedar's own words: none can be read as another.
#[test]
fn ids_are_taken_as_they_are() {
    let rules = Policies::default_rules();
    for group in ["owner\"", "Role::\"owner\"", "owner\" || true || \"", " owner", "Owner", ""] {
        let answer = ask(&rules, &staff(&[group]), Act::Open, "contact.email", &now(Purpose::Support));
        assert_eq!(shown(&answer), "no_rule", "{group}");
    }
}

#[test]
fn every_rule_says_in_words_what_it_does() {
    for rule in Policies::default_rules().rules() {
        assert!(rule.says.ends_with('.') && rule.says.len() > 20, "{}", rule.id);
    }
}

#[test]
fn a_grant_opens_what_no_rule_does_and_no_guard_yields_to_it() {
    let rules = Policies::default_rules();
    let support = staff(&["support"]);
    let granted = |grant| Circumstances { grant, ..now(Purpose::Dispute) };
    let look = |full: &str, told: &Circumstances| shown(&ask(&rules, &support, Act::Open, full, told));
    assert_eq!(look("contact.email", &granted(Grant::None)), "no_rule");
    assert_eq!(look("contact.email", &granted(Grant::Approved)), "whole approved_by_another");
    assert_eq!(look("contact.email", &granted(Grant::BreakGlass)), "whole in_an_emergency");
    for (told, reason) in [
        (Circumstances { is_restricted: true, ..granted(Grant::Approved) }, "restricted"),
        (Circumstances { factor_age_seconds: Some(601), ..granted(Grant::BreakGlass) }, "factor_too_old"),
        (Circumstances { opened_lately: VOLUME_LIMIT, ..granted(Grant::Approved) }, "too_many"),
        (Circumstances { objections: vec!["dispute".to_owned()], ..granted(Grant::Approved) }, "objected"),
    ] {
        assert_eq!(look("contact.email", &told), reason);
    }
    let support_now = Circumstances { grant: Grant::Approved, ..now(Purpose::Support) };
    assert_eq!(look("identity_document.number", &support_now), "purpose");
    // It lets nobody take a copy along, and nobody of support approves.
    assert_eq!(
        shown(&ask(&rules, &support, Act::Export, "contact.email", &granted(Grant::Approved))),
        "no_rule"
    );
    for (groups, act, allowed) in [
        (vec!["support"], Act::Approve, false),
        (vec!["owner"], Act::Approve, true),
        (vec!["support"], Act::BreakGlass, true),
        (vec!["marketing"], Act::BreakGlass, false),
        (vec!["admin"], Act::BreakGlass, false),
    ] {
        let answer = ask(&rules, &staff(&groups), act, "record", &now(Purpose::Dispute));
        assert_eq!(matches!(answer, Answer::Allow { .. }), allowed, "{groups:?} {act:?}");
    }
}

#[test]
fn what_other_rules_would_change_is_told_before_they_hold() {
    let before = Policies::default_rules();
    let fields = [("contact", "email"), ("note", "text")];
    assert_eq!(
        changes(&before, &Policies::default_rules(), &groups(&[&before], []), &fields),
        Changes::default()
    );
    let wider = format!(
        "{}\n@id(\"marketing_reads\")\npermit (principal is Staff in Role::\"marketing\", action == Action::\"open\", \
         resource == Field::\"note.text\") when {{ context.purpose == \"support\" }};\n\
         @id(\"no_erasing\")\nforbid (principal is Staff, action == Action::\"erase\", resource);",
        Policies::default_text()
    );
    let wider = Policies::parse(&wider).unwrap();
    let found = changes(&before, &wider, &groups(&[&wider], []), &fields);
    let told: Vec<String> = found
        .cells
        .iter()
        .map(|one| {
            format!(
                "{} {} {}.{} {}",
                one.group,
                one.purpose.name(),
                one.field.0,
                one.field.1,
                one.after.words()
            )
        })
        .collect();
    assert_eq!(told, ["marketing support note.text whole"]);
    assert!(found.acts.iter().all(|one| one.act == Act::Erase && !one.is_allowed));
    assert_eq!(found.acts.len(), 2, "the owner erases for requests and for claims");
}

#[test]
fn a_fault_says_in_which_line_it_is() {
    let good = "@id(\"a\")\npermit (principal, action, resource);\n";
    for (bad, line) in [
        ("@id(\"b\")\npermit (principal, action, resource)\nwhen { context.purpose = \"support\" };", 5),
        ("@id(\"b\")\npermit (principal is Nobody, action, resource);", 4),
        ("@id(\"B\")\npermit (principal, action, resource);", 3),
        ("@id(\"a\")\npermit (principal, action, resource);", 3),
        (
            "@id(\"b\")\npermit (principal, action == Action::\"open\", resource)\nwhen { context.nothing };",
            5,
        ),
    ] {
        let fault = Policies::parse(&format!("{good}{bad}")).map(drop).unwrap_err();
        assert_eq!(fault.line, Some(line), "{fault}");
        assert!(fault.to_string().starts_with(&format!("line {line}: ")));
    }
}

/// What is told of rules where there were none.
fn told_of(more: &str, members: &[&'static str]) -> Vec<String> {
    let before = Policies::parse("").unwrap();
    let after = Policies::parse(more).unwrap();
    let fields = [("contact", "email"), ("note", "text")];
    let found = changes(&before, &after, &groups(&[&before, &after], members.iter().copied()), &fields);
    let cells = found.cells.iter().map(|one| format!("{} sees {}.{}", one.group, one.field.0, one.field.1));
    let acts = found.acts.iter().map(|one| format!("{} {}", one.group, one.act.name()));
    let untold = found.untold.iter().map(|one| format!("{}: {}", one.id, one.words));
    let mut told: Vec<String> = cells.chain(acts).chain(untold).collect();
    told.sort_unstable();
    told.dedup();
    told
}

// "Nobody sees more or less" was said of a rule that gives somebody everything.
#[test]
fn no_back_door_is_told_as_nothing() {
    let door = |principal: &str, when: &str| {
        format!(
            "@id(\"door\") permit ({principal}, action in [Action::\"open\", Action::\"export\"], resource) {when};"
        )
    };
    let check = |principal: &str, when: &str, wanted: &[&str]| {
        assert_eq!(told_of(&door(principal, when), &[]), wanted, "{principal} {when}");
    };
    let warehouse = ["warehouse export", "warehouse sees contact.email", "warehouse sees note.text"];
    check("principal is Staff in Role::\"warehouse\"", "", &warehouse);
    check("principal is Staff", "when { principal in Role::\"warehouse\" }", &warehouse);
    let one = "door: Staff \"staff_1\" may export, open; it goes by one person";
    check("principal == Staff::\"staff_1\"", "", &[one]);
    check("principal is Staff", "when { [Staff::\"staff_1\"].contains(principal) }", &[one]);
    let marketing = "principal is Staff in Role::\"marketing\"";
    let of_marketing =
        |beyond: &str| format!("door: the group \"marketing\" may export, open; it goes by {beyond}");
    for (when, beyond) in [
        ("when { context.factor_age > 0 }", "factor age"),
        ("when { context has factor_age && context.factor_age != 0 }", "factor age"),
        ("when { context.opened_lately > 0 }", "opened lately"),
        ("when { context.restricted }", "restricted"),
        ("when { context.grant == \"approved\" }", "grant"),
        ("unless { context.consents.contains(\"marketing\") }", "consents"),
        ("when { context.consents.contains(\"marketing\") == false }", "consents"),
        ("when { context.consents.contains(\"else\") }", "consents"),
        ("when { context.objections.contains(\"support\") }", "objections"),
        ("when { resource.owner == Customer::\"cust_1\" }", "one customer, owner"),
    ] {
        check(marketing, when, &[&of_marketing(beyond)]);
    }
    let both = "door: the group \"marketing\", the group \"support\" may export, open; it goes by two groups at once";
    check(marketing, "when { principal in Role::\"support\" }", &[both]);
    check(
        "principal is Staff",
        "when { principal in Role::\"support\" && principal in Role::\"marketing\" }",
        &[both],
    );
    // A group that somebody is in and no rule names.
    let all = told_of(&door("principal is Staff", ""), &["admin"]);
    assert!(all.contains(&"admin export".to_owned()), "{all:?}");
}

#[test]
fn a_rule_that_the_table_cannot_show_is_told_where_it_changes() {
    let rules = |when: &str| {
        let rule = format!("@id(\"a\") forbid (principal is Staff, action, resource) when {{ {when} }};");
        Policies::parse(&rule).unwrap()
    };
    let ids = |before: &str, after: &str| {
        let found = changes(&rules(before), &rules(after), &[], &[]);
        let ids =
            |list: Vec<storeward_policy::Untold>| list.into_iter().map(|one| one.id).collect::<String>();
        (ids(found.dropped), ids(found.untold))
    };
    assert_eq!(ids("context.factor_age > 5", "context.factor_age > 5"), (String::new(), String::new()));
    assert_eq!(ids("context.factor_age > 5", "context.factor_age > 9"), ("a".to_owned(), "a".to_owned()));
    assert_eq!(ids("context.factor_age > 5", "context.assigned"), ("a".to_owned(), String::new()));
}

#[test]
fn names_that_there_are_none_of_do_not_fit() {
    let fields = [("contact", "email"), ("address", "city")];
    let check = |rule: &str, says: &str| {
        let text =
            format!("@id(\"first\") forbid (principal is Staff, action, resource);\n@id(\"a\")\n{rule}");
        let found = Policies::parse(&text).unwrap().check_names(&text, &fields);
        assert_eq!(found.err().map(|fault| fault.to_string()).unwrap_or_default(), says, "{rule}");
    };
    let open = "forbid (principal is Staff, action == Action::\"open\", resource";
    check(&format!("{open} == Field::\"contact.emial\");"), "line 2: a: there is no field \"contact.emial\"");
    check(&format!("{open} in Class::\"adress\");"), "line 2: a: there is no class \"adress\"");
    check(
        &format!("{open}) unless {{ [Field::\"contact.mail\"].contains(resource) }};"),
        "line 2: a: there is no field \"contact.mail\"",
    );
    check(
        &format!("{open}) when {{ context.purpose == \"suport\" }};"),
        "line 2: a: there is no purpose \"suport\"",
    );
    check(
        &format!("{open}) when {{ [\"support\", \"diispute\"].contains(context.purpose) }};"),
        "line 2: a: there is no purpose \"diispute\"",
    );
    check(
        &format!(
            "{open} == Field::\"address.city\") when {{ context.grant == \"none\" && context.consents.contains(\"letters\") }};"
        ),
        "",
    );
    let default = Policies::default_text();
    let all: Vec<(&str, &str)> = default
        .split('"')
        .filter_map(|word| word.split_once('.'))
        .filter(|(class, _)| ["contact", "address", "order", "payment"].contains(class))
        .chain([("note", "text"), ("consent", "purpose"), ("order", "number")])
        .collect();
    assert_eq!(Policies::default_rules().check_names(default, &all), Ok(()));
}
