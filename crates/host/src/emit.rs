//! From the hot path into the ledger.

use std::sync::{Mutex, PoisonError};

use storeward_base::{Actor, ClientIp, ClientRef, RequestId, Timestamp};
use storeward_events::Event;

/// A fact on its way to the ledger. The client's address travels beside the event, never inside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Emission {
    pub at: Timestamp,
    pub request: Option<RequestId>,
    /// Whose request it was; `None` where the program itself acts.
    pub client: Option<ClientIp>,
    pub event: Event,
}

/// Resolves when the fact is durable; fails when it was dropped because the queue was full or the store is broken.
pub type Acknowledgement = tokio::sync::oneshot::Receiver<()>;

/// Takes facts. Implemented by the app over the ledger, and by [`RecordedEmissions`] in tests.
pub trait Emit: Send + Sync {
    /// Hands the fact over without waiting. A full queue drops it and counts the loss.
    fn emit(&self, emission: Emission);

    /// As [`Emit::emit`], for what somebody else than the client did to the client, such as a ban by staff.
    fn emit_by(&self, actor: Actor, emission: Emission);

    /// As [`Emit::emit`], and tells when the fact is durable.
    fn emit_acknowledged(&self, emission: Emission) -> Acknowledgement;

    /// The fingerprint that stands for a client in events.
    fn client_ref(&self, client: ClientIp) -> ClientRef;
}

/// Keeps what was emitted, for tests to look at.
#[derive(Debug, Default)]
pub struct RecordedEmissions(Mutex<Vec<Emission>>);

impl RecordedEmissions {
    pub fn all(&self) -> Vec<Emission> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those of one kind, oldest first.
    pub fn of_kind(&self, kind: &str) -> Vec<Emission> {
        self.all().into_iter().filter(|e| e.event.kind() == kind).collect()
    }
}

impl Emit for RecordedEmissions {
    fn emit(&self, emission: Emission) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(emission);
    }

    fn emit_by(&self, _actor: Actor, emission: Emission) {
        self.emit(emission);
    }

    fn emit_acknowledged(&self, emission: Emission) -> Acknowledgement {
        let (done, acknowledgement) = tokio::sync::oneshot::channel();
        self.emit(emission);
        // The receiver is at hand two lines below: it cannot have been dropped.
        let _ = done.send(());
        acknowledgement
    }

    fn client_ref(&self, client: ClientIp) -> ClientRef {
        let mut bytes = [0u8; 12];
        for (at, byte) in client.to_string().bytes().enumerate() {
            bytes[at % 12] = bytes[at % 12].wrapping_mul(31).wrapping_add(byte);
        }
        ClientRef::from_bytes(bytes)
    }
}
