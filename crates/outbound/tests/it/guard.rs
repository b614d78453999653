//! Attacks that want a call to land inside.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use storeward_base::{Fault, FaultKind};
use storeward_outbound::recorder::Recorder;
use storeward_outbound::{AllowList, Client, FixedNames, Names, Options, SystemNames};

use crate::{code, internal, with_names};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn only_what_is_listed() {
    let (ours, other) = (Recorder::start().unwrap(), Recorder::start().unwrap());
    let client = internal(&ours.url());
    for url in [
        other.url(),
        format!("http://localhost:{}", ours.port()),
        format!("https://127.0.0.1:{}", ours.port()),
        format!("http://[::ffff:127.0.0.1]:{}", ours.port()),
        format!("http://2130706433:{}", ours.port()),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let error = client.get(&url).await.unwrap_err();
        assert_eq!((error.code(), error.kind()), ("outbound.not_listed", FaultKind::Denied), "{url}");
    }
    assert!(ours.requests().is_empty() && other.requests().is_empty());
}

/// A name on the list whose owner points it inside.
#[tokio::test]
async fn a_public_name_that_leads_inside() {
    let recorder = Recorder::start().unwrap();
    let url = format!("http://api.example:{}", recorder.port());
    for inside in [
        "127.0.0.1",
        "169.254.169.254",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "10.0.0.5",
        "192.168.0.10",
        "100.64.1.1",
        "::1",
        "fe80::1",
        "fd00:ec2::254",
        "0.0.0.0",
        "::",
    ] {
        let names = FixedNames::default().with("api.example", &[ip(inside)]);
        let client = with_names(AllowList::new().public(&url).unwrap(), names);
        let error = client.get(&url).await.unwrap_err();
        assert_eq!(error.code(), "outbound.address", "{inside}");
        assert!(error.to_string().contains("list this very destination as internal"));
    }
    // One bad address among good ones refuses the call.
    let names = FixedNames::default().with("api.example", &[ip("93.184.216.34"), ip("127.0.0.1")]);
    let client = with_names(AllowList::new().public(&url).unwrap(), names);
    assert_eq!(code(client.get(&url).await), "outbound.address");
    assert!(recorder.requests().is_empty());
}

#[tokio::test]
async fn addresses_written_down_are_checked_too() {
    for url in ["http://127.0.0.1:9", "http://[::1]:9", "http://10.0.0.1", "http://[::ffff:10.0.0.1]:80"] {
        let client = with_names(AllowList::new().public(url).unwrap(), FixedNames::default());
        assert_eq!(code(client.get(url).await), "outbound.address", "{url}");
    }
    // Other ways to write 127.0.0.1 are names to us, and the resolver's answer is checked.
    for host in ["2130706433", "0x7f.1", "017700000001", "127.1"] {
        let url = format!("http://{host}:9");
        let client =
            Client::new(AllowList::new().public(&url).unwrap(), Options::default().names(SystemNames))
                .unwrap();
        let refused = code(client.get(&url).await);
        assert!(["outbound.address", "outbound.name"].contains(&refused), "{host}: {refused}");
    }
}

#[tokio::test]
async fn an_internal_name_reaches_inside_but_not_the_metadata_service() {
    let recorder = Recorder::start().unwrap();
    let url = format!("http://collector.internal:{}", recorder.port());
    let allow = || AllowList::new().internal(&url).unwrap();
    let ours = FixedNames::default().with("collector.internal", &[ip("127.0.0.1")]);
    with_names(allow(), ours).get(&url).await.unwrap();
    assert_eq!(recorder.requests().len(), 1);
    for stray in ["169.254.169.254", "fe80::1", "0.0.0.0", "::ffff:169.254.169.254"] {
        let names = FixedNames::default().with("collector.internal", &[ip(stray)]);
        assert_eq!(code(with_names(allow(), names).get(&url).await), "outbound.address", "{stray}");
    }
}

/// A name that answers with a public address first and with 127.0.0.1 from then on: it is asked once, and the connection
/// goes where the check looked.
#[tokio::test]
async fn a_name_is_resolved_once_per_call() {
    struct Fickle(Arc<AtomicUsize>);
    impl Names for Fickle {
        fn resolve<'a>(
            &'a self,
            _host: &'a str,
        ) -> std::pin::Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'a>> {
            self.0.fetch_add(1, SeqCst);
            Box::pin(async { Ok(vec![ip("127.0.0.1")]) })
        }
    }
    let (recorder, asked) = (Recorder::start().unwrap(), Arc::new(AtomicUsize::new(0)));
    let url = format!("http://fickle.example:{}", recorder.port());
    let options = Options::default().names(Fickle(asked.clone()));
    let client = Client::new(AllowList::new().internal(&url).unwrap(), options).unwrap();
    client.get(&url).await.unwrap();
    assert_eq!((asked.load(SeqCst), recorder.requests().len()), (1, 1));
    client.get(&url).await.unwrap();
    assert_eq!(asked.load(SeqCst), 2, "a later call is checked anew");
}

#[tokio::test]
async fn names_that_lead_nowhere() {
    let url = "http://gone.example";
    let empty = FixedNames::default().with("gone.example", &[]);
    assert_eq!(
        code(with_names(AllowList::new().public(url).unwrap(), empty).get(url).await),
        "outbound.name"
    );
    let unknown = with_names(AllowList::new().public(url).unwrap(), FixedNames::default());
    assert_eq!(code(unknown.get(url).await), "outbound.name");
}
