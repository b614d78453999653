//! Stand-ins for Stripe and PayPal: the outside world of payments, for tests and for the demo.
//!
//! **Owns** two servers that answer as the providers' documents say (Stripe's API of [`STRIPE_VERSION`]; PayPal's Orders v2,
//! Payments v2, webhooks, disputes, vault and reporting), the pages that a buyer's browser walks through there, the webhooks that
//! they send, and a third server by which a test breaks all of it: faults, lost and repeated webhooks, another time, disputes.
//!
//! **Holds** what the providers hold: a key is answered once and replayed; nobody refunds or captures more than there is; an
//! unknown parameter is refused; each change of money is an [`Effect`], counted when it happens and not when it is answered.
//!
//! **Never** names a crate of the house, listens or calls beyond loopback, keeps anything on disk, or moves money. Cards are the published
//! test cards alone; every page says that it is a stand-in.
//!
//! **Emits** webhooks to the addresses that were given to it; nothing else.
#![forbid(unsafe_code)]
// Objects of the providers have dozens of fields, each written out.
#![recursion_limit = "256"]

mod chance;
mod client;
mod clock;
mod contract;
mod control;
mod control_http;
mod deliver;
mod effects;
mod emulators;
mod error;
mod faults;
mod form;
mod message;
mod page;
mod paypal;
mod serve;
mod shelf;
mod stripe;
mod world;

pub use contract::Violation;
pub use control::{Control, Settled, Verdict};
pub use deliver::{Delivery, Hold, Weather};
pub use effects::{Effect, Provider};
pub use emulators::{Emulators, Options, PaypalSide, StripeSide};
pub use error::Error;
pub use faults::{Fault, What};
pub use paypal::orders::{Proof, Source};
pub use stripe::cards::{CARDS, Card};
pub use stripe::challenge::Answered;
pub use stripe::{Mode, STRIPE_VERSION};
