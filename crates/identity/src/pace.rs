//! When answers leave, so that their time tells little of what was found.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

/// Holds an answer back. Sign-in, sign-up, the way back, and each proof wait for it before they answer, whatever they found.
pub trait HoldBack: Send + Sync {
    /// Until the answer to what began then may leave.
    fn hold(&self, begun: Instant) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Answers leave at whole multiples of this after they began; at once where it is zero.
#[derive(Clone, Copy, Debug)]
pub struct Quanta(pub Duration);

impl HoldBack for Quanta {
    fn hold(&self, begun: Instant) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let left = left_of_quantum(begun.elapsed(), self.0);
            if !left.is_zero() {
                tokio::time::sleep(left).await;
            }
        })
    }
}

/// How long until `elapsed` is a whole multiple of `quantum`.
fn left_of_quantum(elapsed: Duration, quantum: Duration) -> Duration {
    if quantum.is_zero() {
        return Duration::ZERO;
    }
    let over = Duration::from_nanos(u64::try_from(elapsed.as_nanos() % quantum.as_nanos()).unwrap_or(0));
    if over.is_zero() { Duration::ZERO } else { quantum - over }
}

#[cfg(test)]
mod tests {
    use super::*;

    // In tokio's own time, which stands still but for what is waited for.
    #[tokio::test(start_paused = true)]
    async fn answers_leave_at_whole_quanta() {
        let ms = Duration::from_millis;
        for (took, left_at) in [(0, 0), (1, 250), (17, 250), (249, 250), (250, 250), (251, 500), (600, 750)] {
            let begun = Instant::now();
            tokio::time::advance(ms(took)).await;
            Quanta(ms(250)).hold(begun).await;
            assert_eq!(begun.elapsed(), ms(left_at), "{took}");
        }
        let begun = Instant::now();
        tokio::time::advance(ms(17)).await;
        Quanta(Duration::ZERO).hold(begun).await;
        assert_eq!(begun.elapsed(), ms(17));
    }
}
