//! What an order's request has to hold before anything is made of it.

use serde_json::Value;

use super::error::{Outcome, PaypalError, fault};
use super::money::Money;
use crate::shelf::text;

const UNITS: usize = 10;

/// Every fault of shape is told at once, then every fault of sense, as PayPal does.
pub fn order(body: &Value) -> Outcome<()> {
    let shape = shape(body);
    if !shape.is_empty() {
        return Err(PaypalError::invalid(shape));
    }
    let sense = sense(body);
    if !sense.is_empty() {
        return Err(PaypalError::unprocessable(sense));
    }
    Ok(())
}

fn shape(body: &Value) -> Vec<Value> {
    let mut faults = Vec::new();
    match body.get("intent").and_then(Value::as_str) {
        None => faults.push(missing("/intent")),
        Some("CAPTURE" | "AUTHORIZE") => {}
        Some(_) => faults.push(fault("INVALID_PARAMETER_VALUE", "/intent")),
    }
    let Some(units) = body.get("purchase_units").and_then(Value::as_array) else {
        faults.push(missing("/purchase_units"));
        return faults;
    };
    if units.is_empty() {
        faults.push(fault("INVALID_ARRAY_MIN_ITEMS", "/purchase_units"));
    }
    if units.len() > UNITS {
        faults.push(fault("INVALID_ARRAY_MAX_ITEMS", "/purchase_units"));
    }
    for (index, unit) in units.iter().enumerate() {
        let place = format!("/purchase_units/{index}");
        match unit.get("amount") {
            None => faults.push(missing(&format!("{place}/amount"))),
            Some(amount) => money(amount, &format!("{place}/amount"), &mut faults),
        }
        for (name, limit) in [
            ("reference_id", 256),
            ("custom_id", 127),
            ("invoice_id", 127),
            ("description", 127),
            ("soft_descriptor", 22),
        ] {
            string(unit, name, limit, &place, &mut faults);
        }
        for (number, item) in unit.get("items").and_then(Value::as_array).into_iter().flatten().enumerate() {
            let place = format!("{place}/items/{number}");
            for name in ["name", "quantity", "unit_amount"] {
                if item.get(name).is_none() {
                    faults.push(missing(&format!("{place}/{name}")));
                }
            }
            string(item, "name", 127, &place, &mut faults);
            if let Some(amount) = item.get("unit_amount") {
                money(amount, &format!("{place}/unit_amount"), &mut faults);
            }
            let quantity = text(item, "quantity");
            let is_whole = !quantity.is_empty() && quantity.bytes().all(|byte| byte.is_ascii_digit());
            if item.get("quantity").is_some()
                && (!is_whole || quantity.starts_with('0') || quantity.len() > 10)
            {
                faults.push(syntax(&format!("{place}/quantity")));
            }
        }
    }
    faults
}

/// The shape of an amount; also of the amounts of a breakdown.
pub fn money(amount: &Value, place: &str, faults: &mut Vec<Value>) {
    for name in ["currency_code", "value"] {
        match amount.get(name) {
            None => faults.push(missing(&format!("{place}/{name}"))),
            Some(Value::String(_)) => {}
            Some(_) => faults.push(syntax(&format!("{place}/{name}"))),
        }
    }
    let value = text(amount, "value");
    if !value.is_empty() && (!is_decimal(value) || value.len() > 32) {
        faults.push(syntax(&format!("{place}/value")));
    }
    if amount.get("value") == Some(&Value::from("")) {
        faults.push(syntax(&format!("{place}/value")));
    }
    let code = text(amount, "currency_code");
    if amount.get("currency_code").is_some_and(Value::is_string) && code.len() != 3 {
        faults.push(fault("INVALID_STRING_LENGTH", &format!("{place}/currency_code")));
    }
    for (name, part) in amount.get("breakdown").and_then(Value::as_object).into_iter().flatten() {
        money(part, &format!("{place}/breakdown/{name}"), faults);
    }
}

fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number(whole) && is_number(part) && !part.is_empty() && (text.contains('.') || !whole.is_empty())
}

fn string(holder: &Value, name: &str, limit: usize, place: &str, faults: &mut Vec<Value>) {
    match holder.get(name) {
        None => {}
        Some(Value::String(text)) if (1..=limit).contains(&text.chars().count()) => {}
        Some(Value::String(_)) => {
            faults.push(fault("INVALID_STRING_LENGTH", &format!("{place}/{name}")));
        }
        Some(_) => faults.push(syntax(&format!("{place}/{name}"))),
    }
}

fn sense(body: &Value) -> Vec<Value> {
    let mut faults = Vec::new();
    let units = body.get("purchase_units").and_then(Value::as_array).cloned().unwrap_or_default();
    if units.len() > 1 {
        if text(body, "intent") == "AUTHORIZE" {
            faults.push(fault("UNSUPPORTED_INTENT", "/intent"));
        }
        let mut seen = Vec::new();
        for (index, unit) in units.iter().enumerate() {
            let (id, place) = (text(unit, "reference_id"), format!("/purchase_units/{index}/reference_id"));
            if id.is_empty() {
                faults.push(fault("REFERENCE_ID_REQUIRED", &place));
            } else if seen.contains(&id) {
                faults.push(fault("DUPLICATE_REFERENCE_ID", &place));
            }
            seen.push(id);
        }
    }
    let mut currencies = Vec::new();
    for (index, unit) in units.iter().enumerate() {
        let place = format!("/purchase_units/{index}/amount/value");
        match Money::read(&unit["amount"]) {
            Err(issue) => faults.push(fault(issue, &place)),
            Ok(total) if total.minor <= 0 => {
                faults.push(fault("CANNOT_BE_ZERO_OR_NEGATIVE", &place));
            }
            Ok(total) => {
                currencies.push(total.currency.clone());
                if let Some(issue) = sums(unit, &total) {
                    faults.push(fault(issue, &place));
                }
            }
        }
    }
    currencies.dedup();
    if currencies.len() > 1 {
        faults.push(fault("MULTI_CURRENCY_ORDER", "/purchase_units"));
    }
    faults
}

/// Whether items and breakdown add up to the total.
fn sums(unit: &Value, total: &Money) -> Option<&'static str> {
    let breakdown = unit["amount"].get("breakdown");
    let part = |name: &str| -> Result<i64, &'static str> {
        let Some(part) = breakdown.and_then(|breakdown| breakdown.get(name)) else { return Ok(0) };
        let money = Money::read(part)?;
        if money.currency != total.currency {
            return Err("MULTI_CURRENCY_ORDER");
        }
        if money.minor < 0 { Err("CANNOT_BE_NEGATIVE") } else { Ok(money.minor) }
    };
    let names =
        ["item_total", "tax_total", "shipping", "handling", "insurance", "shipping_discount", "discount"];
    let mut parts = [0_i64; 7];
    for (place, name) in parts.iter_mut().zip(names) {
        match part(name) {
            Ok(minor) => *place = minor,
            Err(issue) => return Some(issue),
        }
    }
    let [items, tax, shipping, handling, insurance, shipping_discount, discount] = parts;
    if breakdown.is_some()
        && items + tax + shipping + handling + insurance - shipping_discount - discount != total.minor
    {
        return Some("AMOUNT_MISMATCH");
    }
    let listed = unit.get("items").and_then(Value::as_array).filter(|items| !items.is_empty())?;
    if breakdown.and_then(|breakdown| breakdown.get("item_total")).is_none() {
        return Some("ITEM_TOTAL_REQUIRED");
    }
    let mut sum = 0_i64;
    for item in listed {
        let unit_amount = match Money::read(&item["unit_amount"]) {
            Ok(money) => money.minor,
            Err(issue) => return Some(issue),
        };
        let quantity: i64 = text(item, "quantity").parse().unwrap_or(0);
        sum = sum.saturating_add(unit_amount.saturating_mul(quantity));
    }
    (sum != items).then_some("ITEM_TOTAL_MISMATCH")
}

pub fn missing(field: &str) -> Value {
    fault("MISSING_REQUIRED_PARAMETER", field)
}

pub fn syntax(field: &str) -> Value {
    fault("INVALID_PARAMETER_SYNTAX", field)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(body: &Value, expected: &str) {
        let found = order(body).err().map(|error| error.answer().body).unwrap_or_default();
        if expected.is_empty() {
            assert_eq!(found, "", "{body}");
        } else {
            assert!(found.contains(&format!("\"{expected}\"")), "{body}: {found}");
        }
    }

    #[test]
    fn an_order_has_to_make_sense() {
        let unit = |amount: Value| json!({ "intent": "CAPTURE", "purchase_units": [{ "amount": amount }] });
        let eur = |value: Value| unit(json!({ "currency_code": "EUR", "value": value }));
        check(&eur(json!("19.99")), "");
        check(&eur(json!(19.99)), "INVALID_PARAMETER_SYNTAX");
        check(&eur(json!("19,99")), "INVALID_PARAMETER_SYNTAX");
        check(&eur(json!("19.999")), "DECIMAL_PRECISION");
        check(&eur(json!("0.00")), "CANNOT_BE_ZERO_OR_NEGATIVE");
        check(&eur(json!("-1.00")), "CANNOT_BE_ZERO_OR_NEGATIVE");
        check(&unit(json!({ "currency_code": "JPY", "value": "5.00" })), "DECIMAL_PRECISION");
        check(&unit(json!({ "currency_code": "JPY", "value": "500" })), "");
        check(&unit(json!({ "value": "5.00" })), "MISSING_REQUIRED_PARAMETER");
        check(&json!({ "intent": "capture", "purchase_units": [] }), "INVALID_PARAMETER_VALUE");
        check(&json!({ "intent": "CAPTURE", "purchase_units": [] }), "INVALID_ARRAY_MIN_ITEMS");
        let one = json!({ "amount": { "currency_code": "EUR", "value": "1.00" }, "reference_id": "a" });
        let many: Vec<Value> = (0..11).map(|_| one.clone()).collect();
        check(&json!({ "intent": "CAPTURE", "purchase_units": many }), "INVALID_ARRAY_MAX_ITEMS");
        check(&json!({ "intent": "CAPTURE", "purchase_units": [one, one] }), "DUPLICATE_REFERENCE_ID");
        check(&json!({ "intent": "AUTHORIZE", "purchase_units": [one, one] }), "UNSUPPORTED_INTENT");
        let long =
            json!({ "amount": { "currency_code": "EUR", "value": "1.00" }, "custom_id": "x".repeat(128) });
        check(&json!({ "intent": "CAPTURE", "purchase_units": [long] }), "INVALID_STRING_LENGTH");
        let split = |items: &str| {
            json!({ "intent": "CAPTURE", "purchase_units": [{
                "amount": { "currency_code": "EUR", "value": "5.00", "breakdown": {
                    "item_total": { "currency_code": "EUR", "value": items },
                    "shipping": { "currency_code": "EUR", "value": "1.00" } } },
                "items": [{ "name": "a", "quantity": "2", "unit_amount": { "currency_code": "EUR", "value": "2.00" } }],
            }] })
        };
        check(&split("4.00"), "");
        check(&split("3.00"), "AMOUNT_MISMATCH");
    }
}
