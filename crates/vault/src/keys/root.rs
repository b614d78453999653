//! From one root key to another: from a passphrase to a token, and back.

use storeward_base::Actor;
use storeward_events::vault::RootKeyMoved;
use storeward_seal::envelope::RootKey;

use super::{KeyStore, KeyStoreParts};
use crate::Error;

impl KeyStore {
    /// Wraps the epochs' keys with the root key of `parts`, where they are under `from`, and opens the store with it. It may be repeated:
    /// where they are under it already, they stay. Copies of the file from before open with `from` until a rotation has made them
    /// worthless, which is the caller's to do next.
    pub async fn open_moved(parts: KeyStoreParts, from: &dyn RootKey, actor: Actor) -> Result<Self, Error> {
        {
            super::owner::settle(&parts.db, &parts.shelf, parts.entropy.as_ref()).await?;
            let _alone = parts.shelf.alone()?.ok_or(Error::ShelfHeld)?;
            if parts.shelf.wrapped_by()?.is_some_and(|root| root == from.id()) {
                move_shelf(&parts, from, actor).await?;
            }
        }
        KeyStore::open(parts).await
    }
}

async fn move_shelf(parts: &KeyStoreParts, from: &dyn RootKey, actor: Actor) -> Result<(), Error> {
    if parts.shelf.is_unsealed()? {
        let shown = parts.shelf.path().display();
        return Err(Error::Shelf(format!(
            "{shown} is of the first form; start Storeward once with the root key that is there"
        )));
    }
    parts.shelf.move_to(parts.root.as_ref(), from, parts.entropy.as_ref())?;
    let (from, to) = (from.id(), parts.root.id());
    let written = parts.db.write(move |tx| -> Result<(), Error> {
        tx.append(actor, None, RootKeyMoved { from: from.clone(), to: to.clone() })?;
        Ok(())
    });
    written.await
}
