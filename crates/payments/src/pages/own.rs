//! A customer's own page: what is kept of how they pay, each with a button that takes it away. Behind everything that the account has for
//! a second factor, shown just now; the person is told by letter.
//!
//! Whose a kept means of payment is, is told by the number by which the shop named them when they paid. Which numbers are those of an
//! account says whoever puts the program together ([`Numbers`]): nothing of a browser is asked.

use std::pin::Pin;
use std::sync::Arc;

use serde::Deserialize;
use storeward_base::{Actor, CustomerId};
use storeward_identity::{Access as Need, Around, CustomerGate, Identity, OwnView, Standpoint, Tab, Visit};
use storeward_web::askama::Template;
use storeward_web::axum::Router;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Access, Failure, Form, HostNamesError, Local, Query, Routes, Woven, redirect};

use super::say;
use super::texts::Text;
use crate::error::Error;
use crate::methods::Method;
use crate::payments::Payments;

/// Where the page lives on the shop's host.
pub const OWN_MEANS: &str = "/.storeward/means";
/// Below the pages' prefix, as the navigation has it.
const HERE: &str = "/means";

/// By which numbers the shop names somebody who is signed in: only such as nobody else can have.
pub trait Numbers: Send + Sync + 'static {
    fn of(
        &self,
        customer: CustomerId,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<String>, Error>> + Send + '_>>;
}

/// The page and what it goes by. Clones are cheap.
#[derive(Clone)]
pub struct OwnMeans {
    identity: Identity,
    payments: Payments,
}

impl AsRef<Identity> for OwnMeans {
    fn as_ref(&self) -> &Identity {
        &self.identity
    }
}

impl OwnMeans {
    pub fn new(identity: Identity, payments: Payments, numbers: Arc<dyn Numbers>) -> Self {
        identity.add_tab(|language| Tab { path: HERE, label: say(language, Text::OwnNav, &[]) });
        // A second one would be a fault of the wiring; the first one stands.
        let _ = payments.0.numbers.set(numbers);
        OwnMeans { identity, payments }
    }

    pub fn router(&self) -> Result<Router, HostNamesError> {
        let site = self.identity.site()?;
        Ok(self.routes().finish(self.clone(), site))
    }

    /// Every route with its rule, one per line.
    pub fn access_table(&self) -> String {
        self.routes().rows().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    fn routes(&self) -> Routes<OwnMeans, CustomerGate> {
        Routes::new(CustomerGate(self.identity.clone()))
            .get("/.storeward/means", Access::Only(Need::FreshCustomer), page)
            .post("/.storeward/means/remove", Access::Only(Need::FreshCustomer), remove)
    }
}

impl Payments {
    /// What is kept of whoever has this account, each with the number that it is kept under, the oldest first; nothing where nobody
    /// says which numbers those are.
    pub async fn kept_of_account(&self, customer: CustomerId) -> Result<Vec<(String, Method)>, Failure> {
        let mut all: Vec<(String, Method)> = Vec::new();
        let Some(numbers) = self.0.numbers.get() else { return Ok(all) };
        for number in numbers.of(customer).await? {
            for one in self.methods(&number).await? {
                if all.iter().all(|(_, known)| known.id != one.id) {
                    all.push((number.clone(), one));
                }
            }
        }
        all.sort_by(|(_, a), (_, b)| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(all)
    }
}

#[derive(Template)]
#[template(path = "means.html", askama = storeward_web::askama)]
struct MeansPage {
    title: String,
    lead: String,
    none: String,
    hint: String,
    done: Option<String>,
    remove: String,
    action: String,
    csrf: String,
    kept: Vec<Kept>,
}

struct Kept {
    id: String,
    name: String,
    provider: &'static str,
    until: Option<String>,
    since: Woven,
}

/// As a person knows it: `Visa •••• 4242`.
pub fn name_of(method: &Method) -> String {
    let brand = match method.brand.as_str() {
        "visa" => "Visa",
        "mastercard" => "Mastercard",
        "amex" => "American Express",
        "diners" => "Diners Club",
        "discover" => "Discover",
        "jcb" => "JCB",
        "unionpay" => "UnionPay",
        "paypal" => "PayPal",
        other => other,
    };
    match &method.last_four {
        Some(last) => format!("{brand} •••• {last}"),
        None => brand.to_owned(),
    }
}

/// `2030-04` as people write it.
pub fn month(kept: &str) -> String {
    match kept.split_once('-') {
        Some((year, month)) => format!("{month}/{year}"),
        None => kept.to_owned(),
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    done: String,
}

async fn page(
    State(own): State<OwnMeans>,
    view: OwnView,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let shop = own.identity.shop_name();
    let say = |key, values: &[(&str, &str)]| say(view.language, key, values);
    let place = Woven::PLACE.to_string();
    let kept = own.payments.kept_of_account(view.session.customer).await?.into_iter().map(|(_, one)| Kept {
        name: name_of(&one),
        provider: one.provider.name(),
        until: one.expires.as_deref().map(|until| say(Text::OwnUntil, &[("month", &month(until))])),
        since: Woven::new(
            &say(Text::OwnSince, &[("when", &place)]),
            Local::day(one.created_at, view.language),
        ),
        id: one.id,
    });
    let title = say(Text::OwnTitle, &[]);
    let content = MeansPage {
        title: title.clone(),
        lead: say(Text::OwnLead, &[("shop", &shop)]),
        none: say(Text::OwnNone, &[("shop", &shop)]),
        hint: say(Text::OwnHint, &[]),
        done: match asked.done.as_str() {
            "removed" => Some(format!("{} {}", say(Text::OwnRemoved, &[]), say(Text::OwnWrote, &[]))),
            "removed-unwritten" => Some(say(Text::OwnRemoved, &[])),
            _ => None,
        },
        remove: say(Text::OwnRemove, &[]),
        action: format!("{OWN_MEANS}/remove"),
        csrf: view.csrf.as_str().to_owned(),
        kept: kept.collect(),
    };
    let around = Around { title, language: view.language, nonce: &view.nonce, csrf: Some(&view.csrf) };
    own.identity.page_at(Standpoint { here: HERE, wide: true }, around, &content)
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// One that is another's, or nobody's, is answered alike: nothing is done, and the page is shown.
async fn remove(
    State(own): State<OwnMeans>,
    visit: Visit,
    view: OwnView,
    Form(named): Form<Named>,
) -> Result<Response, Failure> {
    let customer = view.session.customer;
    let kept = own.payments.kept_of_account(customer).await?;
    let Some((number, one)) = kept.into_iter().find(|(_, one)| one.id == named.id) else {
        return Ok(redirect(OWN_MEANS));
    };
    let notice = own.identity.means_removed(&visit, customer, &name_of(&one)).await?;
    let done = if notice.is_written() { "removed" } else { "removed-unwritten" };
    let told = move |tx: &mut storeward_store::Tx<'_>| {
        notice.write(tx).map_err(|why| match why {
            storeward_identity::Error::Store(why) => Error::Store(why),
            _ => Error::Form("a letter"),
        })
    };
    let actor = Actor::Customer { id: customer };
    match own.payments.remove_method_and(actor, (&number, &one.id), told).await {
        // What the provider refuses now is told to it again; here it is gone.
        Ok(()) | Err(Error::Refused { .. } | Error::NoProvider) => {
            Ok(redirect(&format!("{OWN_MEANS}?done={done}")))
        }
        Err(Error::NoMethod) => Ok(redirect(OWN_MEANS)),
        Err(other) => Err(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_one() {
        assert_eq!(OWN_MEANS, format!("{}{HERE}", storeward_host::OWN_PREFIX));
    }

    #[test]
    fn months_are_written_as_on_a_card() {
        assert_eq!((month("2030-04"), month("odd")), ("04/2030".to_owned(), "odd".to_owned()));
    }
}
