//! How the workers share the connections. All of them accept from one socket, and whoever wakes first would take all that come
//! together and serve them alone, on one core, for as long as they live. So whoever accepts one hands it to the worker that
//! has the fewest.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::mpsc;

/// Handing over wakes another thread: a worker keeps what it accepted unless another has so many fewer.
const MARGIN: usize = 2;
/// Connections on their way to one worker. When there is no room its accepter serves them.
const ON_THE_WAY: usize = 256;

/// A connection and where it comes from, on its way to the worker that it is counted for.
pub type HandedOver = (std::net::TcpStream, SocketAddr, Counted);

/// All workers, as each of them sees the others.
#[derive(Clone, Debug)]
pub struct Workers(Arc<[Worker]>);

#[derive(Debug)]
struct Worker {
    open: AtomicUsize,
    to_it: mpsc::Sender<HandedOver>,
}

/// A connection that a worker has. Dropping it counts it out.
#[derive(Debug)]
pub struct Counted {
    workers: Workers,
    worker: usize,
}

impl Workers {
    /// So many workers, and where each hears of what the others hand over.
    pub fn new(count: usize) -> (Self, Vec<mpsc::Receiver<HandedOver>>) {
        let channels = (0..count).map(|_| mpsc::channel(ON_THE_WAY));
        let (senders, receivers): (Vec<_>, Vec<_>) = channels.unzip();
        let worker = |to_it| Worker { open: AtomicUsize::new(0), to_it };
        (Workers(senders.into_iter().map(worker).collect()), receivers)
    }

    /// Counts a connection that worker `own` accepted, for the worker that shall have it.
    pub fn count(&self, own: usize) -> Counted {
        self.count_for(self.choose(own))
    }

    /// Counts a connection for this worker, however many it has.
    pub fn count_for(&self, worker: usize) -> Counted {
        if let Some(chosen) = self.0.get(worker) {
            chosen.open.fetch_add(1, Relaxed);
        }
        Counted { workers: self.clone(), worker }
    }

    /// The fewest, or `own` where they differ by little. What others do meanwhile makes no great difference.
    fn choose(&self, own: usize) -> usize {
        let open = |worker: &Worker| worker.open.load(Relaxed);
        let mine = self.0.get(own).map_or(0, open);
        let fewest = self.0.iter().map(open).enumerate().min_by_key(|(_, count)| *count);
        fewest.filter(|(_, count)| count + MARGIN < mine).map_or(own, |(worker, _)| worker)
    }
}

impl Counted {
    pub const fn worker(&self) -> usize {
        self.worker
    }

    /// Sends a connection to its worker; gives it back where that has no room or has ended.
    pub fn hand_over(self, tcp: std::net::TcpStream, address: SocketAddr) -> Result<(), std::net::TcpStream> {
        let Some(to_it) = self.workers.0.get(self.worker).map(|worker| worker.to_it.clone()) else {
            return Err(tcp);
        };
        to_it.try_send((tcp, address, self)).map_err(|error| error.into_inner().0)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(worker) = self.workers.0.get(self.worker) {
            worker.open.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Went wrong: of 384 connections that came together one worker had all.
    #[test]
    fn what_comes_together_is_spread_whoever_accepts_it() {
        let (workers, _receivers) = Workers::new(4);
        let counted: Vec<Counted> = (0..400).map(|_| workers.count(2)).collect();
        for worker in 0..4 {
            let has = counted.iter().filter(|one| one.worker() == worker).count();
            assert!((97..=103).contains(&has), "{worker} has {has}");
        }
        drop(counted);
        assert!(workers.0.iter().all(|worker| worker.open.load(Relaxed) == 0));
    }

    #[test]
    fn a_few_more_are_no_reason_to_wake_another() {
        let (workers, _receivers) = Workers::new(2);
        let first: Vec<Counted> = (0..3).map(|_| workers.count(1)).collect();
        assert!(first.iter().all(|one| one.worker() == 1));
        assert_eq!(workers.count(1).worker(), 0);
        let (alone, _receivers) = Workers::new(1);
        let all: Vec<Counted> = (0..100).map(|_| alone.count(0)).collect();
        assert!(all.iter().all(|one| one.worker() == 0));
    }

    #[test]
    fn what_cannot_be_handed_over_comes_back_and_is_not_counted() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || std::net::TcpStream::connect(address).unwrap();
        let (workers, mut receivers) = Workers::new(2);
        assert!(workers.count_for(0).hand_over(connect(), address).is_ok());
        assert_eq!(workers.0[0].open.load(Relaxed), 1, "on its way it counts");
        assert!(receivers[0].try_recv().is_ok());
        receivers.clear();
        assert!(workers.count_for(0).hand_over(connect(), address).is_err());
        assert!(workers.0.iter().all(|worker| worker.open.load(Relaxed) == 0));
    }
}
