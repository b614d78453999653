//! What another domain of the house adds to the customers' pages: guidance does, so that there is one place and not two.

use std::pin::Pin;
use std::sync::{Arc, PoisonError};

use storeward_base::{CustomerId, Language};
use storeward_web::Failure;

use crate::error::Error;
use crate::verbs::Identity;
use crate::verbs::current::CurrentSession;
use crate::verbs::standing::Standing;

/// What takes a while.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A link to another page of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab {
    /// Below our prefix.
    pub path: &'static str,
    pub label: String,
}

/// Adds to the pages.
pub trait Companion: Send + Sync + 'static {
    /// Further entries of the navigation of whoever signed in.
    fn tabs(&self, language: Language) -> Vec<Tab>;

    /// Links at the foot of every page.
    fn foot(&self, language: Language) -> Vec<Tab>;

    /// The address of a further style sheet.
    fn stylesheet(&self) -> String;

    /// The check-up at the head of the security centre, as HTML that is shown as it is. `csrf` goes into its forms.
    fn checkup<'a>(
        &'a self,
        customer: CustomerId,
        standing: Standing,
        language: Language,
        csrf: &'a str,
    ) -> Later<'a, Result<String, Failure>>;
}

/// Makes an entry of the navigation.
pub(crate) type MakesTab = Box<dyn Fn(Language) -> Tab + Send + Sync>;

impl Identity {
    /// Has the companion add to the pages. Only the first one is taken.
    pub fn accompany(&self, companion: Arc<dyn Companion>) {
        // A second one would have been told by the first one's absence.
        let _ = self.0.companion.set(companion);
    }

    /// Adds an entry to the navigation of whoever signed in, behind those of the companion.
    pub fn add_tab(&self, tab: impl Fn(Language) -> Tab + Send + Sync + 'static) {
        self.0.tabs.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(tab));
    }

    pub(crate) fn more_tabs(&self, language: Language) -> Vec<Tab> {
        let tabs = self.0.tabs.read().unwrap_or_else(PoisonError::into_inner);
        let mut made: Vec<Tab> = tabs.iter().map(|tab| tab(language)).collect();
        // Whoever was put together twice has one entry.
        made.dedup_by_key(|tab| tab.path);
        made
    }

    /// What the shop is called.
    pub fn shop_name(&self) -> String {
        self.0.shop_name()
    }

    /// `https://shop.example`, as links in letters begin.
    pub fn address(&self) -> String {
        self.0.origin()
    }

    /// Each name of the shop, and the host of our own pages where there is one, as [`Identity::address`] writes it.
    pub fn addresses(&self) -> Vec<String> {
        self.0.origins()
    }

    /// The shop's first name on the web.
    pub fn host(&self) -> String {
        self.0.shop_names.first().cloned().unwrap_or_default()
    }

    /// The language to speak to somebody in: the wanted one if it is offered.
    pub fn language(&self, wanted: Option<Language>) -> Language {
        self.0.language(wanted)
    }

    pub(crate) async fn checkup_of(
        &self,
        session: &CurrentSession,
        language: Language,
        csrf: &str,
    ) -> Result<Option<String>, Failure> {
        let Some(companion) = self.0.companion.get() else { return Ok(None) };
        let standing = self.standing(session.customer).await?.ok_or(Error::NoAccount)?;
        companion.checkup(session.customer, standing, language, csrf).await.map(Some)
    }
}
