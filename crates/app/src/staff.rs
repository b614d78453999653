//! `storeward staff`: who may sign in to the console.

use std::io::Write;

use storeward_base::{Actor, Timestamp};
use storeward_console::{Change, Changed, Console, Groups, Offer};

use crate::failure::{Context, Failure};
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
    /// Put somebody into these groups, and into no other; without any, into none. `admin` may change others in the console.
    Groups {
        #[command(flatten)]
        member: Member,
        #[arg(value_name = "GROUP")]
        groups: Vec<String>,
    },
    /// Sign somebody out everywhere and let them in no more, until they are unlocked.
    Lock(Member),
    /// Let somebody in again who was locked.
    Unlock(Member),
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
        Word::Groups { member, groups } => {
            let groups = Groups::parse(groups.iter().map(String::as_str)).ok_or_else(|| {
                Failure::new("names of groups have 1 to 40 of a-z, 0-9 and -; one person is in at most 20")
            })?;
            change(member, &Change::Groups(groups))
        }
        Word::Lock(member) => change(member, &Change::Lock),
        Word::Unlock(member) => change(member, &Change::Unlock),
        Word::Remove(member) => {
            let opened = open::open(&member.at.dir)?;
            let removed = Console::remove_member_blocking(&opened.db, Actor::Operator, &member.who);
            say(&format!("Removed {}.", removed.context("staff remove")?))
        }
    }
}

fn change(member: &Member, change: &Change) -> Done {
    let opened = open::open(&member.at.dir)?;
    let changed = Console::change_member_blocking(&opened.db, Actor::Operator, &member.who, change);
    say(match changed.context("staff")? {
        Changed::Yes => "Done. It holds from the next request on, here and at the gates.",
        Changed::WasSo => "It was so already.",
    })
}

fn print_link(opened: &Opened, offer: &Offer) -> Done {
    say(&format!("{}{}", crate::console::origin(&opened.loaded.config), offer.path.expose()))
}

fn list(opened: &Opened) -> Done {
    let members = Console::members_blocking(&opened.db).context("the staff")?;
    for member in &members {
        let since = match (member.locked_at, member.reset_at) {
            (Some(at), _) => format!("locked {}", day(at)),
            (None, Some(at)) => format!("reset {}, has to enrol again", day(at)),
            (None, None) => format!("since {}", day(member.enrolled_at)),
        };
        let seen = member.seen_at.map_or_else(String::new, |at| format!(", signed in, last seen {at}"));
        // Control characters were refused when the account was made.
        let groups = match member.groups.as_slice() {
            [] => String::new(),
            groups => format!("  [{}]", groups.join(" ")),
        };
        say(&format!("{}  {} <{}>  {since}{seen}{groups}", member.id, member.name, member.email))?;
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
