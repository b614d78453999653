//! What watching left open, in words.

use std::fmt;

use crate::error::AdapterError;

/// What was not plain, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// No form with one password field was sent.
    NoSignIn,
    /// The form has no field for the account's name before the password.
    NoUserField,
    /// Two forms of one page go to the same address with the same fields.
    TwinForms,
    /// The sign-in set no cookie, and there was none before that scripts cannot read.
    NoCookie,
    /// The form has a box to tick, such as "stay signed in", and no sign-in with it was seen: what the shop sets then may be as good
    /// as its session.
    Unticked(String),
    /// The sign-in set a cookie that the shop's scripts can read. Kept away from them it may break the shop; left to them it may
    /// be the session.
    ReadableCookie(String),
    /// No page afterwards showed the name that was typed.
    NoProbe,
    /// This page did, but nobody looked what a visitor sees there.
    NotCompared(String),
    /// This page shows it to everybody, or the same to a visitor.
    ShownToAll(String),
    /// What a visitor is answered at this page is known by nothing that is the same in every language.
    VisitorUnclear(String),
    /// A GraphQL call at this address that names the values itself, or does several things in one.
    UnplainCall(String),
    /// The answer to the sign-in holds what looks like a token here, and nothing was asked for with it.
    TokenUnused(String),
    /// Something was asked for with the token, and no page that names the account.
    TokenOpensNothing,
    /// A wrong password is answered as well as a right one, so a token under another name could not be told from a refusal.
    RefusalLooksRight,
    /// What came out is no adapter.
    Misfit(AdapterError),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::NoSignIn => {
                f.write_str("no name with a password was sent: sign in by the shop's own page")
            }
            Doubt::NoUserField => {
                f.write_str("the form has no field for the account's name before the password")
            }
            Doubt::TwinForms => {
                f.write_str("two forms of the page cannot be told apart: write `marker` into a file by hand")
            }
            Doubt::NoCookie => {
                f.write_str("the shop set no cookie that could be its session: is it a token of its scripts?")
            }
            Doubt::Unticked(name) => write!(
                f,
                "the sign-in has a box to tick, `{name}`: sign in once more with it ticked, so that it is seen by what the shop \
                 keeps people signed in"
            ),
            Doubt::ReadableCookie(name) => write!(
                f,
                "the sign-in set the cookie {name}, which scripts can read: whether it is the session only the shop's makers \
                 can say; name it under cookies.session or cookies.except"
            ),
            Doubt::NoProbe => f.write_str(
                "no page showed the account's name afterwards: open the page with your own data, too",
            ),
            Doubt::NotCompared(path) => write!(f, "what a visitor sees at {path} is not known"),
            Doubt::ShownToAll(path) => {
                write!(f, "{path} does not tell a customer from a visitor: open another page of the account")
            }
            Doubt::VisitorUnclear(path) => write!(
                f,
                "a visitor is neither led from {path} to the sign-in nor shown a link to it: open another page of the account"
            ),
            Doubt::UnplainCall(path) => write!(
                f,
                "the sign-in at {path} is a GraphQL call that names its values itself, or does several things at once: write \
                 its door by hand"
            ),
            Doubt::TokenUnused(pointer) => write!(
                f,
                "the answer to the sign-in holds what looks like a token, at {pointer}: open the account's page by the shop's \
                 own links, so that it is seen what the token opens"
            ),
            Doubt::TokenOpensNothing => f.write_str(
                "the sign-in hands out a token, and nothing that was asked for with it named the account: open the account's own \
                 data",
            ),
            Doubt::RefusalLooksRight => f.write_str(
                "the sign-in hands out a token, and answers a wrong password as it answers a right one: only the shop's makers \
                 can change that (401 is the answer that scripts expect)",
            ),
            Doubt::Misfit(error) => write!(f, "what came out is no adapter: {error}"),
        }
    }
}
