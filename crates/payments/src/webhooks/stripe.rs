//! `Stripe-Signature: t=SECONDS,v1=HEX[,v1=HEX]`: HMAC-SHA-256 of `SECONDS.BODY` under one of the endpoint's secrets.
//!
//! Stricter than the official SDK in one point: that takes any moment in the future, this takes 300 seconds either way.

use storeward_base::{Secret, Timestamp};
use storeward_seal::encoding::decode_hex;
use storeward_seal::fingerprint::{equal, hmac_sha256};

use super::Refusal;

/// Stripe's own default.
const TOLERANCE_SECONDS: i64 = 300;
const MOST_LINE_BYTES: usize = 2048;
/// Two secrets are good while one is exchanged; more signatures than this are nobody's.
const MOST_SIGNATURES: usize = 8;

pub(crate) fn verify(
    secrets: &[Secret<String>],
    line: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Refusal> {
    if line.len() > MOST_LINE_BYTES {
        return Err(Refusal::NoSignature);
    }
    let mut moments = Vec::new();
    let mut marks = Vec::new();
    for part in line.split(',') {
        match part.split_once('=') {
            Some(("t", moment)) => moments.push(moment),
            Some(("v1", mark)) => marks.push(mark),
            _ => {}
        }
    }
    let [moment] = moments.as_slice() else { return Err(Refusal::NoSignature) };
    if marks.is_empty() || marks.len() > MOST_SIGNATURES {
        return Err(Refusal::NoSignature);
    }
    let is_plain = (1..=15).contains(&moment.len()) && moment.bytes().all(|b| b.is_ascii_digit());
    let seconds = moment.parse::<i64>().ok().filter(|_| is_plain).ok_or(Refusal::NoSignature)?;
    let message = [moment.as_bytes(), b".", body].concat();
    let mut is_ours = false;
    for secret in secrets {
        let wanted = hmac_sha256(secret.expose().as_bytes(), &message);
        for mark in &marks {
            is_ours |= decode_hex(mark).is_some_and(|mark| equal(&mark, &wanted));
        }
    }
    if !is_ours {
        return Err(Refusal::Signature);
    }
    // After the signature: the moment is part of what it covers.
    if now.seconds().abs_diff(seconds) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(Refusal::Time);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
