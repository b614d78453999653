//! By what a visitor is told from a customer.

use serde::Deserialize;

/// By what the shop's answer to a visitor is known. Text of one language is no good sign: whoever has the page in another one would
/// pass for a visitor no more, and a customer for nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visitor {
    /// Text in the address that the visitor is led to, before whose end, or `&`, `?` or `#`, it stops.
    #[serde(default)]
    pub location: Option<String>,
    /// The status of the visitor's page; left out, that of a signed-in session's.
    #[serde(default)]
    pub status: Option<u16>,
    /// Text that the visitor's page holds, and that of a signed-in session does not.
    #[serde(default)]
    pub contains: Option<String>,
}

impl Visitor {
    pub(crate) fn check(&self) -> Result<(), String> {
        let signs = [&self.location, &self.contains];
        let is_plain = signs.into_iter().flatten().all(|text| !text.trim().is_empty());
        let is_some = self.location.is_some() || self.contains.is_some();
        (is_plain && is_some).then_some(()).ok_or_else(|| "name `location`, `contains`, or both".to_owned())
    }
}
