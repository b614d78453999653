//! Facts of the hot path go into the ledger; one that must be waited for resolves when it is durable.

use storeward_base::{Actor, ClientIp, ClientRef};
use storeward_host::{Acknowledgement, Emission, Emit};
use storeward_store::{Db, EventSink, SinkEnd};
use tokio::sync::{mpsc, oneshot};

/// [`Emit`] over the store's batcher.
pub struct LedgerEmit {
    sink: EventSink,
    db: Db,
    /// Acknowledgements on their way from the store to whoever waits.
    relay: mpsc::UnboundedSender<(storeward_store::Ack, oneshot::Sender<()>)>,
}

impl LedgerEmit {
    /// The relay's task runs on the control plane's runtime. Its queue is bounded by the batcher's own.
    pub fn start(sink: EventSink, db: Db, runtime: &tokio::runtime::Handle) -> Self {
        let (relay, mut waiting) = mpsc::unbounded_channel::<(storeward_store::Ack, oneshot::Sender<()>)>();
        runtime.spawn(async move {
            // In the order of the queue, which is the order in which they become durable.
            while let Some((ack, done)) = waiting.recv().await {
                if ack.await.is_ok() {
                    // Whoever gave up waiting does not mind.
                    let _ = done.send(());
                }
            }
        });
        LedgerEmit { sink, db, relay }
    }

    /// The batcher's end, for the stop.
    pub fn end(&self) -> SinkEnd {
        self.sink.end()
    }

    /// Facts lost because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.sink.dropped()
    }
}

fn for_store(emission: Emission) -> storeward_store::Emission {
    let Emission { at, request, client, event } = emission;
    storeward_store::Emission { at, request, client, actor: None, event }
}

impl Emit for LedgerEmit {
    fn emit(&self, emission: Emission) {
        drop(self.sink.offer(for_store(emission)));
    }

    fn emit_by(&self, actor: Actor, emission: Emission) {
        drop(self.sink.offer(storeward_store::Emission { actor: Some(actor), ..for_store(emission) }));
    }

    fn emit_acknowledged(&self, emission: Emission) -> Acknowledgement {
        let (done, acknowledgement) = oneshot::channel();
        if let Some(ack) = self.sink.offer(for_store(emission)) {
            // Only a stopped runtime refuses; then nobody waits any more.
            let _ = self.relay.send((ack, done));
        }
        acknowledgement
    }

    fn client_ref(&self, client: ClientIp) -> ClientRef {
        self.db.client_ref(client)
    }
}
