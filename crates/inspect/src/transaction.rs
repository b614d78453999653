//! One exchange under inspection.

use crate::compile::{CompiledRule, Side};
use crate::content_type::{BodyKind, body_kind, from_wide, is_report, reads_as_text};
use crate::decode::{self, Windows};
use crate::engine::Engine;
use crate::head::{BodyEnd, BodyPlan, HttpVersion, RequestHead, ResponseHead};
use crate::keys;
use crate::known::{Known, Looked};
use crate::lists;
use crate::mask;
use crate::policy::{CardAction, Mode, Place, Policy};
use crate::rule::{Action, Collection};
use crate::rules;
use crate::scan::{Hit, Scratch};
use crate::stream::BodyRest;
use crate::tokens;
use crate::transform;
use crate::values::{Fact, Value, Values, View};
use crate::verdict::{Category, Reason, RuleMatch, Verdict};

/// Matches kept per exchange, and of one rule: enough to see every field that needs an exception.
const MAX_MATCHES: usize = 48;
const MAX_MATCHES_OF_RULE: usize = 4;
/// How much of an upload that is no text is looked at.
const BINARY_HEAD_BYTES: usize = 16 * 1024;

/// One exchange under inspection. Each step answers the verdict so far; call the steps in the order of the exchange.
pub struct Transaction<'e> {
    engine: &'e Engine,
    policy: &'e Policy,
    known: Option<&'e Known>,
    scratch: Scratch,
    seen: Seen,
    content_type: Vec<u8>,
    body_plan: BodyPlan,
    response_plan: BodyPlan,
}

/// What was seen and found so far; owned, so that it can wait for the rest of a body.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    values: Values,
    matches: Vec<RuleMatch>,
    score: u32,
    path: String,
    denied: Option<usize>,
    /// A card's number where it is refused, or what nobody can look into for one: that is what the owner says about payments, and no
    /// rule on trial.
    refused_card: Option<usize>,
    challenged: bool,
    /// Rules whose chain does not hold for the values so far: asked once, not once per value.
    broken_chains: Vec<u32>,
}

impl Seen {
    pub fn matches(&self) -> &[RuleMatch] {
        &self.matches
    }

    pub fn score(&self) -> u32 {
        self.score
    }
}

impl<'e> Transaction<'e> {
    pub(crate) fn new(engine: &'e Engine, policy: &'e Policy, known: Option<&'e Known>) -> Transaction<'e> {
        Transaction::resumed(engine, policy, known, Seen::default())
    }

    fn resumed(
        engine: &'e Engine,
        policy: &'e Policy,
        known: Option<&'e Known>,
        seen: Seen,
    ) -> Transaction<'e> {
        Transaction {
            engine,
            policy,
            known,
            scratch: Scratch::default(),
            seen,
            content_type: Vec::new(),
            body_plan: BodyPlan::Skip,
            response_plan: BodyPlan::Skip,
        }
    }

    /// Inspects request line and header fields.
    pub fn request_head(&mut self, head: &RequestHead<'_>) -> Verdict {
        if self.policy.mode == Mode::Off {
            return Verdict::Pass;
        }
        self.seen.path = head.path.to_owned();
        let framing = self.collect_head(head);
        self.body_plan = match framing.may_have_body {
            true => BodyPlan::Buffer { cap_bytes: self.policy.body_cap_bytes },
            false => BodyPlan::Skip,
        };
        let side = &self.engine.request;
        let looked = match self.body_plan {
            BodyPlan::Skip => Looked::RequestAll,
            BodyPlan::Buffer { .. } => Looked::RequestEarly,
        };
        self.inspect(side, 0..self.seen.values.len(), looked);
        self.verdict()
    }

    /// Whether the request's body is to be buffered; meaningful after [`Transaction::request_head`].
    pub fn request_body_plan(&self) -> BodyPlan {
        self.body_plan
    }

    /// Inspects the body, or what was buffered of it.
    pub fn request_body(&mut self, body: &[u8], end: BodyEnd) -> Verdict {
        if self.policy.mode == Mode::Off {
            return Verdict::Pass;
        }
        let before = self.seen.values.len();
        let (body, end) = capped(body, end, self.policy.body_cap_bytes);
        if end == BodyEnd::Truncated {
            self.seen.values.fact(Fact::Truncated);
        }
        if !body.is_empty() {
            self.collect_body(body, end);
        }
        let side = &self.engine.request;
        if !side.late.is_empty() {
            self.inspect(side, 0..before, Looked::RequestLate);
        }
        self.inspect(side, before..self.seen.values.len(), Looked::RequestAll);
        self.verdict()
    }

    /// Inspects the first bytes of a body that is longer than can be had at once. What may still come is to be shown to
    /// what this hands back; `None` where only the head of such a body is looked at.
    pub fn request_body_begins(&mut self, first: &[u8]) -> (Verdict, Option<BodyRest>) {
        if self.policy.mode == Mode::Off {
            return (Verdict::Pass, None);
        }
        let before = self.seen.values.len();
        let kind = match body_kind(&self.content_type, &mut self.seen.values) {
            BodyKind::Binary if from_wide(first).is_some_and(|text| decode::has_structure(&text)) => {
                // Only short ones are turned into what is read.
                self.seen.values.fact(Fact::OddCharset);
                BodyKind::Raw
            }
            BodyKind::Xml if from_wide(first).is_some() => {
                self.seen.values.fact(Fact::OddCharset);
                BodyKind::Xml
            }
            // Some shops parse a form or JSON without a look at its type.
            BodyKind::Binary if reads_as_text(first) && decode::has_structure(first) => BodyKind::Raw,
            kind => kind,
        };
        let Some(mut windows) = Windows::new(kind, first) else {
            return (self.request_body(first, BodyEnd::Truncated), None);
        };
        let side = &self.engine.request;
        if !side.late.is_empty() {
            self.inspect(side, 0..before, Looked::RequestLate);
        }
        self.inspect(side, before..self.seen.values.len(), Looked::RequestAll);
        windows.push(first);
        let verdict = self.read_windows(&mut windows, BodyEnd::Truncated);
        (verdict, Some(BodyRest::new(self.seen.clone(), windows, first.len())))
    }

    /// Takes up an inspection where it was left.
    pub(crate) fn resumed_with(engine: &'e Engine, policy: &'e Policy, seen: Seen) -> Transaction<'e> {
        Transaction::resumed(engine, policy, None, seen)
    }

    pub(crate) fn into_seen(self) -> Seen {
        self.seen
    }

    /// Inspects window after window, as far as there are whole ones; each is forgotten before the next.
    pub(crate) fn read_windows(&mut self, windows: &mut Windows, end: BodyEnd) -> Verdict {
        let before = self.seen.values.len();
        let complete = end == BodyEnd::Complete;
        let mut verdict = self.verdict();
        while !verdict.is_block() && windows.next(&mut self.seen.values, complete) {
            lists::join(before, &mut self.seen.values);
            tokens::open(before, &mut self.seen.values);
            self.inspect(&self.engine.request, before..self.seen.values.len(), Looked::RequestAll);
            self.seen.values.truncate(before);
            verdict = self.verdict();
        }
        verdict
    }

    /// Inspects status and header fields of the answer.
    pub fn response_head(&mut self, head: &ResponseHead<'_>) -> Verdict {
        if self.policy.mode == Mode::Off {
            return Verdict::Pass;
        }
        let before = self.seen.values.len();
        self.seen.values.push(Collection::ResponseStatus, b"", head.status.to_string().as_bytes());
        let values = &mut self.seen.values;
        let mut text = true;
        let mut typed = false;
        let mut encoded = false;
        head.headers.for_each(&mut |name, value| {
            if name.eq_ignore_ascii_case("content-type") {
                // Of several fields each reader takes another one.
                text = is_text(value) || (typed && text);
                typed = true;
            } else if name.eq_ignore_ascii_case("content-encoding") {
                encoded = !value.eq_ignore_ascii_case(b"identity");
            }
            push_header(Collection::ResponseHeaders, name, value, values);
        });
        if text && !encoded && !matches!(head.status, 204 | 304) {
            self.response_plan = BodyPlan::Buffer { cap_bytes: self.policy.body_cap_bytes };
        }
        let side = &self.engine.response;
        self.inspect(side, before..self.seen.values.len(), Looked::ResponseEarly);
        self.verdict()
    }

    /// Whether the answer's body is to be buffered; meaningful after [`Transaction::response_head`].
    pub fn response_body_plan(&self) -> BodyPlan {
        self.response_plan
    }

    /// Inspects the answer's body, or what was buffered of it.
    pub fn response_body(&mut self, body: &[u8], end: BodyEnd) -> Verdict {
        if self.policy.mode == Mode::Off {
            return Verdict::Pass;
        }
        let (body, _) = capped(body, end, self.policy.body_cap_bytes);
        let plain = keys::without_zeros(body).or_else(|| from_wide(body));
        let body = plain.as_deref().unwrap_or(body);
        let side = &self.engine.response;
        // Looked at where it lies; copied only for what a match needs.
        let mut found = false;
        let view = View {
            collection: Collection::ResponseBody,
            secret: false,
            goes_on: false,
            name: b"",
            bytes: body,
        };
        self.scratch.scan(side, &side.all, &view, &mut |_| found = true);
        if found {
            let before = self.seen.values.len();
            self.seen.values.push(Collection::ResponseBody, b"", body);
            self.inspect(side, before..self.seen.values.len(), Looked::ResponseAll);
        }
        self.verdict()
    }

    /// Every match so far, in the order found.
    pub fn matches(&self) -> &[RuleMatch] {
        &self.seen.matches
    }

    /// The sum of the scores so far; each rule counts once.
    pub fn score(&self) -> u32 {
        self.seen.score
    }

    fn collect_head(&mut self, head: &RequestHead<'_>) -> Framing {
        let values = &mut self.seen.values;
        values.push(Collection::RequestMethod, b"", head.method.as_bytes());
        values.push(Collection::RequestProtocol, b"", head.version.as_str().as_bytes());
        values.push(Collection::RequestFilename, b"", head.path.as_bytes());
        values.push(Collection::RequestUriRaw, b"", head.raw_target);
        values.push(Collection::RequestHeaders, b":host", head.host.as_bytes());
        let mut framing = Framing::new(head.version);
        let content_type = &mut self.content_type;
        head.headers.for_each(&mut |name, value| {
            framing.note(name, value);
            if name.eq_ignore_ascii_case("cookie") {
                decode::cookies(value, values);
            } else if name.eq_ignore_ascii_case("content-type") {
                if !content_type.is_empty() {
                    values.fact(Fact::RepeatedContentType);
                }
                content_type.clear();
                content_type.extend_from_slice(value);
            } else if name.eq_ignore_ascii_case("content-encoding")
                && !value.eq_ignore_ascii_case(b"identity")
            {
                values.fact(Fact::EncodedBody);
            }
            if name.eq_ignore_ascii_case("authorization")
                && let Some(user) = decode::basic_user(value)
            {
                values.push(Collection::RequestHeaders, b":user", &user);
            } else if name.eq_ignore_ascii_case("authorization")
                || name.eq_ignore_ascii_case("proxy-authorization")
            {
                tokens::credentials(value, values);
            }
            values.push(Collection::RequestHeadersNames, b"", name.as_bytes());
            push_header(Collection::RequestHeaders, name, value, values);
        });
        if let Some(query) = head.query {
            let first = values.len();
            decode::form(query.as_bytes(), Collection::ArgsGet, Collection::ArgsGetNames, values);
            lists::join(first, values);
        }
        tokens::open(0, values);
        framing
    }

    fn collect_body(&mut self, body: &[u8], end: BodyEnd) {
        let content_type = std::mem::take(&mut self.content_type);
        let values = &mut self.seen.values;
        let complete = end == BodyEnd::Complete;
        let first = values.len();
        match body_kind(&content_type, values) {
            BodyKind::Form => decode::form(body, Collection::ArgsPost, Collection::ArgsPostNames, values),
            BodyKind::Json => {
                decode::json(body, values, complete);
                if is_report(&content_type) {
                    values.set_samples_apart(first);
                }
            }
            BodyKind::Multipart(boundary) => decode::multipart(body, &boundary, complete, values),
            // Readers of XML tell UTF-16 by its mark or its zeros (XML 1.0 appendix F).
            BodyKind::Xml => match from_wide(body) {
                Some(text) => decode::xml(&text, values),
                None => decode::xml(body, values),
            },
            // A type is only what the client says: some shops parse the body without a look at it.
            BodyKind::Binary if reads_as_text(body) => collect_raw(body, complete, values),
            BodyKind::Binary => {
                if let Some(text) = from_wide(body) {
                    collect_raw(&text, complete, values);
                }
                let head = body.get(..body.len().min(BINARY_HEAD_BYTES)).unwrap_or_default();
                values.push(Collection::FilesContent, b"", head);
            }
            BodyKind::Raw => match from_wide(body) {
                // What spreadsheets call Unicode text.
                Some(text) => collect_raw(&text, complete, values),
                None => collect_raw(body, complete, values),
            },
        }
        lists::join(first, values);
        tokens::open(first, values);
        self.content_type = content_type;
    }

    fn inspect(&mut self, side: &'e Side, range: std::ops::Range<usize>, looked: Looked) {
        let active = match looked {
            Looked::RequestEarly | Looked::ResponseEarly => &side.early,
            Looked::RequestLate => &side.late,
            Looked::RequestAll | Looked::ResponseAll => &side.all,
        };
        self.seen.broken_chains.clear();
        let mut known = self.known.map(Known::open);
        let values = std::mem::take(&mut self.seen.values);
        let mut scratch = std::mem::take(&mut self.scratch);
        for index in range {
            let Some(value) = values.get(index) else { continue };
            let view = values.view(value);
            let place = known.as_ref().and_then(|known| known.place(looked, &view));
            let is_clean = |place| known.as_ref().is_some_and(|known| known.is_clean(place, &view));
            if place.is_some_and(is_clean) {
                continue;
            }
            let mut found = false;
            scratch.scan(side, active, &view, &mut |hit| {
                found = true;
                self.settle(&hit, &values, value);
            });
            if let (Some(known), Some(place), false) = (&mut known, place, found) {
                known.keep_clean(place, &view);
            }
        }
        self.scratch = scratch;
        self.seen.values = values;
    }

    /// A rule's first condition is met: look at its chain and at the policy's exceptions, then record.
    fn settle(&mut self, hit: &Hit<'_>, values: &Values, value: &Value) {
        let rule = hit.rule;
        let name = values.name(value);
        let place = Place {
            rule_id: rule.info.id,
            category: rule.info.category,
            path: &self.seen.path,
            collection: value.collection.as_str(),
            name,
        };
        let earlier = self.seen.matches.iter().filter(|found| found.rule_id == rule.info.id).count();
        let full = self.seen.matches.len() >= MAX_MATCHES && earlier > 0;
        let known_broken = self.seen.broken_chains.contains(&rule.info.id);
        if full || known_broken || earlier >= MAX_MATCHES_OF_RULE || self.policy.excepts(&place) {
            return;
        }
        if !chain_holds(rule, values) {
            self.seen.broken_chains.push(rule.info.id);
            return;
        }
        // Somebody types their number where a shop should not have it.
        let is_card = rule.info.action == Action::Report && rule.info.category == Category::CardNumber;
        // A number is sent in a body: what a cookie or an address holds is watched, as everything is.
        let is_of_head = rule.info.id == rules::protocol::NULL_BYTE && value.collection.is_of_head();
        let may_be_refused = is_card || (rules::protocol::UNREAD.contains(&rule.info.id) && !is_of_head);
        let is_refused = may_be_refused && self.card_action(values) == CardAction::Refuse;
        // In whichever way they type it: elsewhere the shop's own numbers would be told too often.
        if is_card && !is_refused && !crate::cards::has_number(values.bytes(value)) {
            return;
        }
        let score = if earlier == 0 { rule.score() } else { 0 };
        self.seen.score = self.seen.score.saturating_add(score);
        if is_refused {
            self.seen.refused_card.get_or_insert(self.seen.matches.len());
        }
        match rule.info.action {
            Action::Challenge => self.seen.challenged = true,
            action if is_refused || action == Action::Deny => {
                self.seen.denied.get_or_insert(self.seen.matches.len());
            }
            Action::Deny | Action::Score | Action::Report => {}
        }
        let collection = value.collection.as_str();
        let variable = if name.is_empty() {
            collection.to_owned()
        } else {
            format!("{collection}:{}", mask::name(name))
        };
        self.seen.matches.push(RuleMatch {
            rule_id: rule.info.id,
            category: rule.info.category,
            severity: rule.info.severity,
            score,
            variable,
            matched: mask::shape(&hit.matched),
            message: rule.info.message.clone(),
        });
    }

    fn card_action(&self, values: &Values) -> CardAction {
        let holds = |name: &str, wanted: &str| {
            values.iter().any(|value| {
                value.collection == Collection::ArgsGet
                    && values.name(value) == name.as_bytes()
                    && values.bytes(value) == wanted.as_bytes()
            })
        };
        // As it was asked, but for how it was written: letters and digits as they are, so that names are found.
        let mut query = String::new();
        for value in values.iter().filter(|value| value.collection == Collection::ArgsGet) {
            for (bytes, end) in [(values.name(value), '='), (values.bytes(value), '&')] {
                for byte in bytes {
                    match byte.is_ascii_alphanumeric() {
                        true => query.push(char::from(*byte)),
                        false => query.push_str(&format!("%{byte:02x}")),
                    }
                }
                query.push(end);
            }
        }
        self.policy.cards.action(&self.seen.path, &query, &holds)
    }

    fn verdict(&self) -> Verdict {
        match self.policy.mode {
            Mode::Off => return Verdict::Pass,
            Mode::Detect => {
                let refused = self.seen.refused_card.and_then(|index| self.seen.matches.get(index));
                return refused.map_or(Verdict::Pass, |found| self.block(found));
            }
            Mode::Block => {}
        }
        let over = self.seen.score > 0 && self.seen.score >= self.policy.block_score;
        let gravest = || self.seen.matches.iter().rev().max_by_key(|found| found.score).filter(|_| over);
        let denied = self.seen.denied.and_then(|index| self.seen.matches.get(index));
        // An attack stays one, whatever number stands beside it.
        let attack = || denied.filter(|found| found.category == Category::CardNumber).and_then(|_| gravest());
        match attack().or(denied).or_else(gravest) {
            Some(found) => self.block(found),
            None if self.seen.challenged => Verdict::Challenge,
            None => Verdict::Pass,
        }
    }

    fn block(&self, found: &RuleMatch) -> Verdict {
        Verdict::Block(Reason {
            rule_id: found.rule_id,
            category: found.category,
            variable: found.variable.clone(),
            matched: found.matched.clone(),
            score: self.seen.score,
        })
    }

    /// Bytes looked at so far, for the test that work is linear.
    #[doc(hidden)]
    pub fn work_bytes(&self) -> usize {
        self.scratch.work
    }
}

/// What the header fields say about a body.
struct Framing {
    may_have_body: bool,
}

impl Framing {
    /// HTTP/2 and HTTP/3 bodies need no header field.
    fn new(version: HttpVersion) -> Framing {
        Framing { may_have_body: matches!(version, HttpVersion::Http2 | HttpVersion::Http3) }
    }

    fn note(&mut self, name: &str, value: &[u8]) {
        let announced = name.eq_ignore_ascii_case("transfer-encoding")
            || (name.eq_ignore_ascii_case("content-length") && value.trim_ascii() != b"0");
        self.may_have_body |= announced;
    }
}

fn chain_holds(rule: &CompiledRule, values: &Values) -> bool {
    rule.chain.iter().all(|link| {
        values.iter().any(|value| {
            link.covers(value.collection, values.name(value))
                && link
                    .matched(&transform::run(&link.transformations, values.bytes(value)), value.goes_on)
                    .is_some()
        })
    })
}

fn push_header(collection: Collection, name: &str, value: &[u8], values: &mut Values) {
    let mut lower = [0_u8; 64];
    match lower.get_mut(..name.len()) {
        Some(room) => {
            room.copy_from_slice(name.as_bytes());
            room.make_ascii_lowercase();
            values.push(collection, room, value);
        }
        None => values.push(collection, name.to_ascii_lowercase().as_bytes(), value),
    }
}

/// A body of no declared structure: as what it looks like, and as it is unless it is flawless JSON, whose parts say all.
fn collect_raw(body: &[u8], complete: bool, values: &mut Values) {
    if decode::looks_like_json(body) && decode::json(body, values, complete) {
        return;
    }
    values.push(Collection::RequestBody, b"", body);
    if decode::looks_like_form(body) {
        decode::form(body, Collection::ArgsPost, Collection::ArgsPostNames, values);
    }
}

fn capped(body: &[u8], end: BodyEnd, cap_bytes: usize) -> (&[u8], BodyEnd) {
    match body.get(..cap_bytes) {
        Some(head) if body.len() > cap_bytes => (head, BodyEnd::Truncated),
        _ => (body, end),
    }
}

/// Whether a browser may show it as text: also where no media type can be read in the field, which is then guessed from the bytes
/// (MIME Sniffing standard, section 7).
fn is_text(content_type: &[u8]) -> bool {
    let lower = content_type.to_ascii_lowercase();
    let essence = lower.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    !memchr::memchr(b'/', essence).is_some_and(|slash| slash > 0 && slash + 1 < essence.len())
        || essence.starts_with(b"text/")
        || [b"json".as_slice(), b"xml", b"javascript", b"x-www-form-urlencoded"]
            .iter()
            .any(|kind| memchr::memmem::find(&lower, kind).is_some())
}
