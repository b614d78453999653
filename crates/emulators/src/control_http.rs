//! The control interface over HTTP: JSON in, JSON out. For tests in other languages and for the demo.

use std::time::Duration;

use serde_json::{Value, json};

use crate::control::{Control, Settled, Verdict};
use crate::deliver::{Hold, Weather};
use crate::effects::Provider;
use crate::faults::{Fault, What};
use crate::message::{Answer, Call};
use crate::paypal::orders::Source;
use crate::shelf::text;
use crate::stripe::challenge::Answered;

pub fn handle(control: &Control, call: &Call) -> Answer {
    let body = match (call.method.as_str(), call.body.is_empty()) {
        ("POST" | "PUT", false) => match serde_json::from_slice(&call.body) {
            Ok(body) => body,
            Err(_not_json) => return Answer::json(400, &json!({ "error": "the body is no JSON" })),
        },
        _ => Value::Null,
    };
    match operation(control, call, &body) {
        Ok(value) => Answer::json(200, &value),
        Err((status, message)) => Answer::json(status, &json!({ "error": message })),
    }
}

type Outcome = Result<Value, (u16, String)>;

fn operation(control: &Control, call: &Call, body: &Value) -> Outcome {
    let parts = call.parts();
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", ["addresses"]) => Ok(addresses(control)),
        ("GET", ["effects"]) => Ok(
            json!({ "effects": control.effects().iter().map(|effect| effect.to_json()).collect::<Vec<_>>() }),
        ),
        ("GET", ["violations"]) => {
            let found: Vec<Value> = control.violations().iter().map(|one| one.to_json()).collect();
            Ok(json!({ "violations": found }))
        }
        ("GET", ["deliveries"]) => {
            let tries: Vec<Value> = control.deliveries().iter().map(|delivery| delivery.to_json()).collect();
            Ok(json!({ "deliveries": tries, "waiting": control.waiting() }))
        }
        ("POST", ["faults"]) => {
            control.fault(fault(body)?);
            Ok(json!({}))
        }
        ("DELETE", ["faults"]) => {
            control.clear_faults();
            Ok(json!({}))
        }
        ("GET", ["faults"]) => Ok(json!({ "count": control.faults() })),
        ("POST", ["trust"]) => Ok(json!({ "count": control.trust(text(body, "pem")) })),
        ("PUT", ["weather"]) => {
            control.weather(weather(body)?);
            Ok(json!({}))
        }
        ("GET", ["clock"]) => Ok(json!({ "now_s": control.now_s() })),
        ("POST", ["clock"]) => {
            control.advance_s(number(body, "advance_s")?.unwrap_or(0));
            Ok(json!({ "now_s": control.now_s() }))
        }
        ("GET", ["objects", provider, kind, id]) => {
            let provider = named(provider)?;
            control.object(provider, kind, id).ok_or_else(|| (404, "no such object".to_owned()))
        }
        ("POST", ["disputes"]) => {
            let provider = named(text(body, "provider"))?;
            let amount = number(body, "amount")?;
            control
                .open_dispute(provider, text(body, "payment"), text(body, "reason"), amount)
                .map(|id| json!({ "id": id }))
                .map_err(refused)
        }
        ("POST", ["disputes", id, "close"]) => {
            let verdict = match text(body, "verdict") {
                "won" => Verdict::Won,
                "lost" => Verdict::Lost,
                _ => return Err((400, "verdict: won or lost".to_owned())),
            };
            control.close_dispute(id, verdict);
            Ok(json!({}))
        }
        (_, ["stripe", rest @ ..]) => at_stripe(control, call.method.as_str(), rest, body),
        (_, ["paypal", rest @ ..]) => at_paypal(control, call.method.as_str(), rest, body),
        _ => Err((404, "no such operation".to_owned())),
    }
}

fn at_stripe(control: &Control, method: &str, rest: &[&str], body: &Value) -> Outcome {
    match (method, rest) {
        ("POST", ["webhooks"]) => control
            .stripe_webhook(text(body, "url"))
            .map(|(id, secret)| json!({ "id": id, "secret": secret }))
            .map_err(refused),
        ("POST", ["webhooks", id, "roll"]) => control
            .roll_stripe_secret(id)
            .map(|secret| json!({ "secret": secret }))
            .ok_or_else(|| (404, "no such endpoint".to_owned())),
        ("POST", ["pay"]) => control
            .pay_session(text(body, "session"), text(body, "number"))
            .map(|to| json!({ "location": to }))
            .map_err(refused),
        ("POST", ["refund"]) => control
            .refund_charge(text(body, "charge"), number(body, "amount")?)
            .map(|id| json!({ "id": id }))
            .map_err(refused),
        ("POST", ["settle"]) => {
            control.settle_in(text(body, "currency"), number(body, "of_ten_thousand")?.unwrap_or(10_000));
            Ok(json!({}))
        }
        ("POST", ["challenge"]) => {
            let answered = Answered::named(text(body, "answer"));
            let answered = answered.ok_or_else(|| (400, "answer: complete or fail".to_owned()))?;
            control
                .answer_challenge(text(body, "url"), answered)
                .map(|to| json!({ "location": to }))
                .ok_or_else(|| refused("no open challenge".to_owned()))
        }
        _ => Err((404, "no such operation".to_owned())),
    }
}

fn at_paypal(control: &Control, method: &str, rest: &[&str], body: &Value) -> Outcome {
    match (method, rest) {
        ("POST", ["webhooks"]) => {
            control.paypal_webhook(text(body, "url")).map(|id| json!({ "id": id })).map_err(refused)
        }
        ("POST", ["turn"]) => {
            control.turn_paypal();
            Ok(json!({}))
        }
        ("POST", ["approve"]) => {
            let declines = body.get("declines") == Some(&Value::Bool(true));
            let source = if declines { Source::Declines } else { Source::Pays };
            control
                .approve_order(text(body, "order"), source)
                .map(|to| json!({ "location": to }))
                .ok_or_else(|| refused("no open order".to_owned()))
        }
        ("POST", ["agree"]) => control
            .approve_setup_token(text(body, "token"))
            .map(|to| json!({ "location": to }))
            .ok_or_else(|| refused("no open setup token".to_owned())),
        ("POST", ["refund"]) => control
            .refund_capture(text(body, "capture"), number(body, "amount")?)
            .map(|id| json!({ "id": id }))
            .map_err(refused),
        ("POST", ["settle"]) => {
            let settled = match text(body, "outcome") {
                "paid" => Settled::Paid,
                "denied" => Settled::Denied,
                _ => return Err((400, "outcome: paid or denied".to_owned())),
            };
            control
                .settle_capture(text(body, "capture"), settled)
                .map(|()| json!({}))
                .ok_or_else(|| refused("no pending capture".to_owned()))
        }
        _ => Err((404, "no such operation".to_owned())),
    }
}

pub fn addresses(control: &Control) -> Value {
    let (stripe, paypal) = (&control.stripe, &control.paypal);
    json!({
        "stripe": {
            "address": stripe.address, "secret_key": stripe.secret_key, "publishable_key": stripe.publishable_key,
            "version": crate::STRIPE_VERSION,
        },
        "paypal": {
            "address": paypal.address, "client_id": paypal.client_id, "client_secret": paypal.client_secret,
            "authority": paypal.authority,
        },
    })
}

fn fault(body: &Value) -> Result<Fault, (u16, String)> {
    let what = What::named(text(body, "what"), text(body, "code"));
    let what = what.ok_or_else(|| (400, "what: no such fault".to_owned()))?;
    let times = number(body, "times")?.map(|times| u32::try_from(times).unwrap_or(u32::MAX));
    let hold_ms = number(body, "hold_ms")?.unwrap_or(30_000);
    Ok(Fault {
        provider: named(text(body, "provider"))?,
        what,
        method: text(body, "method").to_owned(),
        path: text(body, "path").to_owned(),
        times,
        percent: percent(body, "percent", 100)?,
        hold: Duration::from_millis(u64::try_from(hold_ms).unwrap_or(0)),
    })
}

fn weather(body: &Value) -> Result<Weather, (u16, String)> {
    let shuffle_ms = number(body, "shuffle_ms")?.unwrap_or(0);
    Ok(Weather {
        lose_percent: percent(body, "lose_percent", 0)?,
        copies: percent(body, "copies", 1)?,
        shuffle: Duration::from_millis(u64::try_from(shuffle_ms).unwrap_or(0)),
        hold: if body.get("hold") == Some(&Value::Bool(true)) { Hold::Held } else { Hold::Leaves },
    })
}

fn named(provider: &str) -> Result<Provider, (u16, String)> {
    Provider::named(provider).ok_or_else(|| (400, "provider: stripe or paypal".to_owned()))
}

fn number(body: &Value, name: &str) -> Result<Option<i64>, (u16, String)> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            value.as_i64().map(Some).ok_or_else(|| (400, format!("{name}: a whole number is needed")))
        }
    }
}

fn percent(body: &Value, name: &str, otherwise: u8) -> Result<u8, (u16, String)> {
    match number(body, name)? {
        None => Ok(otherwise),
        Some(value) => u8::try_from(value)
            .ok()
            .filter(|value| *value <= 100)
            .ok_or_else(|| (400, format!("{name}: 0 to 100"))),
    }
}

fn refused(message: String) -> (u16, String) {
    (409, message)
}
