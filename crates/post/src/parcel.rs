//! A message while it waits: a head that anybody may read, and what is personal, sealed.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use storeward_base::{CustomerId, Entropy, PostId, Timestamp};
use storeward_seal::DataKey;

const VERSION: u8 = 1;

/// What stands open in the job: ids, fingerprints and moments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    v: u8,
    pub post: PostId,
    pub topic: String,
    pub recipient: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    pub until: Timestamp,
}

impl Head {
    pub fn new(
        post: PostId,
        topic: &str,
        recipient: String,
        customer: Option<CustomerId>,
        until: Timestamp,
    ) -> Self {
        Head { v: VERSION, post, topic: topic.to_owned(), recipient, customer, until }
    }

    /// The seal holds for this very head: another deadline or topic does not open it.
    fn place(&self) -> Option<String> {
        serde_json::to_string(self).ok().map(|head| format!("post\n{head}"))
    }
}

/// A parcel cannot be read. Says nothing of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// The job's bytes: the head as a line of JSON, then what is sealed.
pub(crate) fn pack<T: Serialize>(
    head: &Head,
    inside: &T,
    key: &DataKey,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, Unreadable> {
    let place = head.place().ok_or(Unreadable)?;
    let plain = storeward_base::Secret::new(serde_json::to_vec(inside).map_err(|_| Unreadable)?);
    let mut bytes = serde_json::to_vec(head).map_err(|_| Unreadable)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(&key.seal(plain.expose(), &place, entropy));
    Ok(bytes)
}

pub(crate) fn head(bytes: &[u8]) -> Result<Head, Unreadable> {
    let (head, _) = split(bytes)?;
    let head: Head = serde_json::from_slice(head).map_err(|_| Unreadable)?;
    if head.v == VERSION { Ok(head) } else { Err(Unreadable) }
}

pub(crate) fn open<T: DeserializeOwned>(bytes: &[u8], head: &Head, key: &DataKey) -> Result<T, Unreadable> {
    let (_, sealed) = split(bytes)?;
    let place = head.place().ok_or(Unreadable)?;
    let plain = key.open(sealed, &place).map_err(|_| Unreadable)?;
    serde_json::from_slice(plain.expose()).map_err(|_| Unreadable)
}

fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), Unreadable> {
    let end = bytes.iter().position(|b| *b == b'\n').ok_or(Unreadable)?;
    Ok((bytes.get(..end).ok_or(Unreadable)?, bytes.get(end + 1..).ok_or(Unreadable)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SeededEntropy;

    #[test]
    fn what_is_inside_is_sealed_to_its_head() {
        let entropy = SeededEntropy::new(1);
        let key = DataKey::generate(&entropy);
        let until = Timestamp::from_seconds(100);
        let head = Head::new(PostId::from_bits(7), "identity.code", "to_1".to_owned(), None, until);
        let bytes = pack(&head, &"anna@customer.example 123456", &key, &entropy).unwrap();
        let shown = String::from_utf8_lossy(&bytes);
        assert!(!shown.contains("anna") && !shown.contains("123456") && shown.contains("identity.code"));
        let read = super::head(&bytes).unwrap();
        assert_eq!(read, head);
        assert_eq!(open::<String>(&bytes, &read, &key).unwrap(), "anna@customer.example 123456");
        for other in [
            Head { until: Timestamp::from_seconds(101), ..head.clone() },
            Head { topic: "identity.notice".to_owned(), ..head.clone() },
            Head { post: PostId::from_bits(8), ..head.clone() },
        ] {
            assert_eq!(open::<String>(&bytes, &other, &key), Err(Unreadable));
        }
        assert_eq!(open::<String>(&bytes, &head, &DataKey::generate(&entropy)), Err(Unreadable));
        for cut in [0, 1, 20, bytes.len() - 1] {
            let cut = &bytes[..cut];
            assert!(super::head(cut).and_then(|head| open::<String>(cut, &head, &key)).is_err());
        }
    }
}
