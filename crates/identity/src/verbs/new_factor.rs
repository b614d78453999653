//! The one thing that the end of a waiting time allows: a new factor, in the flow that showed a new code to the address.

use storeward_seal::encoding::{decode_hex, hex};
use storeward_seal::totp::{self, TotpSecret};
use storeward_seal::webauthn::script::{self, Kept, NewUser};

use super::enrol::{EnrolFault, NewSeed};
use super::flows::{Means, Need, Step};
use super::passkeys::user_handle;
use super::{Identity, Shared};
use crate::error::Error;
use crate::marks::Field;
use crate::model::{FactorId, FactorKind, Misfit};
use crate::sql::{self, factor::FactorRow};
use crate::state::Flow;
use crate::tokens::FlowToken;
use crate::visit::Visit;

impl Shared {
    /// The flow, if a new factor is what it waits for.
    async fn new_factor_flow(&self, token: &FlowToken) -> Result<(Flow, Means), Error> {
        let flow = self.flow(token).await?;
        match self.need(&flow).await? {
            (Need::NewFactor, Some(means)) => Ok((flow, means)),
            _ => Err(Error::FlowOver),
        }
    }

    async fn keep_state(&self, flow: &Flow) -> Result<(), Error> {
        let (state, hash, version, now) =
            (self.seal_state(flow), flow.hash.clone(), flow.version, self.now());
        let saved = self.db.write(move |tx| -> Result<bool, Error> {
            tx.commit_silent("something was made ready; nobody has shown anything");
            Ok(sql::flow::save(tx, &hash, version, &state, now)?)
        });
        if saved.await? { Ok(()) } else { Err(Error::Overtaken) }
    }

    fn new_row(
        &self,
        means: &Means,
        kind: FactorKind,
        secret: &[u8],
        counter: i64,
        label: &str,
    ) -> FactorRow {
        let now = self.now();
        let id = FactorId::at(now, &*self.entropy);
        FactorRow {
            id,
            customer: means.account.id,
            kind,
            label_sealed: Some(self.seal_label(label, &id.to_string())),
            secret_sealed: self.vault.seal(secret, &id.to_string(), Field::Secret, &*self.entropy),
            counter,
            created_at: now,
            used_at: None,
        }
    }

    fn shown_seed(&self, token: &FlowToken, secret: &TotpSecret, means: &Means) -> NewSeed {
        let account = means.account.email.as_ref().map_or("account", |email| email.as_str());
        let uri = secret.otpauth_uri(&self.shop_name(), account);
        NewSeed { flow: token.clone(), base32: secret.base32(), uri }
    }
}

impl Identity {
    /// Makes a seed for an app. It counts from its first code on.
    pub async fn begin_new_totp(&self, token: &FlowToken) -> Result<NewSeed, EnrolFault> {
        let shared = &self.0;
        let (mut flow, means) = shared.new_factor_flow(token).await?;
        let secret = TotpSecret::generate(&*shared.entropy);
        flow.state.seed = Some(secret.base32().expose().clone());
        shared.keep_state(&flow).await?;
        Ok(shared.shown_seed(token, &secret, &means))
    }

    /// The seed that waits, to be shown again.
    pub async fn pending_new_totp(&self, token: &FlowToken) -> Result<NewSeed, EnrolFault> {
        let (flow, means) = self.0.new_factor_flow(token).await?;
        let seed = flow.state.seed.as_deref().ok_or(Error::FlowOver)?;
        Ok(self.0.shown_seed(token, &TotpSecret::from_base32(seed)?, &means))
    }

    /// The app's first code: it stands in the place of all that was lost.
    pub async fn confirm_new_totp(
        &self,
        visit: &Visit,
        token: &FlowToken,
        code: &str,
    ) -> Result<Step, EnrolFault> {
        let shared = &self.0;
        let (flow, means) = shared.new_factor_flow(token).await?;
        let seed = flow.state.seed.as_deref().ok_or(Error::FlowOver)?;
        let secret = TotpSecret::from_base32(seed)?;
        let now = shared.now();
        let Some(step) = totp::verify(&secret, code, now, 1) else {
            let hash = flow.hash.clone();
            let tried = shared.db.write(move |tx| -> Result<Option<u32>, Error> {
                tx.commit_silent("a mistyped first code of an app that is not added yet");
                Ok(sql::flow::count_try(tx, &hash, now)?)
            });
            return Err(match tried.await? {
                Some(_) => EnrolFault::Misfit(Misfit { field: "code", key: "misfit.totp" }),
                None => EnrolFault::Failed(Error::FlowOver),
            });
        };
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        let row = shared.new_row(&means, FactorKind::Totp, secret.bytes().expose(), step, &visit.label);
        Ok(self.replace_factors(visit, &flow.hash, &means, row, None).await?)
    }

    /// A challenge for a passkey, for the script.
    pub async fn new_passkey_options(&self, token: &FlowToken) -> Result<String, Error> {
        let shared = &self.0;
        let (mut flow, means) = shared.new_factor_flow(token).await?;
        let challenge = shared.entropy.bytes::<32>();
        flow.state.webauthn = Some(hex(&challenge));
        shared.keep_state(&flow).await?;
        let name = means.account.email.as_ref().map_or("", |email| email.as_str());
        let (handle, shop) = (user_handle(means.account.id), shared.shop_name());
        let user = NewUser { handle: &handle, name, site: &shop, known: &[] };
        Ok(script::create_options(&shared.party(), &challenge, &user).to_string())
    }

    pub async fn confirm_new_passkey(
        &self,
        visit: &Visit,
        token: &FlowToken,
        created: &str,
    ) -> Result<Step, EnrolFault> {
        let shared = &self.0;
        let (flow, means) = shared.new_factor_flow(token).await?;
        let challenge = flow.state.webauthn.as_deref().and_then(decode_hex).ok_or(Error::FlowOver)?;
        let misfit = |_| EnrolFault::Misfit(Misfit { field: "passkey", key: "misfit.passkey" });
        let made = script::register(&shared.party(), &challenge, created).map_err(misfit)?;
        let kept = Kept::of(&made);
        let counter = i64::from(made.sign_count);
        let row = shared.new_row(&means, FactorKind::Passkey, &kept.to_bytes(), counter, &visit.label);
        let mark = shared.marks.credential(&kept.credential_id);
        Ok(self.replace_factors(visit, &flow.hash, &means, row, Some(mark)).await?)
    }
}
