//! Paying online: a link to a payment page elsewhere that this shop signs, and the page's news of what became of it.

use std::sync::Arc;

use aws_lc_rs::{constant_time, hmac};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use http::{HeaderMap, StatusCode};

use crate::clock::now_s;
use crate::shop::{App, PayAt};
use crate::store::orders::{self, AWAITS};
use crate::tokens;
use crate::web::account::own_order;
use crate::web::fail::{Answer, Fail};
use crate::web::visitor::Visitor;
use crate::words::Cents;

const CURRENCY: &str = "EUR";
/// A link is good so long; the next click makes a fresh one.
const GOOD_FOR_S: i64 = 3600;
/// News that are older, or of a time to come, are not believed.
const NEWS_S: i64 = 300;

/// To the payment page. The amount is the order's, read here and signed: no browser has a say in it.
pub async fn again(State(app): State<Arc<App>>, visitor: Visitor, Path(number): Path<String>) -> Answer {
    let (order, _) = own_order(&app, &visitor, number).await?;
    match &app.pay {
        Some(pay) if order.state == AWAITS => {
            Ok(Redirect::to(&link(pay, &order.number, order.total)).into_response())
        }
        _ => Ok(Redirect::to(&format!("/checkout/done/{}", order.number)).into_response()),
    }
}

fn link(pay: &PayAt, number: &str, total: Cents) -> String {
    let back = format!("{}/checkout/done/{number}", pay.shop);
    let (amount, expires) = (total.0.to_string(), (now_s() + GOOD_FOR_S).to_string());
    let text = ["storeward-pay-1", number, &amount, CURRENCY, &back, &expires, ""].join("\n");
    let signature = tokens::keyed(&pay.secret, &text);
    let back: String = back
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!(
        "{}?order={number}&amount={amount}&currency={CURRENCY}&return={back}&expires={expires}&signature={signature}",
        pay.page
    )
}

#[derive(serde::Deserialize)]
struct News {
    data: Told,
}

#[derive(serde::Deserialize)]
struct Told {
    order: String,
    state: String,
    amount: i64,
    currency: String,
}

/// News of the payment page (Standard Webhooks).
pub async fn news(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Answer {
    let Some(pay) = &app.pay else { return Err(Fail::Missing) };
    if !is_signed(pay, &headers, &body) {
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    let Ok(news) = serde_json::from_slice::<News>(&body) else {
        return Ok(StatusCode::BAD_REQUEST.into_response());
    };
    let told = news.data;
    if told.currency != CURRENCY {
        return Ok(StatusCode::BAD_REQUEST.into_response());
    }
    let known = app
        .db
        .write(move |tx| orders::note_payment(tx, &told.order, Cents(told.amount), &told.state))
        .await?;
    Ok(if known { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }.into_response())
}

fn is_signed(pay: &PayAt, headers: &HeaderMap, body: &[u8]) -> bool {
    let get = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let (id, at, signatures) = (get("webhook-id"), get("webhook-timestamp"), get("webhook-signature"));
    let is_now = at.parse::<i64>().is_ok_and(|at| at.abs_diff(now_s()) <= NEWS_S.unsigned_abs());
    let text = [format!("{id}.{at}.").as_bytes(), body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &pay.news_secret);
    let wanted = format!("v1,{}", base64(hmac::sign(&key, &text).as_ref()));
    let fits =
        |given: &str| constant_time::verify_slices_are_equal(given.as_bytes(), wanted.as_bytes()).is_ok();
    is_now && signatures.split(' ').any(fits)
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let index = usize::try_from(word >> (18 - 6 * at) & 63).unwrap_or(0);
            text.push(if at <= chunk.len() { char::from(SIGNS[index]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_believed_only_when_signed() {
        assert_eq!(
            (base64(b"f"), base64(b"fo"), base64(b"foo")),
            ("Zg==".into(), "Zm8=".into(), "Zm9v".into())
        );
        let pay = PayAt {
            page: "https://shop.example/pay".into(),
            shop: "https://shop.example".into(),
            secret: "s".repeat(32),
            news_secret: vec![7; 32],
        };
        let body = br#"{"data":{}}"#;
        let sign = |at: i64| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &pay.news_secret);
            let text = [format!("msg_1.{at}.").as_bytes(), body.as_slice()].concat();
            let mut headers = HeaderMap::new();
            headers.insert("webhook-id", "msg_1".parse().unwrap());
            headers.insert("webhook-timestamp", at.to_string().parse().unwrap());
            let signature = format!("v1,AAAA v1,{}", base64(hmac::sign(&key, &text).as_ref()));
            headers.insert("webhook-signature", signature.parse().unwrap());
            headers
        };
        assert!(is_signed(&pay, &sign(now_s()), body));
        assert!(!is_signed(&pay, &sign(now_s()), br#"{"data":{"state":"captured"}}"#));
        assert!(!is_signed(&pay, &sign(now_s() - 1000), body) && !is_signed(&pay, &HeaderMap::new(), body));
    }
}
