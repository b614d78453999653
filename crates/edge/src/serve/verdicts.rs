//! What becomes of a request that is not ordinary: banned, too fast, blocked, flagged; and of an answer that tells too much.

use std::borrow::Cow;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use storeward_detect::Initiator;
use storeward_events::edge::{
    InspectionFailed, RequestBlocked, RequestFlagged, RequestLimited, ResponseLeaked,
};
use storeward_inspect::{CardAction, Category, RuleMatch, Verdict as Judgement, cards};

use super::{Exchange, Stopped, inspection};
use crate::access::{AccessRecord, Verdict};
use crate::body::{BodyError, ClientBody};
use crate::canonical::Target;
use crate::pages::Notice;
use crate::rates::{Bucket, Cost, Rate};
use crate::routes::{Pace, Route};
use crate::upstream::UpstreamError;
use crate::watched::{Challenge, Watch};

/// What a query is written as.
pub(super) const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// Which limit a request went over.
pub(super) struct Limited {
    /// Stands in the access record and in problem+json.
    pub(super) code: &'static str,
    pub(super) rate: Rate,
    pub(super) wait: Duration,
}

impl Exchange<'_> {
    /// What is asked of a client before anything of its request is looked at.
    pub(super) fn check_client<B>(
        &mut self,
        request: &Request<B>,
        target: &Target,
        route: &Route,
    ) -> Result<(), Stopped> {
        // A message whose signature decides has room of its own in the place of all that is for clients of the shop.
        self.sender = self.sender(request.method(), target);
        if let Some(sender) = self.sender {
            self.check_entrance(target)?;
            return self.check_sender(sender);
        }
        // ban: open. Losing the book of bans must not close the shop.
        self.check_ban()?;
        // rate: open. Losing count must not close the shop either.
        self.check_rate(route, &target.path)?;
        // closed routes: closed.
        self.check_entrance(target)?;
        // puzzle: closed for whoever has no pass, but for the two places where one is got.
        self.check_pass(request.headers(), target)
    }

    fn check_ban(&mut self) -> Result<(), Stopped> {
        match self.core.shared.bans.check(self.client) {
            Some(_) => Err(Stopped::Banned),
            None if self.ending.record.initiator == Initiator::Foreign
                && self.core.shared.bans.refuses_foreign(self.client) =>
            {
                Err(Stopped::Banned)
            }
            None => Ok(()),
        }
    }

    fn check_entrance(&mut self, target: &Target) -> Result<(), Stopped> {
        if self.live.routes.let_in(self.client, &target.path, target.query()) {
            return Ok(());
        }
        let record = &mut self.ending.record;
        record.verdict = Verdict::Blocked;
        record.category = "closed_route".into();
        record.reason = AccessRecord::ROUTE_CLOSED.into();
        Err(Stopped::Closed)
    }

    fn check_rate(&self, route: &Route, path: &str) -> Result<(), Stopped> {
        let own = match route.pace {
            Pace::Free => return Ok(()),
            Pace::General => None,
            Pace::Own(rate) => Some(rate),
        };
        if self.live.rate.is_none() && own.is_none() {
            return Ok(());
        }
        let shared = &self.core.shared;
        let (block, now) = (self.client.block(), self.ending.started());
        let cost = Cost::of(&self.ending.record.method, path);
        let general = self.live.rate.map(|rate| ("rate.client", Bucket::Client(block), rate, cost));
        let own =
            own.map(|rate| ("rate.route", Bucket::ClientOnRoute(block, route.number), rate, Cost::Page));
        for (code, bucket, rate, cost) in general.into_iter().chain(own) {
            if let Err(wait) = shared.rates.spend(bucket, rate, cost, now)
                && !shared.bans.spares(self.client)
            {
                return Err(Stopped::Limited(Limited { code, rate, wait }));
            }
        }
        Ok(())
    }

    /// Writes it down; tells the ledger once a minute for a client, for there may be thousands.
    pub(super) fn tell_limited(&mut self, limited: &Limited) -> Notice {
        self.ending.record.verdict = Verdict::Limited;
        self.ending.record.reason = limited.code.into();
        let told = Bucket::Told(self.client.block());
        let may_tell =
            self.core.shared.rates.may_tell(told, Duration::from_secs(60), 1, self.ending.started());
        if may_tell && self.core.may_tell_refusal() {
            let event = RequestLimited {
                path: self.ending.record.path.to_string(),
                reason: limited.code.to_owned(),
                per_second: limited.rate.per_second,
            };
            self.emit(event.into());
        }
        let seconds = limited.wait.as_secs() + u64::from(limited.wait.subsec_nanos() > 0);
        Notice::Limited(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX))
    }

    /// Shows the engine a request: its head, then its body.
    pub(super) async fn inspect(
        &mut self,
        inspection: &mut inspection::Inspection<'_>,
        parts: &mut Parts,
        target: &Target,
        (body, route): (&mut ClientBody, &Route),
    ) -> Result<(), Stopped> {
        let judged = inspection.request_head(parts, target);
        self.judge_request(inspection, judged, &parts.headers)?;
        if !body.is_empty() && inspection.wants_request_body() {
            // Asked once: it holds for what is judged on the way, too.
            let challenge = if self.has_pass(&parts.headers) { Challenge::Solved } else { Challenge::Open };
            let (core, late) = (self.core, &mut self.late);
            let watch = |rest, shown| {
                let watch = Watch::new(core, &route.policy, (rest, shown), challenge);
                *late = Some(watch.late());
                watch
            };
            let judged = inspection.request_body(body, watch).await;
            let judged = judged.map_err(|error| self.stopped_by_body(error))?;
            self.judge_request(inspection, judged, &parts.headers)?;
        }
        self.flag(inspection.would_block(), &parts.method);
        self.note_card_number(inspection, (parts, target), body);
        if let Some((lines, count)) = inspection.masked_cookies(&target.path, &parts.headers) {
            parts.headers.remove(header::COOKIE);
            for line in lines {
                parts.headers.append(header::COOKIE, line);
            }
            self.ending.masked_in_request += count;
        }
        if let Some(masked) = inspection.masked_referer(&parts.headers) {
            parts.headers.insert(header::REFERER, masked);
        }
        Ok(())
    }

    /// Somebody sends a card number where no order is taken: the shop does not hear it.
    fn note_card_number(
        &mut self,
        inspection: &inspection::Inspection<'_>,
        (parts, target): (&Parts, &Target),
        body: &mut ClientBody,
    ) {
        let Some((found, action)) = inspection.card_number() else { return };
        if action == CardAction::Mask {
            let keeps = |name: &[u8]| inspection.keeps_card_numbers_in(&target.path, name, true);
            let keeps_in_query = |name: &[u8]| inspection.keeps_card_numbers_in(&target.path, name, false);
            let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
            let mut query = target.query().unwrap_or_default().as_bytes().to_vec();
            let in_query = cards::mask_fields(&mut query, FORM, &keeps_in_query);
            // Only digits were changed, into signs of ASCII.
            self.masked_query = (in_query > 0).then(|| String::from_utf8_lossy(&query).into_owned());
            self.ending.masked_in_request = body.mask_cards(kind, &keeps) + in_query;
        }
        if self.ending.masked_in_request > 0 {
            return;
        }
        // Beside a file, or written so that it cannot be masked where it stands: staff are told.
        let (told, now) = (Bucket::ToldOfRule(found.rule_id), self.ending.started());
        if self.ending.record.verdict == Verdict::Pass
            && self.core.shared.rates.may_tell(told, Duration::from_secs(60), 5, now)
        {
            self.flag(Some(found), &parts.method);
        }
    }

    /// The path and query as the shop hears them.
    pub(super) fn forwarded<'t>(&self, target: &'t Target) -> Cow<'t, str> {
        match &self.masked_query {
            Some(masked) => Cow::from(format!("{}?{masked}", target.written())),
            None => Cow::from(&target.forward),
        }
    }

    /// What became of a body that was judged on its way, in mode `detect`.
    pub(super) fn flag_late(&mut self, method: &Method) {
        let found = self.late.take().and_then(|late| late.take());
        if self.ending.record.verdict == Verdict::Pass {
            self.flag(found, method);
        }
    }

    /// The client's own body may end the exchange on its way to the shop: that is not the shop's failure.
    pub(super) fn stopped_on_the_way(&mut self, error: UpstreamError) -> Stopped {
        match error {
            UpstreamError::Body(error) => self.stopped_by_body(error),
            other => Stopped::Upstream(other),
        }
    }

    pub(super) fn stopped_by_body(&mut self, error: BodyError) -> Stopped {
        match error {
            BodyError::TooLarge => Stopped::TooLarge,
            BodyError::Client(_) => Stopped::ClientLeft,
            BodyError::Blocked(found) => self.block(*found),
        }
    }

    /// Acts on what the engine finds of a request: one that deserves a puzzle goes on with a pass.
    fn judge_request(
        &mut self,
        inspection: &mut inspection::Inspection<'_>,
        judged: Result<Judgement, inspection::EngineFault>,
        headers: &HeaderMap,
    ) -> Result<(), Stopped> {
        match (judged, inspection.heaviest()) {
            (Ok(Judgement::Challenge), _) if self.has_pass(headers) => Ok(()),
            (Ok(Judgement::Challenge), Some(found)) => {
                self.note_match(&found, Verdict::Challenged);
                Err(Stopped::Challenged)
            }
            (judged, _) => self.judge(inspection, judged),
        }
    }

    /// Acts on a verdict of the engine.
    pub(super) fn judge(
        &mut self,
        inspection: &mut inspection::Inspection<'_>,
        judged: Result<Judgement, inspection::EngineFault>,
    ) -> Result<(), Stopped> {
        match judged {
            Ok(Judgement::Pass) => Ok(()),
            // An answer of the shop cannot be solved away: it is stopped.
            Ok(Judgement::Challenge) => match inspection.heaviest() {
                Some(found) => Err(self.block(found)),
                None => Ok(()),
            },
            Ok(Judgement::Block(reason)) => {
                // The one that weighs most is not what it was stopped for where that weighs nothing.
                let heaviest = inspection.heaviest().filter(|_| reason.category != Category::CardNumber);
                let found = heaviest.unwrap_or_else(|| inspection::from_reason(&reason));
                Err(self.block(found))
            }
            Err(inspection::EngineFault) => {
                self.core.shared.inspection_failures.fetch_add(1, Relaxed);
                // Whoever finds a request that breaks the engine could otherwise flood the ledger with it.
                if self.core.may_tell_refusal() {
                    let path = self.ending.record.path.to_string();
                    self.emit(InspectionFailed { path }.into());
                }
                Ok(())
            }
        }
    }

    pub(super) fn block(&mut self, found: RuleMatch) -> Stopped {
        self.note_match(&found, Verdict::Blocked);
        Stopped::Blocked(Box::new(found))
    }

    /// In detect mode a request passes, and staff see what would have happened.
    fn flag(&mut self, found: Option<RuleMatch>, method: &Method) {
        let Some(found) = found else { return };
        self.note_match(&found, Verdict::Flagged);
        self.emit(
            RequestFlagged {
                method: method.as_str().to_owned(),
                path: self.ending.record.path.to_string(),
                rule_id: found.rule_id,
                category: found.category.as_str().to_owned(),
                variable: found.variable,
                matched: found.matched,
                score: found.score,
            }
            .into(),
        );
    }

    fn note_match(&mut self, found: &RuleMatch, verdict: Verdict) {
        self.ending.note_match(found, verdict);
    }

    /// What the shop should not have shown: written down with each answer, told to the ledger once a minute for a rule,
    /// for a broken shop shows it on every page.
    pub(super) fn note_leak(&mut self, inspection: &inspection::Inspection<'_>) {
        let Some(found) = inspection.leak() else { return };
        if self.ending.record.verdict == Verdict::Pass {
            self.note_match(&found, Verdict::Pass);
        }
        let told = Bucket::ToldOfRule(found.rule_id);
        let now = self.ending.started();
        if self.core.shared.rates.may_tell(told, Duration::from_secs(60), 5, now) {
            let event = ResponseLeaked {
                path: self.ending.record.path.to_string(),
                rule_id: found.rule_id,
                what: found.message.to_string(),
                matched: found.matched,
            };
            self.emit(event.into());
        }
    }

    /// Card numbers in the head of an answer: masked, or told where another value would break the shop.
    pub(super) fn mask_fields(&mut self, headers: &mut HeaderMap) {
        let found = crate::response::mask_fields(headers);
        self.ending.masked_cards += found.masked;
        let Some(field) = found.left_in else { return };
        let (told, now) = (Bucket::ToldOfRule(0), self.ending.started());
        if self.core.shared.rates.may_tell(told, Duration::from_secs(60), 5, now) {
            let event = ResponseLeaked {
                path: self.ending.record.path.to_string(),
                rule_id: 0,
                what: format!("A card number in the field {field}"),
                matched: String::new(),
            };
            self.emit(event.into());
        }
    }

    pub(super) async fn tell_closed(&mut self) {
        let event = RequestBlocked {
            method: self.ending.record.method.as_str().to_owned(),
            path: self.ending.record.path.to_string(),
            stage: "route".to_owned(),
            rule_id: 0,
            category: AccessRecord::ROUTE_CLOSED.to_owned(),
            variable: String::new(),
            matched: String::new(),
            score: 0,
        };
        self.state_durably(event).await;
    }

    pub(super) async fn tell_block(&mut self, found: &RuleMatch) {
        self.state_durably(self.ending.blocked(found)).await;
    }

    /// The reference number on the page is found by staff: the event is durable before the page goes out, unless the
    /// ledger takes longer than half a second.
    async fn state_durably(&mut self, event: RequestBlocked) {
        let acknowledged = self.core.shared.emit.emit_acknowledged(self.emission(event.into()));
        let limit = std::time::Duration::from_millis(500);
        // A lost or late acknowledgement changes nothing for the client; the loss is counted by the ledger's batcher.
        let _ = tokio::time::timeout(limit, acknowledged).await;
    }
}
