//! A connection that ends when nobody is admitted on it in time, or when the token that was shown counts no more.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::refusals::{Reason, Refusals};
use super::tokens::{TokenFile, TokenHash};

/// How long a connection may take to show a request that is let in.
pub(super) const ADMISSION: Duration = Duration::from_secs(10);

/// How often a connection's token is checked again.
const RECHECK: Duration = Duration::from_secs(1);

/// Who is at the other end; the same for all requests of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    peer: SocketAddr,
    admitted: Arc<Mutex<Admission>>,
}

#[derive(Clone, Copy, Debug)]
enum Admission {
    Waiting,
    Admitted(Option<TokenHash>),
}

impl Visitor {
    fn new(peer: SocketAddr) -> Self {
        Self { peer, admitted: Arc::new(Mutex::new(Admission::Waiting)) }
    }

    pub(super) fn admit(&self, token: Option<TokenHash>) {
        *self.admitted.lock().unwrap_or_else(PoisonError::into_inner) = Admission::Admitted(token);
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    fn admission(&self) -> Admission {
        *self.admitted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of a connection.
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// An accepted connection.
pub(crate) struct Connection {
    wire: Wire,
    visitor: Visitor,
    tokens: Option<Arc<TokenFile>>,
    refusals: Refusals,
    /// When admission or token are looked at next.
    check: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    pub(super) fn new(
        wire: Wire,
        peer: SocketAddr,
        tokens: Option<Arc<TokenFile>>,
        refusals: Refusals,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let check = Box::pin(tokio::time::sleep(ADMISSION));
        Self { wire, visitor: Visitor::new(peer), tokens, refusals, check, _permit: permit }
    }

    /// Ends the connection of a caller that has not been let in, or would not be any more. Wakes the task for the next check.
    fn poll_check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.check.as_mut().poll(cx).is_ready() {
            let admission = self.visitor.admission();
            let Admission::Admitted(token) = admission else {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "no request was let in"));
            };
            let (Some(token), Some(tokens)) = (token, &self.tokens) else {
                // Nothing to check any more: far enough away.
                self.check.as_mut().reset(Instant::now() + Duration::from_hours(24));
                continue;
            };
            if tokens.role(&token).is_none() {
                if let Some(left_out) = self.refusals.count(Reason::TokenRevoked) {
                    tracing::warn!(peer = %self.visitor.peer, left_out, "connection closed: its token counts no more");
                }
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the token counts no more"));
            }
            self.check.as_mut().reset(Instant::now() + RECHECK);
        }
        Ok(())
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("visitor", &self.visitor).finish_non_exhaustive()
    }
}

impl Connected for Connection {
    type ConnectInfo = Visitor;

    fn connect_info(&self) -> Visitor {
        self.visitor.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.poll_check(cx)?;
        match &mut this.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Wire::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().wire {
            Wire::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Wire::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().wire {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().wire {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
