//! One decision: rules, and a scorer that may only ask for more.

use crate::attempt::{Attempt, Label, Outcome};
use crate::backtest::{Past, later};
use crate::card_testing::{Sensitivity, Sign};
use crate::features::{Delay, Feature};
use crate::firing::Case;
use crate::model::{Model, Weighed};
use crate::rules::{Answer, Category, Mode, Rule, RuleHit, RuleId};
use crate::state::{Limits, State};

/// Reasons of the scorer that are told, at most.
const REASONS: usize = 5;

/// A model, and whether it acts or is only watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    pub model: Model,
    pub mode: Mode,
}

/// Rules and scorers as a shop has them.
#[derive(Clone, Debug, PartialEq)]
pub struct Engine {
    pub rules: Vec<Rule>,
    pub sensitivity: Sensitivity,
    pub delay: Delay,
    pub champion: Option<Placed>,
    /// Scores beside the champion; nothing is done by it.
    pub challenger: Option<Model>,
}

impl Default for Engine {
    /// All rules, to be watched, and no scorer.
    fn default() -> Self {
        Engine {
            rules: RuleId::all().map(Rule::new).collect(),
            sensitivity: Sensitivity::default(),
            delay: Delay::days(30),
            champion: None,
            challenger: None,
        }
    }
}

/// What spoke for more care, of those that act.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    Rule(RuleId),
    Feature(Feature),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub answer: Answer,
    /// The probability of fraud (0 to 1) by the champion.
    pub score: Option<f64>,
    pub challenger: Option<f64>,
    /// What gave most to the score, the heaviest first; also what spoke for the buyer.
    pub weighed: Vec<Weighed>,
    /// Every rule that fired, also those that are only watched.
    pub fired: Vec<RuleHit>,
    /// Whether somebody tries cards out in the shop.
    pub card_testing: Option<Sign>,
    /// What the person is told when it is not allowed at once.
    pub category: Option<Category>,
}

impl Decision {
    /// Why the answer is stricter than [`Answer::Allow`].
    pub fn reasons(&self) -> Vec<Reason> {
        if self.answer == Answer::Allow {
            return Vec::new();
        }
        let rules =
            self.fired.iter().filter(|hit| hit.mode == Mode::Active).map(|hit| Reason::Rule(hit.rule));
        let features = self.weighed.iter().filter(|one| one.points > 0.0);
        rules.chain(features.map(|one| Reason::Feature(one.feature))).collect()
    }
}

impl Engine {
    /// Decides about an attempt before the provider is asked, and counts it.
    pub fn decide(&self, state: &mut State, attempt: &Attempt) -> Decision {
        let sign = state.look(attempt, &self.sensitivity);
        let decision = self.judge(state, attempt, sign);
        state.record(attempt);
        decision
    }

    /// Decides once more when something else is said of an attempt that was counted, and counts what is new of it. Rules about how often
    /// is tried from its address, and in the shop, have had their say: it is no further try.
    pub fn anew(&self, state: &mut State, before: &Attempt, now: &Attempt) -> Decision {
        let mut decision = self.judge(state, now, None);
        decision.fired.retain(|hit| !counts_whence(hit.rule));
        state.complete(before, now);
        self.conclude(decision)
    }

    /// Decides once more when more is known of an attempt that was counted: the card's checks, after the provider's answer.
    /// Rules about how often somebody tries have had their say before.
    pub fn look_again(&self, state: &State, attempt: &Attempt) -> Decision {
        let mut decision = self.judge(state, attempt, None);
        decision.fired.retain(|hit| !counts_attempts(hit.rule));
        self.conclude(decision)
    }

    /// Decides once more when the card of an attempt that was counted is known, and counts the card. `before` is the attempt as
    /// it was counted. Rules about how often somebody tries whose keys were all known then have had their say; that somebody
    /// tries cards out is noticed, but asks nothing more of a buyer who has paid already. One whose card was declined has a
    /// further card before them, of which more is asked.
    pub fn complete(
        &self,
        state: &mut State,
        before: &Attempt,
        now: &Attempt,
        outcome: Option<Outcome>,
    ) -> Decision {
        let sign = state.look(now, &self.sensitivity);
        let goes_on = outcome == Some(Outcome::Declined);
        let mut decision = self.weigh(state, now, sign.filter(|_| goes_on), Counted::Yes);
        // Without a sign the last of them does not fire.
        decision.fired.retain(|hit| !had_its_say(hit.rule) || hit.rule == RuleId::CardTesting);
        decision.card_testing = sign;
        state.complete(before, now);
        self.conclude(decision)
    }

    /// The state as it would be had the attempts come one after the other: signs, outcomes and labels at their own moments,
    /// those that came after the last attempt as well. The past is in the order of time.
    pub fn replay(&self, past: &[Past], limits: Limits) -> State {
        let mut state = State::new(limits);
        let mut later = later(past);
        later.reverse();
        for one in past {
            while let Some((_, what)) = later.pop_if(|(at, _)| *at <= one.attempt.at) {
                what.tell(past, &mut state);
            }
            state.look(&one.attempt, &self.sensitivity);
            state.record(&one.attempt);
        }
        while let Some((_, what)) = later.pop() {
            what.tell(past, &mut state);
        }
        state
    }

    /// What became of it.
    pub fn settle(&self, state: &mut State, attempt: &Attempt, outcome: Outcome) {
        state.settle(attempt, outcome);
    }

    /// What it turned out to be.
    pub fn label(&self, state: &mut State, attempt: &Attempt, label: Label) {
        state.label(attempt, label);
    }

    fn judge(&self, state: &State, attempt: &Attempt, sign: Option<Sign>) -> Decision {
        self.weigh(state, attempt, sign, Counted::No)
    }

    fn weigh(&self, state: &State, attempt: &Attempt, sign: Option<Sign>, counted: Counted) -> Decision {
        let mut decision = Decision {
            answer: Answer::Allow,
            score: None,
            challenger: None,
            weighed: Vec::new(),
            fired: Vec::new(),
            card_testing: sign,
            category: None,
        };
        if self.champion.is_some() || self.challenger.is_some() {
            let vector = state.features(attempt, self.delay);
            if let Some(champion) = &self.champion {
                let (score, weighed) = champion.model.explain(&vector, REASONS);
                (decision.score, decision.weighed) = (Some(score), weighed);
            }
            decision.challenger = self.challenger.as_ref().map(|model| model.score(&vector));
        }
        let case = Case::new(state, attempt, decision.score, sign);
        let case = match counted {
            Counted::No => case,
            Counted::Yes => case.counted(),
        };
        decision.fired = self.rules.iter().filter_map(|rule| case.fire(rule)).collect();
        self.conclude(decision)
    }

    /// The strictest of the rules that act and the scorer that acts.
    fn conclude(&self, mut decision: Decision) -> Decision {
        let acting = decision.fired.iter().filter(|hit| hit.mode == Mode::Active);
        let by_rules = acting.clone().map(|hit| hit.answer).max().unwrap_or_default();
        let by_score = self.by_score(decision.score);
        decision.answer = by_rules.max(by_score);
        // The first rule with the strictest answer says it; rules stand in the order of the table.
        let said = acting.clone().find(|hit| hit.answer == decision.answer).map(|hit| hit.rule.category());
        decision.category = match decision.answer {
            Answer::Allow => None,
            Answer::Challenge => said.or(Some(Category::OtherMethod)),
            Answer::Review => said.or(Some(Category::LookedAt)),
            Answer::Block => said,
        };
        decision
    }

    fn by_score(&self, score: Option<f64>) -> Answer {
        let acting = self.champion.as_ref().filter(|placed| placed.mode == Mode::Active);
        let (Some(score), Some(placed)) = (score, acting) else { return Answer::Allow };
        let thresholds = placed.model.thresholds;
        if score >= thresholds.review {
            Answer::Review
        } else if score >= thresholds.challenge {
            Answer::Challenge
        } else {
            Answer::Allow
        }
    }
}

/// Whether an attempt was counted when it is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    No,
    Yes,
}

/// Whether a rule goes by where attempts come from, and not by what they are for.
fn counts_whence(rule: RuleId) -> bool {
    matches!(
        rule,
        RuleId::PagesPerAddress
            | RuleId::AttemptsPerAddress
            | RuleId::RefusedPerAddress
            | RuleId::AttemptsOfShop
            | RuleId::CardTesting
    )
}

/// Whether a rule knew all that it goes by before the card was known.
fn had_its_say(rule: RuleId) -> bool {
    counts_whence(rule) || matches!(rule, RuleId::AttemptsPerEmail | RuleId::FirstOrderCoupons)
}

/// Whether a rule is about how often somebody tries.
fn counts_attempts(rule: RuleId) -> bool {
    match rule {
        RuleId::PagesPerAddress
        | RuleId::AttemptsPerAddress
        | RuleId::RefusedPerAddress
        | RuleId::AttemptsOfShop
        | RuleId::CardsPerBuyer
        | RuleId::RefusedPerKey
        | RuleId::AttemptsPerEmail
        | RuleId::DebitPerAddress
        | RuleId::CardAgain
        | RuleId::CardTesting
        | RuleId::FirstOrderCoupons => true,
        RuleId::CvcFailed
        | RuleId::AvsFailed
        | RuleId::CountryAndScore
        | RuleId::DisposableMail
        | RuleId::AmountUnusual
        | RuleId::NewAccountExpress
        | RuleId::ManyCardsOnePlace
        | RuleId::ManyCardsOneAccount
        | RuleId::TakeoverBeforePaying
        | RuleId::SecureFailed => false,
    }
}
