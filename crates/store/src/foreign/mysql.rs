//! MySQL and MariaDB by their own protocol (dev.mysql.com/doc/dev/mysql-server, "Client/Server Protocol"), as far as reading needs
//! it: one statement as text, one table of texts. No client library: the maintained ones bring forty packages for what stands here.
//!
//! What the server may not make us do is not there: no file of ours is sent (`LOCAL INFILE`), no password goes in plain text but over
//! TLS or a socket of this machine, and no answer is longer than the caller has room for.

mod proof;
mod wire;

use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use self::wire::{Packet, Stream, Timed, Wire};
use super::url::Server;
use super::{CONNECT_WAIT, Room, Table, WAIT, name_of, refused, words_of};
use crate::Error;
use crate::url::Encryption;

const MOST_COLUMNS: u64 = 1_000;

// Capabilities of the protocol.
const LONG_PASSWORD: u32 = 1;
const LONG_FLAG: u32 = 4;
const WITH_DATABASE: u32 = 8;
const PROTOCOL_41: u32 = 0x200;
const TLS: u32 = 0x800;
const TRANSACTIONS: u32 = 0x2000;
const SECURE_CONNECTION: u32 = 0x8000;
const PLUGIN_AUTH: u32 = 0x8_0000;
const WANTED: u32 =
    LONG_PASSWORD | LONG_FLAG | WITH_DATABASE | PROTOCOL_41 | TRANSACTIONS | SECURE_CONNECTION | PLUGIN_AUTH;
/// utf8mb4_general_ci: both servers know it.
const CHARSET: u8 = 45;
const MOST_PACKET: u32 = 16 * 1024 * 1024;

/// ANSI: names in `"` and texts joined by `||`, as the other engines have it. Zone, letters, and that nothing is written.
const SETTINGS: [&str; 4] = [
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode = 'ANSI', SESSION time_zone = '+00:00', SESSION group_concat_max_len = 65536",
    "SET SESSION TRANSACTION READ ONLY",
    "SET SESSION autocommit = 1",
];

/// A session in which nothing can be written.
pub(super) struct Session {
    wire: Wire,
}

fn open(why: &str) -> Error {
    Error::Open(why.to_owned())
}

fn lost() -> Error {
    Error::Lost("the other database's server does not answer".to_owned())
}

impl Session {
    pub(super) fn open(server: &Server) -> Result<Self, Error> {
        Self::open_within(server, WAIT)
    }

    fn open_within(server: &Server, wait: Duration) -> Result<Self, Error> {
        let mut wire = Wire::new(connect(server, wait)?, wait);
        let hello = Hello::read(&wire.read()?)?;
        let mut wanted = WANTED;
        if let Encryption::Tls(roots) = &server.encryption {
            if hello.capabilities & TLS == 0 {
                return Err(open(
                    "the server speaks no TLS; ssl-mode=DISABLED says that the network is a private one",
                ));
            }
            wanted |= TLS;
            wire.write(&begin(wanted))?;
            let config = crate::tls::verifying(roots)?;
            let name =
                ServerName::try_from(server.host.clone()).map_err(|_| open("the host is no name for TLS"))?;
            wire.encrypt(|stream| {
                let Stream::Plain(plain) = stream else { return Err(lost()) };
                let client =
                    ClientConnection::new(Arc::new(config), name).map_err(|_| open("TLS cannot be begun"))?;
                Ok(Stream::Tls(Box::new(StreamOwned::new(client, plain))))
            })?;
        }
        wire.write(&answer(server, &hello, wanted)?)?;
        prove(&mut wire, server, &hello)?;
        let mut session = Session { wire };
        for setting in SETTINGS {
            session.query(setting)?;
        }
        Ok(session)
    }

    pub(super) fn query(&mut self, sql: &str) -> Result<Table, Error> {
        self.wire.begin();
        let mut command = Vec::with_capacity(sql.len() + 1);
        command.push(3);
        command.extend_from_slice(sql.as_bytes());
        self.wire.write(&command)?;
        let first = self.wire.read()?;
        let mut packet = Packet::new(&first);
        match packet.first() {
            Some(0) => return Ok(Table::default()),
            Some(0xff) => return Err(refused(&said(&first))),
            // The server asks for a file of this machine.
            Some(0xfb) => return Err(refused("the server asks for a file")),
            _ => {}
        }
        let count = packet.length().filter(|count| (1..=MOST_COLUMNS).contains(count)).ok_or_else(lost)?;
        let (mut table, mut room) = (Table::default(), Room::default());
        for _ in 0..count {
            let definition = self.wire.read()?;
            room.take(definition.len())?;
            let mut definition = Packet::new(&definition);
            // Catalogue, schema, table, its own name, and then the column's.
            for _ in 0..4 {
                definition.text().ok_or_else(lost)?;
            }
            let name = definition.text().ok_or_else(lost)?.ok_or_else(lost)?;
            table.columns.push(name_of(&String::from_utf8_lossy(name)));
        }
        if !is_end(&self.wire.read()?) {
            return Err(lost());
        }
        self.rows(table, room)
    }

    fn rows(&mut self, mut table: Table, mut room: Room) -> Result<Table, Error> {
        loop {
            let row = self.wire.read()?;
            if is_end(&row) {
                return Ok(table);
            }
            if row.first() == Some(&0xff) {
                return Err(refused(&said(&row)));
            }
            room.take_row(table.columns.len())?;
            room.take(row.len())?;
            let mut packet = Packet::new(&row);
            let mut cells = Vec::with_capacity(table.columns.len());
            for _ in 0..table.columns.len() {
                let cell = packet.text().ok_or_else(lost)?;
                cells.push(cell.map(|bytes| String::from_utf8_lossy(bytes).into_owned()));
            }
            table.rows.push(cells);
        }
    }
}

fn connect(server: &Server, wait: Duration) -> Result<Stream, Error> {
    if let Some(path) = &server.socket {
        let stream =
            UnixStream::connect(path).map_err(|why| Error::Open(format!("{}: {why}", path.display())))?;
        return Ok(Stream::Socket(Timed::new(stream, wait)));
    }
    let cannot = |why: &dyn std::fmt::Display| Error::Open(format!("{}:{}: {why}", server.host, server.port));
    let mut last = None;
    let addresses = (server.host.as_str(), server.port).to_socket_addrs().map_err(|why| cannot(&why))?;
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_WAIT) {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(|why| cannot(&why))?;
                return Ok(Stream::Plain(Timed::new(stream, wait)));
            }
            Err(why) => last = Some(why),
        }
    }
    Err(last.map_or_else(|| cannot(&"it has no address"), |why| cannot(&why)))
}

/// What the server says first (protocol 10).
struct Hello {
    capabilities: u32,
    salt: Vec<u8>,
    plugin: String,
}

impl Hello {
    fn read(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.first() == Some(&0xff) {
            return Err(Error::Open(said(bytes)));
        }
        Self::parse(bytes).ok_or_else(|| open("what answers there is no MySQL or MariaDB of protocol 10"))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut packet = Packet::new(bytes);
        if packet.byte()? != 10 {
            return None;
        }
        packet.until_zero()?;
        packet.bytes(4)?;
        let mut salt = packet.bytes(8)?.to_vec();
        packet.bytes(1)?;
        let low = u32::from(u16::from_le_bytes(packet.bytes(2)?.try_into().ok()?));
        packet.bytes(3)?;
        let high = u32::from(u16::from_le_bytes(packet.bytes(2)?.try_into().ok()?));
        let length = usize::from(packet.byte()?);
        packet.bytes(10)?;
        let rest = packet.bytes(length.saturating_sub(8).max(13))?;
        salt.extend(rest.iter().take_while(|byte| **byte != 0));
        let plugin = packet.until_zero().unwrap_or(b"mysql_native_password");
        let plugin = String::from_utf8_lossy(plugin).into_owned();
        Some(Hello { capabilities: low | (high << 16), salt, plugin })
    }
}

/// What a session begins with, before it is encrypted and after.
fn begin(capabilities: u32) -> Vec<u8> {
    let mut out = capabilities.to_le_bytes().to_vec();
    out.extend_from_slice(&MOST_PACKET.to_le_bytes());
    out.push(CHARSET);
    out.extend_from_slice(&[0; 23]);
    out
}

fn answer(server: &Server, hello: &Hello, capabilities: u32) -> Result<Vec<u8>, Error> {
    // Of a plugin that is not known here the server is asked for another.
    let known = ["mysql_native_password", "caching_sha2_password"];
    let plugin = known.iter().find(|name| **name == hello.plugin).unwrap_or(&known[0]);
    let proof = proof::of(plugin, &server.password, &hello.salt).unwrap_or_default();
    let mut out = begin(capabilities);
    out.extend_from_slice(server.user.as_bytes());
    out.push(0);
    out.push(u8::try_from(proof.len()).map_err(|_| lost())?);
    out.extend_from_slice(&proof);
    out.extend_from_slice(server.database.as_bytes());
    out.push(0);
    out.extend_from_slice(plugin.as_bytes());
    out.push(0);
    Ok(out)
}

/// Goes on until the server lets us in or not.
fn prove(wire: &mut Wire, server: &Server, hello: &Hello) -> Result<(), Error> {
    let mut plugin = hello.plugin.clone();
    // Each turn is the server's choice: it has few.
    for _ in 0..6 {
        let told = wire.read()?;
        match told.first() {
            Some(0) => return Ok(()),
            Some(0xff) => return Err(Error::Open(said(&told))),
            Some(0xfe) => {
                let mut packet = Packet::new(told.get(1..).unwrap_or_default());
                let name = packet
                    .until_zero()
                    .ok_or_else(|| open("the server wants a password of the oldest kind"))?;
                plugin = String::from_utf8_lossy(name).into_owned();
                let salt = packet.rest().strip_suffix(&[0]).unwrap_or(packet.rest()).to_vec();
                let proof = proof::of(&plugin, &server.password, &salt).ok_or_else(|| {
                    let name: String = plugin.chars().filter(char::is_ascii_graphic).take(40).collect();
                    Error::Open(format!(
                        "the server signs this user in by {name}; make one with mysql_native_password (MariaDB) or caching_sha2_password (MySQL)"
                    ))
                })?;
                wire.write(&proof)?;
            }
            // caching_sha2_password: 3, the server knew the proof; 4, it wants the password itself.
            Some(1) if told.get(1) == Some(&3) => {}
            Some(1) if told.get(1) == Some(&4) && plugin == "caching_sha2_password" => {
                if !wire.is_private() {
                    return Err(open(
                        "the server wants the password itself: reach it over TLS (ssl-mode=VERIFY_IDENTITY) or by its socket",
                    ));
                }
                let mut password = server.password.expose().as_bytes().to_vec();
                password.push(0);
                wire.write(&password)?;
            }
            _ => return Err(lost()),
        }
    }
    Err(lost())
}

fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}

/// What the server says of names, rights and syntax; of anything else its number only, because its words may quote a value.
fn said(packet: &[u8]) -> String {
    let number = packet.get(1..3).and_then(|two| two.try_into().ok()).map_or(0, u16::from_le_bytes);
    let words = packet.get(3..).unwrap_or_default();
    // `#` and five signs of SQLSTATE go before the words.
    let words = words.strip_prefix(b"#").and_then(|rest| rest.get(5..)).unwrap_or(words);
    // Who may not, which database, table, column or function there is not, and what may not be written.
    let is_plain = [1044, 1045, 1049, 1054, 1064, 1129, 1130, 1142, 1143, 1146, 1305, 1792].contains(&number);
    if is_plain {
        format!("{} ({number})", words_of(&String::from_utf8_lossy(words)))
    } else {
        format!("the server says {number}")
    }
}

#[cfg(test)]
mod tests;
