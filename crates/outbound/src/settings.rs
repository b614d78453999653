//! What is wrong with a section of the config, and files that hold secrets.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use storeward_base::Secret;

/// A value that does not fit: which key, and what to do. Never the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    pub key: &'static str,
    pub problem: String,
}

impl SettingError {
    pub(crate) fn new(key: &'static str, problem: String) -> Self {
        SettingError { key, problem }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

impl std::error::Error for SettingError {}

/// Reads a secret; refuses a file that others on the machine can read. One line, but for PEM.
pub fn read_private(key: &'static str, path: &Path, limit: usize) -> Result<Secret<String>, SettingError> {
    let shown = path.display();
    let fault = |why: String| SettingError::new(key, why);
    let mut file = File::open(path).map_err(|e| fault(format!("{shown} cannot be read: {e}")))?;
    let facts = file.metadata().map_err(|e| fault(format!("{shown}: {e}")))?;
    if !facts.is_file() {
        return Err(fault(format!("{shown} is no file")));
    }
    if facts.permissions().mode() & 0o077 != 0 {
        return Err(fault(format!("{shown} can be read by others on this machine: chmod 600 {shown}")));
    }
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut read = String::new();
    file.by_ref().take(most).read_to_string(&mut read).map_err(|e| fault(format!("{shown}: {e}")))?;
    let whole = Secret::new(read);
    let trimmed = whole.expose().trim_end_matches(['\r', '\n']);
    if trimmed.len() > limit {
        return Err(fault(format!("{shown} is longer than {limit} bytes")));
    }
    if trimmed.is_empty() {
        return Err(fault(format!("{shown} is empty")));
    }
    if trimmed.contains(['\r', '\n', '\0']) && !trimmed.contains("-----BEGIN ") {
        return Err(fault(format!("{shown} must hold the secret alone, in one line")));
    }
    Ok(Secret::new(trimmed.to_owned()))
}
