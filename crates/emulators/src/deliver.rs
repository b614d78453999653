//! Webhooks on their way: signed at the moment they leave, sent again until they are taken, and lost, tripled or shuffled where a
//! test asks for that weather.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use crate::chance::Dice;
use crate::client::Client;
use crate::clock::Clock;
use crate::effects::Provider;

/// Pauses between tries, in the emulators' time: under three days in all, as both providers promise. The exact pauses are not
/// published.
const PAUSES_S: [i64; 9] = [5, 60, 600, 3_600, 7_200, 14_400, 28_800, 57_600, 86_400];
const WAITING: usize = 200_000;
const AT_ONCE: usize = 32;
const TURN: Duration = Duration::from_millis(20);

/// What happens to webhooks on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// How many of a hundred events never arrive, not even at a later try.
    pub lose_percent: u8,
    /// How often each event is sent; 1 in fair weather.
    pub copies: u8,
    /// Each copy waits a random time up to this, so that they overtake each other.
    pub shuffle: Duration,
    /// Nothing leaves until the weather changes.
    pub hold: Hold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    Leaves,
    Held,
}

impl Default for Weather {
    fn default() -> Self {
        Weather { lose_percent: 0, copies: 1, shuffle: Duration::ZERO, hold: Hold::Leaves }
    }
}

pub type Sign = Arc<dyn Fn(i64, &str) -> Vec<(&'static str, String)> + Send + Sync>;

/// One event for one receiver.
#[derive(Clone)]
pub struct Letter {
    pub provider: Provider,
    pub url: String,
    pub event: String,
    pub kind: String,
    pub body: String,
    /// The headers for a moment in seconds.
    pub sign: Sign,
}

/// How one try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub provider: Provider,
    pub event: String,
    pub kind: String,
    pub url: String,
    /// 1 for the first.
    pub attempt: usize,
    /// The receiver's status; 0 where no answer came or the event was lost on purpose.
    pub status: u16,
    pub is_lost: bool,
}

impl Delivery {
    pub fn to_json(&self) -> Value {
        json!({
            "provider": self.provider.name(), "event": self.event, "type": self.kind, "url": self.url,
            "attempt": self.attempt, "status": self.status, "lost": self.is_lost,
        })
    }
}

struct Waiting {
    letter: Letter,
    attempt: usize,
    not_before: Instant,
    not_before_s: i64,
}

#[derive(Default)]
pub struct Deliveries {
    waiting: Mutex<Vec<Waiting>>,
    log: Mutex<Vec<Delivery>>,
    weather: Mutex<Weather>,
    wake: Notify,
    pub client: Client,
}

impl Deliveries {
    pub fn weather(&self, weather: Weather) {
        *lock(&self.weather) = weather;
        self.wake.notify_one();
    }

    pub fn log(&self) -> Vec<Delivery> {
        lock(&self.log).clone()
    }

    /// How many receivers of an event have not taken it yet.
    pub fn pending(&self, event: &str) -> usize {
        lock(&self.waiting).iter().filter(|waiting| waiting.letter.event == event).count()
    }

    /// How many wait for their first or a further try.
    pub fn waiting(&self) -> usize {
        lock(&self.waiting).len()
    }

    pub fn send(&self, letter: &Letter, dice: &Dice) {
        let weather = *lock(&self.weather);
        if dice.percent(weather.lose_percent) {
            return self.note(letter, 1, 0, Fate::Lost);
        }
        let shuffle_ms = u64::try_from(weather.shuffle.as_millis()).unwrap_or(u64::MAX);
        let mut waiting = lock(&self.waiting);
        for _copy in 0..weather.copies.max(1) {
            if waiting.len() >= WAITING {
                drop(waiting);
                return self.note(letter, 1, 0, Fate::Lost);
            }
            let pause = Duration::from_millis(dice.below(shuffle_ms.saturating_add(1)));
            waiting.push(Waiting {
                letter: letter.clone(),
                attempt: 1,
                not_before: Instant::now() + pause,
                not_before_s: i64::MIN,
            });
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Sends what is due until the task is dropped.
    pub async fn run(self: Arc<Self>, clock: Arc<Clock>) {
        let seats = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let _either = tokio::time::timeout(TURN, self.wake.notified()).await;
            for due in self.take_due(clock.now_s()) {
                let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
                let (deliveries, clock) = (Arc::clone(&self), Arc::clone(&clock));
                tokio::spawn(async move {
                    deliveries.deliver(due, &clock).await;
                    drop(seat);
                });
            }
        }
    }

    fn take_due(&self, now_s: i64) -> Vec<Waiting> {
        if lock(&self.weather).hold == Hold::Held {
            return Vec::new();
        }
        let now = Instant::now();
        let mut waiting = lock(&self.waiting);
        let all = std::mem::take(&mut *waiting);
        let (due, later) =
            all.into_iter().partition(|one| one.not_before <= now && one.not_before_s <= now_s);
        *waiting = later;
        due
    }

    async fn deliver(&self, one: Waiting, clock: &Clock) {
        let headers = (one.letter.sign)(clock.now_s(), &one.letter.body);
        let status = self.client.post(&one.letter.url, &headers, one.letter.body.clone()).await.unwrap_or(0);
        self.note(&one.letter, one.attempt, status, Fate::Sent);
        if (200..300).contains(&status) {
            return;
        }
        if let Some(pause_s) = PAUSES_S.get(one.attempt - 1) {
            let not_before_s = clock.now_s().saturating_add(*pause_s);
            lock(&self.waiting).push(Waiting { attempt: one.attempt + 1, not_before_s, ..one });
        }
    }

    fn note(&self, letter: &Letter, attempt: usize, status: u16, fate: Fate) {
        lock(&self.log).push(Delivery {
            provider: letter.provider,
            event: letter.event.clone(),
            kind: letter.kind.clone(),
            url: letter.url.clone(),
            attempt,
            status,
            is_lost: fate == Fate::Lost,
        });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Sent,
    Lost,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
