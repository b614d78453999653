//! A mail server on this machine that keeps what it is handed and passes nothing on: for tests, here and in other crates,
//! and for the demo, which shows the mails it would have sent. Speaks SMTP with STARTTLS, TLS from the start, and sign-in.
//! It runs in a thread of its own. What it keeps is bounded: the oldest mail goes first.

mod received;
mod session;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use storeward_base::Secret;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio_rustls::TlsAcceptor;

pub use received::Received;

/// Connections at once; a further one waits.
const MOST_CONNECTIONS: usize = 32;
/// A larger mail is refused.
const LARGEST_MAIL_BYTES: usize = 16 * 1024 * 1024;

/// How a postbox is set up.
#[derive(Clone)]
pub struct PostboxOptions {
    port: u16,
    keep: usize,
    tls: Option<TlsAcceptor>,
    from_the_start: bool,
    account: Option<(String, Secret<String>)>,
    hidden: Vec<&'static str>,
}

impl Default for PostboxOptions {
    fn default() -> Self {
        PostboxOptions {
            port: 0,
            keep: 200,
            tls: None,
            from_the_start: false,
            account: None,
            hidden: Vec::new(),
        }
    }
}

impl fmt::Debug for PostboxOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostboxOptions")
            .field("port", &self.port)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}

impl PostboxOptions {
    /// Any free one (0) when left out.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// How many mails are kept; 200 when left out.
    #[must_use]
    pub fn keep(mut self, mails: usize) -> Self {
        self.keep = mails;
        self
    }

    /// Offers STARTTLS with this certificate and key, both in PEM.
    pub fn starttls(mut self, certificate: &str, key: &str) -> io::Result<Self> {
        self.tls = Some(acceptor(certificate, key)?);
        Ok(self)
    }

    /// Speaks TLS from the first byte.
    pub fn tls(self, certificate: &str, key: &str) -> io::Result<Self> {
        Ok(PostboxOptions { from_the_start: true, ..self.starttls(certificate, key)? })
    }

    /// Takes mail only from whoever signs in so; offers the sign-in inside of TLS only.
    #[must_use]
    pub fn account(mut self, name: &str, password: &str) -> Self {
        self.account = Some((name.to_owned(), Secret::new(password.to_owned())));
        self
    }

    /// Leaves out what it would offer, such as `SMTPUTF8` or `PLAIN`.
    #[must_use]
    pub fn without(mut self, ability: &'static str) -> Self {
        self.hidden.push(ability);
        self
    }

    fn offers(&self, ability: &str) -> bool {
        !self.hidden.contains(&ability)
    }
}

fn acceptor(certificate: &str, key: &str) -> io::Result<TlsAcceptor> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
    let chain = chain.map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Where in the talk the postbox can be told to answer otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    Greeting,
    Hello,
    StartTls,
    SignIn,
    Sender,
    Recipient,
    Data,
    /// The whole mail is there.
    Content,
}

/// What it does in place of its own answer.
#[derive(Clone, Debug)]
pub enum Told {
    /// Says this, such as `451 4.7.1 later`; CRLF is added. The mail is not kept.
    Say(String),
    /// Closes the connection. At [`Moment::Content`] the mail is kept all the same: nobody learns that it came through.
    Close,
    /// Says nothing more.
    Hang,
    /// At [`Moment::Content`]: keeps the mail and says nothing more. As [`Told::Hang`] elsewhere.
    KeepAndHang,
}

/// The server. Dropping it stops it.
pub struct Postbox {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    options: PostboxOptions,
    state: Mutex<State>,
    count: watch::Sender<usize>,
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    mails: VecDeque<Received>,
    told: BTreeMap<Moment, VecDeque<Told>>,
    came: usize,
    connections: usize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, mail: Received) {
        let mut state = self.state();
        state.mails.push_back(mail);
        while state.mails.len() > self.options.keep {
            state.mails.pop_front();
        }
        state.came += 1;
        let came = state.came;
        drop(state);
        self.count.send_replace(came);
    }

    fn told(&self, moment: Moment) -> Option<Told> {
        self.state().told.get_mut(&moment)?.pop_front()
    }
}

impl fmt::Debug for Postbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postbox").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Postbox {
    /// Listens on 127.0.0.1.
    pub fn start(options: PostboxOptions) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", options.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared {
            options,
            state: Mutex::default(),
            count: watch::channel(0).0,
            places: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
        });
        let (stop, stopped) = oneshot::channel();
        let served = shared.clone();
        let thread = std::thread::Builder::new().name("postbox".to_owned()).spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    _ = stopped => {}
                    () = serve(listener, served) => {}
                }
            });
        })?;
        Ok(Postbox { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The mails that are kept, oldest first.
    pub fn mails(&self) -> Vec<Received> {
        self.shared.state().mails.iter().cloned().collect()
    }

    /// Waits until so many mails have ever come, and gives those that are kept.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let mut seen = self.shared.count.subscribe();
        // The sender lives in `self`: it cannot be gone.
        let _ = seen.wait_for(|seen| *seen >= count).await;
        self.mails()
    }

    /// Waits for mail beyond the first `seen` that ever came: how many came by now, and those of the further ones that are
    /// kept.
    pub async fn beyond(&self, seen: usize) -> (usize, Vec<Received>) {
        let mut count = self.shared.count.subscribe();
        // The sender lives in `self`: it cannot be gone.
        let _ = count.wait_for(|came| *came > seen).await;
        let state = self.shared.state();
        let fresh = state.came.saturating_sub(seen).min(state.mails.len());
        (state.came, state.mails.iter().skip(state.mails.len() - fresh).cloned().collect())
    }

    /// How many connections were ever taken.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// Does so once at this moment, after what it was told before.
    pub fn tell_next(&self, moment: Moment, told: Told) {
        self.shared.state().told.entry(moment).or_default().push_back(told);
    }

    /// Says so once at this moment.
    pub fn say_next(&self, moment: Moment, words: &str) {
        self.tell_next(moment, Told::Say(words.to_owned()));
    }
}

impl Drop for Postbox {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    loop {
        let Ok(place) = shared.places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = shared.clone();
        shared.state().connections += 1;
        tokio::spawn(async move {
            // A client that goes away in the middle is its own doing.
            let _ = session::run(stream, shared).await;
            drop(place);
        });
    }
}
