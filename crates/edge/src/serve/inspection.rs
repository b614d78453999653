//! The inspection of one exchange: the engine is pure and synchronous; this feeds it and guards against its faults.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use storeward_inspect::{
    BodyEnd, BodyPlan, BodyRest, CardAction, Category, HeaderSource, HttpVersion, Mode, Policy, Reason,
    RequestHead, ResponseHead, RuleMatch, Severity, Transaction, Verdict, cards,
};

use crate::body::{BodyError, ClientBody};
use crate::canonical::Target;
use crate::serve::response::Reads;
use crate::serve::verdicts::FORM;
use crate::server::Core;
use crate::watched::Watch;

/// The engine panicked: a bug of ours. The request passes, and staff are told.
#[derive(Debug)]
pub(super) struct EngineFault;

/// Lends a header map to the engine.
struct Fields<'a>(&'a HeaderMap);

impl HeaderSource for Fields<'_> {
    fn for_each(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        self.0.iter().for_each(|(name, value)| visit(name.as_str(), value.as_bytes()));
    }
}

/// Lends an answer's fields to the engine as a client takes them: a coding that is none is not there, and what reads as
/// text is text, whatever its type says.
struct AnswerFields<'a>(&'a HeaderMap, Reads);

impl HeaderSource for AnswerFields<'_> {
    fn for_each(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        for (name, value) in self.0 {
            match *name {
                header::CONTENT_ENCODING if !crate::response::names_a_coding(value) => {}
                header::CONTENT_TYPE if self.1 == Reads::Hidden => visit(name.as_str(), b"text/plain"),
                _ => visit(name.as_str(), value.as_bytes()),
            }
        }
    }
}

pub(super) struct Inspection<'e> {
    transaction: Option<Transaction<'e>>,
    policy: &'e Policy,
}

impl<'e> Inspection<'e> {
    pub(super) fn begin(core: &'e Core, policy: &'e Policy) -> Self {
        let engine = &core.shared.engine;
        let transaction = (policy.mode != Mode::Off).then(|| engine.transaction_with(policy, &core.known));
        Inspection { transaction, policy }
    }

    /// Runs a phase; after a fault the rest of the exchange is not inspected.
    fn guarded(
        &mut self,
        phase: impl FnOnce(&mut Transaction<'e>) -> Verdict,
    ) -> Result<Verdict, EngineFault> {
        let Some(transaction) = self.transaction.as_mut() else { return Ok(Verdict::Pass) };
        // The transaction is thrown away after a panic, so that nobody sees it half changed.
        catch_unwind(AssertUnwindSafe(|| phase(transaction))).map_err(|_| {
            self.transaction = None;
            EngineFault
        })
    }

    pub(super) fn request_head(&mut self, parts: &Parts, target: &Target) -> Result<Verdict, EngineFault> {
        let fields = Fields(&parts.headers);
        let head = RequestHead {
            method: parts.method.as_str(),
            path: &target.path,
            raw_target: target.forward.as_bytes(),
            query: target.query(),
            host: &target.host,
            version: match parts.version {
                http::Version::HTTP_10 => HttpVersion::Http10,
                http::Version::HTTP_2 => HttpVersion::Http2,
                _ => HttpVersion::Http11,
            },
            headers: &fields,
        };
        self.guarded(|t| t.request_head(&head))
    }

    pub(super) fn wants_request_body(&self) -> bool {
        self.transaction.as_ref().is_some_and(|t| t.request_body_plan() != BodyPlan::Skip)
    }

    /// What is more than the cap is judged on its way to the shop.
    pub(super) async fn request_body(
        &mut self,
        body: &mut ClientBody,
        watch: impl FnOnce(BodyRest, usize) -> Watch,
    ) -> Result<Result<Verdict, EngineFault>, BodyError> {
        let Some(BodyPlan::Buffer { cap_bytes }) =
            self.transaction.as_ref().map(Transaction::request_body_plan)
        else {
            return Ok(Ok(Verdict::Pass));
        };
        let (bytes, complete) = body.read_ahead(cap_bytes).await?;
        if complete && bytes.len() <= cap_bytes {
            return Ok(self.guarded(|t| t.request_body(&bytes, BodyEnd::Complete)));
        }
        let mut rest = None;
        let judged = self.guarded(|t| {
            let (verdict, following) = t.request_body_begins(&bytes);
            rest = following;
            verdict
        });
        if let Some(rest) = rest {
            body.watch(watch(rest, bytes.len()));
        }
        Ok(judged)
    }

    pub(super) fn response_head(
        &mut self,
        status: u16,
        headers: &HeaderMap,
        reads: Reads,
    ) -> Result<Verdict, EngineFault> {
        let fields = AnswerFields(headers, reads);
        self.guarded(|t| t.response_head(&ResponseHead { status, headers: &fields }))
    }

    /// Whether private keys on pages at this path are masked, and files of keys stopped.
    pub(super) fn withholds_keys(&self, path: &str) -> bool {
        self.transaction.is_some() && self.policy.withholds_keys(path)
    }

    /// How many bytes of the response's body the engine wants to see.
    pub(super) fn response_body_cap(&self) -> Option<usize> {
        match self.transaction.as_ref().map(Transaction::response_body_plan) {
            Some(BodyPlan::Buffer { cap_bytes }) => Some(cap_bytes),
            _ => None,
        }
    }

    pub(super) fn response_body(&mut self, body: &Bytes, end: BodyEnd) -> Result<Verdict, EngineFault> {
        self.guarded(|t| t.response_body(body, end))
    }

    /// The match that weighs most.
    pub(super) fn heaviest(&self) -> Option<RuleMatch> {
        self.transaction.as_ref().and_then(|t| t.matches().iter().max_by_key(|m| m.score).cloned())
    }

    /// The first match of a rule that only reports what an answer tells.
    pub(super) fn leak(&self) -> Option<RuleMatch> {
        let matches = self.transaction.as_ref()?.matches();
        matches.iter().find(|m| m.category == Category::Leak && m.score == 0).cloned()
    }

    /// A card number that somebody sends to the shop, and what becomes of it, where the request was not refused for it.
    pub(super) fn card_number(&self) -> Option<(RuleMatch, CardAction)> {
        let found =
            self.transaction.as_ref()?.matches().iter().find(|m| m.category == Category::CardNumber)?;
        // While attacks are only watched, too: what the shop may hear of cards is no trial.
        Some((found.clone(), self.policy.cards.elsewhere))
    }

    pub(super) fn keeps_card_numbers_in(&self, path: &str, name: &[u8], in_body: bool) -> bool {
        self.policy.keeps_card_numbers_in(path, name, in_body)
    }

    /// What the shop hears as `Referer` where a form sent a card number in the query of the page: the page's own pictures and scripts ask
    /// with that address. Nothing is told of it again.
    pub(super) fn masked_referer(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.policy.mode == Mode::Off || self.policy.cards.elsewhere == CardAction::Report {
            return None;
        }
        let (page, query) = headers.get(header::REFERER)?.to_str().ok()?.split_once('?')?;
        let path = page.splitn(4, '/').nth(3).map_or_else(String::new, |path| format!("/{path}"));
        let mut query = query.as_bytes().to_vec();
        let keeps = |name: &[u8]| self.keeps_card_numbers_in(&path, name, false);
        if cards::mask_fields(&mut query, FORM, &keeps) == 0 {
            return None;
        }
        HeaderValue::from_bytes(&[page.as_bytes(), b"?", &query].concat()).ok()
    }

    /// The cookies as the shop hears them where one is a card's number, and how many are. Where an order is paid, too: refused, somebody with
    /// such a cookie could never pay again.
    pub(super) fn masked_cookies(
        &self,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<(Vec<HeaderValue>, usize)> {
        if self.policy.mode == Mode::Off || self.policy.cards.elsewhere == CardAction::Report {
            return None;
        }
        if !headers.get_all(header::COOKIE).iter().any(|line| may_hold_card(line.as_bytes())) {
            return None;
        }
        let keeps = |name: &[u8]| self.policy.keeps_cookie(path, name);
        let (mut lines, mut count) = (Vec::new(), 0);
        for line in headers.get_all(header::COOKIE) {
            let mut bytes = line.as_bytes().to_vec();
            count += cards::mask_cookies(&mut bytes, &keeps);
            lines.push(HeaderValue::from_bytes(&bytes).ok()?);
        }
        (count > 0).then_some((lines, count))
    }

    /// In detect mode: the match that would have led to a block.
    pub(super) fn would_block(&self) -> Option<RuleMatch> {
        let transaction = self.transaction.as_ref()?;
        (self.policy.mode == Mode::Detect && transaction.score() >= self.policy.block_score)
            .then(|| self.heaviest())
            .flatten()
    }
}

/// A match made of a verdict's reason, where the engine kept no more.
pub(super) fn from_reason(reason: &Reason) -> RuleMatch {
    RuleMatch {
        rule_id: reason.rule_id,
        category: reason.category,
        severity: Severity::Critical,
        score: reason.score,
        variable: reason.variable.clone(),
        matched: reason.matched.clone(),
        message: "".into(),
    }
}

/// Whether a cookie has as many digits as a card's number: nearly no request's has, and nothing of it is copied then.
fn may_hold_card(cookies: &[u8]) -> bool {
    cookies.split(|byte| *byte == b';').any(|pair| {
        let value = pair.iter().skip_while(|byte| **byte != b'=');
        (15..=16).contains(&value.filter(|byte| byte.is_ascii_digit()).count())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_engine_is_a_fault_and_ends_the_inspection() {
        let engine = storeward_inspect::Engine::with_own_rules().unwrap();
        let policy = Policy::default();
        let mut inspection = Inspection { transaction: Some(engine.transaction(&policy)), policy: &policy };
        assert!(inspection.guarded(|_| panic!("a bug of ours")).is_err());
        assert!(inspection.transaction.is_none(), "nobody sees it half changed");
        assert!(matches!(inspection.response_body(&Bytes::new(), BodyEnd::Complete), Ok(Verdict::Pass)));
    }
}
