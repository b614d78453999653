//! The root key on a PKCS#11 token (OASIS, version 2.40 and later), used by AES-256-GCM within the token.

use std::fmt;
use std::path::PathBuf;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Told, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::{AuthPin, Ulong};
use storeward_base::{Entropy, Secret};
use storeward_seal::encoding::hex;
use storeward_seal::envelope::RootKey;

use crate::Error;

/// The first byte of what a token wrapped; what a key in memory wrapped begins with 1.
const VERSION: u8 = 2;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const TAG_BITS: u64 = 128;
const ID_BYTES: usize = 16;

/// Where the key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The module of the token's maker, a shared library.
    pub module: PathBuf,
    /// The label of the token.
    pub token: String,
    /// The label of the key on it.
    pub key: String,
}

/// What a session may do.
enum Kind {
    Reading,
    /// Makes and destroys keys.
    Writing,
}

/// A root key on a token. Each use opens a session and closes it: a token that was away for a while is found again.
pub struct TokenRoot {
    library: Pkcs11,
    place: Place,
    pin: Secret<String>,
    /// What the key is called on the token (`CKA_ID`): drawn when it was made, so that it tells this key from every other.
    id: String,
}

impl TokenRoot {
    /// The key that is there.
    pub fn open(place: Place, pin: Secret<String>) -> Result<Self, Error> {
        let mut root = TokenRoot { library: load(&place)?, place, pin, id: String::new() };
        root.id = root.with(Kind::Reading, |session, place| {
            let key = find(session, place)?.ok_or_else(|| Error::NoKey(place.key.clone()))?;
            id_of(session, place, key)
        })?;
        Ok(root)
    }

    /// Makes the key on the token. [`Error::KeyThere`] where one has its label.
    pub fn make(place: Place, pin: Secret<String>, entropy: &dyn Entropy) -> Result<Self, Error> {
        let mut root = TokenRoot { library: load(&place)?, place, pin, id: String::new() };
        let id = entropy.bytes::<ID_BYTES>();
        root.id = root.with(Kind::Writing, |session, place| {
            if find(session, place)?.is_some() {
                return Err(Error::KeyThere(place.key.clone()));
            }
            session.generate_key(&Mechanism::AesKeyGen, &template(place, &id)).map_err(refused)?;
            let key = find(session, place)?.ok_or_else(|| Error::NoKey(place.key.clone()))?;
            id_of(session, place, key)
        })?;
        Ok(root)
    }

    /// Destroys the key on the token: what it wrapped opens never again.
    pub fn destroy(self) -> Result<(), Error> {
        self.with(Kind::Writing, |session, place| {
            let key = find(session, place)?.ok_or_else(|| Error::NoKey(place.key.clone()))?;
            session.destroy_object(key).map_err(refused)
        })
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    /// A session, signed in. A sign-in holds for all sessions of a program until the last one is closed.
    fn with<T>(
        &self,
        kind: Kind,
        work: impl FnOnce(&Session, &Place) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let slot = slot(&self.library, &self.place)?;
        let session = match kind {
            Kind::Reading => self.library.open_ro_session(slot),
            Kind::Writing => self.library.open_rw_session(slot),
        };
        let session = session.map_err(refused)?;
        let pin = AuthPin::new(self.pin.expose().clone().into());
        match session.login(UserType::User, Some(&pin)) {
            Ok(()) | Err(Told::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(Told::Pkcs11(
                RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange | RvError::PinLocked,
                _,
            )) => {
                return Err(Error::Pin);
            }
            Err(other) => return Err(refused(other)),
        }
        work(&session, &self.place)
    }

    fn seal(&self, key: &[u8], nonce: [u8; NONCE_BYTES], place: &str) -> Result<Vec<u8>, Error> {
        let aad = aad(place);
        self.with(Kind::Reading, |session, at| {
            let root = find(session, at)?.ok_or_else(|| Error::NoKey(at.key.clone()))?;
            let mut nonce = nonce;
            let sealed = {
                let how = GcmParams::new(&mut nonce, &aad, Ulong::from(TAG_BITS)).map_err(refused)?;
                session.encrypt(&Mechanism::AesGcm(how), root, key).map_err(refused)?
            };
            // Some tokens draw the nonce themselves and say so here.
            let mut out = vec![VERSION];
            out.extend_from_slice(&nonce);
            out.extend_from_slice(&sealed);
            Ok(out)
        })
    }

    /// Nothing where the token says that it was changed.
    fn open_sealed(&self, wrapped: &[u8], place: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some((VERSION, rest)) = wrapped.split_first().map(|(version, rest)| (*version, rest)) else {
            return Ok(None);
        };
        let Some((nonce, body)) = rest.split_first_chunk::<NONCE_BYTES>() else { return Ok(None) };
        let aad = aad(place);
        self.with(Kind::Reading, |session, at| {
            let root = find(session, at)?.ok_or_else(|| Error::NoKey(at.key.clone()))?;
            let mut nonce = *nonce;
            let how = GcmParams::new(&mut nonce, &aad, Ulong::from(TAG_BITS)).map_err(refused)?;
            match session.decrypt(&Mechanism::AesGcm(how), root, body) {
                Ok(opened) => Ok(Some(opened)),
                // SoftHSM says the last where a tag does not fit.
                Err(Told::Pkcs11(
                    RvError::EncryptedDataInvalid | RvError::EncryptedDataLenRange | RvError::GeneralError,
                    _,
                )) => Ok(None),
                Err(other) => Err(refused(other)),
            }
        })
    }
}

impl RootKey for TokenRoot {
    fn id(&self) -> String {
        format!("pkcs11:{}", self.id)
    }

    fn wrap(
        &self,
        key: &Secret<[u8; KEY_BYTES]>,
        place: &str,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, storeward_seal::Error> {
        Ok(self.seal(key.expose(), entropy.bytes::<NONCE_BYTES>(), place)?)
    }

    fn unwrap(&self, wrapped: &[u8], place: &str) -> Result<Secret<[u8; KEY_BYTES]>, storeward_seal::Error> {
        let opened =
            self.open_sealed(wrapped, place)?.map(Secret::new).ok_or(storeward_seal::Error::Sealed)?;
        let bytes = <[u8; KEY_BYTES]>::try_from(opened.expose().as_slice());
        bytes.map(Secret::new).map_err(|_| storeward_seal::Error::Sealed)
    }
}

impl From<Error> for storeward_seal::Error {
    fn from(error: Error) -> Self {
        storeward_seal::Error::Away(error.to_string())
    }
}

fn load(place: &Place) -> Result<Pkcs11, Error> {
    let failed = |why: Told| Error::Module(format!("{}: {why}", place.module.display()));
    let library = Pkcs11::new(&place.module).map_err(failed)?;
    match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // A second root key of the same module, such as that of a copy, shares it.
        Ok(()) | Err(Told::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(library),
        Err(other) => Err(failed(other)),
    }
}

fn slot(library: &Pkcs11, place: &Place) -> Result<Slot, Error> {
    let mut found = None;
    for slot in library.get_slots_with_token().map_err(refused)? {
        // One that cannot be read, such as an empty reader's, is not the one.
        let Ok(token) = library.get_token_info(slot) else { continue };
        if token.label() != place.token {
            continue;
        }
        if found.replace(slot).is_some() {
            return Err(Error::SeveralTokens(place.token.clone()));
        }
    }
    found.ok_or_else(|| Error::NoToken(place.token.clone()))
}

fn template(place: &Place, id: &[u8]) -> Vec<Attribute> {
    let key_bytes = Ulong::from(KEY_BYTES as u64);
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(cryptoki::object::KeyType::AES),
        Attribute::ValueLen(key_bytes),
        Attribute::Label(place.key.clone().into_bytes()),
        Attribute::Id(id.to_vec()),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        // For nothing else: a key that could wrap others or sign could be made to say more of itself.
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
        Attribute::Sign(false),
        Attribute::Verify(false),
        Attribute::Derive(false),
    ]
}

fn find(session: &Session, place: &Place) -> Result<Option<ObjectHandle>, Error> {
    let wanted =
        [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Label(place.key.clone().into_bytes())];
    match session.find_objects(&wanted).map_err(refused)?.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        _ => Err(Error::OtherKey { label: place.key.clone(), why: "there are several of that label" }),
    }
}

/// What the key is called, where it is one that the token keeps to itself.
fn id_of(session: &Session, place: &Place, key: ObjectHandle) -> Result<String, Error> {
    let other = |why| Error::OtherKey { label: place.key.clone(), why };
    let wanted =
        [AttributeType::Id, AttributeType::Sensitive, AttributeType::Extractable, AttributeType::KeyType];
    let mut id = None;
    let (mut is_kept, mut is_aes) = (true, false);
    for attribute in session.get_attributes(key, &wanted).map_err(refused)? {
        match attribute {
            Attribute::Id(bytes) => id = Some(bytes),
            Attribute::Sensitive(is) => is_kept = is_kept && is,
            Attribute::Extractable(is) => is_kept = is_kept && !is,
            Attribute::KeyType(kind) => is_aes = kind == cryptoki::object::KeyType::AES,
            _ => {}
        }
    }
    if !is_aes {
        return Err(other("it is no AES key"));
    }
    if !is_kept {
        return Err(other("it can be taken out of the token"));
    }
    // One of few bytes was given by hand, and another key may have the same.
    let id = id.filter(|id| id.len() >= ID_BYTES);
    id.map(|id| hex(&id))
        .ok_or_else(|| other("its CKA_ID is shorter than 16 bytes; let Storeward make the key"))
}

fn refused(why: Told) -> Error {
    Error::Refused(why.to_string())
}

/// As a key in memory binds what it wraps to its place (`seal::envelope`).
fn aad(place: &str) -> Vec<u8> {
    let mut out = b"storeward.root/2\n".to_vec();
    out.extend_from_slice(&(place.len() as u64).to_be_bytes());
    out.extend_from_slice(place.as_bytes());
    out
}

impl fmt::Debug for TokenRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenRoot({})", self.id())
    }
}
