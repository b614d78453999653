//! Passkeys: adding one, and signing in with one. Challenges are kept on our side and used once.

use serde_json::Value;
use storeward_base::CustomerId;
use storeward_seal::encoding::{decode_hex, hex};
use storeward_seal::webauthn::Refusal;
pub use storeward_seal::webauthn::script::Shown as PasskeyAnswer;
use storeward_seal::webauthn::script::{self, Kept, NewUser};
use storeward_store::Reader;

use super::current::CurrentSession;
use super::enrol::EnrolFault;
use super::flows::{Means, Step};
use super::grant::{Grant, Trust};
use super::prove::ProveFault;
use super::sign_in::SignInFault;
use super::{Identity, Shared};
use crate::error::Error;
use crate::marks::Field;
use crate::model::{FactorId, FactorKind, Misfit, Proof, parse_name};
use crate::sql::{self, factor::FactorRow};
use crate::state::{Door, Flow, Purpose, ReturnTo, State};
use crate::throttle::{Key, Leave};
use crate::tokens::FlowToken;
use crate::visit::Visit;

impl Identity {
    /// A challenge for whoever has a passkey of this shop, whoever it is; the browser offers them by itself.
    pub async fn begin_passkey_sign_in(
        &self,
        visit: &Visit,
        return_to: Option<ReturnTo>,
    ) -> Result<(FlowToken, Value), SignInFault> {
        let shared = &self.0;
        let key = shared.passkey_key(visit);
        if let Leave::Wait { seconds, .. } = shared.throttle.attempt(std::slice::from_ref(&key), shared.now())
        {
            return Err(SignInFault::Throttled { seconds });
        }
        let challenge = shared.entropy.bytes::<32>();
        let state =
            State { return_to, webauthn: Some(hex(&challenge)), door: Some(Door::Pages), ..State::default() };
        let draft = shared.draft_flow(Purpose::Passkey, None, state);
        let (token, post) = (draft.token.clone(), shared.post.clone());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            draft.write(tx, &*post)?;
            tx.commit_silent("a page was opened; nobody has shown anything");
            Ok(())
        });
        written.await?;
        Ok((token, script::get_options(&shared.party(), &challenge, &[])))
    }

    /// Signs in with a passkey: who it is follows from the passkey.
    pub async fn sign_in_with_passkey(
        &self,
        visit: &Visit,
        token: &FlowToken,
        answer: PasskeyAnswer,
    ) -> Result<Step, SignInFault> {
        let shared = &self.0;
        let mut flow = shared.flow(token).await?;
        if flow.purpose != Purpose::Passkey {
            return Err(Error::FlowOver.into());
        }
        let Some(factor) = shared.factor_of(&answer).await? else { return Err(SignInFault::Refused) };
        let means = shared.means(factor.customer).await?;
        let handle_fits =
            answer.user_handle.as_ref().is_none_or(|given| *given == user_handle(factor.customer));
        if means.account.locked_at.is_some() || !handle_fits {
            return Err(SignInFault::Refused);
        }
        let return_to = flow.state.return_to.clone();
        flow.customer = Some(factor.customer);
        match shared.prove_passkey(visit, &mut flow, &factor, &answer).await {
            Ok(()) => {}
            Err(ProveFault::Failed(error)) => return Err(error.into()),
            Err(_) => return Err(SignInFault::Refused),
        }
        let (means, device) = shared.known_now(visit, means).await?;
        let grant = Grant {
            account: &means.account,
            proofs: vec![Proof::Passkey],
            door: Door::Pages,
            return_to,
            trust: Trust::AsBefore,
            device,
            flow_hash: Some(flow.hash),
            opens: None,
            read_at: None,
            noticed: Vec::new(),
        };
        let granted = shared.grant(visit, grant).await?;
        shared.throttle.succeeded(&[shared.passkey_key(visit)]);
        Ok(Step::SignedIn(granted))
    }

    /// A challenge for the passkeys of the account whose flow this is. Only where a passkey is asked for: which ones an
    /// account has is nothing for whoever typed its address.
    pub async fn passkey_options(&self, token: &FlowToken) -> Result<Value, Error> {
        let shared = &self.0;
        let mut flow = shared.flow(token).await?;
        let (need, means) = shared.need(&flow).await?;
        let means = means.filter(|_| need.takes_passkeys()).ok_or(Error::FlowOver)?;
        let ids = shared.credentials_of(&means)?;
        let challenge = shared.entropy.bytes::<32>();
        flow.state.webauthn = Some(hex(&challenge));
        let (state, hash, version, now) =
            (shared.seal_state(&flow), flow.hash.clone(), flow.version, shared.now());
        let saved = shared.db.write(move |tx| -> Result<bool, Error> {
            tx.commit_silent("a challenge was sent; nobody has shown anything");
            Ok(sql::flow::save(tx, &hash, version, &state, now)?)
        });
        if !saved.await? {
            return Err(Error::Overtaken);
        }
        Ok(script::get_options(&shared.party(), &challenge, &ids))
    }

    /// A challenge for a new passkey.
    pub async fn begin_passkey(&self, session: &CurrentSession) -> Result<(FlowToken, Value), EnrolFault> {
        self.require_fresh(session)?;
        let shared = &self.0;
        let means = shared.means(session.customer).await?;
        let known = shared.credentials_of(&means)?;
        let challenge = shared.entropy.bytes::<32>();
        let state = State { webauthn: Some(hex(&challenge)), session: Some(session.id), ..State::default() };
        let draft = shared.draft_flow(Purpose::EnrolPasskey, Some(session.customer), state);
        let (token, post) = (draft.token.clone(), shared.post.clone());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            draft.write(tx, &*post)?;
            tx.commit_silent("a challenge was sent; nothing is added yet");
            Ok(())
        });
        written.await?;
        let name =
            session.email.clone().or_else(|| session.name.clone()).unwrap_or_else(|| shared.shop_name());
        let user = NewUser {
            handle: &user_handle(session.customer),
            name: &name,
            site: &shared.shop_name(),
            known: &known,
        };
        let options = script::create_options(&shared.party(), &challenge, &user);
        Ok((token, options))
    }

    /// What `navigator.credentials.create` brought: the passkey counts from now on.
    pub async fn confirm_passkey(
        &self,
        visit: &Visit,
        session: &CurrentSession,
        token: &FlowToken,
        created: &str,
        label: &str,
    ) -> Result<(), EnrolFault> {
        self.require_fresh(session)?;
        let shared = &self.0;
        let flow = shared.flow(token).await?;
        let own = flow.purpose == Purpose::EnrolPasskey && flow.state.session == Some(session.id);
        let challenge = flow.state.webauthn.as_deref().and_then(decode_hex).filter(|_| own);
        let challenge = challenge.ok_or(Error::FlowOver)?;
        let label = parse_name(label, "label").map_err(EnrolFault::Misfit)?;
        let misfit = || EnrolFault::Misfit(Misfit { field: "passkey", key: "misfit.passkey" });
        let made = script::register(&shared.party(), &challenge, created).map_err(|_| misfit())?;
        let now = shared.now();
        let id = FactorId::at(now, &*shared.entropy);
        let kept = Kept::of(&made);
        let label = label.unwrap_or_else(|| visit.label.clone());
        let row = FactorRow {
            id,
            customer: session.customer,
            kind: FactorKind::Passkey,
            label_sealed: Some(shared.seal_label(&label, &id.to_string())),
            secret_sealed: shared.vault.seal(
                &kept.to_bytes(),
                &id.to_string(),
                Field::Secret,
                &*shared.entropy,
            ),
            counter: i64::from(made.sign_count),
            created_at: now,
            used_at: None,
        };
        let mark = shared.marks.credential(&kept.credential_id);
        Ok(self.add_factor(visit, session, &flow.hash, row, Some(mark)).await?)
    }
}

impl Shared {
    /// Whose count a challenge for whoever it is uses up. Nobody uses up what a device has that Storeward gave its token to.
    fn passkey_key(&self, visit: &Visit) -> Key {
        match visit.own_devices(&self.marks).next() {
            Some(token) => Key::PasskeyOn(token.id.to_string()),
            None => Key::Passkey(visit.client.block()),
        }
    }

    /// The ids of the account's passkeys.
    fn credentials_of(&self, means: &Means) -> Result<Vec<Vec<u8>>, Error> {
        let passkeys = means.factors.iter().filter(|factor| factor.kind == FactorKind::Passkey);
        passkeys.map(|factor| Ok(self.open_passkey(factor)?.credential_id)).collect()
    }

    /// The factor that an answer names.
    pub async fn factor_of(&self, answer: &PasskeyAnswer) -> Result<Option<FactorRow>, Error> {
        let mark = self.marks.credential(&answer.credential_id);
        Ok(self.db.read(move |reader: &mut Reader<'_>| sql::factor::by_credential(reader, &mark)).await?)
    }

    /// Checks an answer against the flow's challenge. Returns the counter to keep.
    pub fn check_passkey(
        &self,
        flow: &Flow,
        factor: &FactorRow,
        answer: &PasskeyAnswer,
    ) -> Result<Result<i64, Refusal>, Error> {
        let Some(challenge) = flow.state.webauthn.as_deref().and_then(decode_hex) else {
            return Ok(Err(Refusal::Challenge));
        };
        let kept = self.open_passkey(factor)?;
        let known = u32::try_from(factor.counter).unwrap_or(u32::MAX);
        let checked = answer.check(&self.party(), &challenge, &kept.public_key, known);
        Ok(checked.map(|asserted| i64::from(asserted.sign_count)))
    }

    fn open_passkey(&self, factor: &FactorRow) -> Result<Kept, Error> {
        let bytes = self.vault.open(&factor.secret_sealed, &factor.id.to_string(), Field::Secret)?;
        Kept::from_bytes(bytes.expose()).ok_or(Error::Form("a kept passkey cannot be read"))
    }
}

/// What the device keeps as the account's handle: the id's bits, which say nothing about the person.
pub(super) fn user_handle(customer: CustomerId) -> Vec<u8> {
    customer.bits().to_be_bytes().to_vec()
}
