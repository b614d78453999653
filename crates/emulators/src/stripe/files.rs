//! Files (`POST /v1/files`): taken in parts, for evidence of disputes only.

use serde_json::{Value, json};

use super::Desk;
use super::error::{Outcome, StripeError};
use crate::chance;
use crate::form;
use crate::message::Call;

/// Of one file (docs.stripe.com, "File upload guide").
const MOST_BYTES: usize = 5 * 1024 * 1024;
/// How long Stripe keeps one: nine months.
const KEPT_S: i64 = 270 * 24 * 3600;

impl Desk<'_> {
    pub fn create_file(&mut self, call: &Call) -> Outcome<Value> {
        let kind = call.header("content-type").unwrap_or("");
        let parts = form::parts(kind, &call.body);
        let parts =
            parts.ok_or_else(|| StripeError::invalid("Invalid request: the parts could not be read."))?;
        let unknown = parts.iter().find(|part| !["purpose", "file"].contains(&part.name.as_str()));
        if let Some(part) = unknown {
            let message = format!("Received unknown parameter: {}", part.name);
            return Err(StripeError::invalid(message).code("parameter_unknown"));
        }
        let one = |name: &str| {
            let found: Vec<_> = parts.iter().filter(|part| part.name == name).collect();
            let [part] = found.as_slice() else {
                let message = format!("Missing required param: {name}.");
                return Err(StripeError::invalid(message).code("parameter_missing"));
            };
            Ok((*part).clone())
        };
        let (purpose, file) = (one("purpose")?, one("file")?);
        if purpose.content != b"dispute_evidence" {
            return Err(StripeError::new(501, "api_error", "The stand-in takes files for disputes only."));
        }
        let name = file.file.ok_or_else(|| StripeError::invalid("Invalid hash").param("file"))?;
        let kind = form::file_kind(&file.content).filter(|kind| name.ends_with(kind));
        let kind = kind.ok_or_else(|| {
            StripeError::invalid("The file type is not supported for this purpose.").param("file")
        })?;
        if file.content.len() > MOST_BYTES {
            return Err(StripeError::invalid("The file is too large for this purpose.").param("file"));
        }
        let (id, now) = (format!("file_1{}", chance::word(23)), self.now_s());
        let made = json!({
            "id": id, "object": "file", "created": now, "expires_at": now + KEPT_S, "filename": name, "links": null,
            "purpose": "dispute_evidence", "size": file.content.len(), "title": null, "type": kind,
            "url": format!("{}/v1/files/{id}/contents", self.world.stripe_address), "_hex": form::hex(&file.content),
        });
        self.put("file", made.clone());
        Ok(made)
    }
}
