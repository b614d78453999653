//! Why a policy is not taken.

use std::fmt;

/// A fault of a policy's text, in words for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where in the text, from 1; nothing where the fault is of the text as a whole.
    pub line: Option<usize>,
    pub why: String,
}

impl Fault {
    pub(crate) fn whole(why: impl Into<String>) -> Self {
        Fault { line: None, why: why.into() }
    }

    pub(crate) fn at(line: Option<usize>, why: impl Into<String>) -> Self {
        Fault { line, why: why.into() }
    }
}

/// The line of a place in a text.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl std::error::Error for Fault {}
