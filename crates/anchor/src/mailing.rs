//! A mail to somebody: the checkpoint stands in it and is attached to it.

use storeward_base::Language;
use storeward_outbound::mail::{Attachment, Block, Letter, Line, Mailbox, MediaType};
use storeward_post::Mail;

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
