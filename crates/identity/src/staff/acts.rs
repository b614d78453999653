//! What staff do: each act at once in the tables, in the ledger, in the person's own list, and in a letter where the
//! person must know.

use storeward_base::{Actor, CustomerId, StaffId};
use storeward_events::identity::{
    AccountLocked, AccountLookedUp, AccountUnlocked, BackOfficeAllowed, CustomerPasswordChanged,
    SessionsRevoked, StepUpForced,
};
use storeward_seal::fingerprint::equal;
use storeward_store::{Reader, Tx};

use super::{By, Customers};
use crate::error::Error;
use crate::letter::LetterKind;
use crate::model::Email;
use crate::sql;
use crate::verbs::devices::forget_others;
use crate::verbs::{note_activity, wait};

/// What can be done to an account. There is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nobody signs in, every session ends, and no device is known or trusted any more.
    Lock,
    Unlock,
    /// The same, and whoever shows what it takes signs in again.
    EndSessions,
    /// The next sign-in shows a second factor, whatever the policy says.
    ForceStepUp,
    /// A letter with a link to a new password goes to the address on file. Who reads it there chooses.
    BeginNewPassword,
    /// The person chose a new password at the shop, whose own it is: no second step for that any more.
    ShopPasswordChanged,
    /// The person says that every factor is lost: the waiting time begins. What comes at its end is theirs alone.
    BeginWayBack,
    StopWayBack,
    /// What a member of the shop's staff has added opens the back office from now on: whoever says so has compared the code.
    LetIntoOffice,
    /// A way to sign in is lost, and counts no more: see [`Customers::take_factor`].
    TakeFactor,
    /// The waiting time ends in an hour, once a second member of staff asks for the same.
    ShortenWayBack,
    /// Every row of the account goes, and whoever signs in at the shop afterwards is somebody new: see `close`.
    Close,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Changed,
    /// The account was so already, or there is nothing to do it to.
    Already,
    /// Letters went there often of late: not before so many seconds.
    TooOften {
        seconds: u64,
    },
    /// It takes effect when another member of staff asks for it too.
    WaitsForAnother,
    /// What was added is no longer what was compared.
    OtherCode,
    /// Without it the person could show nothing but a password.
    NothingElse,
}

impl Act {
    pub const ALL: [Act; 12] = [
        Act::Lock,
        Act::Unlock,
        Act::EndSessions,
        Act::ForceStepUp,
        Act::BeginNewPassword,
        Act::ShopPasswordChanged,
        Act::BeginWayBack,
        Act::StopWayBack,
        Act::ShortenWayBack,
        Act::LetIntoOffice,
        Act::TakeFactor,
        Act::Close,
    ];

    /// Stable: stands in forms and in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Act::Lock => "lock",
            Act::Unlock => "unlock",
            Act::EndSessions => "end_sessions",
            Act::ForceStepUp => "force_step_up",
            Act::BeginNewPassword => "begin_new_password",
            Act::ShopPasswordChanged => "shop_password_changed",
            Act::BeginWayBack => "begin_way_back",
            Act::StopWayBack => "stop_way_back",
            Act::ShortenWayBack => "shorten_way_back",
            Act::LetIntoOffice => "let_into_office",
            Act::TakeFactor => "take_factor",
            Act::Close => "close",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        Act::ALL.into_iter().find(|act| act.word() == word)
    }

    /// The line in the person's own list.
    pub(super) const fn activity(self) -> &'static str {
        match self {
            Act::Lock => "locked_by_shop",
            Act::Unlock => "unlocked_by_shop",
            Act::EndSessions => "sessions_ended_by_shop",
            Act::ForceStepUp => "step_up_by_shop",
            Act::BeginNewPassword => "password_link_by_shop",
            Act::ShopPasswordChanged => "shop_password",
            Act::BeginWayBack => "recovery_wait_begun",
            Act::StopWayBack => "recovery_wait_stopped",
            Act::ShortenWayBack => "recovery_wait_shortened",
            Act::LetIntoOffice => "let_in_by_shop",
            Act::TakeFactor => "factor_taken_by_shop",
            // The list goes with the account.
            Act::Close => "",
        }
    }

    const fn letter(self) -> Option<LetterKind> {
        match self {
            Act::Lock => Some(LetterKind::AccountLocked),
            Act::Unlock => Some(LetterKind::AccountUnlocked),
            Act::EndSessions => Some(LetterKind::SessionsEnded),
            // They see it at their next sign-in, and nothing was taken from them.
            Act::ForceStepUp => None,
            // They said so themselves.
            Act::ShopPasswordChanged => None,
            // They were told when it was added.
            Act::LetIntoOffice => None,
            // Its letter bears the link, as those of the way back bear the one that stops it.
            Act::BeginNewPassword | Act::BeginWayBack | Act::StopWayBack | Act::ShortenWayBack => None,
            // Its letter bears the link that contains.
            Act::TakeFactor => None,
            // Its letter goes in nobody's name.
            Act::Close => None,
        }
    }

    /// Whether it changed anything.
    fn write(self, tx: &mut Tx<'_>, actor: Actor, customer: CustomerId) -> Result<bool, Error> {
        let now = tx.now();
        let reason = || "staff".to_owned();
        match self {
            Act::Lock => {
                if !sql::account::lock(tx, customer, now)? {
                    return Ok(false);
                }
                let count = sql::session::delete_all(tx, customer)?;
                sql::flow::end_all(tx, customer)?;
                tx.append(actor, None, AccountLocked { customer })?;
                tx.append(actor, None, SessionsRevoked { customer, count, reason: reason() })?;
                forget_others(tx, actor, customer, None, "staff")?;
            }
            Act::Unlock => {
                if !sql::account::unlock(tx, customer)? {
                    return Ok(false);
                }
                tx.append(actor, None, AccountUnlocked { customer })?;
            }
            Act::EndSessions => {
                let count = sql::session::delete_all(tx, customer)?;
                tx.append(actor, None, SessionsRevoked { customer, count, reason: reason() })?;
                forget_others(tx, actor, customer, None, "staff")?;
            }
            Act::ForceStepUp => {
                sql::account::force_step_up(tx, customer, now)?;
                tx.append(actor, None, StepUpForced { customer, reason: reason() })?;
            }
            Act::ShopPasswordChanged => {
                if !sql::account::shop_password_changed(tx, customer)? {
                    return Ok(false);
                }
                tx.append(actor, None, CustomerPasswordChanged { customer, reason: reason() })?;
            }
            Act::StopWayBack => {
                if !wait::cancel(tx, actor, customer, "staff")? {
                    return Ok(false);
                }
                sql::flow::end_recoveries(tx, customer)?;
            }
            // They need more than a transaction, or more to go by: see `new_password`, `way_back`, `let_into_office`, `take_factor` and `close`.
            Act::BeginNewPassword
            | Act::BeginWayBack
            | Act::ShortenWayBack
            | Act::LetIntoOffice
            | Act::TakeFactor
            | Act::Close => return Ok(false),
        }
        Ok(true)
    }
}

impl Customers {
    /// The accounts of exactly this address: the one whose owner showed that they read its mail, then those for which the shop
    /// tells it. Who asked is told to the ledger, whether there is one or not.
    pub async fn find(&self, staff: StaffId, address: &str) -> Result<Vec<CustomerId>, Error> {
        let found = match Email::parse(address) {
            Ok(email) => {
                let mark = self.0.0.marks.email(&email);
                let read = move |reader: &mut Reader<'_>| sql::account::all_by_address(reader, &mark);
                self.0.0.db.read(read).await?
            }
            Err(_) => Vec::new(),
        };
        self.looked(staff, found.first().copied(), "address").await?;
        Ok(found)
    }

    /// A member of staff opens an account's page by a link.
    pub async fn looked_at(&self, staff: StaffId, customer: CustomerId) -> Result<(), Error> {
        self.looked(staff, Some(customer), "page").await
    }

    async fn looked(
        &self,
        staff: StaffId,
        customer: Option<CustomerId>,
        how: &'static str,
    ) -> Result<(), Error> {
        let fact = AccountLookedUp { customer, how: how.to_owned() };
        let actor = Actor::Staff { id: staff };
        self.0.0.db.write(move |tx| Ok(tx.append(actor, None, fact.clone()).map(drop)?)).await
    }

    /// Lets a member of the shop's staff in with what they have added, if that is still what makes the code that was compared:
    /// whoever adds something of theirs in between, or had it there already, is not let in with it.
    pub async fn let_into_office(
        &self,
        by: &By,
        customer: CustomerId,
        compared: &str,
    ) -> Result<Done, Error> {
        let shared = self.0.0.clone();
        if shared.account(customer).await?.is_none() {
            return Err(Error::NoAccount);
        }
        let act = Act::LetIntoOffice;
        let (row, activity) =
            (shared.act_row(by, act.word(), shared.now()), shared.activity(act.activity(), ""));
        let (actor, compared) = (Actor::Staff { id: by.staff }, compared.trim().to_owned());
        let db = shared.db.clone();
        let written = db.write(move |tx| -> Result<Done, Error> {
            let factors = sql::factor::of_customer(tx, customer)?;
            let code = shared.office_code_of(customer, &factors);
            if !equal(code.as_bytes(), compared.as_bytes()) {
                tx.commit_silent("what was compared is not what is there");
                return Ok(Done::OtherCode);
            }
            let now = tx.now();
            if !sql::office::allow(tx, customer, now)? {
                tx.commit_silent("they were let in already, or have nothing to be let in with");
                return Ok(Done::Already);
            }
            tx.append(actor, None, BackOfficeAllowed { customer })?;
            sql::staff_act::insert(tx, customer, &row)?;
            note_activity(tx, customer, &activity)?;
            Ok(Done::Changed)
        });
        written.await
    }

    /// Does it, if it changes anything. [`Act::LetIntoOffice`] goes by what was compared: see [`Customers::let_into_office`]; and
    /// [`Act::TakeFactor`] by which one: see [`Customers::take_factor`].
    pub async fn act(&self, by: &By, customer: CustomerId, act: Act) -> Result<Done, Error> {
        let shared = &self.0.0;
        let account = shared.account(customer).await?.ok_or(Error::NoAccount)?;
        match act {
            Act::BeginNewPassword => return self.begin_new_password(by, &account).await,
            Act::BeginWayBack => return self.begin_way_back(by, &account).await,
            Act::ShortenWayBack => return self.shorten_way_back(by, &account).await,
            Act::LetIntoOffice => return Ok(Done::OtherCode),
            Act::TakeFactor => return Ok(Done::Already),
            Act::Close => return self.close(by, customer).await,
            Act::Lock
            | Act::Unlock
            | Act::EndSessions
            | Act::ForceStepUp
            | Act::ShopPasswordChanged
            | Act::StopWayBack => {}
        }
        let row = shared.act_row(by, act.word(), shared.now());
        let activity = shared.activity(act.activity(), "");
        let letter = act.letter().and_then(|kind| shared.plain_notice(kind, &account));
        let (actor, post) = (Actor::Staff { id: by.staff }, shared.post.clone());
        let written = shared.db.write(move |tx| -> Result<Done, Error> {
            if !act.write(tx, actor, customer)? {
                tx.commit_silent("the account was so already");
                return Ok(Done::Already);
            }
            sql::staff_act::insert(tx, customer, &row)?;
            note_activity(tx, customer, &activity)?;
            if let Some(letter) = &letter {
                post.post(tx, letter)?;
            }
            Ok(Done::Changed)
        });
        written.await
    }
}
