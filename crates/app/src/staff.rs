//! `storeward staff`: who may sign in to the console.

use std::io::Write;

use storeward_base::{Actor, Timestamp};
use storeward_console::{Console, Offer};

use crate::failure::Context;
use crate::open::Opened;
use crate::{Directory, Done, open};

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, clap::Subcommand)]
enum Word {
    /// Print a one-time enrolment link; it works once, within 24 hours.
    Invite(Directory),
    /// Print everybody: id, name, e-mail, since when, and when they were last here.
    List(Directory),
    /// For somebody who lost their authenticator: take password and codes away, end all sessions, print a new link.
    Reset(Member),
    /// Delete an account with its sessions and links.
    Remove(Member),
}

#[derive(Debug, clap::Args)]
struct Member {
    /// Id or e-mail address, as `staff list` prints them.
    #[arg(value_name = "WHO")]
    who: String,
    #[command(flatten)]
    at: Directory,
}

pub fn staff(options: &Options) -> Done {
    match &options.word {
        Word::Invite(at) => {
            let opened = open::open(&at.dir)?;
            let (db, key, entropy) = (&opened.db, &opened.data_key, opened.entropy.as_ref());
            let offer = Console::offer_enrolment_blocking(db, key, entropy, Actor::Operator);
            print_link(&opened, &offer.context("the enrolment link")?)
        }
        Word::List(at) => list(&open::open(&at.dir)?),
        Word::Reset(member) => {
            let opened = open::open(&member.at.dir)?;
            let (db, key, entropy) = (&opened.db, &opened.data_key, opened.entropy.as_ref());
            let offer = Console::reset_member_blocking(db, key, entropy, Actor::Operator, &member.who);
            print_link(&opened, &offer.context("staff reset")?)
        }
        Word::Remove(member) => {
            let opened = open::open(&member.at.dir)?;
            let removed = Console::remove_member_blocking(&opened.db, Actor::Operator, &member.who);
            say(&format!("Removed {}.", removed.context("staff remove")?))
        }
    }
}

fn print_link(opened: &Opened, offer: &Offer) -> Done {
    say(&format!("{}{}", crate::console::origin(&opened.loaded.config), offer.path.expose()))
}

fn list(opened: &Opened) -> Done {
    let members = Console::members_blocking(&opened.db).context("the staff")?;
    for member in &members {
        let since = match member.reset_at {
            Some(at) => format!("reset {}, has to enrol again", day(at)),
            None => format!("since {}", day(member.enrolled_at)),
        };
        let seen = member.seen_at.map_or_else(String::new, |at| format!(", signed in, last seen {at}"));
        // Control characters were refused when the account was made.
        say(&format!("{}  {} <{}>  {since}{seen}", member.id, member.name, member.email))?;
    }
    if members.is_empty() {
        say("Nobody yet. `storeward staff invite` prints a link.")?;
    }
    Ok(())
}

fn day(at: Timestamp) -> String {
    at.rfc3339().chars().take(10).collect()
}

/// A pipe that was closed is a reason to stop, not to panic.
fn say(line: &str) -> Done {
    writeln!(std::io::stdout(), "{line}").context("standard output")
}
