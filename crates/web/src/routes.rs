//! The router: each route is written down with its access rule, and the list can be printed and reviewed.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, options, post};
use http::{Method, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::access::{Access, Gate};
use crate::assets;
use crate::cookie::Cookie;
use crate::csrf::{self, CsrfToken, VISIT};
use crate::failure::Failure;
use crate::frame::{self, Site};
use crate::upload;

/// One line of the access table.
#[derive(Clone, Debug)]
pub struct AccessRow<N> {
    pub method: Method,
    pub path: &'static str,
    pub access: Access<N>,
}

impl<N: fmt::Display> fmt::Display for AccessRow<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<4} {:<27} {}", self.method.as_str(), self.path, self.access)
    }
}

/// Routes under construction. `S` is what handlers share.
pub struct Routes<S, G: Gate> {
    gate: Arc<G>,
    rows: Vec<AccessRow<G::Need>>,
    /// Of forms with a file.
    uploads: Vec<&'static str>,
    router: Router<S>,
}

impl<S: Clone + Send + Sync + 'static, G: Gate> Routes<S, G> {
    pub fn new(gate: G) -> Self {
        Routes { gate: Arc::new(gate), rows: Vec::new(), uploads: Vec::new(), router: Router::new() }
    }

    /// Answers GET and HEAD. The handler must change nothing: mail scanners and link previews follow links.
    #[must_use]
    pub fn get<H, T>(self, path: &'static str, access: Access<G::Need>, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Method::GET, path, access, get(handler))
    }

    /// Answers POST of a form that carries the visitor's token.
    #[must_use]
    pub fn post<H, T>(self, path: &'static str, access: Access<G::Need>, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Method::POST, path, access, post(handler))
    }

    /// Answers POST of a form with a file that carries the visitor's token: `multipart/form-data` of `most_bytes` at most, which the
    /// handler takes as an [`Upload`](crate::Upload).
    #[must_use]
    pub fn upload<H, T>(
        self,
        path: &'static str,
        access: Access<G::Need>,
        most_bytes: usize,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add_with(Method::POST, path, access, post(handler), Some(most_bytes))
    }

    /// Answers OPTIONS: a browser asks on a program's behalf whether it may call from another site's page (Fetch section 3.2.2).
    #[must_use]
    pub fn preflight<H, T>(self, path: &'static str, access: Access<G::Need>, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Method::OPTIONS, path, access, options(handler))
    }

    fn add(
        self,
        method: Method,
        path: &'static str,
        access: Access<G::Need>,
        handler: MethodRouter<S>,
    ) -> Self {
        self.add_with(method, path, access, handler, None)
    }

    fn add_with(
        mut self,
        method: Method,
        path: &'static str,
        access: Access<G::Need>,
        handler: MethodRouter<S>,
        upload_bytes: Option<usize>,
    ) -> Self {
        let guard = Arc::new(Guard { gate: Arc::clone(&self.gate), access: access.clone(), upload_bytes });
        let guarded = handler.route_layer(middleware::from_fn_with_state(guard, admit::<G>));
        self.rows.push(AccessRow { method, path, access });
        self.uploads.extend(upload_bytes.map(|_| path));
        self.router = self.router.route(path, guarded);
        self
    }

    /// Every route with its rule, in the order they were written down.
    pub fn rows(&self) -> &[AccessRow<G::Need>] {
        &self.rows
    }

    /// What programs may call. HEAD goes with GET.
    fn programs(&self) -> Vec<(Method, &'static str)> {
        let rows = self.rows.iter().filter(|row| matches!(row.access, Access::Program(_)));
        rows.flat_map(|row| {
            let head = (row.method == Method::GET).then_some((Method::HEAD, row.path));
            std::iter::once((row.method.clone(), row.path)).chain(head)
        })
        .collect()
    }

    /// The finished service. It adds the assets, the pages for unknown addresses and methods, and the frame around
    /// everything: host check, provenance, limits, security headers.
    pub fn finish(self, state: S, mut site: Site) -> Router {
        site.programs = self.programs();
        site.uploads.clone_from(&self.uploads);
        let site = Arc::new(site);
        self.router
            .route(assets::ROUTE, get(assets::serve))
            .fallback(|| async { Failure::missing("web.no_such_page", "There is no page at this address.") })
            .method_not_allowed_fallback(|| async { Failure::wrong_method() })
            .with_state(state)
            .layer(middleware::from_fn_with_state(site, frame::around))
    }
}

struct Guard<G: Gate> {
    gate: Arc<G>,
    access: Access<G::Need>,
    /// The route takes a form with a file, of so many bytes.
    upload_bytes: Option<usize>,
}

async fn admit<G: Gate>(
    State(guard): State<Arc<Guard<G>>>,
    request: Request,
    next: Next,
) -> Result<Response, Response> {
    let (mut head, body) = request.into_parts();
    let mut fresh_visit = None;
    match &guard.access {
        Access::Public(_) => {}
        Access::Program(_) => drop(head.headers.remove(header::COOKIE)),
        Access::PublicForm(_) => fresh_visit = greet(&mut head).map_err(IntoResponse::into_response)?,
        Access::Only(need) => guard.gate.admit(need, &mut head).await?,
    }
    let is_program = matches!(guard.access, Access::Program(_));
    let request = if head.method.is_safe() {
        Request::from_parts(head, body)
    } else if is_program {
        whole(head, body).await.map_err(IntoResponse::into_response)?
    } else if let Some(most) = guard.upload_bytes {
        check_upload(head, body, most).await.map_err(IntoResponse::into_response)?
    } else {
        check_form(head, body).await.map_err(IntoResponse::into_response)?
    };
    let mut response = next.run(request).await;
    if let Some(line) = fresh_visit.and_then(|token: String| VISIT.set(&token, None)) {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    Ok(response)
}

/// Gives a visitor without a session the token that the page's form must repeat. Returns it when it is new.
fn greet(head: &mut http::request::Parts) -> Result<Option<String>, Failure> {
    let well_formed = |t: &&str| t.len() == 64 && t.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(token) = Cookie::read(VISIT, &head.headers).filter(well_formed) {
        let token = CsrfToken::new(token.to_owned());
        head.extensions.insert(token);
        return Ok(None);
    }
    let site = head.extensions.get::<Arc<Site>>().cloned();
    let site = site.ok_or_else(|| Failure::broken("web.no_frame"))?;
    let token = site.entropy.token::<32>();
    head.extensions.insert(CsrfToken::new(token.clone()));
    Ok(Some(token))
}

/// Reads what a program sent, within the limit.
async fn whole(head: http::request::Parts, body: Body) -> Result<Request, Failure> {
    let bytes = read(&head, body).await?;
    Ok(Request::from_parts(head, Body::from(bytes)))
}

async fn read(head: &http::request::Parts, body: Body) -> Result<bytes::Bytes, Failure> {
    let limit = head.extensions.get::<Arc<Site>>().map_or(0, |site| site.body_limit_bytes);
    read_most(body, limit).await
}

async fn read_most(body: Body, limit: usize) -> Result<bytes::Bytes, Failure> {
    match Limited::new(body, limit).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(fault) if fault.is::<LengthLimitError>() => Err(Failure::too_large()),
        Err(_) => Err(Failure::invalid("web.body", "The form did not arrive whole.")),
    }
}

/// Reads the whole form within the limit and refuses it unless it repeats the visitor's token.
async fn check_form(head: http::request::Parts, body: Body) -> Result<Request, Failure> {
    let expected = head.extensions.get::<CsrfToken>();
    let expected = expected.ok_or_else(|| Failure::broken("web.no_csrf_token"))?;
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let is_form = kind
        .split(';')
        .next()
        .is_some_and(|k| k.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    if !is_form {
        return Err(Failure::invalid("web.not_a_form", "Only a form can be sent to this address."));
    }
    let bytes = read(&head, body).await?;
    if !form_token(&bytes).is_some_and(|given| expected.matches(given)) {
        return Err(not_from_the_page());
    }
    Ok(Request::from_parts(head, Body::from(bytes)))
}

fn not_from_the_page() -> Failure {
    Failure::denied(
        "web.csrf",
        "The page was open for too long, or the request did not come from it. Nothing was done: \
         load the page again and repeat.",
    )
}

/// The same for a form with a file, which stands in the request's extensions then.
async fn check_upload(mut head: http::request::Parts, body: Body, most: usize) -> Result<Request, Failure> {
    if !upload::is_one(&head.headers) {
        return Err(Failure::invalid("web.not_a_form", "Only a form can be sent to this address."));
    }
    let bytes = read_most(body, most).await?;
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let unreadable = || Failure::invalid("web.form", "A field of the form is missing or does not fit.");
    let upload = upload::read(kind, &bytes).ok_or_else(unreadable)?;
    let expected = head.extensions.get::<CsrfToken>();
    let expected = expected.ok_or_else(|| Failure::broken("web.no_csrf_token"))?;
    if !expected.matches(upload.field(csrf::FIELD)) {
        return Err(not_from_the_page());
    }
    head.extensions.insert(upload);
    Ok(Request::from_parts(head, Body::empty()))
}

/// The token field's value. Tokens are hexadecimal, so there is nothing to decode. Two such fields count as none.
fn form_token(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let mut fields =
        text.split('&').filter_map(|pair| pair.split_once('=')).filter(|(n, _)| *n == csrf::FIELD);
    let (_, token) = fields.next()?;
    fields.next().is_none().then_some(token)
}
