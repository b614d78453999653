//! SIGHUP reloads; SIGINT and SIGTERM stop.

use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::Done;
use crate::failure::Context;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Reload,
    Stop,
}

pub struct Signals(mpsc::Receiver<Signal>);

impl Signals {
    /// From now on the signals are taken here and no longer end the process.
    pub fn listen(runtime: &Handle) -> Done<Self> {
        let (sender, receiver) = mpsc::channel(16);
        let _inside = runtime.enter();
        let kinds = [
            (SignalKind::hangup(), Signal::Reload),
            (SignalKind::interrupt(), Signal::Stop),
            (SignalKind::terminate(), Signal::Stop),
        ];
        for (kind, meaning) in kinds {
            let mut stream = signal(kind).context("the signals")?;
            let sender = sender.clone();
            runtime.spawn(async move {
                while stream.recv().await.is_some() {
                    if sender.send(meaning).await.is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Signals(receiver))
    }

    /// Waits for the next one; the end of the runtime is a stop.
    pub fn next(&mut self, runtime: &Handle) -> Signal {
        runtime.block_on(self.0.recv()).unwrap_or(Signal::Stop)
    }
}
