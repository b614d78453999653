//! The canary: an account that the owner gives signs in at the shop every few minutes, past the shield, and it is looked whether
//! the adapter sees it. An update of the shop that blinds the adapter is noticed before a thief notices.

mod kept;

use std::fmt;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use storeward_adapter::{
    Answer, BodyKind, CookieLine, Door, DoorKind, Named, Probe, ProbeAnswer, Rights, SignOut, Signal,
    StaffProbe, TokenAnswer,
};
use storeward_base::{Actor, ClientIp, RequestId, Secret, Timestamp};
use storeward_events::identity::{ShopSignInBroken, ShopSignInMended};
use storeward_host::{NoAnswer, Stop};
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, Response, header};

use super::jar::Jar;
use super::shop::{Asker, Led, question, shown};
use super::{Guard, Shield, StaffPolicy, WhenUnclear, WhenUnsaid};
use crate::error::Error;

/// The account that the owner gives. `Debug` shows neither.
#[derive(Clone, Debug)]
pub struct CanaryAccount {
    pub user: Secret<String>,
    pub password: Secret<String>,
    pub every: Duration,
}

/// What went wrong with the canary. The words are for the owner; they name nothing of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The adapter names no door that the account could sign in by.
    NoForm,
    /// The sign-in page is not where the adapter says.
    NoPage,
    /// The shop refused the account's name or password: the adapter may be well.
    Refused,
    /// The shop signs in and the adapter does not see it: so would it be with a thief.
    Unseen,
    /// The shop's answers do not say who is signed in.
    Unclear,
    /// A visitor who has shown nothing is taken for somebody.
    Anybody,
    /// The shop names the account otherwise than before: all customers would look new.
    Renamed,
    /// The session stays signed in after the sign-out.
    StaysIn,
    /// The shop does not call the test account a customer: so it is with all of them, and each is asked for what staff are asked.
    SeemsStaff,
    /// The shop did not say yet what it is.
    NoAdapter,
}

impl Fault {
    pub const fn code(self) -> &'static str {
        match self {
            Fault::NoForm => "no_form",
            Fault::NoPage => "no_page",
            Fault::Refused => "refused",
            Fault::Unseen => "unseen",
            Fault::Unclear => "unclear",
            Fault::Anybody => "anybody",
            Fault::Renamed => "renamed",
            Fault::StaysIn => "stays_in",
            Fault::SeemsStaff => "seems_staff",
            Fault::NoAdapter => "no_adapter",
        }
    }

    /// Whether the shield cannot be relied on with it.
    pub const fn blinds(self) -> bool {
        match self {
            Fault::NoPage | Fault::Unseen | Fault::Unclear | Fault::Anybody => true,
            Fault::Renamed | Fault::NoAdapter => true,
            Fault::NoForm | Fault::Refused | Fault::StaysIn | Fault::SeemsStaff => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::NoForm => "the adapter names no form or call that the test account could sign in by",
            Fault::NoPage => "the shop's sign-in page is not where the adapter says",
            Fault::Refused => "the shop refuses the test account: its name or password is wrong",
            Fault::Unseen => "the shop signs the test account in and the adapter does not see it",
            Fault::Unclear => "the shop's answers do not say who is signed in",
            Fault::Anybody => "the adapter takes a visitor who has shown nothing for a customer",
            Fault::Renamed => "the shop names the test account otherwise than before",
            Fault::StaysIn => "the adapter's sign-out leaves the session signed in at the shop",
            Fault::SeemsStaff => {
                "the shop does not say that the test account is a customer, so customers are asked for what staff are asked"
            }
            Fault::NoAdapter => {
                "the shop does not say what it is, so nobody knows what its sign-in looks like"
            }
        })
    }
}

/// How the last try went.
#[derive(Clone, Debug, Default)]
pub struct Health {
    pub fault: Option<Fault>,
    pub checked_at: Option<Timestamp>,
    /// What the shop called the account the first time. Personal data.
    subject: Option<String>,
}

/// Nobody could be asked, or this came out.
type Tried = Result<Result<(), Fault>, NoAnswer>;

impl Shield {
    /// What is wrong with the sign-in at the shop, as far as the canary knows.
    pub fn fault(&self) -> Option<Fault> {
        self.guard().health.lock().unwrap_or_else(PoisonError::into_inner).fault
    }

    /// Whether doors are closed because of it.
    pub fn is_closed(&self) -> bool {
        self.guard().is_closed()
    }

    /// Tries now, and every so often until the stop. Ends at once where the owner gave no account.
    pub async fn watch(&self, stop: Stop) {
        let Some(every) = self.guard().canary.as_ref().map(|account| account.every) else { return };
        loop {
            // What cannot be written is tried again the next time.
            let _ = self.try_canary().await;
            tokio::select! {
                () = stop.stopping() => return,
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    /// The same with an account that somebody has just typed. Of this nothing is told.
    pub(crate) async fn try_twice(&self, account: &CanaryAccount) -> Result<Result<(), Fault>, NoAnswer> {
        self.guard().try_twice(account).await
    }

    /// One try. A fault counts when it comes twice in a row; a shop that does not answer changes nothing.
    pub async fn try_canary(&self) -> Result<Option<Fault>, Error> {
        let guard = self.guard();
        let Some(account) = &guard.canary else { return Ok(None) };
        if guard.is_waiting() {
            return Ok(self.fault());
        }
        match guard.try_twice(account).await {
            Ok(found) => {
                if found.is_ok() {
                    guard.note_said();
                }
                guard.note_health(found.err()).await
            }
            Err(_) => Ok(self.fault()),
        }
    }
}

impl Guard {
    /// Whether nobody may be signed in for the moment.
    pub fn is_closed(&self) -> bool {
        self.is_blind.load(Ordering::SeqCst) && self.section.customers_when_broken == WhenUnclear::Closed
    }

    /// Whether nobody knows yet which shop it is.
    pub(super) fn is_waiting(&self) -> bool {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).fault == Some(Fault::NoAdapter)
    }

    /// Whether the adapter cannot be relied on: staff are out in any case.
    pub fn is_blind(&self) -> bool {
        self.is_blind.load(Ordering::SeqCst)
    }

    pub(super) async fn note_health(&self, fault: Option<Fault>) -> Result<Option<Fault>, Error> {
        self.change_health(|_| Some(fault)).await
    }

    /// The same where it depends on what is wrong already: `to` says what is now, and `None` that nothing changes.
    pub(super) async fn change_health(
        &self,
        to: impl FnOnce(Option<Fault>) -> Option<Option<Fault>>,
    ) -> Result<Option<Fault>, Error> {
        let (before, fault) = {
            let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(fault) = to(health.fault) else { return Ok(health.fault) };
            health.checked_at = Some(self.identity.0.now());
            self.is_blind.store(fault.is_some_and(Fault::blinds), Ordering::SeqCst);
            (std::mem::replace(&mut health.fault, fault), fault)
        };
        if before == fault {
            return Ok(fault);
        }
        let adapter = self.adapter.name.clone();
        let written = self.identity.0.db.write(move |tx| -> Result<(), Error> {
            let adapter = adapter.clone();
            match fault {
                Some(fault) => {
                    let reason = fault.code().to_owned();
                    tx.append(Actor::System, None, ShopSignInBroken { adapter, reason })?;
                }
                None => {
                    tx.append(Actor::System, None, ShopSignInMended { adapter })?;
                }
            }
            Ok(())
        });
        if let Err(why) = written.await {
            if fault.is_none() {
                // What is mended counts once it is told.
                self.health.lock().unwrap_or_else(PoisonError::into_inner).fault = before;
                self.is_blind.store(before.is_some_and(Fault::blinds), Ordering::SeqCst);
            }
            return Err(why);
        }
        Ok(fault)
    }

    /// A fault counts when it comes again, but for a wrong password: the shop counts that one too, and may lock the account.
    async fn try_twice(&self, account: &CanaryAccount) -> Tried {
        match self.try_account(account).await {
            Ok(Err(fault)) if fault != Fault::Refused => self.try_account(account).await,
            once => once,
        }
    }

    /// The door that a person would take: a form, or else what a script sends.
    fn canary_door(&self) -> Option<&Door> {
        let people = || self.adapter.doors.iter().filter(|door| door.kind == DoorKind::SignIn);
        let by_script = |door: &&Door| match door.body {
            BodyKind::Json => !door.user.is_empty() && !door.password.is_empty(),
            BodyKind::Graphql => door.document.is_some(),
            BodyKind::Form | BodyKind::XmlRpc | BodyKind::Basic => false,
        };
        people().find(|door| door.body == BodyKind::Form).or_else(|| people().find(by_script))
    }

    async fn try_account(&self, account: &CanaryAccount) -> Tried {
        let Some(door) = self.canary_door() else { return Ok(Err(Fault::NoForm)) };
        let mut visitor = Stranger::new(self);
        let entered = match visitor.enter(door, account, &account.password).await? {
            Ok(entered) => entered,
            Err(fault) => return Ok(Err(fault)),
        };
        let subject = match visitor.who().await? {
            ProbeAnswer::SignedIn { subject, .. } => subject,
            ProbeAnswer::Unclear => return Ok(Err(Fault::Unclear)),
            ProbeAnswer::SignedOut => {
                // Was it the password, or does the adapter not see it? Another password gets another answer if the first
                // one was good.
                let wrong = Secret::new(format!("{}-", account.password.expose()));
                let refused = Stranger::new(self).enter(door, account, &wrong).await?;
                let same = refused.is_ok_and(|refused| refused == entered);
                return Ok(Err(if same { Fault::Refused } else { Fault::Unseen }));
            }
        };
        if !entered.is_signal || !visitor.is_in_by_what_is_kept(&entered).await? {
            visitor.leave().await?;
            return Ok(Err(Fault::Unseen));
        }
        let seems_staff = visitor.seems_staff().await?;
        visitor.leave().await?;
        let stays = matches!(visitor.who().await?, ProbeAnswer::SignedIn { .. });
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let known = health.subject.get_or_insert_with(|| subject.clone());
        Ok(match (*known == subject, stays, seems_staff) {
            (false, ..) => Err(Fault::Renamed),
            (true, true, _) => Err(Fault::StaysIn),
            (true, false, true) => Err(Fault::SeemsStaff),
            (true, false, false) => Ok(()),
        })
    }
}

/// A visitor without a past, with a jar for all of the shop's cookies.
struct Stranger<'g> {
    guard: &'g Guard,
    asker: Asker,
    jar: Jar,
    /// What its sign-in handed out, and the question that it answers.
    token: Option<(Probe, Secret<String>)>,
}

/// What an answer to the form looks like from outside.
#[derive(Debug, PartialEq, Eq)]
struct Entered {
    status: u16,
    location: String,
    /// Names of the session's cookies that it set.
    set: Vec<String>,
    /// Names of cookies that no script can read: the shield keeps those of a sign-in.
    held: Vec<String>,
    /// It handed out a token.
    has_token: bool,
    /// The adapter saw that something may have happened.
    is_signal: bool,
}

impl<'g> Stranger<'g> {
    fn new(guard: &'g Guard) -> Self {
        let shared = &guard.identity.0;
        let now = shared.now();
        let here = ClientIp::new(std::net::Ipv4Addr::LOCALHOST.into());
        let host = shared.shop_names.first().cloned().unwrap_or_default();
        let asker = Asker::of(here, RequestId::at(now, &*shared.entropy), &host, &HeaderMap::new());
        Stranger { guard, asker, jar: Jar::new(now), token: None }
    }

    async fn ask(
        &mut self,
        method: &str,
        target: &str,
        more: &[(&str, &str)],
        body: String,
    ) -> Result<Response<Bytes>, NoAnswer> {
        let path = target.split('?').next().unwrap_or(target);
        let cookies = self.jar.pairs_for(path);
        let asked =
            question(&self.asker, (method, target), cookies, more.iter().copied(), Bytes::from(body))?;
        let answer = self.guard.shop.ask(asked).await?;
        for line in answer.headers().get_all(header::SET_COOKIE) {
            let text = String::from_utf8_lossy(line.as_bytes());
            if let Some(line) = CookieLine::parse(&text) {
                self.jar.take(&line);
            }
        }
        Ok(answer)
    }

    /// Signs in as a browser would.
    async fn enter(
        &mut self,
        door: &Door,
        account: &CanaryAccount,
        password: &Secret<String>,
    ) -> Result<Result<Entered, Fault>, NoAnswer> {
        let Some(path) = door.page() else { return Ok(Err(Fault::NoForm)) };
        let own = self.asker.clone();
        let (to, kind, body) = if door.body == BodyKind::Form {
            let (to, page) = match self.form_page(door, path).await? {
                Ok(found) => found,
                Err(fault) => return Ok(Err(fault)),
            };
            let form = door.filled(&page, account.user.expose(), password.expose());
            (to, "application/x-www-form-urlencoded", form)
        } else {
            // The shop's front page, where visitors get their session.
            self.ask("GET", "/", &[], String::new()).await?;
            let body = door.typed_json(account.user.expose(), password);
            let Some(body) = body else { return Ok(Err(Fault::NoForm)) };
            (Led::to(&own, path), "application/json", body.expose().clone())
        };
        // Without an account shown: whoever sees somebody here sees somebody everywhere, and whoever cannot tell sees nobody anywhere.
        match self.who().await? {
            ProbeAnswer::SignedIn { .. } => return Ok(Err(Fault::Anybody)),
            ProbeAnswer::Unclear => return Ok(Err(Fault::Unclear)),
            ProbeAnswer::SignedOut => {}
        }
        let host = to.asker.headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
        let (origin, referer) = (format!("https://{host}"), format!("https://{host}{}", to.target));
        let accept = if door.body == BodyKind::Form { "text/html,*/*;q=0.8" } else { "application/json" };
        let more = [
            ("content-type", kind),
            ("accept", accept),
            ("origin", origin.as_str()),
            ("referer", referer.as_str()),
        ];
        self.asker = to.asker.clone();
        let answer = self.ask("POST", &to.target, &more, body).await;
        self.asker = own;
        let answer = answer?;
        if answer.status().is_server_error() {
            return Err(NoAnswer("canary.shop"));
        }
        // A page that is looked for tells so by itself.
        if door.body != BodyKind::Form && matches!(answer.status().as_u16(), 404 | 405 | 410) {
            return Ok(Err(Fault::NoPage));
        }
        Ok(Ok(self.entered(door, &answer)))
    }

    /// The page with the form, and where the form is sent: the page that the adapter names, or else the one to which the shop leads a visitor
    /// who asks for what is for customers alone.
    async fn form_page(
        &mut self,
        door: &Door,
        path: String,
    ) -> Result<Result<(Led, String), Fault>, NoAnswer> {
        let asked = self.guard.adapter.signed_in.probe.as_ref().map(Probe::target);
        for target in [Some(path), asked].into_iter().flatten() {
            if let Some(found) = self.form_at(door, target).await? {
                return Ok(Ok(found));
            }
        }
        Ok(Err(Fault::NoPage))
    }

    async fn form_at(&mut self, door: &Door, target: String) -> Result<Option<(Led, String)>, NoAnswer> {
        let own = self.asker.clone();
        let names = &self.guard.identity.0.shop_names;
        let mut led = Led::to(&own, target);
        loop {
            self.asker = led.asker.clone();
            let page = self.ask("GET", &led.target, &[], String::new()).await;
            self.asker = own.clone();
            let page = page?;
            if page.status().is_server_error() {
                return Err(NoAnswer("canary.shop"));
            }
            let location = page.headers().get(header::LOCATION).and_then(|line| line.to_str().ok());
            let location = location.filter(|_| page.status().is_redirection());
            if location.is_some_and(|to| led.goes_to(to, names)) {
                continue;
            }
            let text = String::from_utf8_lossy(page.body()).into_owned();
            let action = door.form_action(&text).filter(|_| page.status().is_success());
            let Some(action) = action else { return Ok(None) };
            let mut to = Led::to(&led.asker, led.target);
            // To nobody else's address, whatever the page says.
            if !action.is_empty() {
                to.goes_to(&action, names);
            }
            return Ok(Some((to, text)));
        }
    }

    fn entered(&mut self, door: &Door, answer: &Response<Bytes>) -> Entered {
        let lines = answer.headers().get_all(header::SET_COOKIE).iter();
        let lines: Vec<String> =
            lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
        let lines: Vec<_> = lines.iter().filter_map(|line| CookieLine::parse(line)).collect();
        let adapter = &self.guard.adapter;
        let signal = Answer { adapter, lines: &lines }.signal();
        let set = || lines.iter().filter(|line| !line.is_removal);
        let kept = set().filter(|line| adapter.cookies.are_kept(line.name));
        let held = set().filter(|line| line.is_http_only && !adapter.cookies.are_let_through(line.name));
        let names = adapter.signed_in.cookie.as_ref().is_some_and(|rule| rule.subject.is_some());
        if let (Some(probe), TokenAnswer::HandsOut(token)) =
            (&door.bearer, door.token_answer(answer.status().as_u16(), answer.body(), true))
        {
            self.token = Some((probe.clone(), token));
        }
        Entered {
            status: answer.status().as_u16(),
            location: answer
                .headers()
                .get(header::LOCATION)
                .map_or_else(String::new, |place| String::from_utf8_lossy(place.as_bytes()).into_owned()),
            set: kept.map(|line| line.name.to_owned()).collect(),
            held: held.map(|line| line.name.to_owned()).collect(),
            has_token: self.token.is_some(),
            // Without such a cookie every form that is sent is asked about.
            is_signal: !names || matches!(signal, Signal::SignedIn(_)),
        }
    }

    /// Whose session it is, by the adapter's rules and none of the shield's short cuts.
    async fn who(&mut self) -> Result<ProbeAnswer, NoAnswer> {
        if let Some((probe, token)) = &self.token {
            let (probe, line) = (probe.clone(), Secret::new(format!("Bearer {}", token.expose())));
            return self.answer_to(&probe, Some(&line)).await;
        }
        let adapter = &self.guard.adapter;
        let pairs = self.jar.cookies.iter().map(|kept| (kept.name.as_str(), kept.value.as_str()));
        let told = adapter.signed_in.of_cookies(pairs);
        let Some(probe) = &adapter.signed_in.probe else {
            return Ok(match told {
                Named::Somebody { subject, .. } => ProbeAnswer::SignedIn { subject, email: None },
                Named::Nobody => ProbeAnswer::SignedOut,
                Named::Untold | Named::Several => ProbeAnswer::Unclear,
            });
        };
        self.answer_to(probe, None).await
    }

    async fn answer_to(
        &mut self,
        probe: &Probe,
        token: Option<&Secret<String>>,
    ) -> Result<ProbeAnswer, NoAnswer> {
        let guard = self.guard;
        let own = self.asker.clone();
        let mut led = Led::new(&own, probe);
        loop {
            let mut more = probe.questions();
            more.extend(token.map(|line| ("authorization", line.expose().as_str())));
            self.asker = led.asker.clone();
            let answer = self.ask("GET", &led.target, &more, String::new()).await;
            self.asker = own.clone();
            let answer = answer?;
            if answer.status().is_server_error() {
                return Err(NoAnswer("canary.shop"));
            }
            if let Some(says) = guard.follow(&mut led, probe, &answer) {
                return Ok(says);
            }
        }
    }

    /// Whether the shop, asked as the shield asks, does not call it a customer.
    async fn seems_staff(&mut self) -> Result<bool, NoAnswer> {
        let guard = self.guard;
        let Some(probe) = &guard.adapter.staff.probe else { return Ok(false) };
        if guard.section.staff == StaffPolicy::AsCustomers {
            return Ok(false);
        }
        Ok(match self.told_rights(probe).await? {
            Rights::Customer => false,
            Rights::Staff => true,
            // As it is asked of everybody.
            Rights::Unsaid => guard.section.rights_unsaid == WhenUnsaid::Staff,
        })
    }

    async fn told_rights(&mut self, probe: &StaffProbe) -> Result<Rights, NoAnswer> {
        let (guard, own) = (self.guard, self.asker.clone());
        let mut led = Led::to(&own, probe.path.clone());
        let answer = loop {
            self.asker = led.asker.clone();
            let answer = self.ask("GET", &led.target, &[], String::new()).await;
            self.asker = own.clone();
            let answer = answer?;
            if !guard.moves_on(&mut led, &probe.path, &answer) {
                break answer;
            }
        };
        let rights = guard.rights_in(probe, &answer, &led).await?;
        let (Rights::Customer, Some(told)) = (rights, &probe.told) else { return Ok(rights) };
        let mut bears = None;
        if let Some(nonce) = &told.nonce {
            let answer = self.ask("GET", &nonce.target(), &[], String::new()).await?;
            let given = nonce.read(shown(&answer, None)?.status, answer.body());
            let Some(given) = given else { return Ok(Rights::Unsaid) };
            bears = Some((nonce.header.as_str(), given));
        }
        let more: Vec<_> = bears.iter().map(|(header, given)| (*header, given.as_str())).collect();
        let answer = self.ask("GET", &told.target(), &more, String::new()).await?;
        Ok(told.read(shown(&answer, None)?.status, answer.body()))
    }

    async fn leave(&mut self) -> Result<(), NoAnswer> {
        // What a token opens is the shop's to end; a browser forgets it.
        self.token = None;
        let Some(out) = &self.guard.adapter.sign_out else { return Ok(()) };
        let form = match &out.form_page {
            Some(page) => {
                let answer = self.ask_on(("GET", page), &[], "").await?;
                SignOut::form(&String::from_utf8_lossy(answer.body()))
            }
            None => String::new(),
        };
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let more = if form.is_empty() { &[][..] } else { &kind[..] };
        let answer = self.ask_on((&out.method, &out.target()), more, &form).await?;
        if let Some(target) = out.confirmed(&String::from_utf8_lossy(answer.body())) {
            self.ask("GET", &target, &[], String::new()).await?;
        }
        Ok(())
    }

    /// As the shield asks for its own sign-out: where the shop has the page below a language or at another of its names, there.
    async fn ask_on(
        &mut self,
        (method, target): (&str, &str),
        more: &[(&str, &str)],
        body: &str,
    ) -> Result<Response<Bytes>, NoAnswer> {
        let (guard, own) = (self.guard, self.asker.clone());
        let page = target.split('?').next().unwrap_or(target);
        let mut led = Led::to(&own, target.to_owned());
        loop {
            self.asker = led.asker.clone();
            let answer = self.ask(method, &led.target, more, body.to_owned()).await;
            self.asker = own.clone();
            let answer = answer?;
            if !guard.moves_on(&mut led, page, &answer) {
                return Ok(answer);
            }
        }
    }
}
