//! Giving back of several captures: PayPal gives back of one at a time, so one wish is several calls, each with its own key. All of them
//! stand in the log before the first goes out. Whoever dies between two of them leaves the rest to the janitor.

use storeward_store::Reader;

use crate::error::Error;
use crate::model::{Call, CallState, Operation, Payment, Piece, Refund};
use crate::payments::Payments;
use crate::sql;

/// The name of one of a wish's calls. The first has the wish's own; a caller's name stands behind `named/`, so none reads like another.
pub(super) fn name_of_part(which: &str, at: usize) -> String {
    if at == 0 { which.to_owned() } else { format!("part/{at}/{which}") }
}

/// What each capture still has to give, the first taken first: without what went back of it, by us or by hand, and what calls under way
/// may give back.
///
/// A refund of which nobody knows the capture counts for none here: the sum of all is held against what was taken, and PayPal gives
/// back no more of one than it has.
pub(super) fn left_of_captures(
    reader: &mut Reader<'_>,
    payment: &Payment,
) -> Result<Vec<(String, i64)>, Error> {
    let calls = sql::calls_of(reader, payment.id)?;
    let refunds = sql::refunds_of(reader, payment.id)?;
    // Rows of before do not say it, but their calls do.
    let by_call = |refund: &Refund| {
        let made = calls.iter().find(|call| call.outcome.as_ref() == Some(&refund.reference));
        made.and_then(|call| call.target.clone())
    };
    let back = refunds.iter().filter(|one| one.state != Piece::Failed);
    let mut gone: Vec<(Option<String>, i64)> =
        back.map(|one| (one.capture.clone().or_else(|| by_call(one)), one.amount)).collect();
    let is_under_way = |call: &&Call| call.operation == Operation::Refund && call.settled_at.is_none();
    gone.extend(
        calls.iter().filter(is_under_way).map(|call| (call.target.clone(), call.amount.unwrap_or(0))),
    );
    let captures = sql::captures_of(reader, payment.id)?.into_iter();
    let ours = captures.filter(|one| !one.is_extra && one.state == Piece::Done);
    let left = ours.map(|one| {
        let of_it = gone.iter().filter(|(of, _)| of.as_ref() == Some(&one.reference));
        let gone: i64 = of_it.map(|(_, amount)| *amount).sum();
        (one.reference, one.amount - gone)
    });
    Ok(left.collect())
}

/// Which captures give how much: the first one that has enough, or else each what it has until it is enough. Nothing where all together
/// have less.
pub(super) fn parts(left: &[(String, i64)], amount: i64) -> Option<Vec<(String, i64)>> {
    if let Some((one, _)) = left.iter().find(|(_, left)| *left >= amount) {
        return Some(vec![(one.clone(), amount)]);
    }
    let (mut parts, mut wanted) = (Vec::new(), amount);
    for (capture, left) in left.iter().filter(|(_, left)| *left > 0) {
        let part = wanted.min(*left);
        if part > 0 {
            parts.push((capture.clone(), part));
            wanted -= part;
        }
    }
    (wanted == 0).then_some(parts)
}

/// How a wish ended, by its calls: [`Error::Unsure`] while one of them is under way.
pub(super) fn ended(calls: &[Call]) -> Result<(), Error> {
    if calls.iter().any(|call| matches!(call.state, CallState::Sent | CallState::Unsure)) {
        return Err(Error::Unsure);
    }
    let mut failed = Vec::new();
    for call in calls.iter().filter(|call| call.state == CallState::Refused) {
        let code = call.code.clone().unwrap_or_default();
        if calls.len() == 1 {
            return Err(Error::Refused { code });
        }
        failed.push((call.target.clone().unwrap_or_default(), code));
    }
    if failed.is_empty() { Ok(()) } else { Err(Error::RefusedInPart { of: calls.len(), failed }) }
}

impl Payments {
    /// Sends the calls of one wish, one after the other. What is refused of one capture keeps no other from going back; where nobody
    /// knows what one did, the rest waits for the janitor.
    pub(super) async fn perform_all(&self, calls: &[Call]) -> Result<Payment, Error> {
        if let [one] = calls {
            return self.perform(one).await;
        }
        for call in calls {
            let held = self.call_now(&call.key).await?;
            // The janitor was here while the ones before took their time.
            if held.settled_at.is_some() || held.sends > 1 {
                continue;
            }
            match self.perform(call).await {
                Ok(after) if after.is_unsure => return Ok(after),
                Ok(_) | Err(Error::Refused { .. } | Error::NotReached { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        let mut now = Vec::with_capacity(calls.len());
        for call in calls {
            now.push(self.call_now(&call.key).await?);
        }
        let id = calls.first().ok_or(Error::Form("a wish without a call"))?.payment;
        match ended(&now) {
            Ok(()) | Err(Error::Unsure) => self.find(id).await?.ok_or(Error::NoPayment),
            Err(other) => Err(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_capture_gives_where_it_has_enough_and_all_of_them_where_none_has() {
        let of = |left: &[(&str, i64)], amount: i64| {
            let left: Vec<_> = left.iter().map(|(name, left)| ((*name).to_owned(), *left)).collect();
            parts(&left, amount).map(|all| all.into_iter().map(|(of, part)| format!("{of}{part}")).collect())
        };
        let made = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let three = [("a", 300), ("b", 500), ("c", 200)];
        assert_eq!(of(&three, 300), made(&["a300"]));
        assert_eq!(of(&three, 400), made(&["b400"]));
        assert_eq!(of(&three, 600), made(&["a300", "b300"]));
        assert_eq!(of(&three, 1000), made(&["a300", "b500", "c200"]));
        assert_eq!(of(&three, 1001), None);
        // One that has given more than it had, as far as anybody knows, lends nothing to the others.
        assert_eq!(of(&[("a", -100), ("b", 500), ("c", 0), ("d", 50)], 550), made(&["b500", "d50"]));
        assert_eq!(of(&[("a", -100), ("b", 500)], 501), None);
        assert_eq!(of(&[], 1), None);
    }

    #[test]
    fn no_wish_has_the_name_of_anothers_part() {
        let first = name_of_part("named/x", 0);
        assert_eq!(first, "named/x");
        assert_ne!(name_of_part("named/x", 1), "named/part/1/named/x");
        assert_ne!(name_of_part("named/x", 1), name_of_part("named/x", 2));
    }
}
