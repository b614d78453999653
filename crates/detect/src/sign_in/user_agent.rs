//! User agents in the three words that tell people's devices apart: browser, system, kind of device.
//!
//! One pass over the first [`READ_BYTES`] bytes, word by word against fixed words: linear in the length, nothing to
//! back-track. What a browser claims is not proof: iPads ask as Macs, Brave asks as Chrome, and a tool says what it
//! likes. The scorer knows that (`score.rs`); here only the claim is read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Read of a user agent at most; the rest says nothing new.
pub const READ_BYTES: usize = 512;

/// The program, without its version: an update is not a new browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Browser {
    Brave,
    Chrome,
    DuckDuckGo,
    Edge,
    Firefox,
    /// The Google app's own view.
    GoogleApp,
    HuaweiBrowser,
    /// The view inside another app: Facebook, Instagram, TikTok and the like, or a plain Android WebView.
    InApp,
    InternetExplorer,
    MiBrowser,
    Opera,
    QqBrowser,
    Safari,
    SamsungInternet,
    Silk,
    UcBrowser,
    Vivaldi,
    Yandex,
    /// A browser driven by a program and saying so.
    Automated,
    /// A crawler that names itself.
    Bot,
    /// An HTTP library or command-line tool.
    Library,
    Other,
    /// No user agent was sent.
    Absent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    Android,
    Bsd,
    ChromeOs,
    /// A game console's own.
    Console,
    HarmonyOs,
    /// iPhone and iPod.
    Ios,
    IpadOs,
    KaiOs,
    Linux,
    MacOs,
    /// A television's own: Tizen, webOS and the like.
    Television,
    Windows,
    WindowsPhone,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    Desktop,
    Mobile,
    Tablet,
    Television,
    Console,
    /// No person's device: a bot, a library, a driven browser.
    Machine,
    Unknown,
}

/// What a user agent claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserAgent {
    pub browser: Browser,
    /// The first number of the browser's version.
    pub major: Option<u16>,
    pub system: System,
    pub device: Device,
}

impl UserAgent {
    pub fn parse(text: &str) -> Self {
        let seen = Words::read(text);
        let (browser, major) = seen.browser(text);
        let system = seen.system();
        UserAgent { browser, major, system, device: seen.device(browser, system) }
    }
}

impl Browser {
    /// As its maker writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Browser::Brave => "Brave",
            Browser::Chrome => "Chrome",
            Browser::DuckDuckGo => "DuckDuckGo",
            Browser::Edge => "Edge",
            Browser::Firefox => "Firefox",
            Browser::GoogleApp => "Google app",
            Browser::HuaweiBrowser => "Huawei Browser",
            Browser::InApp => "in-app browser",
            Browser::InternetExplorer => "Internet Explorer",
            Browser::MiBrowser => "Mi Browser",
            Browser::Opera => "Opera",
            Browser::QqBrowser => "QQ Browser",
            Browser::Safari => "Safari",
            Browser::SamsungInternet => "Samsung Internet",
            Browser::Silk => "Silk",
            Browser::UcBrowser => "UC Browser",
            Browser::Vivaldi => "Vivaldi",
            Browser::Yandex => "Yandex Browser",
            Browser::Automated => "automated browser",
            Browser::Bot => "bot",
            Browser::Library => "program",
            Browser::Other => "another browser",
            Browser::Absent => "no browser named",
        }
    }

    /// No person sits in front of it, by its own word.
    pub const fn is_machine(self) -> bool {
        matches!(self, Browser::Automated | Browser::Bot | Browser::Library)
    }
}

impl System {
    pub const fn name(self) -> &'static str {
        match self {
            System::Android => "Android",
            System::Bsd => "BSD",
            System::ChromeOs => "ChromeOS",
            System::Console => "a game console",
            System::HarmonyOs => "HarmonyOS",
            System::Ios => "iOS",
            System::IpadOs => "iPadOS",
            System::KaiOs => "KaiOS",
            System::Linux => "Linux",
            System::MacOs => "macOS",
            System::Television => "a television",
            System::Windows => "Windows",
            System::WindowsPhone => "Windows Phone",
            System::Other => "an unknown system",
        }
    }
}

impl Device {
    pub const fn name(self) -> &'static str {
        match self {
            Device::Desktop => "desktop",
            Device::Mobile => "mobile",
            Device::Tablet => "tablet",
            Device::Television => "television",
            Device::Console => "console",
            Device::Machine => "machine",
            Device::Unknown => "unknown",
        }
    }
}

impl fmt::Display for UserAgent {
    /// `Firefox 140 on Windows`: for lists of devices and notices.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.browser.name())?;
        if let Some(major) = self.major {
            write!(f, " {major}")?;
        }
        write!(f, " on {}", self.system.name())
    }
}

/// Which system a word speaks for. In order of precedence: a Windows phone also says Android and iPhone, an iPhone
/// also says Mac, an Android also says Linux.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hint {
    WindowsPhone,
    Console,
    Television,
    KaiOs,
    HarmonyOs,
    IpadOs,
    Ios,
    Android,
    ChromeOs,
    Windows,
    MacOs,
    Bsd,
    Linux,
    // Not a system, but a kind of device.
    Mobile,
    Tablet,
}

const SYSTEMS: [(Hint, System); 13] = [
    (Hint::WindowsPhone, System::WindowsPhone),
    (Hint::Console, System::Console),
    (Hint::Television, System::Television),
    (Hint::KaiOs, System::KaiOs),
    (Hint::HarmonyOs, System::HarmonyOs),
    (Hint::IpadOs, System::IpadOs),
    (Hint::Ios, System::Ios),
    (Hint::Android, System::Android),
    (Hint::ChromeOs, System::ChromeOs),
    (Hint::Windows, System::Windows),
    (Hint::MacOs, System::MacOs),
    (Hint::Bsd, System::Bsd),
    (Hint::Linux, System::Linux),
];

/// What one pass over the words found.
#[derive(Default)]
struct Words {
    hints: u32,
    /// The most telling product word, its rank (lower is more telling) and its version.
    best: Option<(u8, Browser, Option<u16>)>,
    /// `Version/17.5`, where Safari keeps its number.
    version: Option<u16>,
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b';' | b'(' | b')' | b',' | b'/' | b'[' | b']' | b'\t' | b':')
}

impl Words {
    fn read(text: &str) -> Self {
        let bytes = text.as_bytes();
        let bytes = bytes.get(..READ_BYTES).unwrap_or(bytes);
        let mut words = Words::default();
        let mut rest = bytes;
        let mut before: &[u8] = b"";
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| is_separator(*byte)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if !word.is_empty() {
                words.take(before, word, after);
                before = word;
            }
            rest = after.get(1..).unwrap_or_default();
        }
        words
    }

    fn take(&mut self, before: &[u8], word: &[u8], after: &[u8]) {
        if let Some(hint) = hint(before, word) {
            self.hints |= 1 << (hint as u32);
        }
        let major = after.first().filter(|byte| **byte == b'/').and_then(|_| leading_number(after.get(1..)?));
        if word == b"Version" {
            self.version = major;
            return;
        }
        // Internet Explorer writes `MSIE 10.0`; its last version `rv:11.0`.
        let major = if word == b"MSIE" { leading_number(after.get(1..).unwrap_or_default()) } else { major };
        if let Some((rank, browser)) = product(word)
            && self.best.is_none_or(|(best, ..)| rank < best)
        {
            self.best = Some((rank, browser, major));
        }
    }

    fn has(&self, hint: Hint) -> bool {
        self.hints & (1 << (hint as u32)) != 0
    }

    fn browser(&self, text: &str) -> (Browser, Option<u16>) {
        match self.best {
            Some((_, Browser::Safari, _)) => (Browser::Safari, self.version),
            // Android's own view before WebView had a name: `Version/4.0 Mobile Safari`, taken as Safari above.
            Some((_, browser, major)) => (browser, major),
            None if text.trim().is_empty() => (Browser::Absent, None),
            // An app's view on an iPhone names the engine and no browser.
            None if self.has(Hint::Ios) || self.has(Hint::IpadOs) => (Browser::InApp, None),
            None => (Browser::Other, None),
        }
    }

    fn system(&self) -> System {
        let known = SYSTEMS.iter().find(|(hint, _)| self.has(*hint));
        known.map_or(System::Other, |(_, system)| *system)
    }

    fn device(&self, browser: Browser, system: System) -> Device {
        if browser.is_machine() {
            return Device::Machine;
        }
        match system {
            System::Television => Device::Television,
            System::Console => Device::Console,
            System::IpadOs => Device::Tablet,
            System::Ios | System::WindowsPhone | System::KaiOs => Device::Mobile,
            System::Android | System::HarmonyOs if self.has(Hint::Tablet) => Device::Tablet,
            // Android's browsers say Mobile on phones and leave it out on tablets.
            System::Android | System::HarmonyOs if self.has(Hint::Mobile) => Device::Mobile,
            System::Android | System::HarmonyOs => Device::Tablet,
            System::Windows | System::MacOs | System::Linux | System::ChromeOs | System::Bsd => {
                Device::Desktop
            }
            System::Other if self.has(Hint::Tablet) => Device::Tablet,
            System::Other if self.has(Hint::Mobile) => Device::Mobile,
            System::Other => Device::Unknown,
        }
    }
}

/// The number a version begins with; at most five digits.
fn leading_number(text: &[u8]) -> Option<u16> {
    let digits = text.iter().take(5).take_while(|byte| byte.is_ascii_digit());
    let number = digits
        .fold(None, |number: Option<u32>, digit| Some(number.unwrap_or(0) * 10 + u32::from(digit - b'0')))?;
    u16::try_from(number).ok()
}

fn hint(before: &[u8], word: &[u8]) -> Option<Hint> {
    Some(match word {
        b"Phone" if before == b"Windows" => Hint::WindowsPhone,
        b"Xbox" | b"PlayStation" | b"Nintendo" => Hint::Console,
        b"Tizen" | b"Web0S" | b"WebOS" | b"webOS" | b"SMART-TV" | b"SmartTV" | b"AppleTV" | b"BRAVIA"
        | b"CrKey" | b"Roku" | b"HbbTV" | b"GoogleTV" => Hint::Television,
        b"KAIOS" | b"KaiOS" => Hint::KaiOs,
        b"HarmonyOS" | b"OpenHarmony" => Hint::HarmonyOs,
        b"iPad" => Hint::IpadOs,
        b"iPhone" | b"iPod" | b"iOS" => Hint::Ios,
        b"Android" => Hint::Android,
        b"CrOS" => Hint::ChromeOs,
        b"Windows" | b"Win64" | b"WinNT" => Hint::Windows,
        b"Macintosh" | b"macOS" | b"Darwin" => Hint::MacOs,
        b"FreeBSD" | b"OpenBSD" | b"NetBSD" => Hint::Bsd,
        b"Linux" | b"X11" | b"Ubuntu" | b"Fedora" => Hint::Linux,
        b"Mobile" => Hint::Mobile,
        b"Tablet" | b"Kindle" => Hint::Tablet,
        _ => return None,
    })
}

/// What program a word names, and how telling that is: nearly everybody also says Safari, many say Chrome.
fn product(word: &[u8]) -> Option<(u8, Browser)> {
    if is_bot(word) {
        return Some((0, Browser::Bot));
    }
    Some(match word {
        b"curl" | b"Wget" | b"python-requests" | b"Python-urllib" | b"python-httpx" | b"aiohttp"
        | b"Go-http-client" | b"okhttp" | b"Java" | b"Apache-HttpClient" | b"axios" | b"node-fetch"
        | b"undici" | b"node" | b"PostmanRuntime" | b"insomnia" | b"libwww-perl" | b"GuzzleHttp"
        | b"Dart" | b"reqwest" | b"HTTPie" | b"Ruby" | b"PHP" | b"CFNetwork" => (1, Browser::Library),
        b"HeadlessChrome" | b"PhantomJS" | b"Electron" | b"Selenium" => (1, Browser::Automated),
        b"Edg" | b"EdgA" | b"EdgiOS" | b"Edge" => (2, Browser::Edge),
        b"OPR" | b"OPT" | b"OPX" | b"OPiOS" | b"Opera" => (2, Browser::Opera),
        b"SamsungBrowser" => (2, Browser::SamsungInternet),
        b"YaBrowser" => (2, Browser::Yandex),
        b"Vivaldi" => (2, Browser::Vivaldi),
        b"Brave" => (2, Browser::Brave),
        b"DuckDuckGo" | b"Ddg" => (2, Browser::DuckDuckGo),
        b"UCBrowser" | b"UBrowser" | b"UCWEB" => (2, Browser::UcBrowser),
        b"HuaweiBrowser" => (2, Browser::HuaweiBrowser),
        b"MiuiBrowser" => (2, Browser::MiBrowser),
        b"MQQBrowser" | b"QQBrowser" => (2, Browser::QqBrowser),
        b"Silk" => (2, Browser::Silk),
        b"GSA" => (3, Browser::GoogleApp),
        b"FBAN" | b"FBAV" | b"FB_IAB" | b"Instagram" | b"musical_ly" | b"trill" | b"BytedanceWebview"
        | b"TikTok" | b"Snapchat" | b"Pinterest" | b"MicroMessenger" | b"Line" | b"LinkedInApp"
        | b"Twitter" | b"wv" => (3, Browser::InApp),
        b"CriOS" => (4, Browser::Chrome),
        b"FxiOS" | b"Focus" | b"Klar" => (4, Browser::Firefox),
        b"Firefox" => (5, Browser::Firefox),
        b"Chrome" | b"Chromium" => (6, Browser::Chrome),
        b"MSIE" | b"Trident" => (7, Browser::InternetExplorer),
        b"Safari" => (8, Browser::Safari),
        _ => return None,
    })
}

/// Crawlers name themselves `Googlebot`, `bingbot`, `YandexBot`, `Baiduspider`, `GPTBot`, and so on.
fn is_bot(word: &[u8]) -> bool {
    let ends = |ending: &[u8]| {
        word.len()
            .checked_sub(ending.len())
            .and_then(|at| word.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(ending))
    };
    // A phone's maker is called Cubot.
    (ends(b"bot") && !word.eq_ignore_ascii_case(b"cubot"))
        || ends(b"spider")
        || ends(b"crawler")
        || matches!(word, b"facebookexternalhit" | b"Bytespider" | b"ia_archiver" | b"Slurp")
}
