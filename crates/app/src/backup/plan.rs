//! Where backups lie and what opens them, from the section or from the options of a restore on another machine.

use std::iter;
use std::path::Path;
use std::time::Duration;

use storeward_backup::{Keep, Plan, S3Account, Target};
use storeward_base::Secret;
use storeward_outbound::read_private;
use storeward_seal::LogKey;

use super::{BackupSection, LOCK, SCRATCH};
use crate::Done;
use crate::data::DataDir;
use crate::failure::Failure;

/// A password that opens everything that was ever put away.
const LEAST_PASSWORD: usize = 16;
const MOST_PASSWORD: usize = 4_096;

/// How settings are named to whoever gave them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    InConfig,
    AsOptions,
}

impl Given {
    const fn name(self, in_config: &'static str, as_option: &'static str) -> &'static str {
        match self {
            Given::InConfig => in_config,
            Given::AsOptions => as_option,
        }
    }

    const fn no_password(self) -> &'static str {
        self.name(
            "make one: openssl rand -base64 32 | install -m 600 /dev/stdin FILE; and keep a copy elsewhere",
            "lay your copy of it there (mode 0600): no other password opens what was put away",
        )
    }

    const fn short_password(self) -> &'static str {
        self.name(
            "take six or more words by dice, or `openssl rand -base64 32`",
            "it is not the one that the backups were made with: that has as many at least",
        )
    }
}

/// Where they lie, and what opens them. Own backups are those of the directory's ledger, where its key is there.
pub fn plan(data: &DataDir, section: &BackupSection, given: Given) -> Done<Plan> {
    let password = |key: &'static str, file: &Path| -> Done<Secret<String>> {
        let read = read_private(key, &data.path().join(file), MOST_PASSWORD);
        let password = read.map_err(|why| Failure::new(why.to_string()).hint(given.no_password()))?;
        if password.expose().chars().count() < LEAST_PASSWORD {
            return Err(Failure::new(format!("{key}: fewer than {LEAST_PASSWORD} characters"))
                .hint(given.short_password()));
        }
        Ok(password)
    };
    let keep = section.keep;
    let target = target(&section.target, given.name("storeward.toml, target", "--target"))?;
    let keys_named = given.name("storeward.toml, keys_target", "--keys-target");
    let keys_target =
        section.keys_target.as_deref().map(|keys| self::target(keys, keys_named)).transpose()?;
    let own_password = given.name("backup.password_file", "--password-file");
    let keys_password = given.name("backup.keys_password_file", "--keys-password-file");
    let s3 = s3_account(data, section)?;
    Ok(Plan {
        target,
        password: password(own_password, &section.password_file)?,
        keys_target,
        keys_password: section
            .keys_password_file
            .as_deref()
            .map(|file| password(keys_password, file))
            .transpose()?,
        ssh_key: section.ssh_key_file.as_ref().map(|file| data.path().join(file)),
        s3,
        scratch: data.join(SCRATCH),
        lock: data.join(LOCK),
        keep: Keep { last: keep.last, days: keep.days, weeks: keep.weeks, months: keep.months },
        ledger: data.keys().ok().map(|keys| LogKey::from_seed(&keys.ledger)),
        keys_kept: Duration::from_secs(u64::from(section.keys_days) * 24 * 3_600),
    })
}

/// A target as the setting `named` has it.
fn target(text: &str, named: &str) -> Done<Target> {
    Target::parse(text).map_err(|why| match why {
        storeward_backup::Error::Setting { problem, .. } => Failure::new(format!("{named}: {problem}")),
        other => Failure::new(format!("{named}: {other}")),
    })
}

/// What options of a restore lack, before anything at the target is asked.
pub fn fits(plan: &Plan) -> Done {
    let mut targets = iter::once(&plan.target).chain(&plan.keys_target);
    if plan.s3.is_none() && targets.any(|target| matches!(target, Target::S3(_))) {
        return Err(Failure::new("--target: s3: needs the account that asks there")
            .hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"));
    }
    match plan.ssh_key.as_deref().filter(|file| !file.is_file()) {
        Some(file) => Err(Failure::new(format!("--ssh-key-file: {} is no file", file.display()))),
        None => Ok(()),
    }
}

/// Who asks S3; nothing where nobody is named.
fn s3_account(data: &DataDir, section: &BackupSection) -> Done<Option<S3Account>> {
    let region = section.s3_region.clone();
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (&section.s3_access_key, &section.s3_secret_key_file) {
        (Some(access_key), Some(file)) => {
            let secret = read_private("backup.s3_secret_key_file", &data.path().join(file), MOST_PASSWORD);
            let secret_key = secret.map_err(|why| Failure::new(why.to_string()))?;
            Ok(Some(S3Account { access_key: access_key.clone(), secret_key, region }))
        }
        (None, None) => Ok(named("AWS_ACCESS_KEY_ID")
            .zip(named("AWS_SECRET_ACCESS_KEY"))
            .map(|(access_key, secret)| S3Account { access_key, secret_key: Secret::new(secret), region })),
        _ => Err(Failure::new("backup.s3_access_key and backup.s3_secret_key_file stand together")),
    }
}
