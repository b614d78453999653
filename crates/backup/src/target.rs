//! Where backups go, in restic's own words, so that restic can be pointed there too.

use std::fmt;
use std::path::PathBuf;

use crate::Error;

/// A folder, a server that speaks SFTP, or a bucket that speaks S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `/srv/backup`: best on another disk than the data.
    Local(PathBuf),
    /// `sftp:user@host:/path` or `sftp://user@host:port//path`.
    Sftp(SftpTarget),
    /// `s3:https://host/bucket/prefix`.
    S3(S3Target),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SftpTarget {
    pub user: Option<String>,
    pub host: String,
    pub port: Option<u16>,
    /// From `/` on, or from the account's home.
    pub path: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Target {
    /// `https://host` or `https://host:port`.
    pub endpoint: String,
    pub bucket: String,
    /// Without a slash at its ends; may be empty.
    pub prefix: String,
}

impl Target {
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refused = |problem: &str| Error::Setting { key: "backup.target", problem: problem.to_owned() };
        if text.chars().any(char::is_control) {
            return Err(refused("it has a control character"));
        }
        if let Some(rest) = text.strip_prefix("sftp:") {
            return sftp(rest).map(Target::Sftp).map_err(refused);
        }
        if let Some(rest) = text.strip_prefix("s3:") {
            return s3(rest).map(Target::S3).map_err(refused);
        }
        if text.starts_with('/') {
            return Ok(Target::Local(PathBuf::from(text)));
        }
        Err(refused(
            "a folder from / on, sftp:user@host:/path, or s3:https://host/bucket/prefix; see docs/backup.md",
        ))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Local(path) => path.display().fmt(f),
            Target::Sftp(SftpTarget { user, host, port, path }) => {
                let at = user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
                match port {
                    Some(port) => write!(f, "sftp://{at}{host}:{port}/{path}"),
                    None => write!(f, "sftp:{at}{host}:{path}"),
                }
            }
            Target::S3(S3Target { endpoint, bucket, prefix }) => {
                let slash = if prefix.is_empty() { "" } else { "/" };
                write!(f, "s3:{endpoint}/{bucket}{slash}{prefix}")
            }
        }
    }
}

const PASSWORD: &str = "a password does not stand in the target: sign in with a key (backup.ssh_key_file)";

/// What could be taken for an option of `ssh` is refused: a host that begins with `-` is a command on some machines.
fn sftp(rest: &str) -> Result<SftpTarget, &'static str> {
    const FORM: &str = "sftp:user@host:/path, or sftp://user@host:port//path";
    let (account, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_once('/').ok_or(FORM)?,
        None => rest.split_once(':').ok_or(FORM)?,
    };
    let is_url = rest.starts_with("//");
    if !account.contains('@') && path.split('/').next().is_some_and(|first| first.contains('@')) {
        return Err(PASSWORD);
    }
    let (user, host) = match account.split_once('@') {
        Some((user, host)) => (Some(user.to_owned()), host),
        None => (None, account),
    };
    let (host, port) = match host.split_once(':') {
        Some((host, port)) if is_url => (host, Some(port.parse::<u16>().map_err(|_| FORM)?)),
        _ => (host, None),
    };
    let plain = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
        !text.is_empty() && !text.starts_with('-') && text.chars().all(fits)
    };
    if user.as_deref().is_some_and(|user| user.contains(':')) {
        return Err(PASSWORD);
    }
    if !plain(host) || user.as_deref().is_some_and(|user| !plain(user)) || path.is_empty() {
        return Err(FORM);
    }
    Ok(SftpTarget { user, host: host.to_owned(), port, path: path.trim_end_matches('/').to_owned() })
}

fn s3(rest: &str) -> Result<S3Target, &'static str> {
    const FORM: &str = "s3:https://host/bucket/prefix";
    let (scheme, after) = rest.split_once("://").ok_or(FORM)?;
    let mut parts = after.splitn(3, '/');
    let host = parts.next().filter(|host| !host.is_empty() && !host.contains('@')).ok_or(FORM)?;
    let bucket = parts.next().filter(|bucket| !bucket.is_empty()).ok_or(FORM)?;
    let prefix = parts.next().unwrap_or_default().trim_matches('/');
    let is_here = ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|here| host == *here || host.strip_prefix(here).is_some_and(|rest| rest.starts_with(':')));
    if scheme != "https" && !(scheme == "http" && is_here) {
        return Err("s3: takes https; http only to this machine");
    }
    let fits = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_/".contains(c));
    if !fits(bucket) || !fits(prefix) || prefix.split('/').any(|part| part == "..") {
        return Err("a bucket and its prefix have letters, digits, points, hyphens and underscores");
    }
    Ok(S3Target {
        endpoint: format!("{scheme}://{host}"),
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_written_as_restic_does() {
        for text in [
            "/srv/backup",
            "sftp:ward@backup.example:/srv/ward",
            "sftp:backup.example:ward",
            "sftp://ward@backup.example:2222//srv/ward",
            "s3:https://s3.example.com/bucket/shop/ward",
            "s3:http://127.0.0.1:9000/bucket",
        ] {
            assert_eq!(Target::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_could_be_a_command_or_leaks_is_refused() {
        for text in [
            "",
            "backup",
            "sftp:-oProxyCommand=evil:/x",
            "sftp:a@-oProxyCommand=evil:/x",
            "sftp:-lroot@host:/x",
            "sftp:ward:secret@host:/x",
            "sftp://ward:secret@host:22//x",
            "sftp:ward@ho st:/x",
            "sftp:ward@host",
            "s3:http://s3.example.com/bucket",
            "s3:http://127.0.0.1.evil.example/bucket",
            "s3:https://key:secret@s3.example.com/bucket",
            "s3:https://s3.example.com/",
            "s3:https://s3.example.com/bucket/../other",
            "/srv/\nbackup",
            "ftp://host/x",
        ] {
            let told = Target::parse(text).map(|target| target.to_string()).unwrap_err().to_string();
            assert!(told.starts_with("backup.target: ") && !told.contains("secret"), "{text}: {told}");
        }
    }
}
