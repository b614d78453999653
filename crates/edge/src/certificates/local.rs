//! The development CA: a root that may only vouch for names of one machine or network, and leaves of a week.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use storeward_base::{Entropy, Timestamp};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::chain::{Chain, ip_of, sha256_hex};
use super::{CertificateError, disk};

const DAY: Duration = Duration::from_secs(86_400);
const ROOT_LIFE: Duration = DAY.saturating_mul(730);
const LEAF_LIFE: Duration = DAY.saturating_mul(7);
/// A root with less left is replaced, so that no leaf outlives its root.
const ROOT_RESERVE: Duration = DAY.saturating_mul(30);
const PLACEHOLDER_LIFE: Duration = DAY.saturating_mul(30);
/// Clocks of other devices in the network may be behind.
const BACKDATED: Duration = Duration::from_secs(3600);

pub(crate) const ROOT_FILE: &str = "root.pem";

/// Zones that public DNS never holds (RFC 6761; `internal`: ICANN 2024).
const ZONES: [&str; 3] = ["localhost", "test", "internal"];

/// Loopback, RFC 1918, link-local (RFC 3927), and their like in IPv6 (RFC 4193, RFC 4291).
const NETWORKS: [(IpAddr, u8); 8] = [
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
];

/// rcgen's type of time, which has no name here. Only adding to a known moment makes one.
macro_rules! moment {
    ($at:expr) => {
        rcgen::date_time_ymd(1970, 1, 1) + $at.since(Timestamp::EPOCH)
    };
}

/// A root in `root.pem` (certificate and key, mode 0600) that is limited by name constraints (RFC 5280 section
/// 4.2.1.10): whoever steals its key can pretend to be a development shop, and nobody's bank.
pub struct LocalCa {
    issuer: Issuer<'static, KeyPair>,
    root_pem: String,
    not_after: Timestamp,
    permitted: Permitted,
    made_now: bool,
}

/// A leaf with its key, in PEM. The root is not part of the chain: clients have it or do not trust it.
pub struct Issued {
    pub certificate_pem: String,
    pub key_pem: String,
}

impl LocalCa {
    /// Where the keeper whose directory is `keeper_directory` has its root.
    pub fn directory_in(keeper_directory: &Path) -> PathBuf {
        keeper_directory.join("local-ca")
    }

    /// Opens the root in `dir`. Makes a new one when there is none, when it ends within 30 days, or when it may not
    /// vouch for one of `names`; the new one has to be installed again.
    pub fn open_or_create(
        dir: &Path,
        names: &[String],
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, CertificateError> {
        disk::private_dir(dir)?;
        let path = dir.join(ROOT_FILE);
        if let Some(pem) = disk::read_if_there(&path)? {
            let ca = Self::read(&pem)?;
            let lasts = ca.not_after.minus(ROOT_RESERVE) > now;
            if lasts && names.iter().all(|name| ca.permitted.allows(name)) {
                return Ok(ca);
            }
        }
        let pem = new_root(names, now, entropy)?;
        disk::write_private(&path, pem.as_bytes())?;
        Ok(LocalCa { made_now: true, ..Self::read(pem.as_bytes())? })
    }

    fn read(pem: &[u8]) -> Result<Self, CertificateError> {
        let broken = |e: &dyn std::fmt::Display| {
            CertificateError::unusable(format!(
                "{ROOT_FILE} of the development CA cannot be read ({e}); delete it, and a new one is made"
            ))
        };
        let text = std::str::from_utf8(pem).map_err(|e| broken(&e))?;
        let key = KeyPair::from_pem(text).map_err(|e| broken(&e))?;
        let der = CertificateDer::from_pem_slice(pem).map_err(|e| broken(&e))?;
        let (_, root) = X509Certificate::from_der(&der).map_err(|e| broken(&e))?;
        let start = text.find("-----BEGIN CERTIFICATE-----").ok_or_else(|| broken(&"no certificate"))?;
        Ok(LocalCa {
            issuer: Issuer::from_ca_cert_der(&der, key).map_err(|e| broken(&e))?,
            root_pem: text.get(start..).unwrap_or_default().to_owned(),
            not_after: Timestamp::from_seconds(root.validity().not_after.timestamp()),
            permitted: Permitted::of(&root),
            made_now: false,
        })
    }

    /// The root certificate, without its key: what trust stores take.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// SHA-256 of the root certificate, lower-case hexadecimal.
    pub fn root_fingerprint(&self) -> String {
        CertificateDer::from_pem_slice(self.root_pem.as_bytes())
            .map(|der| sha256_hex(&der))
            .unwrap_or_default()
    }

    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// True when the root was made by this very opening: browsers do not know it yet.
    pub fn made_now(&self) -> bool {
        self.made_now
    }

    /// A new leaf with a new P-256 key for `names`, for seven days.
    pub fn issue(
        &self,
        names: &[String],
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Issued, CertificateError> {
        if let Some(name) = names.iter().find(|name| !self.permitted.allows(name)) {
            return Err(CertificateError::unusable(format!(
                "the development CA may not vouch for {name}: restart to make a new root, then install it"
            )));
        }
        let mut params = leaf_params(names, now, LEAF_LIFE, entropy)?;
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(CertificateError::making)?;
        let leaf = params.signed_by(&key, &self.issuer).map_err(CertificateError::making)?;
        Ok(Issued { certificate_pem: leaf.pem(), key_pem: key.serialize_pem() })
    }
}

/// A self-signed stand-in for `names`: a handshake works, a browser warns.
pub(crate) fn placeholder(
    names: &[String],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Chain, CertificateError> {
    let params = leaf_params(names, now, PLACEHOLDER_LIFE, entropy)?;
    let key = KeyPair::generate().map_err(CertificateError::making)?;
    let certificate = params.self_signed(&key).map_err(CertificateError::making)?;
    Chain::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())
}

fn leaf_params(
    names: &[String],
    now: Timestamp,
    life: Duration,
    entropy: &dyn Entropy,
) -> Result<CertificateParams, CertificateError> {
    let mut params = CertificateParams::new(names.to_vec()).map_err(CertificateError::making)?;
    params.distinguished_name = subject("Storeward development certificate");
    params.serial_number = Some(serial(entropy));
    params.not_before = moment!(now.minus(BACKDATED));
    params.not_after = moment!(now.plus(life));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn new_root(names: &[String], now: Timestamp, entropy: &dyn Entropy) -> Result<String, CertificateError> {
    let mut params = CertificateParams::default();
    // The random part tells roots apart in a browser's list after one was made anew.
    params.distinguished_name = subject(&format!("Storeward development CA {}", entropy.token::<4>()));
    params.serial_number = Some(serial(entropy));
    params.not_before = moment!(now.minus(BACKDATED));
    params.not_after = moment!(now.plus(ROOT_LIFE));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: subtrees(names), excluded_subtrees: Vec::new() });
    let key = KeyPair::generate().map_err(CertificateError::making)?;
    let root = params.self_signed(&key).map_err(CertificateError::making)?;
    Ok(format!("{}{}", key.serialize_pem(), root.pem()))
}

/// What the root may vouch for. A name constraint without a leading dot covers the name and all below it.
fn subtrees(names: &[String]) -> Vec<GeneralSubtree> {
    let zones = ZONES.iter().map(|zone| GeneralSubtree::DnsName((*zone).to_owned()));
    let networks = NETWORKS
        .iter()
        .map(|(ip, prefix)| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*ip, *prefix)));
    let mut all: Vec<_> = zones.chain(networks).collect();
    for name in names.iter().filter(|name| !super::config::is_private(name)) {
        all.push(match name.parse::<IpAddr>() {
            Ok(ip) => GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(
                ip,
                if ip.is_ipv4() { 32 } else { 128 },
            )),
            Err(_) => GeneralSubtree::DnsName(name.trim_start_matches("*.").to_owned()),
        });
    }
    all
}

/// What a root's own name constraints allow.
struct Permitted {
    zones: Vec<String>,
    networks: Vec<(IpAddr, IpAddr)>,
}

impl Permitted {
    fn of(root: &X509Certificate<'_>) -> Self {
        let mut permitted = Permitted { zones: Vec::new(), networks: Vec::new() };
        let subtrees =
            root.name_constraints().ok().flatten().and_then(|c| c.value.permitted_subtrees.as_ref());
        for subtree in subtrees.into_iter().flatten() {
            match &subtree.base {
                GeneralName::DNSName(zone) => permitted.zones.push((*zone).to_owned()),
                GeneralName::IPAddress(bytes) => {
                    let (ip, mask) = bytes.split_at(bytes.len() / 2);
                    permitted.networks.extend(ip_of(ip).zip(ip_of(mask)));
                }
                _ => {}
            }
        }
        permitted
    }

    fn allows(&self, name: &str) -> bool {
        if let Ok(ip) = name.parse::<IpAddr>() {
            return self.networks.iter().any(|(net, mask)| masked(ip, *mask) == Some(bits(*net)));
        }
        let name = name.trim_start_matches("*.");
        self.zones.iter().any(|zone| {
            name == zone || name.strip_suffix(zone.as_str()).is_some_and(|rest| rest.ends_with('.'))
        })
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip),
    }
}

fn masked(ip: IpAddr, mask: IpAddr) -> Option<u128> {
    (ip.is_ipv4() == mask.is_ipv4()).then(|| bits(ip) & bits(mask))
}

fn subject(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// 127 random bits: positive, and unique without a register (RFC 5280 section 4.1.2.2).
fn serial(entropy: &dyn Entropy) -> SerialNumber {
    let mut bytes = entropy.bytes::<16>();
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    SerialNumber::from_slice(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SeededEntropy;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_541_880);

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&n| n.to_owned()).collect()
    }

    struct Dir(std::path::PathBuf);
    impl Dir {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("storeward-ca-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            Dir(path)
        }
        fn open(&self, list: &[&str], now: Timestamp) -> LocalCa {
            LocalCa::open_or_create(&self.0, &names(list), now, &SeededEntropy::new(1)).unwrap()
        }
    }
    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_root_stays_until_it_must_change() {
        let dir = Dir::new("stays");
        let first = dir.open(&["shop.localhost", "10.0.0.5"], NOW);
        assert!(first.made_now() && first.not_after() == NOW.plus(ROOT_LIFE));
        let again = dir.open(&["other.test", "::1", "localhost"], NOW.plus(DAY));
        assert!(!again.made_now());
        assert_eq!(again.root_pem(), first.root_pem());
        assert!(!again.root_pem().contains("PRIVATE"));
        let wider = dir.open(&["shop.example", "*.shop.example", "192.0.2.1"], NOW);
        assert!(wider.made_now() && wider.root_fingerprint() != first.root_fingerprint());
        assert!(!dir.open(&["www.shop.example"], NOW).made_now());
        assert!(dir.open(&["www.shop.example"], NOW.plus(ROOT_LIFE - DAY * 30)).made_now());
    }

    #[test]
    fn a_leaf_is_for_a_week_and_only_for_permitted_names() {
        let dir = Dir::new("leaf");
        let ca = dir.open(&[], NOW);
        let all = names(&["shop.localhost", "*.shop.test", "127.0.0.1", "::1", "192.168.1.7"]);
        let leaf = ca.issue(&all, NOW, &SeededEntropy::new(2)).unwrap();
        let chain = Chain::from_pem(leaf.certificate_pem.as_bytes(), leaf.key_pem.as_bytes()).unwrap();
        assert_eq!(chain.names, all);
        assert_eq!(chain.not_after, NOW.plus(LEAF_LIFE));
        for name in ["bank.example", "8.8.8.8", "2001:db8::1", "notlocalhost", "latest"] {
            assert!(ca.issue(&names(&[name]), NOW, &SeededEntropy::new(2)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_broken_root_says_what_to_do() {
        let dir = Dir::new("broken");
        dir.open(&[], NOW);
        std::fs::write(dir.0.join(ROOT_FILE), "junk").unwrap();
        let opened = LocalCa::open_or_create(&dir.0, &[], NOW, &SeededEntropy::new(1));
        assert!(opened.err().unwrap().to_string().contains("delete it, and a new one is made"));
    }
}
