//! Staff begin a customer's new password: a letter with a link goes to the address on file, and that is all they do. They see neither
//! the link nor the password, and nothing of the account changes until its owner has followed the link, shown the second factor
//! where there is one, and chosen (ASVS 5.0 6.4.6).

use storeward_base::Actor;
use storeward_events::identity::RecoveryBegun;

use super::acts::{Act, Done};
use super::{By, Customers};
use crate::error::Error;
use crate::model::Account;
use crate::sql;
use crate::throttle::{Key, Leave};
use crate::verbs::note_activity;

impl Customers {
    /// Sends the letter. Nothing where there is no address to write to, or nobody may sign in.
    pub(super) async fn begin_new_password(&self, by: &By, account: &Account) -> Result<Done, Error> {
        let shared = &self.0.0;
        // The password of a shop's own customer is the shop's, and begun anew there.
        let (Some(email), None, Some(_)) = (&account.email, account.locked_at, &account.password_hash) else {
            return Ok(Done::Already);
        };
        // Counted apart from what anybody can ask for: strangers cannot use it up, and staff flood nobody.
        let key = Key::ByStaff(account.id.to_string());
        if let Leave::Wait { seconds, .. } = shared.throttle.attempt(&[key], shared.now()) {
            return Ok(Done::TooOften { seconds });
        }
        let (flow, letter) = shared.password_link(account, email);
        let row = shared.act_row(by, Act::BeginNewPassword.word(), shared.now());
        let activity = shared.activity(Act::BeginNewPassword.activity(), "");
        let (customer, post) = (account.id, shared.post.clone());
        let actor = Actor::Staff { id: by.staff };
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            // The newest link is the one that counts.
            sql::flow::end_password_links(tx, customer)?;
            flow.write(tx, &*post)?;
            post.post(tx, &letter)?;
            sql::staff_act::insert(tx, customer, &row)?;
            note_activity(tx, customer, &activity)?;
            tx.append(actor, None, RecoveryBegun { customer: Some(customer) })?;
            Ok(())
        });
        written.await?;
        Ok(Done::Changed)
    }
}
