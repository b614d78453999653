//! `storeward breach-list build|check`: the offline list of breached passwords.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write, stderr, stdin};
use std::path::PathBuf;
use std::time::Instant;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use storeward_base::{Clock, Secret, SystemClock};
use storeward_passwords::breach::range::{Seen, TIME_OUT};
use storeward_passwords::breach::{Bits, BreachList, BuildOptions, build};

use crate::failure::{Context, Failure};
use crate::passwords::Service;
use crate::{Directory, Done};

/// Where the list lies in the data directory. The program looks there when it starts.
pub const NAME: &str = "breached-passwords.list";

/// The longest line that is read as a password, and its end.
const MOST_BYTES: u64 = 1_026;

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, clap::Subcommand)]
enum Word {
    /// Build the list from a file of SHA-1 hashes in order, one a line: HASH or HASH:count.
    Build {
        /// The file; - is standard input.
        file: PathBuf,
        /// Write the list there instead of into the data directory.
        #[arg(long, value_name = "PATH")]
        to: Option<PathBuf>,
        /// 16: 2.3 bytes a password, one false alarm in 65,536. 8: half of that, one in 256.
        #[arg(long, value_name = "BITS", default_value = "16", value_parser = ["8", "16"])]
        bits: String,
        /// Leave out passwords that were seen less often.
        #[arg(long, value_name = "N", default_value_t = 1)]
        least_count: u32,
        #[command(flatten)]
        at: Directory,
    },
    /// Look whether a password is in it: typed without echo, or on standard input. Never an argument.
    Check {
        /// Another list than that of the data directory.
        #[arg(long, value_name = "PATH")]
        list: Option<PathBuf>,
        /// Ask a service instead, such as https://api.pwnedpasswords.com. It learns the first five of the forty digits of
        /// the password's SHA-1.
        #[arg(long, value_name = "URL", conflicts_with = "list")]
        ask: Option<String>,
        #[command(flatten)]
        at: Directory,
    },
}

pub fn breach_list(options: &Options) -> Done {
    match &options.word {
        Word::Build { file, to, bits, least_count, at } => {
            let target = to.clone().unwrap_or_else(|| at.dir.join(NAME));
            let bits = if bits == "8" { Bits::Eight } else { Bits::Sixteen };
            let options =
                BuildOptions { bits, least_count: *least_count, ..BuildOptions::new(SystemClock.now()) };
            build_list(file, &target, &options)
        }
        Word::Check { ask: Some(url), .. } => ask_service(url, &read_password()?),
        Word::Check { list, at, .. } => {
            let path = list.clone().unwrap_or_else(|| at.dir.join(NAME));
            let list = BreachList::open(&path).context(path.display())?;
            check_password(&list, &read_password()?)
        }
    }
}

fn build_list(file: &std::path::Path, target: &std::path::Path, options: &BuildOptions) -> Done {
    if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
    {
        return Err(Failure::new(format!("{}: there is no such directory", folder.display()))
            .hint("make the data directory (storeward init), name it with --dir, or a file with --to"));
    }
    let (source, total): (Box<dyn Read>, Option<u64>) = if file.as_os_str() == "-" {
        (Box::new(stdin()), None)
    } else {
        let opened = File::open(file).context(file.display())?;
        let length = opened.metadata().context(file.display())?.len();
        (Box::new(opened), (length > 0).then_some(length))
    };
    let mut bar = Bar::new(total);
    let source = BufReader::with_capacity(1 << 20, source);
    let built = build(source, target, options, |bytes, lines| bar.tell(bytes, lines));
    bar.end();
    let built = built.context(file.display())?;
    println!(
        "{} passwords of {} lines in {} ({:.1} MB); one good password in {:.0} is taken for a breached one",
        built.passwords,
        built.lines,
        target.display(),
        megabytes(built.size_bytes),
        1.0 / options.bits.false_positive_rate(),
    );
    println!(
        "A Storeward that runs goes on with the list that it has, and takes this one at its next start."
    );
    Ok(())
}

fn check_password(list: &BreachList, password: &Secret<String>) -> Done {
    let found = list.contains(password).context("the breach list")?;
    let about = format!("{} passwords, built on {}", list.passwords(), list.built_at());
    if found {
        return Err(Failure::new(format!("this password is in the list ({about})"))
            .hint("choose another, and change it where else you use it"));
    }
    println!("this password is not in the list ({about})");
    Ok(())
}

fn ask_service(url: &str, password: &Secret<String>) -> Done {
    let service = Service::at(url).context(url)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("the runtime")?;
    match runtime.block_on(service.ask(password)) {
        Seen::Times(times) => Err(Failure::new(format!("this password was found in breaches {times} times"))
            .hint("choose another, and change it where else you use it")),
        Seen::Never => {
            println!("the service does not know this password");
            Ok(())
        }
        Seen::Unknown => {
            Err(Failure::new(format!("{url} gave no answer within {} ms", TIME_OUT.as_millis()))
                .hint("try again, or build a list: storeward breach-list build"))
        }
    }
}

/// A line on the terminal that tells how far it is. Nothing where nobody looks.
pub(crate) struct Bar {
    total: Option<u64>,
    start: Instant,
    is_shown: bool,
}

impl Bar {
    pub(crate) fn new(total: Option<u64>) -> Self {
        Bar { total, start: Instant::now(), is_shown: stderr().is_terminal() }
    }

    pub(crate) fn tell(&mut self, bytes: u64, lines: u64) {
        if self.is_shown {
            eprint!("\r\x1b[K{}", bar_text(bytes, lines, self.total, self.start.elapsed().as_secs()));
        }
    }

    pub(crate) fn end(&mut self) {
        if self.is_shown {
            eprintln!();
        }
    }
}

fn bar_text(bytes: u64, lines: u64, total: Option<u64>, seconds: u64) -> String {
    const WIDTH: u64 = 30;
    let Some(total) = total else { return format!("{:.1} MB read, {lines} lines", megabytes(bytes)) };
    let done = bytes.min(total);
    let filled = usize::try_from(done * WIDTH / total.max(1)).unwrap_or_default();
    let bar: String = (0..usize::try_from(WIDTH).unwrap_or_default())
        .map(|at| if at < filled { '#' } else { '.' })
        .collect();
    let percent = done * 100 / total.max(1);
    let left = (seconds > 1 && done > 0).then(|| (total - done).saturating_mul(seconds) / done);
    let left = left.map_or_else(String::new, |left| format!(", {} min {} s left", left / 60, left % 60));
    format!("[{bar}] {percent} %, {lines} lines{left}")
}

fn megabytes(bytes: u64) -> f64 {
    // Below 2^52 bytes exact enough for one digit.
    #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
    let megabytes = bytes as f64 / 1_000_000.0;
    megabytes
}

/// From the terminal without echo, or the first line of standard input.
fn read_password() -> Done<Secret<String>> {
    let bytes = if stdin().is_terminal() {
        eprint!("Password: ");
        stderr().flush().context("the terminal")?;
        let typed = read_typed();
        eprintln!();
        typed?
    } else {
        let mut line = Vec::new();
        stdin().lock().take(MOST_BYTES).read_until(b'\n', &mut line).context("standard input")?;
        while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            line.pop();
        }
        Secret::new(line)
    };
    let text = std::str::from_utf8(bytes.expose()).context("the password")?.to_owned();
    Ok(Secret::new(text))
}

/// What is typed until Enter. The terminal is put back as it was, whatever happens.
fn read_typed() -> Done<Secret<Vec<u8>>> {
    struct Restore(rustix::termios::Termios);
    impl Drop for Restore {
        fn drop(&mut self) {
            // There is nobody left to tell.
            let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.0);
        }
    }
    let before = tcgetattr(stdin()).context("the terminal")?;
    let _restore = Restore(before.clone());
    let mut quiet = before;
    // Ctrl-C is read here as well, so that it cannot end the program before the terminal is itself again.
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    tcsetattr(stdin(), OptionalActions::Flush, &quiet).context("the terminal")?;
    let mut typed = Vec::with_capacity(usize::try_from(MOST_BYTES).unwrap_or_default());
    for byte in stdin().lock().bytes() {
        match byte.context("the terminal")? {
            b'\r' | b'\n' => break,
            3 | 4 => return Err(Failure::new("given up")),
            8 | 127 => {
                // The whole character, whose further bytes begin with the bits 10.
                while typed.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
            }
            other if typed.len() < typed.capacity() => typed.push(other),
            _ => {}
        }
    }
    Ok(Secret::new(typed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_tells_how_far_it_is() {
        let check = |bytes, total, seconds, expected: &str| {
            assert_eq!(bar_text(bytes, 7, total, seconds), expected);
        };
        check(0, Some(100), 0, "[..............................] 0 %, 7 lines");
        check(50, Some(100), 60, "[###############...............] 50 %, 7 lines, 1 min 0 s left");
        check(200, Some(100), 60, "[##############################] 100 %, 7 lines, 0 min 0 s left");
        check(1_500_000, None, 60, "1.5 MB read, 7 lines");
    }

    #[test]
    fn a_list_is_built_and_asked() {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = (dir.path().join("hashes.txt"), dir.path().join(NAME));
        // SHA-1 of "password" and of "iloveyou".
        let lines =
            "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9\nEE8D8728F435FD550F83852AABAB5234CE1DA528:2\n";
        std::fs::write(&source, lines).unwrap();
        let options = BuildOptions::new(SystemClock.now());
        build_list(&source, &target, &options).unwrap();
        let list = BreachList::open(&target).unwrap();
        let check = |text: &str| check_password(&list, &Secret::new(text.to_owned()));
        assert!(check("password").unwrap_err().to_string().contains("is in the list (2 passwords"));
        assert!(check("iloveyou").is_err());
        check("lamp post umbrella tea").unwrap();
    }
}
