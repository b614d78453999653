//! Letters in the shop's looks and the person's language, handed to the outbox.

use std::time::Duration;

use storeward_base::CustomerId;
use storeward_events::post::Channel;
use storeward_outbound::mail::{self, Block, Line, Link, Mailbox};
use storeward_post::{Mail, Outbox, PostError, Sms};
use storeward_store::Tx;

use crate::error::Error;
use crate::letter::{Letter, LetterKind, Post, Text};
use crate::texts::Texts;

/// What events call these messages.
const DOMAIN: &str = "identity";
const TOPIC_CODE: &str = "identity.code";
const TOPIC_NOTICE: &str = "identity.notice";

/// The way into the outbox.
#[derive(Clone, Debug)]
pub struct OutboxPost(pub Outbox);

impl Post for OutboxPost {
    fn post(&self, tx: &mut Tx<'_>, letter: &Letter) -> Result<(), Error> {
        // Addresses were checked when they were typed; one that no mail server would take is nobody's.
        let Ok(to) = mail::Address::parse(letter.to.expose()) else { return Ok(()) };
        let code = letter.parameter("code");
        let topic = if code.is_empty() { TOPIC_NOTICE } else { TOPIC_CODE };
        let mut mail = Mail::new(topic, Mailbox::from(to), letter.language, written(letter));
        if let Some(customer) = letter.customer {
            mail = mail.customer(customer);
        }
        if let Ok(minutes) = letter.parameter("minutes").parse::<u64>() {
            // A code that comes too late only confuses.
            mail = mail.until(tx.now().plus(Duration::from_secs(minutes * 60)));
        }
        promised(self.0.mail(tx, &mail))
    }

    fn text(&self, tx: &mut Tx<'_>, text: &Text) -> Result<(), Error> {
        let sms = Sms::new(TOPIC_CODE, text.to.clone(), text.text.expose().as_str());
        promised(self.0.sms(tx, &sms.customer(text.customer).until(text.until)))
    }

    fn forget(&self, tx: &mut Tx<'_>, customer: CustomerId, address: Option<&str>) -> Result<(), Error> {
        let address = address.and_then(|address| mail::Address::parse(address).ok());
        Ok(self.0.forget(tx, customer, address.as_ref(), DOMAIN)?)
    }

    fn offers_texts(&self) -> bool {
        self.0.offers(Channel::Sms)
    }
}

fn promised<T>(promised: Result<T, PostError>) -> Result<(), Error> {
    match promised {
        Ok(_) => Ok(()),
        Err(PostError::NotSetUp(_)) => Err(Error::NoPost),
        Err(PostError::Store(error)) => Err(error.into()),
    }
}

/// What the letter says.
fn written(letter: &Letter) -> mail::Letter {
    let t = Texts(letter.language);
    let kind = letter.kind.word();
    let shop = letter.parameter("shop");
    let said = |part: &str| t.f(&format!("letter.{kind}.{part}"), "shop", shop);
    let line = |text: &str| Line::clean(text, "?");
    let mut out = mail::Letter::new(line(&said("subject"))).with(Block::Text(said("text")));
    if !letter.parameter("factors").is_empty() {
        out = out.with(Block::Text(said("taken_out")));
    }
    let code = letter.parameter("code");
    if !code.is_empty() {
        let minutes = letter.parameter("minutes");
        out = out
            .with(Block::Code(line(code)))
            .with(Block::Text(t.f("letter.minutes", "minutes", minutes)))
            .with(Block::Text(t.s("letter.warn")));
    }
    let facts = facts(letter, t);
    if !facts.is_empty() {
        out = out.with(Block::Facts(facts));
    }
    if let Ok(link) = Link::parse(letter.parameter("link")) {
        // A waiting time is stopped; whatever else a letter tells of is contained.
        let (why, label) = match (letter.kind, letter.parameter("ends")) {
            (LetterKind::PasswordLink, _) => {
                let minutes = letter.parameter("minutes");
                (t.f("letter.minutes", "minutes", minutes), t.s("letter.password_link.button"))
            }
            (LetterKind::PasswordDisabled | LetterKind::LettersStopped, _) => {
                (said("why"), t.s("letter.password_link.button"))
            }
            (LetterKind::AddressPutAway, _) => (said("why"), t.s("letter.stop_button")),
            (_, "") => (t.s("letter.not_me"), t.s("letter.button")),
            (_, _) => (t.s("letter.stop"), t.s("letter.stop_button")),
        };
        out = out.with(Block::Text(why)).with(Block::Button { label: line(&label), link });
    }
    out.foot(t.s("letter.foot"))
}

fn facts(letter: &Letter, t: Texts) -> Vec<(Line, Line)> {
    let line = |text: &str| Line::clean(text, "?");
    let mut facts = Vec::new();
    if matches!(
        letter.kind,
        LetterKind::FactorAdded
            | LetterKind::FactorRemoved
            | LetterKind::FactorTaken
            | LetterKind::FactorsReplaced
    ) {
        let factor = t.s(&format!("factor.{}", letter.parameter("factor")));
        facts.push((line(&t.s("letter.factor")), line(&factor)));
    }
    let taken_out = letter.parameter("factors");
    if !taken_out.is_empty() {
        let names: Vec<String> = taken_out.split(',').map(|word| t.s(&format!("factor.{word}"))).collect();
        facts.push((line(&t.s("letter.factor")), line(&names.join(", "))));
    }
    for name in ["means", "count", "device", "place", "when", "ends"] {
        let value = letter.parameter(name);
        if !value.is_empty() {
            facts.push((line(&t.s(&format!("letter.{name}"))), line(value)));
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::{Language, Secret};

    #[test]
    fn every_kind_is_written_in_every_language() {
        for language in Language::ALL {
            for kind in LetterKind::ALL {
                let mut letter = Letter {
                    kind: *kind,
                    customer: None,
                    to: Secret::new("ada@people.example".to_owned()),
                    language,
                    parameters: [
                        ("shop", "Books & Co"),
                        ("code", "12345678"),
                        ("minutes", "10"),
                        ("device", "Firefox · Linux"),
                        ("when", "2026-11-25 20:00 UTC"),
                        ("factor", "passkey"),
                        ("count", "12"),
                        ("means", "Visa •••• 4242"),
                        ("link", "https://shop.example/.storeward/not-me?t=00"),
                    ]
                    .map(|(name, value)| (name, Secret::new(value.to_owned())))
                    .to_vec(),
                };
                if *kind == LetterKind::Contained {
                    letter.parameters.push(("factors", Secret::new("totp,recovery_codes".to_owned())));
                }
                let said = format!("{:?}", written(&letter));
                assert!(
                    !said.contains("letter.") && !said.contains("factor.totp"),
                    "{language} {kind:?}: {said}"
                );
                assert!(!said.contains("{shop}") && !said.contains("{minutes}"), "{said}");
                assert!(said.contains("12345678") && said.contains("not-me?t=00"), "{said}");
            }
        }
    }
}
