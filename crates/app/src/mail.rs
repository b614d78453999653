//! `storeward mail` and `storeward sms`: try them out, and make the keys that sign mail. Also what the shop looks like in
//! its mails.

use std::path::{Path, PathBuf};

use storeward_base::{Clock, Language, SystemClock, SystemEntropy};
use storeward_outbound::mail::{
    self, Address, Block, Brand, Colour, LARGEST_LOGO_BYTES, Letter, Line, Mailbox, Mailer, Message,
    MessageId,
};
use storeward_outbound::sms::{Gateway, PhoneNumber, ShortMessage};
use storeward_post::{Outbox, OutboxParts};
use storeward_seal::dkim::{Algorithm, MailKey};

use crate::config::{Config, Loaded};
use crate::data::{DataDir, write_atomically};
use crate::failure::{Context, Failure};
use crate::open::Opened;
use crate::{Directory, Done};

#[derive(Debug, clap::Args)]
pub struct MailOptions {
    #[command(subcommand)]
    word: MailWord,
}

#[derive(Debug, clap::Subcommand)]
enum MailWord {
    /// Send a test mail by the server under [mail].
    Test {
        #[command(flatten)]
        at: Directory,
        /// Whom to.
        #[arg(long, value_name = "ADDRESS")]
        to: String,
    },
    /// Make a key that signs mail, or show the one that is there: what to publish in DNS and what to write into
    /// storeward.toml.
    Dkim(DkimOptions),
}

#[derive(Debug, clap::Args)]
struct DkimOptions {
    #[command(flatten)]
    at: Directory,
    /// What the key is called in DNS; rsa1 or ed1 when left out.
    #[arg(long, value_name = "NAME")]
    selector: Option<String>,
    /// The domain that mail is from; that of mail.from when left out, or the shop's.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// rsa is known to every receiver; ed25519 goes beside it.
    #[arg(long, default_value = "rsa")]
    kind: Kind,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    Rsa,
    Ed25519,
}

#[derive(Debug, clap::Args)]
pub struct SmsOptions {
    #[command(subcommand)]
    word: SmsWord,
}

#[derive(Debug, clap::Subcommand)]
enum SmsWord {
    /// Send a test message by the gateway under [sms].
    Test {
        #[command(flatten)]
        at: Directory,
        /// Whom to, such as +49 30 1234567.
        #[arg(long, value_name = "NUMBER")]
        to: String,
    },
}

pub fn mail(options: &MailOptions) -> Done {
    match &options.word {
        MailWord::Test { at, to } => test_mail(&at.dir, to),
        MailWord::Dkim(options) => dkim(options),
    }
}

pub fn sms(options: &SmsOptions) -> Done {
    let SmsWord::Test { at, to } = &options.word;
    let config = Config::load(&at.dir)?.config;
    let gateway = gateway(&config)?.ok_or_else(|| no_section("sms"))?;
    let to = PhoneNumber::parse(to).context("--to")?;
    let brand = brand(&config)?;
    let text = format!("{}: this is a test. Short messages work.", brand.name.as_str());
    let id =
        MessageId::new(&SystemEntropy, &Address::parse("test@storeward.invalid").context("the message")?);
    let message = ShortMessage::new(to, &text, id.as_str());
    runtime()?.block_on(gateway.send(&message)).context("the message was not sent")?;
    println!("The gateway took the message. Look whether it arrives.");
    Ok(())
}

/// The mailer of `[mail]`; nothing where there is no such section.
pub fn mailer(config: &Config) -> Done<Option<Mailer>> {
    let found = config.mail.as_ref().map(|section| section.mailer()).transpose();
    found.map_err(|e| Failure::new(e.to_string()))
}

/// The gateway of `[sms]`; nothing where there is no such section.
pub fn gateway(config: &Config) -> Done<Option<Gateway>> {
    let found = config.sms.as_ref().map(|section| section.gateway()).transpose();
    found.map_err(|e| Failure::new(e.to_string()))
}

/// What the domains send by. There also without `[mail]` and `[sms]`: what waits from before is told as given up.
pub fn outbox(opened: &Opened) -> Done<Outbox> {
    let config = &opened.loaded.config;
    Ok(Outbox::new(OutboxParts {
        mailer: mailer(config)?,
        gateway: gateway(config)?,
        brand: brand(config)?,
        key: opened.data_key.clone(),
        marks: opened.pseudonym_key.mark_key("post.recipient"),
        entropy: opened.entropy.clone(),
    }))
}

/// The shop's looks from `[look]`, as its mails bear them.
pub fn brand(config: &Config) -> Done<Brand> {
    let look = &config.look;
    let domain = config.domain.list().into_iter().next().unwrap_or_default();
    let mut brand = Brand::new(Line::clean(look.name.as_deref().unwrap_or(&domain), "The shop"));
    if let Some(colour) = look.colour.as_deref().and_then(Colour::parse) {
        brand.colour = colour;
    }
    brand.contact = look.contact.as_deref().and_then(|contact| Line::parse(contact).ok());
    if let Some(path) = &look.logo {
        let shown = path.display();
        let bytes = std::fs::read(path).context(format!("look.logo {shown}"))?;
        brand.logo = Some(mail::logo(&bytes).ok_or_else(|| {
            Failure::new(format!("look.logo {shown} is no PNG or JPEG of at most {LARGEST_LOGO_BYTES} bytes"))
        })?);
    }
    Ok(brand)
}

fn no_section(name: &str) -> Failure {
    Failure::new(format!("storeward.toml has no [{name}]"))
        .hint("see docs/configuration.md for what it needs")
}

fn runtime() -> Done<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("the runtime")
}

fn test_mail(dir: &Path, to: &str) -> Done {
    let config = Config::load(dir)?.config;
    let mailer = mailer(&config)?.ok_or_else(|| no_section("mail"))?;
    let to = Mailbox::from(Address::parse(to).context("--to")?);
    let brand = brand(&config)?;
    let letter = Letter::new(Line::clean(&format!("{}: a test mail", brand.name.as_str()), "A test mail"))
        .with(Block::Text("This is a test. Mail from Storeward reaches you.".to_owned()))
        .foot("Somebody on the shop's server ran `storeward mail test`.");
    let id = MessageId::new(&SystemEntropy, &mailer.sender().from.address);
    let message = Message::new(
        to,
        letter.subject.clone(),
        Language::En,
        letter.body(&brand, Language::En),
        (id, &SystemClock),
    );
    runtime()?.block_on(mailer.send(&message, SystemClock.now())).context("the mail was not sent")?;
    println!("The mail server took the mail. Look whether it arrives, and not among the junk.");
    for signer in mailer.signers() {
        println!("It is signed with the key behind {}.", signer.record_name());
    }
    if mailer.signers().is_empty() {
        println!(
            "It is not signed: `storeward mail dkim` makes a key, so that receivers believe whom it is from."
        );
    }
    Ok(())
}

/// What `check` says of the mail server.
pub fn probe(config: &Config) -> Option<Result<String, (String, String)>> {
    let section = config.mail.as_ref()?;
    let server = &section.server;
    let wrong =
        |failure: &dyn std::fmt::Display| Err((format!("{server}: {failure}"), "see [mail]".to_owned()));
    let mailer = match section.mailer() {
        Ok(mailer) => mailer,
        Err(error) => return Some(wrong(&error)),
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(failure) => return Some(wrong(&failure)),
    };
    Some(match runtime.block_on(mailer.probe()) {
        Ok(found) => {
            let way = if found.is_secure { "inside of TLS" } else { "in the clear on this machine" };
            let who = if found.is_signed_in { ", knows us" } else { "" };
            let signed = match mailer.signers() {
                [] => "; mail is not signed (`storeward mail dkim`)".to_owned(),
                signers => format!("; mail is signed ({})", names(signers)),
            };
            Ok(format!("{server} takes mail {way}{who}{signed}"))
        }
        Err(error) => {
            let text = error.to_string();
            let (what, todo) = text.split_once("; ").unwrap_or((&text, "see [mail] in storeward.toml"));
            Err((format!("{server}: {what}"), todo.to_owned()))
        }
    })
}

fn names(signers: &[mail::Signer]) -> String {
    signers.iter().map(mail::Signer::record_name).collect::<Vec<_>>().join(", ")
}

fn dkim(options: &DkimOptions) -> Done {
    let Loaded { config, .. } = Config::load(&options.at.dir)?;
    let data = DataDir::open(&options.at.dir)?;
    let (algorithm, selector) = match options.kind {
        Kind::Rsa => (Algorithm::RsaSha256, "rsa1"),
        Kind::Ed25519 => (Algorithm::Ed25519Sha256, "ed1"),
    };
    let selector = options.selector.clone().unwrap_or_else(|| selector.to_owned());
    let domain = options.domain.clone().or_else(|| from_domain(&config)).unwrap_or_default();
    let (path, made) = key_file(&data, &selector, algorithm)?;
    let text = storeward_base::Secret::new(std::fs::read_to_string(&path).context(path.display())?);
    let key = MailKey::from_pem(text.expose()).context(path.display())?;
    let record = key.record().context("the key")?;
    let signer = mail::Signer::new(&domain, &selector, key).ok_or_else(|| {
        Failure::new("the selector or the domain is no name of DNS")
            .hint("letters, digits and hyphens, such as rsa1")
    })?;
    let made = if made { "Made" } else { "There already:" };
    println!("{made} {} (readable by its owner only; back it up with the other keys).\n", path.display());
    println!(
        "1. Publish this record in DNS, type TXT:\n\n   name   {}\n   value  {record}\n",
        signer.record_name()
    );
    if record.len() > 255 {
        let strings: Vec<_> = chunks(&record).map(|part| format!("\"{part}\"")).collect();
        println!("   in a zone file, in strings of at most 255 characters:\n   {}\n", strings.join(" "));
    }
    println!("2. When DNS answers with it, add to storeward.toml and restart:\n");
    println!("   [[mail.dkim]]\n   selector = \"{selector}\"\n   domain = \"{domain}\"");
    println!("   key_file = \"{}\"", path.display());
    Ok(())
}

fn chunks(record: &str) -> impl Iterator<Item = &str> {
    // Plain ASCII: base 64 and the words of the record.
    record.as_bytes().chunks(255).map(|part| std::str::from_utf8(part).unwrap_or_default())
}

fn from_domain(config: &Config) -> Option<String> {
    let from = config.mail.as_ref().and_then(|section| Mailbox::parse(&section.from).ok());
    from.map(|from| from.address.domain().to_owned()).or_else(|| config.domain.list().into_iter().next())
}

/// The key file of a selector, made where it is missing; true when it was made. One that is there is never touched.
fn key_file(data: &DataDir, selector: &str, algorithm: Algorithm) -> Done<(PathBuf, bool)> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if selector.is_empty() || selector.len() > 63 || !selector.bytes().all(is_plain) {
        return Err(
            Failure::new("a selector has letters, digits and hyphens only").hint("such as --selector rsa1")
        );
    }
    let keys = data.join("keys");
    let keys = keys.canonicalize().context(format!("{} is not there", keys.display()))?;
    let path = keys.join(format!("dkim-{selector}.pem"));
    if path.exists() {
        return Ok((path, false));
    }
    let (_, pem) = MailKey::generate(algorithm, &SystemEntropy).context("the key")?;
    write_atomically(&path, pem.expose().as_bytes())?;
    Ok((path, true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_outbound::postbox::{Moment, Postbox, PostboxOptions};

    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::create(&folder.path().join("d")).unwrap();
        data.ensure_keys(&SystemEntropy).unwrap();
        let (path, made) = key_file(&data, "ed1", Algorithm::Ed25519Sha256).unwrap();
        assert!(made);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let before = std::fs::read(&path).unwrap();
        assert!(!key_file(&data, "ed1", Algorithm::RsaSha256).unwrap().1);
        assert_eq!(std::fs::read(&path).unwrap(), before);
        for selector in ["", "../ledger", "a/b", "a.b", "a\n"] {
            assert!(key_file(&data, selector, Algorithm::Ed25519Sha256).is_err(), "{selector:?}");
        }
    }

    /// A data directory whose mail server is a postbox, and a signing key.
    fn with_postbox(postbox: &Postbox, more: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::create(folder.path()).unwrap();
        data.ensure_keys(&SystemEntropy).unwrap();
        let (key, _) = key_file(&data, "ed1", Algorithm::Ed25519Sha256).unwrap();
        let text = format!(
            "domain = 'shop.example'\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = \
             ['http://127.0.0.1:1']\n[look]\nname = 'Kiln & Co'\n[mail]\nserver = '127.0.0.1'\nport = {}\nsecurity = \
             'none'\nfrom = 'service@shop.example'\n{more}\n[[mail.dkim]]\nselector = 'ed1'\nkey_file = '{}'\n",
            postbox.port(),
            key.display()
        );
        std::fs::write(data.join(crate::config::FILE), text).unwrap();
        folder
    }

    #[test]
    fn a_test_mail_arrives_signed() {
        let postbox = Postbox::start(PostboxOptions::default()).unwrap();
        let folder = with_postbox(&postbox, "");
        test_mail(folder.path(), "anna@customer.example").unwrap();
        let mails = postbox.mails();
        assert_eq!(mails[0].subject(), "Kiln & Co: a test mail");
        assert!(mails[0].header("DKIM-Signature").unwrap().contains("s=ed1;"));
        assert!(test_mail(folder.path(), "anna").unwrap_err().to_string().contains("--to"));
        postbox.say_next(Moment::Recipient, "550 5.1.1 anna@customer.example unknown");
        let refused = test_mail(folder.path(), "anna@customer.example").unwrap_err().to_string();
        assert!(refused.contains("550 5.1.1") && !refused.contains("anna"), "{refused}");
    }

    #[test]
    fn check_says_how_the_mail_server_stands() {
        let postbox = Postbox::start(PostboxOptions::default()).unwrap();
        let folder = with_postbox(&postbox, "");
        let config = Config::load(folder.path()).unwrap().config;
        let good = probe(&config).unwrap().unwrap();
        assert!(good.contains("takes mail") && good.contains("ed1._domainkey.shop.example"), "{good}");
        assert!(postbox.mails().is_empty());
        postbox.say_next(Moment::Greeting, "554 5.7.1 not you");
        let (says, todo) = probe(&config).unwrap().unwrap_err();
        assert!(says.contains("554 5.7.1") && todo.contains("ask who runs the server"), "{says} → {todo}");
        drop(postbox);
        assert!(probe(&config).unwrap().is_err());
        assert!(probe(&Config { mail: None, ..config }).is_none());
    }

    #[test]
    fn a_record_is_cut_into_strings() {
        let long = "x".repeat(600);
        assert_eq!(chunks(&long).map(str::len).collect::<Vec<_>>(), [255, 255, 90]);
    }
}
