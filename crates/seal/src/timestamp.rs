//! Time stamps of RFC 3161: what is asked of an authority, and whether what it answered can be believed.
//!
//! DER is read by a strict reader of its own (definite lengths, bounded depth by construction); the certificates' chain and
//! the signatures are judged by rustls-webpki on aws-lc-rs.

use aws_lc_rs::digest;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use storeward_base::Timestamp;
use webpki::aws_lc_rs as algorithms;
use webpki::{EndEntityCert, KeyUsage};

use crate::{Error, Hash};

/// A larger answer is none: a token with a chain of certificates has some 4 to 8 KiB.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const TIME: u8 = 0x18;
const CONTEXT_0: u8 = 0xA0;

// Object identifiers, as their content's bytes.
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
const SIGNED_DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
const TST_INFO: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x04];
const CONTENT_TYPE: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x04];
const SIGNING_CERTIFICATE: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x02, 0x0C];
const SIGNING_CERTIFICATE_V2: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x02, 0x2F];
/// id-kp-timeStamping, which the signer's certificate must be for (RFC 3161 section 2.3).
const TIME_STAMPING: &[u8] = &[0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

/// The request for a stamp over something of this SHA-256 (RFC 3161 section 2.4.1), with a nonce and the wish for the
/// authority's certificates.
pub fn request(imprint: &Hash, nonce: u64) -> Vec<u8> {
    let mut number = nonce.to_be_bytes().to_vec();
    // Always eight bytes and positive, so that the answer bears the same bytes.
    if let Some(first) = number.first_mut() {
        *first = (*first & 0x7F) | 0x40;
    }
    let parts =
        [wrap(INTEGER, &[1]), message_imprint(imprint), wrap(INTEGER, &number), vec![0x01, 0x01, 0xFF]];
    wrap(SEQUENCE, &parts.concat())
}

fn message_imprint(imprint: &Hash) -> Vec<u8> {
    let algorithm = wrap(SEQUENCE, &[wrap(OID, SHA256), vec![0x05, 0x00]].concat());
    wrap(SEQUENCE, &[algorithm, wrap(OCTETS, imprint)].concat())
}

fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let from = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
            let bytes = bytes.get(from..).unwrap_or_default();
            out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(8));
            out.extend_from_slice(bytes);
        }
    }
    out.extend_from_slice(content);
    out
}

/// One element of DER.
#[derive(Clone, Copy)]
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

/// Elements one behind the other.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

const FORM: Error = Error::Form("the time stamp is not of RFC 3161's form");

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Element<'a>, Error> {
        let (head, rest) = self.0.split_first_chunk::<2>().ok_or(FORM)?;
        let [tag, first] = *head;
        let more = usize::from(first & 0x7F);
        let (length, header) = match first {
            0..=0x7F => (usize::from(first), 2),
            0x81..=0x84 => {
                let bytes = rest.get(..more).ok_or(FORM)?;
                (bytes.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), 2 + more)
            }
            _ => return Err(FORM),
        };
        let end = header.checked_add(length).ok_or(FORM)?;
        let (whole, behind) = self.0.split_at_checked(end).ok_or(FORM)?;
        self.0 = behind;
        Ok(Element { tag, content: whole.get(header..).ok_or(FORM)?, whole })
    }

    fn expect(&mut self, tag: u8) -> Result<Element<'a>, Error> {
        let found = self.next()?;
        if found.tag == tag { Ok(found) } else { Err(FORM) }
    }

    fn take_if(&mut self, tag: u8) -> Result<Option<Element<'a>>, Error> {
        if self.0.first() == Some(&tag) { self.next().map(Some) } else { Ok(None) }
    }

    fn all(mut self) -> Result<Vec<Element<'a>>, Error> {
        let mut found = Vec::new();
        while !self.0.is_empty() {
            found.push(self.next()?);
        }
        Ok(found)
    }
}

impl<'a> Element<'a> {
    fn inside(self) -> Reader<'a> {
        Reader(self.content)
    }
}

/// What an authority said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub at: Timestamp,
}

/// Whose certificates are believed, in DER.
#[derive(Clone, Debug, Default)]
pub struct Roots(Vec<CertificateDer<'static>>);

impl Roots {
    pub fn new(certificates: Vec<Vec<u8>>) -> Self {
        Roots(certificates.into_iter().map(CertificateDer::from).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Checks an answer to [`request`]: that it grants, is about this imprint, bears this nonce (where it is still known), and is
/// signed by somebody whose certificate is for time stamps and leads to one of `roots`.
pub fn verify(answer: &[u8], imprint: &Hash, nonce: Option<u64>, roots: &Roots) -> Result<Stamp, Error> {
    if answer.len() > MAX_ANSWER_BYTES {
        return Err(FORM);
    }
    let mut response = Reader(answer).expect(SEQUENCE)?.inside();
    let status = response.expect(SEQUENCE)?.inside().expect(INTEGER)?;
    // 0 granted, 1 granted with changes (section 2.4.2).
    if !matches!(status.content, [0 | 1]) {
        return Err(Error::Form("the authority refused the time stamp"));
    }
    let signed = Signed::read(response.next()?)?;
    let info = TstInfo::read(signed.content, imprint, nonce)?;
    signed.verify(roots, info.at)?;
    Ok(Stamp { at: info.at })
}

struct TstInfo {
    at: Timestamp,
}

impl TstInfo {
    /// RFC 3161 section 2.4.2.
    fn read(content: &[u8], imprint: &Hash, nonce: Option<u64>) -> Result<Self, Error> {
        let mut info = Reader(content).expect(SEQUENCE)?.inside();
        info.expect(INTEGER)?;
        info.expect(OID)?;
        let mut about = info.expect(SEQUENCE)?.inside();
        let algorithm = about.expect(SEQUENCE)?.inside().expect(OID)?;
        let hash = about.expect(OCTETS)?;
        if algorithm.content != SHA256 || hash.content != imprint {
            return Err(Error::Form("the time stamp is about something else"));
        }
        info.expect(INTEGER)?;
        let at = time(info.expect(TIME)?.content)?;
        let mut found = None;
        while !info.0.is_empty() {
            let element = info.next()?;
            if element.tag == INTEGER {
                found = Some(element.content);
            }
        }
        if let Some(nonce) = nonce {
            let asked = request(imprint, nonce);
            let mut fields = Reader(&asked).expect(SEQUENCE)?.inside();
            fields.expect(INTEGER)?;
            fields.expect(SEQUENCE)?;
            if found != Some(fields.expect(INTEGER)?.content) {
                return Err(Error::Form("the time stamp answers another request"));
            }
        }
        Ok(TstInfo { at })
    }
}

/// `YYYYMMDDhhmmss[.f]Z`.
fn time(text: &[u8]) -> Result<Timestamp, Error> {
    let text = std::str::from_utf8(text).ok().and_then(|text| text.strip_suffix('Z')).ok_or(FORM)?;
    let digits = text.split('.').next().filter(|part| part.len() == 14).ok_or(FORM)?;
    let part = |range: std::ops::Range<usize>| digits.get(range).ok_or(FORM);
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(8..10)?, part(10..12)?, part(12..14)?);
    Timestamp::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok_or(FORM)
}

/// CMS SignedData (RFC 5652 section 5), as far as a time stamp uses it.
struct Signed<'a> {
    content: &'a [u8],
    certificates: Vec<Element<'a>>,
    signer: Reader<'a>,
}

impl<'a> Signed<'a> {
    fn read(token: Element<'a>) -> Result<Self, Error> {
        let mut info = Reader(token.whole).expect(SEQUENCE)?.inside();
        if info.expect(OID)?.content != SIGNED_DATA {
            return Err(FORM);
        }
        let mut data = info.expect(CONTEXT_0)?.inside().expect(SEQUENCE)?.inside();
        data.expect(INTEGER)?;
        data.expect(SET)?;
        let mut inner = data.expect(SEQUENCE)?.inside();
        if inner.expect(OID)?.content != TST_INFO {
            return Err(FORM);
        }
        let content = inner.expect(CONTEXT_0)?.inside().expect(OCTETS)?.content;
        let certificates = match data.take_if(CONTEXT_0)? {
            Some(set) => set.inside().all()?,
            None => Vec::new(),
        };
        data.take_if(0xA1)?;
        let mut signers = data.expect(SET)?.inside();
        let signer = signers.expect(SEQUENCE)?.inside();
        // Section 2.4.2: one signature, that of the authority.
        if !signers.0.is_empty() {
            return Err(FORM);
        }
        Ok(Signed { content, certificates, signer })
    }

    fn verify(&self, roots: &Roots, at: Timestamp) -> Result<(), Error> {
        let mut signer = self.signer;
        signer.expect(INTEGER)?;
        let identifier = signer.expect(SEQUENCE)?;
        let hash = signer.expect(SEQUENCE)?.inside().expect(OID)?.content;
        let attributes = signer.expect(CONTEXT_0)?;
        signer.expect(SEQUENCE)?;
        let signature = signer.expect(OCTETS)?.content;
        let certificate = self.certificates.iter().find(|one| is_named(one, &identifier).unwrap_or(false));
        let certificate =
            certificate.ok_or(Error::Form("the time stamp does not bring its signer's certificate"))?;
        self.check_attributes(attributes, hash, certificate.whole)?;
        let der = CertificateDer::from(certificate.whole);
        let end = EndEntityCert::try_from(&der).map_err(|_| Error::UnknownSigner)?;
        // What is signed are the attributes as a SET (RFC 5652 section 5.4).
        let message = [&[SET], attributes.whole.get(1..).unwrap_or_default()].concat();
        let is_signed =
            algorithms_for(hash).iter().any(|one| end.verify_signature(*one, &message, signature).is_ok());
        if !is_signed {
            return Err(Error::Signature);
        }
        let anchors: Vec<_> =
            roots.0.iter().filter_map(|root| webpki::anchor_from_trusted_cert(root).ok()).collect();
        let others: Vec<CertificateDer<'_>> =
            self.certificates.iter().map(|one| CertificateDer::from(one.whole)).collect();
        let seconds = u64::try_from(at.seconds()).map_err(|_| FORM)?;
        let moment = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let usage = KeyUsage::required(TIME_STAMPING);
        end.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &others, moment, usage, None, None)
            .map(drop)
            .map_err(|_| Error::UnknownSigner)
    }

    fn check_attributes(
        &self,
        attributes: Element<'_>,
        hash: &[u8],
        certificate: &[u8],
    ) -> Result<(), Error> {
        let (mut typed, mut digested, mut bound) = (false, false, false);
        for attribute in attributes.inside().all()? {
            let mut parts = attribute.inside();
            let (name, mut values) = (parts.expect(OID)?.content, parts.expect(SET)?.inside());
            let value = values.next()?;
            if name == CONTENT_TYPE {
                typed = value.tag == OID && value.content == TST_INFO;
            } else if name == MESSAGE_DIGEST {
                let algorithm = algorithm(hash).ok_or(FORM)?;
                digested = value.content == digest::digest(algorithm, self.content).as_ref();
            } else if name == SIGNING_CERTIFICATE {
                let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
                bound |= first_hash(value)? == sha1.as_ref();
            } else if name == SIGNING_CERTIFICATE_V2 {
                // SHA-256 where no algorithm is named (RFC 5035 section 3).
                bound |= first_hash(value)? == digest::digest(&digest::SHA256, certificate).as_ref();
            }
        }
        if typed && digested && bound { Ok(()) } else { Err(Error::Signature) }
    }
}

/// The hash in the first ESSCertID of a signing-certificate attribute (RFC 2634 section 5.4, RFC 5035 section 3).
fn first_hash(value: Element<'_>) -> Result<&[u8], Error> {
    let mut certificate = value.inside().expect(SEQUENCE)?.inside().expect(SEQUENCE)?.inside();
    let mut found = certificate.next()?;
    if found.tag == SEQUENCE {
        found = certificate.next()?;
    }
    if found.tag == OCTETS { Ok(found.content) } else { Err(FORM) }
}

/// Whether a certificate has the issuer and serial number that the signer names.
fn is_named(certificate: &Element<'_>, identifier: &Element<'_>) -> Result<bool, Error> {
    let mut named = identifier.inside();
    let (issuer, serial) = (named.expect(SEQUENCE)?.whole, named.expect(INTEGER)?.content);
    let mut body = certificate.inside().expect(SEQUENCE)?.inside();
    body.take_if(CONTEXT_0)?;
    let found = body.expect(INTEGER)?.content;
    body.expect(SEQUENCE)?;
    Ok(found == serial && body.expect(SEQUENCE)?.whole == issuer)
}

fn algorithm(oid: &[u8]) -> Option<&'static digest::Algorithm> {
    match oid {
        SHA256 => Some(&digest::SHA256),
        SHA384 => Some(&digest::SHA384),
        SHA512 => Some(&digest::SHA512),
        _ => None,
    }
}

fn algorithms_for(oid: &[u8]) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    match oid {
        SHA256 => vec![
            algorithms::RSA_PKCS1_2048_8192_SHA256,
            algorithms::ECDSA_P256_SHA256,
            algorithms::ECDSA_P384_SHA256,
        ],
        SHA384 => vec![
            algorithms::RSA_PKCS1_2048_8192_SHA384,
            algorithms::ECDSA_P256_SHA384,
            algorithms::ECDSA_P384_SHA384,
        ],
        SHA512 => vec![algorithms::RSA_PKCS1_2048_8192_SHA512, algorithms::ECDSA_P384_SHA512],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
