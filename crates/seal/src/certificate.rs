//! A signature by the key of a certificate that leads to a root: RSA with SHA-256 in the form of PKCS #1 v1.5 (RFC 8017 section
//! 8.2), and no other algorithm, whatever a message says of itself.

use rustls_pki_types::{CertificateDer, UnixTime};
use storeward_base::Timestamp;
use webpki::aws_lc_rs as algorithms;
use webpki::{EndEntityCert, KeyUsage};

use crate::Error;
use crate::encoding::decode_base64;

/// A larger text is no chain of certificates.
pub const MAX_CHAIN_BYTES: usize = 64 * 1024;
/// id-kp-serverAuth (RFC 5280 section 4.2.1.12); whoever names no purpose is fine, too.
const SERVER: &[u8] = &[0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
/// id-at-commonName (RFC 5280 appendix A.1).
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

const FORM: Error = Error::Form("the certificate cannot be read");

/// Whose certificates are believed, in DER.
#[derive(Clone, Debug, Default)]
pub struct Roots(Vec<CertificateDer<'static>>);

impl Roots {
    pub fn new(certificates: Vec<Vec<u8>>) -> Self {
        Roots(certificates.into_iter().map(CertificateDer::from).collect())
    }

    pub fn from_pem(pem: &[u8]) -> Self {
        Roots::new(blocks(pem))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The certificates of a PEM text.
fn blocks(pem: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(pem);
    let parts = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    let bodies = parts.filter_map(|part| part.split("-----END CERTIFICATE-----").next());
    bodies.filter_map(|body| decode_base64(&body.split_whitespace().collect::<String>())).collect()
}

/// Whether `signature` is over `message`, by the key of the first certificate of `pem`; whether that one leads over the others
/// to one of `roots`, is good at `now`, and bears a common name that `is_named` takes.
pub fn verify(
    pem: &[u8],
    roots: &Roots,
    is_named: impl Fn(&str) -> bool,
    now: Timestamp,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    if pem.len() > MAX_CHAIN_BYTES {
        return Err(FORM);
    }
    let chain: Vec<CertificateDer<'static>> = blocks(pem).into_iter().map(CertificateDer::from).collect();
    let (leaf, others) = chain.split_first().ok_or(FORM)?;
    let end = EndEntityCert::try_from(leaf).map_err(|_| FORM)?;
    let anchors: Vec<_> =
        roots.0.iter().filter_map(|root| webpki::anchor_from_trusted_cert(root).ok()).collect();
    let seconds = u64::try_from(now.seconds()).map_err(|_| FORM)?;
    let moment = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let usage = KeyUsage::required_if_present(SERVER);
    end.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, others, moment, usage, None, None)
        .map_err(|_| Error::UnknownSigner)?;
    let name = common_name(leaf).ok_or(FORM)?;
    if !is_named(&name) {
        return Err(Error::UnknownSigner);
    }
    end.verify_signature(algorithms::RSA_PKCS1_2048_8192_SHA256, message, signature)
        .map_err(|_| Error::Signature)
}

/// The last common name of the subject: the most specific one (RFC 4514 writes names from behind).
fn common_name(certificate: &[u8]) -> Option<String> {
    let mut whole = certificate;
    let mut outside = inside(next(&mut whole)?, 0x30)?;
    let mut body = inside(next(&mut outside)?, 0x30)?;
    if body.first() == Some(&0xA0) {
        next(&mut body)?;
    }
    // Serial number, algorithm, issuer, validity; then the subject (RFC 5280 section 4.1).
    for _ in 0..4 {
        next(&mut body)?;
    }
    let mut subject = inside(next(&mut body)?, 0x30)?;
    let mut found = None;
    while !subject.is_empty() {
        let mut set = inside(next(&mut subject)?, 0x31)?;
        while !set.is_empty() {
            let mut pair = inside(next(&mut set)?, 0x30)?;
            let (kind, value) = (next(&mut pair)?, next(&mut pair)?);
            // UTF8String, PrintableString, IA5String.
            if kind == (0x06, COMMON_NAME) && matches!(value.0, 0x0C | 0x13 | 0x16) {
                found = Some(std::str::from_utf8(value.1).ok()?.to_owned());
            }
        }
    }
    found
}

fn inside((tag, content): (u8, &[u8]), wanted: u8) -> Option<&[u8]> {
    (tag == wanted).then_some(content)
}

/// One element of DER, with a definite length.
fn next<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (head, behind) = rest.split_first_chunk::<2>()?;
    let [tag, first] = *head;
    let (length, behind) = match first {
        0..=0x7F => (usize::from(first), behind),
        0x81..=0x84 => {
            let (bytes, behind) = behind.split_at_checked(usize::from(first & 0x7F))?;
            (bytes.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), behind)
        }
        _ => return None,
    };
    let (content, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some((tag, content))
}
