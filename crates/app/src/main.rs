//! The binary: one word, one deed.
//!
//! **Owns** the command line, the wiring of the domains, the config file, the demo.
//! **Holds** every word takes `--dir`; an error says what happened and what to do, and ends with status 1.
//! **Never** a rule or a decision of a domain.
//! **Emits** `system.*`.
#![forbid(unsafe_code)]

mod anchor;
mod api;
mod audit;
mod backup;
mod breach_list;
mod ca;
mod check;
mod checkout;
mod config;
mod console;
mod customers;
mod data;
mod demo;
mod events;
mod failure;
mod fraud;
mod gate;
mod guide;
mod identity;
mod init;
mod ledger_emit;
mod ledger_head;
mod mail;
mod office;
mod oidc;
mod open;
mod page_threads;
mod passwords;
mod payments;
mod platform;
mod reload;
mod run;
mod shield;
mod staff;
mod teach;
mod telemetry;
mod vault;
mod witness;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

// The system's allocator costs 8 % more instructions per request (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Storeward protects an online shop and its customers' data: TLS, intrusion detection, evidence.
#[derive(Debug, Parser)]
#[command(name = "storeward", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, Subcommand)]
enum Word {
    /// Start a sample shop with Storeward in front of it, to see what it does.
    Demo(demo::Options),
    /// Write storeward.toml and keys for a real shop.
    Init(init::Options),
    /// Look whether everything is ready, and say what to do about what is not.
    Check(check::Options),
    /// Serve.
    Run(run::Options),
    /// Put a changed config in force without dropping a connection.
    Reload(Directory),
    /// The development CA, for machines without a public name.
    Ca(ca::Options),
    /// What happened.
    Events(events::Options),
    /// Proofs over the ledger.
    Audit(audit::Options),
    /// Members of staff.
    Staff(staff::Options),
    /// Customers' accounts: take over those of another shop.
    Identity(identity::import::Options),
    /// Mail: try it out, and make the keys that sign it.
    Mail(mail::MailOptions),
    /// Short messages: try them out.
    Sms(mail::SmsOptions),
    /// The shield: propose an adapter for a shop that none fits, and tell what the test account found.
    Shield(shield::learn::Options),
    /// Shops that sign their customers in by OpenID Connect, and the keys for it.
    Oidc(oidc::Options),
    /// Customers' records: how they stand, their keys, the rules of who may see what.
    Vault(vault::Options),
    /// Scorers of attempts to pay: learn them of the shop's own past, try them, put them in place.
    Fraud(fraud::Options),
    /// Payments: hold days against the providers' own lists.
    Payments(payments::Options),
    /// What runs on paying pages: the inventory, approvals, alerts, the evidence of it.
    Checkout(Box<checkout::Options>),
    /// Backups: make, list, verify, restore, and restore on trial.
    Backup(backup::Options),
    /// Keys with which programs call the REST interface.
    ApiKey(api::KeyOptions),
    /// What the REST interface answers: its OpenAPI document and its reference.
    Api(api::Options),
    /// The offline list of breached passwords.
    BreachList(breach_list::Options),
}

/// Where everything lies.
#[derive(Clone, Debug, clap::Args)]
struct Directory {
    /// Data directory with its storeward.toml.
    #[arg(long, value_name = "DIR", default_value = "storeward-data")]
    dir: PathBuf,
}

fn main() -> ExitCode {
    match act(Cli::parse().word) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody reads where standard error is closed; the code says it all the same.
            let _ = writeln!(std::io::stderr(), "storeward: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn act(word: Word) -> Done {
    match word {
        Word::Demo(options) => demo::demo(&options),
        Word::Init(options) => init::init(&options),
        Word::Check(options) => check::check(&options),
        Word::Run(options) => run::run(&options),
        Word::Reload(at) => reload::reload(&at.dir),
        Word::Ca(options) => ca::ca(&options),
        Word::Events(options) => events::events(&options),
        Word::Audit(options) => audit::audit(&options),
        Word::Staff(options) => staff::staff(&options),
        Word::Identity(options) => identity::import::word(&options),
        Word::Mail(options) => mail::mail(&options),
        Word::Sms(options) => mail::sms(&options),
        Word::Shield(options) => shield::learn::shield(&options),
        Word::Oidc(options) => oidc::oidc(&options),
        Word::Vault(options) => vault::vault(&options),
        Word::Fraud(options) => fraud::fraud(&options),
        Word::Payments(options) => payments::payments(&options),
        Word::Checkout(options) => checkout::checkout(&options),
        Word::Backup(options) => backup::backup(&options),
        Word::ApiKey(options) => api::api_key(&options),
        Word::Api(options) => api::api(&options),
        Word::BreachList(options) => breach_list::breach_list(&options),
    }
}

/// Result of a word.
type Done<T = ()> = Result<T, Failure>;
