use std::time::Duration;

use storeward_host::Stopper;
use storeward_outbound::recorder::{Answer, Recorded, Recorder};
use storeward_outbound::{AllowList, Options};

use super::*;
use crate::telemetry::span::{spans_of, tests::facts};

fn start(endpoint: &str, headers: &[(&str, &str)]) -> (Exporter, Sending) {
    let base = storeward_outbound::Destination::of_url(endpoint).unwrap().to_string();
    let client = Client::new(AllowList::new().internal(&base).unwrap(), Options::default()).unwrap();
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), Secret::new((*v).to_owned()))).collect();
    let (exporter, mut sending) = Exporter::new(client, endpoint, "shop", &headers).unwrap();
    let milli = Duration::from_millis;
    sending.pace = Pace { every: milli(10), first_wait: milli(5), longest_wait: milli(1_500), tries: 4 };
    (exporter, sending)
}

fn spans(count: usize) -> Vec<Span> {
    let one = spans_of(&facts()).remove(0);
    vec![one; count]
}

fn sent(request: &Recorded) -> usize {
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_batch_arrives_as_otlp_says() {
    let collector = Recorder::start().unwrap();
    let (exporter, sending) =
        start(&format!("{}/otlp/", collector.url()), &[("authorization", "Bearer key")]);
    let (_stopper, stop) = Stopper::new();
    tokio::spawn(sending.run(stop));
    exporter.push(spans_of(&facts()));
    let request = &collector.wait_for(1).await[0];
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/otlp/v1/traces"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("authorization"), Some("Bearer key"));
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body, otlp::request("shop", &spans_of(&facts())));
}

#[tokio::test]
async fn batches_are_bounded() {
    let collector = Recorder::start().unwrap();
    let (exporter, sending) = start(&collector.url(), &[]);
    let (_stopper, stop) = Stopper::new();
    exporter.push(spans(1_200));
    tokio::spawn(sending.run(stop));
    let sizes: Vec<usize> = collector.wait_for(3).await.iter().map(sent).collect();
    assert_eq!(sizes, [512, 512, 176]);
}

#[tokio::test]
async fn a_full_queue_drops_and_counts() {
    let (exporter, sending) = start("http://127.0.0.1:9", &[]);
    exporter.push(spans(QUEUE + 7));
    assert_eq!(sending.dropped.load(Relaxed), 7);
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let collector = Recorder::start().unwrap();
    for status in [503, 429, 502] {
        collector.answer_next(Answer::new(status, ""));
    }
    let (exporter, sending) = start(&collector.url(), &[]);
    let dropped = sending.dropped.clone();
    exporter.push(spans(3));
    drop(exporter);
    let (_stopper, stop) = Stopper::new();
    sending.run(stop).await;
    let requests = collector.requests();
    assert_eq!((requests.len(), dropped.load(Relaxed)), (4, 0), "refused three times, then taken");
    assert_eq!(requests[0].body, requests[3].body, "the same batch");
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let collector = Recorder::start().unwrap();
    collector.answer_next(Answer::new(429, "").header("retry-after", "1"));
    let (exporter, sending) = start(&collector.url(), &[]);
    exporter.push(spans(1));
    drop(exporter);
    let (_stopper, stop) = Stopper::new();
    let begun = Instant::now();
    sending.run(stop).await;
    assert_eq!(collector.requests().len(), 2);
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_would_fail_again_is_not_repeated() {
    for status in [400, 401, 404, 413, 500, 302] {
        let collector = Recorder::start().unwrap();
        collector.answer_otherwise(Answer::new(status, ""));
        let (exporter, sending) = start(&collector.url(), &[]);
        let dropped = sending.dropped.clone();
        exporter.push(spans(2));
        drop(exporter);
        let (_stopper, stop) = Stopper::new();
        sending.run(stop).await;
        assert_eq!((collector.requests().len(), dropped.load(Relaxed)), (1, 2), "{status}");
    }
}

#[tokio::test]
async fn a_batch_is_given_up_in_the_end() {
    let collector = Recorder::start().unwrap();
    collector.answer_otherwise(Answer::new(503, ""));
    let (exporter, sending) = start(&collector.url(), &[]);
    let dropped = sending.dropped.clone();
    exporter.push(spans(2));
    drop(exporter);
    let (_stopper, stop) = Stopper::new();
    sending.run(stop).await;
    assert_eq!((collector.requests().len(), dropped.load(Relaxed)), (4, 2));
}

#[tokio::test]
async fn a_partial_success_is_counted_and_not_repeated() {
    let collector = Recorder::start().unwrap();
    collector.answer_otherwise(Answer::new(200, r#"{"partialSuccess":{"rejectedSpans":"1"}}"#));
    let (exporter, sending) = start(&collector.url(), &[]);
    let dropped = sending.dropped.clone();
    exporter.push(spans(2));
    drop(exporter);
    let (_stopper, stop) = Stopper::new();
    sending.run(stop).await;
    assert_eq!((collector.requests().len(), dropped.load(Relaxed)), (1, 1));
}

#[tokio::test]
async fn a_stop_sends_what_is_queued() {
    let collector = Recorder::start().unwrap();
    let (exporter, mut sending) = start(&collector.url(), &[]);
    sending.pace.every = Duration::from_secs(3_600);
    let (stopper, stop) = Stopper::new();
    let task = tokio::spawn(sending.run(stop));
    exporter.push(spans(5));
    stopper.stop();
    // What the last requests leave behind still goes along.
    exporter.push(spans(4));
    drop(exporter);
    task.await.unwrap();
    assert_eq!(collector.requests().iter().map(sent).sum::<usize>(), 9);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_dead_collector() {
    let collector = Recorder::start().unwrap();
    collector.answer_otherwise(Answer::new(200, "").after(Duration::from_secs(60)));
    let (exporter, sending) = start(&collector.url(), &[]);
    let dropped = sending.dropped.clone();
    let (stopper, stop) = Stopper::new();
    exporter.push(spans(5));
    drop(exporter);
    let task = tokio::spawn(sending.run(stop));
    collector.wait_for(1).await;
    stopper.stop();
    tokio::time::timeout(FLUSH + Duration::from_secs(5), task).await.unwrap().unwrap();
    assert_eq!(dropped.load(Relaxed), 5);
}
