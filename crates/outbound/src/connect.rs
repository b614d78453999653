//! From a destination to an open connection: list, name, addresses, TCP, TLS, in this order.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::{Place, place_of};
use crate::allow::{Destination, Reach};
use crate::error::OutboundError;
use crate::names::Names;

/// A name with more addresses than this is cut: each one that does not answer costs time.
const MOST_ADDRESSES: usize = 8;

/// An open connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Opens a connection to an address that was checked. The caller sets the time limit.
pub(crate) async fn open(
    destination: &Destination,
    reach: Reach,
    names: &dyn Names,
    tls: Option<&Arc<ClientConfig>>,
) -> Result<Stream, OutboundError> {
    let addresses = addresses(destination, reach, names).await?;
    let tcp = connect_any(destination, &addresses).await?;
    if destination.begins_with_tls() { secure(destination, tcp, tls).await } else { Ok(Stream::Plain(tcp)) }
}

/// Puts TLS over an open connection; the other side must prove that it is the destination's host.
pub(crate) async fn secure(
    destination: &Destination,
    tcp: TcpStream,
    tls: Option<&Arc<ClientConfig>>,
) -> Result<Stream, OutboundError> {
    let tls_fault = |source| OutboundError::Tls { destination: destination.clone(), source };
    let config = tls.ok_or_else(|| OutboundError::Roots { why: "TLS was not set up".to_owned() })?;
    let name =
        ServerName::try_from(destination.host().to_owned()).map_err(|e| tls_fault(io::Error::other(e)))?;
    let stream = TlsConnector::from(config.clone()).connect(name, tcp).await.map_err(tls_fault)?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// The addresses of a destination. One that is not allowed refuses the call as a whole: a name that leads outside and
/// inside at once was made to slip through.
async fn addresses(
    destination: &Destination,
    reach: Reach,
    names: &dyn Names,
) -> Result<Vec<IpAddr>, OutboundError> {
    let unknown = |source| OutboundError::Name { destination: destination.clone(), source };
    let mut found = match destination.ip() {
        Some(ip) => vec![ip],
        None => names.resolve(destination.host()).await.map_err(unknown)?,
    };
    if let Some(address) = found.iter().copied().find(|ip| !may_connect(destination, reach, *ip)) {
        return Err(OutboundError::Address { destination: destination.clone(), address });
    }
    found.truncate(MOST_ADDRESSES);
    if found.is_empty() {
        return Err(unknown(io::Error::new(io::ErrorKind::NotFound, "it has no address")));
    }
    Ok(found)
}

/// A destination that is listed as internal may lie inside. Link-local is reached only where the operator wrote down the
/// very address: a name, even one of ours, must not come to mean the metadata service.
fn may_connect(destination: &Destination, reach: Reach, ip: IpAddr) -> bool {
    match (reach, place_of(ip)) {
        (_, Place::Public) | (Reach::Internal, Place::Inside) => true,
        (Reach::Internal, Place::LinkLocal) => destination.ip() == Some(ip),
        (Reach::Public, Place::Inside | Place::LinkLocal) | (_, Place::Nowhere) => false,
    }
}

async fn connect_any(destination: &Destination, addresses: &[IpAddr]) -> Result<TcpStream, OutboundError> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for ip in addresses {
        match TcpStream::connect(SocketAddr::new(*ip, destination.port())).await {
            Ok(stream) => {
                // Without it a small request may wait for an acknowledgement; nothing breaks when it cannot be set.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(e) => last = e,
        }
    }
    Err(OutboundError::Connect { destination: destination.clone(), source: last })
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
