//! A tunnel in which somebody hears each message of the client before the shop does.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use storeward_host::Listener;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

use super::Moved;
use super::frames::{Boundary, Fault, Frames, Piece};

/// A client that is told why it ends has so long to hear it, and the shop to come to the end of a frame.
const FAREWELL: Duration = Duration::from_secs(2);
const BUFFER: usize = 8 * 1024;

/// Why it ends, from the one direction to the other.
#[derive(Default)]
struct Ended {
    fault: Cell<Option<Fault>>,
    told: Notify,
}

/// Passes on both ways until one side ends, or until a message may not pass. `early` is what the shop said already.
pub(super) async fn carry<C, S>(
    (mut from_client, mut to_client): (impl AsyncRead + Unpin, C),
    (mut from_shop, mut to_shop): (impl AsyncRead + Unpin, S),
    early: &[u8],
    moved: &Moved,
    listener: &mut dyn Listener,
) -> io::Result<Option<Fault>>
where
    C: AsyncWrite + Unpin,
    S: AsyncWrite + Unpin,
{
    let ended = Ended::default();
    let up = async {
        let passed = pass_heard(&mut from_client, &mut to_shop, &moved.from_client, listener).await?;
        let Some(fault) = passed else { return to_shop.shutdown().await };
        ended.fault.set(Some(fault));
        ended.told.notify_one();
        // The shop may have gone, and a client whose bytes nobody takes would not hear why.
        let _ = to_shop.shutdown().await;
        let _ =
            tokio::time::timeout(FAREWELL, tokio::io::copy(&mut from_client, &mut tokio::io::sink())).await;
        Ok(())
    };
    let down = async {
        let mut boundary = Boundary::default();
        boundary.pass(early);
        to_client.write_all(early).await?;
        let is_over =
            pass_until(&mut from_shop, &mut to_client, &moved.from_shop, (&mut boundary, &ended)).await?;
        if let (false, Some(fault)) = (is_over, ended.fault.get())
            && boundary.is_between()
        {
            to_client.write_all(fault.close()).await?;
        }
        to_client.shutdown().await
    };
    tokio::try_join!(up, down)?;
    Ok(ended.fault.get())
}

/// Until the client's end, or the message that may not pass.
async fn pass_heard(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    count: &Cell<u64>,
    listener: &mut dyn Listener,
) -> io::Result<Option<Fault>> {
    let mut frames = Frames::new(listener.most_bytes());
    loop {
        frames.inbound.reserve(BUFFER);
        let read = from.read_buf(&mut frames.inbound).await?;
        if read == 0 {
            return Ok(None);
        }
        count.set(count.get().saturating_add(u64::try_from(read).unwrap_or(0)));
        loop {
            match frames.next() {
                Ok(None) => break,
                Ok(Some(Piece::Control(frame))) => to.write_all(&frame).await?,
                Ok(Some(Piece::Message)) if listener.may_pass(frames.message()).await => {
                    let held = frames.held();
                    to.write_all(&held).await?;
                }
                Ok(Some(Piece::Message)) => return Ok(Some(Fault::Refused)),
                Err(fault) => return Ok(Some(fault)),
            }
        }
        to.flush().await?;
    }
}

/// Until the shop's end, or, when the other direction ended, the end of a frame. Says whether it was the shop's end.
async fn pass_until(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    count: &Cell<u64>,
    (boundary, ended): (&mut Boundary, &Ended),
) -> io::Result<bool> {
    let mut buffer = vec![0u8; BUFFER];
    let mut late = std::pin::pin!(tokio::time::sleep(FAREWELL));
    loop {
        let is_ending = ended.fault.get().is_some();
        if is_ending && boundary.is_between() {
            return Ok(false);
        }
        let read = tokio::select! {
            read = from.read(&mut buffer) => read?,
            () = ended.told.notified(), if !is_ending => {
                late.as_mut().reset(tokio::time::Instant::now() + FAREWELL);
                continue;
            }
            () = &mut late, if is_ending => return Ok(false),
        };
        if read == 0 {
            return Ok(true);
        }
        let bytes = buffer.get(..read).unwrap_or_default();
        to.write_all(bytes).await?;
        to.flush().await?;
        boundary.pass(bytes);
        count.set(count.get().saturating_add(u64::try_from(read).unwrap_or(0)));
    }
}
