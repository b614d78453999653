//! `storeward staff invite`: a one-time link with which a member of staff enrols.

use crate::failure::Context;
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
}

pub fn staff(options: &Options) -> Done {
    let Word::Invite(at) = &options.word;
    let opened = open::open(&at.dir)?;
    let origin = crate::console::origin(&opened.loaded.config);
    let link = crate::console::offer_enrolment(
        &opened.db,
        &opened.data_key,
        opened.entropy.as_ref(),
        storeward_base::Actor::Operator,
    )
    .context("the enrolment link")?;
    println!("{origin}{}", link.expose());
    Ok(())
}
