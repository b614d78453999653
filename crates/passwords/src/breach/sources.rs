//! Whether a password was stolen somewhere before, from whatever the operator has: the offline list, a service that answers
//! range queries, both, or neither.
//!
//! It fails open: a list that cannot be read and a service that does not answer keep nobody out. A service is asked by so many
//! at once and no more, is left alone for a while after it failed three times in a row, and its answers are kept for an hour.
//! None of it happens on the threads that hash.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storeward_base::Secret;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::list::BreachList;
use super::range::{RangeCheck, RangeQuery, RangeStats, Seen};

/// Questions under way at once; who comes beyond them gets no answer.
const MOST_AT_ONCE: usize = 16;
/// So many failures in a row, and the service is left alone for [`LEFT_ALONE`].
const MOST_FAILURES: u32 = 3;
const LEFT_ALONE: Duration = Duration::from_secs(30);
/// Answers that are kept: some 40 KB each with padding.
const MOST_KEPT: usize = 32;
const KEPT: Duration = Duration::from_secs(60 * 60);

/// What a service does, as far as was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Answers,
    /// It failed so often that passwords are not looked for there for the time being.
    Silent,
}

/// How a question leaves the program. Whoever has a network hands it in.
pub trait Fetch: Send + Sync + 'static {
    /// The body of a 200 for this path (with [`super::range::HEADERS`], at most [`super::range::MOST_BYTES`]); `None` for
    /// whatever else came of it.
    fn fetch(&self, path: String) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>>;

    /// The service fell silent, or answers again. Must not block.
    fn changed(&self, service: Service);
}

/// Whether a password is known to be stolen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stolen {
    Yes,
    /// Not as far as is known; nobody may have been able to say.
    NotKnown,
}

/// Everything that can be asked. Clones are cheap and share it.
#[derive(Clone, Debug, Default)]
pub struct Breaches {
    list: Option<Arc<BreachList>>,
    ranges: Option<Arc<Ranges>>,
}

impl Breaches {
    pub fn new(list: Option<Arc<BreachList>>, ranges: Option<Arc<Ranges>>) -> Self {
        Breaches { list, ranges }
    }

    /// Whether there is anything to ask.
    pub fn are_known(&self) -> bool {
        self.list.is_some() || self.ranges.is_some()
    }

    /// Whether some questions leave this machine.
    pub fn ask_a_service(&self) -> bool {
        self.ranges.is_some()
    }

    pub fn range_stats(&self) -> RangeStats {
        self.ranges.as_ref().map_or_else(RangeStats::default, |ranges| ranges.stats())
    }

    /// The list first: what it knows nobody else needs to hear of. Takes [`super::range::TIME_OUT`] at most where a service is
    /// asked.
    pub async fn look_up(&self, password: &Secret<String>) -> Stolen {
        if let Some(list) = self.list.clone() {
            let password = password.clone();
            let asked = tokio::task::spawn_blocking(move || list.contains(&password)).await;
            if matches!(asked, Ok(Ok(true))) {
                return Stolen::Yes;
            }
        }
        match &self.ranges {
            Some(ranges) if matches!(ranges.ask(password).await, Seen::Times(_)) => Stolen::Yes,
            _ => Stolen::NotKnown,
        }
    }
}

/// A service that answers range queries.
pub struct Ranges {
    fetch: Box<dyn Fetch>,
    check: RangeCheck,
    places: Semaphore,
    state: Mutex<State>,
}

impl fmt::Debug for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ranges").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    failures: u32,
    /// Nothing is asked before.
    alone_until: Option<Instant>,
    is_silent: bool,
    /// The newest last.
    kept: VecDeque<Kept>,
}

struct Kept {
    path: String,
    at: Instant,
    body: Arc<[u8]>,
}

impl Ranges {
    pub fn new(fetch: impl Fetch) -> Self {
        Ranges {
            fetch: Box::new(fetch),
            check: RangeCheck::default(),
            places: Semaphore::new(MOST_AT_ONCE),
            state: Mutex::default(),
        }
    }

    pub fn stats(&self) -> RangeStats {
        self.check.stats()
    }

    /// What the service knows of a password. [`Seen::Unknown`] at once while it is left alone or too many ask.
    pub async fn ask(&self, password: &Secret<String>) -> Seen {
        let query = RangeQuery::of(password);
        if let Some(body) = self.kept(&query.path()) {
            return self.check.count(query.count_in(&body).ok());
        }
        let place = self.places.try_acquire();
        let (Ok(_place), true) = (place, self.may_ask()) else { return self.check.count(None) };
        let mut body = None;
        let seen = self
            .check
            .ask(password, async |path: String| {
                let came = self.fetch.fetch(path).await.ok_or(())?;
                body = Some(came.clone());
                Ok::<_, ()>(came)
            })
            .await;
        match (seen, body) {
            (Seen::Unknown, _) | (_, None) => self.failed(),
            (Seen::Times(_) | Seen::Never, Some(body)) => self.answered(query.path(), body),
        }
        seen
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self, path: &str) -> Option<Arc<[u8]>> {
        let mut state = self.state();
        state.kept.retain(|kept| kept.at.elapsed() < KEPT);
        state.kept.iter().find(|kept| kept.path == path).map(|kept| Arc::clone(&kept.body))
    }

    fn may_ask(&self) -> bool {
        self.state().alone_until.is_none_or(|until| Instant::now() >= until)
    }

    fn failed(&self) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if state.failures < MOST_FAILURES {
            return;
        }
        // One question after the time is enough to be left alone again.
        state.alone_until = Some(Instant::now() + LEFT_ALONE);
        if !std::mem::replace(&mut state.is_silent, true) {
            drop(state);
            self.fetch.changed(Service::Silent);
        }
    }

    fn answered(&self, path: String, body: Vec<u8>) {
        let mut state = self.state();
        (state.failures, state.alone_until) = (0, None);
        if state.kept.len() >= MOST_KEPT {
            state.kept.pop_front();
        }
        state.kept.retain(|kept| kept.path != path);
        state.kept.push_back(Kept { path, at: Instant::now(), body: body.into() });
        if std::mem::take(&mut state.is_silent) {
            drop(state);
            self.fetch.changed(Service::Answers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::range::TIME_OUT;
    use super::super::sha1;
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    fn hex(text: &str) -> String {
        sha1(&secret(text)).iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// A service in this process: what it answers next, what it was asked, what was told of it.
    #[derive(Clone, Default)]
    struct Stand(Arc<Mutex<Told>>);

    #[derive(Default)]
    struct Told {
        next: VecDeque<Option<Vec<u8>>>,
        hangs: bool,
        paths: Vec<String>,
        changes: Vec<Service>,
    }

    impl Stand {
        fn told(&self) -> MutexGuard<'_, Told> {
            self.0.lock().unwrap()
        }

        fn answers(&self, answer: Option<&str>) {
            self.told().next.push_back(answer.map(|text| text.as_bytes().to_vec()));
        }
    }

    impl Fetch for Stand {
        fn fetch(&self, path: String) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>> {
            Box::pin(async move {
                let (next, hangs) = {
                    let mut told = self.told();
                    told.paths.push(path);
                    (told.next.pop_front(), told.hangs)
                };
                if hangs {
                    std::future::pending::<()>().await;
                }
                next.flatten()
            })
        }

        fn changed(&self, service: Service) {
            self.told().changes.push(service);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_kept_for_an_hour() {
        let stand = Stand::default();
        let breaches = Breaches::new(None, Some(Arc::new(Ranges::new(stand.clone()))));
        let line = format!("{}:7\r\n", &hex("password")[5..]);
        stand.answers(Some(&line));
        for _ in 0..5 {
            assert_eq!(breaches.look_up(&secret("password")).await, Stolen::Yes);
        }
        assert_eq!(stand.told().paths, ["/range/5BAA6"]);
        tokio::time::advance(KEPT).await;
        stand.answers(Some("0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n"));
        assert_eq!(breaches.look_up(&secret("password")).await, Stolen::NotKnown);
        assert_eq!(stand.told().paths.len(), 2);
        assert_eq!(breaches.range_stats(), RangeStats { seen: 5, never: 1, unknown: 0 });
    }

    // Nobody waits for a service that is away more than three times 300 ms, and it is told once that it went and once that it
    // came back.
    #[tokio::test(start_paused = true)]
    async fn a_silent_service_is_left_alone() {
        let stand = Stand::default();
        let ranges = Ranges::new(stand.clone());
        stand.told().hangs = true;
        let begun = Instant::now();
        for _ in 0..10 {
            assert_eq!(ranges.ask(&secret("password")).await, Seen::Unknown);
        }
        assert_eq!(begun.elapsed(), TIME_OUT * MOST_FAILURES);
        assert_eq!(stand.told().paths.len(), 3);
        assert_eq!(stand.told().changes, [Service::Silent]);
        tokio::time::advance(LEFT_ALONE).await;
        stand.told().hangs = false;
        stand.answers(Some("<html>"));
        assert_eq!(ranges.ask(&secret("password")).await, Seen::Unknown);
        assert_eq!(ranges.ask(&secret("password")).await, Seen::Unknown);
        assert_eq!(stand.told().paths.len(), 4, "one question was enough to leave it alone again");
        tokio::time::advance(LEFT_ALONE).await;
        stand.answers(Some("0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n"));
        assert_eq!(ranges.ask(&secret("password")).await, Seen::Never);
        assert_eq!(stand.told().changes, [Service::Silent, Service::Answers]);
    }

    #[tokio::test(start_paused = true)]
    async fn many_at_once_do_not_wait_for_each_other() {
        let stand = Stand::default();
        let ranges = Arc::new(Ranges::new(stand.clone()));
        stand.told().hangs = true;
        let asked: Vec<_> = (0..MOST_AT_ONCE)
            .map(|n| {
                let ranges = Arc::clone(&ranges);
                tokio::spawn(async move { ranges.ask(&secret(&format!("password {n}"))).await })
            })
            .collect();
        while stand.told().paths.len() < MOST_AT_ONCE {
            tokio::task::yield_now().await;
        }
        let begun = Instant::now();
        assert_eq!(ranges.ask(&secret("one more")).await, Seen::Unknown);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for one in asked {
            assert_eq!(one.await.unwrap(), Seen::Unknown);
        }
        assert_eq!(ranges.stats().unknown, MOST_AT_ONCE as u64 + 1);
    }

    #[tokio::test]
    async fn with_nothing_to_ask_nothing_is_known() {
        let breaches = Breaches::default();
        assert!(!breaches.are_known() && !breaches.ask_a_service());
        assert_eq!(breaches.look_up(&secret("password")).await, Stolen::NotKnown);
    }
}
