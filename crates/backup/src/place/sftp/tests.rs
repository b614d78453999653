//! Against a server of our own that speaks the protocol, and against OpenSSH's where the machine has it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};

use super::*;
use crate::place::tests::{keeps_a_repository, keeps_files};

#[test]
fn a_cut_or_lying_answer_is_an_error_and_no_panic() {
    let whole = Packet::new().number(5).bytes(b"abc").0;
    for length in 0..whole.len() {
        let mut fields = Fields(&whole[..length]);
        assert!(fields.number().and_then(|_| fields.bytes().map(<[u8]>::to_vec)).is_err(), "{length}");
    }
    let lying = Packet::new().number(u32::MAX).0;
    assert!(Fields(&lying).bytes().is_err());
}

#[test]
fn ssh_is_told_nothing_that_it_takes_for_an_option() {
    let target = SftpTarget {
        user: Some("ward".to_owned()),
        host: "backup.example".to_owned(),
        port: Some(2222),
        path: "/srv".to_owned(),
    };
    let command = ssh(&target, Some(std::path::Path::new("/etc/key")));
    let end = command.iter().position(|word| word == "--").unwrap();
    assert_eq!(command[end..], ["--", "backup.example", "sftp"]);
    assert!(command.windows(2).any(|pair| pair == ["-p", "2222"]));
    assert!(command.windows(2).any(|pair| pair == ["-i", "/etc/key"]));
    assert!(command.contains(&"BatchMode=yes".to_owned()));
}

/// OpenSSH's own server, where it is.
fn openssh() -> Option<Vec<String>> {
    let named = std::env::var("STOREWARD_TEST_SFTP_SERVER").ok();
    let place = named.unwrap_or_else(|| "/usr/lib/openssh/sftp-server".to_owned());
    std::path::Path::new(&place).is_file().then(|| vec![place])
}

fn at(link: Link, root: &std::path::Path) -> Sftp {
    Sftp {
        shown: "sftp:test".to_owned(),
        root: root.to_str().unwrap().to_owned(),
        link,
        session: Mutex::default(),
    }
}

#[test]
fn files_and_repositories_are_kept_by_servers_of_both_kinds() {
    let links = [Some(Link::Streams(serve)), openssh().map(Link::Program)];
    for link in links.into_iter().flatten() {
        let folder = tempfile::tempdir().unwrap();
        let place = std::sync::Arc::new(at(link, &folder.path().join("below/another")));
        keeps_files(place.as_ref());
        keeps_a_repository(place);
    }
}

#[test]
fn a_connection_that_breaks_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let place = at(Link::Streams(serve), folder.path());
    place.write("a", &[Bytes::from_static(b"one")]).unwrap();
    // What a dropped line looks like from here.
    place.session.lock().unwrap().as_mut().unwrap().output = BufReader::new(Box::new(std::io::empty()));
    assert_eq!(place.read("a").unwrap(), Bytes::from_static(b"one"));
    let gone = at(Link::Program(vec!["/nonexistent/ssh".to_owned()]), folder.path());
    let told = gone.read("a").unwrap_err().to_string();
    assert!(told.contains("not on this machine"), "{told}");
    let silent = at(Link::Program(vec!["false".to_owned()]), folder.path());
    assert!(silent.list("data").is_err());
}

/// A server of SFTP version 3 on a thread, over real files. It gives back less than it is asked for, as servers may.
fn serve(_root: &str) -> Streams {
    let (server_in, client_out) = std::io::pipe().unwrap();
    let (client_in, server_out) = std::io::pipe().unwrap();
    std::thread::spawn(move || Server { open: HashMap::new(), next: 0 }.run(server_in, server_out));
    (Box::new(client_in), Box::new(client_out))
}

/// An open file, or a folder with what is still to be told of it.
type Held = (File, Option<Vec<(String, fs::Metadata)>>);

struct Server {
    open: HashMap<Vec<u8>, Held>,
    next: u32,
}

impl Server {
    fn run(mut self, mut input: impl Read, mut output: impl Write) {
        let mut length = [0; 4];
        while input.read_exact(&mut length).is_ok() {
            let mut packet = vec![0; u32::from_be_bytes(length) as usize];
            input.read_exact(&mut packet).unwrap();
            let answer = match packet[0] {
                INIT => [vec![2], Packet::new().number(3).0].concat(),
                kind => {
                    let mut fields = Fields(&packet[1..]);
                    let id = fields.number().unwrap();
                    let (kind, rest) = self.act(kind, &mut fields);
                    [vec![kind], Packet::new().number(id).0, rest.0].concat()
                }
            };
            let whole = [u32::try_from(answer.len()).unwrap().to_be_bytes().to_vec(), answer].concat();
            if output.write_all(&whole).is_err() {
                return;
            }
        }
    }

    fn act(&mut self, kind: u8, fields: &mut Fields<'_>) -> (u8, Packet) {
        let status = |code: u32| (ANSWER_STATUS, Packet::new().number(code).text("so").text("en"));
        let done = |result: std::io::Result<()>| match result {
            Ok(()) => status(OK),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => status(NO_SUCH_FILE),
            Err(_) => status(4),
        };
        let first = fields.bytes().unwrap().to_vec();
        let path = String::from_utf8(first.clone()).unwrap_or_default();
        match kind {
            OPEN => {
                let flags = fields.number().unwrap();
                let writes = flags & FLAG_WRITE != 0;
                let mut options = fs::OpenOptions::new();
                options.read(!writes).write(writes).create(flags & FLAG_CREATE != 0).truncate(writes);
                match options.open(&path) {
                    Ok(file) => (ANSWER_HANDLE, Packet::new().bytes(&self.hold(file, None))),
                    Err(why) => done(Err(why)),
                }
            }
            OPENDIR => match fs::read_dir(&path) {
                Ok(entries) => {
                    let listed = entries.map(|entry| {
                        let entry = entry.unwrap();
                        (entry.file_name().into_string().unwrap(), entry.metadata().unwrap())
                    });
                    let listed = listed.collect();
                    (ANSWER_HANDLE, Packet::new().bytes(&self.hold(File::open(&path).unwrap(), Some(listed))))
                }
                Err(why) => done(Err(why)),
            },
            READDIR => {
                let entries = self.open.get_mut(&first).unwrap().1.as_mut().unwrap();
                let some: Vec<_> = entries.drain(..entries.len().min(7)).collect();
                if some.is_empty() {
                    return status(EOF);
                }
                let packet = Packet::new().number(u32::try_from(some.len()).unwrap());
                let packet = some.into_iter().fold(packet, |packet, (name, facts)| {
                    attributes(packet.text(&name).text("long"), &facts)
                });
                (ANSWER_NAME, packet)
            }
            READ => {
                let (at, length) = (fields.long().unwrap(), fields.number().unwrap() as usize);
                let mut bytes = vec![0; length.min(20_000)];
                let file = &self.open[&first].0;
                match file.read_at(&mut bytes, at).unwrap() {
                    0 => status(EOF),
                    read => (ANSWER_DATA, Packet::new().bytes(&bytes[..read])),
                }
            }
            WRITE => {
                let (at, bytes) = (fields.long().unwrap(), fields.bytes().unwrap());
                let file = &mut self.open.get_mut(&first).unwrap().0;
                done(file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(bytes)))
            }
            CLOSE => {
                self.open.remove(&first);
                status(OK)
            }
            STAT => match fs::metadata(&path) {
                Ok(facts) => (ANSWER_ATTRS, attributes(Packet::new(), &facts)),
                Err(why) => done(Err(why)),
            },
            REMOVE => done(fs::remove_file(&path)),
            MKDIR => done(fs::create_dir(&path)),
            RENAME => {
                let to = String::from_utf8(fields.bytes().unwrap().to_vec()).unwrap();
                // Version 3 refuses to write over what is there.
                if fs::exists(&to).unwrap() { status(4) } else { done(fs::rename(&path, to)) }
            }
            _ => status(8),
        }
    }

    fn hold(&mut self, file: File, listed: Option<Vec<(String, fs::Metadata)>>) -> Vec<u8> {
        self.next += 1;
        let handle = self.next.to_be_bytes().to_vec();
        self.open.insert(handle.clone(), (file, listed));
        handle
    }
}

fn attributes(packet: Packet, facts: &fs::Metadata) -> Packet {
    packet
        .number(ATTR_SIZE | ATTR_MODE | ATTR_TIMES)
        .long(facts.len())
        .number(facts.mode())
        .number(1)
        .number(2)
}
