//! Is this sign-in the account's own? Risk from features, evidence and bursts, and one of five answers.
//!
//! The way of one sign-in:
//!
//! 1. [`Networks::look_up`] says what the owner's files know of the address; [`Features::of`] makes the keyed features.
//! 2. The caller checks the password. Wrong: [`Pressure::failed`], and one page for everybody. Right:
//! 3. [`judge`] gives a [`Verdict`]: allow, notice, step up, passkey only, or refuse, with the [`Reason`]s.
//! 4. When the person proved what was asked for, [`Verdict::release`] gives a [`Released`], and only that can be
//!    [`record`]ed in the histories. [`Pressure::succeeded`] hears of it too.
//! 5. "This wasn't me" takes it out again: [`AccountHistory::disown`] with the features kept beside the session.
//!
//! State goes in and comes back: [`AccountHistory`] (one account, up to 64 values of each kind, a few hundred bytes as
//! a rule), [`ShopHistory`] (one for the realm, below 1 MiB) and [`Pressure`] (the last minutes). All have a versioned
//! serde form and hold keyed values, counts, hours, and places rounded to half a degree; no address and no user agent.
//!
//! A trusted device comes first and statistics second, because customers of shops sign in less than monthly: on the
//! published data, network and user agent alone would challenge them in a third to a half of their sign-ins.

mod counts;
mod database;
mod feature;
mod history;
mod novelty;
mod places;
mod policy;
mod pressure;
mod reason;
mod stored;
mod travel;
mod user_agent;
mod verdict;

pub use feature::{Attempt, FeatureKey, Features};
pub use history::{AccountHistory, HALF_LIFE, MOST_VALUES, ShopHistory, record};
pub use novelty::{Novelty, Smoothing, novelty};
pub use places::{
    Called, Country, FileFault, MOST_LINE_BYTES, MOST_NETWORKS, Networks, NetworksError, NetworksFault, Place,
};
pub use policy::{Answer, Mode, Policy, Thresholds, TrustedDevice};
pub use pressure::{Bursts, MOST_TROUBLED, PRESSURE_HALF_LIFE, Pressure};
pub use reason::Reason;
pub use stored::STATE_VERSION;
pub use travel::{FASTEST_KM_PER_HOUR, Location};
pub use user_agent::{Browser, Device, READ_BYTES, System, UserAgent};
pub use verdict::{
    Case, DeviceToken, Evidence, Passkey, Password, Proof, Released, SecondFactor, Target, Tool, Verdict,
    Weighed, judge,
};
