//! What each page for a signed-in member of staff starts from.

use storeward_web::askama::Template;
use storeward_web::assets::Asset;
use storeward_web::axum::extract::FromRequestParts;
use storeward_web::axum::response::Response;
use storeward_web::http::StatusCode;
use storeward_web::http::request::Parts;
use storeward_web::{CsrfToken, Failure, NavItem, Nonce, Shell, SignedIn, assets};

use crate::gate::Visitor;

const NAV: [NavItem; 12] = [
    NavItem { path: "/", label: "Now", icon: "now" },
    NavItem { path: "/explore", label: "Explore", icon: "explore" },
    NavItem { path: "/blocked", label: "Blocked", icon: "blocked" },
    NavItem { path: "/customers", label: "Customers", icon: "person" },
    NavItem { path: "/data", label: "Data", icon: "note" },
    NavItem { path: "/payments", label: "Payments", icon: "shop" },
    NavItem { path: "/scripts", label: "Scripts", icon: "explore" },
    NavItem { path: "/guidance", label: "Guidance", icon: "flag" },
    NavItem { path: "/ledger", label: "Ledger", icon: "ledger" },
    NavItem { path: "/backups", label: "Backups", icon: "save" },
    NavItem { path: "/apps", label: "Apps", icon: "key" },
    NavItem { path: "/staff", label: "Staff", icon: "lock" },
];

/// Who looks, and what their page needs around it.
pub struct View {
    pub visitor: Visitor,
    csrf: CsrfToken,
    nonce: Nonce,
}

impl<S: Sync> FromRequestParts<S> for View {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let visitor = parts.extensions.get::<Visitor>().cloned();
        // Only the gate puts it there: a route without it was given the wrong rule.
        let visitor = visitor.ok_or_else(|| Failure::broken("console.no_visitor"))?;
        let csrf = CsrfToken::from_request_parts(parts, state).await?;
        let nonce = Nonce::from_request_parts(parts, state).await?;
        Ok(View { visitor, csrf, nonce })
    }
}

impl View {
    /// The page at the navigation's entry `here`.
    pub fn page(&self, title: &str, here: &str, content: &impl Template) -> Result<Response, Failure> {
        self.shell(title, here).page(content)
    }

    /// The page again, because what was sent does not fit.
    pub fn refused(&self, title: &str, here: &str, content: &impl Template) -> Result<Response, Failure> {
        self.shell(title, here).page_with_status(StatusCode::UNPROCESSABLE_ENTITY, content)
    }

    /// For a page that needs a script of its own.
    pub fn with_script(&self, script: &'static Asset) -> Scripted<'_> {
        Scripted { view: self, script }
    }

    pub fn csrf(&self) -> &str {
        self.csrf.as_str()
    }

    fn shell<'a>(&'a self, title: &'a str, here: &'a str) -> Shell<'a> {
        let signed_in = SignedIn {
            name: &self.visitor.name,
            csrf: &self.csrf,
            sign_out_path: "/sign-out",
            own_path: "/you",
        };
        Shell { title, nav: &NAV, here, nonce: &self.nonce, signed_in: Some(signed_in), script: None }
    }
}

/// A view whose pages carry one more script.
pub struct Scripted<'a> {
    view: &'a View,
    script: &'static Asset,
}

impl Scripted<'_> {
    pub fn page(&self, title: &str, here: &str, content: &impl Template) -> Result<Response, Failure> {
        self.shell(title, here).page(content)
    }

    pub fn refused(&self, title: &str, here: &str, content: &impl Template) -> Result<Response, Failure> {
        self.refused_with(StatusCode::UNPROCESSABLE_ENTITY, title, here, content)
    }

    pub fn refused_with(
        &self,
        status: StatusCode,
        title: &str,
        here: &str,
        content: &impl Template,
    ) -> Result<Response, Failure> {
        self.shell(title, here).page_with_status(status, content)
    }

    fn shell<'a>(&'a self, title: &'a str, here: &'a str) -> Shell<'a> {
        Shell { script: Some(self.script), ..self.view.shell(title, here) }
    }
}

/// The address of the icon sheet.
pub fn icons() -> &'static str {
    assets::ICONS.url()
}
