//! Requests as tests speak of them.

use std::sync::LazyLock;

use storeward_inspect::{
    BodyEnd, BodyPlan, Engine, HttpVersion, Policy, RequestHead, RuleMatch, Transaction, Verdict,
};

pub static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::with_own_rules().unwrap());

#[derive(Debug, Clone)]
pub struct Exchange {
    pub method: &'static str,
    pub path: String,
    pub query: Option<String>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Exchange {
    pub fn get(path: &str) -> Exchange {
        let headers = [
            ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
            ("accept-language", "en-GB,en;q=0.9"),
            ("accept-encoding", "gzip, deflate, br"),
            ("sec-ch-ua", "\"Not A;Brand\";v=\"99\", \"Chromium\";v=\"131\""),
        ];
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        Exchange { method: "GET", path: path.to_owned(), query: None, headers, body: Vec::new() }
    }

    pub fn post(content_type: &str, body: impl Into<Vec<u8>>) -> Exchange {
        let mut exchange = Exchange::get("/api").header("Content-Type", content_type);
        exchange.method = "POST";
        exchange.body = body.into();
        let length = exchange.body.len().to_string();
        exchange.header("Content-Length", &length)
    }

    pub fn query(mut self, query: &str) -> Exchange {
        self.query = Some(query.to_owned());
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Exchange {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    /// Runs head and body; hands back the verdict and the transaction for questions.
    pub fn run<'e>(&self, engine: &'e Engine, policy: &'e Policy) -> (Verdict, Transaction<'e>) {
        let mut tx = engine.transaction(policy);
        let target = match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        };
        let mut path = Vec::new();
        decode(self.path.as_bytes(), &mut path);
        let path = String::from_utf8_lossy(&path).into_owned();
        let verdict = tx.request_head(&RequestHead {
            method: self.method,
            path: &path,
            raw_target: target.as_bytes(),
            query: self.query.as_deref(),
            host: "shop.example",
            version: HttpVersion::Http11,
            headers: &self.headers,
        });
        if verdict != Verdict::Pass || tx.request_body_plan() == BodyPlan::Skip {
            return (verdict, tx);
        }
        (tx.request_body(&self.body, BodyEnd::Complete), tx)
    }

    pub fn verdict(&self) -> Verdict {
        self.run(&ENGINE, &Policy::default()).0
    }

    pub fn matches(&self) -> Vec<RuleMatch> {
        self.run(&ENGINE, &Policy::default()).1.matches().to_vec()
    }
}

fn decode(source: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(byte) = source.get(at) {
        let digits = source.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.filter(|_| *byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(value.unwrap_or(*byte));
        at += if value.is_some() { 3 } else { 1 };
    }
}

pub fn url_encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

pub fn json_string(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if u32::from(control) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

pub fn multipart(name: &str, file_name: Option<&str>, content: &str) -> Exchange {
    let file = file_name.map_or(String::new(), |file| {
        format!("; filename=\"{}\"\r\nContent-Type: image/jpeg", file.replace('"', "%22"))
    });
    let body = format!(
        "--AaB03x\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n--AaB03x--\r\n"
    );
    Exchange::post("multipart/form-data; boundary=AaB03x", body)
}
