//! From names to addresses.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// The addresses of a name, or why there are none.
pub type Found<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Turns a host name into addresses. What it answers is checked before anything connects to it.
pub trait Names: Send + Sync {
    fn resolve<'a>(&'a self, host: &'a str) -> Found<'a>;
}

/// The machine's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

impl Names for SystemNames {
    fn resolve<'a>(&'a self, host: &'a str) -> Found<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Names that a test makes up.
#[derive(Clone, Debug, Default)]
pub struct FixedNames(BTreeMap<String, Vec<IpAddr>>);

impl FixedNames {
    #[must_use]
    pub fn with(mut self, host: &str, addresses: &[IpAddr]) -> Self {
        self.0.insert(host.to_owned(), addresses.to_vec());
        self
    }
}

impl Names for FixedNames {
    fn resolve<'a>(&'a self, host: &'a str) -> Found<'a> {
        let found = self.0.get(host).cloned();
        Box::pin(async move { found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name")) })
    }
}
