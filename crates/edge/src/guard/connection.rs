//! What one connection is at, seen from outside: the watch closes the slow ones.
//!
//! No timer per request: the connection notes its stage and its byte counts, and once a second the core's watch judges
//! every connection by [`Snapshot::overdue`].

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// Where the inbound side stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// PROXY header and TLS handshake.
    Handshake = 0,
    /// HTTP/1.1 between requests.
    Idle = 1,
    /// In a head or, on HTTP/2, in the middle of a frame or header block.
    Head = 2,
    /// In a request body (HTTP/1.1).
    Body = 3,
    /// HTTP/2 before its preface is through.
    Http2Start = 4,
    /// HTTP/2 between frames.
    Http2 = 5,
    /// Upgraded: a WebSocket or the like.
    Tunnel = 6,
    /// Refused; reading on so that the answer arrives.
    Linger = 7,
}

impl Stage {
    const ALL: [Stage; 8] = [
        Stage::Handshake,
        Stage::Idle,
        Stage::Head,
        Stage::Body,
        Stage::Http2Start,
        Stage::Http2,
        Stage::Tunnel,
        Stage::Linger,
    ];
}

/// How long a client may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub handshake: Duration,
    pub head: Duration,
    pub idle: Duration,
    pub tunnel_idle: Duration,
    /// Neither a request body nor a response may move slower than this, in bytes a second over [`Timeouts::window`].
    pub minimum_rate: u64,
    pub window: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(15),
            idle: Duration::from_secs(30),
            tunnel_idle: Duration::from_secs(600),
            minimum_rate: 128,
            window: Duration::from_secs(15),
        }
    }
}

/// In place of a moment.
const NOT_HTTP2: u64 = u64::MAX;

/// In place of a count of bytes.
const UNKNOWN: u64 = u64::MAX;

/// Shared by the connection's task, its requests and the watch.
#[derive(Debug)]
pub struct Connection {
    started: Instant,
    stage: AtomicU8,
    stage_since_ms: AtomicU64,
    /// HTTP/2: since when no request began or was under way. Control frames do not count, or a client could stay for ever
    /// with PINGs. [`NOT_HTTP2`] otherwise.
    work_since_ms: AtomicU64,
    read_bytes: AtomicU64,
    written_bytes: AtomicU64,
    read_waiting: AtomicBool,
    write_blocked: AtomicBool,
    in_flight: AtomicU32,
    /// Requests that were handed to us so far.
    begun: AtomicU64,
    /// Bytes that had been written when the newest of them began; [`UNKNOWN`] where an earlier answer was not out.
    begun_written: AtomicU64,
    /// Held by each tunnel of an HTTP/2 connection.
    tunnels: std::sync::Arc<()>,
    /// Request bodies that the shop or we wait for.
    bodies_wanted: AtomicU32,
    /// Response bodies with data at hand that the client does not take.
    bodies_stalled: AtomicU32,
    draining: AtomicBool,
    drain_since_ms: AtomicU64,
    client: OnceLock<std::net::IpAddr>,
    refused: OnceLock<(u16, &'static str)>,
    /// Method and target of the refused request, where they were read.
    refused_request: OnceLock<(String, String)>,
    waker: std::sync::Mutex<Option<Waker>>,
    /// Who reads, while a refusal waits for the answers to requests before it.
    refusal: std::sync::Mutex<Option<Waker>>,
    refusal_waits: AtomicBool,
    /// Interim responses (103) that go out before the next bytes of hyper's.
    interim: std::sync::Mutex<Vec<u8>>,
    has_interim: AtomicBool,
    flushed: AtomicBool,
}

impl Connection {
    pub fn new() -> Self {
        Connection {
            started: Instant::now(),
            stage: AtomicU8::new(0),
            stage_since_ms: AtomicU64::new(0),
            work_since_ms: AtomicU64::new(NOT_HTTP2),
            read_bytes: AtomicU64::new(0),
            written_bytes: AtomicU64::new(0),
            read_waiting: AtomicBool::new(false),
            write_blocked: AtomicBool::new(false),
            in_flight: AtomicU32::new(0),
            begun: AtomicU64::new(0),
            begun_written: AtomicU64::new(UNKNOWN),
            tunnels: std::sync::Arc::default(),
            bodies_wanted: AtomicU32::new(0),
            bodies_stalled: AtomicU32::new(0),
            draining: AtomicBool::new(false),
            drain_since_ms: AtomicU64::new(0),
            client: OnceLock::new(),
            refused: OnceLock::new(),
            refused_request: OnceLock::new(),
            waker: std::sync::Mutex::new(None),
            refusal: std::sync::Mutex::new(None),
            refusal_waits: AtomicBool::new(false),
            interim: std::sync::Mutex::new(Vec::new()),
            has_interim: AtomicBool::new(false),
            flushed: AtomicBool::new(true),
        }
    }

    /// Milliseconds since the connection was accepted.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn enter(&self, stage: Stage) {
        let before = self.stage.swap(stage as u8, Relaxed);
        // What begins and ends idle on HTTP/1.1 was a whole request, whose end restarts the clock.
        if before != stage as u8 {
            self.stage_since_ms.store(self.now_ms(), Relaxed);
        }
    }

    /// HTTP/2: the client asks for something, or has just come.
    pub(super) fn has_work(&self) {
        self.work_since_ms.store(self.now_ms(), Relaxed);
    }

    /// From now on the bytes are not HTTP any more.
    pub fn become_tunnel(&self) {
        self.enter(Stage::Tunnel);
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.stage.load(Relaxed) == Stage::Tunnel as u8
    }

    /// Notes why the client is refused; the record is written when the connection ends.
    pub fn refuse(&self, status: u16, code: &'static str) {
        // Only the first reason counts.
        let _ = self.refused.set((status, code));
    }

    /// Notes which request it was.
    pub(super) fn refuse_request(&self, method: &str, target: &str) {
        let _ = self.refused_request.set((method.to_owned(), target.to_owned()));
    }

    /// Method and target of the refused request, cut, as far as they were read.
    pub fn refused_request(&self) -> Option<(&str, &str)> {
        self.refused_request.get().map(|(method, target)| (method.as_str(), target.as_str()))
    }

    /// Whether all that was written has left us.
    pub(super) fn is_flushed(&self) -> bool {
        self.flushed.load(Relaxed)
    }

    /// Requests that were handed to us so far.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Relaxed)
    }

    /// An interim answer of hyper's is out: its request's own answer has not begun.
    pub(super) fn has_continued(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(0);
        let written = self.written_bytes.load(Relaxed);
        if self.begun_written.load(Relaxed) == written.wrapping_sub(count) {
            self.begun_written.store(written, Relaxed);
        }
    }

    /// Whether nothing was written since the newest request began.
    pub(super) fn is_unanswered(&self) -> bool {
        self.is_flushed() && self.begun_written.load(Relaxed) == self.written_bytes.load(Relaxed)
    }

    /// Status and code with which the connection was refused, if it was.
    pub fn refusal(&self) -> Option<(u16, &'static str)> {
        self.refused.get().copied()
    }

    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    pub(super) fn read_waits(&self, waits: bool) {
        self.read_waiting.store(waits, Relaxed);
    }

    pub(super) fn has_read(&self, count: usize) {
        self.read_bytes.fetch_add(u64::try_from(count).unwrap_or(0), Relaxed);
        self.tunnel_moves();
    }

    fn tunnel_moves(&self) {
        if self.is_tunnel() {
            self.stage_since_ms.store(self.now_ms(), Relaxed);
        }
    }

    pub(super) fn has_written(&self, result: &Poll<io::Result<usize>>) {
        match result {
            Poll::Ready(Ok(count)) => {
                self.written_bytes.fetch_add(u64::try_from(*count).unwrap_or(0), Relaxed);
                self.write_blocked.store(false, Relaxed);
                self.flushed.store(false, Relaxed);
                self.tunnel_moves();
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                self.write_blocked.store(true, Relaxed);
                self.flushed.store(false, Relaxed);
            }
        }
    }

    pub(super) fn has_flushed(&self, done: bool) {
        self.write_blocked.store(!done, Relaxed);
        self.flushed.store(done, Relaxed);
    }

    /// Sends an interim response (HTTP/1.1 only). It is dropped while bytes of an earlier response are under way: a
    /// hint is never worth a garbled stream.
    pub fn push_interim(&self, bytes: &[u8]) {
        if self.flushed.load(Relaxed)
            && let Ok(mut interim) = self.interim.lock()
        {
            interim.extend_from_slice(bytes);
            self.has_interim.store(true, Relaxed);
        }
    }

    pub(super) fn take_interim(&self) -> Option<Vec<u8>> {
        if !self.has_interim.swap(false, Relaxed) {
            return None;
        }
        self.interim.lock().ok().map(|mut interim| std::mem::take(&mut *interim))
    }

    /// A request begins; dropping the guard ends it.
    pub fn begin_request(self: &std::sync::Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        self.begun.fetch_add(1, Relaxed);
        let written = if self.is_flushed() { self.written_bytes.load(Relaxed) } else { UNKNOWN };
        self.begun_written.store(written, Relaxed);
        InFlight(self.clone())
    }

    /// A place for one more tunnel, unless there are too many.
    pub fn tunnel_place(&self) -> Option<TunnelPlace> {
        let open = std::sync::Arc::strong_count(&self.tunnels) - 1;
        (open < TUNNELS).then(|| TunnelPlace { _counted: self.tunnels.clone() })
    }

    /// Counts a request body that is being waited for; dropping the guard ends it.
    pub fn want_body(self: &std::sync::Arc<Self>) -> Wanted {
        self.bodies_wanted.fetch_add(1, Relaxed);
        Wanted(self.clone())
    }

    /// Counts a response body whose data the client does not take.
    pub fn body_stalls(&self) {
        self.bodies_stalled.fetch_add(1, Relaxed);
    }

    pub fn body_moves(&self) {
        self.bodies_stalled.fetch_sub(1, Relaxed);
    }

    /// Asks the connection's task to finish what it is at and close.
    pub fn drain(&self) {
        if self.draining.swap(true, Relaxed) {
            return;
        }
        self.drain_since_ms.store(self.now_ms(), Relaxed);
        if let Ok(waker) = self.waker.lock()
            && let Some(waker) = waker.as_ref()
        {
            waker.wake_by_ref();
        }
    }

    /// A refusal's turn has not come: `waker` is called when a request ends.
    pub(super) fn refusal_waits(&self, waker: &Waker) {
        if let Ok(mut slot) = self.refusal.lock() {
            *slot = Some(waker.clone());
            self.refusal_waits.store(true, Relaxed);
        }
    }

    fn wake_refusal(&self) {
        if self.refusal_waits.swap(false, Relaxed)
            && let Ok(mut slot) = self.refusal.lock()
            && let Some(waker) = slot.take()
        {
            waker.wake();
        }
    }

    /// Notes why the watch closes the connection.
    pub fn close_for(&self, code: &'static str) {
        self.refuse(0, code);
    }

    /// Whether a drain was asked for more than two seconds ago: whoever has not left by then is put out.
    pub fn asked_to_drain_before(&self) -> bool {
        let since = self.drain_since_ms.load(Relaxed);
        self.is_draining() && self.now_ms().saturating_sub(since) > 2_000
    }

    /// The client that a PROXY header named.
    pub fn set_client(&self, ip: std::net::IpAddr) {
        // Told once, before the first byte of TLS.
        let _ = self.client.set(ip);
    }

    pub fn client(&self) -> Option<std::net::IpAddr> {
        self.client.get().copied()
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// Resolves when a drain is asked for.
    pub async fn drained(&self) {
        std::future::poll_fn(|cx| {
            self.woken_by(cx.waker());
            if self.is_draining() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Whether no byte of HTTP has come yet: such a connection is closed without asking.
    pub fn in_handshake(&self) -> bool {
        self.stage.load(Relaxed) == Stage::Handshake as u8
    }

    /// Whom [`Connection::drain`] wakes.
    pub fn woken_by(&self, waker: &Waker) {
        if let Ok(mut slot) = self.waker.lock()
            && !slot.as_ref().is_some_and(|w| w.will_wake(waker))
        {
            *slot = Some(waker.clone());
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        let stage = usize::from(self.stage.load(Relaxed));
        Snapshot {
            now_ms: self.now_ms(),
            stage: Stage::ALL.get(stage).copied().unwrap_or(Stage::Handshake),
            stage_since_ms: self.stage_since_ms.load(Relaxed),
            work_since_ms: self.work_since_ms.load(Relaxed),
            read_bytes: self.read_bytes.load(Relaxed),
            written_bytes: self.written_bytes.load(Relaxed),
            read_waiting: self.read_waiting.load(Relaxed),
            write_blocked: self.write_blocked.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            bodies_wanted: self.bodies_wanted.load(Relaxed),
            bodies_stalled: self.bodies_stalled.load(Relaxed),
        }
    }
}

impl Default for Connection {
    fn default() -> Self {
        Connection::new()
    }
}

/// WebSockets at a time on one HTTP/2 connection: each holds a connection to the shop for as long as it likes.
const TUNNELS: usize = 16;

/// A tunnel inside of a connection that goes on; dropping it makes room for another.
#[derive(Debug)]
pub struct TunnelPlace {
    _counted: std::sync::Arc<()>,
}

/// Ends a request when dropped.
#[derive(Debug)]
pub struct InFlight(std::sync::Arc<Connection>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
        self.0.wake_refusal();
        // An idle time begins when the last answer is out, not when the last request came in.
        let now_ms = self.0.now_ms();
        self.0.stage_since_ms.store(now_ms, Relaxed);
        if self.0.work_since_ms.load(Relaxed) != NOT_HTTP2 {
            self.0.work_since_ms.store(now_ms, Relaxed);
        }
    }
}

/// Ends the wait for a request body when dropped.
#[derive(Debug)]
pub struct Wanted(std::sync::Arc<Connection>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.bodies_wanted.fetch_sub(1, Relaxed);
    }
}

/// A connection at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    pub now_ms: u64,
    pub stage: Stage,
    pub stage_since_ms: u64,
    pub work_since_ms: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
    pub read_waiting: bool,
    pub write_blocked: bool,
    pub in_flight: u32,
    pub bodies_wanted: u32,
    pub bodies_stalled: u32,
}

/// Since when a direction has moved too few bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    since_ms: u64,
    bytes: u64,
    running: bool,
}

impl Pace {
    /// Notes a moment; true once a whole window brought less than the minimum.
    fn too_slow(&mut self, blames_client: bool, now_ms: u64, bytes: u64, timeouts: &Timeouts) -> bool {
        if !blames_client || !self.running {
            *self = Pace { since_ms: now_ms, bytes, running: blames_client };
            return false;
        }
        let window_ms = millis(timeouts.window);
        if now_ms.saturating_sub(self.since_ms) < window_ms {
            return false;
        }
        let least = timeouts.minimum_rate.saturating_mul(window_ms) / 1_000;
        let moved = bytes.saturating_sub(self.bytes);
        *self = Pace { since_ms: now_ms, bytes, running: true };
        moved < least
    }
}

/// The watch's memory of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watched {
    inbound: Pace,
    outbound: Pace,
}

impl Snapshot {
    /// Why the connection must go now, if it must. Looks once a second; `watched` remembers between the looks.
    pub fn overdue(&self, watched: &mut Watched, timeouts: &Timeouts) -> Option<&'static str> {
        let staged_ms = self.now_ms.saturating_sub(self.stage_since_ms);
        let past = |limit: Duration| staged_ms > millis(limit);
        // Nothing, unless it is HTTP/2.
        let workless_ms = self.now_ms.saturating_sub(self.work_since_ms);
        let by_stage = match self.stage {
            Stage::Handshake => past(timeouts.handshake).then_some("slow.handshake"),
            Stage::Http2Start => past(timeouts.handshake).then_some("slow.preface"),
            Stage::Idle if self.in_flight == 0 => past(timeouts.idle).then_some("slow.idle"),
            Stage::Head if past(timeouts.head) => Some("slow.head"),
            // Also in the middle of a frame: a PING may come drop by drop.
            Stage::Http2 | Stage::Head if self.in_flight == 0 && workless_ms > millis(timeouts.idle) => {
                Some("slow.idle")
            }
            Stage::Linger => past(Duration::from_secs(2)).then_some("slow.linger"),
            Stage::Tunnel => past(timeouts.tunnel_idle).then_some("slow.tunnel"),
            Stage::Idle | Stage::Head | Stage::Body | Stage::Http2 => None,
        };
        if by_stage.is_some() || matches!(self.stage, Stage::Tunnel | Stage::Linger) {
            return by_stage;
        }
        // Only a client that is waited for can be too slow: a busy shop is not its fault.
        let wanted = self.bodies_wanted > 0 && self.read_waiting;
        if watched.inbound.too_slow(wanted, self.now_ms, self.read_bytes, timeouts) {
            return Some("slow.body");
        }
        let refused = self.write_blocked || self.bodies_stalled > 0;
        if watched.outbound.too_slow(refused, self.now_ms, self.written_bytes, timeouts) {
            return Some("slow.reader");
        }
        None
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(stage: Stage) -> Snapshot {
        Snapshot {
            now_ms: 0,
            stage,
            stage_since_ms: 0,
            work_since_ms: if stage == Stage::Http2 { 0 } else { NOT_HTTP2 },
            read_bytes: 0,
            written_bytes: 0,
            read_waiting: true,
            write_blocked: false,
            in_flight: 0,
            bodies_wanted: 0,
            bodies_stalled: 0,
        }
    }

    /// Looks once a second for two minutes; tells when and why the connection went.
    fn run(mut at: Snapshot, each_second: impl Fn(&mut Snapshot)) -> Option<(u64, &'static str)> {
        let (mut watched, timeouts) = (Watched::default(), Timeouts::default());
        (0..120).find_map(|second| {
            at.now_ms = second * 1_000;
            each_second(&mut at);
            at.overdue(&mut watched, &timeouts).map(|why| (second, why))
        })
    }

    #[test]
    fn each_slow_form_ends_within_thirty_one_seconds() {
        let body = Snapshot { in_flight: 1, bodies_wanted: 1, ..snapshot(Stage::Body) };
        let reader = Snapshot { in_flight: 1, write_blocked: true, ..snapshot(Stage::Idle) };
        let h2_reader = Snapshot { in_flight: 1, bodies_stalled: 1, ..snapshot(Stage::Http2) };
        type Case = (&'static str, Snapshot, fn(&mut Snapshot));
        let cases: [Case; 10] = [
            ("no ClientHello", snapshot(Stage::Handshake), |_| {}),
            ("TLS, no request", snapshot(Stage::Idle), |_| {}),
            ("half a head", snapshot(Stage::Head), |_| {}),
            ("a header line a second", snapshot(Stage::Head), |s| s.read_bytes += 10),
            ("no body", body, |_| {}),
            ("a body byte a second", body, |s| s.read_bytes += 1),
            ("h2 without preface", snapshot(Stage::Http2Start), |s| s.read_bytes += 1),
            ("h2 idle", snapshot(Stage::Http2), |_| {}),
            ("a reader that stopped", reader, |_| {}),
            ("an h2 reader without window, 1 byte a second", h2_reader, |s| s.written_bytes += 1),
        ];
        for (name, at, each_second) in cases {
            let went = run(at, each_second);
            assert!(went.is_some_and(|(second, _)| second <= 31), "{name}: {went:?}");
        }
    }

    #[test]
    fn honest_clients_stay() {
        let upload = Snapshot { in_flight: 1, bodies_wanted: 1, ..snapshot(Stage::Body) };
        assert_eq!(run(upload, |s| s.read_bytes += 500), None);
        let waiting_for_the_shop = Snapshot { in_flight: 1, ..snapshot(Stage::Idle) };
        assert_eq!(run(waiting_for_the_shop, |_| {}), None);
        let download = Snapshot { in_flight: 1, write_blocked: true, ..snapshot(Stage::Idle) };
        assert_eq!(run(download, |s| s.written_bytes += 500), None);
        assert_eq!(run(snapshot(Stage::Tunnel), |_| {}), None);
    }
}
