//! PostgreSQL, as somebody else's: over a stream that counts what comes, so that no answer fills the memory, and with one time limit
//! for each question, however little at a time the server says.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use postgres::config::Host;
use postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};
use tokio_stream::StreamExt;

use super::{CONNECT_WAIT, MOST_BYTES, Room, Table, WAIT, name_of, refused, words_of};
use crate::Error;
use crate::tls::Tls;
use crate::url::{Encryption, Server};

const SETTINGS: &str = "SET default_transaction_read_only = on; SET statement_timeout = '120s'; SET timezone = 'UTC'; \
                        SET datestyle = 'ISO'; SET client_min_messages = warning; SET standard_conforming_strings = on";
/// What an answer has beside its values, and what TLS adds to it.
const AROUND: usize = 1024 * 1024;
/// A server that is told goodbye need not answer.
const GOODBYE: Duration = Duration::from_secs(1);

/// A session in which nothing can be written.
pub(super) struct Session {
    client: Client,
    spoken: JoinHandle<()>,
    left: Arc<AtomicUsize>,
    runtime: Runtime,
    wait: Duration,
}

fn lost() -> Error {
    Error::Lost("the other database's server does not answer".to_owned())
}

impl Session {
    pub(super) fn open(server: &Server) -> Result<Self, Error> {
        Self::open_within(server, WAIT)
    }

    pub(super) fn open_within(server: &Server, wait: Duration) -> Result<Self, Error> {
        let made = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = made.map_err(|why| Error::Open(why.to_string()))?;
        let left = Arc::new(AtomicUsize::new(MOST_BYTES));
        let opening = async {
            let (client, spoken) = connect(server, &left).await?;
            client.batch_execute(SETTINGS).await.map_err(|why| Error::Open(words(&why)))?;
            Ok((client, spoken))
        };
        let opened = runtime.block_on(async { timeout(wait.min(CONNECT_WAIT * 2), opening).await });
        let (client, spoken) = opened.unwrap_or_else(|_| Err(lost()))?;
        Ok(Session { client, spoken, left, runtime, wait })
    }

    pub(super) fn query(&mut self, sql: &str) -> Result<Table, Error> {
        self.left.store(MOST_BYTES + AROUND, Ordering::Relaxed);
        let (client, wait) = (&self.client, self.wait);
        let asked = self.runtime.block_on(async { timeout(wait, ask(client, sql)).await });
        match asked {
            Ok(Err(_)) if self.left.load(Ordering::Relaxed) == 0 => {
                Err(refused("an answer is longer than 64 MiB"))
            }
            Ok(answered) => answered,
            Err(_) => Err(lost()),
        }
    }

    /// Ends it, as far as the server lets that be done.
    pub(super) fn close(self) {
        let Session { client, spoken, runtime, .. } = self;
        drop(client);
        drop(runtime.block_on(async { timeout(GOODBYE, spoken).await }));
        runtime.shutdown_background();
    }
}

async fn ask(client: &Client, sql: &str) -> Result<Table, Error> {
    let failed = |why: tokio_postgres::Error| refused(&words(&why));
    let mut answer = Box::pin(client.simple_query_raw(sql).await.map_err(failed)?);
    let (mut table, mut room) = (Table::default(), Room::default());
    while let Some(message) = answer.next().await {
        match message.map_err(failed)? {
            SimpleQueryMessage::RowDescription(columns) => {
                table.columns = columns.iter().map(|column| name_of(column.name())).collect();
            }
            SimpleQueryMessage::Row(row) => {
                room.take_row(row.len())?;
                let mut cells = Vec::with_capacity(row.len());
                for at in 0..row.len() {
                    let cell = row.get(at);
                    room.take(cell.map_or(0, str::len))?;
                    cells.push(cell.map(str::to_owned));
                }
                table.rows.push(cells);
            }
            _ => {}
        }
    }
    Ok(table)
}

/// The first of the hosts that is there.
async fn connect(server: &Server, left: &Arc<AtomicUsize>) -> Result<(Client, JoinHandle<()>), Error> {
    let config = settings(&server.config);
    let ports = server.config.get_ports();
    let mut last = Error::Open("the address names no host".to_owned());
    for (at, host) in server.config.get_hosts().iter().enumerate() {
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5_432);
        let stream = match timeout(CONNECT_WAIT, reach(host, port)).await {
            Ok(Ok(stream)) => Counted { stream, left: Arc::clone(left) },
            _ => {
                last = Error::Open("the server cannot be reached".to_owned());
                continue;
            }
        };
        return match (&server.encryption, host) {
            (Encryption::Plain, _) => begin(&config, stream, NoTls).await,
            (Encryption::Tls(roots), Host::Tcp(name)) => {
                let mut tls = Tls::new(roots)?;
                let made = MakeTlsConnect::<Counted>::make_tls_connect(&mut tls, name);
                begin(
                    &config,
                    stream,
                    made.map_err(|_| Error::Open("the host is no name for TLS".to_owned()))?,
                )
                .await
            }
            (Encryption::Tls(_), Host::Unix(_)) => Err(Error::Open("a socket speaks no TLS".to_owned())),
        };
    }
    Err(last)
}

async fn reach(host: &Host, port: u16) -> io::Result<Box<dyn Duplex>> {
    Ok(match host {
        Host::Tcp(name) => {
            let stream = TcpStream::connect((name.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
        Host::Unix(folder) => Box::new(UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?),
    })
}

async fn begin<T>(
    config: &tokio_postgres::Config,
    stream: Counted,
    tls: T,
) -> Result<(Client, JoinHandle<()>), Error>
where
    T: TlsConnect<Counted>,
    T::Stream: Send + 'static,
{
    let (client, connection) =
        config.connect_raw(stream, tls).await.map_err(|why| Error::Open(words(&why)))?;
    // It ends with the client, and each question hears of it.
    let spoken = tokio::spawn(async move { drop(connection.await) });
    Ok((client, spoken))
}

/// The same settings for a stream of our own.
fn settings(from: &postgres::Config) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    if let Some(user) = from.get_user() {
        config.user(user);
    }
    if let Some(password) = from.get_password() {
        config.password(password);
    }
    if let Some(name) = from.get_dbname() {
        config.dbname(name);
    }
    if let Some(options) = from.get_options() {
        config.options(options);
    }
    config.application_name(from.get_application_name().unwrap_or("storeward import"));
    config.ssl_mode(from.get_ssl_mode());
    config.channel_binding(from.get_channel_binding());
    config
}

/// What the server says of names and rights; of anything else its code only, because its words may quote a value.
fn words(why: &tokio_postgres::Error) -> String {
    let Some(answer) = why.as_db_error() else {
        return "the server cannot be reached, or was lost".to_owned();
    };
    let code = words_of(answer.code().code());
    // Classes 28 and 3D: who, and which database; 42 but for 42804 and its like: names, rights and syntax.
    let is_plain =
        ["28", "3D", "42P01", "42703", "42601", "42501", "25006"].iter().any(|plain| code.starts_with(plain));
    if is_plain {
        format!("{} ({code})", words_of(answer.message()))
    } else {
        format!("the server says {code}")
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A stream that ends where more comes than there is room for.
struct Counted {
    stream: Box<dyn Duplex>,
    left: Arc<AtomicUsize>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        let came = into.filled().len() - before;
        let left = self.left.load(Ordering::Relaxed).saturating_sub(came);
        self.left.store(left, Ordering::Relaxed);
        match left {
            0 => Poll::Ready(Err(io::Error::other("more came than there is room for"))),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::DatabaseUrl;
    use crate::url::Target;

    /// A server that lets everybody in, answers the settings, and then whatever `then` says for ever.
    fn says(then: impl Fn(&mut std::net::TcpStream) -> io::Result<()> + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let ready = b"Z\0\0\0\x05I";
            let welcome = [&b"R\0\0\0\x08\0\0\0\0"[..], ready].concat();
            for answer in [welcome, [&b"C\0\0\0\x08SET\0"[..], ready].concat()] {
                if !hears(&mut stream) || stream.write_all(&answer).is_err() {
                    return;
                }
            }
            if !hears(&mut stream) {
                return;
            }
            while then(&mut stream).is_ok() {}
        });
        let url = DatabaseUrl::parse(&format!("postgres://u:hunter2@127.0.0.1:{port}/d")).unwrap();
        let Target::Postgres(server) = url.0 else { panic!() };
        *server
    }

    fn hears(stream: &mut std::net::TcpStream) -> bool {
        matches!(stream.read(&mut [0; 4096]), Ok(1..))
    }

    /// One column called `a`, of text.
    fn one_column() -> Vec<u8> {
        let column =
            [&b"a\0"[..], &[0; 6], &[0, 0, 0, 25, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]].concat();
        let length = u8::try_from(4 + 2 + column.len()).unwrap();
        [&[b'T', 0, 0, 0, length, 0, 1], column.as_slice()].concat()
    }

    fn told(server: &Server, wait: Duration) -> String {
        let mut session = Session::open_within(server, wait).unwrap();
        let told = session.query("SELECT 1").unwrap_err().to_string();
        session.close();
        assert!(!told.contains("hunter2"), "{told}");
        told
    }

    #[test]
    fn a_server_fills_no_memory() {
        // Rows of nothing, for ever.
        let rows = [&b"D\0\0\0\x0a\0\x01\xff\xff\xff\xff"[..]; 4096].concat();
        let first = std::sync::atomic::AtomicBool::new(true);
        let nothing = says(move |stream| {
            if first.swap(false, Ordering::SeqCst) {
                stream.write_all(&one_column())?;
            }
            stream.write_all(&rows)
        });
        assert!(told(&nothing, WAIT).contains("64 MiB"));
        // One value of two gigabytes, of which the driver would keep all that comes.
        let first = std::sync::atomic::AtomicBool::new(true);
        let value = says(move |stream| {
            if first.swap(false, Ordering::SeqCst) {
                stream.write_all(&one_column())?;
                stream.write_all(b"D\x7f\xff\xff\xff\0\x01\x7f\xff\xff\xf5")?;
            }
            stream.write_all(&[b'x'; 65_536])
        });
        assert!(told(&value, WAIT).contains("64 MiB"));
    }

    #[test]
    fn a_server_that_says_little_at_a_time_or_nothing_is_left() {
        let wait = Duration::from_millis(600);
        // A value that never ends, a byte at a time: each comes in time.
        let first = std::sync::atomic::AtomicBool::new(true);
        let drips = says(move |stream| {
            if first.swap(false, Ordering::SeqCst) {
                stream.write_all(&one_column())?;
                stream.write_all(b"D\0\xff\xff\xff\0\x01\0\xff\xff\xf5")?;
            }
            std::thread::sleep(Duration::from_millis(20));
            stream.write_all(b"x")
        });
        assert!(told(&drips, wait).contains("does not answer"));
        let silent = says(|_| {
            std::thread::sleep(Duration::from_secs(3));
            Ok(())
        });
        assert!(told(&silent, wait).contains("does not answer"));
    }
}
