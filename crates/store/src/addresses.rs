//! The way back from a [`ClientRef`] to the address it stands for. Addresses are personal data: they are kept apart
//! from the ledger, and forgotten in time.

use std::net::IpAddr;

use storeward_base::{ClientIp, ClientRef, Timestamp};

use crate::statements::{FIND_ADDRESS, FIND_ADDRESSES_AFTER, FORGET_ADDRESSES, NOTE_ADDRESS};
use crate::{Db, Error, Reader, Tx, params};

const AT_ONCE: u32 = 1000;

/// Remembers whom a reference stands for, and when it was last seen.
pub fn note(tx: &mut Tx<'_>, client: ClientRef, ip: ClientIp, at: Timestamp) -> Result<(), Error> {
    tx.execute(NOTE_ADDRESS, params![client, ip, at]).map(drop)
}

/// The addresses that are still known, of one page of clients.
pub fn find(reader: &mut Reader<'_>, clients: &[ClientRef]) -> Result<Vec<(ClientRef, IpAddr)>, Error> {
    let mut found = Vec::new();
    for client in clients {
        let address = reader.query_optional(FIND_ADDRESS, params![*client], |row| row.get(0))?;
        found.extend(address.map(|address| (*client, address)));
    }
    Ok(found)
}

/// What [`verify`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Book {
    pub entries: u64,
    /// Entries whose address is not the one that their reference stands for.
    pub changed: u64,
}

/// Holds each address against its reference, which is a fingerprint of it by a key that is not in the database. Blocks.
pub fn verify(db: &Db) -> Result<Book, Error> {
    let mut book = Book { entries: 0, changed: 0 };
    let mut after = String::new();
    loop {
        let from = after.clone();
        let page: Vec<(String, Option<IpAddr>)> = db.read_blocking(move |reader| {
            let values = params![from, AT_ONCE];
            // An address that cannot be read is a changed one.
            reader.query_many(FIND_ADDRESSES_AFTER, values, |row| Ok((row.get(0)?, row.get(1).ok())))
        })?;
        let Some((last, _)) = page.last() else { return Ok(book) };
        after.clone_from(last);
        for (client, address) in page {
            let fits = address.is_some_and(|ip| db.client_ref(ClientIp::new(ip)).to_string() == client);
            book.entries += 1;
            book.changed += u64::from(!fits);
        }
    }
}

/// Forgets the addresses that were last seen before `moment`; returns how many.
pub fn forget_before(tx: &mut Tx<'_>, moment: Timestamp) -> Result<u64, Error> {
    tx.execute(FORGET_ADDRESSES, params![moment])
}
