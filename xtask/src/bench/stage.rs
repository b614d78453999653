//! What all contenders share: a folder, a certificate, files, and the upstream that serves them.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::servers::{self, Process};

/// Name and size of the files that the upstream serves. Pages are text, whose bytes an inspection reads; pictures pass, because
/// their first bytes are no text, whatever their name says.
pub const FILES: [(&str, usize); 4] =
    [("1k.html", 1024), ("64k.html", 65_536), ("64k.jpg", 65_536), ("1m.jpg", 1_048_576)];

/// A line of a page, with figures in it as a shop has them.
const LINE: &str =
    "<li><a href=\"/product/peat-mug\">Peat mug</a> <b>18.50</b> order 100231, 24 November 2026</li>\n";

pub struct Stage {
    pub folder: PathBuf,
    pub binary: PathBuf,
    pub upstream_port: u16,
    _upstream: Process,
}

impl Stage {
    pub fn set(binary: PathBuf) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("storeward-bench-{}", std::process::id()));
        let files = folder.join("files");
        fs::create_dir_all(&files).map_err(|e| format!("{}: {e}", files.display()))?;
        // nginx's worker runs as another user when the bench runs as root, and has to walk through.
        for path in [&folder, &files] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|e| e.to_string())?;
        }
        for (name, bytes) in FILES {
            let content = if name.ends_with(".jpg") { picture(bytes) } else { page(bytes) };
            fs::write(files.join(name), content).map_err(|e| format!("{name}: {e}"))?;
        }
        certificate(&folder)?;
        let upstream_port = free_port()?;
        let upstream = servers::start_upstream(&folder, upstream_port)?;
        Ok(Stage { folder, binary, upstream_port, _upstream: upstream })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A folder that stays behind in the temporary directory is no reason to fail.
        let _stays = fs::remove_dir_all(&self.folder);
    }
}

fn page(bytes: usize) -> Vec<u8> {
    LINE.bytes().cycle().take(bytes).collect()
}

/// Begins as a JPEG does, and goes on as compressed data looks: every byte as likely (xorshift).
fn picture(bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let noise = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    [0xFF, 0xD8, 0xFF, 0xE0].into_iter().chain(noise.flatten()).take(bytes).collect()
}

fn certificate(folder: &Path) -> Result<(), String> {
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 7 -subj /CN=localhost -addext \
                 subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out certificate.pem";
    run(Command::new("openssl").args(words.split_whitespace()).current_dir(folder)).map(drop)
}

/// Runs a program to its end and gives what it printed.
pub fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = command.output().map_err(|e| format!("{name} cannot be called: {e}"))?;
    if !out.status.success() {
        let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        return Err(format!("{name} ended with {}:\n{said}{complained}", out.status));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

pub fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}

/// All of them, or how to get the missing ones.
pub fn want_programs(names: &[&str]) -> Result<(), String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders: Vec<&str> = path.split(':').chain(["/usr/sbin", "/sbin"]).collect();
    let missing: Vec<&str> = names
        .iter()
        .filter(|name| !folders.iter().any(|f| Path::new(f).join(name).is_file()))
        .copied()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "missing: {}. Debian: apt-get install nginx wrk nghttp2-client openssl python3",
        missing.join(", ")
    ))
}

/// Work that waits on this machine, over the last minute.
pub fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default()
}
