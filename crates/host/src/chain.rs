//! Two session stages one behind the other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};

use crate::pipeline::{
    Going, Later, Listener, Minder, Passage, RequestHead, Rewrite, Seen, SessionExchange, SessionStage,
    Unanswered, rewritten,
};

/// What the first stage holds back the second never sees; what comes back passes them the other way round.
pub struct Chain {
    first: Arc<dyn SessionStage>,
    then: Arc<dyn SessionStage>,
    shows: Shows,
}

/// What of answers comes to the first stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    All,
    /// The shop's, and not what the other put in their place.
    Shop,
}

impl Chain {
    /// The stages that there are, in this order.
    pub fn of(
        first: Option<Arc<dyn SessionStage>>,
        then: Option<Arc<dyn SessionStage>>,
    ) -> Option<Arc<dyn SessionStage>> {
        Chain::joined(first, then, Shows::All)
    }

    /// As [`Chain::of`], and the first has nothing to say of pages of ours that the other puts in the shop's place.
    pub fn before_the_shop_s(
        first: Option<Arc<dyn SessionStage>>,
        then: Option<Arc<dyn SessionStage>>,
    ) -> Option<Arc<dyn SessionStage>> {
        Chain::joined(first, then, Shows::Shop)
    }

    fn joined(
        first: Option<Arc<dyn SessionStage>>,
        then: Option<Arc<dyn SessionStage>>,
        shows: Shows,
    ) -> Option<Arc<dyn SessionStage>> {
        match (first, then) {
            (Some(first), Some(then)) => Some(Arc::new(Chain { first, then, shows })),
            (one, other) => one.or(other),
        }
    }
}

impl SessionStage for Chain {
    fn enter(&self, head: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
        match (self.first.enter(head), self.then.enter(head)) {
            (Some(first), Some(then)) => Some(Box::new(Both { first, then, shows: self.shows })),
            (one, other) => one.or(other),
        }
    }
}

struct Both {
    first: Box<dyn SessionExchange>,
    then: Box<dyn SessionExchange>,
    shows: Shows,
}

impl SessionExchange for Both {
    fn request_body_bytes(&self) -> Option<usize> {
        // `None` is less than any number.
        self.first.request_body_bytes().max(self.then.request_body_bytes())
    }

    fn request<'a>(&'a mut self, headers: &'a mut HeaderMap, body: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async move {
            match self.first.request(headers, body).await {
                Passage::On => self.then.request(headers, body).await,
                other => other,
            }
        })
    }

    fn ends_without_client(&self) -> bool {
        self.first.ends_without_client() || self.then.ends_without_client()
    }

    fn unanswered(&mut self, why: Unanswered) {
        self.then.unanswered(why);
        self.first.unanswered(why);
    }

    fn patience(&self) -> Duration {
        self.first.patience().max(self.then.patience())
    }

    fn response_body_bytes(&self, status: StatusCode, headers: &HeaderMap) -> Option<usize> {
        self.first.response_body_bytes(status, headers).max(self.then.response_body_bytes(status, headers))
    }

    fn response<'a>(
        &'a mut self,
        status: StatusCode,
        headers: &'a mut HeaderMap,
        body: Seen<'a>,
    ) -> Later<'a, Passage> {
        Box::pin(async move {
            match self.then.response(status, headers, body).await {
                Passage::On => self.first.response(status, headers, body).await,
                Passage::Instead(answer) if self.shows == Shows::Shop => Passage::Instead(answer),
                Passage::Instead(mut answer) => {
                    // The first one may still have something to say of whatever leaves.
                    let (status, bytes) = (answer.status(), answer.body().clone());
                    let seen = Seen { bytes: &bytes, complete: true };
                    match self.first.response(status, answer.headers_mut(), seen).await {
                        Passage::On => Passage::Instead(answer),
                        Passage::Body(bytes) => {
                            *answer.body_mut() = bytes;
                            Passage::Instead(answer)
                        }
                        Passage::Through(rewrite) => match rewritten(rewrite, &bytes) {
                            Ok(bytes) => {
                                *answer.body_mut() = bytes;
                                Passage::Instead(answer)
                            }
                            Err(_) => broken(),
                        },
                        other @ Passage::Instead(_) => other,
                    }
                }
                Passage::Body(bytes) => {
                    let seen = Seen { bytes: &bytes, complete: true };
                    match self.first.response(status, headers, seen).await {
                        Passage::On => Passage::Body(bytes),
                        Passage::Through(rewrite) => {
                            rewritten(rewrite, &bytes).map_or_else(|_| broken(), Passage::Body)
                        }
                        other => other,
                    }
                }
                // What it makes of the body is not there yet: the first one sees the shop's.
                Passage::Through(inner) => match self.first.response(status, headers, body).await {
                    Passage::On => Passage::Through(inner),
                    Passage::Through(outer) => Passage::Through(Box::new(Twice { inner, outer })),
                    other => other,
                },
            }
        })
    }

    fn mind(&mut self) -> Option<Box<dyn Minder>> {
        match (self.first.mind(), self.then.mind()) {
            (Some(first), Some(then)) => Some(Box::new(BothMind { first, then })),
            (one, other) => one.or(other),
        }
    }

    fn mind_body(&mut self) -> Option<Box<dyn Minder>> {
        match (self.first.mind_body(), self.then.mind_body()) {
            (Some(first), Some(then)) => Some(Box::new(BothMind { first, then })),
            (one, other) => one.or(other),
        }
    }

    fn listen(&mut self) -> Option<Box<dyn Listener>> {
        match (self.first.listen(), self.then.listen()) {
            (Some(first), Some(then)) => Some(Box::new(BothListen { first, then })),
            (one, other) => one.or(other),
        }
    }
}

/// The body could not be changed as a stage wants it, and as it is it must not go.
fn broken() -> Passage {
    let mut refused = Response::new(Bytes::new());
    *refused.status_mut() = StatusCode::BAD_GATEWAY;
    Passage::Instead(Box::new(refused))
}

/// One rewriting behind the other.
#[derive(Debug)]
struct Twice {
    inner: Box<dyn Rewrite>,
    outer: Box<dyn Rewrite>,
}

impl Rewrite for Twice {
    fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let mut between = Vec::new();
        self.inner.push(data, &mut between)?;
        self.outer.push(&between, out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let mut between = Vec::new();
        self.inner.finish(&mut between)?;
        self.outer.push(&between, out)?;
        self.outer.finish(out)
    }
}

struct BothMind {
    first: Box<dyn Minder>,
    then: Box<dyn Minder>,
}

impl Minder for BothMind {
    fn every(&self) -> Duration {
        self.first.every().min(self.then.every())
    }

    fn going(&self) -> Going {
        match (self.first.going(), self.then.going()) {
            (Going::Over, _) | (_, Going::Over) => Going::Over,
            (Going::Wait, _) | (_, Going::Wait) => Going::Wait,
            (Going::On, Going::On) => Going::On,
        }
    }

    fn note_words(&self) {
        self.first.note_words();
        self.then.note_words();
    }

    fn stands(&self) -> Later<'_, bool> {
        Box::pin(async move { self.first.stands().await && self.then.stands().await })
    }
}

struct BothListen {
    first: Box<dyn Listener>,
    then: Box<dyn Listener>,
}

impl Listener for BothListen {
    fn most_bytes(&self) -> usize {
        self.first.most_bytes().min(self.then.most_bytes())
    }

    fn may_pass<'a>(&'a mut self, message: &'a [u8]) -> Later<'a, bool> {
        Box::pin(async move { self.first.may_pass(message).await && self.then.may_pass(message).await })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::{HeaderValue, Method};
    use storeward_base::{ClientIp, RequestId, Timestamp};

    use super::*;

    /// Writes its letter wherever it is asked, and answers itself where `holds`.
    #[derive(Clone, Copy)]
    struct Letter {
        letter: &'static str,
        holds: bool,
    }

    impl SessionStage for Letter {
        fn enter(&self, head: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
            (!head.path.contains(self.letter)).then(|| Box::new(*self) as Box<dyn SessionExchange>)
        }
    }

    impl SessionExchange for Letter {
        fn request<'a>(&'a mut self, headers: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
            headers.append("seen", HeaderValue::from_static(self.letter));
            let answer = Passage::Instead(Box::new(Response::new(Bytes::from_static(b"held"))));
            let passage = if self.holds { answer } else { Passage::On };
            Box::pin(async move { passage })
        }

        fn response<'a>(
            &'a mut self,
            _: StatusCode,
            headers: &'a mut HeaderMap,
            _: Seen<'a>,
        ) -> Later<'a, Passage> {
            headers.append("seen", HeaderValue::from_static(self.letter));
            Box::pin(async { Passage::On })
        }
    }

    /// Minds what goes on, and says this of each piece.
    struct Says(Going);

    impl SessionStage for Says {
        fn enter(&self, _: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
            Some(Box::new(Says(self.0)))
        }
    }

    impl SessionExchange for Says {
        fn request<'a>(&'a mut self, _: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
            Box::pin(async { Passage::On })
        }

        fn response<'a>(
            &'a mut self,
            _: StatusCode,
            _: &'a mut HeaderMap,
            _: Seen<'a>,
        ) -> Later<'a, Passage> {
            Box::pin(async { Passage::On })
        }

        fn mind_body(&mut self) -> Option<Box<dyn Minder>> {
            Some(Box::new(Says(self.0)))
        }
    }

    impl Minder for Says {
        fn every(&self) -> Duration {
            Duration::from_secs(2)
        }

        fn going(&self) -> Going {
            self.0
        }

        fn stands(&self) -> Later<'_, bool> {
            Box::pin(async { true })
        }
    }

    // A second stage in the way, such as a gate or the guard of paying pages, left every answer that goes on unminded.
    #[test]
    fn an_answer_that_goes_on_is_minded_by_both() {
        for (first, then, both) in [
            (Going::On, Going::On, Going::On),
            (Going::On, Going::Wait, Going::Wait),
            (Going::Wait, Going::On, Going::Wait),
            (Going::Wait, Going::Over, Going::Over),
            (Going::Over, Going::On, Going::Over),
        ] {
            let exchange = |says| Box::new(Says(says)) as Box<dyn SessionExchange>;
            let mut joined = Both { first: exchange(first), then: exchange(then), shows: Shows::All };
            assert_eq!(joined.mind_body().unwrap().going(), both);
            let silent = Box::new(Letter { letter: "a", holds: false });
            let mut one = Both { first: silent, then: exchange(then), shows: Shows::All };
            assert_eq!(one.mind_body().unwrap().going(), then);
        }
    }

    fn letters(headers: &HeaderMap) -> String {
        headers.get_all("seen").iter().filter_map(|value| value.to_str().ok()).collect()
    }

    async fn pass(path: &str, holds: bool) -> (String, String, bool) {
        let stage = Chain::of(
            Some(Arc::new(Letter { letter: "a", holds })),
            Some(Arc::new(Letter { letter: "b", holds: false })),
        );
        let (method, headers) = (Method::GET, HeaderMap::new());
        let head = RequestHead {
            id: RequestId::from_bits(1),
            at: Timestamp::from_seconds(1),
            client: ClientIp::new(Ipv4Addr::LOCALHOST.into()),
            method: &method,
            path,
            written: path,
            query: None,
            host: "shop.example",
            authority: "shop.example",
            wants_problem: false,
            headers: &headers,
        };
        let Some(mut exchange) = stage.unwrap().enter(&head) else {
            return (String::new(), String::new(), false);
        };
        let (mut there, mut back) = (HeaderMap::new(), HeaderMap::new());
        let passage = exchange.request(&mut there, Seen::default()).await;
        exchange.response(StatusCode::OK, &mut back, Seen::default()).await;
        (letters(&there), letters(&back), matches!(passage, Passage::Instead(_)))
    }

    #[tokio::test]
    async fn there_in_one_order_and_back_in_the_other() {
        assert_eq!(pass("/", false).await, ("ab".to_owned(), "ba".to_owned(), false));
        assert_eq!(pass("/a", false).await, ("b".to_owned(), "b".to_owned(), false));
        assert_eq!(pass("/b", false).await, ("a".to_owned(), "a".to_owned(), false));
        assert_eq!(pass("/ab", false).await, (String::new(), String::new(), false));
    }

    #[tokio::test]
    async fn what_the_first_holds_the_second_does_not_see() {
        let (there, _, held) = pass("/", true).await;
        assert_eq!((there.as_str(), held), ("a", true));
    }

    /// Answers in the shop's place, or lets the shop's answer through in brackets.
    #[derive(Clone, Copy)]
    enum Back {
        Instead,
        Brackets(&'static str),
    }

    impl SessionStage for Back {
        fn enter(&self, _: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
            Some(Box::new(*self))
        }
    }

    impl SessionExchange for Back {
        fn request<'a>(&'a mut self, _: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
            Box::pin(async { Passage::On })
        }

        fn response<'a>(
            &'a mut self,
            _: StatusCode,
            _: &'a mut HeaderMap,
            _: Seen<'a>,
        ) -> Later<'a, Passage> {
            let passage = match self {
                Back::Instead => Passage::Instead(Box::new(Response::new(Bytes::from_static(b"ours")))),
                Back::Brackets(pair) => Passage::Through(Box::new(Brackets(pair, Vec::new()))),
            };
            Box::pin(async move { passage })
        }
    }

    #[derive(Debug)]
    struct Brackets(&'static str, Vec<u8>);

    impl Rewrite for Brackets {
        fn push(&mut self, data: &[u8], _: &mut Vec<u8>) -> io::Result<()> {
            self.1.extend_from_slice(data);
            Ok(())
        }

        fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
            out.extend(self.0.bytes().take(1));
            out.append(&mut self.1);
            out.extend(self.0.bytes().skip(1));
            Ok(())
        }
    }

    async fn back(stage: Option<Arc<dyn SessionStage>>) -> String {
        let (method, headers) = (Method::GET, HeaderMap::new());
        let head = RequestHead {
            id: RequestId::from_bits(1),
            at: Timestamp::from_seconds(1),
            client: ClientIp::new(Ipv4Addr::LOCALHOST.into()),
            method: &method,
            path: "/",
            written: "/",
            query: None,
            host: "shop.example",
            authority: "shop.example",
            wants_problem: false,
            headers: &headers,
        };
        let mut exchange = stage.unwrap().enter(&head).unwrap();
        let passage = exchange.response(StatusCode::OK, &mut HeaderMap::new(), Seen::default()).await;
        let bytes = match passage {
            Passage::Through(rewrite) => rewritten(rewrite, b"shop").unwrap(),
            Passage::Instead(answer) => answer.into_body(),
            Passage::On | Passage::Body(_) => Bytes::new(),
        };
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn bodies_are_changed_from_the_shop_outwards() {
        let stage = |back: Back| Some(Arc::new(back) as Arc<dyn SessionStage>);
        let (round, square) = (Back::Brackets("()"), Back::Brackets("[]"));
        assert_eq!(back(Chain::of(stage(round), stage(square))).await, "([shop])");
        assert_eq!(back(Chain::of(stage(round), stage(Back::Instead))).await, "(ours)");
        assert_eq!(back(Chain::of(stage(Back::Instead), stage(square))).await, "ours");
        // Pages of ours are none of the first one's business there.
        assert_eq!(back(Chain::before_the_shop_s(stage(round), stage(Back::Instead))).await, "ours");
        assert_eq!(back(Chain::before_the_shop_s(stage(round), stage(square))).await, "([shop])");
    }
}
