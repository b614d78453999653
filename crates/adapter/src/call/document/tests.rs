use super::*;

fn enter() -> Vec<String> {
    vec!["enter".to_owned()]
}

fn is_once(text: &str) -> bool {
    Document::read(text).is_some_and(|document| document.calls_once(&enter()))
}

// Commas, comments and byte order marks stood between an alias and its field, and the token came under a name that nobody looked at.
#[test]
fn another_name_is_seen_through_whatever_means_nothing() {
    for text in [
        "mutation { enter(a: 1) { token } }",
        "mutation{enter{token}}",
        "mutation { hello enter }",
        "mutation { hello { a } , # x\n enter }",
        "mutation { hello(a: \"x\") enter }",
        "mutation { ...F } fragment F on M { enter(a: \"b\") { token } }",
        "mutation($mail: String = \"a\") @live { enter(mail: $mail) { token } }",
    ] {
        assert!(is_once(text), "{text}");
    }
    for text in [
        "mutation { x: enter }",
        "mutation { x : enter }",
        "mutation { x:,enter }",
        "mutation { x: # no\n enter }",
        "mutation { x: # \"\n , \u{feff}\r\n# again\n enter }",
        "mutation { x\n:\nenter }",
        "mutation { x #:\n : # y : \n enter }",
        "mutation { enter: leave }",
        "mutation { enter , : leave }",
        "mutation { enter enter }",
        "mutation { enter x: enter }",
        "mutation { enter y:#\nenter }",
        "enter",
        "{ a(b: \"enter\") }",
        "{ a(b: \"\"\"enter\"\"\") }",
        // A comment may end here for some.
        "mutation { x: #\u{2028} enter\n { }",
        "mutation { x: #\u{b} \n enter }",
        // Not the language's own blanks.
        "mutation { x:\u{a0}enter }",
        "mutation { \u{c}enter }",
        "mutation { \"open enter }",
        // Old readers know no blocks: to them a string ends after two quotes, and the next is another name.
        "mutation { f(l: [\"\"\"a\"]) z: #\"\"\"\n enter",
    ] {
        assert!(!is_once(text), "{text}");
    }
}

#[test]
fn arguments_are_found_where_the_field_is_called() {
    fn given(text: &str) -> Vec<Given<'_>> {
        Document::read(text).unwrap().given(&enter(), &["mail"])
    }
    for (text, expected) in [
        ("{enter(mail:\"a\")}", vec![Given::Text("a".to_owned())]),
        ("{enter(mail, # x\n : , \"a\")}", vec![Given::Text("a".to_owned())]),
        ("{enter(mail:\"\"\"a\"\"\")}", vec![Given::Text("a".to_owned())]),
        ("{enter(mail:\"\"\"\n  a\n  \"\"\")}", vec![Given::Text("a".to_owned())]),
        ("{enter(mail:\"a\\u0062\\\"\\u{63}\")}", vec![Given::Text("ab\"c".to_owned())]),
        ("{enter(in:{mail:$m})}", vec![Given::Variable("m")]),
        ("{enter(in:{mail: $ # x\n m})}", vec![Given::Variable("m")]),
        ("{enter(mail: 7)}", vec![Given::Other]),
        ("{enter(mail: \"a\", in: {mail: $b})}", vec![Given::Text("a".to_owned()), Given::Variable("b")]),
        ("{enter(e_mail: \"a\")}", vec![]),
        ("{other(mail: \"b\") enter(x: 1) third(mail: \"c\")}", vec![]),
        ("{enter}", vec![]),
    ] {
        assert_eq!(given(text), expected, "{text}");
    }
}

#[test]
fn variables_and_their_defaults() {
    let text = "mutation($m: String! = \"a\", $l: [String!]! = \"c\", $n: Int, $in: In = {mail: \"b\"}) { enter(mail: $m, x: $n) }";
    let document = Document::read(text).unwrap();
    let found = ["m", "l", "n", "in", "z"].map(|name| document.default_of(name));
    assert_eq!(found, [Some("a"), Some("c"), None, None, None]);
    assert!(document.takes(&enter(), "m") && !document.takes(&enter(), "in"));
    assert_eq!(document.argument_of(&enter(), "m"), Some("mail"));
    assert_eq!(document.argument_of(&enter(), "in"), None);
}

proptest::proptest! {
    #[test]
    fn whatever_stands_between_means_nothing(blanks in "(#[a-z:\"{]{0,5}\n|[ ,\t\n]){0,6}", alias in "[a-z]{1,4}") {
        let renamed = format!("mutation {{ {alias}{blanks}:{blanks}enter{blanks}(a: 1) }}");
        proptest::prop_assert!(!is_once(&renamed), "{}", renamed);
        let plain = format!("mutation{blanks}{{{blanks}enter{blanks}(a:{blanks}1) }}");
        proptest::prop_assert!(is_once(&plain), "{}", plain);
    }

    #[test]
    fn nothing_stops_it(text in "\\PC{0,60}|[{}:\"\\\\#a-z $().,\n]{0,60}") {
        if let Some(document) = Document::read(&text) {
            let _ = (document.calls_once(&enter()), document.given(&enter(), &["a"]), document.default_of("a"));
        }
    }
}
