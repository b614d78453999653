//! A database of PostgreSQL that is made for a trial and dropped after it, by PostgreSQL's own `psql`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;
use crate::dump::{clean, listen};
use crate::sources::Environment;

/// Dropped when it goes out of sight.
#[derive(Debug)]
pub struct TrialDatabase {
    environment: Environment,
    name: String,
}

impl TrialDatabase {
    /// Makes an empty database on the server that `environment` leads to. The account must be allowed to (`CREATEDB`).
    pub fn create(environment: &Environment, name: &str) -> Result<Self, Error> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.chars().all(fits) {
            return Err(Error::Opens("a trial database's name has small letters and digits".to_owned()));
        }
        psql(
            environment,
            None,
            &["-c", &format!("CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'")],
        )?;
        Ok(TrialDatabase { environment: environment.clone(), name: name.to_owned() })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Loads a dump, all of it or nothing.
    pub fn load(&self, dump: &Path, schema: Option<&str>) -> Result<(), Error> {
        if let Some(schema) = schema {
            // The dump makes it itself.
            let drop = format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", schema.replace('"', "\"\""));
            psql(&self.environment, Some(&self.name), &["-c", &drop])?;
        }
        let file = dump.to_str().ok_or_else(|| Error::at(dump, &"its name is not UTF-8"))?;
        psql(&self.environment, Some(&self.name), &["-1", "-f", file])
    }
}

impl Drop for TrialDatabase {
    fn drop(&mut self) {
        let drop_it = format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.name);
        // It holds a copy: what stays behind is named like a trial, and the next look at the server shows it.
        drop(psql(&self.environment, None, &["-c", &drop_it]));
    }
}

fn psql(environment: &Environment, database: Option<&str>, arguments: &[&str]) -> Result<(), Error> {
    let failed = |why: &dyn std::fmt::Display| Error::Program { program: "psql", why: why.to_string() };
    let mut command = Command::new("psql");
    clean(&mut command, environment);
    if let Some(database) = database {
        command.env("PGDATABASE", database);
    }
    command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]).args(arguments);
    let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = started.map_err(|why| match why.kind() {
        std::io::ErrorKind::NotFound => failed(&"it is not on this machine (package postgresql-client)"),
        _ => failed(&why),
    })?;
    let complaint = child.stderr.take().map(listen);
    let ended = child.wait().map_err(|why| failed(&why))?;
    let words = complaint.map(|thread| thread.join().unwrap_or_default()).unwrap_or_default();
    if ended.success() { Ok(()) } else { Err(failed(&words.trim())) }
}
