//! What every error can say of itself, so that one place (`web`) chooses status codes and words.

/// What kind of failing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The input does not fit; the caller can mend it.
    Invalid,
    /// The caller may not do this.
    Denied,
    /// What was asked for is not there.
    Missing,
    /// Somebody else changed it meanwhile, or it is already so.
    Conflict,
    /// Too much at once; the same call may work later.
    Busy,
    /// Something on our side does not work.
    Broken,
}

/// Whose fault it is: decides whether it alarms the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    Caller,
    Us,
    Upstream,
}

/// An error that knows its kind, whose fault it is and a stable code such as `store.locked`.
pub trait Fault: std::error::Error {
    fn kind(&self) -> FaultKind;
    fn blame(&self) -> Blame;
    fn code(&self) -> &'static str;
    /// How long the caller should wait before the same call may work, where that is known.
    fn retry_after(&self) -> Option<std::time::Duration> {
        None
    }
}
