//! Customers, as far as saved payment methods need them.

use serde_json::{Map, Value, json};

use super::Desk;
use super::error::Outcome;
use super::params::{self, ADDRESS, EXPAND, Field, Kind, METADATA, SHIPPING, given, may, text_of};
use crate::chance;
use crate::shelf::{set, text};

const FIELDS: [Field; 14] = [
    EXPAND,
    METADATA,
    may("address", ADDRESS),
    may("description", Kind::Emptiable(5000)),
    may("email", Kind::Emptiable(512)),
    may("name", Kind::Emptiable(256)),
    may("phone", Kind::Emptiable(20)),
    may("preferred_locales", Kind::Texts),
    may("shipping", SHIPPING),
    may("balance", Kind::Beyond),
    may("invoice_settings", Kind::Beyond),
    may("source", Kind::Beyond),
    may("payment_method", Kind::Text(255)),
    may("tax_exempt", Kind::Beyond),
];

impl Desk<'_> {
    pub fn create_customer(&mut self, tree: &Map<String, Value>) -> Outcome<Value> {
        let wanted = params::read(&FIELDS, tree)?;
        let method = match text_of(&wanted, "payment_method") {
            Some(id) => Some(text(&self.method(id, "payment_method")?, "id").to_owned()),
            None => None,
        };
        let id = format!("cus_{}", chance::word(14));
        let customer = json!({
            "id": id,
            "object": "customer",
            "address": given(&wanted, "address"),
            "balance": 0,
            "created": self.now_s(),
            "currency": null,
            "customer_account": null,
            "default_source": null,
            "delinquent": false,
            "description": given(&wanted, "description"),
            "discount": null,
            "email": given(&wanted, "email"),
            "invoice_prefix": chance::capitals(8),
            "invoice_settings": {
                "custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null,
            },
            "livemode": self.live(),
            "metadata": params::merged_metadata(&Value::Null, &wanted),
            "name": given(&wanted, "name"),
            "next_invoice_sequence": 1,
            "phone": given(&wanted, "phone"),
            "preferred_locales": wanted.get("preferred_locales").cloned().unwrap_or_else(|| json!([])),
            "shipping": given(&wanted, "shipping"),
            "tax_exempt": "none",
            "test_clock": null,
        });
        self.put("customer", customer.clone());
        self.event("customer.created", &customer, None);
        if let Some(method) = method {
            self.attach(&method, &id);
        }
        Ok(customer)
    }

    pub fn update_customer(&mut self, id: &str, tree: &Map<String, Value>) -> Outcome<Value> {
        let wanted = params::read(&FIELDS, tree)?;
        let old = self.fetch("customer", id, "id")?;
        let metadata = params::merged_metadata(&old["metadata"], &wanted);
        self.change("customer", id, |customer| {
            for (name, value) in &wanted {
                if !["expand", "metadata", "payment_method"].contains(&name.as_str()) {
                    set(customer, name, value.clone());
                }
            }
            set(customer, "metadata", metadata);
        });
        let customer = self.fetch("customer", id, "id")?;
        self.event("customer.updated", &customer, None);
        Ok(customer)
    }

    /// Gone, and its methods with it.
    pub fn delete_customer(&mut self, id: &str) -> Outcome<Value> {
        let customer = self.fetch("customer", id, "id")?;
        if let Some(shelf) = self.state.shelves.get_mut("customer") {
            shelf.remove(id);
        }
        for method in self.list("payment_method") {
            if text(&method, "customer") == id {
                self.change("payment_method", text(&method, "id"), |method| {
                    set(method, "customer", Value::Null);
                    set(method, "_detached", true);
                });
            }
        }
        self.event("customer.deleted", &customer, None);
        Ok(json!({ "id": id, "object": "customer", "deleted": true }))
    }
}
