//! Judging what somebody is still typing: on one thread of its own, apart from the pool, so that no number of keystrokes
//! makes a sign-in wait.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::Secret;
use tokio::sync::oneshot;

use crate::policy::{Context, Judgement, Policy};
use crate::pool::take_what_is_left;

/// So many may wait: 20 ms each at worst, so nobody waits longer than it takes to type on.
const MOST_WAITING: usize = 16;
/// Where the cores are never idle the thread may never run; whoever types does not wait for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads passwords while they are typed. Advice only: what is sent in the end is judged by [`crate::Pool::judge`].
#[derive(Debug, Default)]
pub struct Gauge {
    /// Of the thread that was started by the first question; it ends with this.
    to_thread: Mutex<Option<SyncSender<Question>>>,
}

struct Question {
    policy: Policy,
    password: Secret<String>,
    context: Context,
    reply: oneshot::Sender<Judgement>,
}

impl Gauge {
    /// `None` when too many type at once, or when it takes longer than two seconds: whoever typed it learns what is wrong when the
    /// form is sent.
    pub async fn read(
        &self,
        policy: Policy,
        password: Secret<String>,
        context: Context,
    ) -> Option<Judgement> {
        let (reply, answer) = oneshot::channel();
        self.ask(Question { policy, password, context, reply })?;
        tokio::time::timeout(PATIENCE, answer).await.ok()?.ok()
    }

    fn ask(&self, question: Question) -> Option<()> {
        let mut to_thread = self.to_thread.lock().unwrap_or_else(PoisonError::into_inner);
        if to_thread.is_none() {
            let (sender, questions) = sync_channel(MOST_WAITING);
            let thread = std::thread::Builder::new().name("password-gauge".to_owned());
            thread.spawn(move || work(&questions, Policy::judge)).ok()?;
            *to_thread = Some(sender);
        }
        to_thread.as_ref()?.try_send(question).ok()
    }
}

fn work(questions: &Receiver<Question>, judge: impl Fn(Policy, &Secret<String>, &Context) -> Judgement) {
    take_what_is_left();
    while let Ok(Question { policy, password, context, reply }) = questions.recv() {
        // Whoever typed on does not wait for the answer to what was there before.
        if reply.is_closed() {
            continue;
        }
        // A fault in one reading is that reading's; nobody may be there any more.
        if let Ok(judgement) = catch_unwind(AssertUnwindSafe(|| judge(policy, &password, &context))) {
            let _ = reply.send(judgement);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MessageId;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn it_says_what_the_policy_says() {
        let gauge = Gauge::default();
        for text in ["", "a", "lamp post umbrella tea", "4@8({[<3690!|17$5+%2", "password"] {
            let context = Context::default().email("ada@shop.example");
            let judged = Policy::ONLY_FACTOR.judge(&secret(text), &context);
            assert_eq!(gauge.read(Policy::ONLY_FACTOR, secret(text), context).await, Some(judged), "{text}");
        }
    }

    // Many who type at once are turned away; whoever was there is answered, and afterwards everybody is again.
    #[tokio::test]
    async fn what_waits_is_bounded() {
        let gauge = Gauge::default();
        let worst = "4@8({[<3690!|17$5+%2".repeat(50);
        let mut answers = Vec::new();
        let mut refused = 0;
        for _ in 0..500 {
            let (reply, answer) = oneshot::channel();
            let context = Context::default();
            let question = Question { policy: Policy::ONLY_FACTOR, password: secret(&worst), context, reply };
            match gauge.ask(question) {
                Some(()) => answers.push(answer),
                None => refused += 1,
            }
        }
        assert!(refused > 0 && answers.len() >= MOST_WAITING, "{refused} of 500 refused");
        for answer in answers {
            let judged = answer.await.unwrap();
            assert!(!judged.objections.iter().any(|told| told.id() == MessageId::TooShort));
        }
        assert!(gauge.read(Policy::ONLY_FACTOR, secret("a"), Context::default()).await.is_some());
    }

    // Time passes at once where nothing else is to be done: the thread has no chance to be in time.
    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_thread_that_does_not_run() {
        let gauge = Gauge::default();
        let worst = || secret(&"4@8({[<3690!|17$5+%2".repeat(50));
        let mut answers = Vec::new();
        for _ in 1..MOST_WAITING {
            let (reply, answer) = oneshot::channel();
            let (policy, context) = (Policy::ONLY_FACTOR, Context::default());
            if gauge.ask(Question { policy, password: worst(), context, reply }).is_some() {
                answers.push(answer);
            }
        }
        let before = tokio::time::Instant::now();
        assert_eq!(gauge.read(Policy::ONLY_FACTOR, worst(), Context::default()).await, None);
        assert!(before.elapsed() <= PATIENCE);
    }

    // Nobody waits behind what nobody waits for: of sixteen questions one is read, the last.
    #[test]
    fn who_went_away_costs_nothing() {
        let (sender, questions) = sync_channel(MOST_WAITING);
        let ask = |password: &str| {
            let (reply, answer) = oneshot::channel();
            let (policy, context) = (Policy::ONLY_FACTOR, Context::default());
            sender.try_send(Question { policy, password: secret(password), context, reply }).unwrap();
            answer
        };
        for _ in 1..MOST_WAITING {
            drop(ask("typed on"));
        }
        let mut waits = ask("a");
        drop(sender);
        // On a thread of its own, as in the program: it gives its place to all others.
        let read = std::thread::spawn(move || {
            let read = std::cell::RefCell::new(Vec::new());
            work(&questions, |policy, password, context| {
                read.borrow_mut().push(password.expose().clone());
                policy.judge(password, context)
            });
            read.into_inner()
        });
        assert_eq!(read.join().unwrap(), ["a"]);
        assert!(!waits.try_recv().unwrap().is_accepted());
    }
}
