//! Why a word of the command line did not do its deed: what happened, and what to do.

use std::fmt;

#[derive(Debug)]
pub struct Failure {
    what: String,
    todo: Option<String>,
}

impl Failure {
    pub fn new(what: impl Into<String>) -> Self {
        Failure { what: what.into(), todo: None }
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn hint(mut self, todo: impl Into<String>) -> Self {
        self.todo = Some(todo.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.todo {
            Some(todo) => write!(f, "\n  → {todo}"),
            None => Ok(()),
        }
    }
}

/// Adds what was being done to an error of another crate.
pub trait Context<T> {
    fn context(self, doing: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> Context<T> for Result<T, E> {
    fn context(self, doing: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(format!("{doing}: {error}")))
    }
}
