//! Attacks by redirect.

use storeward_outbound::recorder::{Answer, Recorder};
use storeward_outbound::{AllowList, Client, Options, Request};

use crate::{code, internal};

fn to(location: &str) -> Answer {
    Answer::new(302, "").header("location", location)
}

#[tokio::test]
async fn none_is_followed_unasked() {
    let recorder = Recorder::start().unwrap();
    recorder.answer_otherwise(to("/next"));
    let reply = internal(&recorder.url()).get(&recorder.url()).await.unwrap();
    assert_eq!((reply.status.as_u16(), recorder.requests().len()), (302, 1));
}

#[tokio::test]
async fn each_hop_must_be_listed() {
    let (ours, inside) = (Recorder::start().unwrap(), Recorder::start().unwrap());
    let client = internal(&ours.url());
    for location in [
        format!("{}/admin", inside.url()),
        format!("//127.0.0.1:{}/", inside.port()),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "HTTP://[::1]/".to_owned(),
    ] {
        ours.answer_next(to(&location));
        let request = Request::get(&ours.url()).unwrap().follow_redirects(3);
        assert_eq!(code(client.send(request).await), "outbound.not_listed", "{location}");
    }
    ours.answer_next(to("file:///etc/passwd"));
    let request = Request::get(&ours.url()).unwrap().follow_redirects(3);
    assert_eq!(
        client.send(request).await.unwrap().status.as_u16(),
        200,
        "a strange scheme is a path beside ours"
    );
    assert!(inside.requests().is_empty());
}

#[tokio::test]
async fn listed_hops_are_followed_without_the_callers_keys() {
    let (first, second) = (Recorder::start().unwrap(), Recorder::start().unwrap());
    first.answer_at("/a", to("/b"));
    first.answer_at("/b", to(&format!("{}/c", second.url())));
    second.answer_at("/c", Answer::new(200, "there"));
    let allow = AllowList::new().internal(&first.url()).unwrap().internal(&second.url()).unwrap();
    let client = Client::new(allow, Options::default()).unwrap();
    let request =
        Request::get(&format!("{}/a", first.url())).unwrap().header("authorization", "key").unwrap();
    let reply = client.send(request.follow_redirects(2)).await.unwrap();
    assert_eq!(&reply.body[..], b"there");
    assert_eq!(
        first.requests()[1].header("authorization"),
        Some("key"),
        "the same destination still gets it"
    );
    assert_eq!(second.requests()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_circle_ends() {
    let recorder = Recorder::start().unwrap();
    recorder.answer_otherwise(to("/"));
    let request = Request::get(&recorder.url()).unwrap().follow_redirects(255);
    assert_eq!(code(internal(&recorder.url()).send(request).await), "outbound.redirect");
    assert_eq!(recorder.requests().len(), 1 + usize::from(Request::MOST_REDIRECTS));
}

#[tokio::test]
async fn a_post_is_never_sent_twice() {
    let recorder = Recorder::start().unwrap();
    recorder.answer_otherwise(Answer::new(307, "").header("location", "/next"));
    let request = Request::post(&recorder.url(), "text/plain", "x").unwrap().follow_redirects(3);
    assert_eq!(internal(&recorder.url()).send(request).await.unwrap().status.as_u16(), 307);
    assert_eq!(recorder.requests().len(), 1);
}
