//! `storeward api-key` and `storeward api`: keys for programs, and what they may call.

use std::time::Duration;

use storeward_api::{Act, Draft, Key, Sort, document, own_operations, reference};
use storeward_base::{Actor, AddressList, ApiKeyId};
use storeward_events::system::RowHarmed;
use storeward_policy::Purpose;
use storeward_vault::rest;

use super::keys;
use crate::failure::{Context, Failure, say};
use crate::oidc::finished;
use crate::open;
use crate::{Directory, Done};

const DAY: Duration = Duration::from_secs(24 * 3_600);

#[derive(Debug, clap::Args)]
pub struct KeyOptions {
    #[command(subcommand)]
    word: KeyWord,
}

#[derive(Debug, clap::Subcommand)]
enum KeyWord {
    /// Make a key. It is printed once, and cannot be asked for again.
    Create {
        /// What it is for, in your words.
        #[arg(long)]
        name: String,
        /// What it may do: read, write, erase, export, pay, refund, scripts, approve. Several times for several.
        #[arg(long = "act", value_name = "ACT", required = true)]
        acts: Vec<String>,
        /// In which role the rules see it: shop, fulfilment, support, accountant, marketing, owner.
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        /// What it may open data for: support, shipping, invoicing, dispute, rights_request, legal_claim, marketing.
        #[arg(long = "purpose", value_name = "PURPOSE", required = true)]
        purposes: Vec<String>,
        /// From where it may be used, such as 10.0.0.0/8; from everywhere where it is left out.
        #[arg(long = "network", value_name = "NETWORK")]
        networks: Vec<String>,
        /// After so many days it is good for nothing.
        #[arg(long, value_name = "DAYS")]
        expires_days: Option<u32>,
        #[command(flatten)]
        at: Directory,
    },
    /// All keys, with what each may do and when it was used last.
    List(Directory),
    /// Revoke a key: from its next call on it is good for nothing.
    Revoke {
        /// Its id, from `list`.
        key: String,
        #[command(flatten)]
        at: Directory,
    },
}

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, clap::Subcommand)]
enum Word {
    /// Print the OpenAPI document.
    Openapi,
    /// Print the reference of docs/api.md.
    Reference,
}

pub fn api_key(options: &KeyOptions) -> Done {
    match &options.word {
        KeyWord::Create { name, acts, roles, purposes, networks, expires_days, at } => {
            let opened = open::open(&at.dir)?;
            let draft = Draft {
                name: name.clone(),
                acts: each(acts, "act", Act::of_name)?,
                roles: roles.clone(),
                purposes: each(purposes, "purpose", Purpose::of_name)?,
                networks: AddressList::parse(networks).context("--network")?,
                expires_at: expires_days.map(|days| opened.clock.now().plus(DAY * days)),
            };
            let made = finished(keys(&opened).make(draft, Actor::Operator))?.context("the key")?;
            say(format!(
                "{}\n{}\n\nKeep it now: it is not shown again. Send it as `Authorization: Bearer`, never in an address.",
                made.key.id,
                made.text.expose()
            ))
        }
        KeyWord::List(at) => {
            let opened = open::open(&at.dir)?;
            keys(&opened).bind_old_blocking().context("the keys")?;
            let all = finished(keys(&opened).list())?.context("the keys")?;
            let lines: Vec<String> = all.iter().map(|key| line(key, opened.clock.now())).collect();
            match all.is_empty() {
                true => say("There are no keys.")?,
                false => say(lines.join("\n"))?,
            }
            harmed(finished(keys(&opened).look())?.context("the keys")?)
        }
        KeyWord::Revoke { key, at } => {
            let id: ApiKeyId = key.parse().context("the key's id")?;
            let opened = open::open(&at.dir)?;
            finished(keys(&opened).revoke(id, Actor::Operator))?.context("the key")?;
            say("Revoked: from its next call on it is good for nothing.")
        }
    }
}

/// Names what is not as Storeward wrote it, and ends with status 1 then.
fn harmed(found: Vec<RowHarmed>) -> Done {
    if found.is_empty() {
        return Ok(());
    }
    let rows: Vec<String> = found.iter().map(|one| format!("{}: {}", one.row, one.harm)).collect();
    Err(Failure::new(format!("rows of keys are not what Storeward wrote: {}", rows.join(", "))).hint(
        "somebody was at the database: such a key is good for nothing. Revoke it, make another one, and see who may write there",
    ))
}

fn each<T>(words: &[String], what: &str, of_name: impl Fn(&str) -> Option<T>) -> Done<Vec<T>> {
    let one = |word: &String| {
        let word: String = word.chars().take(40).collect();
        of_name(&word).ok_or_else(|| {
            Failure::new(format!("there is no {what} `{word}`"))
                .hint("`storeward api-key create --help` lists them")
        })
    };
    words.iter().map(one).collect()
}

fn line(key: &Key, now: storeward_base::Timestamp) -> String {
    let names = |words: Vec<&str>| words.join(",");
    let state = match (key.doubt, key.revoked_at, key.expires_at) {
        (Some(Sort::Orphaned), ..) => "good for nothing: its maker may not make keys any more".to_owned(),
        (Some(_), ..) => "good for nothing: CHANGED in the database past Storeward".to_owned(),
        (None, Some(at), _) => format!("revoked {at}"),
        (None, None, Some(end)) if end <= now => format!("expired {end}"),
        (None, None, Some(end)) => format!("good until {end}"),
        (None, None, None) => "good".to_owned(),
    };
    let networks: Vec<String> = key.networks.entries().collect();
    format!(
        "{}  {}  acts {}  roles {}  purposes {}  from {}  used {}  swk_{}…  {}",
        key.id,
        state,
        names(key.acts.iter().map(|act| act.name()).collect()),
        key.roles.join(","),
        names(key.purposes.iter().map(|purpose| purpose.name()).collect()),
        if networks.is_empty() { "everywhere".to_owned() } else { networks.join(",") },
        key.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string()),
        key.handle,
        key.name,
    )
}

pub fn api(options: &Options) -> Done {
    let mut operations = own_operations();
    operations.extend(rest::operations(None));
    match &options.word {
        Word::Openapi => {
            operations.extend(storeward_payments::rest::operations(None));
            operations.extend(storeward_checkout::rest::operations(None));
            say(&serde_json::to_string_pretty(&document(&operations)).context("the document")?)
        }
        Word::Reference => say(reference(&document(&operations)).trim_end()),
    }
}
