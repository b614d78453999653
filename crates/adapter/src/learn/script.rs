//! Sign-ins that a page's script sends: JSON and GraphQL. Of a body only the places of its texts are kept, and which of them is the
//! account's name; of an answer, marks by which a token is known again.

use crate::json::Tree;
use crate::kind::Kind;

/// Texts of a body or an answer that are looked at, and how deep they lie.
const MOST_TEXTS: usize = 60;
const DEPTH: usize = 6;
/// Of a GraphQL document.
const DOCUMENT_BYTES: usize = 4096;
/// No shop's token is shorter.
pub(crate) const TOKEN_SIGNS: usize = 16;

/// Parts of the names that fields for passwords have.
pub(crate) const SECRETS: [&str; 13] = [
    "passw",
    "passphrase",
    "passcode",
    "pwd",
    "kennwort",
    "losung",
    "secret",
    "motdepasse",
    "mdp",
    "contrasen",
    "clave",
    "senha",
    "wachtwoord",
];

/// What a script sends or gets, as far as it may be part of a sign-in. Nothing of it is what was typed.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    /// The body that was sent.
    pub sent: Option<&'a SentJson>,
    /// The mark of the token that came as `Authorization: Bearer`.
    pub bearer: Option<&'a str>,
    /// Makes a mark of a token: it cannot be read back.
    pub mark: fn(&str) -> String,
}

/// A body in JSON: where texts stand in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentJson {
    /// Pointers (RFC 6901) to its texts; of a GraphQL call, to its variables.
    pub texts: Vec<String>,
    /// The one that was the account's name.
    user: Option<String>,
    call: Option<Call>,
}

/// A GraphQL call.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Call {
    /// Names the values itself, or does several things.
    Unplain,
    Plain {
        document: String,
        operation: String,
    },
}

/// What a sign-in by a script looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Typed {
    pub user: String,
    pub password: String,
    pub is_named: bool,
}

impl SentJson {
    /// `user` is the account's name as it is typed. `None` for what is no JSON object.
    pub fn read(content_type: &str, bytes: &[u8], user: &str) -> Option<Self> {
        if Kind::of(content_type) != Kind::Other {
            return None;
        }
        let body = Tree::parse(bytes).ok()?;
        let Tree::Fields(_) = &body else { return None };
        let documents: Vec<_> = body.all_at("/query").into_iter().filter_map(Tree::text).collect();
        let call = match documents.as_slice() {
            [document] if document.contains('{') => Some(plain_call(document).unwrap_or(Call::Unplain)),
            _ => None,
        };
        let mut texts = Vec::new();
        walk(&body, String::new(), DEPTH, &mut |pointer, text| texts.push((pointer, text.to_owned())));
        texts.retain(|(pointer, _)| call.is_none() || pointer.starts_with("/variables/"));
        let is_user = |text: &str| text.trim().to_lowercase() == user.trim().to_lowercase();
        let user = texts.iter().find(|(_, text)| is_user(text)).map(|(pointer, _)| pointer.clone());
        Some(SentJson { texts: texts.into_iter().map(|(pointer, _)| pointer).collect(), user, call })
    }

    pub(super) fn is_graphql(&self) -> bool {
        self.call.is_some()
    }

    /// The field that signs in, and the document that calls it.
    pub(super) fn plain(&self) -> Option<(&str, &str)> {
        match self.call.as_ref()? {
            Call::Unplain => None,
            Call::Plain { document, operation } => Some((operation, document)),
        }
    }

    /// Where the name and the password are, where it can be a sign-in: the account's name, and one text that a password may be. Two
    /// passwords are a new account, or a change.
    pub(super) fn typed(&self) -> Option<Typed> {
        let user = self.user.clone()?;
        let others: Vec<_> = self.texts.iter().filter(|pointer| **pointer != user).collect();
        let named: Vec<_> = others.iter().filter(|pointer| is_secret(pointer)).collect();
        let (password, is_named) = match (named.as_slice(), others.as_slice()) {
            ([only], _) => ((**only).clone(), true),
            ([], [only]) => ((*only).clone(), false),
            _ => return None,
        };
        Some(Typed { user, password, is_named })
    }
}

/// Whether a pointer ends in a name that passwords have.
pub(crate) fn is_secret(pointer: &str) -> bool {
    let last = pointer.rsplit('/').next().unwrap_or_default().to_lowercase();
    let plain: String = last.chars().filter(|sign| sign.is_alphanumeric()).collect();
    SECRETS.iter().any(|word| plain.contains(word))
}

/// The texts of a document and where they stand, but in lists.
fn walk(tree: &Tree, at: String, depth: usize, take: &mut impl FnMut(String, &str)) {
    match tree {
        Tree::Text(text) => take(at, text),
        Tree::Fields(fields) if depth > 0 => {
            for (name, value) in fields.iter().take(MOST_TEXTS).filter(|(name, _)| is_name(name)) {
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(value, format!("{at}/{name}"), depth - 1, take);
            }
        }
        Tree::Fields(_) | Tree::List(_) | Tree::Plain => {}
    }
}

/// What names of fields are made of: something that was typed is none.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./:$".contains(&b))
}

/// A text of an answer that may be a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub pointer: String,
    mark: String,
    /// Its name or its look says that it is one.
    looks_so: bool,
}

impl Token {
    pub fn is(&self, mark: &str) -> bool {
        self.mark == mark
    }

    pub fn looks_so(&self) -> bool {
        self.looks_so
    }
}

/// The texts of an answer that may be tokens.
pub(super) fn tokens(answer: &str, mark: fn(&str) -> String) -> Vec<Token> {
    let mut found = Vec::new();
    let Ok(tree) = Tree::parse(answer.as_bytes()) else { return found };
    walk(&tree, String::new(), DEPTH, &mut |pointer, text| {
        if is_long(text) && found.len() < MOST_TEXTS {
            let looks_so = looks_like_token(pointer.rsplit('/').next().unwrap_or_default(), text);
            // Magento's answer is nothing but the token: the file calls it `/`.
            let pointer = if pointer.is_empty() { "/".to_owned() } else { pointer };
            found.push(Token { pointer, mark: mark(text), looks_so });
        }
    });
    found
}

fn is_long(text: &str) -> bool {
    text.len() >= TOKEN_SIGNS && !text.contains(|sign: char| sign.is_whitespace())
}

/// Whether the name of a text, or its look, says that it is a token; a text without a name is the whole answer.
pub(crate) fn looks_like_token(name: &str, text: &str) -> bool {
    let plain = name.to_lowercase();
    let is_against_forgery = plain.contains("csrf") || plain.contains("xsrf");
    let is_named = ["token", "jwt", "bearer"].iter().any(|word| plain.contains(word));
    // Laravel's token against forged forms is JSON in base64, too: only a whole JWT under such a name is one.
    let is_jwt = text.starts_with("eyJ") && (!is_against_forgery || text.matches('.').count() > 1);
    is_long(text) && ((is_named && !is_against_forgery) || is_jwt || name.is_empty())
}

/// A document with one mutation of one field, in which no value stands.
fn plain_call(document: &str) -> Option<Call> {
    if document.len() > DOCUMENT_BYTES || document.contains('"') {
        return None;
    }
    let text: String = document
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let rest = text.trim_start().strip_prefix("mutation")?;
    let rest = match rest.trim_start().starts_with(['(', '{', '@']) {
        true => rest,
        false => name(rest.trim_start())?.1,
    };
    let mut rest = rest.trim_start();
    if rest.starts_with('(') {
        rest = balanced(rest, ('(', ')'))?.1.trim_start();
    }
    let (inside, behind) = balanced(rest, ('{', '}'))?;
    let is_alone = behind.trim().is_empty() || behind.trim_start().starts_with("fragment ");
    let (first, after) = name(inside.trim_start())?;
    let (operation, after) = match after.trim_start().strip_prefix(':') {
        Some(real) => name(real.trim_start())?,
        None => (first, after),
    };
    let mut after = after.trim_start();
    if after.starts_with('(') {
        let (arguments, rest) = balanced(after, ('(', ')'))?;
        // A number or a word that was typed stands there without quotes.
        let is_variable = |(at, _): (usize, &str)| {
            let value = arguments.get(at + 1..).unwrap_or_default().trim_start();
            value.starts_with('$') || value.starts_with('{')
        };
        if !arguments.match_indices(':').all(is_variable) {
            return None;
        }
        after = rest.trim_start();
    }
    if after.starts_with('{') {
        after = balanced(after, ('{', '}'))?.1.trim_start();
    }
    (is_alone && after.is_empty())
        .then(|| Call::Plain { document: document.to_owned(), operation: operation.to_owned() })
}

fn name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// What stands between two brackets, and what comes behind them.
fn balanced(text: &str, (open, close): (char, char)) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, sign) in text.char_indices() {
        if sign == open {
            depth += 1;
        } else if sign == close {
            depth = depth.checked_sub(1)?;
        }
        if depth == 0 {
            let inside = text.get(open.len_utf8()..at)?;
            return Some((inside, text.get(at + close.len_utf8()..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "mira@people.example";

    fn typed(body: &str) -> Option<(String, String)> {
        let sent = SentJson::read("application/json", body.as_bytes(), USER)?;
        sent.typed().map(|typed| (typed.user, typed.password))
    }

    #[test]
    fn a_sign_in_is_the_name_and_one_secret() {
        for (body, user, password) in [
            (r#"{"email":"mira@people.example","password":"x"}"#, "/email", "/password"),
            (r#"{"email":" Mira@People.example ","password":"x","csrf":"y"}"#, "/email", "/password"),
            (r#"{"data":{"kennung":"mira@people.example","wort":"x"}}"#, "/data/kennung", "/data/wort"),
            (r#"{"a/b":"mira@people.example","mot-de-passe":"x","lang":"fr"}"#, "/a~1b", "/mot-de-passe"),
            (
                r#"{"query":"mutation($e:String!,$p:String!){login(e:$e,p:$p){id}}","variables":{"e":"mira@people.example","p":"x"}}"#,
                "/variables/e",
                "/variables/p",
            ),
        ] {
            assert_eq!(typed(body), Some((user.to_owned(), password.to_owned())), "{body}");
        }
        for body in [
            r#"{"email":"mira@people.example"}"#,
            r#"{"email":"paul@people.example","password":"x"}"#,
            r#"{"email":"mira@people.example","password":"x","password2":"x"}"#,
            r#"{"email":"mira@people.example","street":"x","town":"y"}"#,
            r#"{"email":"mira@people.example","password":{"$ne":null}}"#,
            r#"["mira@people.example","x"]"#,
            "mira@people.example",
        ] {
            assert_eq!(typed(body), None, "{body}");
        }
        let form =
            SentJson::read("application/x-www-form-urlencoded", br#"{"email":"a","password":"b"}"#, "a");
        assert_eq!(form, None, "a form is read as one");
    }

    #[test]
    fn nothing_that_was_typed_is_kept() {
        let body = r#"{"email":"mira@people.example","password":"grey slate","more":{"grey slate":"x"},"note":"7 Elm Road"}"#;
        let kept = format!("{:?}", SentJson::read("application/json", body.as_bytes(), USER));
        for secret in ["mira", "grey", "Elm"] {
            assert!(!kept.contains(secret), "{kept}");
        }
        let inline =
            r#"{"query":"mutation{login(email:\"mira@people.example\",password:\"grey slate\"){id}}"}"#;
        let kept = format!("{:?}", SentJson::read("application/json", inline.as_bytes(), USER));
        assert!(!kept.contains("mira") && !kept.contains("grey"), "{kept}");
        let kept = format!("{:?}", tokens(r#"{"token":"0123456789abcdef0123"}"#, |_| "mark".to_owned()));
        assert!(!kept.contains("0123456789"), "{kept}");
    }

    #[test]
    fn a_document_is_plain_or_it_is_not_kept() {
        for (document, operation) in [
            ("mutation($e: String!){ login(email: $e) { id } }", Some("login")),
            (
                "mutation SignIn($e: String!, $p: String!) {\n # sign in\n tokenCreate(email: $e, password: $p) { token } }",
                Some("tokenCreate"),
            ),
            ("mutation { mine: login(email: $e) { ...F } } fragment F on User { id }", Some("login")),
            ("mutation { login(input: { email: $e, password: $p }) { id } }", Some("login")),
            ("mutation { login(pin: 1234) { id } }", None),
            ("mutation { login(word: opensesame) { id } }", None),
            ("mutation { login(email: $e) { id } track { id } }", None),
            ("mutation { login(email: \"a\") { id } }", None),
            ("mutation A { login { id } } mutation B { other { id } }", None),
            ("query { me { id } }", None),
            ("{ me }", None),
            ("mutation", None),
            ("mutation { login(", None),
        ] {
            let found = plain_call(document);
            let found = found.as_ref().map(|call| match call {
                Call::Plain { operation, .. } => operation.as_str(),
                Call::Unplain => "unplain",
            });
            assert_eq!(found, operation, "{document}");
        }
    }

    #[test]
    fn tokens_are_told_from_other_texts() {
        let found = |answer: &str| -> Vec<(String, bool)> {
            tokens(answer, str::to_owned)
                .into_iter()
                .map(|token| (token.pointer.clone(), token.looks_so()))
                .collect()
        };
        let said = |pointer: &str, looks_so| (pointer.to_owned(), looks_so);
        assert_eq!(found(r#"{"access_token":"0123456789abcdef0123"}"#), [said("/access_token", true)]);
        assert_eq!(found(r#"{"csrfToken":"0123456789abcdef0123"}"#), [said("/csrfToken", false)]);
        assert_eq!(found(r#"{"x":{"y":"eyJhbGciOiJFUzI1NiJ9.e30.c2ln"}}"#), [said("/x/y", true)]);
        assert_eq!(found("\"0123456789abcdef0123\""), [said("/", true)]);
        assert_eq!(found(r#"{"error":"The password is not right"}"#), []);
        assert_eq!(found("<p>no</p>"), []);
    }
}
