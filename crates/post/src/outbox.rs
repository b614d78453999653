//! Promising a message in somebody's transaction.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use storeward_base::{Clock, CustomerId, Entropy, Language, PostId, Timestamp};
use storeward_events::post::Channel;
use storeward_outbound::mail::{Address, Brand, Line, Mailer, Message, MessageId};
use storeward_outbound::sms::{Gateway, PhoneNumber, ShortMessage};
use storeward_seal::{DataKey, MarkKey};
use storeward_store::jobs::{self, Enqueued, Handler, NewJob};
use storeward_store::{Db, Error, Tx};

use crate::courier::Courier;
use crate::error::PostError;
use crate::parcel::{self, Head};
use crate::piece::{Mail, Sending, Sms};
use crate::register::{self, Code};

pub(crate) const MAIL: &str = "post.mail";
pub(crate) const SMS: &str = "post.sms";

/// Nobody needs a mail that comes later than this, and nobody a server that has been away for so long.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What an outbox is made of.
pub struct OutboxParts {
    /// `None` without `[mail]`.
    pub mailer: Option<Mailer>,
    /// `None` without `[sms]`.
    pub gateway: Option<Gateway>,
    pub brand: Brand,
    /// Seals what waits.
    pub key: DataKey,
    /// Makes the fingerprints of recipients.
    pub marks: MarkKey,
    pub entropy: Arc<dyn Entropy>,
}

/// The outbox. Clones are cheap and share it.
#[derive(Clone)]
pub struct Outbox(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub parts: OutboxParts,
    /// The looks in force; those in `parts` are the first.
    pub brand: ArcSwap<Brand>,
    /// Where codes of messages are looked up; without it mails bear none.
    pub check_page: ArcSwapOption<String>,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutboxParts { mailer, gateway, .. } = &self.0.parts;
        f.debug_struct("Outbox").field("mailer", mailer).field("gateway", gateway).finish_non_exhaustive()
    }
}

/// What became of a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    New(PostId),
    /// One with this key waits already, and stays as it is.
    Already,
}

impl Outbox {
    pub fn new(parts: OutboxParts) -> Self {
        let brand = ArcSwap::from_pointee(parts.brand.clone());
        Outbox(Arc::new(Inner { parts, brand, check_page: ArcSwapOption::empty() }))
    }

    /// Whether anything can be sent this way.
    pub fn offers(&self, channel: Channel) -> bool {
        match channel {
            Channel::Mail => self.0.parts.mailer.is_some(),
            Channel::Sms => self.0.parts.gateway.is_some(),
        }
    }

    /// The shop's looks, for whoever shows what was sent.
    pub fn brand(&self) -> Arc<Brand> {
        self.0.brand.load_full()
    }

    /// Other looks, from the next message on.
    pub fn set_brand(&self, brand: Brand) {
        self.0.brand.store(Arc::new(brand));
    }

    /// Where people look codes of messages up, as they would type it, such as `shop.example/messages`. From the next mail on
    /// each bears one.
    pub fn set_check_page(&self, address: &str) {
        self.0.check_page.store(Some(Arc::new(address.to_owned())));
    }

    /// Promises a mail: it will be sent if, and only if, this write commits. Appends no event: the write has its own.
    pub fn mail(&self, tx: &mut Tx<'_>, mail: &Mail) -> Result<Posted, PostError> {
        let parts = &self.0.parts;
        let mailer = parts.mailer.as_ref().ok_or(PostError::NotSetUp(Channel::Mail))?;
        let id = MessageId::new(parts.entropy.as_ref(), &mailer.sender().from.address);
        let now = tx.now();
        let recipient = self.recipient_of_mail(&mail.to.address);
        let post = tx.fresh_id();
        let brand = self.brand();
        let code = self.enter(tx, mail, post, &recipient)?;
        let letter = code.as_ref().map(|code| mail.letter.clone().check(self.line(mail.language, code)));
        let mut body = letter.as_ref().unwrap_or(&mail.letter).body(&brand, mail.language);
        // The logo goes along when the mail goes out: as many copies as mails wait would only fill the database.
        body.pictures.clear();
        let subject = mail.letter.subject.clone();
        let mut message = Message::new(mail.to.clone(), subject, mail.language, body, (id, &At(now)));
        message.attachments.clone_from(&mail.attachments);
        message.unsubscribe.clone_from(&mail.unsubscribe);
        let posted = self.promise(tx, MAIL, (mail.topic, recipient, &mail.sending), (post, &message))?;
        if let (Posted::Already, Some(code)) = (posted, &code) {
            register::strike(tx, &self.register_keys(), code)?;
        }
        Ok(posted)
    }

    /// Puts the mail into the register; `None` where nobody could look its code up.
    fn enter(
        &self,
        tx: &mut Tx<'_>,
        mail: &Mail,
        post: PostId,
        recipient: &str,
    ) -> Result<Option<Code>, PostError> {
        if self.0.check_page.load().is_none() {
            return Ok(None);
        }
        let entry = register::Entry {
            post,
            topic: mail.topic,
            recipient,
            customer: mail.sending.customer,
            subject: mail.letter.subject.as_str(),
        };
        Ok(Some(register::enter(tx, &self.register_keys(), &entry, self.0.parts.entropy.as_ref())?))
    }

    /// What stands below a mail that bears the code.
    fn line(&self, language: Language, code: &Code) -> Line {
        let page = self.0.check_page.load_full();
        register::line(language, self.brand().name.as_str(), code, page.as_deref().map_or("", String::as_str))
    }

    pub(crate) fn register_keys(&self) -> register::Keys<'_> {
        register::Keys { marks: &self.0.parts.marks, data: &self.0.parts.key }
    }

    /// Promises a short message: it will be sent if, and only if, this write commits. Appends no event: the write has its
    /// own.
    pub fn sms(&self, tx: &mut Tx<'_>, sms: &Sms) -> Result<Posted, PostError> {
        if self.0.parts.gateway.is_none() {
            return Err(PostError::NotSetUp(Channel::Sms));
        }
        let recipient = self.recipient_of_sms(&sms.to);
        let post: PostId = tx.fresh_id();
        let message = ShortMessage::new(sms.to.clone(), &sms.text, post.to_string());
        self.promise(tx, SMS, (sms.topic, recipient, &sms.sending), (post, &message))
    }

    fn promise<T: serde::Serialize>(
        &self,
        tx: &mut Tx<'_>,
        kind: &'static str,
        (topic, recipient, sending): (&str, String, &Sending),
        (post, message): (PostId, &T),
    ) -> Result<Posted, PostError> {
        let latest = tx.now().plus(LONGEST);
        let until = sending.until.map_or(latest, |until| until.min(latest));
        let head = Head::new(post, topic, recipient, sending.customer, until);
        let packed = parcel::pack(&head, message, &self.0.parts.key, self.0.parts.entropy.as_ref());
        let bytes = packed.map_err(|_| Error::JobTooLarge)?;
        let mut job = NewJob::new(kind, bytes);
        if let Some(key) = &sending.once {
            job = job.unique(key.clone());
        }
        match jobs::enqueue(tx, &job)? {
            Enqueued::New(_) => Ok(Posted::New(post)),
            Enqueued::Already(_) => Ok(Posted::Already),
        }
    }

    /// What stands for an address in events: a keyed fingerprint, the same for each way to write it.
    pub fn recipient_of_mail(&self, address: &Address) -> String {
        self.fingerprint(&format!("mail\n{}", address.expose().to_lowercase()))
    }

    /// What stands for a telephone in events.
    pub fn recipient_of_sms(&self, number: &PhoneNumber) -> String {
        self.fingerprint(&format!("sms\n{}", number.expose()))
    }

    /// 96 bits, as those of clients have.
    fn fingerprint(&self, text: &str) -> String {
        let mark = self.0.parts.marks.mark(text);
        format!("to_{}", mark.get(..24).unwrap_or(&mark))
    }

    /// Takes back what waits for a customer, and forgets what was written to them: their account is closed. Of what waits for nobody's
    /// account at this address, and of what was written there, that is what bears a topic of `domain`, such as a code.
    pub fn forget(
        &self,
        tx: &mut Tx<'_>,
        customer: CustomerId,
        address: Option<&Address>,
        domain: &str,
    ) -> Result<(), Error> {
        let recipient = address.map(|address| self.recipient_of_mail(address));
        let is_of = |topic: &str| topic.strip_prefix(domain).is_some_and(|rest| rest.starts_with('.'));
        let is_theirs = |bytes: &[u8]| {
            parcel::head(bytes).is_ok_and(|head| match head.customer {
                Some(whose) => whose == customer,
                None => recipient.as_ref() == Some(&head.recipient) && is_of(&head.topic),
            })
        };
        for kind in [MAIL, SMS] {
            jobs::take_back(tx, kind, is_theirs)?;
        }
        register::forget_of(tx, customer, recipient.as_deref(), domain)
    }

    /// Who forgets, daily, which messages were written long ago; for the runner of jobs.
    pub fn forgetting(&self, db: &Db) -> Handler {
        register::forgetting(db)
    }

    /// Who sends what was promised, for the runner of jobs.
    pub fn handlers(&self, db: &Db) -> Vec<Handler> {
        Courier::new(self.clone(), db.clone()).handlers()
    }
}

/// The moment of the write.
struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}
