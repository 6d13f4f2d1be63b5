//! Accepts connections: no more than allowed, and none that takes too long to say who it is.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;

use super::Gate;
use super::connection::{Connection, Wire};
use super::refusals::Reason;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How long a failed handshake is listened to, so that the caller reads the alert before the connection is reset.
const LINGER: Duration = Duration::from_secs(1);

/// Pause after the system refused to accept, for instance because there are too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections that may wait for the server.
const WAITING: usize = 16;

/// Files that are open besides connections, generously.
const OTHER_FILES: u64 = 128;

/// Connections as they come in, past TLS.
pub(crate) fn incoming(listener: TcpListener, gate: Gate) -> ReceiverStream<io::Result<Connection>> {
    allow_open_files(gate.max_connections);
    let (ready, accepted) = mpsc::channel(WAITING);
    tokio::spawn(accept(listener, gate, ready));
    ReceiverStream::new(accepted)
}

/// A connection is an open file, of which many systems allow a process 1,024 unless it asks for more.
fn allow_open_files(max_connections: u16) {
    let wanted = u64::from(max_connections) + OTHER_FILES;
    if !rlimit::increase_nofile_limit(wanted).is_ok_and(|allowed| allowed >= wanted) {
        tracing::warn!(wanted, "the system allows too few open files for --max-connections; raise `ulimit -n`");
    }
}

/// Ends when nobody takes the connections any more.
async fn accept(listener: TcpListener, gate: Gate, ready: mpsc::Sender<io::Result<Connection>>) {
    let places = Arc::new(Semaphore::new(gate.max_connections.into()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ready.closed() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&places).try_acquire_owned() else {
            if let Some(left_out) = gate.refusals.count(Reason::TooMany) {
                let most = gate.max_connections;
                tracing::warn!(%peer, left_out, "connection refused: there are {most} already (--max-connections)");
            }
            continue;
        };
        tokio::spawn(greet(stream, peer, permit, gate.clone(), ready.clone()));
    }
}

async fn greet(
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
    gate: Gate,
    ready: mpsc::Sender<io::Result<Connection>>,
) {
    let _ = stream.set_nodelay(true);
    let wire = match gate.tls {
        None => Wire::Plain(stream),
        Some(config) => {
            let accepting = TlsAcceptor::from(config).accept(stream).into_fallible();
            match tokio::time::timeout(HANDSHAKE, accepting).await {
                Ok(Ok(stream)) => Wire::Tls(Box::new(stream)),
                Ok(Err((error, stream))) => {
                    if let Some(left_out) = gate.refusals.count(Reason::Tls) {
                        tracing::warn!(%peer, %error, left_out, "TLS handshake failed");
                    }
                    let _ = tokio::time::timeout(LINGER, farewell(stream)).await;
                    return;
                }
                Err(_) => {
                    if let Some(left_out) = gate.refusals.count(Reason::TlsTimeout) {
                        tracing::warn!(%peer, left_out, "TLS handshake took too long");
                    }
                    return;
                }
            }
        }
    };
    let _ = ready.send(Ok(Connection::new(wire, peer, gate.tokens, gate.refusals, permit))).await;
}

/// A socket that is closed with unread bytes is reset, and what was sent to the other side may be lost.
async fn farewell(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
    let mut ignored = [0; 1024];
    while let Ok(1..) = stream.read(&mut ignored).await {}
}
