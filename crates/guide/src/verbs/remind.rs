//! Reminders: who is due for what, and sending it, or holding it back to compare.
//!
//! Short reminders at the right moment are what helps (Lain et al., 2024), so each is one thought and one button; and few,
//! or nobody reads them.

use std::time::Duration;

use storeward_base::{Actor, CustomerId, ReminderId, Secret, Timestamp};
use storeward_events::guide::{ReminderHeldBack, ReminderSent};
use storeward_identity::{Person as Owner, Standing};
use storeward_seal::fingerprint::token_hash;
use storeward_store::{Reader, Tx};

use crate::config::{MONTH, Policy, Reminders};
use crate::error::Error;
use crate::guide::{Guide, Shared};
use crate::model::Topic;
use crate::sql;
use crate::sql::lesson::Finished;
use crate::sql::person::Person;
use crate::sql::reminder::Reminder;

const DAY: Duration = Duration::from_secs(86_400);
/// Whoever opens an account is left alone for so long, then looked at.
const FIRST: Duration = Duration::from_secs(14 * 86_400);
/// How far back reminders decide on the next one: longer than the longest period.
const HISTORY: Duration = Duration::from_secs(750 * 86_400);
/// Fewer are running out.
pub const FEW_CODES: u32 = 3;

/// When a new account is looked at first.
pub fn first_due(now: Timestamp) -> Timestamp {
    now.plus(FIRST)
}

/// What is to be done about somebody now, and when to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub topic: Option<Topic>,
    pub next: Timestamp,
}

/// What a decision goes by.
pub struct Known<'a> {
    pub person: &'a Person,
    pub standing: &'a Standing,
    pub history: &'a [Reminder],
    pub lessons: &'a [Finished],
}

/// Whether an account has one second step and no way round it.
pub fn hangs_on_one_device(standing: &Standing) -> bool {
    standing.may_add_factors && standing.factors.len() == 1 && standing.codes_left == 0
}

/// The next optional reminder by schedule. Pure, so that the rules can be tested one by one.
pub fn decide(known: &Known<'_>, policy: &Policy, now: Timestamp) -> Decision {
    let none = |next| Decision { topic: None, next };
    if policy.reminders == Reminders::Off || known.standing.locked {
        return none(now.plus(MONTH));
    }
    let person = known.person;
    let quiet_until = [Some(person.since), person.reviewed_at]
        .into_iter()
        .flatten()
        .map(|at| at.plus(policy.quiet()))
        .chain(person.reminded_at.map(|at| at.plus(policy.between())))
        .max();
    if let Some(until) = quiet_until.filter(|until| *until > now) {
        return none(until);
    }
    let mut next = now.plus(MONTH);
    for (topic, due) in dates(known, policy) {
        if !person.wants(topic) {
            continue;
        }
        if due <= now {
            return Decision { topic: Some(topic), next: now.plus(policy.between()) };
        }
        next = next.min(due);
    }
    none(next.max(now.plus(DAY)))
}

/// When each kind is due, the weightiest first.
fn dates(known: &Known<'_>, policy: &Policy) -> Vec<(Topic, Timestamp)> {
    let Known { person, standing, history, lessons } = known;
    let last = |topic| history.iter().filter(|reminder| reminder.topic == topic).map(|r| r.at).max();
    let after = |topic, months: u32, others: &[Option<Timestamp>]| {
        let base = others.iter().flatten().copied().chain(last(topic)).fold(person.since, Timestamp::max);
        (months > 0).then(|| (topic, base.plus(MONTH * months)))
    };
    let mut dates = Vec::new();
    if hangs_on_one_device(standing) {
        // Soon, and again after half a year.
        let again = last(Topic::OneDevice).map(|at| at.plus(MONTH * 6));
        dates.push((Topic::OneDevice, again.unwrap_or(person.since)));
    }
    let learnt = lessons.iter().map(|done| done.at).max();
    dates.extend(after(Topic::Review, policy.review_months, &[person.reviewed_at]));
    dates.extend(after(Topic::Lessons, policy.lessons_months, &[learnt]));
    if policy.orders_path.is_some() {
        dates.extend(after(Topic::Orders, policy.orders_months, &[]));
    }
    dates
}

/// A reminder as it is about to be written.
struct Draft {
    reminder: Reminder,
    token: Option<Secret<String>>,
}

impl Shared {
    fn draft(&self, customer: CustomerId, topic: Topic, policy: &Policy) -> Draft {
        let at = self.now();
        let id = ReminderId::at(at, &*self.entropy);
        let held_back = topic.may_be_switched_off() && self.is_held_back(id, policy);
        let reminder = Reminder { id, customer, topic, at, held_back, followed_at: None };
        let sent = topic.may_be_switched_off() && !held_back;
        let token = sent.then(|| Secret::new(self.entropy.token::<32>()));
        Draft { reminder, token }
    }

    /// By chance, but for each reminder the same each time it is asked.
    fn is_held_back(&self, id: ReminderId, policy: &Policy) -> bool {
        let mark = self.group.mark(&id.to_string());
        let number =
            mark.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(u32::MAX);
        number % 100 < policy.held_back_percent
    }

    fn write(
        &self,
        tx: &mut Tx<'_>,
        draft: &Draft,
        letter: Option<&storeward_post::Mail>,
    ) -> Result<(), Error> {
        let Reminder { id: reminder, customer, topic, at, held_back, .. } = draft.reminder;
        let hash = draft.token.as_ref().map(|token| token_hash(token.expose()));
        sql::reminder::insert(tx, &draft.reminder, hash)?;
        let word = topic.word().to_owned();
        if held_back {
            tx.append(Actor::System, None, ReminderHeldBack { reminder, customer, topic: word })?;
        } else {
            tx.append(Actor::System, None, ReminderSent { reminder, customer, topic: word })?;
        }
        if topic.may_be_switched_off() {
            sql::person::reminded(tx, customer, at)?;
        }
        if let Some(letter) = letter {
            self.outbox.mail(tx, letter)?;
        }
        Ok(())
    }
}

impl Guide {
    /// Takes in accounts that are new since last time; returns how many.
    pub async fn enlist(&self) -> Result<u64, Error> {
        let shared = &self.0;
        let newest = shared.db.read(sql::person::newest).await?;
        // Ids are made before their write commits, on several nodes: an hour's overlap catches those that came late.
        let start = newest.map(|id| CustomerId::of(id.made_at().minus(Duration::from_secs(3600)), [0; 10]));
        let mut after = start.unwrap_or(CustomerId::from_bits(0));
        let mut taken = 0;
        loop {
            let page = shared.identity.customers_after(after, 500).await?;
            let Some(last) = page.last().copied() else { return Ok(taken) };
            let written = shared.db.write(move |tx: &mut Tx<'_>| -> Result<u64, Error> {
                let now = tx.now();
                let mut fresh = 0;
                for customer in page.iter().copied() {
                    // Accounts from before guidance are spread over a month, so that no flood of mail begins.
                    let bits = customer.bits() % 30;
                    let days = u32::try_from(bits).unwrap_or(0);
                    let due = first_due(customer.made_at()).max(now.plus(DAY * days));
                    fresh += u64::from(sql::person::enlist(tx, customer, customer.made_at(), due)?);
                }
                tx.commit_silent("who may be reminded later is no fact to keep");
                Ok(fresh)
            });
            taken += written.await?;
            after = last;
        }
    }

    /// Sends what is due by schedule, as long as the hour and the policy let it; returns how many were dealt with.
    pub async fn remind_due(&self) -> Result<u64, Error> {
        const AT_A_TIME: u32 = 100;
        let shared = &self.0;
        let (policy, now) = (shared.policy(), shared.now());
        let hour = u32::try_from(now.micros().div_euclid(3_600_000_000).rem_euclid(24)).unwrap_or(0);
        if policy.reminders == Reminders::Off || !policy.is_open_at(hour) {
            return Ok(0);
        }
        let hour_ago = now.minus(Duration::from_secs(3600));
        let sent = shared.db.read(move |reader: &mut Reader<'_>| sql::reminder::sent_since(reader, hour_ago));
        let mut left = u64::from(policy.mails_per_hour).saturating_sub(sent.await?);
        let mut dealt = 0;
        while left > 0 {
            let due = shared.db.read(move |reader: &mut Reader<'_>| sql::person::due(reader, now, AT_A_TIME));
            let due = due.await?;
            if due.is_empty() {
                break;
            }
            for person in due.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
                left = left.saturating_sub(u64::from(self.deal_with(&person, &policy).await?));
                dealt += 1;
            }
        }
        Ok(dealt)
    }

    /// Decides on one person and does it; true when a mail was promised.
    async fn deal_with(&self, person: &Person, policy: &Policy) -> Result<bool, Error> {
        let shared = &self.0;
        let (customer, now) = (person.customer, shared.now());
        let standing = shared.identity.standing(customer).await?;
        let owner = shared.identity.person(customer).await?;
        let (Some(standing), Some(owner)) = (standing, owner.filter(|owner| owner.email.is_some())) else {
            self.put_off(person, now.plus(MONTH)).await?;
            return Ok(false);
        };
        let since = now.minus(HISTORY);
        let found = shared.db.read(move |reader: &mut Reader<'_>| -> Result<_, storeward_store::Error> {
            let history = sql::reminder::of_customer(reader, customer, since)?;
            Ok((history, sql::lesson::of_customer(reader, customer)?))
        });
        let (history, lessons) = found.await?;
        let known = Known { person, standing: &standing, history: &history, lessons: &lessons };
        let decision = decide(&known, policy, now);
        let Some(topic) = decision.topic else {
            self.put_off(person, decision.next).await?;
            return Ok(false);
        };
        let draft = shared.draft(customer, topic, policy);
        let held_back = draft.reminder.held_back;
        let letter = shared.letter_of(&draft, &owner, &standing, &lessons);
        let (known, guide) = (person.clone(), self.clone());
        let written = shared.db.write(move |tx: &mut Tx<'_>| -> Result<bool, Error> {
            if !sql::person::put_off(tx, &known, decision.next)? {
                tx.commit_silent("another node dealt with this person");
                return Ok(false);
            }
            guide.0.write(tx, &draft, letter.as_ref())?;
            Ok(!held_back)
        });
        written.await
    }

    async fn put_off(&self, person: &Person, next: Timestamp) -> Result<(), Error> {
        let known = person.clone();
        let written = self.0.db.write(move |tx: &mut Tx<'_>| -> Result<(), Error> {
            sql::person::put_off(tx, &known, next)?;
            tx.commit_silent("when somebody is looked at again is no fact to keep");
            Ok(())
        });
        written.await
    }

    /// Tells somebody of what just happened, if it still holds; done in the same write as its job.
    pub(crate) async fn tell(
        &self,
        customer: CustomerId,
        topic: Topic,
        claim: storeward_store::jobs::Claim,
    ) -> Result<(), Error> {
        let shared = &self.0;
        let policy = shared.policy();
        let standing = shared.identity.standing(customer).await?;
        let owner = shared.identity.person(customer).await?.filter(|owner| owner.email.is_some());
        let again = if topic == Topic::BreachedPassword { DAY * 7 } else { DAY };
        let since = shared.now().minus(again);
        let told = shared
            .db
            .read(move |reader: &mut Reader<'_>| sql::reminder::of_customer(reader, customer, since));
        // The ledger is read at least once, and people sign in often: what was told is not told again at once.
        let told = told.await?.iter().any(|reminder| reminder.topic == topic);
        let holds = !told
            && standing.as_ref().is_some_and(|standing| match topic {
                Topic::CodesLow => standing.codes_left < FEW_CODES && !standing.factors.is_empty(),
                Topic::BreachedPassword => standing.password_breached,
                Topic::Review | Topic::Orders | Topic::Lessons | Topic::OneDevice => false,
            });
        let (Some(standing), Some(owner), true) = (standing, owner, holds) else {
            let done = shared.db.write(move |tx: &mut Tx<'_>| -> Result<(), Error> {
                tx.commit_silent("what was to be told does not hold any more");
                Ok(claim.finish(tx)?)
            });
            return done.await;
        };
        let draft = shared.draft(customer, topic, &policy);
        let letter = shared.letter_of(&draft, &owner, &standing, &[]);
        let guide = self.clone();
        let written = shared.db.write(move |tx: &mut Tx<'_>| -> Result<(), Error> {
            guide.0.write(tx, &draft, letter.as_ref())?;
            Ok(claim.finish(tx)?)
        });
        written.await
    }
}

impl Shared {
    fn letter_of(
        &self,
        draft: &Draft,
        owner: &Owner,
        standing: &Standing,
        lessons: &[Finished],
    ) -> Option<storeward_post::Mail> {
        if draft.reminder.held_back {
            return None;
        }
        self.write_letter(&draft.reminder, draft.token.as_ref(), owner, standing, lessons)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_identity::FactorKind;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn days(count: u32) -> Timestamp {
        NOW.minus(DAY * count)
    }

    struct Case {
        policy: Policy,
        person: Person,
        standing: Standing,
        history: Vec<Reminder>,
        lessons: Vec<Finished>,
    }

    fn case() -> Case {
        let customer = CustomerId::from_bits(1);
        Case {
            policy: Policy {
                reminders: Reminders::On,
                orders_path: Some("/orders".to_owned()),
                ..Policy::default()
            },
            person: Person {
                customer,
                since: days(1_000),
                due_at: NOW,
                reminded_at: None,
                reviewed_at: None,
                unwanted: Vec::new(),
            },
            standing: Standing {
                created_at: days(1_000),
                locked: false,
                has_password: true,
                must_change_password: false,
                password_breached: false,
                password_disabled: false,
                address_confirmed: true,
                may_add_factors: true,
                factors: vec![FactorKind::Passkey],
                codes_left: 8,
                devices_seen: Vec::new(),
                sessions: 1,
            },
            history: Vec::new(),
            lessons: Vec::new(),
        }
    }

    fn reminder(topic: Topic, at: Timestamp) -> Reminder {
        let (id, customer) = (ReminderId::from_bits(1), CustomerId::from_bits(1));
        Reminder { id, customer, topic, at, held_back: false, followed_at: None }
    }

    fn check(change: impl FnOnce(&mut Case), topic: Option<Topic>) -> Timestamp {
        let mut case = case();
        change(&mut case);
        let known = Known {
            person: &case.person,
            standing: &case.standing,
            history: &case.history,
            lessons: &case.lessons,
        };
        let decision = decide(&known, &case.policy, NOW);
        assert_eq!(decision.topic, topic);
        assert!(decision.next > NOW, "nobody is looked at again and again");
        decision.next
    }

    #[test]
    fn the_weightiest_is_sent_and_then_a_month_nothing() {
        assert_eq!(check(|_| {}, Some(Topic::Review)), NOW.plus(DAY * 30));
        check(|c| c.standing.codes_left = 0, Some(Topic::OneDevice));
        check(|c| c.history.push(reminder(Topic::Review, days(40))), Some(Topic::Lessons));
        let two = |c: &mut Case| {
            c.history = vec![reminder(Topic::Review, days(40)), reminder(Topic::Lessons, days(70))];
        };
        check(two, Some(Topic::Orders));
        let no_orders = |c: &mut Case| {
            two(c);
            c.policy.orders_path = None;
        };
        check(no_orders, None);
    }

    #[test]
    fn nobody_is_reminded_too_often_or_too_soon() {
        let reminded = |c: &mut Case| c.person.reminded_at = Some(days(29));
        assert_eq!(check(reminded, None), NOW.plus(DAY));
        check(|c| c.person.reminded_at = Some(days(30)), Some(Topic::Review));
        check(|c| c.person.since = days(6), None);
        let reviewed = check(|c| c.person.reviewed_at = Some(days(3)), None);
        assert_eq!(reviewed, NOW.plus(DAY * 4));
        check(|c| c.standing.locked = true, None);
        check(|c| c.policy.reminders = Reminders::Off, None);
    }

    #[test]
    fn what_somebody_did_or_does_not_want_is_not_asked_for() {
        check(|c| c.person.unwanted = vec![Topic::Review], Some(Topic::Lessons));
        check(|c| c.person.unwanted = Topic::switchable().collect(), None);
        let learnt = |c: &mut Case| {
            let at = days(10);
            c.lessons.push(Finished { lesson: crate::model::Lesson::Payment, at, right: 1, questions: 4 });
            c.person.reviewed_at = Some(days(20));
        };
        check(learnt, Some(Topic::Orders));
        check(|c| (c.policy.review_months, c.policy.lessons_months) = (0, 0), Some(Topic::Orders));
    }
}
