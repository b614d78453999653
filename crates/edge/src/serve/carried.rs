//! What is carried to its end where the client leaves: whether the shop signed somebody in shows in its answer alone. Whoever hung up on a
//! sign-in would leave the session undecided otherwise, with the shop still at it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Response;
use storeward_base::{AddressBlock, ClientIp};
use tokio::sync::mpsc;

use crate::edge_body::EdgeBody;

/// At once, of one worker: who hangs up as fast as they can ties no more of the shop's connections up. Of one more it is not seen what came
/// of it, as of one that the shop never answers.
const MOST: usize = 64;
/// Of one network: nobody takes all of those.
const MOST_EACH: usize = 8;
/// Of the whole rest, whatever the shop's time for an answer is.
const LONGEST: Duration = Duration::from_secs(180);

type Served = Pin<Box<dyn Future<Output = Result<Response<EdgeBody>, Infallible>>>>;

/// For whom an exchange goes on without its client; set once the request goes to the shop.
#[derive(Clone, Debug, Default)]
pub struct Wish(Rc<Cell<Option<ClientIp>>>);

impl Wish {
    pub fn set(&self, client: Option<ClientIp>) {
        self.0.set(client);
    }
}

/// Where a worker's go on.
#[derive(Clone, Debug)]
pub struct Carrier {
    send: mpsc::UnboundedSender<(Served, Place)>,
    taken: Taken,
}

/// How many there are, by network.
type Taken = Rc<RefCell<HashMap<AddressBlock, usize>>>;

/// One of them.
#[derive(Debug)]
struct Place {
    taken: Taken,
    network: AddressBlock,
}

impl Place {
    /// Nothing without room.
    fn take(taken: &Taken, client: ClientIp) -> Option<Self> {
        let network = client.block();
        let mut counts = taken.borrow_mut();
        let all: usize = counts.values().sum();
        let own = counts.get(&network).copied().unwrap_or(0);
        if all >= MOST || own >= MOST_EACH {
            return None;
        }
        counts.insert(network, own + 1);
        Some(Place { taken: taken.clone(), network })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.taken.borrow_mut();
        if let Some(count) = counts.get_mut(&self.network).filter(|count| **count > 1) {
            *count -= 1;
        } else {
            counts.remove(&self.network);
        }
    }
}

impl Carrier {
    /// With what runs them, on the worker's own thread.
    pub fn new() -> (Self, impl Future<Output = ()>) {
        let (send, mut receive) = mpsc::unbounded_channel::<(Served, Place)>();
        let running = async move {
            while let Some((served, place)) = receive.recv().await {
                tokio::task::spawn_local(async move {
                    // The answer goes to nobody.
                    drop(tokio::time::timeout(LONGEST, served).await);
                    drop(place);
                });
            }
        };
        (Carrier { send, taken: Taken::default() }, running)
    }

    /// Without room it ends here.
    fn take(&self, served: Served, client: ClientIp) {
        if let Some(place) = Place::take(&self.taken, client) {
            drop(self.send.send((served, place)));
        }
    }
}

/// One exchange, as long as its client is there.
pub struct Carried {
    served: Option<Served>,
    wish: Wish,
    carrier: Carrier,
}

impl Carried {
    pub fn new(served: Served, wish: Wish, carrier: Carrier) -> Self {
        Carried { served: Some(served), wish, carrier }
    }
}

impl Future for Carried {
    type Output = Result<Response<EdgeBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(served) = self.served.as_mut() else { return Poll::Pending };
        let polled = served.as_mut().poll(context);
        if polled.is_ready() {
            self.served = None;
        }
        polled
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        if let (Some(served), Some(client)) = (self.served.take(), self.wish.0.get()) {
            self.carrier.take(served, client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(n: u8) -> ClientIp {
        ClientIp::new([192, 0, 2, n].into())
    }

    /// An exchange that the shop never answers.
    fn silent(held: &Rc<()>, carrier: &Carrier, client: Option<ClientIp>) -> Carried {
        let (wish, held) = (Wish::default(), held.clone());
        wish.set(client);
        let served = Box::pin(async move {
            let _held = held;
            std::future::pending().await
        });
        Carried::new(served, wish, carrier.clone())
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_are_carried_and_so_long() {
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let (carrier, running) = Carrier::new();
                tokio::task::spawn_local(running);
                let held = Rc::new(());
                drop(silent(&held, &carrier, None));
                assert_eq!(Rc::strong_count(&held), 1, "nobody wants to see its end");
                for _ in 0..MOST {
                    drop(silent(&held, &carrier, Some(client(1))));
                }
                assert_eq!(Rc::strong_count(&held), 1 + MOST_EACH, "nobody takes all places");
                for n in 2..=u8::MAX {
                    drop(silent(&held, &carrier, Some(client(n))));
                }
                assert_eq!(Rc::strong_count(&held), 1 + MOST);
                tokio::time::sleep(LONGEST + Duration::from_secs(1)).await;
                assert_eq!(Rc::strong_count(&held), 1);
                drop(silent(&held, &carrier, Some(client(1))));
                assert_eq!(Rc::strong_count(&held), 2, "there is room again");
            })
            .await;
    }
}
