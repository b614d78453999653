//! One request and its answer on one connection. Dropping the future closes the connection.

use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use crate::allow::Destination;
use crate::connect::Stream;
use crate::error::{OutboundError, Phase};
use crate::request::{Limits, Reply};

/// Of an answer's head; hyper wants at least 8 KiB.
pub(crate) const LARGEST_HEAD_BYTES: usize = 64 * 1024;
const MOST_HEADERS: usize = 128;

/// What one exchange needs to know.
pub(crate) struct Exchange<'a> {
    pub destination: &'a Destination,
    pub limits: Limits,
    /// Take the beginning of a body that is too large.
    pub cut: bool,
}

impl Exchange<'_> {
    pub async fn run(
        &self,
        stream: Stream,
        request: http::Request<Full<Bytes>>,
    ) -> Result<Reply, OutboundError> {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(LARGEST_HEAD_BYTES)
            .max_headers(MOST_HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|e| self.answer(e))?;
        let talk = self.talk(sender, request);
        tokio::pin!(talk, connection);
        tokio::select! {
            biased;
            reply = &mut talk => reply,
            // The connection is done; what it read is at hand, or `talk` learns what went wrong.
            _ = &mut connection => talk.await,
        }
    }

    async fn talk(
        &self,
        mut sender: SendRequest<Full<Bytes>>,
        request: http::Request<Full<Bytes>>,
    ) -> Result<Reply, OutboundError> {
        let sent = self.within(self.limits.head, Phase::Head, sender.send_request(request)).await?;
        let (parts, body) = sent.map_err(|e| self.answer(e))?.into_parts();
        let (body, is_cut) = self.within(self.limits.body, Phase::Body, self.read(body)).await??;
        Ok(Reply { status: parts.status, headers: parts.headers, body, is_cut })
    }

    /// Reads the body up to the limit, counting what is there and not what was promised.
    async fn read(&self, mut body: Incoming) -> Result<(Bytes, bool), OutboundError> {
        let limit = self.limits.body_bytes;
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| self.answer(e))?;
            let Ok(data) = frame.into_data() else { continue };
            let room = limit.saturating_sub(read.len());
            if data.len() <= room {
                read.extend_from_slice(&data);
            } else if self.cut {
                read.extend_from_slice(data.get(..room).unwrap_or(&data));
                return Ok((read.freeze(), true));
            } else {
                return Err(self.too_large(limit));
            }
        }
        Ok((read.freeze(), false))
    }

    async fn within<T>(
        &self,
        limit: Duration,
        phase: Phase,
        work: impl Future<Output = T>,
    ) -> Result<T, OutboundError> {
        tokio::time::timeout(limit, work)
            .await
            .map_err(|_| OutboundError::Timeout { destination: self.destination.clone(), phase })
    }

    fn answer(&self, source: hyper::Error) -> OutboundError {
        if source.is_parse_too_large() {
            return self.too_large(LARGEST_HEAD_BYTES);
        }
        OutboundError::Answer { destination: self.destination.clone(), source }
    }

    fn too_large(&self, limit_bytes: usize) -> OutboundError {
        OutboundError::TooLarge { destination: self.destination.clone(), limit_bytes }
    }
}
