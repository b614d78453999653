//! What an answer of the shop says about the session it answered.

use serde_json::Value;
use storeward_base::Secret;

use crate::address::Address;
use crate::cookie::{CookieLine, name_fits};
use crate::model::{Adapter, BodyKind, Door, DoorKind, Probe, SignOut, SignedIn, Subject, TokenAnswer};
use crate::visitor::Visitor;
use crate::{place, text};

/// What the cookies of one answer say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Nothing that matters.
    None,
    /// The session may have been signed in, or out: the probe tells.
    Ask,
    /// Signed in under this canonical name. Personal data.
    SignedIn(String),
    SignedOut,
}

/// What a probe's answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// Personal data, both.
    SignedIn {
        subject: String,
        email: Option<String>,
    },
    SignedOut,
    /// The shop is in trouble, or has changed: the adapter does not fit this answer.
    Unclear,
}

/// What was answered to a question.
#[derive(Clone, Copy, Debug)]
pub struct ProbeTold<'a> {
    pub status: u16,
    /// The path that was asked for, with or without a query: the probe's, or where the shop led from there.
    pub asked: &'a str,
    /// As it stands in the answer.
    pub location: Option<&'a str>,
    pub body: &'a [u8],
}

/// An answer's cookies, read by an adapter.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    pub adapter: &'a Adapter,
    pub lines: &'a [CookieLine<'a>],
}

impl Answer<'_> {
    /// The last line of a name counts, as in a browser.
    pub fn signal(&self) -> Signal {
        let rule = self.adapter.signed_in.cookie.as_ref();
        if let Some(rule) = rule {
            let line = self.lines.iter().rev().find(|line| name_fits(&rule.name, line.name));
            return match (line, &rule.subject) {
                (None, _) => Signal::None,
                (Some(line), _) if line.is_removal => Signal::SignedOut,
                (Some(line), Some(subject)) => subject.find(line.value).map_or(Signal::Ask, Signal::SignedIn),
                (Some(_), None) => Signal::Ask,
            };
        }
        let touched = self.lines.iter().any(|line| self.adapter.cookies.are_kept(line.name));
        if touched { Signal::Ask } else { Signal::None }
    }
}

impl Probe {
    /// The headers that the question takes. Some shops (WordPress) answer in JSON whoever would take it.
    pub fn questions(&self) -> Vec<(&str, &str)> {
        let json = self.subject.json.as_ref().map(|_| ("accept", "application/json,*/*;q=0.8"));
        json.into_iter().chain(self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()))).collect()
    }

    /// The path with its query, to ask for.
    pub fn target(&self) -> String {
        place::target(&self.path, &self.query)
    }

    /// Whether somebody is signed in, and who. `None`: nobody who is named here, whatever that means.
    fn names(&self, told: &ProbeTold<'_>) -> Option<ProbeAnswer> {
        let page = String::from_utf8_lossy(told.body);
        let lacks = self.contains.as_ref().is_some_and(|wanted| !page.contains(wanted.as_str()));
        if told.status != self.status || lacks {
            return None;
        }
        let subject = self.subject.find(&page)?;
        let email = self.email.as_ref().and_then(|e| e.find(&page)).filter(|e| e.contains('@'));
        Some(ProbeAnswer::SignedIn { subject, email })
    }

    /// Reads the answer to the probe. That somebody is not named is no sign that nobody is there: the page may lie elsewhere by now, or
    /// speak another language. Nobody is who gets what visitors get: the sign-in page, 401, an answer in JSON that names nobody, or
    /// what the file says.
    pub fn read(&self, told: &ProbeTold<'_>, leads_to_sign_in: impl Fn(&str) -> bool) -> ProbeAnswer {
        if let Some(named) = self.names(told) {
            return named;
        }
        // An error of the shop's own, such as GraphQL answers it, says nothing of whoever asks. Nor does a refusal with 403, which a
        // guard before the shop writes in JSON, too: it is a visitor's where the file says by which words.
        let is_json = || {
            self.subject.json.is_some()
                && told.status == self.status
                && serde_json::from_slice::<Value>(told.body).is_ok_and(|value| value.get("errors").is_none())
        };
        let is_led = (300..400).contains(&told.status);
        let to = told.location.filter(|_| is_led).unwrap_or_default();
        let is_visitors = match &self.visitor {
            Some(visitor @ Visitor { location, contains, .. }) => {
                let page = String::from_utf8_lossy(told.body);
                // As the shop wrote it, or made whole.
                let led = told.location.filter(|_| is_led).and_then(|to| Address::read(to, told.asked));
                let whole = led.map_or_else(String::new, |to| to.target());
                let leads = location
                    .as_ref()
                    .is_some_and(|text| is_led && (stands_whole(to, text) || stands_whole(&whole, text)));
                let shows = contains.as_ref().is_some_and(|text| {
                    told.status == visitor.status.unwrap_or(self.status) && page.contains(text.as_str())
                });
                leads || shows
            }
            None => is_led && leads_to_sign_in(to),
        };
        if told.status == 401 || is_visitors || is_json() {
            return ProbeAnswer::SignedOut;
        }
        ProbeAnswer::Unclear
    }
}

impl Adapter {
    /// Whether the shop may sign a session in without a new cookie.
    pub fn elevates(&self) -> bool {
        self.signed_in.cookie.as_ref().is_none_or(|rule| rule.subject.is_none())
    }

    /// What the answer to a probe says. A shop that leads to the page of its sign-in leads visitors there.
    pub fn probe_says(&self, probe: &Probe, told: &ProbeTold<'_>) -> ProbeAnswer {
        probe.read(told, |address| {
            // Whatever host it names.
            let Some(to) = Address::read(address, told.asked) else { return false };
            let path = to.path.as_str();
            let sign_ins = self.doors.iter().filter(|door| door.kind == DoorKind::SignIn);
            let mut pages = sign_ins.flat_map(|door| &door.place.paths);
            !place::is(&probe.path, path)
                && pages.any(|place| place != place::ANYWHERE && place::is(place, path))
        })
    }
}

/// Whether a text stands in an address, and no longer name around it: `/en/` is no sign in `/en/account`, nor `/login` in `/login-bonus`.
fn stands_whole(address: &str, text: &str) -> bool {
    let mut ends = address.match_indices(text).map(|(at, _)| address.as_bytes().get(at + text.len()));
    ends.any(|next| matches!(next, None | Some(b'?' | b'#' | b'&')))
}

/// Whom a session's cookies name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The file names no cookie that says it, or one is there and says nothing: only the probe can tell.
    Untold,
    Nobody,
    Somebody {
        subject: String,
        /// The name of the cookie that says it, which is the shop's own where several installations share a host.
        by: String,
    },
    /// Two cookies in one session.
    Several,
}

impl SignedIn {
    /// Whom the session's cookies name. Two of them decide nothing, whomever they name: two installations on one host, or one that has a
    /// name of its own for each host, sign somebody in beside whoever is, and the same name is somebody else at each.
    pub fn of_cookies<'c>(&self, cookies: impl Iterator<Item = (&'c str, &'c str)>) -> Named {
        let Some((rule, subject)) =
            self.cookie.as_ref().and_then(|rule| Some((rule, rule.subject.as_ref()?)))
        else {
            return Named::Untold;
        };
        let mut said = Named::Nobody;
        for (cookie, value) in cookies.filter(|(name, _)| name_fits(&rule.name, name)) {
            said = match (said, subject.find(value)) {
                (Named::Somebody { subject, by }, Some(other)) if subject == other && by == cookie => {
                    Named::Somebody { subject, by }
                }
                (Named::Somebody { .. }, Some(_)) => return Named::Several,
                (Named::Nobody | Named::Untold, Some(subject)) => {
                    Named::Somebody { subject, by: cookie.to_owned() }
                }
                // A cookie that is there and names nobody: the probe, if there is one, must tell.
                (Named::Nobody, None) => Named::Untold,
                (said, _) => said,
            };
        }
        said
    }

    /// Whether the file says where the shop shows the address on file.
    pub fn names_address(&self) -> bool {
        !self.address.is_empty() || self.probe.as_ref().is_some_and(|probe| probe.email.is_some())
    }
}

impl SignOut {
    /// The target to ask for.
    pub fn target(&self) -> String {
        place::target(&self.path, &self.query)
    }

    /// The target of the link that says yes, on a page that asks.
    pub fn confirmed(&self, page: &str) -> Option<String> {
        let wanted = self.confirm.as_deref()?;
        let links = text::links(page).take(500);
        let found = links.map(text::unescape).find(|link| link.contains(wanted))?;
        let behind =
            found.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
        let target = behind.unwrap_or(&found);
        (target.starts_with('/') && !target.starts_with("//")).then(|| target.to_owned())
    }

    /// The hidden fields of the page whose form signs out, as a form's body.
    pub fn form(page: &str) -> String {
        let mut form = String::new();
        for input in text::inputs(page).take(200) {
            let of = |wanted: &str| input.iter().find(|(name, _)| name == wanted).map(|(_, v)| v.as_str());
            if let (Some("hidden"), Some(name)) = (of("type"), of("name")) {
                let pair =
                    format!("{}={}", text::encode(name), text::encode(of("value").unwrap_or_default()));
                if !form.split('&').any(|known| known == pair) {
                    form.push_str(if form.is_empty() { "" } else { "&" });
                    form.push_str(&pair);
                }
            }
        }
        form
    }
}

impl Subject {
    /// What the text names, without white space around it, never empty, never longer than 320 characters and without control characters.
    pub fn find(&self, page: &str) -> Option<String> {
        let found = if let Some(pointer) = &self.json {
            let value: Value = serde_json::from_str(page).ok()?;
            match value.pointer(pointer)? {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return None,
            }
        } else if let Some(marks) = &self.between {
            text::unescape(text::between(page, marks)?)
        } else if let Some(name) = &self.field {
            text::field_value(page, name)?
        } else {
            let sign = self.split.as_ref()?;
            text::decode(page.as_bytes(), b'+').split(sign.as_str()).next()?.to_owned()
        };
        let found = found.trim();
        (!found.is_empty() && found.chars().count() <= 320 && !found.contains(char::is_control))
            .then(|| found.to_owned())
    }
}

impl Door {
    /// Where the page's form with this door's password is sent, as it is written there: empty for the page's own address. `None` where there is no
    /// such form.
    pub fn form_action(&self, page: &str) -> Option<String> {
        let is_its = |name: &String| self.password.iter().any(|wanted| text::is_field(name, wanted));
        let found = text::forms(page, "/").take(50).find(|form| form.names().iter().any(is_its));
        let is_named = || self.password.iter().any(|name| page.contains(name.as_str()));
        found.map(|form| form.action).or_else(|| is_named().then(String::new))
    }

    /// The form of a page, filled in as a person would: its hidden fields, the account's name and password, and what tells
    /// this form from others.
    pub fn filled(&self, page: &str, user: &str, password: &str) -> String {
        let mut form = SignOut::form(page);
        let marker = self.marker.as_deref().filter(|marker| {
            let is_field = self.user.iter().chain(&self.password).any(|name| name == marker);
            !is_field
        });
        let fields = [(self.user.first(), user), (self.password.first(), password)];
        let named = fields.into_iter().filter_map(|(name, value)| Some((name?.as_str(), value)));
        let marker = marker.map(|marker| (marker.trim_end_matches('*'), "1"));
        for (name, value) in named.chain(marker) {
            form.push_str(if form.is_empty() { "" } else { "&" });
            form.push_str(&format!("{}={}", text::encode(name), text::encode(value)));
        }
        form
    }

    /// Reads an answer at a door that may hand out a token. Anything but a plain refusal that is not understood is unclear.
    pub fn token_answer(&self, status: u16, body: &[u8], is_whole: bool) -> TokenAnswer {
        if self.token.is_empty() || (300..600).contains(&status) {
            return TokenAnswer::None;
        }
        if !is_whole {
            return TokenAnswer::Unclear;
        }
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return TokenAnswer::Unclear };
        // Magento's token door answers with a bare string.
        let at = |pointer: &String| if pointer == "/" { Some(&value) } else { value.pointer(pointer) };
        let found = self.token.iter().filter_map(at).find_map(Value::as_str).filter(|t| !t.is_empty());
        match found {
            Some(token) => TokenAnswer::HandsOut(Secret::new(token.to_owned())),
            // GraphQL says no with null in the data's place.
            None if self.body == BodyKind::Graphql
                && value.is_object()
                && says_nothing(value.get("data")) =>
            {
                TokenAnswer::None
            }
            None => TokenAnswer::Unclear,
        }
    }
}

fn says_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(fields)) => fields.values().all(|field| says_nothing(Some(field))),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::by_name;

    fn signal(adapter: &str, lines: &[&str]) -> Signal {
        let adapter = by_name(adapter).unwrap();
        let lines: Vec<_> = lines.iter().filter_map(|l| CookieLine::parse(l)).collect();
        Answer { adapter: &adapter, lines: &lines }.signal()
    }

    #[test]
    fn wordpress_names_the_account_in_its_cookie() {
        let set = "wordpress_logged_in_af3=ella%7C1796000000%7Ctoken%7Chmac; path=/; secure; HttpOnly";
        assert_eq!(signal("wordpress", &[set]), Signal::SignedIn("ella".into()));
        let gone = "wordpress_logged_in_af3=+; expires=Tue, 25 Nov 2025 00:00:00 GMT; Max-Age=0; path=/";
        assert_eq!(signal("wordpress", &[set, gone]), Signal::SignedOut);
        assert_eq!(signal("wordpress", &["wp_woocommerce_session_1=x"]), Signal::None);
    }

    // An account of one's own at the shop beside it was who a session was, whoever a stolen password signed in after.
    #[test]
    fn a_session_that_two_installations_share_is_nobodys() {
        let wordpress = by_name("wordpress").unwrap();
        let named = |pairs: &[(&str, &str)]| wordpress.signed_in.of_cookies(pairs.iter().copied());
        let (first, second) = ("wordpress_logged_in_af3", "wordpress_logged_in_b04");
        let (ida, ella) = ("ida%7C1796000000%7Ca%7Cb", "ella%7C1796000000%7Cc%7Cd");
        let somebody = |name: &str, by: &str| Named::Somebody { subject: name.to_owned(), by: by.to_owned() };
        assert_eq!(named(&[("woocommerce_cart_hash", "1")]), Named::Nobody);
        assert_eq!(named(&[(first, ida)]), somebody("ida", first));
        assert_eq!(named(&[(first, ida), (first, ida)]), somebody("ida", first));
        assert_eq!(
            named(&[(first, ida), (second, ida)]),
            Named::Several,
            "the same name at another installation"
        );
        assert_eq!(named(&[(first, ida), (second, ella)]), Named::Several);
        assert_eq!(named(&[(second, ella), (first, " "), (first, ida)]), Named::Several);
        assert_eq!(named(&[(first, " ")]), Named::Untold);
        assert_eq!(named(&[(first, "ella\u{1f}x%7C1")]), Named::Untold, "a sign that no name has");
        assert_eq!(named(&[(first, " "), (second, ella)]), somebody("ella", second));
    }

    #[test]
    fn others_must_be_asked() {
        assert_eq!(signal("django-oscar", &["sessionid=abc; Path=/"]), Signal::Ask);
        assert_eq!(signal("django-oscar", &["csrftoken=abc; Path=/"]), Signal::None);
        assert_eq!(signal("larkmoor", &["shop_session=abc; Path=/"]), Signal::Ask);
    }

    #[test]
    fn probes_tell_who_it_is_or_that_they_do_not_know() {
        let adapter = by_name("django-oscar").unwrap();
        let read = |status, location, body: &str| {
            let told =
                ProbeTold { status, asked: "/accounts/profile/edit/", location, body: body.as_bytes() };
            adapter.probe_says(adapter.signed_in.probe.as_ref().unwrap(), &told)
        };
        let page = r#"<form><input type="hidden" name="csrfmiddlewaretoken" value="x"><input type="email" name="email" value="ida@shop.example"></form>"#;
        assert_eq!(
            read(200, None, page),
            ProbeAnswer::SignedIn {
                subject: "ida@shop.example".into(),
                email: Some("ida@shop.example".into())
            }
        );
        for to in
            ["/accounts/login/?next=/accounts/profile/edit/", "https://shop.example/en-gb/accounts/login/"]
        {
            assert_eq!(read(302, Some(to), ""), ProbeAnswer::SignedOut, "{to}");
        }
        for to in [
            "/accounts/login/?next=https://shop.example/accounts/profile/edit/",
            "../../login/",
            "//shop.example/accounts/login/#top",
            "https://shop.example:8443/accounts/login/",
            "\\accounts\\login/",
        ] {
            assert_eq!(read(302, Some(to), ""), ProbeAnswer::SignedOut, "{to}");
        }
        for to in [
            "login/?x=/accounts/login/",
            "../../../login/?x=/accounts/login/",
            "#/accounts/login/",
            "https://ida:x@shop.example/accounts/login/",
            "https:accounts/login/",
        ] {
            assert_eq!(read(302, Some(to), ""), ProbeAnswer::Unclear, "{to}");
        }
        let consent = "/consent?return=https://shop.example/en/accounts/login/";
        assert_eq!(read(302, Some(consent), ""), ProbeAnswer::Unclear);
        assert_eq!(read(401, None, ""), ProbeAnswer::SignedOut);
        // Below a language, at another name of the shop, over the other scheme: nobody has said that nobody is there.
        for to in
            ["/en-gb/accounts/profile/edit/", "https://www.shop.example/accounts/profile/edit/", "/", ""]
        {
            assert_eq!(read(302, Some(to), ""), ProbeAnswer::Unclear, "{to}");
        }
        // Once the shop has led the question on, what it says is read from there: the same word leads elsewhere.
        let probe = adapter.signed_in.probe.as_ref().unwrap();
        for (asked, expected) in [
            ("/accounts/profile/edit/?tab=1", ProbeAnswer::SignedOut),
            ("/shop-b/profile/edit/", ProbeAnswer::Unclear),
        ] {
            let told = ProbeTold { status: 302, asked, location: Some("../../login/"), body: b"" };
            assert_eq!(adapter.probe_says(probe, &told), expected, "{asked}");
        }
        assert_eq!(read(302, None, ""), ProbeAnswer::Unclear);
        for status in [200, 400, 403, 404, 410, 429, 500, 503] {
            assert_eq!(read(status, None, "<p>a new theme"), ProbeAnswer::Unclear, "{status}");
        }
    }

    #[test]
    fn visitors_are_known_by_what_the_file_says() {
        let probe = |visitor: &str| {
            let file = format!(
                "format = 1\nname = 'x'\ntitle = ''\n[cookies]\nsession = ['s']\n[signed_in.probe]\npath = '/me'\ncontains = 'Hello '\n\
                 subject = {{ between = ['Hello ', '<'] }}\nvisitor = {visitor}\n"
            );
            let adapter = Adapter::parse(&file).unwrap();
            move |status, location: Option<&str>, body: &str| {
                let told = ProbeTold { status, asked: "/me", location, body: body.as_bytes() };
                adapter.probe_says(adapter.signed_in.probe.as_ref().unwrap(), &told)
            }
        };
        let read = probe("{ contains = 'href=\"/enter\"', location = 'back=me' }");
        assert_eq!(read(200, None, "<a href=\"/enter\">"), ProbeAnswer::SignedOut);
        assert_eq!(read(302, Some("https://shop.example/x?back=me"), ""), ProbeAnswer::SignedOut);
        assert_eq!(read(302, Some("x?back=me#top"), ""), ProbeAnswer::SignedOut);
        let own = probe("{ location = '/me' }");
        assert_eq!(own(302, None, ""), ProbeAnswer::Unclear);
        assert_eq!(own(302, Some("me"), ""), ProbeAnswer::SignedOut, "as if it were written whole");
        // In another language.
        assert_eq!(read(200, None, "Hallo ida<"), ProbeAnswer::Unclear);
        assert_eq!(read(302, Some("/de/me"), "<a href=\"/enter\">"), ProbeAnswer::Unclear);
        for status in [403, 404, 410, 503] {
            assert_eq!(read(status, None, "<a href=\"/enter\">"), ProbeAnswer::Unclear, "{status}");
        }
        assert_eq!(read(302, Some("/x?back=menu"), ""), ProbeAnswer::Unclear);
        let read = probe("{ contains = 'enter', status = 403 }");
        assert_eq!(read(403, None, "enter"), ProbeAnswer::SignedOut);
        assert_eq!(read(404, None, "enter"), ProbeAnswer::Unclear);
        assert!(matches!(read(200, None, "Hello ida< <a href=\"/enter\">"), ProbeAnswer::SignedIn { .. }));
    }

    // A guard before the shop refuses the question in JSON: then a token was nobody's, and so was a session.
    #[test]
    fn a_refusal_in_json_names_nobody_to_nobody() {
        let read = |visitor: &str, status, body: &str| {
            let file = format!(
                "format = 1\nname = 'x'\ntitle = ''\n[cookies]\nsession = ['s']\n[signed_in.probe]\npath = '/me'\n\
                 subject = {{ json = '/email' }}\n{visitor}"
            );
            let adapter = Adapter::parse(&file).unwrap();
            let told = ProbeTold { status, asked: "/me", location: None, body: body.as_bytes() };
            adapter.probe_says(adapter.signed_in.probe.as_ref().unwrap(), &told)
        };
        let own = r#"{"errors":[{"code":"CUSTOMER_NOT_LOGGED_IN"}]}"#;
        for guards in [r#"{"error":"blocked","ray":"8f2"}"#, "{}", "null", own] {
            assert_eq!(read("", 403, guards), ProbeAnswer::Unclear, "{guards}");
        }
        let visitor = "visitor = { status = 403, contains = 'CUSTOMER_NOT_LOGGED_IN' }\n";
        assert_eq!(read(visitor, 403, own), ProbeAnswer::SignedOut);
        assert_eq!(read(visitor, 403, r#"{"error":"blocked"}"#), ProbeAnswer::Unclear);
        assert_eq!(read("", 200, r#"{"email":null}"#), ProbeAnswer::SignedOut);
        assert_eq!(read("", 401, own), ProbeAnswer::SignedOut);
    }

    #[test]
    fn subjects_are_bounded() {
        let subject = Subject { between: Some(["<b>".into(), "</b>".into()]), ..Subject::default() };
        assert_eq!(subject.find("x <b> a&amp;b </b>").as_deref(), Some("a&b"));
        assert_eq!(subject.find("<b></b>"), None);
        assert_eq!(subject.find(&format!("<b>{}</b>", "y".repeat(400))), None);
        assert_eq!(subject.find("<b>"), None);
    }

    #[test]
    fn a_question_whether_it_was_meant_is_answered() {
        let out = by_name("wordpress").unwrap().sign_out.unwrap();
        let page = r#"<p>Do you really want to <a href='https://shop.example/wp-login.php?action=logout&amp;_wpnonce=3f'>log out</a>"#;
        assert_eq!(out.confirmed(page).as_deref(), Some("/wp-login.php?action=logout&_wpnonce=3f"));
        assert_eq!(out.confirmed("<a href='//evil.example/?action=logout&_wpnonce=1'>"), None);
        assert_eq!(out.confirmed("<a href=/>"), None);
    }

    #[test]
    fn tokens_in_answers_are_seen() {
        let magento = by_name("magento").unwrap();
        let told = |door: &str, status, body: &str| {
            let door = magento.doors.iter().find(|d| d.name == door).unwrap();
            match door.token_answer(status, body.as_bytes(), true) {
                TokenAnswer::None => "none".to_owned(),
                TokenAnswer::HandsOut(token) => token.expose().clone(),
                TokenAnswer::Unclear => "unclear".to_owned(),
            }
        };
        for (door, status, body, expected) in [
            ("rest-token", 200, "\"abcdef0123\"", "abcdef0123"),
            ("rest-token", 401, "{\"message\":\"no\"}", "none"),
            ("rest-token", 200, "{\"token\":\"x\"}", "unclear"),
            ("graphql", 200, r#"{"data":{"generateCustomerToken":{"token":"t"}}}"#, "t"),
            ("graphql", 200, r#"{"errors":[{}],"data":{"generateCustomerToken":null}}"#, "none"),
            ("graphql", 200, r#"{"errors":[{}]}"#, "none"),
            // Under another name, in a batch, or in no form that we read.
            ("graphql", 200, r#"{"data":{"x":{"token":"t"}}}"#, "unclear"),
            ("graphql", 200, r#"[{"data":{"generateCustomerToken":{"token":"t"}}}]"#, "unclear"),
            ("graphql", 200, "token=t", "unclear"),
        ] {
            assert_eq!(told(door, status, body), expected, "{door} {status} {body}");
        }
    }
}
