//! Time per request for what a shop sees: `cargo run --release -p storeward-inspect --example shopmix`.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use storeward_inspect::{
    BodyEnd, BodyPlan, Engine, HttpVersion, Policy, RequestHead, ResponseHead, Verdict, cards,
};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

struct Case {
    title: &'static str,
    path: &'static str,
    query: Option<&'static str>,
    content_type: &'static str,
    body: Vec<u8>,
}

fn case(title: &'static str, path: &'static str, query: Option<&'static str>) -> Case {
    Case { title, path, query, content_type: "", body: Vec::new() }
}

fn post(title: &'static str, content_type: &'static str, body: String) -> Case {
    Case { title, path: "/api/post", query: None, content_type, body: body.into_bytes() }
}

fn cases() -> Vec<Case> {
    let item =
        r#"{"sku":"LAMP-1001","name":"O'Brien lamp 10W","qty":2,"price":19.99,"options":{"colour":"red"}}"#;
    let webhook = r#"{"id":"ch_3Abc","amount":4498,"currency":"eur","billing":{"name":"Seán O'Casey","city":"Galway"}}"#;
    let review = "The lamp's base is wobbly, otherwise fine; would buy 2 again & again. ";
    vec![
        case("GET /", "/", None),
        case("GET product", "/product/womens-shoes-38", Some("utm_source=news&utm_medium=email")),
        case(
            "GET filter",
            "/c/shoes",
            Some("color=red,blue&size=38-40&price[gte]=10&price[lte]=99&sort=-price&page=2"),
        ),
        case("GET search", "/search", Some("q=rock+%27n%27+roll+t-shirt")),
        post("POST cart JSON", JSON, format!("{{\"items\":[{item}]}}")),
        post("POST login", FORM, "email=jane%40example.com&password=P%40ssw0rd%21&remember=1".to_owned()),
        post("POST checkout 2 KB", JSON, format!("{{\"items\":[{}]}}", vec![item; 20].join(","))),
        post(
            "POST contact 8 KB",
            FORM,
            format!("name=Jane&message={}", review.repeat(115).replace(' ', "+").replace('&', "%26")),
        ),
        post("POST webhook 4 KB", JSON, format!("{{\"data\":[{}]}}", vec![webhook; 40].join(","))),
    ]
}

fn run(engine: &Engine, policy: &Policy, case: &Case) -> Verdict {
    let length = case.body.len().to_string();
    let mut headers = vec![
        (
            "user-agent",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
        ),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
        ("accept-language", "en-GB,en;q=0.9,de;q=0.8"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("sec-ch-ua", "\"Chromium\";v=\"131\", \"Not_A Brand\";v=\"24\""),
        ("sec-fetch-mode", "navigate"),
        ("referer", "https://shop.example/search?q=women%27s+shoes&size=38"),
        (
            "cookie",
            "_ga=GA1.2.1234567890.1700000000; _gid=GA1.2.987654321.1700000000; _fbp=fb.1.1700000000000.1234567890; PHPSESSID=0123456789abcdef0123456789abcdef; cart=eyJjYXJ0IjpbXX0; sbjs_current=typ%3Dorganic%7C%7C%7Csrc%3Dgoogle%7C%7C%7Cmdm%3Dorganic; lang=en; currency=EUR; consent=%7B%22necessary%22%3Atrue%7D; ab=v2",
        ),
    ];
    if !case.body.is_empty() {
        headers.push(("content-type", case.content_type));
        headers.push(("content-length", &length));
    }
    let head = RequestHead {
        method: if case.body.is_empty() { "GET" } else { "POST" },
        path: case.path,
        raw_target: case.path.as_bytes(),
        query: case.query,
        host: "shop.example",
        version: HttpVersion::Http11,
        headers: &headers,
    };
    let mut tx = engine.transaction(policy);
    let verdict = tx.request_head(&head);
    match tx.request_body_plan() {
        BodyPlan::Skip => verdict,
        BodyPlan::Buffer { .. } => tx.request_body(&case.body, BodyEnd::Complete),
    }
}

/// The fastest of several rounds: on a shared machine the others measure the neighbours.
fn fastest(rounds: usize, mut work: impl FnMut()) -> Duration {
    (0..rounds)
        .map(|_| {
            let start = Instant::now();
            (0..100).for_each(|_| work());
            start.elapsed() / 100
        })
        .min()
        .unwrap_or_default()
}

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let engine = Engine::with_own_rules()?;
    println!("{} rules compiled in {:.1?}", engine.rules().len(), start.elapsed());
    let policy = Policy::default();
    let mut sum = Duration::ZERO;
    let cases = cases();
    for case in &cases {
        if run(&engine, &policy, case) != Verdict::Pass {
            return Err(format!("{} does not pass", case.title).into());
        }
        let time = fastest(30, || drop(black_box(run(&engine, &policy, case))));
        sum += time;
        println!("{:>20}  {time:>9.1?}", case.title);
    }
    println!("{:>20}  {:>9.1?}", "mean", sum / u32::try_from(cases.len())?);
    let page =
        "<p class=\"price\">19.99 EUR</p><a href=\"/product/womens-shoes\">Women's shoes</a>\n".repeat(300);
    let answer = fastest(30, || {
        let mut tx = engine.transaction(&policy);
        tx.response_head(&ResponseHead { status: 200, headers: &[("content-type", "text/html")] });
        black_box(tx.response_body(page.as_bytes(), BodyEnd::Complete));
    });
    println!("{:>20}  {answer:>9.1?}", "answer 24 KB");
    let scan = fastest(30, || drop(black_box(cards::find(page.as_bytes()))));
    println!("{:>20}  {scan:>9.1?}", "cards in 24 KB");
    println!("{:>20}  {:>9.1?}", "worst hostile 128 KB", worst_hostile(&engine, &policy));
    Ok(())
}

/// The slowest of bodies made of one piece again and again.
fn worst_hostile(engine: &Engine, policy: &Policy) -> Duration {
    let pieces = [
        "<a b=\"",
        "<",
        "'",
        "(",
        "select ",
        "union select ",
        "1 or ",
        "--\n",
        "/*",
        "%25",
        "&#",
        "../",
        "${",
        "{{",
        ";cat ",
        "a=b&",
        "onclick=",
        "<svg ",
        "a;",
        "sleep(",
        "constructor=1&",
        "' or ",
        "[",
        "{\"a\":",
        "select a,",
        "`",
        "$(",
        "@@",
    ];
    let time = |piece: &str| {
        let case = post("hostile", "text/plain", piece.repeat(131_072 / piece.len()));
        let start = Instant::now();
        black_box(run(engine, policy, &case));
        start.elapsed()
    };
    pieces.iter().map(|piece| time(piece).min(time(piece))).max().unwrap_or_default()
}
