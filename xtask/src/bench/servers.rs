//! The servers under test, each a process tree of its own with one worker.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::stage::{Stage, free_port, run};
use super::{loads, usage};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Nginx,
    NginxAgain,
    /// It writes down each request, as Storeward always does.
    NginxLogging,
    StorewardPlain,
    StorewardInspecting,
    /// With its customers' accounts, one worker a core, and this machine as a proxy that names the clients.
    StorewardSigningIn,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Nginx => "nginx",
            Kind::NginxAgain => "nginx again",
            Kind::NginxLogging => "nginx, access log",
            Kind::StorewardPlain => "storeward, inspect off",
            Kind::StorewardInspecting => "storeward, inspect block",
            Kind::StorewardSigningIn => "storeward, with accounts",
        }
    }
}

/// A server that answers on a port.
pub struct Contender {
    pub kind: Kind,
    pub port: u16,
    process: Process,
}

impl Contender {
    pub fn start(stage: &Stage, kind: Kind) -> Result<Self, String> {
        let port = free_port()?;
        let folder = stage.file(&format!("server-{port}"));
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let process = match kind {
            Kind::Nginx | Kind::NginxAgain => start_nginx(&folder, &proxy_config(stage, port, "off"), port)?,
            Kind::NginxLogging => {
                let log = format!("{}/access.log combined buffer=64k flush=1s", folder.display());
                start_nginx(&folder, &proxy_config(stage, port, &log), port)?
            }
            Kind::StorewardPlain => start_storeward(stage, &folder, port, "off")?,
            Kind::StorewardInspecting => start_storeward(stage, &folder, port, "block")?,
            Kind::StorewardSigningIn => start_signing_in(stage, &folder, port)?,
        };
        Ok(Contender { kind, port, process })
    }

    pub fn tree(&self) -> Vec<u32> {
        usage::tree(self.process.id())
    }

    /// That it is what it claims to be: it serves, and it stops an attack if and only if it inspects.
    pub fn prove(&self, stage: &Stage) -> Result<(), String> {
        let status = |path: &str| loads::status(stage, self.port, path);
        let plain = status("/1k.html")?;
        let attack = status("/1k.html?q=%27%20UNION%20SELECT%20email,password%20FROM%20customers--")?;
        let wanted = if self.kind == Kind::StorewardInspecting { 403 } else { 200 };
        if (plain, attack) == (200, wanted) {
            return Ok(());
        }
        Err(format!(
            "{}: a file gives {plain} and an attack {attack}, not 200 and {wanted}",
            self.kind.name()
        ))
    }
}

/// A child that ends with its owner: asked first, so that it takes its workers along.
pub struct Process(Child);

impl Process {
    fn start(command: &mut Command, log: PathBuf) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let into = fs::File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        let same = into.try_clone().map_err(|e| e.to_string())?;
        let child = command.stdin(Stdio::null()).stdout(into).stderr(same).spawn();
        child.map(Process).map_err(|e| format!("{name} cannot be called: {e}"))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Until it takes connections.
    fn wait_for(&mut self, port: u16, log: &Path) -> Result<(), String> {
        let end = Instant::now() + Duration::from_secs(20);
        let said = || fs::read_to_string(log).unwrap_or_default();
        while Instant::now() < end {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.0.try_wait() {
                return Err(format!("the server ended with {status}:\n{}", said()));
            }
            sleep(Duration::from_millis(20));
        }
        Err(format!("the server took no connection within 20 s:\n{}", said()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = run(Command::new("kill").args(["-TERM", &self.0.id().to_string()]));
        let end = Instant::now() + Duration::from_secs(15);
        while Instant::now() < end {
            if matches!(self.0.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// With room for the idle connections of both sides.
fn with_files(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" \"$@\""]).arg(program);
    command
}

fn start_nginx(folder: &Path, config: &str, port: u16) -> Result<Process, String> {
    let file = folder.join("nginx.conf");
    fs::write(&file, config).map_err(|e| format!("{}: {e}", file.display()))?;
    let log = folder.join("nginx.log");
    let program = if Path::new("/usr/sbin/nginx").is_file() { "/usr/sbin/nginx" } else { "nginx" };
    let mut command = with_files(Path::new(program));
    command.arg("-p").arg(folder).arg("-c").arg(&file).args(["-e", "stderr"]);
    let mut process = Process::start(&mut command, log.clone())?;
    process.wait_for(port, &log)?;
    Ok(process)
}

/// Static files, as fast as nginx gives them.
pub fn start_upstream(stage: &Path, port: u16) -> Result<Process, String> {
    let folder = stage.join("upstream");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let root = stage.join("files");
    let http = format!(
        "sendfile on; tcp_nopush on; open_file_cache max=100 inactive=10m; open_file_cache_valid 10m;\n\
         types {{ text/html html; image/jpeg jpg; }}\n\
         server {{ listen 127.0.0.1:{port}; root {}; }}\n",
        root.display()
    );
    start_nginx(&folder, &nginx_config(&folder, "off", &http), port)
}

/// One worker in the foreground, connections that live as long as the bench.
fn nginx_config(folder: &Path, access_log: &str, http: &str) -> String {
    let places: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {}/{name};\n", folder.display()))
        .collect();
    format!(
        "daemon off;\nworker_processes 1;\nworker_rlimit_nofile 16384;\npid {0}/nginx.pid;\nerror_log stderr warn;\n\
         events {{ worker_connections 8192; multi_accept on; use epoll; }}\n\
         http {{\n{places}access_log {access_log};\nserver_tokens off;\ntcp_nodelay on;\n\
         keepalive_timeout 75s;\nkeepalive_requests 10000000;\n{http}}}\n",
        folder.display()
    )
}

/// As a good administrator would write it: connections to the shop are kept, sessions are cached, and answers go
/// through memory, not through files.
fn proxy_config(stage: &Stage, port: u16, access_log: &str) -> String {
    let http = format!(
        "upstream shop {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 10000000; }}\n\
         server {{\nlisten 127.0.0.1:{port} ssl http2 backlog=4096;\nserver_name localhost;\n\
         ssl_certificate {certificate};\nssl_certificate_key {key};\nssl_protocols TLSv1.2 TLSv1.3;\n\
         ssl_session_cache shared:tls:20m;\nssl_session_timeout 1d;\nssl_session_tickets on;\n\
         http2_max_concurrent_streams 128;\n\
         location / {{\nproxy_pass http://shop;\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";\n\
         proxy_set_header Host $host;\nproxy_set_header X-Forwarded-For $remote_addr;\n\
         proxy_set_header X-Forwarded-Proto $scheme;\n\
         proxy_buffer_size 16k;\nproxy_buffers 16 32k;\nproxy_busy_buffers_size 64k;\nproxy_max_temp_file_size 0;\n\
         }}\n}}\n",
        upstream = stage.upstream_port,
        certificate = stage.file("certificate.pem").display(),
        key = stage.file("key.pem").display(),
    );
    nginx_config(&stage.file(&format!("server-{port}")), access_log, &http)
}

fn start_storeward(stage: &Stage, folder: &Path, port: u16, inspect: &str) -> Result<Process, String> {
    start_configured(stage, folder, port, &storeward_config(stage, port, free_port()?, inspect))
}

/// Letters go nowhere: nobody in this bench has an account.
fn start_signing_in(stage: &Stage, folder: &Path, port: u16) -> Result<Process, String> {
    let config = storeward_config(stage, port, free_port()?, "block")
        .replace("[edge]\nworkers = 1\n", "")
        .replace("[console]\n", "trusted_proxies = [\"127.0.0.1\"]\n[console]\n");
    let accounts = "[mail]\nserver = \"127.0.0.1\"\nport = 9\nsecurity = \"none\"\nfrom = \"service@shop.example\"\n\
                    [identity]\ncustomers = \"risk\"\n";
    start_configured(stage, folder, port, &format!("{config}{accounts}"))
}

fn start_configured(stage: &Stage, folder: &Path, port: u16, config: &str) -> Result<Process, String> {
    let log = folder.join("storeward.log");
    let upstream = format!("http://127.0.0.1:{}", stage.upstream_port);
    let mut init = Command::new(&stage.binary);
    run(init.args(["init", "--domain", "localhost", "--upstream", &upstream, "--dir"]).arg(folder))?;
    let file = folder.join("storeward.toml");
    fs::write(&file, config).map_err(|e| e.to_string())?;
    let mut command = with_files(&stage.binary);
    command.args(["run", "--dir"]).arg(folder);
    let mut process = Process::start(&mut command, log.clone())?;
    process.wait_for(port, &log)?;
    Ok(process)
}

/// The defaults, but for one worker and for limits that hold a single client in check: all load comes from one.
fn storeward_config(stage: &Stage, port: u16, console: u16, inspect: &str) -> String {
    format!(
        "domain = [\"localhost\", \"127.0.0.1\"]\n[listen]\nhttps = \"127.0.0.1:{port}\"\n\
         [console]\nlisten = \"127.0.0.1:{console}\"\n\
         [upstream]\nservers = [\"http://127.0.0.1:{upstream}\"]\nhealth_path = \"/1k.html\"\n\
         [certificates]\nsource = \"files\"\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n\
         [inspect]\nmode = \"{inspect}\"\n[edge]\nworkers = 1\n\
         [limits]\nconnections_per_client = 8192\nstreams_in_connection_life = 10000000\nidle_seconds = 75\n",
        upstream = stage.upstream_port,
        certificate = stage.file("certificate.pem").display(),
        key = stage.file("key.pem").display(),
    )
}
