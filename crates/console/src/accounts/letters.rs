//! What members of staff are told by letter of their own access (ASVS 5.0 6.3.5, 6.3.7). A letter is promised in the write of what it
//! tells of; without `[mail]` nothing is promised, and nothing else changes. There is no link in it and no secret: whoever can
//! write mails could write such a one.

use std::time::Duration;

use storeward_base::{ClientIp, Language, StaffId};
use storeward_events::post::Channel;
use storeward_outbound::mail::{self, Block, Line, Mailbox};
use storeward_post::{Mail, Outbox, PostError};
use storeward_store::Tx;

use super::sql::NewSession;
use super::{Accounts, members::owners, sql_letters};
use crate::error::Error;

/// What events call these letters.
const TOPIC: &str = "console.notice";
/// A place that nobody signed in from for so long is new again.
const KEPT: Duration = Duration::from_secs(400 * 86_400);
/// Of what can be done again and again, one letter in this time.
const ONCE_IN: Duration = Duration::from_secs(86_400);

/// The way to members' letter boxes, where there is one.
#[derive(Clone, Debug)]
pub struct Letters(Option<Outbox>);

/// What somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Signed in on a device or from a network that was not there before.
    NewPlace,
    /// The password was right, or a session was open, and the second factor was not.
    FactorMissed,
    PasskeyAdded,
    PasskeyRemoved,
    PasswordChanged,
    /// After a reset: another password, another app.
    Renewed,
    /// Somebody else opened a customer's data in an emergency; for whoever owns the shop.
    Emergency,
}

impl Told {
    const fn word(self) -> &'static str {
        match self {
            Told::NewPlace => "new_place",
            Told::FactorMissed => "factor_missed",
            Told::PasskeyAdded => "passkey_added",
            Told::PasskeyRemoved => "passkey_removed",
            Told::PasswordChanged => "password_changed",
            Told::Renewed => "renewed",
            Told::Emergency => "emergency",
        }
    }

    const fn subject(self) -> &'static str {
        match self {
            Told::NewPlace => "Console: a sign-in from somewhere new",
            Told::FactorMissed => "Console: a second factor did not fit",
            Told::PasskeyAdded => "Console: a passkey was added",
            Told::PasskeyRemoved => "Console: a passkey was removed",
            Told::PasswordChanged => "Console: your password was changed",
            Told::Renewed => "Console: your access was set up anew",
            Told::Emergency => "Console: customers' data was opened in an emergency",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Told::NewPlace => {
                "Somebody signed in to the shop's console as you, on a device or from a network that was not seen before."
            }
            Told::FactorMissed => {
                "Somebody who knows your password, or uses a session of yours, gave a second factor that does not fit. If you mistyped a \
                 code, there is nothing to do. If not, choose another password."
            }
            Told::PasskeyAdded => "A passkey was added to your access to the shop's console.",
            Told::PasskeyRemoved => "A passkey was removed from your access to the shop's console.",
            Told::PasswordChanged => {
                "The password of your access to the shop's console was changed. All your other sessions ended."
            }
            Told::Renewed => {
                "After a reset, your access to the shop's console has a new password and a new authenticator app."
            }
            Told::Emergency => {
                "A member of staff opened a customer's data beyond what the rules show them, because it could not wait. They said why."
            }
        }
    }
}

impl Told {
    const fn advice(self) -> &'static str {
        match self {
            Told::Emergency => {
                "Look into it under \u{201c}Data\u{201d}, \u{201c}Requests\u{201d} in the console: it stays on top there until somebody else has."
            }
            Told::NewPlace
            | Told::FactorMissed
            | Told::PasskeyAdded
            | Told::PasskeyRemoved
            | Told::PasswordChanged
            | Told::Renewed => {
                "If it was not you, end your sessions under \u{201c}You\u{201d} in the console and tell whoever runs the server: \
                 storeward staff reset takes the access away."
            }
        }
    }
}

impl Accounts {
    /// Tells whoever owns the shop, but for whoever did it, that customers' data was opened in an emergency.
    pub async fn tell_of_emergency(&self, by: StaffId) -> Result<(), Error> {
        let letters = self.letters.clone();
        let written = self.db.write(move |tx| -> Result<(), Error> {
            for owner in owners(tx)?.into_iter().filter(|owner| *owner != by) {
                letters.tell(tx, owner, Told::Emergency, &[])?;
            }
            tx.commit_silent("the emergency itself is told where it is opened");
            Ok(())
        });
        written.await
    }
}

impl Letters {
    pub fn new(outbox: Option<Outbox>) -> Self {
        Letters(outbox)
    }

    /// Notes where a session begins, and tells its owner of a place that is new. The first place of all is not: it is the one that
    /// the account was made at, or that was there before places were noted.
    pub fn signed_in(&self, tx: &mut Tx<'_>, session: &NewSession) -> Result<(), Error> {
        let network = network_of(&session.address);
        let seen = sql_letters::seen(tx, session.staff, &session.label, &network)?;
        self.note_place(tx, session)?;
        if seen.any && !(seen.device && seen.network) {
            self.tell(
                tx,
                session.staff,
                Told::NewPlace,
                &[("Device", &session.label), ("Network", &network)],
            )?;
        }
        Ok(())
    }

    /// Notes it without a letter.
    pub fn note_place(&self, tx: &mut Tx<'_>, session: &NewSession) -> Result<(), Error> {
        sql_letters::forget_seen(tx, session.staff, session.now.minus(KEPT))?;
        let network = network_of(&session.address);
        Ok(sql_letters::note_seen(tx, session.staff, &session.label, &network, session.now)?)
    }

    /// The second factor did not fit: told once a day at most, so that nobody floods a letter box.
    pub fn missed(&self, tx: &mut Tx<'_>, staff: StaffId, address: ClientIp) -> Result<(), Error> {
        let (told, now) = (Told::FactorMissed, tx.now());
        if sql_letters::claim(tx, staff, told.word(), now, now.minus(ONCE_IN))? {
            self.tell(tx, staff, told, &[("Network", &network_of(&address.to_string()))])?;
        }
        Ok(())
    }

    pub fn tell(
        &self,
        tx: &mut Tx<'_>,
        staff: StaffId,
        told: Told,
        facts: &[(&'static str, &str)],
    ) -> Result<(), Error> {
        let Some(outbox) = self.0.as_ref().filter(|outbox| outbox.offers(Channel::Mail)) else {
            return Ok(());
        };
        let Some(address) = sql_letters::address(tx, staff)? else { return Ok(()) };
        // One that no mail server would take is nobody's.
        let Ok(to) = mail::Address::parse(&address) else { return Ok(()) };
        let now = tx.now().to_string();
        let letter = Mail::new(TOPIC, Mailbox::from(to), Language::En, written(told, facts, &now));
        match outbox.mail(tx, &letter) {
            Ok(_) | Err(PostError::NotSetUp(_)) => Ok(()),
            Err(PostError::Store(error)) => Err(error.into()),
        }
    }
}

fn written(told: Told, facts: &[(&'static str, &str)], now: &str) -> mail::Letter {
    let line = |text: &str| Line::clean(text, "?");
    let facts = facts.iter().copied().chain([("When", now)]);
    mail::Letter::new(line(told.subject()))
        .with(Block::Text(told.text().to_owned()))
        .with(Block::Facts(facts.map(|(label, value)| (line(label), line(value))).collect()))
        .with(Block::Text(told.advice().to_owned()))
        .foot("This mail is about the security of your access, so it cannot be switched off. It has no link on purpose.")
}

/// The network that an address lies in: people move about within theirs.
fn network_of(address: &str) -> String {
    let client = address.parse::<ClientIp>().ok();
    let widest = client.and_then(|client| client.block().wider().into_iter().last());
    widest.map_or_else(|| "?".to_owned(), |network| network.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_those_that_people_move_in() {
        for (address, network) in
            [("198.51.100.7", "198.51.100.0/24"), ("2001:db8:7:1:2::3", "2001:db8:7::/48"), ("?", "?")]
        {
            assert_eq!(network_of(address), network);
        }
    }

    #[test]
    fn no_letter_has_a_link() {
        for told in [
            Told::NewPlace,
            Told::FactorMissed,
            Told::PasskeyAdded,
            Told::PasskeyRemoved,
            Told::PasswordChanged,
            Told::Renewed,
        ] {
            let said = format!("{:?}", written(told, &[("Device", "Firefox")], "2026-11-26"));
            assert!(!said.contains("http") && said.contains("Firefox"), "{said}");
        }
    }
}
