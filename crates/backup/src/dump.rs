//! Dumps of database servers, by the programs that come with them.
//!
//! Addresses and passwords go by the environment or a private file: arguments stand in the list of processes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;
use crate::sources::Environment;

/// How much of a program's complaint is passed on.
const MOST_WORDS: usize = 2_000;

/// A server, and how its program is told.
#[derive(Clone, Debug)]
pub enum Server {
    /// `pg_dump`: one transaction that sees one moment (REPEATABLE READ). Of one schema, or of the whole database.
    Postgres { environment: Environment, schema: Option<String> },
    /// `mariadb-dump` or `mysqldump`: one transaction. Tables that know no transactions (MyISAM) may differ by what happened meanwhile.
    MariaDb {
        host: Option<String>,
        port: Option<u16>,
        socket: Option<String>,
        user: String,
        password: storeward_base::Secret<String>,
        database: String,
    },
}

/// Writes a dump into the new file `to`. The rows of each table, where the dump tells them.
pub(crate) fn dump(server: &Server, to: &Path) -> Result<BTreeMap<String, u64>, Error> {
    match server {
        Server::Postgres { environment, schema } => postgres(environment, schema.as_deref(), to),
        Server::MariaDb { .. } => mariadb(server, to),
    }
}

fn postgres(
    environment: &Environment,
    schema: Option<&str>,
    to: &Path,
) -> Result<BTreeMap<String, u64>, Error> {
    let mut command = Command::new("pg_dump");
    command.args([
        "--format=plain",
        "--no-owner",
        "--no-privileges",
        "--encoding=UTF8",
        "--lock-wait-timeout=60000",
    ]);
    if let Some(schema) = schema {
        // A pattern: quoted, it stands for itself.
        command.arg(format!("--schema=\"{}\"", schema.replace('"', "\"\"")));
    }
    clean(&mut command, environment);
    let mut rows = BTreeMap::new();
    let mut table: Option<String> = None;
    run("pg_dump", command, to, |line| match &table {
        Some(_) if line == b"\\." => table = None,
        Some(name) => *rows.entry(name.clone()).or_insert(0) += 1,
        None => {
            table = copied_table(line);
            if let Some(name) = &table {
                rows.entry(name.clone()).or_insert(0);
            }
        }
    })?;
    Ok(rows)
}

/// `COPY schema.table (columns) FROM stdin;`
fn copied_table(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?;
    let rest = line.strip_prefix("COPY ")?;
    if !rest.ends_with(" FROM stdin;") {
        return None;
    }
    let (name, _) = rest.split_once(" (")?;
    let table = name.rsplit_once('.').map_or(name, |(_, table)| table);
    Some(table.trim_matches('"').to_owned())
}

fn mariadb(server: &Server, to: &Path) -> Result<BTreeMap<String, u64>, Error> {
    let Server::MariaDb { host, port, socket, user, password, database } = server else {
        return Err(Error::Program {
            program: "mariadb-dump",
            why: "it is for MariaDB and MySQL".to_owned(),
        });
    };
    // Read and deleted by us; the program reads it first of all.
    let options = to.with_extension("cnf");
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut text = format!("[client]\nuser={}\npassword={}\n", quoted(user), quoted(password.expose()));
    for (key, value) in
        [("host", host.clone()), ("socket", socket.clone()), ("port", port.map(|p| p.to_string()))]
    {
        if let Some(value) = value {
            text.push_str(&format!("{key}={}\n", quoted(&value)));
        }
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&options)
        .map_err(|why| Error::at(&options, &why))?;
    let written = file.write_all(text.as_bytes());
    zeroize(text);
    let done = written.map_err(|why| Error::at(&options, &why)).and_then(|()| {
        let program = ["mariadb-dump", "mysqldump"].into_iter().find(|name| is_there(name));
        let program = program.ok_or_else(|| Error::Program {
            program: "mariadb-dump",
            why: "neither mariadb-dump nor mysqldump is on this machine (package mariadb-client)".to_owned(),
        })?;
        let mut command = Command::new(program);
        command.arg(format!("--defaults-extra-file={}", options.display()));
        command.args([
            "--single-transaction",
            "--quick",
            "--routines",
            "--triggers",
            "--events",
            "--hex-blob",
            "--no-tablespaces",
            "--skip-dump-date",
            "--default-character-set=utf8mb4",
            "--",
        ]);
        command.arg(database);
        clean(&mut command, &Vec::new());
        let mut ended = false;
        run(program, command, to, |line| {
            if !line.is_empty() {
                ended = line.starts_with(b"-- Dump completed");
            }
        })?;
        if ended {
            Ok(BTreeMap::new())
        } else {
            Err(Error::Incomplete("the database's dump has no end".to_owned()))
        }
    });
    // It is in a folder that is deleted with the run anyway.
    drop(std::fs::remove_file(&options));
    done
}

fn zeroize(text: String) {
    drop(storeward_base::Secret::new(text));
}

fn is_there(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Only what the program needs: nothing of our own environment, in which secrets may stand.
pub(crate) fn clean(command: &mut Command, environment: &Environment) {
    command.env_clear();
    for name in ["PATH", "HOME", "TMPDIR", "TZ"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("LC_ALL", "C.UTF-8");
    for (name, value) in environment {
        command.env(name, value.expose());
    }
}

/// Runs it, writes what it says into `to`, and shows each line to `look` on the way.
fn run(
    program: &'static str,
    mut command: Command,
    to: &Path,
    mut look: impl FnMut(&[u8]),
) -> Result<(), Error> {
    let failed = |why: &dyn std::fmt::Display| Error::Program { program, why: why.to_string() };
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = started.map_err(|why| match why.kind() {
        std::io::ErrorKind::NotFound => failed(&"it is not on this machine"),
        _ => failed(&why),
    })?;
    let complaint = child.stderr.take().map(listen);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let mut file: BufWriter<File> = BufWriter::new(file.map_err(|why| Error::at(to, &why))?);
    let mut copied = || -> std::io::Result<()> {
        let Some(out) = child.stdout.take() else { return Ok(()) };
        let mut out = BufReader::with_capacity(256 * 1024, out);
        let mut line = Vec::new();
        while out.read_until(b'\n', &mut line)? > 0 {
            file.write_all(&line)?;
            look(line.strip_suffix(b"\n").unwrap_or(&line));
            line.clear();
        }
        file.flush()?;
        file.get_ref().sync_all()
    };
    let copied = copied();
    if copied.is_err() {
        // It may be waiting for somebody who reads.
        drop(child.kill());
    }
    let ended = child.wait().map_err(|why| failed(&why))?;
    let words = complaint.map(|thread| thread.join().unwrap_or_default()).unwrap_or_default();
    copied.map_err(|why| Error::at(to, &why))?;
    if ended.success() { Ok(()) } else { Err(failed(&words.trim())) }
}

/// What it complains of, cut.
pub(crate) fn listen(pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut words = Vec::new();
        let mut piece = [0; 1024];
        // Read to its end, so that the program is never held up.
        while let Ok(read) = pipe.read(&mut piece) {
            if read == 0 {
                break;
            }
            if words.len() < MOST_WORDS {
                words.extend_from_slice(piece.get(..read).unwrap_or_default());
            }
        }
        words.truncate(MOST_WORDS);
        String::from_utf8_lossy(&words).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_out_of_a_dump() {
        let check = |line: &str, table: Option<&str>| {
            assert_eq!(copied_table(line.as_bytes()).as_deref(), table, "{line}");
        };
        check("COPY public.ledger_entry (seq, body) FROM stdin;", Some("ledger_entry"));
        check("COPY test_1.\"Order\" (n) FROM stdin;", Some("Order"));
        check("COPY public.t (n) TO stdout;", None);
        check("INSERT INTO t VALUES ('COPY a (b) FROM stdin;')", None);
    }
}
