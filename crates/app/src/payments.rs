//! `[payments]`: payments, put together, with the pages where buyers choose how to pay.

mod words;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use storeward_base::CustomerId;
use storeward_host::{OwnPages, Stop};
use storeward_identity::Identity;
use storeward_payments::orders::{OrdersFile, OrdersSource};
use storeward_payments::pages::{Look, Numbers, OWN_MEANS, OwnMeans, Pages};
use storeward_payments::{
    Error as PayError, Keys, Mode, PAGES, Pace, Payments, PaymentsParts, Provider, Reach, Unsealed, WEBHOOKS,
    harmed_rows, reach,
};
use storeward_store::jobs::Handler;
use storeward_vault::Vault;

pub use words::{Options, payments};

use crate::Done;
use crate::config::Config;
use crate::failure::{Context, Failure};
use crate::oidc::finished;
use crate::open::Opened;

/// Where it stands that payments without a seal are none of Storeward's: beside the keys, not in the database.
const BOUND: &str = "keys/payments-bound";
/// The same of reviews, which came under their payments' seals later.
const REVIEWS_BOUND: &str = "keys/reviews-bound";

const HINT: &str = "see docs/payments.md for what [payments] needs";

/// Refuses what does not fit together. Files are read at the start.
pub fn check(config: &Config) -> Done {
    let Some(section) = &config.payments else { return Ok(()) };
    if section.stripe.is_none() && section.paypal.is_none() {
        return Err(Failure::new("[payments] needs [payments.stripe], [payments.paypal], or both").hint(HINT));
    }
    Ok(())
}

/// For `storeward check`: reads the files that the section names, and asks PayPal whether it takes its keys in this mode, which nobody can
/// see by how they look. `Ok(Err)` is what to look at, where it could not be asked: (finding, what to do).
pub fn look(dir: &Path, config: &Config) -> Done<Result<String, (String, String)>> {
    let Some(section) = &config.payments else { return Ok(Ok("none are taken".to_owned())) };
    let settings = section.settings(dir).map_err(|fault| Failure::new(fault.to_string()).hint(HINT))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("a runtime")?;
    let keys = runtime.block_on(settings.ask_paypal());
    // A resolver that hangs must not hold up the end.
    runtime.shutdown_background();
    let taken = match keys {
        None => "",
        Some(Keys::Taken) => "; PayPal takes its keys",
        Some(Keys::Refused) => {
            let hint = "put the keys of this mode into [payments.paypal], or correct payments.mode; until then PayPal is not offered";
            return Err(Failure::new(settings.paypals_refusal()).hint(hint));
        }
        Some(Keys::Unknown(why)) => {
            return Ok(Err((
                format!(
                    "the keys can be read; PayPal could not be asked whether they are of this mode ({why})"
                ),
                "check again once PayPal can be reached; the running product asks by itself".to_owned(),
            )));
        }
    };
    let ways = [("Stripe", section.stripe.is_some()), ("PayPal", section.paypal.is_some())];
    let ways: Vec<&str> = ways.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect();
    let mode = if section.mode == Mode::Live { "money moves" } else { "test payments, no money moves" };
    Ok(Ok(format!("{}: the keys can be read; {mode}{taken}", ways.join(" and "))))
}

/// For `storeward check`: how far days are held against the providers' own lists. `Err` is what to look at.
pub fn compared(dir: &Path, config: &Config) -> Done<Option<Result<String, (String, &'static str)>>> {
    let Some(section) = &config.payments else { return Ok(None) };
    let set_up = [(Provider::Stripe, section.stripe.is_some()), (Provider::PayPal, section.paypal.is_some())];
    let set_up = set_up.into_iter().filter(|(_, is_there)| *is_there).map(|(provider, _)| provider).collect();
    let opened = crate::open::open(dir)?;
    let all = finished(reach(&opened.db, set_up, opened.clock.now()))?.context("payments")?;
    let says: Vec<String> = all.iter().map(words::in_words).collect();
    let is_behind = all.iter().any(Reach::is_behind);
    Ok(Some(match is_behind {
        true => Err((
            says.join("; "),
            "the running product goes back to them by itself, seven days a round and 31 days at most; `storeward payments reconcile --day` compares one by hand, however old",
        )),
        false => Ok(says.join("; ")),
    }))
}

/// Whether nothing changed.
pub fn is_same(before: &Config, after: &Config) -> bool {
    // Debug shows every setting; secrets lie in files.
    format!("{:?}", before.payments) == format!("{:?}", after.payments)
}

/// Payments, and the pages with theirs among them. As they were without the section.
pub fn start(opened: &Opened, own: Option<OwnPages>) -> Done<(Option<Payments>, Option<OwnPages>)> {
    let config = &opened.loaded.config;
    let Some(section) = &config.payments else { return Ok((None, own)) };
    let settings =
        section.settings(opened.data.path()).map_err(|fault| Failure::new(fault.to_string()).hint(HINT))?;
    let hosts = config.domain.list();
    let payments = Payments::open(PaymentsParts {
        db: opened.db.clone(),
        settings,
        clock: opened.clock.clone(),
        entropy: opened.entropy.clone(),
        data_key: opened.data_key.clone(),
        pseudonym_key: opened.pseudonym_key.clone(),
        address: address(config),
        hosts: hosts.clone(),
        pace: Pace::default(),
    });
    payments.bind_old_blocking(&opened.data.join(BOUND)).context("payments")?;
    payments.bind_reviews_blocking(&opened.data.join(REVIEWS_BOUND)).context("payments")?;
    let first = hosts.first().map_or("the shop", String::as_str);
    let look = Look::new(config.look.name.as_deref().unwrap_or(first), config.look.colour.as_deref())
        .with_contact(config.look.contact.as_deref());
    let router = Pages::new(payments.clone(), look).router(&hosts).context("payments")?;
    let own = match own {
        Some(own) => own.with(&[PAGES], router),
        None => OwnPages::new(router, &[], &[]),
    };
    let own = own.with_inboxes(&WEBHOOKS);
    Ok((Some(payments), Some(own)))
}

/// Shows PayPal its keys while everything serves, and says in the log what comes of it.
pub fn watch_keys(payments: &Payments, runtime: &tokio::runtime::Handle, stop: &Stop) {
    let (payments, stop) = (payments.clone(), stop.clone());
    runtime.spawn(async move {
        let say = |words: &str| {
            let level = if payments.keys_refused().is_some() { "error" } else { "info" };
            crate::run::log(level, words, &[]);
        };
        tokio::select! {
            () = stop.stopping() => {}
            () = payments.watch_keys(say) => {}
        }
    });
}

/// By which numbers a shop names whoever is signed in: the id of the account (an identity provider's `sub`), the ids of the records that are
/// kept under their confirmed address, and the shop's numbers in them, as the shop's own accounts say. A name that customers choose
/// themselves is none: somebody could call themselves by another's number.
struct KnownBy {
    identity: Identity,
    vault: Option<Vault>,
}

impl Numbers for KnownBy {
    fn of(
        &self,
        customer: CustomerId,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<String>, PayError>> + Send + '_>> {
        Box::pin(async move {
            let mut numbers = vec![customer.to_string()];
            let Some(vault) = &self.vault else { return Ok(numbers) };
            let person = self.identity.person(customer).await.map_err(|_| PayError::Form("an account"))?;
            let Some(email) = person.filter(|person| person.email_verified).and_then(|person| person.email)
            else {
                return Ok(numbers);
            };
            let found = vault.own_records(&email).await.map_err(|_| PayError::Form("a customer's record"))?;
            for one in found.unwrap_or_default() {
                let number = vault.number_of(one).await;
                numbers.push(one.to_string());
                numbers.extend(number.map_err(|_| PayError::Form("a customer's record"))?);
            }
            Ok(numbers)
        })
    }
}

/// The customers' pages with that of what is kept of how they pay; as they were where there is none.
pub fn answer(
    payments: Option<&Payments>,
    identity: Option<&Identity>,
    vault: Option<&Vault>,
    own: Option<OwnPages>,
) -> Done<Option<OwnPages>> {
    let (Some(payments), Some(identity), Some(pages)) = (payments, identity, own.clone()) else {
        return Ok(own);
    };
    let numbers = Arc::new(KnownBy { identity: identity.clone(), vault: vault.cloned() });
    let means = OwnMeans::new(identity.clone(), payments.clone(), numbers);
    Ok(Some(pages.with(&[OWN_MEANS], means.router().context("payments")?)))
}

/// For `storeward audit verify`: names rows of payments that are not what Storeward wrote.
pub fn look_at_rows(opened: &Opened) -> Done {
    let unsealed = match [BOUND, REVIEWS_BOUND].iter().all(|one| opened.data.join(one).exists()) {
        true => Unsealed::Harmed,
        false => Unsealed::Waiting,
    };
    let found = finished(harmed_rows(&opened.db, &opened.data_key, unsealed))?.context("the payments")?;
    if found.is_empty() {
        return Ok(());
    }
    let rows: Vec<String> =
        found.iter().take(20).map(|one| format!("{} {}: {}", one.table, one.row, one.harm)).collect();
    let more = found.len().saturating_sub(rows.len());
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Err(Failure::new(format!("rows of payments are not what Storeward wrote: {}{more}", rows.join(", ")))
        .hint("nothing is done with such a payment; compare it with the provider's dashboard and a backup, and find out who wrote to the database"))
}

/// The job that reads the shop's orders from the database that `[vault.import]` names; nothing where there are no questions for
/// that kind of shop.
pub fn orders(opened: &Opened, payments: &Payments) -> Option<Handler> {
    let import = opened.loaded.config.vault.as_ref()?.import.clone()?;
    let every = Duration::from_secs(u64::from(import.every_minutes.max(1)) * 60);
    let dir = opened.data.path().to_owned();
    OrdersFile::is_known(&import.from).then(|| {
        // Read anew each time, as the import does: a password that was changed needs no restart.
        let from = move || {
            let url = crate::vault::shop_database(&import, &dir).ok()?;
            let file = OrdersFile::built_in(&import.from, url.engine(), &import.places)?;
            Some(OrdersSource { file, url })
        };
        payments.orders_handler(from, every)
    })
}

/// Where the shop is in browsers.
fn address(config: &Config) -> String {
    let host = config.domain.list().into_iter().next().unwrap_or_default();
    match config.listen.public_port.unwrap_or_else(|| config.listen.https.port()) {
        443 => format!("https://{host}"),
        port => format!("https://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_emulators::{Emulators, Options};

    fn config(at: &Emulators, id: &str) -> Config {
        let text = format!(
            "domain = 'shop.example'\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = ['http://127.0.0.1:1']\n\
             [payments]\nmode = 'test'\n[payments.paypal]\naddress = '{}'\nclient_id = '{id}'\nsecret_file = 'paypal'\n\
             webhook_id = 'WH-1'\ncertificate_roots_file = 'roots.pem'\n",
            at.paypal.address
        );
        Config::parse(&text).unwrap()
    }

    // Keys of the other mode were "ok": nobody can see by their looks what they are.
    #[test]
    fn check_asks_paypal_whether_the_keys_are_of_this_mode() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let at = runtime.block_on(Emulators::start(Options::default())).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let key = |name: &str, text: &str| {
            crate::data::write_atomically(&dir.path().join(name), text.as_bytes()).unwrap();
        };
        key("roots.pem", &at.paypal.authority);
        key("paypal", &at.paypal.client_secret);
        let own = config(&at, &at.paypal.client_id);
        let says = look(dir.path(), &own).unwrap().unwrap();
        assert!(says.contains("PayPal takes its keys"), "{says}");
        let (id, secret) = at.paypal.other_keys.clone();
        key("paypal", &secret);
        let refused = look(dir.path(), &config(&at, &id)).unwrap_err().to_string();
        assert!(refused.contains("are they live ones?"), "{refused}");
        // Where PayPal cannot be reached nothing is wrong with the keys.
        runtime.block_on(at.stop());
        let (says, todo) = look(dir.path(), &own).unwrap().unwrap_err();
        assert!(says.contains("could not be asked") && !todo.is_empty(), "{says}");
    }
}
