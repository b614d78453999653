//! Adding factors: an app's codes, a passkey, recovery codes. Each is a sensitive act, so the session has just shown all
//! the account has; for the first factor that is the password and a code to the address on file.

use storeward_base::{Actor, CustomerId, Secret};
use storeward_events::identity::{FactorAdded, RecoveryCodesMade};
use storeward_seal::totp::{self, TotpSecret};

use super::current::{CurrentSession, still_signed_in};
use super::step_up::StepUpFault;
use super::{Identity, Shared, note_activity};
use crate::error::Error;
use crate::letter::LetterKind;
use crate::marks::Field;
use crate::model::{FactorId, FactorKind, Misfit, parse_name};
use crate::sql::{self, factor::FactorRow};
use crate::state::{Purpose, State};
use crate::tokens::{FlowToken, TypedRecoveryCode, read_recovery_code, recovery_code};
use crate::visit::Visit;

/// How many recovery codes there are in a set.
const CODES: usize = 8;

#[derive(Debug)]
pub enum EnrolFault {
    StepUpFirst,
    Misfit(Misfit),
    Failed(Error),
}

impl<E: Into<Error>> From<E> for EnrolFault {
    fn from(error: E) -> Self {
        EnrolFault::Failed(error.into())
    }
}

impl From<StepUpFault> for EnrolFault {
    fn from(fault: StepUpFault) -> Self {
        match fault {
            StepUpFault::First => EnrolFault::StepUpFirst,
            StepUpFault::Failed(error) => EnrolFault::Failed(error),
        }
    }
}

/// Recovery codes that were just made. Shown once; kept as hashes.
pub struct NewCodes(pub Vec<Secret<String>>);

/// A seed that waits for its first code.
pub struct NewSeed {
    pub flow: FlowToken,
    /// In base 32, for typing.
    pub base32: Secret<String>,
    /// For the QR code.
    pub uri: Secret<String>,
}

impl Identity {
    /// Makes a seed. It counts from its first code on.
    pub async fn begin_totp(&self, session: &CurrentSession) -> Result<NewSeed, EnrolFault> {
        self.require_fresh(session)?;
        let shared = &self.0;
        let secret = TotpSecret::generate(&*shared.entropy);
        let state = State {
            seed: Some(secret.base32().expose().clone()),
            session: Some(session.id),
            ..State::default()
        };
        let draft = shared.draft_flow(Purpose::EnrolTotp, Some(session.customer), state);
        let (flow, post) = (draft.token.clone(), shared.post.clone());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            draft.write(tx, &*post)?;
            tx.commit_silent("a seed is nothing before its first code");
            Ok(())
        });
        written.await?;
        Ok(self.seed(flow, &secret, session))
    }

    /// The seed of a flow that waits, to be shown again.
    pub async fn pending_seed(
        &self,
        session: &CurrentSession,
        token: &FlowToken,
    ) -> Result<NewSeed, EnrolFault> {
        let flow = self.0.flow(token).await?;
        let secret = seed_of(&flow, session)?;
        Ok(self.seed(token.clone(), &secret, session))
    }

    fn seed(&self, flow: FlowToken, secret: &TotpSecret, session: &CurrentSession) -> NewSeed {
        let account = session.email.as_deref().unwrap_or("account");
        NewSeed { flow, base32: secret.base32(), uri: secret.otpauth_uri(&self.0.shop_name(), account) }
    }

    /// The first code of the app: the factor counts from now on.
    pub async fn confirm_totp(
        &self,
        visit: &Visit,
        session: &CurrentSession,
        token: &FlowToken,
        code: &str,
        label: &str,
    ) -> Result<(), EnrolFault> {
        self.require_fresh(session)?;
        let shared = &self.0;
        let flow = shared.flow(token).await?;
        let secret = seed_of(&flow, session)?;
        let label = parse_name(label, "label").map_err(EnrolFault::Misfit)?;
        let now = shared.now();
        let Some(step) = totp::verify(&secret, code, now, 1) else {
            let hash = flow.hash.clone();
            let tried = shared.db.write(move |tx| -> Result<Option<u32>, Error> {
                let count = sql::flow::count_try(tx, &hash, now)?;
                tx.commit_silent("a mistyped first code of an app that is not added yet");
                Ok(count)
            });
            return Err(match tried.await? {
                Some(_) => EnrolFault::Misfit(Misfit { field: "code", key: "misfit.totp" }),
                None => EnrolFault::Failed(Error::FlowOver),
            });
        };
        let id = FactorId::at(now, &*shared.entropy);
        let row = FactorRow {
            id,
            customer: session.customer,
            kind: FactorKind::Totp,
            label_sealed: label.map(|label| shared.seal_label(&label, &id.to_string())),
            secret_sealed: shared.vault.seal(
                secret.bytes().expose(),
                &id.to_string(),
                Field::Secret,
                &*shared.entropy,
            ),
            // The code that confirms is used: it does not open anything afterwards.
            counter: i64::try_from(step).unwrap_or(i64::MAX),
            created_at: now,
            used_at: None,
        };
        Ok(self.add_factor(visit, session, &flow.hash, row, None).await?)
    }

    /// Writes a factor, ends its flow, tells the person.
    pub(super) async fn add_factor(
        &self,
        visit: &Visit,
        session: &CurrentSession,
        flow_hash: &str,
        row: FactorRow,
        credential_mark: Option<String>,
    ) -> Result<(), Error> {
        let shared = &self.0;
        let (customer, now, hash) = (session.customer, row.created_at, flow_hash.to_owned());
        let account = shared.account(customer).await?.ok_or(Error::NoAccount)?;
        let word = row.kind.word();
        let notice = shared.notice(LetterKind::FactorAdded, &account, &[("factor", word)], now);
        let activity = shared.activity(
            match row.kind {
                FactorKind::Totp => "totp_added",
                FactorKind::Passkey => "passkey_added",
                FactorKind::Sms => "sms_added",
            },
            &visit.label,
        );
        let (post, on_behalf) = (shared.post.clone(), session.clone());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            still_signed_in(tx, &on_behalf)?;
            if !sql::flow::finish(tx, &hash, now)? {
                return Err(Error::FlowOver);
            }
            if sql::factor::count(tx, customer)? >= sql::factor::MOST {
                return Err(Error::TooMany);
            }
            sql::factor::insert(tx, &row, credential_mark.as_ref())?;
            // They have not shown it, so they take nothing out.
            sql::session::others_are_stale(tx, customer, on_behalf.id)?;
            note_activity(tx, customer, &activity)?;
            if let Some(notice) = &notice {
                notice.write(tx, &*post)?;
            }
            let fact = FactorAdded { customer, factor: word.to_owned() };
            tx.append(Actor::Customer { id: customer }, None, fact)?;
            Ok(())
        });
        written.await
    }

    /// Makes a set of recovery codes; those before count no more.
    pub async fn make_recovery_codes(
        &self,
        visit: &Visit,
        session: &CurrentSession,
    ) -> Result<NewCodes, EnrolFault> {
        self.require_fresh(session)?;
        let shared = &self.0;
        let codes: Vec<Secret<String>> = (0..CODES).map(|_| recovery_code(&*shared.entropy)).collect();
        let (customer, now) = (session.customer, shared.now());
        let hash = |code: &Secret<String>| shared.recovery_hash(customer, code.expose());
        let hashes: Vec<String> = codes.iter().filter_map(hash).collect();
        let account = shared.account(customer).await?.ok_or(Error::NoAccount)?;
        let notice = shared.notice(LetterKind::FactorAdded, &account, &[("factor", "recovery_codes")], now);
        let activity = shared.activity_of("recovery_codes_made", visit);
        let (post, on_behalf) = (shared.post.clone(), session.clone());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            still_signed_in(tx, &on_behalf)?;
            sql::factor::replace_codes(tx, customer, &hashes, now)?;
            sql::session::others_are_stale(tx, customer, on_behalf.id)?;
            note_activity(tx, customer, &activity)?;
            if let Some(notice) = &notice {
                notice.write(tx, &*post)?;
            }
            let count = u32::try_from(hashes.len()).unwrap_or(0);
            tx.append(Actor::Customer { id: customer }, None, RecoveryCodesMade { customer, count })?;
            Ok(())
        });
        written.await?;
        Ok(NewCodes(codes))
    }
}

impl Shared {
    /// What is kept of a customer's recovery code, however it is typed; nothing where it has not the form of one.
    pub fn recovery_hash(&self, customer: CustomerId, typed: &str) -> Option<String> {
        Some(match read_recovery_code(typed)? {
            TypedRecoveryCode::Short(plain) => self.marks.recovery_code(customer, &plain),
            TypedRecoveryCode::Long { hash } => hash,
        })
    }
}

/// The seed of a flow that this session began.
fn seed_of(flow: &crate::state::Flow, session: &CurrentSession) -> Result<TotpSecret, Error> {
    let own = flow.purpose == Purpose::EnrolTotp && flow.state.session == Some(session.id);
    let seed = flow.state.seed.as_deref().filter(|_| own).ok_or(Error::FlowOver)?;
    Ok(TotpSecret::from_base32(seed)?)
}
