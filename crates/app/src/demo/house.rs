//! What a shop that takes care would switch on beside the front door, for the sample shop: a gate before its staff pages, masks in
//! them, backups with drills.

use std::fs;

use storeward_base::{Entropy, SystemEntropy};

use crate::Done;
use crate::data::{self, DataDir};
use crate::failure::Context;

const GATE: &str = "\n# Staff sign in at the console before the shop's own admin; who they are decides what is masked there.\n\
                    [[gate]]\nname = \"back-office\"\npaths = [\"/admin\"]\n\n[office]\npages = \"larkmoor\"\n\n\
                    # What runs on the checkout is learnt: approve it at the console, then set enforce.\n\
                    [checkout]\nproviders = [\"stripe\", \"paypal\"]\n\n";

/// The sections. What they need lies in the data directory afterwards.
///
/// The target of the backups is in the demo's own folder, so that nothing stays behind outside of it. A backup beside what it
/// backs up is for looking at only.
pub fn sections(data: &DataDir) -> Done<String> {
    let password = data.join("demo-backup-password");
    if !password.exists() {
        let mut bytes = [0; 24];
        SystemEntropy.fill(&mut bytes);
        data::write_atomically(&password, storeward_seal::encoding::hex(&bytes).as_bytes())?;
    }
    let folder = fs::canonicalize(data.path()).context(data.path().display())?;
    let path = |name: &str| toml::Value::from(folder.join(name).display().to_string());
    let database = toml::Value::from(format!("sqlite:{}", folder.join("sample-shop.sqlite").display()));
    Ok(format!(
        "{GATE}# In a real shop the target is another disk, another machine or a bucket.\n\
         [backup]\ntarget = {}\npassword_file = {}\nepochs_copy = {}\n\n[backup.shop]\ndatabase = {database}\n",
        path("demo-backups"),
        path("demo-backup-password"),
        path("demo-epochs-copy.json"),
    ))
}
