//! Graceful stop: one signal, many listeners.

use tokio::sync::watch;

/// Gives the signal.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Hears the signal; cheap to clone.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stopper {
    pub fn new() -> (Stopper, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Stopper(sender), Stop(receiver))
    }

    /// Tells everyone to finish what they are at and begin nothing new. Saying it twice changes nothing.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves once the signal is given, or when the [`Stopper`] is gone.
    pub async fn stopping(&self) {
        let mut receiver = self.0.clone();
        // An error means that the stopper was dropped, which is a stop too.
        let _ = receiver.wait_for(|stopping| *stopping).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everyone_hears_it() {
        let (stopper, stop) = Stopper::new();
        let other = stop.clone();
        assert!(!stop.is_stopping());
        stopper.stop();
        stop.stopping().await;
        other.stopping().await;
        assert!(other.is_stopping());
    }

    #[tokio::test]
    async fn a_dropped_stopper_is_a_stop() {
        let (stopper, stop) = Stopper::new();
        drop(stopper);
        stop.stopping().await;
    }
}
