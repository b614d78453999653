//! What the provider does, each verb in a file of its own.

pub mod access;
pub mod authenticate;
pub mod authorize;
pub mod ended;
pub mod exchange;
pub mod introspect;
pub mod issue;
pub mod logout;
pub mod refresh;
pub mod userinfo;

use crate::error::Error;
use crate::protocol::refusal::Refused;

/// Why a program gets no answer.
#[derive(Debug)]
pub enum Fault {
    /// It is told so.
    Refused(Refused),
    /// Something of ours does not work.
    Failed(Error),
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        Fault::Refused(refused)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Failed(error)
    }
}

impl From<storeward_store::Error> for Fault {
    fn from(error: storeward_store::Error) -> Self {
        Fault::Failed(error.into())
    }
}
