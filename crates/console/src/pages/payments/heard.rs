//! Messages of a provider that were about a payment, and what became of each.

use storeward_payments::desk::Heard;
use storeward_web::Moment;

use crate::level::{Badge, Level};

pub(super) struct Line {
    pub at: Moment,
    pub kind: String,
    pub way: &'static str,
    pub badge: Badge,
}

pub(super) fn line(heard: &Heard) -> Line {
    Line {
        at: Moment(heard.at),
        kind: heard.kind.clone(),
        way: super::way(Some(heard.provider)),
        badge: match (heard.refused.as_deref(), heard.is_done) {
            (Some(why), _) => Badge::new(Level::Bad, refusal(why)),
            (None, true) => Badge::new(Level::Ok, "the provider was asked"),
            (None, false) => Badge::new(Level::Note, "waits"),
        },
    }
}

fn refusal(code: &str) -> &'static str {
    match code {
        "payments.other_object" => "refused: the provider has no such object of this payment",
        "payments.other_amount" => "refused: the provider has another amount",
        "payments.other_state" => "refused: it does not stand so at the provider",
        _ => "refused",
    }
}
