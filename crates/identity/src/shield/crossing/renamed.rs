//! Another address at a shop that names people by theirs: its sender shows first that they read mail there.

use std::sync::Arc;

use storeward_adapter::NewAddress;
use storeward_host::{Passage, Seen};
use storeward_web::http::{HeaderMap, StatusCode};

use super::{Crossing, Lines};
use crate::error::Error;
use crate::gate::{flow_cookie, own};
use crate::shield::answers::Refusal;
use crate::shield::decide::Renamed;
use crate::shield::handles::Entry;
use crate::shield::jar::Phase;
use crate::state::ReturnTo;
use crate::verbs::NameProof;

/// What a request makes of the shop's name for whoever is signed in.
#[derive(Default)]
pub(super) struct Renaming {
    /// By which the shop is to name them.
    address: NewAddress,
    /// The form that says so and nothing else, on its way to the shop.
    pub form: Option<Renamed>,
}

impl Renaming {
    /// Whether it names another address, or may.
    pub fn is_one(&self) -> bool {
        self.address != NewAddress::None
    }
}

impl Crossing {
    /// Looks for another address than the one by which the shop names whoever is signed in.
    pub(super) fn look_for_new_address(&mut self, headers: &HeaderMap, body: Seen<'_>) {
        let Some(held) = &self.held else { return };
        let own = match &held.entry.lock().jar.phase {
            Phase::Active { subject, .. } => subject.name.clone(),
            Phase::Anonymous | Phase::Pending { .. } | Phase::Ended => return,
        };
        let lines = Lines::of(headers);
        let asked = lines.asked(&self.method, &self.path, self.query.as_deref());
        let is_whole = body.complete && !lines.is_encoded;
        let adapter = &self.guard.adapter;
        self.renaming.address = adapter.new_address(&asked, &self.reading, body.bytes, is_whole, &own);
    }

    /// The new address, where this is the form by which people change the one that the shop names them by.
    fn new_name(&self, headers: &HeaderMap, body: Seen<'_>) -> Option<String> {
        if self.door.is_some() || !body.complete || !self.reading.is_plain_at(&self.path) {
            return None;
        }
        let lines = Lines::of(headers);
        let asked = lines.asked(&self.method, &self.path, self.query.as_deref());
        self.guard.adapter.renamed_to(&asked, &self.reading, body.bytes)
    }

    /// The form goes, where it may.
    pub(super) async fn give_new_address(
        &mut self,
        entry: &Arc<Entry>,
        headers: &HeaderMap,
        body: Seen<'_>,
    ) -> Result<Option<Passage>, Error> {
        let refused = self.prove_new_address(entry).await?;
        if refused.is_none()
            && let (Some(to), Some(probe)) =
                (self.new_name(headers, body), &self.guard.adapter.signed_in.probe)
        {
            let cookies = entry.lock().jar.pairs_for(&probe.path);
            self.renaming.form = Some(Renamed { to, cookies });
        }
        Ok(refused)
    }

    /// Whether the form with it may go: `Some` leads to the code that went there. By then a fresh second factor was shown.
    async fn prove_new_address(&mut self, entry: &Arc<Entry>) -> Result<Option<Passage>, Error> {
        let typed = match &self.renaming.address {
            NewAddress::None => return Ok(None),
            NewAddress::Named(typed) => typed.clone(),
            NewAddress::Unclear => return Ok(Some(self.instead(&unusable()))),
        };
        let Phase::Active { customer, session, .. } = entry.lock().jar.phase else { return Ok(None) };
        let Some(visit) = self.visit.clone() else { return Ok(None) };
        let guard = self.guard.clone();
        let back = self.referer.clone().or_else(|| ReturnTo::parse("/"));
        let proof = guard.identity.prove_shop_name(&visit, (customer, session), &typed, back).await?;
        let refusal = match proof {
            NameProof::Given => return Ok(None),
            NameProof::Asked(flow) => {
                self.cookies.extend(flow_cookie(&flow));
                let title = "Confirm first that you read mail at the new address";
                let refusal = Refusal::of(StatusCode::FORBIDDEN, "identity.new_address", title);
                Refusal { challenge: Some(own("/challenge")), ..refusal }
            }
            NameProof::TooOften { seconds } => {
                let title = "Too many codes went to new addresses. Wait a moment and try again";
                let refusal = Refusal::of(StatusCode::TOO_MANY_REQUESTS, "identity.too_many_codes", title);
                Refusal { retry_seconds: Some(seconds), ..refusal }
            }
            NameProof::Unusable => unusable(),
        };
        Ok(Some(self.instead(&refusal)))
    }
}

fn unusable() -> Refusal {
    let title = "The new address cannot be read. Nothing was changed";
    Refusal::of(StatusCode::UNPROCESSABLE_ENTITY, "identity.address_unreadable", title)
}
