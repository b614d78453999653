//! What rows are found by, and the places that sealed values are bound to.

use storeward_base::{ClientIp, CustomerId, Entropy, Secret};
use storeward_outbound::sms::PhoneNumber;
use storeward_seal::{DataKey, MarkKey, PseudonymKey};

use crate::error::Error;
use crate::model::Email;

/// Keyed marks, each kind under a key of its own.
#[derive(Clone, Debug)]
pub struct Marks {
    email: MarkKey,
    shop: MarkKey,
    credential: MarkKey,
    code: MarkKey,
    network: MarkKey,
    attempt: MarkKey,
    number: MarkKey,
}

impl Marks {
    pub fn new(key: &PseudonymKey) -> Self {
        Marks {
            email: key.mark_key("identity.email"),
            shop: key.mark_key("identity.shop_subject"),
            credential: key.mark_key("identity.credential"),
            code: key.mark_key("identity.code"),
            network: key.mark_key("identity.network"),
            attempt: key.mark_key("identity.attempt"),
            number: key.mark_key("identity.number"),
        }
    }

    pub fn email(&self, email: &Email) -> String {
        self.email.mark(email.as_str())
    }

    pub fn shop(&self, subject: &str) -> String {
        self.shop.mark(subject)
    }

    pub fn credential(&self, id: &[u8]) -> String {
        self.credential.mark(&storeward_seal::encoding::base64_url(id))
    }

    /// Of a code of the challenge `flow_hash` that went to this address: fits no other challenge, and shows nothing of
    /// another address, should the account have one meanwhile.
    pub fn code(&self, flow_hash: &str, to: &Email, code: &str) -> String {
        self.code.mark(&format!("{flow_hash}\n{}\n{code}", to.as_str()))
    }

    /// Of a code by short message of the challenge `flow_hash`: a mailed code is none.
    pub fn sms_code(&self, flow_hash: &str, code: &str) -> String {
        self.code.mark(&format!("{flow_hash}\nsms\n{code}"))
    }

    pub fn number(&self, number: &PhoneNumber) -> String {
        self.number.mark(number.expose())
    }

    /// Of the network that an address lies in: the address of IPv4, the /64 of IPv6.
    pub fn network(&self, client: ClientIp) -> String {
        self.network.mark(&client.block().to_string())
    }

    /// What stands for an address as typed, whether an account has it or not, in the count of attempts.
    pub fn attempt(&self, typed: &str) -> String {
        self.attempt.mark(&typed.trim().to_lowercase())
    }
}

/// The fields that are sealed.
#[derive(Clone, Copy, Debug)]
pub enum Field {
    Email,
    ShopSubject,
    Name,
    Label,
    Secret,
    State,
    History,
    Jar,
}

/// Seals and opens values of one row.
#[derive(Clone, Debug)]
pub struct Vaulted(pub DataKey);

impl Vaulted {
    /// `row` is the row's id or token hash: the value opens in that row only.
    pub fn seal(&self, plain: &[u8], row: &str, field: Field, entropy: &dyn Entropy) -> Vec<u8> {
        self.0.seal(plain, &place(row, field), entropy)
    }

    pub fn open(&self, sealed: &[u8], row: &str, field: Field) -> Result<Secret<Vec<u8>>, Error> {
        Ok(self.0.open(sealed, &place(row, field))?)
    }

    /// A text that was sealed as one.
    pub fn open_text(&self, sealed: &[u8], row: &str, field: Field) -> Result<String, Error> {
        let bytes = self.open(sealed, row, field)?;
        String::from_utf8(bytes.expose().clone()).map_err(|_| Error::Seal(storeward_seal::Error::Sealed))
    }

    pub fn seal_of_account(
        &self,
        plain: &str,
        id: CustomerId,
        field: Field,
        entropy: &dyn Entropy,
    ) -> Vec<u8> {
        self.seal(plain.as_bytes(), &id.to_string(), field, entropy)
    }
}

fn place(row: &str, field: Field) -> String {
    let field = match field {
        Field::Email => "email",
        Field::ShopSubject => "shop_subject",
        Field::Name => "name",
        Field::Label => "label",
        Field::Secret => "secret",
        Field::State => "state",
        Field::Jar => "jar",
        Field::History => "history",
    };
    format!("identity/{row}.{field}")
}
