//! Where the demo's money would be: stand-ins for Stripe and PayPal on this machine, which speak what the providers speak. Only the
//! addresses in the config tell them from the real ones.

use std::path::Path;
use std::sync::mpsc;

use storeward_base::{Entropy, SystemEntropy};
use storeward_demo_shop::PayAt;
use storeward_emulators::{Control, Emulators, Options};
use storeward_host::Stopper;

use crate::Done;
use crate::data::{self, DataDir};
use crate::failure::{Context, Failure};

/// Both stand-ins at work.
pub struct Money {
    control: Control,
    config: String,
    /// What the sample shop has to know.
    pub shop: PayAt,
    stopper: Stopper,
    thread: std::thread::JoinHandle<()>,
}

impl Money {
    /// Starts them, tells them where webhooks go, and writes the keys that they give. `origin` is where the shop is in browsers.
    pub fn start(data: &DataDir, origin: &str) -> Done<Self> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("the demo")?;
        let (stopper, stop) = Stopper::new();
        let (tell, told) = mpsc::channel();
        let work = move || {
            runtime.block_on(async move {
                match Emulators::start(Options::default()).await {
                    Ok(emulators) => {
                        let sides =
                            (emulators.stripe.clone(), emulators.paypal.clone(), emulators.control.clone());
                        if tell.send(Ok(sides)).is_ok() {
                            stop.stopping().await;
                        }
                        emulators.stop().await;
                    }
                    // Whoever waits for it says so.
                    Err(error) => drop(tell.send(Err(error.to_string()))),
                }
            });
        };
        let thread =
            std::thread::Builder::new().name("providers".to_owned()).spawn(work).context("the demo")?;
        let (stripe, paypal, control) = told
            .recv()
            .map_err(|error| error.to_string())
            .and_then(|started| started)
            .map_err(|why| Failure::new(format!("the stand-ins for Stripe and PayPal: {why}")))?;
        let hook = |provider: &str| format!("{origin}/.storeward/pay/webhooks/{provider}");
        let (_, secret) = control.stripe_webhook(&hook("stripe")).map_err(Failure::new)?;
        let webhook = control.paypal_webhook(&hook("paypal")).map_err(Failure::new)?;
        let key = |name: &str, text: &str| data::write_atomically(&data.join(name), text.as_bytes());
        key("demo-stripe-key", &stripe.secret_key)?;
        key("demo-stripe-hook", &secret)?;
        key("demo-paypal-secret", &paypal.client_secret)?;
        key("demo-paypal-roots.pem", &paypal.authority)?;
        let mut bytes = [0_u8; 56];
        SystemEntropy.fill(&mut bytes);
        let (link, news) = bytes.split_at(32);
        let link = storeward_seal::encoding::hex(link);
        key("demo-link-secret", &link)?;
        key("demo-news-secret", &format!("whsec_{}", storeward_seal::encoding::base64(news)))?;
        let config = format!(
            "[payments]\nmode = \"test\"\nlink_secret_files = [\"demo-link-secret\"]\n\n\
             [payments.stripe]\naddress = \"{}\"\nsecret_key_file = \"demo-stripe-key\"\n\
             webhook_secret_files = [\"demo-stripe-hook\"]\n\n\
             [payments.paypal]\naddress = \"{}\"\nclient_id = {}\nsecret_file = \"demo-paypal-secret\"\n\
             webhook_id = {}\ncertificate_roots_file = \"demo-paypal-roots.pem\"\n\n",
            stripe.address,
            paypal.address,
            toml::Value::from(paypal.client_id.clone()),
            toml::Value::from(webhook),
        );
        let shop = PayAt {
            page: format!("{origin}/.storeward/pay/link"),
            shop: origin.to_owned(),
            secret: link,
            news_secret: news.to_vec(),
        };
        Ok(Money { control, config, shop, stopper, thread })
    }

    /// `[payments]` and what is in it; the shop at `upstream` is told.
    pub fn config(&self, upstream: &str) -> String {
        format!(
            "{}[[payments.hook]]\nname = \"shop\"\nurl = \"{upstream}/payments/news\"\nsecret_file = \"demo-news-secret\"\n\
             internal = true\n\n",
            self.config
        )
    }

    /// Webhooks go to the shop's front door, which shows a certificate of this authority.
    pub fn trust(&self, root: &Path) -> Done {
        let pem = std::fs::read_to_string(root).context(root.display())?;
        if self.control.trust(&pem) > 0 {
            Ok(())
        } else {
            Err(Failure::new(format!("{}: no certificate", root.display())))
        }
    }

    pub fn stop(self) {
        self.stopper.stop();
        // A thread that panicked has said so.
        let _ = self.thread.join();
    }
}
