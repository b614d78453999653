//! An SMS gateway on this machine that keeps what it is handed and sends nothing on: for tests, and for the demo, which shows
//! the messages it would have sent. Speaks Twilio's `Messages.json`. What it keeps is bounded, as the recorder's is.

use std::io;

use crate::recorder::{Answer, Recorded, Recorder};

/// The account that it is asked for; any secret fits.
pub const ACCOUNT: &str = "AC00000000000000000000000000000000";

/// The gateway. Dropping it stops it.
#[derive(Debug)]
pub struct Telephones(Recorder);

/// A message that a telephone would have got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub to: String,
    pub from: String,
    pub text: String,
}

impl Telephones {
    /// Listens on a free port of 127.0.0.1.
    pub fn start() -> io::Result<Self> {
        let recorder = Recorder::start()?;
        let taken = r#"{"sid":"SM00000000000000000000000000000000","status":"queued"}"#;
        let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
        recorder.answer_otherwise(Answer::new(404, r#"{"code":20404,"status":404}"#));
        recorder.answer_at(&path, Answer::new(201, taken).header("content-type", "application/json"));
        Ok(Telephones(recorder))
    }

    /// What `sms.url` says, with `preset = "twilio"` and [`ACCOUNT`].
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Answers one request otherwise, such as with 503.
    pub fn answer_next(&self, answer: Answer) {
        self.0.answer_next(answer);
    }

    /// The messages that are kept, oldest first; also those that [`Telephones::answer_next`] refused.
    pub fn texts(&self) -> Vec<Text> {
        self.0.requests().iter().filter_map(read).collect()
    }

    /// Waits until so many requests have ever come, and gives the messages that are kept.
    pub async fn wait_for(&self, count: usize) -> Vec<Text> {
        self.0.wait_for(count).await;
        self.texts()
    }

    /// Waits for requests beyond the first `seen` that ever came: how many came by now, and the further messages.
    pub async fn beyond(&self, seen: usize) -> (usize, Vec<Text>) {
        let (came, requests) = self.0.beyond(seen).await;
        (came, requests.iter().filter_map(read).collect())
    }
}

fn read(request: &Recorded) -> Option<Text> {
    let body = std::str::from_utf8(&request.body).ok()?;
    let field = |name: &str| {
        body.split('&')
            .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
            .map(|(_, v)| plain(v))
    };
    Some(Text { to: field("To")?, from: field("From").unwrap_or_default(), text: field("Body")? })
}

/// Undoes the coding of forms.
fn plain(coded: &str) -> String {
    let bytes = storeward_base::percent_decode(coded.as_bytes(), b' ');
    String::from_utf8_lossy(&bytes).into_owned()
}
