//! `storeward shield`: an adapter for a shop that no file knows, made by signing in there once; and what the test account found.

use std::path::PathBuf;
use std::time::Duration;

use storeward_adapter::CookieLine;
use storeward_adapter::learn::{self, By, CookieSet, Sight, Watched};
use storeward_base::Secret;
use storeward_edge::config::ServerEntry;
use storeward_outbound::{AllowList, Client, Destination, Limits, Options as ClientOptions, Request};

use crate::config::Config;
use crate::failure::{Context, Failure};
use crate::{Directory, Done, data, open};

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    head: Duration::from_secs(20),
    body: Duration::from_secs(20),
    body_bytes: 2 * 1024 * 1024,
};
/// Pages that are looked at after the sign-in.
const PAGES: usize = 12;

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, clap::Subcommand)]
enum Word {
    /// Sign in at the shop once with a test account, past Storeward, and propose an adapter. Nothing is guessed: what is not
    /// plain is told.
    Learn(Learn),
    /// What the test account of [shield.canary] found the last time.
    Status(Directory),
}

#[derive(Debug, clap::Args)]
struct Learn {
    #[command(flatten)]
    at: Directory,
    /// The shop's page with the sign-in form.
    #[arg(long, value_name = "PATH")]
    page: String,
    /// The test account's name as it is typed there; best an e-mail address.
    #[arg(long, value_name = "NAME")]
    user: String,
    /// A file with its password, mode 0600.
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    /// A page that shows the account's name; may be given several times. Pages that the shop links to are looked at anyway.
    #[arg(long, value_name = "PATH")]
    look: Vec<String>,
    /// Write the adapter to this file in the data directory instead of printing it. It is not used before `[shield]` names it.
    #[arg(long, value_name = "FILE")]
    write: Option<String>,
}

pub fn shield(options: &Options) -> Done {
    match &options.word {
        Word::Learn(learn) => propose(learn),
        Word::Status(at) => match super::last_known(&open::open(&at.dir)?) {
            None => {
                println!("The test account signs in, as far as the ledger knows.");
                Ok(())
            }
            Some((since, says)) => {
                Err(Failure::new(format!("since {since}: {says}")).hint("see docs/shield.md, \"The canary\""))
            }
        },
    }
}

fn propose(options: &Learn) -> Done {
    let loaded = Config::load(&options.at.dir)?;
    let password = storeward_outbound::read_private("--password-file", &options.password_file, 1_024)
        .context("the password")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("a runtime")?;
    let mut watch = Watch::new(&loaded.config, &options.user)?;
    runtime.block_on(watch.sign_in(options, &password))?;
    let name = options.write.as_deref().and_then(|file| file.strip_suffix(".toml")).unwrap_or("own");
    match learn::propose(name, &watch.seen) {
        Ok(proposal) => match &options.write {
            None => {
                print!("{}", proposal.text);
                Ok(())
            }
            Some(file) => {
                let path = loaded_path(options, file)?;
                data::write_atomically(&path, proposal.text.as_bytes())?;
                println!(
                    "Written to {}. Look at it, then set [shield] adapter = \"{file}\".",
                    path.display()
                );
                Ok(())
            }
        },
        Err(doubts) => {
            let told: Vec<String> = doubts.iter().map(|doubt| format!("- {doubt}")).collect();
            Err(Failure::new(format!("not plain enough to propose an adapter:\n{}", told.join("\n")))
                .hint("name further pages with --look, or write the file by hand: docs/shield.md"))
        }
    }
}

fn loaded_path(options: &Learn, file: &str) -> Done<PathBuf> {
    let plain = file.strip_suffix(".toml").is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    });
    let path = options.at.dir.join(file);
    match (plain, path.exists()) {
        (false, _) => Err(Failure::new("--write: use a name such as own-shop.toml")),
        (true, true) => Err(Failure::new(format!("{} is there already", path.display()))),
        (true, false) => Ok(path),
    }
}

/// What was said to the shop, and what it answered.
struct Watch {
    client: Client,
    base: String,
    host: String,
    /// The name that is typed.
    user: String,
    cookies: Vec<(String, String)>,
    seen: Vec<Watched>,
}

impl Watch {
    fn new(config: &Config, user: &str) -> Done<Self> {
        let server = match config.upstream.servers.first() {
            Some(ServerEntry::Url(url) | ServerEntry::Weighted { url, .. }) => url.as_str(),
            None => return Err(Failure::new("upstream.servers names no shop")),
        };
        let base = Destination::of_url(server).context("upstream.servers")?.to_string();
        let mut options = ClientOptions::default().limits(LIMITS);
        if let Some(path) = &config.upstream.ca_file {
            let pem = std::fs::read(path).context(path.display())?;
            options = options.trust_pem(&pem).context("upstream.ca_file")?;
        }
        let allow = AllowList::new().internal(&base).context("upstream.servers")?;
        let client = Client::new(allow, options).context("upstream.servers")?;
        let host = config.domain.list().into_iter().next().unwrap_or_default();
        Ok(Watch { client, base, host, user: user.to_owned(), cookies: Vec::new(), seen: Vec::new() })
    }

    /// The page, the form, what comes after it, and the same places without cookies.
    async fn sign_in(&mut self, options: &Learn, password: &Secret<String>) -> Done {
        let page = self.ask(By::Owner, &options.page, None).await?;
        let filled = learn::fill(&page.body, &page.path, &options.user, password);
        let filled = filled.ok_or_else(|| {
            Failure::new(format!("{} shows no form with one field for a password", options.page))
        })?;
        let mut last = self.ask(By::Owner, &filled.path.clone(), Some(&filled)).await?;
        for _ in 0..3 {
            let Some(path) = last.location.take() else { break };
            last = self.ask(By::Owner, &path, None).await?;
        }
        let mut paths = options.look.clone();
        paths.extend(learn::pages(&last.body, &last.path));
        let mut asked = std::collections::HashSet::new();
        paths.retain(|path| asked.insert(path.clone()));
        for path in paths.iter().take(PAGES) {
            self.ask(By::Owner, path, None).await?;
        }
        for path in learn::to_compare(&self.seen) {
            self.ask(By::Nobody, &path, None).await?;
        }
        Ok(())
    }

    async fn ask(&mut self, by: By, path: &str, form: Option<&learn::Filled>) -> Done<Came> {
        let url = format!("{}{path}", self.base);
        let doing = || format!("the shop at {path}");
        let mut request = match form {
            None => Request::get(&url),
            Some(form) => {
                Request::post(&url, "application/x-www-form-urlencoded", form.body.expose().clone())
            }
        }
        .context(doing())?;
        let origin = format!("https://{}", self.host);
        let referer = format!("{origin}{path}");
        request = request.as_host(&self.host).context(doing())?;
        let lines = [
            ("accept", "text/html,*/*;q=0.8"),
            ("x-forwarded-proto", "https"),
            ("origin", origin.as_str()),
            ("referer", referer.as_str()),
        ];
        for (name, value) in lines.into_iter().filter(|(name, _)| form.is_some() || *name != "origin") {
            request = request.header(name, value).context(doing())?;
        }
        if by == By::Owner && !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", &pairs.join("; ")).context(doing())?;
        }
        let reply = self.client.send(request.cut_body()).await.context(doing())?;
        let lines = reply.headers.get_all("set-cookie").iter();
        let lines: Vec<String> =
            lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
        let mut set = Vec::new();
        for line in lines.iter().filter(|_| by == By::Owner) {
            let Some(cookie) = CookieLine::parse(line) else { continue };
            self.cookies.retain(|(name, _)| name != cookie.name);
            if cookie.is_removal {
                continue;
            }
            self.cookies.push((cookie.name.to_owned(), cookie.value.to_owned()));
            let is_http_only =
                line.split(';').skip(1).any(|part| part.trim().eq_ignore_ascii_case("httponly"));
            set.push(CookieSet { name: cookie.name.to_owned(), is_http_only });
        }
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        let path = path.split('?').next().unwrap_or(path).to_owned();
        let sight = Sight {
            by,
            method: if form.is_some() { "POST" } else { "GET" },
            path: &path,
            fields: form.map(|form| form.fields.as_slice()).unwrap_or_default(),
            status: reply.status.as_u16(),
            location: reply.header("location"),
            cookies: &set,
            body: &body,
            script: None,
        };
        self.seen.push(Watched::new(&sight, &self.user));
        let is_redirect = reply.status.is_redirection();
        let location =
            reply.header("location").filter(|_| is_redirect).and_then(|to| learn::own_path(to, &path));
        Ok(Came { path, body, location })
    }
}

struct Came {
    path: String,
    body: String,
    location: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read, Write};

    use storeward_adapter::cookie_pairs;

    /// A shop whose words are in no file of ours, on a socket of its own: answers so many requests, then ends.
    fn shop() -> (String, std::thread::JoinHandle<()>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            for wire in listener.incoming() {
                let mut reader = BufReader::new(wire.unwrap());
                let (mut first, mut length, mut cookie) = (String::new(), 0, String::new());
                reader.read_line(&mut first).unwrap();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    let Some((name, value)) = line.trim().split_once(": ") else { break };
                    match name.to_ascii_lowercase().as_str() {
                        "content-length" => length = value.parse().unwrap(),
                        "cookie" => value.clone_into(&mut cookie),
                        _ => {}
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                if first.starts_with("GET /stop") {
                    return;
                }
                let answer = answer(&first, &cookie, &String::from_utf8(body).unwrap());
                reader.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        (url, thread)
    }

    fn answer(first: &str, cookie: &str, form: &str) -> String {
        let path = first.split(' ').nth(1).unwrap();
        let is_in = cookie_pairs(cookie).any(|(name, value)| name == "besuch" && value == "drin");
        let say = |status: &str, more: &str, body: &str| {
            let length = body.len();
            format!(
                "HTTP/1.1 {status}\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n{body}"
            )
        };
        match path {
            "/eintritt"
                if first.starts_with("POST")
                    && form == "siegel=9&kennung=mira%40people.example&losung=grau" =>
            {
                say(
                    "302 Found",
                    "set-cookie: besuch=drin; HttpOnly; Path=/\r\nlocation: https://kiln.example/bereich\r\n",
                    "",
                )
            }
            "/eintritt" => say(
                "200 OK",
                "set-cookie: besuch=neu; HttpOnly; Path=/\r\n",
                "<form method=post action=/eintritt><input type=hidden name=siegel value=9><input name=kennung><input type=password \
                 name=losung></form>",
            ),
            "/bereich" if is_in => {
                say("200 OK", "", "<a href='/bereich/daten'>Daten</a><a href='/abmelden'>Abmelden</a>")
            }
            "/bereich/daten" if is_in => {
                say("200 OK", "", "<input type=email name=adresse value='mira@people.example'>")
            }
            _ => say("302 Found", "location: /eintritt\r\n", ""),
        }
    }

    fn options(dir: &std::path::Path, password: &str) -> Learn {
        use std::os::unix::fs::PermissionsExt;
        let file = dir.join("password");
        std::fs::write(&file, password).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        Learn {
            at: Directory { dir: dir.to_owned() },
            page: "/eintritt".to_owned(),
            user: "mira@people.example".to_owned(),
            password_file: file,
            look: Vec::new(),
            write: Some("own-shop.toml".to_owned()),
        }
    }

    #[test]
    fn a_shop_that_no_file_knows_gets_a_file_and_a_wrong_password_gets_none() {
        let (url, thread) = shop();
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "domain = 'kiln.example'\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = ['{url}']\n"
        );
        std::fs::write(folder.path().join(crate::config::FILE), text).unwrap();
        let refused = propose(&options(folder.path(), "wrong")).unwrap_err().to_string();
        assert!(refused.contains("no page showed the account's name"), "{refused}");
        propose(&options(folder.path(), "grau")).unwrap();
        let text = std::fs::read_to_string(folder.path().join("own-shop.toml")).unwrap();
        let adapter = storeward_adapter::Adapter::parse(&text).unwrap();
        assert_eq!(adapter.name, "own-shop");
        assert_eq!(adapter.cookies.session, ["besuch"]);
        assert_eq!(adapter.signed_in.probe.unwrap().path, "/bereich/daten");
        assert_eq!(adapter.doors[0].password, ["losung"]);
        assert_eq!(adapter.sign_out.unwrap().path, "/abmelden");
        assert!(
            !text.contains("grau") && !text.contains("mira"),
            "nothing of the account stands in the file"
        );
        // What is there is not written over.
        assert!(propose(&options(folder.path(), "grau")).unwrap_err().to_string().contains("already"));
        let mut wire = std::net::TcpStream::connect(url.trim_start_matches("http://")).unwrap();
        wire.write_all(b"GET /stop HTTP/1.1\r\n\r\n").unwrap();
        thread.join().unwrap();
    }
}
