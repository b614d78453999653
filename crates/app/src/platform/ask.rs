//! Asks the shop a few ordinary questions: eight requests at most, 64 KiB of each answer, five seconds in all.

use std::path::Path;
use std::time::Duration;

use storeward_base::Timestamp;
use storeward_outbound::{AllowList, Client, Destination, Limits, Options, OutboundError, Reply, Request};

use super::{Found, Probe};

const ALL: Duration = Duration::from_secs(5);
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    head: Duration::from_secs(5),
    body: Duration::from_secs(5),
    body_bytes: 64 * 1024,
};

/// The paths to ask, each for the platform that answers there in a way of its own. The home page alone tells most.
const PATHS: [&str; 7] =
    ["/", "/wp-json/", "/magento_version", "/store-api/context", "/store/products", SHOP_API, "/catalogue/"];

/// Vendure's GraphQL: asked for the name of the active channel, which every visitor may know.
const SHOP_API: &str = "/shop-api";
const CHANNEL_QUERY: &str = r#"{"query":"{ activeChannel { code } }"}"#;

/// Asks a shop and reads its answers; silence where it does not answer, or the URL cannot be used. The roots in `ca_file`
/// (PEM) are trusted beside the system's. Blocks for up to five seconds: not for a thread that serves.
pub fn ask(upstream: &str, ca_file: Option<&Path>) -> Found {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let found = runtime.block_on(probe(upstream, ca_file)).unwrap_or_default();
            // A resolver that hangs must not hold up the end.
            runtime.shutdown_background();
            Found::of(&found.probes, found.clock)
        }
        Err(_) => Found::silent(),
    }
}

/// What came back within the time.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub probes: Vec<Probe>,
    pub clock: Option<Timestamp>,
}

/// Asks all paths at once, as a browser that opens one page does, and takes what is there when time is up. The upstream
/// is the one destination listed, as internal: the operator named it.
pub(super) async fn probe(upstream: &str, ca_file: Option<&Path>) -> Result<Answers, OutboundError> {
    let base = Destination::of_url(upstream)?.to_string();
    let mut options = Options::default().limits(LIMITS);
    if let Some(pem) = ca_file.and_then(|path| std::fs::read(path).ok()) {
        options = options.trust_pem(&pem)?;
    }
    let client = Client::new(AllowList::new().internal(&base)?, options)?;
    let mut asking = tokio::task::JoinSet::new();
    for (place, path) in PATHS.into_iter().enumerate() {
        let (client, base) = (client.clone(), base.clone());
        asking.spawn(async move { Some((place, path, ask_one(&client, &base, path).await.ok()?)) });
    }
    let mut replies = Vec::new();
    // Time that runs out keeps what has come.
    let _ = tokio::time::timeout(ALL, async {
        while let Some(done) = asking.join_next().await {
            replies.extend(done.ok().flatten());
        }
    })
    .await;
    replies.sort_by_key(|(place, ..)| *place);
    let clock = replies.iter().find_map(|(.., reply)| reply.date());
    let probes = replies.into_iter().map(|(_, path, reply)| probe_of(path, &reply)).collect();
    Ok(Answers { probes, clock })
}

async fn ask_one(client: &Client, base: &str, path: &str) -> Result<Reply, OutboundError> {
    let url = format!("{base}{path}");
    let request = if path == SHOP_API {
        Request::post(&url, "application/json", CHANNEL_QUERY)?
    } else {
        Request::get(&url)?.header("accept", "text/html, application/json;q=0.9, */*;q=0.5")?
    };
    let first = client.send(outfit(request)?).await?;
    // A shop with its start page elsewhere, such as /en/: one step, and only within the shop.
    match first
        .header("location")
        .filter(|_| path == "/" && first.status.is_redirection())
        .and_then(next_path)
    {
        Some(next) => {
            let second = client.send(outfit(Request::get(&format!("{base}{next}"))?)?).await;
            Ok(second.unwrap_or(first))
        }
        None => Ok(first),
    }
}

/// Says that the visitor came by https, so that the shop does not send us there.
fn outfit(request: Request) -> Result<Request, OutboundError> {
    Ok(request.header("x-forwarded-proto", "https")?.cut_body())
}

/// The path a redirect leads to, whatever host it names (we ask the same shop in any case); none for the start page
/// itself, which would only lead around.
fn next_path(location: &str) -> Option<String> {
    let uri: http::Uri = location.parse().ok()?;
    let path = uri.path_and_query()?.as_str();
    (path.starts_with('/') && path != "/").then(|| path.to_owned())
}

fn probe_of(path: &'static str, reply: &Reply) -> Probe {
    Probe {
        path,
        status: reply.status.as_u16(),
        headers: reply.headers.clone(),
        body_start: String::from_utf8_lossy(&reply.body).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Platform;
    use storeward_outbound::recorder::{Answer, Recorder};

    #[test]
    fn a_shop_is_asked_and_known() {
        let shop = Recorder::start().unwrap();
        shop.answer_otherwise(Answer::new(404, "<h1>Not found</h1>"));
        let home = "<title>Home – Kiln</title><meta name=generator content='WooCommerce 9.4.2'>\
                    <meta name=theme-color content='#7b2d26'>";
        shop.answer_at("/", Answer::new(302, "").header("location", "https://kiln.example/en/"));
        shop.answer_at("/en/", Answer::new(200, home).header("date", "Tue, 24 Nov 2026 17:38:00 GMT"));
        let found = ask(&shop.url(), None);
        assert_eq!((found.platform, found.answered), (Platform::WooCommerce, true));
        assert_eq!(found.look.name.as_deref(), Some("Kiln"));
        assert_eq!(found.look.colour.as_deref(), Some("#7b2d26"));
        assert!(found.clock.is_some());
        let requests = shop.requests();
        assert_eq!(requests.len(), PATHS.len() + 1, "eight at most");
        let posted = requests.iter().find(|r| r.method == "POST").unwrap();
        assert_eq!((posted.target.as_str(), &posted.body[..]), ("/shop-api", CHANNEL_QUERY.as_bytes()));
        assert!(requests.iter().all(|r| r.header("x-forwarded-proto") == Some("https")));
    }

    #[test]
    fn silence_and_nonsense() {
        let gone = Recorder::start().unwrap().url();
        for url in
            [gone.as_str(), "", "ftp://shop", "http://", "not a url", "http://169.254.169.254.nip:99999"]
        {
            let found = ask(url, None);
            assert_eq!((found.answered, found.platform), (false, Platform::Unknown), "{url}");
        }
    }

    #[test]
    fn a_large_page_is_cut() {
        let shop = Recorder::start().unwrap();
        let head = "<meta name=generator content='PrestaShop'>".to_owned();
        shop.answer_otherwise(Answer::new(200, head + &"<p>".repeat(100_000)));
        assert_eq!(ask(&shop.url(), None).platform, Platform::PrestaShop);
    }

    #[test]
    fn redirects_stay_in_the_shop() {
        let check = |location: &str, expected: Option<&str>| {
            assert_eq!(next_path(location).as_deref(), expected, "{location}")
        };
        check("/en/", Some("/en/"));
        check("https://shop.example/en/?a=b", Some("/en/?a=b"));
        check("http://169.254.169.254/latest/meta-data/", Some("/latest/meta-data/"));
        check("https://shop.example/", None);
        check("https://shop.example", None);
        check("en/", None);
        check("a b", None);
    }
}
