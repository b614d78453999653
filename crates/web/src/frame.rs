//! What stands around every route: whose address was asked for, where the request came from, limits, headers.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderMap, Method, StatusCode};
use storeward_base::Entropy;

use crate::csrf;
use crate::failure::{Failure, WantsPage};
use crate::headers::{self, Hosts, LeadsTo, Marks, Nonce};
use crate::origin::HostNames;
use crate::upload;

/// A failure in the looks of the pages it happens among, for a person with such headers. `None`: the plain page.
pub type Dress = Arc<dyn Fn(&Failure, &HeaderMap) -> Option<Response> + Send + Sync>;

/// The place our pages live at.
#[derive(Clone)]
pub struct Site {
    /// The names and addresses it answers to.
    pub names: HostNames,
    /// `https`; `http` only in a preview on one's own machine.
    pub scheme: &'static str,
    /// Where the link on a failure page leads.
    pub home: &'static str,
    pub entropy: Arc<dyn Entropy>,
    /// Of a posted form.
    pub body_limit_bytes: usize,
    /// How long a handler may take to begin its answer; a form with a file, which comes over a slow line, six times as long.
    pub patience: Duration,
    /// How failures look, where not as the console's.
    pub dress: Option<Dress>,
    /// What programs may call ([`crate::Access::Program`]); the routes tell.
    pub(crate) programs: Vec<(http::Method, &'static str)>,
    /// Which routes take a form with a file, as the router writes them; the routes tell.
    pub(crate) uploads: Vec<&'static str>,
}

impl Site {
    /// Answers to `names` over TLS, with 64 KiB forms and 20 seconds of patience.
    pub fn new(names: HostNames, home: &'static str, entropy: Arc<dyn Entropy>) -> Self {
        Site {
            names,
            scheme: "https",
            home,
            entropy,
            body_limit_bytes: 64 * 1024,
            patience: Duration::from_secs(20),
            dress: None,
            programs: Vec::new(),
            uploads: Vec::new(),
        }
    }
}

pub(crate) async fn around(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let wants = WantsPage::of(request.headers());
    let asked = request.headers().clone();
    let authority = site.names.own_authority(request.uri(), request.headers());
    let nonce = Nonce::fresh(&*site.entropy);
    let mut response = match screen(&site, &request) {
        Err(failure) => failure.into_response(),
        Ok(()) => {
            request.extensions_mut().insert(nonce.clone());
            request.extensions_mut().insert(Arc::clone(&site));
            let path = request.uri().path();
            let is_upload = request.method() == Method::POST
                && upload::is_one(request.headers())
                && site.uploads.iter().any(|route| leads_to(route, path));
            let patience = site.patience.saturating_mul(if is_upload { 6 } else { 1 });
            let answer = tokio::time::timeout(patience, next.run(request)).await;
            answer.unwrap_or_else(|_| Failure::busy("web.too_slow").into_response())
        }
    };
    if let Some(failure) = failure_of(&response) {
        let dressed = site.dress.as_ref().filter(|_| wants == WantsPage::Yes);
        let written = match dressed.and_then(|dress| dress(&failure, &asked)) {
            Some(page) => failure.head(page),
            None => failure.write(wants, site.home),
        };
        let (mut head, _) = response.into_parts();
        let (written_head, body) = written.into_parts();
        head.status = written_head.status;
        head.headers.remove(http::header::CONTENT_LENGTH);
        head.headers.extend(written_head.headers);
        response = Response::from_parts(head, body);
    }
    let (leads_to, hosts) =
        (response.extensions_mut().remove::<LeadsTo>(), response.extensions_mut().remove::<Hosts>());
    let marks = Marks { leads_to, hosts };
    let host = authority.as_ref().map(Authority::host);
    headers::secure(response.headers_mut(), &nonce, host, &marks);
    response
}

/// Whether a path is one of a route, segment by segment; `{id}` is any.
fn leads_to(route: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (route.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
            _ => return false,
        }
    }
}

fn screen(site: &Site, request: &Request) -> Result<(), Failure> {
    let authority = site.names.own_authority(request.uri(), request.headers());
    let authority = authority.ok_or_else(Failure::wrong_host)?;
    let asked = (request.method(), request.uri().path());
    if site.programs.iter().any(|(method, path)| (method, *path) == asked) {
        return Ok(());
    }
    let own_origin = format!("{}://{authority}", site.scheme);
    csrf::check_provenance(request.method(), request.headers(), &own_origin)
}

/// The failure inside the response; also one that a library made without ours.
fn failure_of(response: &Response) -> Option<Failure> {
    if let Some(failure) = response.extensions().get::<Failure>() {
        return Some(failure.clone());
    }
    let status = response.status();
    let unexplained = status.is_client_error() || status.is_server_error();
    let has_own_body = response.extensions().get::<Explained>().is_some();
    (unexplained && !has_own_body).then(|| Failure::of_status(status))
}

/// Marks an error response whose body is meant: a form shown again with its faults named.
#[derive(Clone, Copy)]
pub(crate) struct Explained;

/// A page with an error status that keeps its own body.
pub fn explained(status: StatusCode, page: impl IntoResponse) -> Response {
    let mut response = page.into_response();
    *response.status_mut() = status;
    response.extensions_mut().insert(Explained);
    response
}
