//! One talk with a client (RFC 5321, as the server).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use storeward_seal::encoding::{base64, decode_base64};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::received::Received;
use super::{LARGEST_MAIL_BYTES, Moment, Shared, Told};

/// A client that says nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(60);
const LONGEST_LINE_BYTES: usize = 16 * 1024;

trait Wire: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Wire for T {}

struct Session {
    wire: Pin<Box<dyn Wire>>,
    read: Vec<u8>,
    shared: Arc<Shared>,
    is_secure: bool,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

/// Whether the talk goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    End,
}

pub(super) async fn run(tcp: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let Some(acceptor) = shared.options.tls.clone() else {
        return Session::new(Box::pin(tcp), shared, false).talk(Moment::Greeting).await.map(|_| ());
    };
    let (wire, moment): (Pin<Box<dyn Wire>>, _) = if shared.options.from_the_start {
        (Box::pin(tcp), Moment::Greeting)
    } else {
        let mut session = Session::new(Box::pin(tcp), shared.clone(), false);
        if session.talk(Moment::Greeting).await? == Flow::End {
            return Ok(());
        }
        (session.wire, Moment::Hello)
    };
    let secure = tokio::time::timeout(PATIENCE, acceptor.accept(wire)).await??;
    Session::new(Box::pin(secure), shared, true).talk(moment).await.map(|_| ())
}

impl Session {
    fn new(wire: Pin<Box<dyn Wire>>, shared: Arc<Shared>, is_secure: bool) -> Self {
        Session { wire, read: Vec::new(), shared, is_secure, user: None, from: None, to: Vec::new() }
    }

    /// Until the client goes, or [`Flow::On`] when TLS begins.
    async fn talk(&mut self, from: Moment) -> io::Result<Flow> {
        if from == Moment::Greeting
            && self.say(Moment::Greeting, "220 postbox.invalid ESMTP").await? == Flow::End
        {
            return Ok(Flow::End);
        }
        loop {
            let Some(line) = self.line().await? else { return Ok(Flow::End) };
            let upper = line.to_ascii_uppercase();
            let flow = match upper.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" | "HELO" => self.hello().await?,
                "STARTTLS" if self.may_secure() => {
                    return match self.say(Moment::StartTls, "220 2.0.0 go on").await? {
                        Flow::On if self.read.is_empty() => Ok(Flow::On),
                        _ => Ok(Flow::End),
                    };
                }
                "AUTH" => self.sign_in(&line).await?,
                "MAIL" => self.sender(&line, &upper).await?,
                "RCPT" => self.recipient(&line).await?,
                "DATA" => self.content().await?,
                "RSET" => {
                    (self.from, self.to) = (None, Vec::new());
                    self.write("250 2.0.0 ok").await?
                }
                "NOOP" => self.write("250 2.0.0 ok").await?,
                "QUIT" => {
                    self.write("221 2.0.0 bye").await?;
                    Flow::End
                }
                _ => self.write("502 5.5.1 not known here").await?,
            };
            if flow == Flow::End {
                return Ok(Flow::End);
            }
        }
    }

    fn may_secure(&self) -> bool {
        self.shared.options.tls.is_some() && self.shared.options.offers("STARTTLS") && !self.is_secure
    }

    async fn hello(&mut self) -> io::Result<Flow> {
        let options = self.shared.options.clone();
        let mut lines = vec!["postbox.invalid".to_owned()];
        if self.may_secure() {
            lines.push("STARTTLS".to_owned());
        }
        if options.account.is_some() && self.is_secure {
            let kinds: Vec<_> = ["PLAIN", "LOGIN"].into_iter().filter(|kind| options.offers(kind)).collect();
            lines.push(format!("AUTH {}", kinds.join(" ")));
        }
        lines.push(format!("SIZE {LARGEST_MAIL_BYTES}"));
        for ability in ["8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"] {
            if options.offers(ability) {
                lines.push(ability.to_owned());
            }
        }
        let last = lines.len() - 1;
        let text: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(at, line)| format!("250{}{line}", if at == last { ' ' } else { '-' }))
            .collect();
        self.say(Moment::Hello, &text.join("\r\n")).await
    }

    async fn sign_in(&mut self, line: &str) -> io::Result<Flow> {
        let Some((name, password)) = self.shared.options.account.clone().filter(|_| self.is_secure) else {
            return self.write("503 5.5.1 no sign-in here").await;
        };
        let mut words = line.split_ascii_whitespace().skip(1);
        let kind = words.next().unwrap_or_default().to_ascii_uppercase();
        let said = match kind.as_str() {
            "PLAIN" => {
                let response = match words.next() {
                    Some(response) => response.to_owned(),
                    None => self.question("").await?,
                };
                let parts = decode(&response);
                let mut parts = parts.split('\0').skip(1).map(str::to_owned);
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
            }
            "LOGIN" => {
                let name = decode(&self.question("Username:").await?);
                (name, decode(&self.question("Password:").await?))
            }
            _ => return self.write("504 5.5.4 not known here").await,
        };
        if said != (name.clone(), password.expose().clone()) {
            return self.write("535 5.7.8 not believed").await;
        }
        self.user = Some(name);
        self.say(Moment::SignIn, "235 2.7.0 believed").await
    }

    async fn question(&mut self, words: &str) -> io::Result<String> {
        self.write(&format!("334 {}", base64(words.as_bytes()))).await?;
        Ok(self.line().await?.unwrap_or_default())
    }

    async fn sender(&mut self, line: &str, upper: &str) -> io::Result<Flow> {
        if self.shared.options.account.is_some() && self.user.is_none() {
            return self.write("530 5.7.0 sign in first").await;
        }
        let Some(from) = path(line) else { return self.write("501 5.5.4 no path").await };
        if !from.is_ascii() && !upper.contains("SMTPUTF8") {
            return self.write("553 5.6.7 without SMTPUTF8").await;
        }
        let flow = self.say(Moment::Sender, "250 2.1.0 ok").await?;
        (self.from, self.to) = (Some(from), Vec::new());
        Ok(flow)
    }

    async fn recipient(&mut self, line: &str) -> io::Result<Flow> {
        if self.from.is_none() {
            return self.write("503 5.5.1 first a sender").await;
        }
        let Some(to) = path(line).filter(|to| !to.is_empty()) else {
            return self.write("501 5.5.4 no path").await;
        };
        match self.shared.told(Moment::Recipient) {
            Some(told) => self.obey(told).await,
            None if self.to.len() >= 100 => self.write("452 4.5.3 too many").await,
            None => {
                self.to.push(to);
                self.write("250 2.1.5 ok").await
            }
        }
    }

    async fn content(&mut self) -> io::Result<Flow> {
        if self.to.is_empty() {
            return self.write("503 5.5.1 first a recipient").await;
        }
        if let Some(told) = self.shared.told(Moment::Data) {
            return self.obey(told).await;
        }
        self.write("354 go on").await?;
        let Some(bytes) = self.whole_mail().await? else {
            self.write("552 5.3.4 too large").await?;
            return Ok(Flow::End);
        };
        let mail = Received {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            bytes: bytes.into(),
            over_tls: self.is_secure,
            user: self.user.clone(),
        };
        match self.shared.told(Moment::Content) {
            Some(Told::Close) => {
                self.shared.keep(mail);
                Ok(Flow::End)
            }
            Some(told @ Told::KeepAndHang) => {
                self.shared.keep(mail);
                self.obey(told).await
            }
            Some(told) => self.obey(told).await,
            None => {
                self.shared.keep(mail);
                self.write("250 2.0.0 kept").await
            }
        }
    }

    /// Up to CRLF, dot, CRLF, and nothing else (RFC 5321 section 4.1.1.4); the dots that were added are gone.
    async fn whole_mail(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut mail: Vec<u8> = Vec::new();
        loop {
            let Some(line) = self.raw_line(LARGEST_MAIL_BYTES).await? else { return Ok(None) };
            let begins = mail.is_empty() || mail.ends_with(b"\r\n");
            if begins && line == b".\r\n" {
                return Ok(Some(mail));
            }
            let line =
                if begins && line.starts_with(b".") { line.get(1..).unwrap_or_default() } else { &line };
            if mail.len() + line.len() > LARGEST_MAIL_BYTES {
                return Ok(None);
            }
            mail.extend_from_slice(line);
        }
    }

    /// The postbox's own answer, unless it was told another.
    async fn say(&mut self, moment: Moment, own: &str) -> io::Result<Flow> {
        match self.shared.told(moment) {
            Some(told) => self.obey(told).await,
            None => self.write(own).await,
        }
    }

    async fn obey(&mut self, told: Told) -> io::Result<Flow> {
        match told {
            Told::Say(words) => self.write(&words).await,
            Told::Close => Ok(Flow::End),
            Told::Hang | Told::KeepAndHang => {
                // Until the client gives up.
                let mut rest = [0; 256];
                while self.wire.read(&mut rest).await? > 0 {}
                Ok(Flow::End)
            }
        }
    }

    async fn write(&mut self, words: &str) -> io::Result<Flow> {
        self.wire.write_all(format!("{words}\r\n").as_bytes()).await?;
        self.wire.flush().await?;
        Ok(Flow::On)
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let line = self.raw_line(LONGEST_LINE_BYTES).await?;
        Ok(line.map(|bytes| String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned()))
    }

    async fn raw_line(&mut self, limit: usize) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.read.iter().position(|b| *b == b'\n') {
                return Ok(Some(self.read.drain(..=end).collect()));
            }
            if self.read.len() > limit {
                return Ok(None);
            }
            let mut piece = [0; 4096];
            let count = tokio::time::timeout(PATIENCE, self.wire.read(&mut piece)).await??;
            if count == 0 {
                return Ok(None);
            }
            self.read.extend_from_slice(piece.get(..count).unwrap_or_default());
        }
    }
}

fn decode(text: &str) -> String {
    String::from_utf8(decode_base64(text.trim()).unwrap_or_default()).unwrap_or_default()
}

/// What stands between the angle brackets.
fn path(line: &str) -> Option<String> {
    let (_, rest) = line.split_once('<')?;
    let (path, _) = rest.split_once('>')?;
    Some(path.to_owned())
}
