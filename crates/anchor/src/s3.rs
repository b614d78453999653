//! A bucket with object lock: the checkpoint as an object that nobody deletes or overwrites before its time.
//!
//! A thin client on `outbound`: one PUT and one GET, signed by AWS Signature Version 4
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>). What the bucket says to the PUT is not believed: the
//! object is read back, and counts only where its lock stands.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use storeward_base::{Secret, Timestamp};
use storeward_outbound::{Client, Destination, Request};
use storeward_seal::encoding::{base64, hex};
use storeward_seal::fingerprint::{hmac_sha256, sha256, sha256_hex};

use crate::place::{Handed, Trouble};

/// How hard the lock is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lock {
    /// Not even the account's owner can shorten it.
    #[default]
    Compliance,
    /// Whoever has a right for that can.
    Governance,
}

impl Lock {
    const fn name(self) -> &'static str {
        match self {
            Lock::Compliance => "COMPLIANCE",
            Lock::Governance => "GOVERNANCE",
        }
    }
}

#[derive(Clone)]
pub(crate) struct Bucket {
    pub client: Client,
    /// Without a slash at the end.
    pub endpoint: String,
    pub bucket: String,
    pub region: String,
    pub prefix: String,
    pub access_key: String,
    pub secret: Secret<String>,
    pub lock: Lock,
    pub keep: Duration,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl Bucket {
    pub(crate) async fn hand(&self, handed: &Handed) -> Result<Vec<u8>, Trouble> {
        let folder = if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) };
        let path = format!("/{}/{folder}{:020}.checkpoint", self.bucket, handed.size);
        let until = handed.at.plus(self.keep);
        let body = handed.note.as_bytes();
        let (checksum, until_text) = (base64(&sha256(body)), whole_seconds(until));
        let put = self.signed(
            "PUT",
            &path,
            body,
            handed.at,
            &[
                ("content-type", "text/plain; charset=utf-8"),
                ("x-amz-checksum-sha256", &checksum),
                // Without this (or Content-MD5) a server refuses any object that is to be locked (PutObject, "retention period").
                ("x-amz-sdk-checksum-algorithm", "SHA256"),
                ("x-amz-object-lock-mode", self.lock.name()),
                ("x-amz-object-lock-retain-until-date", &until_text),
            ],
        )?;
        let reply = self.client.send(put.cut_body()).await?;
        if !reply.status.is_success() {
            return Err(Trouble::new("anchor.refused"));
        }
        let version = reply.header("x-amz-version-id").unwrap_or_default().to_owned();
        let get = self.signed("GET", &path, b"", handed.at, &[])?;
        let found = self.client.send(get).await?;
        let locked = found.header("x-amz-object-lock-mode").is_some_and(|mode| mode == self.lock.name());
        let kept = found.header("x-amz-object-lock-retain-until-date").and_then(Timestamp::parse_rfc3339);
        // Whole seconds: what was asked for may have lost its fraction.
        let long_enough = kept.is_some_and(|kept| kept.seconds() >= until.seconds());
        if !found.status.is_success() || found.body != body || !locked || !long_enough {
            return Err(Trouble::new("anchor.not_locked"));
        }
        Ok(json!({"object": path, "version": version, "until": until_text}).to_string().into_bytes())
    }

    fn signed(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        at: Timestamp,
        fields: &[(&str, &str)],
    ) -> Result<Request, Trouble> {
        let url = format!("{}{path}", self.endpoint);
        let host = Destination::of_url(&url)?.to_string();
        let host = host.split_once("://").map_or(host.as_str(), |(_, host)| host).to_owned();
        let (hash, moment) = (sha256_hex(body), amz_date(at));
        let mut all: Vec<(String, String)> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        all.push(("x-amz-content-sha256".to_owned(), hash.clone()));
        all.push(("x-amz-date".to_owned(), moment.clone()));
        let mut request = match method {
            "PUT" => Request::put(&url, "text/plain; charset=utf-8", body.to_vec())?,
            _ => Request::get(&url)?,
        };
        for (name, value) in all.iter().filter(|(name, _)| name != "content-type") {
            request = request.header(name, value)?;
        }
        all.push(("host".to_owned(), host));
        let credential =
            Credential { access_key: &self.access_key, secret: &self.secret, region: &self.region };
        let line = credential.authorization(method, path, &all, &hash, &moment);
        Ok(request.header("authorization", &line)?)
    }
}

/// Who signs.
struct Credential<'a> {
    access_key: &'a str,
    secret: &'a Secret<String>,
    region: &'a str,
}

impl Credential<'_> {
    /// The `Authorization` line. `path` is encoded already and has no query; every field is signed.
    fn authorization(
        &self,
        method: &str,
        path: &str,
        fields: &[(String, String)],
        hash: &str,
        moment: &str,
    ) -> String {
        let mut sorted: Vec<(String, &str)> =
            fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.trim())).collect();
        sorted.sort();
        let names = sorted.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let lines: String = sorted.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = format!("{method}\n{path}\n\n{lines}\n{names}\n{hash}");
        let day = moment.get(..8).unwrap_or(moment);
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
        let first = hmac_sha256(format!("AWS4{}", self.secret.expose()).as_bytes(), day.as_bytes());
        let steps = [self.region, "s3", "aws4_request", &text];
        let signature = steps.into_iter().fold(first, |key, part| hmac_sha256(&key, part.as_bytes()));
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.access_key,
            hex(&signature)
        )
    }
}

/// `2026-11-24T17:38:00Z`.
fn whole_seconds(at: Timestamp) -> String {
    let text = Timestamp::from_seconds(at.seconds()).rfc3339();
    format!("{}Z", text.get(..19).unwrap_or(&text))
}

/// `20261124T173800Z`.
fn amz_date(at: Timestamp) -> String {
    whole_seconds(at).replace(['-', ':'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two examples of AWS's own documentation ("Authenticating Requests: Using the Authorization Header").
    #[test]
    fn signatures_are_those_of_the_documentation() {
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned());
        let who = Credential { access_key: "AKIAIOSFODNN7EXAMPLE", secret: &secret, region: "us-east-1" };
        let moment = amz_date(Timestamp::parse_rfc3339("2013-05-24T00:00:00Z").unwrap());
        let fields = |rest: &[(&str, &str)]| -> Vec<(String, String)> {
            let always = [("host", "examplebucket.s3.amazonaws.com"), ("x-amz-date", "20130524T000000Z")];
            always.iter().chain(rest).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let empty = sha256_hex(b"");
        let get = fields(&[("range", "bytes=0-9"), ("x-amz-content-sha256", &empty)]);
        let line = who.authorization("GET", "/test.txt", &get, &empty, &moment);
        assert!(line.ends_with("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"), "{line}");
        let hash = sha256_hex(b"Welcome to Amazon S3.");
        let put = fields(&[
            ("Date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("x-amz-content-sha256", &hash),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ]);
        let line = who.authorization("PUT", "/test%24file.text", &put, &hash, &moment);
        assert!(line.ends_with("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"), "{line}");
    }
}
