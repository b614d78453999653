//! What a shop's sign-in looks like from outside, as data.
//!
//! **Owns** the form of adapter files ([`Adapter`]), the files for the shops we know ([`known`]), and the reading of
//! requests, cookies and answers by them: [`Door`], [`Credentials`], [`CookieLine`], [`Answer`].
//! **Holds** it is pure: bytes in, facts out. A file is checked whole or refused with the field and what to do. A path is
//! compared in the one canonical form that the edge gives it, whatever case, doubled ending or path information the
//! shop's language would pass over. Passwords leave as [`storeward_base::Secret`].
//! **Never** I/O, a decision about a person, a regular expression from outside.
//! **Emits** nothing.
#![forbid(unsafe_code)]

mod acts;
mod address;
mod answer;
mod body;
mod call;
mod cookie;
mod door;
mod error;
mod folder;
mod json;
mod kind;
mod known;
pub mod learn;
mod model;
mod multipart;
mod office;
mod password;
mod place;
mod reading;
mod renamed;
mod rights;
mod session;
mod side;
mod socket;
mod text;
mod told;
mod visitor;

pub use acts::{UnnamedActs, bears_password};
pub use address::Address;
pub use answer::{Answer, Named, ProbeAnswer, ProbeTold, Signal};
pub use body::{Credentials, Unreadable, before_last_field, is_doubtful, outline};
pub use cookie::{CookieLine, cookie_pairs};
pub use door::{Asked, Login};
pub use error::AdapterError;
pub use kind::is_form;
pub use known::{KNOWN, STAND_IN, by_name, for_platform, stand_in};
pub use model::{
    Adapter, AddressPage, BodyKind, Cookies, Door, DoorKind, FORMAT, Probe, Rights, Routed, Shown, SignOut,
    SignedIn, Staff, StaffProbe, StaffSessions, Subject, TokenAnswer,
};
pub use password::{Password, PasswordForm};
pub use reading::Reading;
pub use renamed::{AddressForm, NewAddress};
pub use rights::{Nonce, ToldRights};
pub use socket::{Said, Spoken};
pub use told::{MOST_TOKENS, MaybeToken, Places, Told, bears};
pub use visitor::Visitor;
