//! A client sends somebody here to sign out (RP-Initiated Logout 1.0).

use storeward_base::Actor;
use storeward_events::oidc::SignedOutBy;
use storeward_identity::{CurrentSession, SessionToken};

use crate::error::Error;
use crate::marks::subject;
use crate::model::Client;
use crate::protocol::answer::with_query;
use crate::protocol::fields::Fields;
use crate::provider::Shared;

/// What is to be done.
#[derive(Debug)]
pub enum Leaving {
    /// The client has shown whom it means, and it is whoever is signed in here.
    Now { client: Box<Client>, onward: Onward },
    /// The person has to say so: what was sent does not show that they want it.
    Ask { onward: Onward },
    /// Nobody is signed in.
    Nobody { onward: Onward },
    /// The address to go to afterwards is not one of the client's, or nothing shows whose it is; nor whom the client means.
    NotThere,
    /// What should show whom the client means is none of ours.
    NoHint,
}

/// Where the browser goes when the person is signed out.
#[derive(Debug, PartialEq, Eq)]
pub enum Onward {
    /// Nowhere: the client names no address.
    Stay,
    To(String),
    /// Nowhere, since the address is not one of the client's (RP-Initiated Logout 1.0 section 3: no redirection). A shop that has signed
    /// somebody out has done so: were they still signed in here, whoever sits down next would be in by one press of its button.
    NotTheClients,
}

impl Shared {
    pub async fn leaving(&self, fields: &Fields, session: Option<&CurrentSession>) -> Result<Leaving, Error> {
        if fields.has_repeated() {
            return Ok(Leaving::NoHint);
        }
        let hint = match fields.get("id_token_hint") {
            None => None,
            Some(token) => match self.hint(token).await? {
                None => return Ok(Leaving::NoHint),
                hint => hint,
            },
        };
        let named = fields.get("client_id");
        let is_another = hint.as_ref().zip(named).is_some_and(|(hint, named)| hint.audience != named);
        if is_another {
            return Ok(Leaving::NoHint);
        }
        let id = hint.as_ref().map(|hint| hint.audience.as_str()).or(named);
        let client = match id.and_then(|id| id.parse().ok()) {
            Some(id) => self.client(id).await?,
            None => None,
        };
        let onward = match (fields.get("post_logout_redirect_uri"), &client) {
            (None, _) => Onward::Stay,
            (Some(uri), Some(client)) if client.logout_uris.iter().any(|own| own == uri) => {
                let state = fields.owned("state").map(|state| ("state", state));
                Onward::To(with_query(uri, &state.into_iter().collect::<Vec<_>>()))
            }
            (Some(_), Some(_)) if hint.is_some() => Onward::NotTheClients,
            (Some(_), _) => return Ok(Leaving::NotThere),
        };
        let Some(session) = session else { return Ok(Leaving::Nobody { onward }) };
        match (hint, client) {
            // Whoever is meant is whoever is here; their session may have been renewed since.
            (Some(hint), Some(client)) if hint.subject == subject(session.customer) => {
                Ok(Leaving::Now { client: Box::new(client), onward })
            }
            _ if onward == Onward::NotTheClients => Ok(Leaving::NotThere),
            _ => Ok(Leaving::Ask { onward }),
        }
    }

    /// Signs the person out here. Whoever else they were signed in to by way of us is told by the job that goes with it.
    pub async fn leave(
        &self,
        token: &SessionToken,
        session: &CurrentSession,
        client: Option<&Client>,
    ) -> Result<(), Error> {
        self.identity.sign_out(token, session).await?;
        let Some(client) = client.map(|client| client.id) else { return Ok(()) };
        let customer = session.customer;
        let written = self.db.write(move |tx| -> Result<(), Error> {
            tx.append(Actor::Customer { id: customer }, None, SignedOutBy { client, customer })?;
            Ok(())
        });
        written.await
    }
}
