//! Staff's accounts: enrolment, sign-in, sessions.

mod bound;
mod changes;
mod enrol;
mod hand_over;
mod letters;
mod members;
mod model;
mod new_password;
mod own;
mod passkeys;
mod sessions;
mod sign_in;
mod sql;
pub mod sql_entrance;
mod sql_letters;
mod sql_own;
mod throttle;
mod told;
mod views;

use std::sync::Arc;

use storeward_base::{ClientIp, Clock, Entropy};
use storeward_passwords::breach::Breaches;
use storeward_passwords::{AccountKey, Gauge, Lane, Pool, Ticket};
use storeward_seal::DataKey;
use storeward_store::Db;

pub use bound::{are_old, bind_old_blocking, harmed};
pub use changes::{ADMINS, Change, Changed, Groups, change_blocking, is_group_name};
pub use enrol::{EnrolError, EnrolForm, Offer, OpenOffer, csrf_of_link, offer, offer_blocking};
pub use hand_over::{HandOver, NotInGroup};
pub use letters::Letters;
pub use members::{
    Member, NO_ROLE, Names, all as all_members, all_groups, members_blocking, names, remove_blocking,
    reset_blocking, roles_of,
};
pub use model::Misfit;
pub use new_password::PasswordForm;
pub use passkeys::{AddError, Asked, CHALLENGE_COOKIE};
pub use sessions::{ABSOLUTE, COOKIE, PASSKEY, SessionToken, StaffSessionId};
pub use sign_in::{Caller, SignInError, SignInForm};
pub use sql::touch_session;
pub use views::{SavedView, ViewId, parse_view_name};

use throttle::{MOST_KEYS, Throttle};

/// Every statement of this crate, for the test that prepares them on both engines.
pub const STATEMENTS: &[&[&str]] = &[
    bound::STATEMENTS,
    sql::STATEMENTS,
    sql_entrance::STATEMENTS,
    sql_letters::STATEMENTS,
    sql_own::STATEMENTS,
];

/// The use cases of accounts.
pub struct Accounts {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) key: DataKey,
    pub(crate) shop_names: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
    pub(crate) passwords: Passwords,
    letters: Letters,
    throttle: Throttle,
    not_in_group: NotInGroup,
}

impl Accounts {
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        key: DataKey,
        shop_names: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
        passwords: Passwords,
        letters: Letters,
    ) -> Self {
        let throttle = Throttle::new(MOST_KEYS);
        Accounts {
            db,
            clock,
            entropy,
            key,
            shop_names,
            passwords,
            letters,
            throttle,
            not_in_group: NotInGroup::default(),
        }
    }
}

/// How passwords are hashed, checked and judged.
pub struct Passwords {
    pub pool: Pool,
    pub breaches: Breaches,
    /// Reads what is still being typed.
    pub gauge: Gauge,
}

/// How a password of staff comes to the pool: the console knows no devices, and stands where not everybody gets. Its people wait behind
/// no flood of the shop's strangers.
fn ticket(email: &str, address: ClientIp) -> Ticket {
    Ticket { lane: Lane::ProofOfWork, account: AccountKey::of(email), address: address.block() }
}
