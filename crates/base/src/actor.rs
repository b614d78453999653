//! Who acts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entropy::hex;
use crate::{ApiKeyId, CustomerId, IdError, StaffId};

/// Whoever caused an event. Holds ids and fingerprints only: no name, no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Actor {
    /// The program itself: a job, a rule, a start.
    System,
    /// Somebody at a shell on the machine, by the command line.
    Operator,
    /// Somebody on the network who has not signed in.
    Client {
        client: ClientRef,
    },
    Staff {
        id: StaffId,
    },
    /// A customer of the shop who has proved who they are.
    Customer {
        id: CustomerId,
    },
    /// A program that holds a key of the REST interface.
    Key {
        id: ApiKeyId,
    },
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::System => f.write_str("system"),
            Actor::Operator => f.write_str("operator"),
            Actor::Client { client } => write!(f, "{client}"),
            Actor::Staff { id } => write!(f, "{id}"),
            Actor::Customer { id } => write!(f, "{id}"),
            Actor::Key { id } => write!(f, "{id}"),
        }
    }
}

/// A keyed fingerprint of a client's address (96 bits), made by `seal`. It stands in events for the address, which is
/// personal data: the book that leads back from it is kept apart and forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientRef([u8; 12]);

impl ClientRef {
    pub const fn from_bytes(bytes: [u8; 12]) -> Self {
        ClientRef(bytes)
    }
}

impl fmt::Display for ClientRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client_{}", hex(&self.0))
    }
}

impl std::str::FromStr for ClientRef {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.strip_prefix("client_").ok_or(IdError::Prefix)?;
        if digits.len() != 24 || !digits.is_ascii() {
            return Err(IdError::Length);
        }
        let mut bytes = [0; 12];
        for (byte, at) in bytes.iter_mut().zip((0..24).step_by(2)) {
            let pair = digits.get(at..at + 2).ok_or(IdError::Length)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| IdError::Character)?;
        }
        Ok(ClientRef(bytes))
    }
}

impl Serialize for ClientRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClientRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_reference_round_trips() {
        let client = ClientRef::from_bytes([0xAB; 12]);
        assert_eq!(client.to_string().parse(), Ok(client));
        assert_eq!("client_zz".parse::<ClientRef>(), Err(IdError::Length));
    }
}
