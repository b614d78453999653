//! What the staff's console sees of payments: how each stands, what was called, booked and told, and the three acts. Keys, clients and
//! the providers' words stay out of sight.

pub use crate::disputes::{
    Checks, Dispute, EvidenceFile, Fact, FactKind, FileAbout, MOST_FILE_BYTES, Pack, Reply,
};
pub use crate::inbox::Heard;
pub use crate::janitor::Unknown;
pub use crate::judge::{Judgement, Review, RuleWish, Scorer, TrialFigures, Verdict, Weight};
pub use crate::ledger::{Posting, balances};
pub use crate::methods::Method;
pub use crate::model::{Call, CallState, Operation, Payment, Piece, Provider, State};
pub use crate::money::{Currency, Money};
pub use crate::pages::own::{month, name_of};
pub use crate::payments::{Payments, Whole};
pub use crate::reconcile::Difference;
pub use crate::reconcile::days::Reach;
pub use crate::verbs::{Unlearnt, WhyNothing, Wish};
pub use crate::{Error, news::Delivery};
pub use storeward_fraud::backtest::{BackTest, NotYet, Record};
pub use storeward_fraud::{
    Answer, Category, Kind, Mode, Outcome, Rule, RuleHit, RuleId, Sign, Source, Truth,
};
pub use storeward_fraud::{Attempt, Buyer, Funding, Known, Secure};

impl Payments {
    /// The sum of each account in each currency.
    pub async fn balances(&self) -> Result<Vec<(String, Money)>, Error> {
        let rows = self.0.read(|reader| Ok::<_, Error>(balances(reader)?)).await?;
        let money = |(account, currency, minor): (String, String, i64)| {
            Some((account, Money { minor, currency: currency.parse().ok()? }))
        };
        Ok(rows.into_iter().filter_map(money).collect())
    }
}
