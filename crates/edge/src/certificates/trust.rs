//! Puts the development CA's root into this machine's trust stores, and takes it out again.
//!
//! Each store is a step of its own with an outcome of its own: nothing is done in silence, and one store that fails does
//! not keep the others from being tried.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The stores to change.
#[derive(Clone, Debug)]
pub struct TrustStores {
    /// Where Debian and its like look for additional roots.
    pub system_dir: PathBuf,
    /// What makes the system's bundle anew after a change there.
    pub update_command: Vec<String>,
    /// Home directories whose browsers are to trust the root.
    pub homes: Vec<PathBuf>,
    /// NSS's tool, of the package `libnss3-tools`.
    pub certutil: String,
}

/// What was done with one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// There was nothing to do.
    Unneeded(String),
    /// It was not done; says why and what to do.
    Failed(String),
}

/// One store and what was done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub store: String,
    pub outcome: Outcome,
}

/// What was and what was not done. Its `Display` is meant for the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub steps: Vec<Step>,
}

impl Report {
    /// True when no step failed.
    pub fn is_complete(&self) -> bool {
        !self.steps.iter().any(|step| matches!(step.outcome, Outcome::Failed(_)))
    }

    fn add(&mut self, store: impl Into<String>, outcome: Outcome) {
        self.steps.push(Step { store: store.into(), outcome });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            match &step.outcome {
                Outcome::Done => writeln!(f, "done      {}", step.store)?,
                Outcome::Unneeded(why) => writeln!(f, "not needed {}: {why}", step.store)?,
                Outcome::Failed(why) => writeln!(f, "NOT DONE  {}: {why}", step.store)?,
            }
        }
        Ok(())
    }
}

const FILE: &str = "storeward-development-ca.crt";
const NICKNAME: &str = "Storeward development CA";

impl TrustStores {
    /// The stores of this machine: the system's, and the browsers' of whoever runs the command (also under sudo).
    pub fn of_this_machine() -> Self {
        let home = std::env::var_os("SUDO_USER")
            .and_then(|user| home_of(&user))
            .or_else(|| std::env::var_os("HOME").map(PathBuf::from));
        TrustStores {
            system_dir: PathBuf::from("/usr/local/share/ca-certificates"),
            update_command: vec!["update-ca-certificates".to_owned()],
            homes: home.into_iter().collect(),
            certutil: "certutil".to_owned(),
        }
    }

    /// Trusts the root everywhere it can be. Doing it twice is as good as once; an older root of ours is replaced.
    pub fn install(&self, root_pem: &str) -> Report {
        let mut report = Report::default();
        report.add(self.system_name(), self.install_system(root_pem));
        self.each_nss(&mut report, |db| self.install_nss(db, root_pem));
        report
    }

    /// Undoes [`TrustStores::install`].
    pub fn uninstall(&self) -> Report {
        let mut report = Report::default();
        report.add(self.system_name(), self.uninstall_system());
        self.each_nss(&mut report, |db| match self.certutil(db, &["-D", "-n", NICKNAME]) {
            Ok(()) => Outcome::Done,
            Err(_) if !self.nss_holds(db) => Outcome::Unneeded("the root is not there".to_owned()),
            Err(e) => Outcome::Failed(e),
        });
        report
    }

    fn system_name(&self) -> String {
        format!("system ({})", self.system_dir.display())
    }

    fn install_system(&self, root_pem: &str) -> Outcome {
        let path = self.system_dir.join(FILE);
        if fs::read_to_string(&path).is_ok_and(|old| old == root_pem) {
            return Outcome::Unneeded("the root is there already".to_owned());
        }
        // World-readable: it is a public certificate, and programs of all users verify with it.
        let put = fs::write(&path, root_pem)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o644)));
        match put {
            Ok(()) => self.update_system(),
            Err(e) => Outcome::Failed(advise(&path, &e)),
        }
    }

    fn uninstall_system(&self) -> Outcome {
        let path = self.system_dir.join(FILE);
        match fs::remove_file(&path) {
            Ok(()) => self.update_system(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                Outcome::Unneeded("the root is not there".to_owned())
            }
            Err(e) => Outcome::Failed(advise(&path, &e)),
        }
    }

    fn update_system(&self) -> Outcome {
        let Some((program, arguments)) = self.update_command.split_first() else { return Outcome::Done };
        match run(Command::new(program).args(arguments), "") {
            Ok(()) => Outcome::Done,
            Err(e) => Outcome::Failed(format!("the file is in place, but {e}; run `{program}` as root")),
        }
    }

    fn each_nss(&self, report: &mut Report, act: impl Fn(&Path) -> Outcome) {
        let has_certutil = Command::new(&self.certutil).arg("-H").output().is_ok();
        for home in &self.homes {
            for db in nss_databases(home) {
                let name = format!("browsers ({})", db.display());
                if has_certutil {
                    report.add(name, act(&db));
                } else {
                    let why = "certutil is missing: apt-get install libnss3-tools, then run this again";
                    report.add(name, Outcome::Failed(why.to_owned()));
                }
            }
        }
        if self.homes.is_empty() {
            report.add("browsers", Outcome::Failed("no home directory is known: set HOME".to_owned()));
        }
    }

    fn install_nss(&self, db: &Path, root_pem: &str) -> Outcome {
        // Chromium reads this one, but makes it only when asked to; Firefox makes its own.
        if !db.join("cert9.db").exists() {
            let mut make_dir = Command::new("mkdir");
            let made = run(as_owner(make_dir.args(["-p", "-m", "700", "--"]).arg(db), db), "")
                .and_then(|()| self.certutil(db, &["-N", "--empty-password"]));
            if let Err(e) = made {
                return Outcome::Failed(e);
            }
        }
        if self.nss_holds(db)
            && let Err(e) = self.certutil(db, &["-D", "-n", NICKNAME])
        {
            return Outcome::Failed(format!("the older root cannot be taken out: {e}"));
        }
        match self.certutil_with(db, &["-A", "-a", "-t", "C,,", "-n", NICKNAME], root_pem) {
            Ok(()) => Outcome::Done,
            Err(e) => Outcome::Failed(e),
        }
    }

    fn nss_holds(&self, db: &Path) -> bool {
        self.certutil(db, &["-L", "-n", NICKNAME]).is_ok()
    }

    fn certutil(&self, db: &Path, arguments: &[&str]) -> Result<(), String> {
        self.certutil_with(db, arguments, "")
    }

    fn certutil_with(&self, db: &Path, arguments: &[&str], input: &str) -> Result<(), String> {
        let mut command = Command::new(&self.certutil);
        command.args(arguments).arg("-d").arg(format!("sql:{}", db.display()));
        run(as_owner(&mut command, db), input)
    }
}

/// Under sudo, runs as the owner of `path` or of the nearest directory above it: a file of root's in a browser's
/// database would lock the browser out, and root must not follow links that another user laid.
fn as_owner<'a>(command: &'a mut Command, path: &Path) -> &'a mut Command {
    let owner = path.ancestors().find_map(|p| fs::metadata(p).ok());
    match owner {
        Some(owner) if rustix::process::geteuid().is_root() && owner.uid() != 0 => {
            command.uid(owner.uid()).gid(owner.gid())
        }
        _ => command,
    }
}

/// Chromium's database, and one for each profile of Firefox.
fn nss_databases(home: &Path) -> Vec<PathBuf> {
    let mut found = vec![home.join(".pki/nssdb")];
    for profiles in [".mozilla/firefox", "snap/firefox/common/.mozilla/firefox"] {
        let Ok(entries) = fs::read_dir(home.join(profiles)) else { continue };
        let mut databases: Vec<PathBuf> =
            entries.flatten().map(|e| e.path()).filter(|path| path.join("cert9.db").exists()).collect();
        databases.sort();
        found.extend(databases);
    }
    let snap = home.join("snap/chromium/current/.pki/nssdb");
    if snap.exists() {
        found.push(snap);
    }
    found
}

fn home_of(user: &OsStr) -> Option<PathBuf> {
    let user = user.to_str()?;
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    // passwd(5): name, password, uid, gid, comment, home, shell.
    let line = accounts.lines().find(|line| line.split(':').next() == Some(user))?;
    line.split(':').nth(5).map(PathBuf::from)
}

/// Runs to the end; `Err` says what the program said first.
fn run(command: &mut Command, input: &str) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut finish = || {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read its input has a reason that it states itself.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output()
    };
    match finish() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or_default().trim();
            Err(format!("{program} failed ({}): {said}", output.status))
        }
        Err(e) => Err(format!("{program} cannot be run: {e}")),
    }
}

fn advise(path: &Path, error: &std::io::Error) -> String {
    let advice = match error.kind() {
        std::io::ErrorKind::PermissionDenied => "; run this with sudo",
        std::io::ErrorKind::NotFound => "; install the package ca-certificates",
        _ => "",
    };
    format!("{}: {error}{advice}", path.display())
}
