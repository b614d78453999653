//! The endpoints for programs: JSON, no cookie, no page (RFC 6749 section 5, RFC 6750, RFC 7009, RFC 7662).

use bytes::Bytes;
use serde_json::{Value, json};
use storeward_base::ClientIp;
use storeward_identity::Visit;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::{HeaderMap, HeaderValue, StatusCode, header};
use storeward_web::{Failure, explained};

use crate::model::Client;
use crate::protocol::client::Credentials;
use crate::protocol::discovery;
use crate::protocol::fields::Fields;
use crate::protocol::refusal::{Challenge, Refused};
use crate::protocol::token::TokenRequest;
use crate::provider::Provider;
use crate::verbs::Fault;
use crate::verbs::exchange::Exchange;

/// Clients may keep what changes seldom for so long.
const FOR_AN_HOUR: &str = "public, max-age=3600";

pub async fn metadata(State(provider): State<Provider>) -> Response {
    open(discovery::metadata(&provider.issuer()))
}

pub async fn key_set(State(provider): State<Provider>) -> Result<Response, Failure> {
    Ok(open(provider.0.keys.key_set().await?))
}

/// What everybody may read, from any page.
fn open(value: Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, FOR_AN_HOUR),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, value.to_string()).into_response()
}

/// Tells a browser which pages may call: those of the origins that some client has registered. Who calls is not known yet; the
/// answer to the call itself names the client's own origins only.
pub async fn preflight(State(provider): State<Provider>, headers: HeaderMap) -> Result<Response, Failure> {
    let response = StatusCode::NO_CONTENT.into_response();
    let Some(origin) = origin_of(&headers) else { return Ok(response) };
    let registered = provider.0.origins().await?;
    let mut response = with_origin(response, Some(origin), &registered);
    if response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        let more = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ];
        for (name, value) in more {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(response)
}

fn origin_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ORIGIN)?.to_str().ok()
}

fn with_origin(mut response: Response, origin: Option<&str>, registered: &[String]) -> Response {
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Origin"));
    let origin = origin.filter(|origin| registered.iter().any(|own| own == origin));
    if let Some(value) = origin.and_then(|origin| HeaderValue::try_from(origin).ok()) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
    }
    response
}

pub async fn token(
    State(provider): State<Provider>,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    answer_client(&provider, visit.client, &headers, &body, async |client, fields| match TokenRequest::parse(
        fields,
    )? {
        TokenRequest::Code { code, redirect_uri, verifier } => {
            provider.0.exchange(client, Exchange { code, redirect_uri, verifier }).await
        }
        TokenRequest::Refresh { token, scopes } => {
            provider.0.refresh(client, visit.client, token, scopes).await
        }
    })
    .await
}

pub async fn introspect(
    State(provider): State<Provider>,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    answer_client(&provider, visit.client, &headers, &body, async |client, fields| {
        let token = fields.get("token").ok_or(Refused::invalid_request("token is missing"))?;
        provider.0.introspect(client, token).await
    })
    .await
}

pub async fn revoke(
    State(provider): State<Provider>,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    answer_client(&provider, visit.client, &headers, &body, async |client, fields| {
        let token = fields.get("token").ok_or(Refused::invalid_request("token is missing"))?;
        provider.0.revoke(client, token).await.map(|()| Value::Null)
    })
    .await
}

/// Reads the form, asks who calls, and lets `work` answer.
async fn answer_client(
    provider: &Provider,
    caller: ClientIp,
    headers: &HeaderMap,
    body: &Bytes,
    work: impl AsyncFnOnce(&Client, &Fields) -> Result<Value, Fault>,
) -> Result<Response, Failure> {
    let mut client = None;
    let answer = async {
        let fields = form(headers, body)?;
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let credentials = Credentials::parse(authorization, &fields)?;
        let known = client.insert(provider.0.authenticate(caller, credentials).await?);
        work(known, &fields).await
    }
    .await;
    let response = match answer {
        Ok(Value::Null) => StatusCode::OK.into_response(),
        Ok(value) => ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response(),
        Err(Fault::Refused(refused)) => refuse(refused),
        Err(Fault::Failed(error)) => return Err(error.into()),
    };
    let origins = client.map(|client: Client| client.origins).unwrap_or_default();
    Ok(with_origin(response, origin_of(headers), &origins))
}

fn form(headers: &HeaderMap, body: &Bytes) -> Result<Fields, Refused> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refused::invalid_request(
            "the body has to be a form (application/x-www-form-urlencoded)",
        ));
    }
    Fields::parse(body).map_err(|_| Refused::invalid_request("the body is no form"))
}

pub async fn userinfo(
    State(provider): State<Provider>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let told = async {
        let token = bearer(&headers, &body)?;
        provider.0.userinfo(&token).await
    }
    .await;
    match told {
        Ok((claims, client)) => {
            let response = ([(header::CONTENT_TYPE, "application/json")], claims.to_string()).into_response();
            Ok(with_origin(response, origin_of(&headers), &client.origins))
        }
        Err(Fault::Refused(refused)) => Ok(refuse(refused)),
        Err(Fault::Failed(error)) => Err(error.into()),
    }
}

/// From the header or from a form, never from the address, which stands in logs (RFC 6750 section 2).
fn bearer(headers: &HeaderMap, body: &Bytes) -> Result<String, Refused> {
    let posted = match body.is_empty() {
        true => None,
        false => form(headers, body).ok().and_then(|fields| fields.owned("access_token")),
    };
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = header.map(|value| value.split_once(' ').unwrap_or((value, "")));
    match (shown, posted) {
        (Some(_), Some(_)) => {
            Err(Refused { challenge: Challenge::Bearer, ..Refused::invalid_request("two tokens") })
        }
        (Some((scheme, token)), None)
            if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() =>
        {
            Ok(token.trim().to_owned())
        }
        (None, Some(token)) => Ok(token),
        (Some(_) | None, None) => Err(Refused::no_token()),
    }
}

/// A refusal as the standards write it.
fn refuse(refused: Refused) -> Response {
    let Refused { status, error, description, challenge } = refused;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let body = match challenge {
        Challenge::BareBearer => String::new(),
        Challenge::None | Challenge::After(_) | Challenge::Basic | Challenge::Bearer => {
            json!({ "error": error, "error_description": description }).to_string()
        }
    };
    let mut response = explained(status, ([(header::CONTENT_TYPE, "application/json")], body));
    let asks = match challenge {
        Challenge::None | Challenge::After(_) => None,
        Challenge::Basic => Some("Basic realm=\"client\"".to_owned()),
        Challenge::BareBearer => Some("Bearer realm=\"userinfo\"".to_owned()),
        Challenge::Bearer => {
            Some(format!("Bearer realm=\"userinfo\", error=\"{error}\", error_description=\"{description}\""))
        }
    };
    if let Some(value) = asks.and_then(|asks| HeaderValue::try_from(asks).ok()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    if let Challenge::After(seconds) = challenge {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
