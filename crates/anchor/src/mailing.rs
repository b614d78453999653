//! A mail to somebody: the checkpoint stands in it and is attached to it.

use storeward_base::{Language, PostId};
use storeward_outbound::mail::{Attachment, Block, Letter, Line, Mailbox, MediaType};
use storeward_post::{Mail, Posted};

use crate::place::Handed;

/// Stands in events about the mail.
pub(crate) const TOPIC: &str = "anchor.checkpoint";

pub(crate) fn letter(to: &Mailbox, handed: &Handed) -> Mail {
    let subject = Line::clean(
        &format!("Checkpoint of the ledger: {} entries", handed.size),
        "Checkpoint of the ledger",
    );
    let letter = Letter::new(subject)
        .with(Block::Text(
            "Keep this mail. It is a signed statement of how far the record of what happened at your shop had come, and it lies \
             where whoever breaks into the shop's server cannot change it."
                .to_owned(),
        ))
        .with(Block::Text(
            "If you ever doubt the record, save the attached file and run: storeward audit verify --anchor FILE. It finds \
             whether anything from before this mail was changed or taken away."
                .to_owned(),
        ))
        .with(Block::Text(handed.note.clone()));
    Mail::new(TOPIC, to.clone(), Language::En, letter).attach(Attachment {
        name: Line::clean(&format!("ledger-{}.checkpoint", handed.size), "ledger.checkpoint"),
        kind: MediaType::Text,
        bytes: handed.note.clone().into_bytes(),
    })
}

/// What is kept of a mail that was promised: `{"post": id}`; nothing where one with its name waits already.
pub fn receipt(posted: Posted) -> Vec<u8> {
    let id = match posted {
        Posted::New(id) => Some(id.to_string()),
        Posted::Already => None,
    };
    serde_json::json!({ "post": id }).to_string().into_bytes()
}

/// Whether a receipt is that of this mail. Receipts of earlier versions name it in another form.
pub fn is_of(receipt: &[u8], post: PostId) -> bool {
    let id = post.to_string();
    match serde_json::from_slice::<serde_json::Value>(receipt) {
        Ok(said) => said.get("post").and_then(serde_json::Value::as_str) == Some(id.as_str()),
        Err(_) => String::from_utf8_lossy(receipt).contains(&id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Receipts are kept for as long as the ledger.
    #[test]
    fn receipts_of_both_forms_are_read() {
        let post = PostId::from_bits(7);
        assert_eq!(receipt(Posted::New(post)), format!("{{\"post\":\"{post}\"}}").into_bytes());
        for kept in [receipt(Posted::New(post)), format!("New({post:?}) {post}").into_bytes()] {
            assert!(is_of(&kept, post) && !is_of(&kept, PostId::from_bits(8)));
        }
        assert!(!is_of(&receipt(Posted::Already), post));
    }
}
