//! User agents in the shapes that browsers, apps, tools and liars send.

use proptest::prelude::*;
use storeward_detect::sign_in::{Browser, Device, READ_BYTES, System, UserAgent};

const KHTML: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";
const MAC_KHTML: &str = "AppleWebKit/605.1.15 (KHTML, like Gecko)";

#[track_caller]
fn check(text: &str, browser: Browser, major: impl Into<Option<u16>>, system: System, device: Device) {
    let expected = UserAgent { browser, major: major.into(), system, device };
    assert_eq!(UserAgent::parse(text), expected, "{text}");
}

#[test]
fn desktops_with_windows() {
    let windows = format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML}");
    for (text, browser, major, system) in [
        (format!("{windows} Chrome/142.0.0.0 Safari/537.36"), Browser::Chrome, 142, System::Windows),
        (
            format!("{windows} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.3595.53"),
            Browser::Edge,
            142,
            System::Windows,
        ),
        (
            format!("{windows} Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763"),
            Browser::Edge,
            18,
            System::Windows,
        ),
        (
            format!("{windows} Chrome/140.0.0.0 Safari/537.36 OPR/124.0.0.0"),
            Browser::Opera,
            124,
            System::Windows,
        ),
        (
            format!("{windows} Chrome/138.0.0.0 Safari/537.36 Vivaldi/7.5.3735.54"),
            Browser::Vivaldi,
            7,
            System::Windows,
        ),
        (
            format!("{windows} Chrome/138.0.0.0 YaBrowser/25.8.0.0 Safari/537.36"),
            Browser::Yandex,
            25,
            System::Windows,
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0".into(),
            Browser::Firefox,
            145,
            System::Windows,
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko".into(),
            Browser::InternetExplorer,
            7,
            System::Windows,
        ),
        (
            "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)".into(),
            Browser::InternetExplorer,
            10,
            System::Windows,
        ),
        (
            "Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18".into(),
            Browser::Opera,
            9,
            System::Windows,
        ),
    ] {
        check(&text, browser, major, system, Device::Desktop);
    }
}

#[test]
fn other_desktops() {
    let mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)";
    for (text, browser, major, system) in [
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into(),
            Browser::Firefox,
            140,
            System::Linux,
        ),
        (
            "Mozilla/5.0 (X11; FreeBSD amd64; rv:128.0) Gecko/20100101 Firefox/128.0".into(),
            Browser::Firefox,
            128,
            System::Bsd,
        ),
        (
            format!("Mozilla/5.0 (X11; Linux x86_64) {KHTML} Chrome/141.0.0.0 Safari/537.36"),
            Browser::Chrome,
            141,
            System::Linux,
        ),
        (
            format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {KHTML} Chrome/141.0.0.0 Safari/537.36"),
            Browser::Chrome,
            141,
            System::ChromeOs,
        ),
        (format!("{mac} {MAC_KHTML} Version/18.6 Safari/605.1.15"), Browser::Safari, 18, System::MacOs),
        (format!("{mac} {KHTML} Chrome/142.0.0.0 Safari/537.36"), Browser::Chrome, 142, System::MacOs),
        (
            format!("{mac} {MAC_KHTML} Version/17.5 Safari/605.1.15 Ddg/17.5"),
            Browser::DuckDuckGo,
            17,
            System::MacOs,
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:144.0) Gecko/20100101 Firefox/144.0".into(),
            Browser::Firefox,
            144,
            System::MacOs,
        ),
    ] {
        check(&text, browser, major, system, Device::Desktop);
    }
}

#[test]
fn phones() {
    let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X)";
    let android = format!("Mozilla/5.0 (Linux; Android 10; K) {KHTML}");
    let view = format!(
        "Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A.231005.007; wv) {KHTML} Version/4.0 Chrome/141.0.7390.122 Mobile Safari/537.36"
    );
    for (text, browser, major, system) in [
        (format!("{iphone} {MAC_KHTML} Version/18.6 Mobile/15E148 Safari/604.1"), Browser::Safari, 18, System::Ios),
        (format!("{iphone} {MAC_KHTML} CriOS/142.0.7444.46 Mobile/15E148 Safari/604.1"), Browser::Chrome, 142, System::Ios),
        (format!("{iphone} {MAC_KHTML} FxiOS/144.0 Mobile/15E148 Safari/605.1.15"), Browser::Firefox, 144, System::Ios),
        (format!("{iphone} {MAC_KHTML} Version/18.0 EdgiOS/141.0.3537.71 Mobile/15E148 Safari/604.1"), Browser::Edge, 141, System::Ios),
        (format!("{iphone} {MAC_KHTML} GSA/391.0.813 Mobile/15E148 Safari/604.1"), Browser::GoogleApp, 391, System::Ios),
        (format!("{iphone} {MAC_KHTML} Version/18.6 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15"), Browser::DuckDuckGo, 7, System::Ios),
        (format!("{android} Chrome/142.0.0.0 Mobile Safari/537.36"), Browser::Chrome, 142, System::Android),
        (format!("{android} Chrome/141.0.0.0 Mobile Safari/537.36 EdgA/141.0.0.0"), Browser::Edge, 141, System::Android),
        (format!("{android} Chrome/130.0.0.0 Mobile Safari/537.36 OPR/87.0.0.0"), Browser::Opera, 87, System::Android),
        (format!("{android} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"), Browser::SamsungInternet, 28, System::Android),
        (
            format!("Mozilla/5.0 (Linux; U; Android 13; en-us; 22101320G Build/TKQ1) {KHTML} Version/4.0 Chrome/109.0.5414.118 Mobile Safari/537.36 XiaoMi/MiuiBrowser/14.22.0-gn"),
            Browser::MiBrowser,
            14,
            System::Android,
        ),
        (
            format!("Mozilla/5.0 (Linux; Android 12; HarmonyOS; NOH-AN00) {KHTML} Chrome/99.0.4844.88 HuaweiBrowser/15.0.4.312 Mobile Safari/537.36"),
            Browser::HuaweiBrowser,
            15,
            System::HarmonyOs,
        ),
        (
            format!("Mozilla/5.0 (Linux; U; Android 9; en-US; Redmi 8) {KHTML} Version/4.0 Chrome/78.0.3904.108 UCBrowser/13.4.0.1306 Mobile Safari/537.36"),
            Browser::UcBrowser,
            13,
            System::Android,
        ),
        ("Mozilla/5.0 (Android 14; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0".into(), Browser::Firefox, 145, System::Android),
        (
            "Mozilla/5.0 (Mobile; Nokia_2720_Flip; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5.2".into(),
            Browser::Firefox,
            48,
            System::KaiOs,
        ),
        (
            "Mozilla/5.0 (Mobile; Windows Phone 8.1; Android 4.0; ARM; Trident/7.0; Touch; rv:11.0; IEMobile/11.0; NOKIA; Lumia 520) like iPhone OS 7_0_3 Mac OS X AppleWebKit/537 (KHTML, like Gecko) Mobile Safari/537".into(),
            Browser::InternetExplorer,
            7,
            System::WindowsPhone,
        ),
    ] {
        check(&text, browser, major, system, Device::Mobile);
    }
    // A phone of the make Cubot is no bot.
    let cubot =
        format!("Mozilla/5.0 (Linux; Android 11; CUBOT X30) {KHTML} Chrome/120.0.0.0 Mobile Safari/537.36");
    check(&cubot, Browser::Chrome, 120, System::Android, Device::Mobile);
    check(&view, Browser::InApp, None, System::Android, Device::Mobile);
    for app in [
        "Mobile/15E148 [FBAN/FBIOS;FBAV/529.0.0.40.109;FBDV/iPhone15,2]",
        "Mobile/15E148 Instagram 391.0.0.24.89 (iPhone15,2; iOS 18_6; de_DE; de; scale=3.00)",
        "Mobile/15E148 musical_ly_40.1.0 BytedanceWebview/d8a21c6",
        "Mobile/15E148 MicroMessenger/8.0.50(0x18003236) NetType/WIFI",
        "Mobile/15E148",
    ] {
        let read = UserAgent::parse(&format!("{iphone} {MAC_KHTML} {app}"));
        assert_eq!(
            (read.browser, read.system, read.device),
            (Browser::InApp, System::Ios, Device::Mobile),
            "{app}"
        );
    }
}

#[test]
fn tablets_televisions_and_consoles() {
    for (text, browser, major, system, device) in [
        (
            "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
            Browser::Safari,
            17,
            System::IpadOs,
            Device::Tablet,
        ),
        (
            "Mozilla/5.0 (Linux; Android 13; SM-X906C) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
            Browser::Chrome,
            141,
            System::Android,
            Device::Tablet,
        ),
        (
            "Mozilla/5.0 (Android 13; Tablet; rv:140.0) Gecko/140.0 Firefox/140.0",
            Browser::Firefox,
            140,
            System::Android,
            Device::Tablet,
        ),
        (
            "Mozilla/5.0 (Linux; Android 11; KFTRWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/120.3.1 like Chrome/120.0.6099.230 Safari/537.36",
            Browser::Silk,
            120,
            System::Android,
            Device::Tablet,
        ),
        (
            "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.5) AppleWebKit/537.36 (KHTML, like Gecko) 85.0.4183.93/6.5 TV Safari/537.36",
            Browser::Safari,
            0,
            System::Television,
            Device::Television,
        ),
        (
            "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 Safari/537.36 WebAppManager",
            Browser::Chrome,
            94,
            System::Television,
            Device::Television,
        ),
        (
            "Mozilla/5.0 (PlayStation; PlayStation 5/9.00) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.0 Safari/605.1.15",
            Browser::Safari,
            16,
            System::Console,
            Device::Console,
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edge/44.18363.8131",
            Browser::Edge,
            44,
            System::Console,
            Device::Console,
        ),
    ] {
        check(text, browser, (major > 0).then_some(major), system, device);
    }
}

#[test]
fn machines_that_say_so() {
    for (text, browser) in [
        ("curl/8.5.0", Browser::Library),
        ("Wget/1.21.4", Browser::Library),
        ("python-requests/2.32.3", Browser::Library),
        ("Python-urllib/3.12", Browser::Library),
        ("Go-http-client/2.0", Browser::Library),
        ("okhttp/4.12.0", Browser::Library),
        ("axios/1.7.9", Browser::Library),
        ("PostmanRuntime/7.43.0", Browser::Library),
        ("Java/17.0.9", Browser::Library),
        ("Shop/4.1 CFNetwork/1568.200.51 Darwin/24.1.0", Browser::Library),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36",
            Browser::Automated,
        ),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Browser::Bot),
        (
            "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            Browser::Bot,
        ),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", Browser::Bot),
        ("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", Browser::Bot),
        ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", Browser::Bot),
    ] {
        let read = UserAgent::parse(text);
        assert_eq!((read.browser, read.device), (browser, Device::Machine), "{text}");
        assert!(read.browser.is_machine());
    }
}

#[test]
fn nothing_and_nonsense() {
    for text in ["", "   "] {
        check(text, Browser::Absent, None, System::Other, Device::Unknown);
    }
    for text in ["Mozilla/5.0", "-", "' OR 1=1 --", "()()();;;///", "Версия/5"] {
        check(text, Browser::Other, None, System::Other, Device::Unknown);
    }
    // The word must be whole: nothing is found inside another.
    check("NotChrome/1 Edges/2 Androids", Browser::Other, None, System::Other, Device::Unknown);
    check("Firefox/99999999999", Browser::Firefox, None, System::Other, Device::Unknown);
}

#[test]
fn people_read_it() {
    let text = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0";
    assert_eq!(UserAgent::parse(text).to_string(), "Firefox 145 on Windows");
    assert_eq!(UserAgent::parse("").to_string(), "no browser named on an unknown system");
}

proptest! {
    #[test]
    fn any_text_is_read(text in "\\PC{0,700}") {
        UserAgent::parse(&text);
    }

    /// What stands behind the first bytes changes nothing: the work is bounded.
    #[test]
    fn only_the_beginning_is_read(tail in "[ -~]{0,200}") {
        let head = format!("{:<width$}", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", width = READ_BYTES);
        prop_assert_eq!(UserAgent::parse(&head), UserAgent::parse(&format!("{head}{tail}")));
    }
}
