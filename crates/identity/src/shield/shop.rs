//! What the shield asks the shop: who is signed in with these cookies, what address is on file, sign this session out.

use std::sync::Arc;

use storeward_adapter::{
    Adapter, Address, AddressPage, CookieLine, Named, Nonce, Probe, ProbeAnswer, ProbeTold, Rights as Told,
    Shown, StaffProbe, ToldRights,
};
use storeward_base::{ClientIp, RequestId, Secret};
use storeward_host::{NoAnswer, Question};
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};

use super::handles::Entry;
use super::jar::{Rights, ShopName};
use super::{Alarm, Guard, StaffPolicy, WhenUnsaid};
use crate::throttle::{Key, Leave};

/// In whose place a question is asked: the shop sees the browser's own words, in case it binds sessions to them.
#[derive(Clone, Debug)]
pub struct Asker {
    pub client: ClientIp,
    pub id: RequestId,
    pub headers: HeaderMap,
    /// The page that was asked for: the shop may have a storefront of its own in a folder above it.
    pub page: String,
}

impl Asker {
    /// Of a browser's request: its `Host` and what describes the browser, never its cookies.
    pub fn of(client: ClientIp, id: RequestId, host: &str, from: &HeaderMap) -> Self {
        let mut headers = HeaderMap::new();
        for name in [header::USER_AGENT, header::ACCEPT_LANGUAGE] {
            if let Some(value) = from.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        if let Ok(host) = HeaderValue::from_str(host) {
            headers.insert(header::HOST, host);
        }
        Asker { client, id, headers, page: String::new() }
    }

    /// For a page, which may be one of a storefront in a folder.
    #[must_use]
    pub fn below(self, page: &str) -> Self {
        Asker { page: page.to_owned(), ..self }
    }

    /// With what shops want to hear of a browser, and nothing of whoever is behind the request.
    #[must_use]
    pub fn in_nobodys_words(mut self) -> Self {
        let words = HeaderValue::from_static("Mozilla/5.0 (compatible; Storeward)");
        self.headers.insert(header::USER_AGENT, words);
        self
    }
}

/// Who is signed in. Personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    Nobody,
    Somebody { subject: ShopName, email: Option<String> },
    Unclear,
}

impl From<ProbeAnswer> for Who {
    fn from(says: ProbeAnswer) -> Self {
        match says {
            ProbeAnswer::SignedIn { subject, email } => {
                Who::Somebody { subject: ShopName::told(subject), email }
            }
            ProbeAnswer::SignedOut => Who::Nobody,
            ProbeAnswer::Unclear => Who::Unclear,
        }
    }
}

/// With whose cookies it is asked.
pub(super) enum With<'a> {
    /// What the answer sets goes into the jar.
    Jar(&'a Arc<Entry>),
    /// Nothing of the answer is kept.
    Cookies(&'a str),
}

/// What came of a question who is signed in.
pub(super) struct Heard {
    pub says: ProbeAnswer,
    /// Of the last answer; none where the shop does not answer.
    pub status: Option<StatusCode>,
    /// The path that it leads to.
    pub led_to: Option<String>,
}

/// How often a question is followed to where the shop leads it.
const MOST_LED: u8 = 3;

/// A question on its way to where the shop answers it.
pub(super) struct Led {
    pub asker: Asker,
    pub target: String,
    left: u8,
}

impl Led {
    pub fn new(asker: &Asker, probe: &Probe) -> Self {
        Led::to(asker, probe.target())
    }

    pub fn to(asker: &Asker, target: String) -> Self {
        Led { asker: asker.clone(), target, left: MOST_LED }
    }

    /// Goes on to an address, where it is one of the shop's.
    pub(super) fn goes_to(&mut self, address: &str, names: &[String]) -> bool {
        let Some(to) = Address::read(address, &self.target) else { return false };
        let Some(left) = self.left.checked_sub(1) else { return false };
        if let Some(host) = &to.host {
            let asked = self.asker.headers.get(header::HOST).and_then(|line| line.to_str().ok());
            let name = |host: &str| {
                let (name, port) = host.split_once(':').unwrap_or((host, ""));
                let is_plain = port.bytes().all(|b| b.is_ascii_digit());
                if is_plain { name.to_ascii_lowercase() } else { String::new() }
            };
            let is_own = asked == Some(host.as_str()) || names.iter().any(|own| name(own) == name(host));
            let Some(line) = HeaderValue::from_str(host).ok().filter(|_| is_own) else { return false };
            self.asker.headers.insert(header::HOST, line);
        }
        self.left = left;
        self.target = to.target();
        true
    }
}

/// When it is asked whose token a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Somebody may sign in by the request whose answer it stands in: what was nobody's may be somebody's now.
    SignIn,
    Any,
}

impl Guard {
    /// Whether two of the shop's cookies say who is signed in.
    pub(super) fn is_shared(&self, entry: &Entry) -> bool {
        let inner = entry.lock();
        let pairs = inner.jar.cookies.iter().map(|kept| (kept.name.as_str(), kept.value.as_str()));
        self.adapter.signed_in.of_cookies(pairs) == Named::Several
    }

    /// Whose session the jar holds.
    pub async fn who(&self, entry: &Arc<Entry>, asker: &Asker) -> Who {
        let told = {
            let inner = entry.lock();
            let pairs = inner.jar.cookies.iter().map(|kept| (kept.name.as_str(), kept.value.as_str()));
            if inner.jar.cookies.is_empty() {
                return Who::Nobody;
            }
            self.adapter.signed_in.of_cookies(pairs)
        };
        match (told, &self.adapter.signed_in.probe) {
            (Named::Nobody, _) => Who::Nobody,
            (Named::Several, _) => Who::Unclear,
            (Named::Somebody { subject, by }, probe) => {
                let email = match probe {
                    Some(_) => match self.probe(entry, asker).await {
                        Who::Somebody { email, .. } => email,
                        Who::Nobody | Who::Unclear => None,
                    },
                    None => None,
                };
                Who::Somebody { subject: ShopName { name: subject, cookie: Some(by) }, email }
            }
            (Named::Untold, _) => self.probe(entry, asker).await,
        }
    }

    async fn probe(&self, entry: &Arc<Entry>, asker: &Asker) -> Who {
        self.who_with(&With::Jar(entry), asker).await
    }

    async fn who_with(&self, with: &With<'_>, asker: &Asker) -> Who {
        let Some(probe) = &self.adapter.signed_in.probe else { return Who::Unclear };
        let said = self.answer_to(&self.adapter, probe, asker, with, None).await.into();
        if said != Who::Unclear {
            self.note_said();
        }
        self.at_storefronts(said, asker, with).await
    }

    async fn answer_to(
        &self,
        adapter: &Adapter,
        probe: &Probe,
        asker: &Asker,
        with: &With<'_>,
        token: Option<&Secret<String>>,
    ) -> ProbeAnswer {
        self.told_to(adapter, probe, asker, with, token).await.says
    }

    /// The answer to a question who is signed in. A shop that has it elsewhere, below a language or at another of its names, is followed
    /// there.
    pub(super) async fn told_to(
        &self,
        adapter: &Adapter,
        probe: &Probe,
        asker: &Asker,
        with: &With<'_>,
        token: Option<&Secret<String>>,
    ) -> Heard {
        const NOTHING: Heard = Heard { says: ProbeAnswer::Unclear, status: None, led_to: None };
        let mut led = Led::new(asker, probe);
        loop {
            let mut more = probe.questions();
            more.extend(token.map(|line| ("authorization", line.expose().as_str())));
            let answer = match with {
                With::Jar(entry) => self.ask(entry, &led.asker, "GET", &led.target, more, Bytes::new()).await,
                With::Cookies(line) => {
                    let line = (*line).to_owned();
                    match question(&led.asker, ("GET", &led.target), line, more, Bytes::new()) {
                        Ok(asked) => self.shop.ask(asked).await,
                        Err(why) => Err(why),
                    }
                }
            };
            let Ok(answer) = answer else { return NOTHING };
            if let Some(says) = self.follow_by(adapter, &mut led, probe, &answer) {
                let location = answer.headers().get(header::LOCATION).and_then(|line| line.to_str().ok());
                let to = location.and_then(|to| Address::read(to, &led.target)).map(|to| to.path);
                return Heard { says, status: Some(answer.status()), led_to: to };
            }
        }
    }

    /// What an answer on the way says; `None` where it leads on, and it is to be asked there.
    pub(super) fn follow(
        &self,
        led: &mut Led,
        probe: &Probe,
        answer: &Response<Bytes>,
    ) -> Option<ProbeAnswer> {
        self.follow_by(&self.adapter, led, probe, answer)
    }

    /// The same by the file of a storefront in a folder.
    fn follow_by(
        &self,
        adapter: &Adapter,
        led: &mut Led,
        probe: &Probe,
        answer: &Response<Bytes>,
    ) -> Option<ProbeAnswer> {
        let location = answer.headers().get(header::LOCATION).and_then(|line| line.to_str().ok());
        let status = answer.status();
        let told = ProbeTold { status: status.as_u16(), asked: &led.target, location, body: answer.body() };
        let says = adapter.probe_says(probe, &told);
        let to = location.filter(|_| says == ProbeAnswer::Unclear && status.is_redirection());
        let goes_on = to.is_some_and(|to| led.goes_to(to, &self.identity.0.shop_names));
        (!goes_on).then_some(says)
    }

    /// Whose token it is.
    pub async fn bearer(
        &self,
        entry: &Arc<Entry>,
        asker: &Asker,
        probe: &Probe,
        token: &Secret<String>,
    ) -> Who {
        let line = Secret::new(format!("Bearer {}", token.expose()));
        match self.answer_to(&self.adapter, probe, asker, &With::Jar(entry), Some(&line)).await {
            ProbeAnswer::SignedIn { subject, email } => {
                Who::Somebody { subject: ShopName::told(subject), email }
            }
            ProbeAnswer::SignedOut | ProbeAnswer::Unclear => Who::Unclear,
        }
    }

    /// Whose token a text is, if it is one. Nothing else goes along by which the shop could know anybody. Remembered where it is
    /// nobody's, unless somebody `signs in` with this request; one client has so many questions, and then it is unclear.
    pub async fn bearer_alone(
        &self,
        asker: &Asker,
        probe: &Probe,
        token: &Secret<String>,
        moment: Moment,
    ) -> Who {
        let line = Secret::new(format!("Bearer {}", token.expose()));
        // A text that no header can hold is no token.
        if HeaderValue::from_str(line.expose()).is_err() {
            return Who::Nobody;
        }
        let now = self.identity.0.now();
        if moment == Moment::Any && self.nobodys.has(&probe.path, token, now) {
            return Who::Nobody;
        }
        let key = [Key::Token(asker.client.block())];
        if !matches!(self.identity.0.throttle.attempt(&key, now), Leave::Granted) {
            return Who::Unclear;
        }
        match self.answer_to(&self.adapter, probe, asker, &With::Cookies(""), Some(&line)).await {
            ProbeAnswer::SignedOut => {
                self.nobodys.add(&probe.path, token, now);
                Who::Nobody
            }
            says @ (ProbeAnswer::SignedIn { .. } | ProbeAnswer::Unclear) => says.into(),
        }
    }

    /// Whose session these cookies are now, which may be older than the jar's. Nothing of the answer is kept.
    pub async fn who_has(&self, cookies: String, asker: &Asker) -> Who {
        self.who_with(&With::Cookies(&cookies), asker).await
    }

    /// Whether whoever is signed in has rights in the back office. Nobody is let through as a customer while the shop does not
    /// say, and whoever it does not call one counts as staff. Unknown where nobody is asked.
    pub async fn rights(&self, entry: &Arc<Entry>, asker: &Asker) -> Result<Rights, NoAnswer> {
        let Some(probe) = &self.adapter.staff.probe else { return Ok(Rights::Unknown) };
        if self.section.staff == StaffPolicy::AsCustomers {
            return Ok(Rights::Unknown);
        }
        let mut led = Led::to(asker, probe.path.clone());
        let answer = loop {
            let answer = self.ask(entry, &led.asker, "GET", &led.target, [], Bytes::new()).await?;
            if !self.moves_on(&mut led, &probe.path, &answer) {
                break answer;
            }
        };
        let mut rights = self.rights_in(probe, &answer, &led).await?;
        if let (Told::Customer, Some(told)) = (rights, &probe.told) {
            rights = self.told_rights(entry, asker, told).await?;
        }
        if rights == Told::Unsaid {
            self.alarm(Alarm::StaffUnclear, asker.client).await;
        }
        Ok(match rights {
            Told::Unsaid if self.section.rights_unsaid == WhenUnsaid::Customers => Rights::Customer,
            Told::Customer => Rights::Customer,
            Told::Staff | Told::Unsaid => Rights::Staff,
        })
    }

    /// Whether the shop has the same page elsewhere, below a language or at another of its names: it is to be asked there.
    pub(super) fn moves_on(&self, led: &mut Led, page: &str, answer: &Response<Bytes>) -> bool {
        let location = answer.headers().get(header::LOCATION).and_then(|line| line.to_str().ok());
        let Some(to) = location.filter(|_| answer.status().is_redirection()) else { return false };
        let Some(place) = Address::read(to, &led.target) else { return false };
        place.path.trim_end_matches('/').ends_with(page.trim_end_matches('/'))
            && led.goes_to(to, &self.identity.0.shop_names)
    }

    /// What an answer to the question after rights says, when compared with what the shop tells somebody without a session who asks
    /// from the same place.
    pub(super) async fn rights_in(
        &self,
        probe: &StaffProbe,
        answer: &Response<Bytes>,
        led: &Led,
    ) -> Result<Told, NoAnswer> {
        let Led { asker, target, .. } = led;
        let location = own_path(answer, target, asker);
        let shown = shown(answer, location.as_deref())?;
        let rights = self.adapter.rights(probe, shown);
        if rights != Told::Customer {
            return Ok(rights);
        }
        let asked = question(asker, ("GET", target), String::new(), [], Bytes::new())?;
        let to_nobody = self.shop.ask(asked).await?;
        let location = own_path(&to_nobody, target, asker);
        let is_its_word = shown.is_of_session(&self::shown(&to_nobody, location.as_deref())?);
        Ok(if is_its_word { Told::Customer } else { Told::Unsaid })
    }

    /// What the shop says itself of the rights of whoever is signed in.
    async fn told_rights(
        &self,
        entry: &Arc<Entry>,
        asker: &Asker,
        told: &ToldRights,
    ) -> Result<Told, NoAnswer> {
        let mut bears = None;
        if let Some(nonce) = &told.nonce {
            let Some(given) = self.nonce(entry, asker, nonce).await? else { return Ok(Told::Unsaid) };
            bears = Some((nonce.header.as_str(), given));
        }
        let more = bears.iter().map(|(header, given)| (*header, given.as_str()));
        let answer = self.ask(entry, asker, "GET", &told.target(), more, Bytes::new()).await?;
        Ok(told.read(shown(&answer, None)?.status, answer.body()))
    }

    /// What a question has to bear, as the shop gives it to its own scripts.
    async fn nonce(
        &self,
        entry: &Arc<Entry>,
        asker: &Asker,
        nonce: &Nonce,
    ) -> Result<Option<String>, NoAnswer> {
        let answer = self.ask(entry, asker, "GET", &nonce.target(), [], Bytes::new()).await?;
        Ok(nonce.read(shown(&answer, None)?.status, answer.body()))
    }

    /// The address on file, from the pages that show it.
    pub async fn address(&self, entry: &Arc<Entry>, asker: &Asker) -> Option<String> {
        for page in &self.adapter.signed_in.address {
            let asked = self.address_page(entry, asker, page).await;
            let Some(answer) = asked.ok().filter(|answer| answer.status().is_success()) else { continue };
            let found = page.email.find(&String::from_utf8_lossy(answer.body()));
            if let Some(address) = found.filter(|text| text.contains('@')) {
                return Some(address);
            }
        }
        None
    }

    /// A page that shows the address, or the one behind the account's that it leads to.
    async fn address_page(
        &self,
        entry: &Arc<Entry>,
        asker: &Asker,
        page: &AddressPage,
    ) -> Result<Response<Bytes>, NoAnswer> {
        let given = match &page.nonce {
            Some(nonce) => self.nonce(entry, asker, nonce).await?.map(|given| (nonce.header.as_str(), given)),
            None => None,
        };
        let more = given.iter().map(|(header, given)| (*header, given.as_str()));
        let asked = page.target();
        let answer = self.ask(entry, asker, "GET", &asked, more, Bytes::new()).await?;
        let location = own_path(&answer, &asked, asker);
        let account = shown(&answer, location.as_deref())?.location.and_then(|path| page.led_to(path));
        match account.filter(|_| answer.status().is_redirection()) {
            Some(target) => self.ask(entry, asker, "GET", &target, [], Bytes::new()).await,
            None => Ok(answer),
        }
    }

    /// Asks for a page, and where the shop has it below a language or at another of its names, there. With whoever asked in the end.
    pub(super) async fn ask_on<'h>(
        &self,
        entry: &Arc<Entry>,
        asker: &Asker,
        (method, target): (&str, &str),
        more: impl Iterator<Item = &'h (&'h str, &'h str)> + Clone,
        body: &str,
    ) -> Result<(Response<Bytes>, Asker), NoAnswer> {
        let page = target.split('?').next().unwrap_or(target);
        let mut led = Led::to(asker, target.to_owned());
        loop {
            let (more, body) = (more.clone().copied(), Bytes::from(body.to_owned()));
            let answer = self.ask(entry, &led.asker, method, &led.target, more, body).await?;
            if !self.moves_on(&mut led, page, &answer) {
                return Ok((answer, led.asker));
            }
        }
    }

    /// One question with the jar's cookies; what the answer sets goes into the jar.
    pub(super) async fn ask<'h>(
        &self,
        entry: &Arc<Entry>,
        asker: &Asker,
        method: &str,
        target: &str,
        more: impl IntoIterator<Item = (&'h str, &'h str)>,
        body: Bytes,
    ) -> Result<Response<Bytes>, NoAnswer> {
        let path = target.split('?').next().unwrap_or(target);
        let pairs = entry.lock().jar.pairs_for(path);
        let answer = self.shop.ask(question(asker, (method, target), pairs, more, body)?).await?;
        let mut changed = false;
        for line in answer.headers().get_all(header::SET_COOKIE) {
            let text = String::from_utf8_lossy(line.as_bytes());
            let line = CookieLine::parse(&text);
            if let Some(line) = line.filter(|line| self.adapter.cookies.are_kept(line.name)) {
                changed |= entry.lock().jar.take(&line);
            }
        }
        if changed {
            self.handles.note_change(entry);
        }
        Ok(answer)
    }
}

/// What a shop that is in trouble shows says nothing.
pub(super) fn shown<'a>(
    answer: &'a Response<Bytes>,
    location: Option<&'a str>,
) -> Result<Shown<'a>, NoAnswer> {
    if answer.status().is_server_error() {
        return Err(NoAnswer("shield.staff"));
    }
    Ok(Shown { status: answer.status().as_u16(), location, body: answer.body() })
}

/// The path that an answer leads to, where it is one of the host that was asked for `target`.
fn own_path(answer: &Response<Bytes>, target: &str, asker: &Asker) -> Option<String> {
    let location = answer.headers().get(header::LOCATION)?.to_str().ok()?;
    let to = Address::read(location, target)?;
    let own = asker.headers.get(header::HOST).and_then(|line| line.to_str().ok());
    let is_own = to.host.as_ref().is_none_or(|host| own.is_some_and(|own| host.eq_ignore_ascii_case(own)));
    is_own.then_some(to.path)
}

/// A question with these cookies.
pub fn question<'h>(
    asker: &Asker,
    (method, target): (&str, &str),
    cookies: String,
    more: impl IntoIterator<Item = (&'h str, &'h str)>,
    body: Bytes,
) -> Result<Question, NoAnswer> {
    let request = Request::builder().method(method).uri(written(target)).body(body);
    let mut request = request.map_err(|_| NoAnswer("shield.question"))?;
    let headers = request.headers_mut();
    headers.clone_from(&asker.headers);
    headers.insert(header::ACCEPT, HeaderValue::from_static("text/html,*/*;q=0.8"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    match HeaderValue::try_from(cookies) {
        Ok(cookies) if !cookies.is_empty() => headers.insert(header::COOKIE, cookies),
        _ => None,
    };
    for (name, value) in more {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    Ok(Question { client: asker.client, id: asker.id, request })
}

/// As an address goes over the wire: a folder comes from a path that was decoded.
fn written(target: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>`{}".contains(&byte);
    target.bytes().fold(String::new(), |mut out, byte| {
        match is_plain(byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_decoded_folder_is_written_as_addresses_are() {
        for (target, written) in [
            ("/mens shoes/me/?a=b", "/mens%20shoes/me/?a=b"),
            ("/gro\u{df}handel/me/", "/gro%C3%9Fhandel/me/"),
            ("/a%20b/me?x=%2F", "/a%20b/me?x=%2F"),
        ] {
            assert_eq!(super::written(target), written);
        }
    }
}
