//! Starting both stand-ins, their control interface and what goes on by itself; and ending all of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::contract::{self, Contracts};
use crate::control::Control;
use crate::effects::Provider;
use crate::error::Error;
use crate::message::{Answer, Call, Leaves};
use crate::paypal::certificates::Signer;
use crate::paypal::{self, Paypal};
use crate::serve::{self, Handler};
use crate::stripe::{self, Mode, Stripe};
use crate::world::World;

/// How often what is due is done.
const TURN: Duration = Duration::from_millis(200);
const ENDS: Duration = Duration::from_secs(3);

/// How to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where Stripe, PayPal and the control interface listen; port 0 for any. Loopback only.
    pub stripe: SocketAddr,
    pub paypal: SocketAddr,
    pub control: SocketAddr,
    /// Whether Stripe's keys say `test` or `live`.
    pub mode: Mode,
    /// The same faults and losses for the same seed.
    pub seed: u64,
    /// A folder with the providers' published documents, against which calls and answers are held. By default whatever
    /// `STOREWARD_PROVIDER_CONTRACTS` names.
    pub contracts: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Options {
            stripe: any,
            paypal: any,
            control: any,
            mode: Mode::Test,
            seed: 1,
            contracts: std::env::var_os(contract::FOLDER).map(PathBuf::from),
        }
    }
}

/// What a merchant gets from Stripe.
#[derive(Clone, Debug)]
pub struct StripeSide {
    /// `http://127.0.0.1:port`, without a slash at the end.
    pub address: String,
    pub secret_key: String,
    pub publishable_key: String,
}

/// What a merchant gets from PayPal.
#[derive(Clone, Debug)]
pub struct PaypalSide {
    /// `http://127.0.0.1:port`, without a slash at the end. Certificates of webhooks are served there, too.
    pub address: String,
    pub client_id: String,
    pub client_secret: String,
    /// Id and secret of the same merchant in PayPal's other mode: refused here, until [`Control::turn_paypal`].
    pub other_keys: (String, String),
    /// The authority that webhooks' certificates lead to, PEM.
    pub authority: String,
}

/// Both stand-ins at work. They end when this is dropped; [`Emulators::stop`] waits for it.
pub struct Emulators {
    pub stripe: StripeSide,
    pub paypal: PaypalSide,
    /// Faults, weather, time, disputes, effects: the same as over HTTP.
    pub control: Control,
    /// `http://127.0.0.1:port` of the control interface.
    pub control_address: String,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    errands: Vec<JoinHandle<()>>,
}

impl Emulators {
    /// # Errors
    /// When a listener cannot be opened, an address is not loopback, or PayPal's certificate cannot be made.
    pub async fn start(options: Options) -> Result<Emulators, Error> {
        let listeners = [
            listener(options.stripe).await?,
            listener(options.paypal).await?,
            listener(options.control).await?,
        ];
        let [stripe_address, paypal_address, control_address] =
            [address(&listeners[0])?, address(&listeners[1])?, address(&listeners[2])?];
        let contracts = Contracts::load(options.contracts.as_deref())?;
        let now_s = crate::clock::Clock::default().now_s();
        let (account, merchant) = (Stripe::new(options.mode), Paypal::new(Signer::new(now_s)?));
        let stripe = StripeSide {
            address: stripe_address.clone(),
            secret_key: account.secret_key.clone(),
            publishable_key: account.publishable_key.clone(),
        };
        let paypal = PaypalSide {
            address: paypal_address.clone(),
            client_id: merchant.client_id.clone(),
            client_secret: merchant.client_secret.clone(),
            other_keys: merchant.other.clone(),
            authority: merchant.signer.authority.clone(),
        };
        let world = Arc::new(World::new(
            options.seed,
            [stripe_address, paypal_address],
            contracts,
            account,
            merchant,
        ));
        let control = Control::new(Arc::clone(&world), stripe.clone(), paypal.clone());
        let (stop, stopped) = watch::channel(false);
        let handlers = [stripe_handler(&world), paypal_handler(&world), control_handler(&control)];
        let tasks = listeners
            .into_iter()
            .zip(handlers)
            .map(|(listener, handler)| tokio::spawn(serve::run(listener, handler, stopped.clone())))
            .collect();
        let errands = vec![
            tokio::spawn(Arc::clone(&world.deliveries).run(Arc::clone(&world.clock))),
            tokio::spawn(turns(control.clone())),
        ];
        Ok(Emulators { stripe, paypal, control, control_address, stop, tasks, errands })
    }

    /// Closes the listeners, lets open calls finish for a moment, and ends.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for task in std::mem::take(&mut self.tasks) {
            let _late = tokio::time::timeout(ENDS, task).await;
        }
    }
}

impl Drop for Emulators {
    /// # Panics
    /// Where the providers' documents were given ([`Options::contracts`]) and a call that was answered with a success, or an
    /// answer, was not allowed by them: so that every test that uses the stand-ins holds its calls against the documents. What was
    /// refused may well have broken them on purpose.
    fn drop(&mut self) {
        self.stop.send_replace(true);
        for errand in &self.errands {
            errand.abort();
        }
        if std::thread::panicking() {
            return;
        }
        let found = self.control.violations();
        let told: Vec<String> = found
            .iter()
            .filter(|one| one.side == "answer" || one.status < 300)
            .map(|one| format!("{} {} {} {}", one.side, one.place, one.status, one.fault))
            .collect();
        assert!(told.is_empty(), "the providers' documents do not allow: {told:#?}");
    }
}

async fn listener(at: SocketAddr) -> Result<TcpListener, Error> {
    if !at.ip().is_loopback() {
        return Err(Error::NotLoopback);
    }
    Ok(TcpListener::bind(at).await?)
}

fn address(listener: &TcpListener) -> Result<String, Error> {
    Ok(format!("http://{}", listener.local_addr()?))
}

fn stripe_handler(world: &Arc<World>) -> Handler {
    let world = Arc::clone(world);
    Arc::new(move |call: Call| {
        let world = Arc::clone(&world);
        Box::pin(held(Arc::clone(&world), Provider::Stripe, call.clone(), stripe::handle(world, call)))
    })
}

fn paypal_handler(world: &Arc<World>) -> Handler {
    let world = Arc::clone(world);
    Arc::new(move |call: Call| {
        let world = Arc::clone(&world);
        Box::pin(held(Arc::clone(&world), Provider::Paypal, call.clone(), paypal::handle(world, call)))
    })
}

/// Answers, and holds call and answer against the provider's document where there is one.
async fn held(
    world: Arc<World>,
    provider: Provider,
    call: Call,
    answering: impl Future<Output = Answer>,
) -> Answer {
    let answer = answering.await;
    // Tokens and pages are in no document.
    let is_spoken = call.path.starts_with("/v")
        && !call.path.starts_with("/v1/oauth2/")
        && !call.path.contains("/certs/");
    // Lines that a test shapes may be what no document allows.
    let is_shaped = call.path == "/v1/reporting/transactions" && world.paypal().list_shape.is_some();
    if is_spoken && !is_shaped && answer.leaves == Leaves::Whole && !world.contracts.is_empty() {
        world.contracts.check(provider, &call, &answer);
    }
    answer
}

fn control_handler(control: &Control) -> Handler {
    let control = control.clone();
    Arc::new(move |call: Call| {
        let control = control.clone();
        Box::pin(async move { control.handle(&call) })
    })
}

async fn turns(control: Control) {
    loop {
        tokio::time::sleep(TURN).await;
        control.due();
    }
}
