//! A rule is data, in the shape of SecLang: phase, variables, transformations, operator, score, chain.

use std::borrow::Cow;
use std::fmt;

pub use crate::values::Collection;
use crate::verdict::{Category, Severity};

/// When a rule runs first. In that phase it sees all values so far; in later phases of the same direction what is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    RequestHead,
    RequestBody,
    ResponseHead,
    ResponseBody,
}

/// What a match does beyond being recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Adds the severity's score.
    Score,
    /// Adds nothing and asks for a challenge.
    Challenge,
    /// Adds nothing: staff read about it.
    Report,
    /// Adds the score and blocks at once.
    Deny,
}

/// Whether a rule also looks at values whose name says password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretFields {
    /// A hard signature: nobody's password looks like this.
    Inspect,
    /// A text detector: a good password may well look like an attack.
    Skip,
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub id: u32,
    pub phase: Phase,
    pub category: Category,
    pub severity: Severity,
    pub action: Action,
    pub secret_fields: SecretFields,
    pub message: Cow<'static, str>,
    pub condition: Condition,
    /// Further conditions, each of which some value must meet.
    pub chain: Vec<Condition>,
}

#[derive(Debug, Clone)]
pub struct Condition {
    pub variables: Vec<Variable>,
    /// Taken out of `variables`.
    pub exclusions: Vec<Variable>,
    pub transformations: Vec<Transformation>,
    pub operator: Operator,
    pub negated: bool,
}

/// A collection, or the values of one whose name is selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub collection: Collection,
    pub selector: Selector,
}

/// Which names of a collection; letter case does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    All,
    Name(Cow<'static, str>),
    Prefix(Cow<'static, str>),
}

impl Variable {
    pub fn all(collection: Collection) -> Variable {
        Variable { collection, selector: Selector::All }
    }

    pub fn named(collection: Collection, name: impl Into<Cow<'static, str>>) -> Variable {
        Variable { collection, selector: Selector::Name(name.into()) }
    }

    pub(crate) fn selects(&self, collection: Collection, name: &[u8]) -> bool {
        self.collection == collection
            && match &self.selector {
                Selector::All => true,
                Selector::Name(wanted) => name.eq_ignore_ascii_case(wanted.as_bytes()),
                Selector::Prefix(prefix) => name
                    .get(..prefix.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes())),
            }
    }
}

/// One step of a pipeline; the names are SecLang's where SecLang has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transformation {
    /// `%HH`, `%uHHHH` and `+`, once.
    UrlDecodeUni,
    /// `%HH` and `%uHHHH` until nothing changes, three times at most.
    PercentDecode,
    HtmlEntityDecode,
    JsDecode,
    CssDecode,
    Base64Decode,
    /// Overlong UTF-8, full-width letters, odd white space.
    FoldConfusables,
    Lowercase,
    RemoveNulls,
    RemoveWhitespace,
    CompressWhitespace,
    ReplaceComments,
    CmdLine,
    /// Quotes, backslashes and carets gone, as a shell reads a word; everything else stays.
    RemoveShellQuotes,
    NormalizePath,
}

#[derive(Debug, Clone)]
pub enum Operator {
    /// A regular expression over bytes, without Unicode, `.` matching line ends; write `(?i)` where case is free.
    Rx(Cow<'static, str>),
    /// Any of these phrases, in any case, anywhere.
    Phrases(Vec<Cow<'static, str>>),
    /// The whole value, in any case.
    Equals(Cow<'static, str>),
    /// One of these as the whole value, in any case.
    Within(Vec<Cow<'static, str>>),
    DetectSqli,
    DetectXss,
    /// The same two for values that hold something a pipeline would undo (`%`, `&`, a backslash): the shop may undo
    /// nothing, and then `'%27'` is one string and `&#10;` stands inside of one attribute.
    DetectSqliAsWritten,
    DetectXssAsWritten,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// A payment card's number (see the `cards` module).
    CardNumber,
    /// Any value at all.
    Always,
}

/// A rule as staff see it in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    pub id: u32,
    pub phase: Phase,
    pub category: Category,
    pub severity: Severity,
    pub action: Action,
    pub message: std::sync::Arc<str>,
}

/// Why a set of rules cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    RepeatedId(u32),
    BadPattern { rule_id: u32, reason: String },
    TooManyRules,
    TooManyPipelines,
    Prefilter(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::RepeatedId(id) => write!(f, "two rules have the id {id}; ids must be unique"),
            LoadError::BadPattern { rule_id, reason } => {
                write!(f, "rule {rule_id}: the pattern does not compile: {reason}")
            }
            LoadError::TooManyRules => f.write_str("more than 65,535 rules; split the set"),
            LoadError::TooManyPipelines => f.write_str("more than 255 transformation steps; share pipelines"),
            LoadError::Prefilter(reason) => write!(f, "the literal prefilter does not compile: {reason}"),
        }
    }
}

impl std::error::Error for LoadError {}
