//! How a domain asks the shop a question of its own: who is signed in with these cookies, sign this session out.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};
use storeward_base::{ClientIp, RequestId};

/// What is asked, and in whose place.
#[derive(Debug)]
pub struct Question {
    /// The shop is told that it is this client who asks.
    pub client: ClientIp,
    /// The request that gave rise to it.
    pub id: RequestId,
    /// The target is a path with its query; `Host` stands in the headers. What the edge writes itself (framing, the
    /// client's address) is not taken from here.
    pub request: Request<Bytes>,
}

/// The shop gave no answer that could be used. The code is stable and tells nothing of the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAnswer(pub &'static str);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the shop did not answer a question of ours: {}", self.0)
    }
}

impl std::error::Error for NoAnswer {}

/// The answer, when it comes.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, NoAnswer>> + Send + 'a>>;

/// Asks the shop. Each question and its answer are bounded in size and time; redirects are answers, not followed.
pub trait AskShop: Send + Sync {
    fn ask(&self, question: Question) -> Asking<'_>;
}
