//! A connection to the coordinator's port, with TLS or without.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::Uri;

use super::attended::Counted;

/// First byte of what a TLS port answers to anything that is not TLS: an alert.
const TLS_ALERT: u8 = 0x15;

/// Connects; the time limit is the caller's.
pub(super) async fn connect(
    uri: Uri,
    tls: Option<Arc<ClientConfig>>,
    speaks_tls: Arc<AtomicBool>,
    counted: Counted,
) -> io::Result<TokioIo<Connected>> {
    // tonic connects again at once when a connection breaks; the answer would be the same.
    if speaks_tls.load(Ordering::Relaxed) {
        return Err(not_plaintext());
    }
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    let tcp = TcpStream::connect((host.as_str(), port)).await?;
    tcp.set_nodelay(true)?;
    let stream = match tls {
        None => Stream::Plain { tcp, fresh: true, speaks_tls },
        Some(config) => {
            let name =
                ServerName::try_from(host).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
            Stream::Tls(Box::new(TlsConnector::from(config).connect(name, tcp).await?))
        }
    };
    Ok(TokioIo::new(Connected { stream, _counted: counted }))
}

fn not_plaintext() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this port speaks TLS")
}

/// A connection, counted as long as it is there.
#[derive(Debug)]
pub(super) struct Connected {
    stream: Stream,
    _counted: Counted,
}

#[derive(Debug)]
enum Stream {
    Plain {
        tcp: TcpStream,
        /// Nothing has been read yet.
        fresh: bool,
        speaks_tls: Arc<AtomicBool>,
    },
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Connected {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Plain { tcp, fresh, speaks_tls } => {
                let before = buffer.filled().len();
                ready!(Pin::new(tcp).poll_read(cx, buffer))?;
                let first = buffer.filled().get(before);
                if std::mem::take(fresh) && first == Some(&TLS_ALERT) {
                    speaks_tls.store(true, Ordering::Relaxed);
                    return Poll::Ready(Err(not_plaintext()));
                }
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Connected {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Plain { tcp, .. } => Pin::new(tcp).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Plain { tcp, .. } => Pin::new(tcp).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Plain { tcp, .. } => Pin::new(tcp).poll_shutdown(cx),
        }
    }
}
