//! The way back from a [`ClientRef`] to the address it stands for. Addresses are personal data: they are kept apart
//! from the ledger, and forgotten in time.

use std::net::IpAddr;

use storeward_base::{ClientIp, ClientRef, Timestamp};

use crate::statements::{FIND_ADDRESS, FORGET_ADDRESSES, NOTE_ADDRESS};
use crate::{Error, Reader, Tx, params};

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

/// Forgets the addresses that were last seen before `moment`; returns how many.
pub fn forget_before(tx: &mut Tx<'_>, moment: Timestamp) -> Result<u64, Error> {
    tx.execute(FORGET_ADDRESSES, params![moment])
}
