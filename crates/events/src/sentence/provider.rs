//! Sentences of the OpenID Connect provider.

use crate::Event;

/// What the OpenID Connect provider did.
pub(super) fn of_the_provider(event: &Event) -> Option<String> {
    Some(match event {
        Event::OidcClientAdded(e) => {
            format!("{} lets customers sign in here now (PKCE {}, consent {})", e.client, e.pkce, e.consent)
        }
        Event::OidcClientScopesChanged(e) => {
            format!("{} may ask for {} now; before: {}", e.client, e.scopes.join(" "), e.before.join(" "))
        }
        Event::OidcClientSecretRotated(e) => {
            format!("{} has a new secret; the old one is good for {} hours", e.client, e.overlap_hours)
        }
        Event::OidcClientRemoved(e) => format!("{} lets nobody sign in here any more", e.client),
        Event::OidcClientRefused(e) => {
            format!("Somebody called as {} and was refused: {}", e.client, e.reason)
        }
        Event::OidcKeyRotated(e) => {
            format!("A new key signs tokens ({}, {}, {})", e.algorithm, e.reason, e.key)
        }
        Event::OidcSignedInTo(e) => format!("{} signed in to {} ({})", e.customer, e.client, e.acr),
        Event::OidcConsentGiven(e) => {
            format!("{} agreed that {} learns {}", e.customer, e.client, e.scopes.join(" "))
        }
        Event::OidcCodeReused(e) => {
            format!("A code of {} for {} came twice: somebody has a copy of it", e.customer, e.client)
        }
        Event::OidcRefreshTokenReused(e) => {
            format!(
                "A refresh token of {} for {} came twice: somebody has a copy of it",
                e.customer, e.client
            )
        }
        Event::OidcAccessWithdrawn(e) => format!("{} took {}'s access away", e.customer, e.client),
        Event::OidcTokensRevoked(e) => format!("{} gave its tokens for {} back", e.client, e.customer),
        Event::OidcSignedOutBy(e) => format!("{} signed out, sent by {}", e.customer, e.client),
        Event::OidcLogoutTold(e) => format!("{} was told that {} signed out", e.client, e.customer),
        _ => return None,
    })
}
