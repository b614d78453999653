//! Whether what was learnt works: a visitor's view of the pages, and the test account signing in as the canary does.

use storeward_adapter::learn::{By, Proposal, Sight};
use storeward_base::{ClientIp, RequestId, Secret, StaffId};
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, header};

use super::{Chosen, Teach};
use crate::shield::{Asker, CanaryAccount, Fault, Shield, ShieldParts, ShieldSection, question};

/// Pages that are looked at in one go.
const AT_ONCE: usize = 4;

/// What a try found.
#[derive(Clone, Debug)]
pub enum Tried {
    /// The account signed in, was seen, and signed out. With what is worth saying nevertheless.
    Works {
        proposal: Box<Proposal>,
        but: Option<Fault>,
    },
    Fails {
        proposal: Box<Proposal>,
        why: Fault,
    },
    /// What was chosen makes no adapter.
    NoAdapter,
    /// The shop did not answer.
    NoAnswer,
    /// There is no lesson of this member's.
    NoLesson,
}

impl Teach {
    /// Looks at the pages that named the account as somebody without cookies sees them.
    pub async fn compare(&self, staff: StaffId) {
        let found = {
            let lesson = self.lesson();
            lesson.as_ref().filter(|lesson| lesson.by == staff).map(|own| (own.number, own.to_compare()))
        };
        let Some((number, paths)) = found else { return };
        for path in paths.into_iter().take(AT_ONCE) {
            let shared = &self.0.identity.0;
            let here = ClientIp::new(std::net::Ipv4Addr::LOCALHOST.into());
            let host = shared.shop_names.first().cloned().unwrap_or_default();
            let id = RequestId::at(shared.now(), &*shared.entropy);
            let asker = Asker::of(here, id, &host, &HeaderMap::new());
            let Ok(asked) = question(&asker, ("GET", &path), String::new(), [], Bytes::new()) else {
                continue;
            };
            // A shop that does not answer now is asked again the next time.
            let Ok(answer) = self.0.shop.ask(asked).await else { return };
            let sight = Sight {
                by: By::Nobody,
                method: "GET",
                path: &path,
                fields: &[],
                status: answer.status().as_u16(),
                location: answer.headers().get(header::LOCATION).and_then(|line| line.to_str().ok()),
                cookies: &[],
                body: &String::from_utf8_lossy(answer.body()),
                script: None,
            };
            self.note(number, &sight);
        }
    }

    /// Signs the test account in and out by what was chosen, past the shield. The password is used for this alone and forgotten.
    pub async fn try_it(&self, staff: StaffId, chosen: &Chosen, password: Secret<String>) -> Tried {
        let found = {
            let lesson = self.lesson();
            let own = lesson.as_ref().filter(|lesson| lesson.by == staff);
            own.map(|lesson| (lesson.number, lesson.user.clone(), chosen.of(&lesson.standing().learnt)))
        };
        let Some((number, user, choice)) = found else { return Tried::NoLesson };
        self.remember(number, None);
        let Some(proposal) = choice.and_then(|choice| choice.write("own").ok()) else {
            return Tried::NoAdapter;
        };
        let shield = Shield::new(ShieldParts {
            identity: self.0.identity.clone(),
            adapter: Some(proposal.adapter.clone()),
            section: ShieldSection::default(),
            shop: self.0.shop.clone(),
            canary: None,
        });
        let account = CanaryAccount { user, password, every: super::LIFE };
        let tried = shield.try_twice(&account).await;
        let proposal = Box::new(proposal);
        match tried {
            Err(_) => Tried::NoAnswer,
            Ok(Err(why)) if why != Fault::StaysIn => Tried::Fails { proposal, why },
            Ok(found) => {
                self.remember(number, Some(proposal.text.clone()));
                Tried::Works { proposal, but: found.err() }
            }
        }
    }

    fn remember(&self, number: u64, text: Option<String>) {
        if let Some(lesson) = self.lesson().as_mut().filter(|lesson| lesson.number == number) {
            lesson.set_works(text);
        }
    }
}
