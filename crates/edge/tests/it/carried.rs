//! Exchanges that go on to their end where the client leaves: whoever hangs up on a sign-in is not to leave the shop at it unseen.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, StatusCode};
use storeward_host::{Later, Passage, RequestHead, Seen, SessionExchange, SessionStage, Stages, Unanswered};
use storeward_testkit::{FakeShop, Reply};

use crate::harness::{TestEdge, wait_for};

/// What became of each exchange.
#[derive(Clone, Default)]
pub struct Ends(pub Arc<Mutex<Vec<String>>>);

struct Exchange {
    ends: Ends,
    target: String,
    is_over: bool,
}

impl SessionStage for Ends {
    fn enter(&self, head: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
        Some(Box::new(Exchange { ends: self.clone(), target: head.path.to_owned(), is_over: false }))
    }
}

impl SessionExchange for Exchange {
    fn request<'a>(&'a mut self, _: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async { Passage::On })
    }

    fn ends_without_client(&self) -> bool {
        self.target.starts_with("/act")
    }

    fn unanswered(&mut self, why: Unanswered) {
        self.is_over = true;
        self.ends.0.lock().unwrap().push(format!("{} {why:?}", self.target));
    }

    fn response<'a>(
        &'a mut self,
        status: StatusCode,
        _: &'a mut HeaderMap,
        _: Seen<'a>,
    ) -> Later<'a, Passage> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.is_over = true;
            self.ends.0.lock().unwrap().push(format!("{} {}", self.target, status.as_u16()));
            Passage::On
        })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.is_over {
            self.ends.0.lock().unwrap().push(format!("{} left", self.target));
        }
    }
}

fn slowly() -> Reply {
    let head: [&[u8]; 2] = [b"HTTP/1.1 20", b"0 OK\r\nContent-Length: 0\r\n\r\n"];
    Reply::Pieces(head.map(<[u8]>::to_vec).to_vec(), 400)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stage_wants_to_see_the_end_of_goes_on_where_the_client_hangs_up() {
    let shop = FakeShop::start(|asked| match asked.target() {
        "/act" => slowly(),
        "/act/broken" => Reply::Close,
        _ => Reply::Silence,
    })
    .await;
    let ends = Ends::default();
    let stages = Stages { own: None, session: Some(Arc::new(ends.clone())) };
    let edge = TestEdge::staged(stages, &[shop.url()], "");
    for (target, end) in
        [("/act", "/act 200"), ("/page", "/page left"), ("/act/broken", "/act/broken BrokenOff")]
    {
        let mut client = edge.connect().await;
        client
            .send(format!("POST {target} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 4\r\n\r\nform"))
            .await;
        wait_for(|| shop.asked().iter().any(|asked| asked.target() == target).then_some(())).await;
        drop(client);
        let seen = wait_for(|| ends.0.lock().unwrap().pop()).await;
        assert_eq!(seen, end);
    }
    edge.stop();
}

// Nothing was sent, and the stage took it for something that the shop may be at.
#[tokio::test(flavor = "multi_thread")]
async fn a_stage_hears_why_there_is_no_answer() {
    let shop = FakeShop::start(|_| Reply::Close).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (shop, end) in [(shop.url(), "/act BrokenOff"), (format!("http://{nobody}"), "/act NotSent")] {
        let ends = Ends::default();
        let stages = Stages { own: None, session: Some(Arc::new(ends.clone())) };
        let edge = TestEdge::staged(stages, &[shop], "");
        let mut client = edge.connect().await;
        client.send("POST /act HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 4\r\n\r\nform").await;
        assert_eq!(wait_for(|| ends.0.lock().unwrap().pop()).await, end);
        drop(client);
        edge.stop();
    }
}
