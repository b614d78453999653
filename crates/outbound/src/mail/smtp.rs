//! The talk with the mail server (RFC 5321), as a client that hands in one mail to one recipient. Why our own and not a
//! library's: the connection must be the one that the guard checked, a STARTTLS answer with more behind it must be refused
//! before TLS begins, and no error may carry the server's words, which quote addresses.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use storeward_base::Secret;
use storeward_seal::encoding::base64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::error::{MailError, Status, Step};
use crate::allow::Destination;
use crate::connect::{self, Stream};

/// Of one line of an answer; the standard says 512 (RFC 5321 section 4.5.3.1.5), servers write more.
const LONGEST_LINE_BYTES: usize = 4 * 1024;
/// Of one answer as a whole.
const MOST_LINES: usize = 128;

/// How long the server may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Name, TCP and TLS together.
    pub connect: Duration,
    /// For each answer.
    pub answer: Duration,
    /// For the answer to the whole mail: servers look for viruses before they give it.
    pub accept: Duration,
}

impl Default for Patience {
    /// Shorter than RFC 5321 section 4.5.3.2 asks for (5 and 10 minutes): a person waits for the code in the mail, and
    /// whatever is too late is sent again.
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            accept: Duration::from_secs(120),
        }
    }
}

/// Signs in at the mail server.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub username: String,
    pub password: Secret<String>,
}

/// One answer. Its text is for reading what the server can do and goes nowhere else.
struct Answer {
    code: u16,
    status: Option<Status>,
    lines: Vec<String>,
}

/// What the server said it can do.
#[derive(Clone, Debug, Default)]
pub(super) struct Abilities {
    pub starttls: bool,
    pub eight_bit: bool,
    pub utf8: bool,
    plain: bool,
    login: bool,
    /// The largest mail it takes; 0 for "no fixed limit" (RFC 1870 section 3).
    size: Option<u64>,
}

/// An open talk.
pub(super) struct Talk {
    /// `None` only while TLS is being put over it.
    stream: Option<Stream>,
    read: Vec<u8>,
    patience: Patience,
    pub can: Abilities,
    is_secure: bool,
}

impl Talk {
    /// Reads the greeting on a connection that is open; `is_secure` when TLS is already over it.
    pub async fn begin(stream: Stream, patience: Patience) -> Result<Self, MailError> {
        let is_secure = matches!(stream, Stream::Tls(_));
        let mut talk =
            Talk { stream: Some(stream), read: Vec::new(), patience, can: Abilities::default(), is_secure };
        let greeting = talk.answer(Step::Greeting, patience.answer).await?;
        expect(&greeting, Step::Greeting, 220)?;
        Ok(talk)
    }

    pub async fn hello(&mut self, name: &str) -> Result<(), MailError> {
        let answer = self.ask(Step::Hello, &format!("EHLO {name}")).await?;
        expect(&answer, Step::Hello, 250)?;
        self.can = abilities(&answer.lines);
        Ok(())
    }

    /// TLS or nothing: a server that does not offer it, and an answer that somebody wrote more behind, end the talk. What
    /// was said before counts no longer (RFC 3207 section 4.2).
    pub async fn start_tls(
        &mut self,
        destination: &Destination,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<(), MailError> {
        if !self.can.starttls {
            return Err(MailError::NoStartTls);
        }
        let answer = self.ask(Step::StartTls, "STARTTLS").await?;
        expect(&answer, Step::StartTls, 220)?;
        if !self.read.is_empty() {
            return Err(MailError::Injected);
        }
        let Some(Stream::Plain(tcp)) = self.stream.take() else {
            return Err(MailError::Broken { step: Step::StartTls });
        };
        let secured = connect::secure(destination, tcp, tls);
        let secured = within(self.patience.connect, Step::StartTls, secured).await??;
        self.stream = Some(secured);
        self.is_secure = true;
        self.can = Abilities::default();
        Ok(())
    }

    /// Signs in; never outside of TLS, whatever the caller thinks.
    pub async fn sign_in(&mut self, credentials: &Credentials) -> Result<(), MailError> {
        if !self.is_secure {
            return Err(MailError::NoStartTls);
        }
        let (name, password) = (&credentials.username, credentials.password.expose());
        let answer = if self.can.plain {
            // RFC 4616: nothing, name, password, with NUL between.
            let response = Secret::new(base64(format!("\0{name}\0{password}").as_bytes()));
            self.ask(Step::SignIn, &format!("AUTH PLAIN {}", response.expose())).await?
        } else if self.can.login {
            let name_wanted = self.ask(Step::SignIn, "AUTH LOGIN").await?;
            expect(&name_wanted, Step::SignIn, 334)?;
            let password_wanted = self.ask(Step::SignIn, &base64(name.as_bytes())).await?;
            expect(&password_wanted, Step::SignIn, 334)?;
            self.ask(Step::SignIn, Secret::new(base64(password.as_bytes())).expose()).await?
        } else {
            return Err(MailError::NoSignIn);
        };
        expect(&answer, Step::SignIn, 235)
    }

    /// Hands in one mail. The addresses are of a type that cannot hold a bracket or a line break.
    pub async fn hand_in(&mut self, from: &str, to: &str, mail: &str) -> Result<(), MailError> {
        let mut sender = format!("MAIL FROM:<{from}>");
        if let Some(limit_bytes) = self.can.size {
            let bytes = u64::try_from(mail.len()).unwrap_or(u64::MAX);
            if limit_bytes > 0 && bytes > limit_bytes {
                return Err(MailError::TooLarge { limit_bytes });
            }
            sender.push_str(&format!(" SIZE={bytes}"));
        }
        // Bodies are seven bits; only headers with such an address are not (RFC 6531 section 3.4).
        if !(from.is_ascii() && to.is_ascii() && mail.is_ascii()) {
            if !self.can.utf8 {
                return Err(MailError::NoUtf8);
            }
            sender.push_str(" SMTPUTF8");
            if self.can.eight_bit {
                sender.push_str(" BODY=8BITMIME");
            }
        }
        expect(&self.ask(Step::Sender, &sender).await?, Step::Sender, 250)?;
        let recipient = self.ask(Step::Recipient, &format!("RCPT TO:<{to}>")).await?;
        // 251: it is passed on (RFC 5321 section 3.4).
        if recipient.code != 251 {
            expect(&recipient, Step::Recipient, 250)?;
        }
        expect(&self.ask(Step::Content, "DATA").await?, Step::Content, 354)?;
        self.write(Step::Content, dotted(mail).as_bytes()).await?;
        let accepted = self.answer(Step::Content, self.patience.accept).await?;
        expect(&accepted, Step::Content, 250)
    }

    /// Says goodbye; what the server makes of it is no longer of interest.
    pub async fn quit(mut self) {
        let _ = self.ask(Step::Content, "QUIT").await;
    }

    async fn ask(&mut self, step: Step, line: &str) -> Result<Answer, MailError> {
        debug_assert!(!line.contains(['\r', '\n']), "a command is one line");
        let line = Secret::new(format!("{line}\r\n"));
        self.write(step, line.expose().as_bytes()).await?;
        self.answer(step, self.patience.answer).await
    }

    async fn write(&mut self, step: Step, bytes: &[u8]) -> Result<(), MailError> {
        let stream = self.stream.as_mut().ok_or(MailError::Broken { step })?;
        let sent = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        // A server that stops reading is waited for as long as for an answer to the whole.
        within(self.patience.accept, step, sent).await?.map_err(|_| MailError::Broken { step })
    }

    async fn answer(&mut self, step: Step, patience: Duration) -> Result<Answer, MailError> {
        within(patience, step, self.read_answer()).await?.ok_or(MailError::Broken { step })
    }

    /// Lines with one code, the last without a hyphen (RFC 5321 section 4.2.1).
    async fn read_answer(&mut self) -> Option<Answer> {
        let mut lines = Vec::new();
        let mut code = None;
        while lines.len() < MOST_LINES {
            let line = self.read_line().await?;
            let digits: u16 =
                line.get(..3).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
            if !(200..600).contains(&digits) || code.is_some_and(|known| known != digits) {
                return None;
            }
            code = Some(digits);
            let text = line.get(4..).unwrap_or_default().to_owned();
            let is_last = match line.as_bytes().get(3) {
                None | Some(b' ') => true,
                Some(b'-') => false,
                Some(_) => return None,
            };
            lines.push(text);
            if is_last {
                let status = lines.first().and_then(|text| status(text));
                return Some(Answer { code: digits, status, lines });
            }
        }
        None
    }

    /// Up to the line's end; `None` where it is too long or breaks off.
    async fn read_line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
            if self.read.len() > LONGEST_LINE_BYTES {
                return None;
            }
            let mut piece = [0; 1024];
            let count = self.stream.as_mut()?.read(&mut piece).await.ok()?;
            if count == 0 {
                return None;
            }
            self.read.extend_from_slice(piece.get(..count)?);
        }
    }
}

async fn within<T>(patience: Duration, step: Step, work: impl Future<Output = T>) -> Result<T, MailError> {
    tokio::time::timeout(patience, work).await.map_err(|_| MailError::Silent { step })
}

/// The one code that goes on. 4xx and 5xx are refusals; any other is no answer to this command.
fn expect(answer: &Answer, step: Step, code: u16) -> Result<(), MailError> {
    match answer.code {
        found if found == code => Ok(()),
        found if found >= 400 => Err(MailError::Refused { step, code: found, status: answer.status }),
        _ => Err(MailError::Broken { step }),
    }
}

/// `5.1.1` at the begin of the text (RFC 2034).
fn status(text: &str) -> Option<Status> {
    let mut numbers = text.split(' ').next()?.split('.');
    let mut next = || numbers.next()?.parse::<u16>().ok();
    let (class, subject, detail) = (next()?, next()?, next()?);
    let fits = matches!(class, 2 | 4 | 5) && subject < 1_000 && detail < 1_000 && numbers.next().is_none();
    fits.then_some(Status(u8::try_from(class).ok()?, subject, detail))
}

fn abilities(lines: &[String]) -> Abilities {
    let mut can = Abilities::default();
    // The first line is the server's name.
    for line in lines.iter().skip(1) {
        let line = line.to_ascii_uppercase();
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("STARTTLS") => can.starttls = true,
            Some("8BITMIME") => can.eight_bit = true,
            Some("SMTPUTF8") => can.utf8 = true,
            Some("SIZE") => can.size = Some(words.next().and_then(|d| d.parse().ok()).unwrap_or(0)),
            Some("AUTH") => {
                for word in words {
                    can.plain |= word == "PLAIN";
                    can.login |= word == "LOGIN";
                }
            }
            _ => {}
        }
    }
    can
}

/// The mail with its end. A line that begins with a dot gets a second one, so none can be taken for the end (RFC 5321
/// section 4.5.2). Bare CR and LF become CRLF: servers that take one for a line's end could be made to see a second mail
/// in the first (SMTP smuggling).
fn dotted(mail: &str) -> String {
    let mut out = String::with_capacity(mail.len() + mail.len() / 64 + 8);
    let whole = mail.replace("\r\n", "\n").replace('\r', "\n");
    for line in whole.split_terminator('\n') {
        if line.starts_with('.') {
            out.push('.');
        }
        out.push_str(line);
        out.push_str("\r\n");
    }
    out.push_str(".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_where_we_say() {
        let check = |mail: &str, expected: &str| assert_eq!(dotted(mail), expected, "{mail:?}");
        check("a\r\n", "a\r\n.\r\n");
        check("a", "a\r\n.\r\n");
        check("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n");
        check("a\n.\nRCPT TO:<x>\n", "a\r\n..\r\nRCPT TO:<x>\r\n.\r\n");
        check("a\r.\rb", "a\r\n..\r\nb\r\n.\r\n");
        check("a\r\n.\nb", "a\r\n..\r\nb\r\n.\r\n");
    }

    #[test]
    fn what_a_server_can() {
        let lines = ["mail.example greets", "starttls", "SIZE 1000", "AUTH PLAIN login XOAUTH2", "SMTPUTF8"];
        let can = abilities(&lines.map(str::to_owned));
        assert!(can.starttls && can.plain && can.login && can.utf8 && !can.eight_bit);
        assert_eq!(can.size, Some(1_000));
        // A server that calls itself STARTTLS offers nothing.
        assert!(!abilities(&["STARTTLS".to_owned()]).starttls);
    }

    #[test]
    fn enhanced_codes() {
        assert_eq!(status("5.1.1 no such user"), Some(Status(5, 1, 1)));
        for text in ["", "5.1 x", "3.1.1 x", "5.1.1.1 x", "5.1.x", "5.1000.1", "no"] {
            assert_eq!(status(text), None, "{text}");
        }
    }
}
