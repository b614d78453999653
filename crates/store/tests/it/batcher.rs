//! The batcher: never waits, says what it lost, and acknowledges what is durable.

use storeward_base::{Actor, ClientIp};
use storeward_events::Event;
use storeward_events::edge::RequestRefused;
use storeward_store::ledger::{self, MAX_EVENT_BYTES};
use storeward_store::{Emission, Error, EventSink, addresses, both_engines};

use crate::size;

fn refused(at: storeward_base::Timestamp, client: Option<ClientIp>, reason: &str) -> Emission {
    let event = RequestRefused { status: 400, reason: reason.to_owned() }.into();
    Emission { at, request: None, client, actor: None, event }
}

both_engines!(events_and_addresses_are_written_and_acknowledged, async |db| {
    let sink = EventSink::start((*db).clone()).unwrap();
    let ip: ClientIp = "2001:db8::1".parse().unwrap();
    let acks: Vec<_> =
        (0..300).map(|n| sink.offer(refused(db.now(), Some(ip), &n.to_string())).unwrap()).collect();
    let mut ids = Vec::new();
    for ack in acks {
        ids.push(ack.await.unwrap());
    }
    let client = db.client_ref(ip);
    let rows = db.read(|r| ledger::read_after(r, 0, 1000)).await.unwrap_or_else(|why: Error| panic!("{why}"));
    assert_eq!(rows.iter().map(|(_, record)| record.id).collect::<Vec<_>>(), ids);
    assert!(rows.iter().all(|(_, record)| record.actor == Actor::Client { client }));
    let found = db.read(move |r| addresses::find(r, &[client])).await;
    assert_eq!(found, Ok::<_, Error>(vec![(client, ip.get())]));
});

both_engines!(a_full_queue_drops_counts_and_tells, async |db| {
    let sink = EventSink::start((*db).clone()).unwrap();
    // Hold the writer, so that the queue fills.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let mut blocker = Box::pin(db.write(move |tx| {
        held.lock().unwrap().recv().ok();
        tx.commit_silent("a test");
        Ok::<_, Error>(())
    }));
    let once = std::future::poll_fn(|cx| std::task::Poll::Ready(blocker.as_mut().poll(cx)));
    assert!(once.await.is_pending());
    let (mut acks, mut dropped) = (Vec::new(), 0);
    for n in 0..12_000u32 {
        match sink.offer(refused(db.now(), None, &n.to_string())) {
            Some(ack) => acks.push(ack),
            None => dropped += 1,
        }
    }
    assert!(dropped > 0, "the queue has a bound");
    assert!(sink.dropped() <= dropped, "the first batch may have taken some up already");
    release.send(()).unwrap();
    blocker.await.unwrap();
    let written = acks.len() as u64;
    for ack in acks {
        ack.await.unwrap();
    }
    // One more, so that the number is written at the latest with it.
    drop(sink.offer(refused(db.now(), None, "last")).unwrap().await);
    let mut told = 0;
    let mut after = 0;
    loop {
        let rows = db.read(move |r| ledger::read_after(r, after, 1000)).await;
        let rows = rows.unwrap_or_else(|why: Error| panic!("{why}"));
        let Some((last, _)) = rows.last() else { break };
        after = *last;
        for (_, record) in &rows {
            if let Event::EventsDropped(lost) = &record.event {
                told += lost.count;
            }
        }
    }
    assert_eq!(told, dropped);
    assert!(size(&db).await > written);
});

both_engines!(one_event_that_is_too_large_does_not_take_others_along, async |db| {
    let sink = EventSink::start((*db).clone()).unwrap();
    let offers = ["a".to_owned(), "x".repeat(MAX_EVENT_BYTES), "b".to_owned()];
    let acks: Vec<_> =
        offers.iter().map(|reason| sink.offer(refused(db.now(), None, reason)).unwrap()).collect();
    let mut results = Vec::new();
    for ack in acks {
        results.push(ack.await.map(drop));
    }
    assert_eq!(results, [Ok(()), Err(Error::EventTooLarge), Ok(())]);
    assert_eq!(size(&db).await, 3, "two, and the word of the third");
});

both_engines!(what_waits_is_written_when_the_last_sink_goes, async |db| {
    let sink = EventSink::start((*db).clone()).unwrap();
    let ack = sink.offer(refused(db.now(), None, "a")).unwrap();
    std::thread::spawn(move || drop(sink)).join().unwrap();
    ack.await.unwrap();
    assert_eq!(size(&db).await, 1);
});
