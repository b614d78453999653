//! The form of an adapter file. Everything a shop's owner may write stands here.

use std::collections::BTreeMap;

use serde::Deserialize;
use storeward_base::Secret;

use crate::acts::UnnamedActs;
use crate::error::AdapterError;
use crate::password::Password;
use crate::place::{self, ANYWHERE, Place};
use crate::renamed::AddressForm;
use crate::rights::{Nonce, ToldRights};
use crate::visitor::Visitor;

/// The version that [`Adapter::format`] must say.
pub const FORMAT: u32 = 1;

/// One shop's sign-in, as its file says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// Version of this form: [`FORMAT`].
    pub format: u32,
    /// A short name for configs and events: lower-case letters, digits and `-`.
    pub name: String,
    /// For people.
    pub title: String,
    /// Names of platforms, as `storeward init` recognises them, that this file fits.
    #[serde(default)]
    pub platforms: Vec<String>,
    pub cookies: Cookies,
    /// Where a password or something like it arrives.
    #[serde(default, rename = "door")]
    pub doors: Vec<Door>,
    pub signed_in: SignedIn,
    #[serde(default)]
    pub sign_out: Option<SignOut>,
    #[serde(default)]
    pub staff: Staff,
    /// Where the shop's own password is changed.
    #[serde(default)]
    pub password: Password,
    /// Acts of a signed-in person that must be confirmed again: change of address, of password, of payment.
    #[serde(default, rename = "sensitive")]
    pub sensitive: Vec<Place>,
    /// What becomes of acts that `sensitive` does not name. Without it they are guarded where it names none.
    #[serde(default)]
    pub unnamed_acts: Option<UnnamedActs>,
    /// Parameters by which the shop takes a request for one of another path.
    #[serde(default)]
    pub routed: Vec<Routed>,
    /// Paths that a browser loads as parts of a page and that never depend on who is signed in.
    #[serde(default)]
    pub static_paths: Vec<String>,
    /// Paths that take files and make nothing else of a form, whatever its fields: what stands in a long one there moves it nowhere.
    #[serde(default)]
    pub uploads: Vec<String>,
    /// Paths that every page of the shop names: what stands before them is the folder that the shop lies in.
    #[serde(default)]
    pub folder_signs: Vec<String>,
}

/// Which of the shop's cookies a browser never gets to see.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cookies {
    /// Names, with `*` at the end for any ending.
    pub session: Vec<String>,
    /// Names that `session` would take, but that the shop's scripts read.
    #[serde(default)]
    pub except: Vec<String>,
    /// All that keeps people signed in has its name in `session`: the shop is not asked whose any other cookie is, before something
    /// is done.
    #[serde(default)]
    pub names_all: bool,
    /// The shop takes a session from a cookie alone: what is called so in an address or a form is something else.
    #[serde(default)]
    pub only: bool,
}

/// What kind of entrance a door is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DoorKind {
    /// A person signs in with name and password.
    SignIn,
    /// A new account, which shops sign in at once.
    SignUp,
    /// A forgotten password; some shops sign in behind it.
    Reset,
    /// A program signs in at each request (XML-RPC, basic authentication) or takes a token.
    Api,
}

/// How the credentials are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyKind {
    /// `application/x-www-form-urlencoded` or `multipart/form-data`.
    Form,
    Json,
    /// A GraphQL operation in JSON, recognised by the name in `operation`.
    Graphql,
    /// An XML-RPC call: the first two string parameters behind those that are numbers.
    XmlRpc,
    /// The `Authorization: Basic` header of any request below the paths.
    Basic,
}

/// One entrance.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Door {
    /// For events and pages, such as `my-account`.
    pub name: String,
    pub kind: DoorKind,
    #[serde(flatten)]
    pub place: DoorPlace,
    #[serde(default = "form")]
    pub body: BodyKind,
    /// Field names (forms), JSON pointers (JSON, GraphQL), that hold the account's name. The first that is there counts.
    #[serde(default)]
    pub user: Vec<String>,
    /// The same for the password.
    #[serde(default)]
    pub password: Vec<String>,
    /// Names of the GraphQL fields that sign in, such as `generateCustomerToken`.
    #[serde(default)]
    pub operation: Vec<String>,
    /// The field or pointer of the answer that holds a bearer token, which signs in without a cookie.
    #[serde(default)]
    pub token: Vec<String>,
    /// A question asked with that token, whose answer says whose it is: then the door is one for people whose browser runs the
    /// shop's scripts, and the token waits for the second factor.
    #[serde(default)]
    pub bearer: Option<Probe>,
    /// A form field, or a JSON pointer, that must be there for the request to be this door: one page may hold several forms, and
    /// one address take several calls.
    #[serde(default)]
    pub marker: Option<String>,
    /// Names by which the shop's scripts call GraphQL documents that are not sent along, and that sign nobody in: hashes of persisted
    /// queries, numbers of documents that the shop's build laid down. Other names are refused at this address.
    #[serde(default)]
    pub harmless: Vec<String>,
    /// What has the fields of this door elsewhere, below its path or by another method, is no sign-in: only for shops where those
    /// fields mean something else in what scripts send.
    #[serde(default)]
    pub only_here: bool,
    /// The GraphQL document by which the canary signs in, the name and the password being its variables.
    #[serde(default)]
    pub document: Option<String>,
}

/// Where a door is. `paths` stands beside the door's other fields.
#[derive(Clone, Debug, Deserialize)]
pub struct DoorPlace {
    #[serde(default)]
    pub methods: Vec<String>,
    pub paths: Vec<String>,
    #[serde(default)]
    pub query: BTreeMap<String, String>,
}

fn form() -> BodyKind {
    BodyKind::Form
}

/// How it shows that a session of the shop is signed in. At least one of the two.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedIn {
    /// A cookie that only a signed-in browser has.
    #[serde(default)]
    pub cookie: Option<SignedInCookie>,
    /// A question to the shop, asked with the session's cookies.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// Pages that show the address on file where the probe does not: the first that does counts.
    #[serde(default)]
    pub address: Vec<AddressPage>,
    /// Where the subject is the address itself: the form by which people change it. Without it another subject is another
    /// person.
    #[serde(default)]
    pub renamed: Option<AddressForm>,
}

/// What shows a signed-in person's e-mail address on file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressPage {
    pub path: String,
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    #[serde(default)]
    pub nonce: Option<Nonce>,
    /// The path leads customers to their account's page, whatever its name is: the address is shown there, with this behind it.
    #[serde(default)]
    pub behind: Option<String>,
    pub email: Subject,
}

impl AddressPage {
    pub fn target(&self) -> String {
        place::target(&self.path, &self.query)
    }

    /// What to ask for where the path led to this one.
    pub fn led_to(&self, path: &str) -> Option<String> {
        let behind = self.behind.as_ref()?;
        Some(format!("{}/{behind}", path.trim_end_matches('/')))
    }
}

/// A cookie that only a signed-in browser has.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedInCookie {
    /// A name, with `*` at the end for any ending.
    pub name: String,
    /// The account's canonical name within the value; without it the probe must tell.
    #[serde(default)]
    pub subject: Option<Subject>,
}

/// A question whose answer tells who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    pub path: String,
    /// Parameters of the query that goes along.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The status of the answer to a signed-in session.
    #[serde(default = "ok")]
    pub status: u16,
    /// Text that the answer to a signed-in session holds.
    #[serde(default)]
    pub contains: Option<String>,
    /// Where the answer names the account.
    pub subject: Subject,
    /// Where the answer names the e-mail address on file.
    #[serde(default)]
    pub email: Option<Subject>,
    /// What a visitor is answered, where it is not what [`Adapter::probe_says`] knows by itself.
    #[serde(default)]
    pub visitor: Option<Visitor>,
}

fn ok() -> u16 {
    200
}

/// Where a text names somebody. Exactly one of `json`, `between`, `field` or `split`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// A JSON pointer (RFC 6901).
    #[serde(default)]
    pub json: Option<String>,
    /// Two texts: what stands between them, the first time they come in this order.
    #[serde(default)]
    pub between: Option<[String; 2]>,
    /// The `value` of the form field of this name.
    #[serde(default)]
    pub field: Option<String>,
    /// A cookie's value, percent-decoded and cut at this sign: the first part.
    #[serde(default)]
    pub split: Option<String>,
}

/// How a session of the shop is ended.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignOut {
    #[serde(default = "post")]
    pub method: String,
    pub path: String,
    /// Parameters without which the path is another page; `*` is any value.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Where the shop asks whether that was meant: text in the address of the link that says yes. It is followed once.
    #[serde(default)]
    pub confirm: Option<String>,
    /// The page whose form signs out, where it carries a token; its hidden fields are sent along.
    #[serde(default)]
    pub form_page: Option<String>,
}

fn post() -> String {
    "POST".to_owned()
}

/// The back office.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Staff {
    /// Below these paths only staff have business, and a second factor is not a choice.
    #[serde(default)]
    pub paths: Vec<String>,
    /// A page that opens for whoever has rights in the back office, and for nobody else.
    #[serde(default)]
    pub probe: Option<StaffProbe>,
    /// Paths below them that everybody uses, such as `/wp-admin/admin-ajax.php`.
    #[serde(default)]
    pub except: Vec<String>,
    /// What else only staff do, such as changing something by an interface that customers read.
    #[serde(default)]
    pub acts: Vec<Place>,
    /// The back office has sessions of its own, and nothing of a customer's session tells who is signed in there.
    #[serde(default)]
    pub sessions: StaffSessions,
    /// Beginnings of the back office's path where the shop's installation makes up its end, such as `/admin`.
    #[serde(default)]
    pub like: Vec<String>,
}

/// Whose sessions the back office goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StaffSessions {
    /// Staff are signed in as customers are.
    #[default]
    Shared,
    /// By a sign-in of its own.
    Own,
}

/// How it shows that a signed-in person is one of the staff, whatever page they open.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffProbe {
    pub path: String,
    /// The status of the answer to a member of staff.
    #[serde(default = "ok")]
    pub status: u16,
    /// Statuses of the answer to a customer. What is neither may be staff.
    #[serde(default = "refusals")]
    pub customer: Vec<u16>,
    /// Texts of the shop's own refusal, of which one must stand in it: a web server's or a guard's 403 says nothing of who asks.
    #[serde(default)]
    pub customer_page: Vec<String>,
    /// Customers are led to a page that is neither of the back office nor a door.
    #[serde(default)]
    pub leads_customers_away: bool,
    /// Where the shop says what rights somebody has. With it nobody is a customer whom the shop does not call one there, too.
    #[serde(default)]
    pub told: Option<ToldRights>,
}

/// An answer to `staff.probe`.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub status: u16,
    /// The path that it leads to, on the shop's own host.
    pub location: Option<&'a str>,
    pub body: &'a [u8],
}

fn refusals() -> Vec<u16> {
    vec![403, 404]
}

/// Whether somebody has rights in the back office.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    Customer,
    /// Or nobody can tell.
    Staff,
    /// Somebody is refused, and it is not the shop that says why: what it would say of a customer, it says to nobody, too.
    Unsaid,
}

/// A parameter, of the query or of a form, that holds a path below `path`. That path is looked for below folders and scripts
/// (`/shop/index.php/…`), too.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Routed {
    pub parameter: String,
    pub path: String,
}

/// Whether an answer hands out a token, which no cookie holds back.
#[derive(Clone, Debug)]
pub enum TokenAnswer {
    /// None, whatever else it says.
    None,
    HandsOut(Secret<String>),
    /// It says something, and not what the file knows: it may be a token under another name.
    Unclear,
}

impl Adapter {
    /// Reads a file and checks it.
    pub fn parse(text: &str) -> Result<Adapter, AdapterError> {
        let adapter: Adapter = toml::from_str(text).map_err(|error| {
            let line =
                error.span().map(|s| text.get(..s.start).unwrap_or_default().matches('\n').count() + 1);
            AdapterError::new(format!("line {}", line.unwrap_or(1)), error.message())
        })?;
        adapter.check()?;
        Ok(adapter)
    }

    fn check(&self) -> Result<(), AdapterError> {
        if self.format != FORMAT {
            let what = format!("this program reads version {FORMAT} of the form");
            return Err(AdapterError::new("format", what));
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err(AdapterError::new("name", "use lower-case letters, digits and `-`"));
        }
        if self.name == crate::known::STAND_IN {
            return Err(AdapterError::new("name", "this is how the shop is asked what it is: take another"));
        }
        // A shop whose sign-in hands out a token may have no session besides.
        let has_token = self.doors.iter().any(|door| door.bearer.is_some());
        if self.cookies.session.is_empty() && !has_token {
            return Err(AdapterError::new(
                "cookies.session",
                "name the cookie that holds the shop's session",
            ));
        }
        if self.cookies.session.is_empty() && self.cookies.names_all {
            return Err(AdapterError::new(
                "cookies.names_all",
                "name the cookies that keep people signed in",
            ));
        }
        if self.signed_in.cookie.is_none() && self.signed_in.probe.is_none() {
            let what = "say by a cookie or by a probe how a signed-in session shows";
            return Err(AdapterError::new("signed_in", what));
        }
        self.check_subjects()?;
        self.password.check()?;
        if let Some(form) = &self.signed_in.renamed {
            form.check().map_err(|what| AdapterError::new("signed_in.renamed.paths", what))?;
        }
        for (at, door) in self.doors.iter().enumerate() {
            door.check().map_err(|e| AdapterError::new(format!("door[{at}].{}", e.place), e.what))?;
        }
        for (at, place) in self.sensitive.iter().enumerate() {
            check_path(&place.path)
                .map_err(|what| AdapterError::new(format!("sensitive[{at}].path"), what))?;
        }
        for (at, place) in self.staff.acts.iter().enumerate() {
            check_path(&place.path)
                .map_err(|what| AdapterError::new(format!("staff.acts[{at}].path"), what))?;
        }
        for (at, routed) in self.routed.iter().enumerate() {
            check_path(&routed.path).map_err(|what| AdapterError::new(format!("routed[{at}].path"), what))?;
        }
        let offices = self.staff.paths.iter().chain(&self.staff.except).chain(&self.staff.like);
        for path in offices.chain(&self.static_paths).chain(&self.uploads) {
            check_path(path).map_err(|what| AdapterError::new("staff.paths", what))?;
        }
        if let Some(probe) = &self.staff.probe {
            check_path(&probe.path).map_err(|what| AdapterError::new("staff.probe.path", what))?;
            if let Some(told) = &probe.told {
                told.check()?;
            }
        }
        if let Some(out) = &self.sign_out {
            check_path(&out.path).map_err(|what| AdapterError::new("sign_out.path", what))?;
        }
        Ok(())
    }

    fn check_subjects(&self) -> Result<(), AdapterError> {
        if let Some(cookie) = &self.signed_in.cookie {
            match &cookie.subject {
                Some(subject) => subject.check("signed_in.cookie.subject")?,
                None if self.signed_in.probe.is_none() => {
                    let what = "say where the cookie names the account, or add a probe";
                    return Err(AdapterError::new("signed_in.cookie.subject", what));
                }
                None => {}
            }
        }
        if let Some(probe) = &self.signed_in.probe {
            check_path(&probe.path).map_err(|what| AdapterError::new("signed_in.probe.path", what))?;
            probe.subject.check("signed_in.probe.subject")?;
            if let Some(email) = &probe.email {
                email.check("signed_in.probe.email")?;
            }
            if let Some(visitor) = &probe.visitor {
                visitor.check().map_err(|what| AdapterError::new("signed_in.probe.visitor", what))?;
            }
        }
        for (at, page) in self.signed_in.address.iter().enumerate() {
            let place = format!("signed_in.address[{at}]");
            check_path(&page.path).map_err(|what| AdapterError::new(format!("{place}.path"), what))?;
            if let Some(nonce) = &page.nonce {
                let misfit = |what| AdapterError::new(format!("{place}.nonce.path"), what);
                check_path(&nonce.path).map_err(misfit)?;
            }
            if let Some(behind) = &page.behind {
                let misfit = |what| AdapterError::new(format!("{place}.behind"), what);
                check_path(&format!("/{behind}")).map_err(misfit)?;
            }
            page.email.check(&format!("{place}.email"))?;
        }
        Ok(())
    }
}

impl Subject {
    fn check(&self, place: &str) -> Result<(), AdapterError> {
        let ways = [self.json.is_some(), self.between.is_some(), self.field.is_some(), self.split.is_some()];
        if ways.iter().filter(|w| **w).count() != 1 {
            return Err(AdapterError::new(place, "name exactly one of json, between, field, split"));
        }
        let empty = self.between.as_ref().is_some_and(|[a, b]| a.is_empty() || b.is_empty())
            || self.split.as_ref().is_some_and(String::is_empty)
            || self.field.as_ref().is_some_and(String::is_empty);
        if empty {
            return Err(AdapterError::new(place, "an empty text is found everywhere"));
        }
        if self.json.as_ref().is_some_and(|p| !p.starts_with('/')) {
            return Err(AdapterError::new(place, "a JSON pointer begins with /"));
        }
        Ok(())
    }
}

impl Door {
    fn check(&self) -> Result<(), AdapterError> {
        if self.place.paths.is_empty() {
            return Err(AdapterError::new("paths", "name at least one path"));
        }
        for path in self.place.paths.iter().filter(|path| *path != ANYWHERE) {
            let plain = path.strip_prefix(ANYWHERE).unwrap_or(path);
            check_path(plain).map_err(|what| AdapterError::new("paths", what))?;
        }
        let reads_fields = matches!(self.body, BodyKind::Form | BodyKind::Json | BodyKind::Graphql);
        let needs_password = self.kind == DoorKind::SignIn;
        if reads_fields && needs_password && (self.user.is_empty() || self.password.is_empty()) {
            return Err(AdapterError::new(
                "user",
                "name the fields of the account's name and of the password",
            ));
        }
        if self.body == BodyKind::Graphql && self.operation.is_empty() {
            return Err(AdapterError::new("operation", "name the GraphQL fields that sign in"));
        }
        if let Some(probe) = &self.bearer {
            check_path(&probe.path).map_err(|what| AdapterError::new("bearer.path", what))?;
            probe.subject.check("bearer.subject")?;
        }
        if self.bearer.is_some() && (self.token.is_empty() || self.kind == DoorKind::Api) {
            let what = "goes with `token`, and with a door for people (sign-in, sign-up, reset)";
            return Err(AdapterError::new("bearer", what));
        }
        let pointers = matches!(self.body, BodyKind::Json | BodyKind::Graphql);
        let fields = self.user.iter().chain(&self.password);
        if pointers && fields.chain(&self.token).any(|p| !p.starts_with('/')) {
            return Err(AdapterError::new("user", "a JSON pointer begins with /"));
        }
        if self.body == BodyKind::Json && self.marker.as_ref().is_some_and(|p| !p.starts_with('/')) {
            return Err(AdapterError::new("marker", "a JSON pointer begins with /"));
        }
        if !self.harmless.is_empty() && self.body != BodyKind::Graphql {
            return Err(AdapterError::new("harmless", "goes with `body = \"graphql\"`"));
        }
        if self.only_here && !pointers {
            return Err(AdapterError::new("only_here", "goes with `body = \"json\"` or `\"graphql\"`"));
        }
        if self.document.is_some() && self.body != BodyKind::Graphql {
            return Err(AdapterError::new("document", "goes with `body = \"graphql\"`"));
        }
        Ok(())
    }
}

pub(crate) fn check_path(path: &str) -> Result<(), String> {
    let plain = path.starts_with('/') && !path.contains(['%', '?', '#', '\\']) && !path.contains("//");
    if plain { Ok(()) } else { Err(format!("`{path}` must be a plain path such as /account")) }
}
