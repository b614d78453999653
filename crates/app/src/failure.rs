//! Why a word of the command line did not do its deed: what happened, and what to do.

use std::io::Write as _;
use std::{fmt, io};

#[derive(Debug)]
pub struct Failure {
    what: String,
    todo: Option<String>,
}

impl Failure {
    pub fn new(what: impl Into<String>) -> Self {
        Failure { what: what.into(), todo: None }
    }

    /// What happened, without what to do.
    pub fn what(&self) -> &str {
        &self.what
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

impl Failure {
    /// What happened and what to do, apart.
    pub fn into_parts(self) -> (String, Option<String>) {
        (self.what, self.todo)
    }
}

/// Adds what was being done to an error of the operating system, and what usually helps.
pub trait IoContext<T> {
    fn doing(self, doing: impl fmt::Display) -> Result<T, Failure>;
}

impl<T> IoContext<T> for Result<T, io::Error> {
    fn doing(self, doing: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| {
            let failure = Failure::new(format!("{doing}: {error}"));
            match what_helps(error.kind()) {
                Some(todo) => failure.hint(todo),
                None => failure,
            }
        })
    }
}

fn what_helps(kind: io::ErrorKind) -> Option<&'static str> {
    use io::ErrorKind as Kind;
    match kind {
        Kind::AddrInUse => Some("stop what uses the port (`ss -ltnp` shows it), or choose another one"),
        Kind::AddrNotAvailable => Some("this machine has no such address; `ip address` lists those it has"),
        Kind::PermissionDenied => Some(
            "run it as a user who may: for a folder, its owner; for ports below 1024, packaging/storeward.service or \
             `setcap cap_net_bind_service=+ep` on the binary",
        ),
        Kind::ReadOnlyFilesystem => Some("the file system is read-only: name another folder with --dir"),
        Kind::StorageFull => {
            Some("the disk is full: make room, then start again; nothing written so far is lost")
        }
        Kind::NotADirectory | Kind::AlreadyExists => {
            Some("a file stands where a folder should: name another one")
        }
        _ => None,
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

/// A line on standard output. Whoever closed the pipe (`| head`) has read enough: that is an end, not a failure.
pub fn say(line: impl fmt::Display) -> Result<(), Failure> {
    say_bytes(format!("{line}\n").as_bytes())
}

/// The same of bytes as they are.
pub fn say_bytes(bytes: &[u8]) -> Result<(), Failure> {
    match io::stdout().write_all(bytes) {
        Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.context("standard output"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_errors_say_what_to_do() {
        let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = std::net::TcpListener::bind(held.local_addr().unwrap()).map(drop);
        let told = taken.doing("the front door").unwrap_err().to_string();
        assert!(
            told.starts_with("the front door: ") && told.contains("\n  → stop what uses the port"),
            "{told}"
        );
        let file = std::fs::create_dir_all("/dev/null/x").doing("cannot make it").unwrap_err().to_string();
        assert!(file.contains("→ a file stands"), "{file}");
    }
}
