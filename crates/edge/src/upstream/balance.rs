//! Which server takes a request, and the idle connections of one core.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::server::Server;
use super::wire::Wire;

/// Weighted least connections: the server with the fewest requests under way for its weight.
#[derive(Debug)]
pub struct Balancer {
    servers: Vec<Arc<Server>>,
}

impl Balancer {
    pub fn new(servers: Vec<Arc<Server>>) -> Self {
        Balancer { servers }
    }

    pub fn servers(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// Whether another server than this one is up.
    pub fn has_beside(&self, server: &Arc<Server>) -> bool {
        self.servers.iter().any(|other| !Arc::ptr_eq(other, server) && other.health.is_up())
    }

    /// The best server that is up and not in `tried`.
    pub fn choose(&self, tried: &[Arc<Server>]) -> Option<&Arc<Server>> {
        let fresh = |s: &&Arc<Server>| s.health.is_up() && !tried.iter().any(|t| Arc::ptr_eq(t, s));
        // Load as a fraction (in_flight + 1) / weight, compared without division.
        self.servers.iter().filter(fresh).min_by(|a, b| {
            let load = |s: &Server| u64::from(s.in_flight.load(Relaxed)) + 1;
            (load(a) * u64::from(b.weight)).cmp(&(load(b) * u64::from(a.weight)))
        })
    }
}

/// A server closes idle connections after some seconds (Node: 5, Apache: 5, nginx: 75): ours leave before most do.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept for one server on one core. As many as a busy HTTP/2 client has requests under way: with fewer,
/// every fifth request of such a load opened a connection.
const IDLE_MAX: usize = 128;

/// What a kept connection is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A request that may be sent once more, should the shop have closed.
    Repeatable,
    /// An order: looked at as late and as closely as can be, for one system call.
    Once,
}

/// The idle connections of one core; newest first out, so that few stay warm.
#[derive(Debug, Default)]
pub struct IdlePool(RefCell<Vec<Idle>>);

/// One server's; a shop has few, so that looking through them beats hashing.
#[derive(Debug)]
struct Idle {
    /// [`Server::number`].
    server: u64,
    #[expect(clippy::vec_box, reason = "a connection moves with each request: by its box")]
    wires: Vec<Box<Wire>>,
}

impl IdlePool {
    /// An open, silent connection to the server, if one is at hand.
    pub fn take(&self, server: &Server, use_for: Use) -> Option<Box<Wire>> {
        let mut pool = self.0.borrow_mut();
        let idle = &mut pool.iter_mut().find(|idle| idle.server == server.number)?.wires;
        while let Some(mut wire) = idle.pop() {
            if wire.used_at.elapsed() > IDLE {
                // The rest is older still.
                idle.clear();
                return None;
            }
            let is_quiet = match use_for {
                Use::Repeatable => wire.is_quiet(),
                Use::Once => wire.is_quiet_now(),
            };
            if is_quiet {
                wire.reused = true;
                return Some(wire);
            }
        }
        None
    }

    pub fn put(&self, server: &Server, mut wire: Box<Wire>) {
        wire.used_at = std::time::Instant::now();
        let mut pool = self.0.borrow_mut();
        match pool.iter_mut().find(|idle| idle.server == server.number) {
            Some(idle) if idle.wires.len() >= IDLE_MAX => {}
            Some(idle) => idle.wires.push(wire),
            None => pool.push(Idle { server: server.number, wires: vec![wire] }),
        }
    }

    /// Closes what has been idle too long.
    pub fn sweep(&self) {
        self.0.borrow_mut().retain_mut(|idle| {
            idle.wires.retain(|wire| wire.used_at.elapsed() <= IDLE);
            !idle.wires.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balancer(weights: &[u32]) -> Balancer {
        let server = |(i, w): (usize, &u32)| {
            Arc::new(Server::parse(&format!("http://127.0.0.1:{}", 1000 + i), *w, None).unwrap())
        };
        Balancer::new(weights.iter().enumerate().map(server).collect())
    }

    #[test]
    fn load_follows_weight() {
        let balancer = balancer(&[1, 3]);
        let under_way: Vec<_> = (0..400).map(|_| balancer.choose(&[]).unwrap().begin()).collect();
        assert_eq!(balancer.servers()[0].in_flight.load(Relaxed), 100);
        drop(under_way);
        assert_eq!(balancer.servers()[1].in_flight.load(Relaxed), 0);
    }

    /// Went wrong: after a reload with another ca_file, connections that the old roots had vouched for went on serving.
    #[tokio::test]
    async fn a_connection_goes_back_only_to_the_server_that_verified_it() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let before = Server::parse(&url, 1, None).unwrap();
        let after = Server::parse(&url, 1, None).unwrap();
        let wire = before.connect(Duration::from_secs(5)).await.unwrap();
        let _shop = listener.accept().await.unwrap();
        let pool = IdlePool::default();
        pool.put(&before, wire);
        assert!(pool.take(&after, Use::Repeatable).is_none());
        assert!(pool.take(&before, Use::Once).is_some_and(|wire| wire.reused));
        pool.sweep();
        assert!(pool.0.borrow().is_empty(), "nothing is left of servers that are gone");
    }

    #[test]
    fn servers_that_are_down_or_tried_are_left_out() {
        let balancer = balancer(&[1, 1]);
        for _ in 0..3 {
            balancer.servers()[0].health.failed();
        }
        let chosen = balancer.choose(&[]).unwrap().clone();
        assert!(Arc::ptr_eq(&chosen, &balancer.servers()[1]));
        assert!(balancer.choose(&[chosen]).is_none());
    }
}
