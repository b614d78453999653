//! Server-sent events for live lists: at most four messages a second, a heartbeat, a bound, and honesty about gaps.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

/// The least time between two messages.
const PACE: Duration = Duration::from_millis(250);
/// Proxies and browsers give up on a silent connection after 30 to 60 seconds.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The connection ends after this time. The browser opens it again, and the session is looked at again.
const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// Rows in one message; of more only the newest are sent, and the others counted as missed.
const ROWS_PER_MESSAGE: usize = 40;

/// What a source has.
#[derive(Debug)]
pub enum Arrival {
    Row(Row),
    /// So many rows were lost because the reader was too slow.
    Missed(u64),
    /// There will be no more.
    End,
}

/// One rendered row.
#[derive(Clone, Debug)]
pub struct Row {
    /// What the browser sends back as `Last-Event-ID`.
    pub id: String,
    /// Which list it belongs to: the event's name.
    pub list: &'static str,
    pub html: String,
}

/// Gives rows in order.
pub trait Source: Send + 'static {
    fn next(&mut self) -> impl Future<Output = Arrival> + Send;
}

/// Where the browser left off, from `Last-Event-ID`.
#[derive(Clone, Debug)]
pub struct ResumeAfter(pub Option<String>);

impl<S: Sync> FromRequestParts<S> for ResumeAfter {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let line = parts.headers.get("last-event-id").and_then(|v| v.to_str().ok());
        Ok(ResumeAfter(line.filter(|l| l.len() <= 64).map(str::to_owned)))
    }
}

/// Streams the source until it ends, the browser leaves, or the connection is five minutes old.
///
/// Each message is named after its list and holds rows of HTML, oldest first; a message `missed` holds a number.
pub fn stream(source: impl Source) -> Response {
    // One message waits at most: a slow browser slows the pump, and the source counts what it drops.
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        // Ends by itself at `LIFETIME` even when the source is silent and the browser stays.
        let _ = tokio::time::timeout(LIFETIME, pump(source, sender)).await;
    });
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("still here");
    let mut response = Sse::new(ReceiverStream::new(receiver)).keep_alive(keep_alive).into_response();
    let unbuffered = http::HeaderValue::from_static("no");
    response.headers_mut().insert("x-accel-buffering", unbuffered);
    response
}

type Message = Result<Event, Infallible>;

async fn pump(mut source: impl Source, sender: mpsc::Sender<Message>) {
    let opening = Event::default().retry(Duration::from_secs(2)).comment("open");
    if sender.send(Ok(opening)).await.is_err() {
        return;
    }
    loop {
        let mut batch = Batch::default();
        let first = tokio::select! {
            arrival = source.next() => arrival,
            () = sender.closed() => return,
        };
        let mut open = batch.take(first);
        let until = Instant::now() + PACE;
        while open {
            match tokio::time::timeout_at(until, source.next()).await {
                Ok(arrival) => open = batch.take(arrival),
                Err(_) => break,
            }
        }
        for message in batch.messages() {
            if sender.send(Ok(message)).await.is_err() {
                return;
            }
        }
        if !open {
            return;
        }
    }
}

/// What arrived within one beat.
#[derive(Default)]
struct Batch {
    rows: std::collections::VecDeque<Row>,
    missed: u64,
}

impl Batch {
    /// Whether more may come.
    fn take(&mut self, arrival: Arrival) -> bool {
        match arrival {
            Arrival::Row(row) => {
                self.rows.push_back(row);
                if self.rows.len() > ROWS_PER_MESSAGE {
                    self.rows.pop_front();
                    self.missed = self.missed.saturating_add(1);
                }
                true
            }
            Arrival::Missed(count) => {
                self.missed = self.missed.saturating_add(count);
                true
            }
            Arrival::End => false,
        }
    }

    /// One message for each list that has rows, and one for what was missed. The newest id comes last.
    fn messages(self) -> Vec<Event> {
        let mut messages = Vec::new();
        if self.missed > 0 {
            messages.push(Event::default().event("missed").data(self.missed.to_string()));
        }
        let mut by_list: Vec<(&'static str, String, String)> = Vec::new();
        for row in self.rows {
            match by_list.iter_mut().find(|(list, ..)| *list == row.list) {
                Some((_, id, html)) => {
                    *id = row.id;
                    html.push_str(&row.html);
                }
                None => by_list.push((row.list, row.id, row.html)),
            }
        }
        by_list.sort_by(|a, b| a.1.cmp(&b.1));
        messages.extend(by_list.into_iter().map(|(list, id, html)| {
            // Line breaks would end a data line early; between tags a space means the same.
            Event::default().event(list).id(id).data(html.replace(['\r', '\n'], " "))
        }));
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    struct Listed(Vec<Arrival>);
    impl Source for Listed {
        async fn next(&mut self) -> Arrival {
            if self.0.is_empty() { Arrival::End } else { self.0.remove(0) }
        }
    }

    fn row(id: usize, list: &'static str) -> Arrival {
        Arrival::Row(Row { id: format!("{id:03}"), list, html: format!("<tr><td>{id}\n</td></tr>") })
    }

    async fn text_of(arrivals: Vec<Arrival>) -> String {
        let body = stream(Listed(arrivals)).into_body();
        String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn rows_that_come_together_travel_together() {
        let text = text_of(vec![row(1, "requests"), row(2, "blocks"), row(3, "requests")]).await;
        assert!(text.contains("event: blocks\nid: 002\ndata: <tr><td>2 </td></tr>\n"), "{text}");
        assert!(text.contains("id: 003\ndata: <tr><td>1 </td></tr><tr><td>3 </td></tr>\n"), "{text}");
        assert!(!text.contains("missed"));
    }

    #[tokio::test]
    async fn a_flood_is_cut_and_counted() {
        let mut flood: Vec<Arrival> = (0..100).map(|n| row(n, "requests")).collect();
        flood.push(Arrival::Missed(7));
        let text = text_of(flood).await;
        assert!(text.contains("event: missed\ndata: 67\n"), "{text}");
        assert!(text.contains("id: 099") && !text.contains("<td>59 "), "{text}");
    }
}
