//! A server that speaks SFTP, version 3 (draft-ietf-secsh-filexfer-02), by way of this machine's `ssh`, as restic does it: keys,
//! known hosts and jump hosts are `ssh`'s own, and no second SSH comes into the program.

mod packet;

use std::collections::BTreeSet;
use std::io::{BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::{Name, Place};
use crate::Error;
use crate::dump::listen;
use crate::target::SftpTarget;
use packet::{Fields, Packet};

const VERSION: u32 = 3;
/// What every server takes in one packet (section 3: 34,000 bytes).
const CHUNK: usize = 32 * 1024;
/// Writes and reads that are on their way at once: a trip to the server and back carries half a megabyte.
const WINDOW: usize = 16;
/// A longer packet is none of SFTP's.
const MOST_PACKET: usize = 512 * 1024;

const INIT: u8 = 1;
const OPEN: u8 = 3;
const CLOSE: u8 = 4;
const READ: u8 = 5;
const WRITE: u8 = 6;
const OPENDIR: u8 = 11;
const READDIR: u8 = 12;
const REMOVE: u8 = 13;
const MKDIR: u8 = 14;
const STAT: u8 = 17;
const RENAME: u8 = 18;
const EXTENDED: u8 = 200;
const ANSWER_STATUS: u8 = 101;
const ANSWER_HANDLE: u8 = 102;
const ANSWER_DATA: u8 = 103;
const ANSWER_NAME: u8 = 104;
const ANSWER_ATTRS: u8 = 105;

const OK: u32 = 0;
const EOF: u32 = 1;
const NO_SUCH_FILE: u32 = 2;

const FLAG_READ: u32 = 1;
const FLAG_WRITE: u32 = 2;
const FLAG_CREATE: u32 = 8;
const FLAG_TRUNCATE: u32 = 16;
const ATTR_SIZE: u32 = 1;
const ATTR_OWNER: u32 = 2;
const ATTR_MODE: u32 = 4;
const ATTR_TIMES: u32 = 8;
const MODE_FOLDER: u32 = 0o040_000;
const MODE_FILE: u32 = 0o100_000;
const MODE_KIND: u32 = 0o170_000;

pub(crate) struct Sftp {
    shown: String,
    root: String,
    link: Link,
    /// One at a time: the program is one stream.
    session: Mutex<Option<Session>>,
}

/// What has SFTP at its other end.
enum Link {
    Program(Vec<String>),
    #[cfg(test)]
    Streams(fn(&str) -> Streams),
}

type Streams = (Box<dyn Read + Send>, Box<dyn Write + Send>);

impl Sftp {
    pub(crate) fn new(target: &SftpTarget, key_file: Option<&std::path::Path>) -> Self {
        let shown = crate::Target::Sftp(target.clone()).to_string();
        let link = Link::Program(ssh(target, key_file));
        Sftp { shown, root: target.path.clone(), link, session: Mutex::default() }
    }

    fn path(&self, name: Name<'_>) -> String {
        match self.root.as_str() {
            "" => name.to_owned(),
            root => format!("{root}/{name}"),
        }
    }

    fn failed(&self, why: &Trouble) -> Error {
        Error::Target { place: self.shown.clone(), why: why.words() }
    }

    /// Does something in the session; one that broke is begun anew, once.
    fn with<T>(&self, mut work: impl FnMut(&mut Session) -> Result<T, Trouble>) -> Result<T, Error> {
        let mut held = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        for is_second in [false, true] {
            if held.is_none() {
                *held = Some(Session::start(&self.link, &self.root).map_err(|why| self.failed(&why))?);
            }
            let Some(session) = held.as_mut() else { continue };
            match work(session) {
                Err(Trouble::Broken(why)) => {
                    let complaint = held.take().map(Session::end).unwrap_or_default();
                    if is_second {
                        return Err(self.failed(&Trouble::Broken(format!("{why} {complaint}"))));
                    }
                }
                done => return done.map_err(|why| self.failed(&why)),
            }
        }
        Err(self.failed(&Trouble::Broken("the connection broke twice".to_owned())))
    }

    fn make_folder(&self, session: &mut Session, path: &str) -> Result<(), Trouble> {
        if session.stat(path)?.is_some() {
            return Ok(());
        }
        match path.rsplit_once('/') {
            Some((parent, _)) if !parent.is_empty() => self.make_folder(session, parent)?,
            _ => {}
        }
        match session.ask(MKDIR, Packet::new().text(path).number(ATTR_MODE).number(0o700))? {
            Answer::Status(OK, _) => Ok(()),
            // Somebody else made it meanwhile.
            _ if session.stat(path)?.is_some() => Ok(()),
            other => Err(other.unexpected("a folder could not be made")),
        }
    }
}

fn ssh(target: &SftpTarget, key_file: Option<&std::path::Path>) -> Vec<String> {
    let mut command: Vec<String> = [
        "ssh",
        "-o",
        "BatchMode=yes",
        "-o",
        "ConnectTimeout=20",
        "-o",
        "ServerAliveInterval=20",
        "-o",
        "ServerAliveCountMax=3",
        "-o",
        "ForwardAgent=no",
        "-o",
        "ClearAllForwardings=yes",
    ]
    .iter()
    .map(|&word| word.to_owned())
    .collect();
    if let Some(port) = target.port {
        command.extend(["-p".to_owned(), port.to_string()]);
    }
    if let Some(user) = &target.user {
        command.extend(["-l".to_owned(), user.clone()]);
    }
    if let Some(key) = key_file {
        command.extend([
            "-o".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "-i".to_owned(),
            key.display().to_string(),
        ]);
    }
    command.extend(["-s".to_owned(), "--".to_owned(), target.host.clone(), "sftp".to_owned()]);
    command
}

impl Place for Sftp {
    fn shown(&self) -> String {
        self.shown.clone()
    }

    fn prepare(&self, folders: &[String]) -> Result<(), Error> {
        let paths: BTreeSet<String> = folders.iter().map(|folder| self.path(folder)).collect();
        self.with(|session| paths.iter().try_for_each(|path| self.make_folder(session, path)))
    }

    fn list(&self, folder: Name<'_>) -> Result<Vec<(String, u64)>, Error> {
        let root = self.path(folder);
        self.with(|session| {
            let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
            while let Some(folder) = folders.pop() {
                for entry in session.read_folder(&folder)? {
                    match entry.mode & MODE_KIND {
                        MODE_FOLDER => folders.push(format!("{folder}/{}", entry.name)),
                        MODE_FILE => found.push((entry.name, entry.size)),
                        _ => {}
                    }
                }
            }
            Ok(found)
        })
    }

    fn length(&self, name: Name<'_>) -> Result<Option<u64>, Error> {
        let path = self.path(name);
        self.with(|session| Ok(session.stat(&path)?.map(|entry| entry.size)))
    }

    fn read(&self, name: Name<'_>) -> Result<Bytes, Error> {
        let path = self.path(name);
        self.with(|session| {
            let size =
                session.stat(&path)?.ok_or_else(|| Trouble::refused(&format!("{path} is not there")))?.size;
            let size =
                usize::try_from(size).map_err(|_| Trouble::refused(&format!("{path} is too large")))?;
            session.read(&path, 0, size).map(Bytes::from)
        })
    }

    fn read_part(&self, name: Name<'_>, offset: u64, length: usize) -> Result<Bytes, Error> {
        let path = self.path(name);
        self.with(|session| session.read(&path, offset, length).map(Bytes::from))
    }

    fn write(&self, name: Name<'_>, parts: &[Bytes]) -> Result<(), Error> {
        let path = self.path(name);
        let temporary = format!("{path}.new");
        self.with(|session| {
            session.write(&temporary, parts)?;
            // A rename of version 3 refuses where something is there; what is there has the same name because it has the same content,
            // but for what a broken connection left.
            if session.stat(&path)?.is_some() {
                session.remove(&path)?;
            }
            match session.ask(RENAME, Packet::new().text(&temporary).text(&path))? {
                Answer::Status(OK, _) => Ok(()),
                other => Err(other.unexpected("a file could not be named")),
            }
        })
    }

    fn remove(&self, name: Name<'_>) -> Result<(), Error> {
        let path = self.path(name);
        self.with(|session| session.remove(&path))
    }

    fn is_far(&self) -> bool {
        true
    }
}

/// What went wrong: with the connection, which may be begun anew, or with what was asked.
#[derive(Debug)]
enum Trouble {
    Broken(String),
    Refused(String),
}

impl Trouble {
    fn refused(why: &str) -> Self {
        Trouble::Refused(why.to_owned())
    }

    fn words(&self) -> String {
        match self {
            Trouble::Broken(why) | Trouble::Refused(why) => why.trim().to_owned(),
        }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(why: std::io::Error) -> Self {
        Trouble::Broken(format!("the connection broke ({why})"))
    }
}

struct Entry {
    name: String,
    size: u64,
    mode: u32,
}

enum Answer {
    Status(u32, String),
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Vec<Entry>),
    Attrs(Entry),
}

impl Answer {
    fn unexpected(&self, doing: &str) -> Trouble {
        match self {
            Answer::Status(code, words) => Trouble::Refused(format!("{doing}: {words} (status {code})")),
            _ => Trouble::Broken(format!("{doing}: the server's answer does not fit")),
        }
    }
}

struct Session {
    child: Option<Child>,
    input: Box<dyn Write + Send>,
    output: BufReader<Box<dyn Read + Send>>,
    complaint: Option<std::thread::JoinHandle<String>>,
    next: u32,
    can_sync: bool,
}

impl Session {
    fn start(link: &Link, _root: &str) -> Result<Self, Trouble> {
        let (child, (output, input), complaint) = match link {
            Link::Program(command) => program(command)?,
            #[cfg(test)]
            Link::Streams(make) => (None, make(_root), None),
        };
        let output = BufReader::with_capacity(64 * 1024, output);
        let mut session = Session { child, input, output, complaint, next: 0, can_sync: false };
        match session.begin() {
            Ok(()) => Ok(session),
            Err(why) => {
                let complaint = session.end();
                Err(Trouble::Refused(format!("{} {complaint}", why.words())))
            }
        }
    }

    fn begin(&mut self) -> Result<(), Trouble> {
        let mut hello = vec![INIT];
        hello.extend(VERSION.to_be_bytes());
        self.send(&hello)?;
        let packet = self.receive()?;
        let mut reader = Fields(&packet);
        let (kind, version) = (reader.byte()?, reader.number()?);
        if kind != 2 || version < VERSION {
            return Err(Trouble::refused("the server does not speak SFTP version 3"));
        }
        while !reader.0.is_empty() {
            let (name, _) = (reader.bytes()?, reader.bytes()?);
            self.can_sync |= name == b"fsync@openssh.com";
        }
        Ok(())
    }

    /// Ends it; what it complained of.
    fn end(mut self) -> String {
        drop(self.input);
        if let Some(mut child) = self.child {
            drop(child.kill());
            drop(child.wait());
        }
        self.complaint.take().map(|thread| thread.join().unwrap_or_default()).unwrap_or_default()
    }

    fn send(&mut self, packet: &[u8]) -> Result<(), Trouble> {
        let length = u32::try_from(packet.len()).map_err(|_| Trouble::refused("a packet is too long"))?;
        self.input.write_all(&length.to_be_bytes())?;
        self.input.write_all(packet)?;
        Ok(())
    }

    fn receive(&mut self) -> Result<Vec<u8>, Trouble> {
        let mut length = [0; 4];
        self.output.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MOST_PACKET {
            return Err(Trouble::Broken("the server's answer is too long".to_owned()));
        }
        let mut packet = vec![0; length];
        self.output.read_exact(&mut packet)?;
        Ok(packet)
    }

    fn request(&mut self, kind: u8, fields: &Packet) -> Result<u32, Trouble> {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        let mut packet = vec![kind];
        packet.extend(id.to_be_bytes());
        packet.extend(&fields.0);
        self.send(&packet)?;
        Ok(id)
    }

    fn answer(&mut self) -> Result<(u32, Answer), Trouble> {
        let packet = self.receive()?;
        let mut reader = Fields(&packet);
        let (kind, id) = (reader.byte()?, reader.number()?);
        let answer = match kind {
            ANSWER_STATUS => {
                let code = reader.number()?;
                // Servers of version 2 say no words.
                let words = reader.bytes().map(|words| String::from_utf8_lossy(words).into_owned());
                Answer::Status(code, words.unwrap_or_default())
            }
            ANSWER_HANDLE => Answer::Handle(reader.bytes()?.to_vec()),
            ANSWER_DATA => Answer::Data(reader.bytes()?.to_vec()),
            ANSWER_NAME => {
                let count = reader.number()?;
                let mut entries = Vec::new();
                for _ in 0..count {
                    let name = String::from_utf8_lossy(reader.bytes()?).into_owned();
                    reader.bytes()?;
                    entries.push(reader.attributes(name)?);
                }
                Answer::Names(entries)
            }
            ANSWER_ATTRS => Answer::Attrs(reader.attributes(String::new())?),
            _ => return Err(Trouble::Broken("the server's answer is of no known kind".to_owned())),
        };
        Ok((id, answer))
    }

    /// One question, one answer.
    fn ask(&mut self, kind: u8, fields: Packet) -> Result<Answer, Trouble> {
        let asked = self.request(kind, &fields)?;
        self.input.flush()?;
        match self.answer()? {
            (id, answer) if id == asked => Ok(answer),
            _ => Err(Trouble::Broken("the server answers something else".to_owned())),
        }
    }

    fn stat(&mut self, path: &str) -> Result<Option<Entry>, Trouble> {
        match self.ask(STAT, Packet::new().text(path))? {
            Answer::Attrs(entry) => Ok(Some(entry)),
            Answer::Status(NO_SUCH_FILE, _) => Ok(None),
            other => Err(other.unexpected(path)),
        }
    }

    fn open(&mut self, path: &str, flags: u32) -> Result<Vec<u8>, Trouble> {
        match self.ask(OPEN, Packet::new().text(path).number(flags).number(ATTR_MODE).number(0o600))? {
            Answer::Handle(handle) => Ok(handle),
            other => Err(other.unexpected(path)),
        }
    }

    fn close(&mut self, handle: &[u8]) -> Result<(), Trouble> {
        match self.ask(CLOSE, Packet::new().bytes(handle))? {
            Answer::Status(OK, _) => Ok(()),
            other => Err(other.unexpected("a file could not be closed")),
        }
    }

    fn read(&mut self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, Trouble> {
        let handle = self.open(path, FLAG_READ)?;
        let done = self.read_open(&handle, offset, length);
        self.close(&handle)?;
        done?.ok_or_else(|| Trouble::Refused(format!("{path} is shorter than it should be")))
    }

    /// Several pieces are asked for at once. `None` where the file ends before.
    fn read_open(&mut self, handle: &[u8], offset: u64, length: usize) -> Result<Option<Vec<u8>>, Trouble> {
        let mut out = vec![0; length];
        let mut waiting: Vec<(u32, usize, usize)> = Vec::new();
        let (mut asked, mut is_whole) = (0, true);
        // What a server gave too little of is asked for again.
        let mut again: Vec<(usize, usize)> = Vec::new();
        loop {
            while waiting.len() < WINDOW {
                let (start, size) = match again.pop() {
                    Some(rest) => rest,
                    None if asked < length => {
                        let size = CHUNK.min(length - asked);
                        asked += size;
                        (asked - size, size)
                    }
                    None => break,
                };
                let at = offset.saturating_add(u64::try_from(start).unwrap_or(u64::MAX));
                let wanted = u32::try_from(size).unwrap_or(u32::MAX);
                let id = self.request(READ, &Packet::new().bytes(handle).long(at).number(wanted))?;
                waiting.push((id, start, size));
            }
            if waiting.is_empty() {
                return Ok(is_whole.then_some(out));
            }
            self.input.flush()?;
            let (id, answer) = self.answer()?;
            let Some(place) = waiting.iter().position(|(known, _, _)| *known == id) else {
                return Err(Trouble::Broken("the server answers something else".to_owned()));
            };
            let (_, start, size) = waiting.swap_remove(place);
            match answer {
                Answer::Data(bytes) if bytes.len() <= size && !bytes.is_empty() => {
                    if let Some(to) = out.get_mut(start..start + bytes.len()) {
                        to.copy_from_slice(&bytes);
                    }
                    if bytes.len() < size {
                        again.push((start + bytes.len(), size - bytes.len()));
                    }
                }
                Answer::Status(EOF, _) => is_whole = false,
                other => return Err(other.unexpected("a file could not be read")),
            }
        }
    }

    fn write(&mut self, path: &str, parts: &[Bytes]) -> Result<(), Trouble> {
        let handle = self.open(path, FLAG_WRITE | FLAG_CREATE | FLAG_TRUNCATE)?;
        let written = self.write_open(&handle, parts);
        let synced = match (&written, self.can_sync) {
            (Ok(()), true) => {
                match self.ask(EXTENDED, Packet::new().text("fsync@openssh.com").bytes(&handle))? {
                    Answer::Status(OK, _) => Ok(()),
                    other => Err(other.unexpected("a file could not be made durable")),
                }
            }
            _ => Ok(()),
        };
        self.close(&handle)?;
        written.and(synced)
    }

    fn write_open(&mut self, handle: &[u8], parts: &[Bytes]) -> Result<(), Trouble> {
        let (mut at, mut waiting) = (0u64, 0usize);
        let mut refused = None;
        for piece in parts.iter().flat_map(|part| part.chunks(CHUNK)) {
            self.request(WRITE, &Packet::new().bytes(handle).long(at).bytes(piece))?;
            at = at.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            waiting += 1;
            if waiting >= WINDOW {
                refused = refused.or(self.written()?);
                waiting -= 1;
            }
        }
        self.input.flush()?;
        for _ in 0..waiting {
            refused = refused.or(self.written()?);
        }
        refused.map_or(Ok(()), Err)
    }

    /// One write's answer; why it was refused.
    fn written(&mut self) -> Result<Option<Trouble>, Trouble> {
        self.input.flush()?;
        match self.answer()? {
            (_, Answer::Status(OK, _)) => Ok(None),
            (_, other) => Ok(Some(other.unexpected("a file could not be written"))),
        }
    }

    fn remove(&mut self, path: &str) -> Result<(), Trouble> {
        match self.ask(REMOVE, Packet::new().text(path))? {
            Answer::Status(OK | NO_SUCH_FILE, _) => Ok(()),
            other => Err(other.unexpected(path)),
        }
    }

    /// Nothing where the folder is not there.
    fn read_folder(&mut self, path: &str) -> Result<Vec<Entry>, Trouble> {
        let handle = match self.ask(OPENDIR, Packet::new().text(path))? {
            Answer::Handle(handle) => handle,
            Answer::Status(NO_SUCH_FILE, _) => return Ok(Vec::new()),
            other => return Err(other.unexpected(path)),
        };
        let mut found = Vec::new();
        loop {
            match self.ask(READDIR, Packet::new().bytes(&handle))? {
                Answer::Names(entries) => {
                    found.extend(entries.into_iter().filter(|entry| entry.name != "." && entry.name != ".."));
                }
                Answer::Status(EOF, _) => break,
                other => return Err(other.unexpected(path)),
            }
        }
        self.close(&handle)?;
        Ok(found)
    }
}

type Started = (Option<Child>, Streams, Option<std::thread::JoinHandle<String>>);

fn program(command: &[String]) -> Result<Started, Trouble> {
    let [program, arguments @ ..] = command else { return Err(Trouble::refused("there is no program")) };
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = started.map_err(|why| match why.kind() {
        std::io::ErrorKind::NotFound => {
            Trouble::Refused(format!("{program} is not on this machine (package openssh-client)"))
        }
        _ => Trouble::Refused(format!("{program}: {why}")),
    })?;
    let complaint = child.stderr.take().map(listen);
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Trouble::refused("the program has no streams"));
    };
    Ok((Some(child), (Box::new(output), Box::new(input)), complaint))
}

impl Drop for Sftp {
    fn drop(&mut self) {
        if let Some(session) = self.session.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            drop(session.end());
        }
    }
}

#[cfg(test)]
mod tests;
