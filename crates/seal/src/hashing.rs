//! SHA-256 over what does not fit into memory.

use std::io::{self, Write};

use aws_lc_rs::digest;

use crate::Hash;
use crate::encoding::hex;

/// Hashes whatever is written into it (FIPS 180-4).
pub struct Sha256(digest::Context);

impl Default for Sha256 {
    fn default() -> Self {
        Sha256(digest::Context::new(&digest::SHA256))
    }
}

impl std::fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha256")
    }
}

impl Sha256 {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// In lower-case hexadecimal.
    pub fn hex(self) -> String {
        hex(&self.bytes())
    }

    pub fn bytes(self) -> Hash {
        let mut bytes = Hash::default();
        bytes.iter_mut().zip(self.0.finish().as_ref()).for_each(|(to, from)| *to = *from);
        bytes
    }
}

impl Write for Sha256 {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_parts_as_in_one() {
        let mut parts = Sha256::default();
        io::copy(&mut &b"storeward"[..], &mut parts).unwrap();
        parts.update(b"!");
        assert_eq!(parts.hex(), crate::fingerprint::sha256_hex(b"storeward!"));
    }
}
