//! Whom the demo would have written to: its mails and short messages end here, are shown at the terminal and lie in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use storeward_host::{Stop, Stopper};
use storeward_outbound::postbox::{Postbox, PostboxOptions, Received};
use storeward_outbound::telephones::{ACCOUNT, Telephones, Text};

use crate::Done;
use crate::data::{self, DataDir};
use crate::failure::Context;

/// So many messages lie in the folder; a further one takes the place of the oldest.
const KEPT: usize = 200;

/// The world outside of the demo.
pub struct Outside {
    config: String,
    folder: PathBuf,
    stopper: Stopper,
    thread: std::thread::JoinHandle<()>,
}

impl Outside {
    /// Listens on ports of this machine only. `name` is the shop's.
    pub fn start(data: &DataDir, name: &str) -> Done<Self> {
        let folder = data.join("messages");
        if folder.exists() {
            // Of an earlier demo, whose people are gone.
            fs::remove_dir_all(&folder).context(folder.display())?;
        }
        fs::create_dir_all(&folder).context(folder.display())?;
        let postbox = Postbox::start(PostboxOptions::default()).context("the demo's mail server")?;
        let telephones = Telephones::start().context("the demo's telephones")?;
        let config = config(data, name, postbox.port(), &telephones.url())?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("the demo")?;
        let (stopper, stop) = Stopper::new();
        let shown = folder.clone();
        let show = move || runtime.block_on(show(postbox, telephones, shown, stop));
        let thread =
            std::thread::Builder::new().name("outside".to_owned()).spawn(show).context("the demo")?;
        Ok(Outside { config, folder, stopper, thread })
    }

    /// `[mail]` and `[sms]`, so that what is sent ends here.
    pub fn config(&self) -> &str {
        &self.config
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn stop(self) {
        self.stopper.stop();
        // A thread that panicked has said so.
        let _ = self.thread.join();
    }
}

fn config(data: &DataDir, name: &str, port: u16, gateway: &str) -> Done<String> {
    let secret = data.join("demo-sms-secret");
    data::write_atomically(&secret, b"demo")?;
    let secret = fs::canonicalize(&secret).context(secret.display())?;
    Ok(format!(
        "[mail]\nserver = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\nfrom = \"{name} \
         <service@shop.example>\"\n\n[sms]\npreset = \"twilio\"\naccount = \"{ACCOUNT}\"\nfrom = \"{name}\"\nurl = \
         \"{gateway}\"\nsecret_file = {}\n\n",
        toml::Value::from(secret.display().to_string())
    ))
}

async fn show(postbox: Postbox, telephones: Telephones, folder: PathBuf, stop: Stop) {
    let (mut mails, mut texts, mut number) = (0, 0, 0);
    loop {
        let shown: Vec<_> = tokio::select! {
            () = stop.stopping() => return,
            (came, fresh) = postbox.beyond(mails) => {
                mails = came;
                fresh.iter().map(Shown::mail).collect()
            }
            (came, fresh) = telephones.beyond(texts) => {
                texts = came;
                fresh.iter().map(Shown::text).collect()
            }
        };
        for message in shown {
            number += 1;
            message.show(&folder, number);
        }
    }
}

/// A message as the terminal and the folder show it.
struct Shown {
    what: String,
    text: String,
    /// The whole mail.
    mail: Option<Vec<u8>>,
}

impl Shown {
    fn mail(mail: &Received) -> Self {
        Shown {
            what: format!("Mail to {}: {}", mail.to.join(", "), mail.subject()),
            text: mail.text(),
            mail: Some(mail.bytes.to_vec()),
        }
    }

    fn text(text: &Text) -> Self {
        Shown { what: format!("Short message to {}", text.to), text: text.text.clone(), mail: None }
    }

    fn show(&self, folder: &Path, number: usize) {
        println!("  ── {} ──", plain(&self.what));
        for line in plain(&self.text).lines() {
            println!("  │ {line}");
        }
        println!();
        let name = format!("{:04}", (number - 1) % KEPT + 1);
        let text = format!("{}\n\n{}", self.what, self.text);
        let written = data::write_atomically(&folder.join(format!("{name}.txt")), text.as_bytes());
        let written = match &self.mail {
            Some(mail) => {
                written.and_then(|()| data::write_atomically(&folder.join(format!("{name}.eml")), mail))
            }
            None => written,
        };
        if let Err(failure) = written {
            eprintln!("  {failure}");
        }
    }
}

/// Nothing that a message says moves the terminal's cursor.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use storeward_base::{Language, SystemClock, SystemEntropy, Timestamp};
    use storeward_outbound::mail::{Address, Body, Line, Mailbox, Message, MessageId};
    use storeward_outbound::sms::{PhoneNumber, ShortMessage};

    #[test]
    fn what_is_sent_ends_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::create(folder.path()).unwrap();
        let outside = Outside::start(&data, "Larkmoor").unwrap();
        let text = format!(
            "domain = 'localhost'\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = ['http://127.0.0.1:1']\n{}",
            outside.config()
        );
        let config = Config::parse(&text).unwrap();
        config.validate().unwrap();
        let mailer = crate::mail::mailer(&config).unwrap().unwrap();
        let gateway = crate::mail::gateway(&config).unwrap().unwrap();
        let address = Address::parse("anna@customer.example").unwrap();
        let id = MessageId::new(&SystemEntropy, &address);
        let body = Body { text: "Your code: 123\u{1b}[2J".to_owned(), html: None, pictures: Vec::new() };
        let subject = Line::parse("A code").unwrap();
        let message = Message::new(Mailbox::from(address), subject, Language::En, body, (id, &SystemClock));
        let sms = ShortMessage::new(PhoneNumber::parse("+49 30 1234567").unwrap(), "Code 456", "1");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let first = outside.folder().join("0001.txt");
        let second = outside.folder().join("0002.txt");
        runtime.block_on(async {
            mailer.send(&message, Timestamp::from_seconds(1_795_541_880)).await.unwrap();
            until(&first).await;
            gateway.send(&sms).await.unwrap();
            until(&second).await;
        });
        assert!(
            fs::read_to_string(&first)
                .unwrap()
                .starts_with("Mail to anna@customer.example: A code\n\nYour code")
        );
        assert_eq!(fs::read_to_string(&second).unwrap(), "Short message to +49301234567\n\nCode 456");
        outside.stop();
        assert!(!plain("a\u{1b}[2Jb").contains('\u{1b}'));
    }

    async fn until(path: &Path) {
        let there = async {
            while !path.exists() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), there).await.expect("it is shown");
    }
}
