//! gRPC over the simulated network.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint, Uri};
use turmoil::net::{TcpListener, TcpStream};

/// Where the coordinator listens.
pub const PORT: u16 = 7070;

/// The coordinator's name in the simulated network.
pub const COORDINATOR: &str = "coordinator";

/// A connection as the server takes it.
#[derive(Debug)]
pub struct Accepted(TcpStream);

impl Connected for Accepted {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Accepted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// The connections of a host that listens.
pub async fn accept() -> io::Result<ReceiverStream<io::Result<Accepted>>> {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let (sender, accepted) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let connection = listener.accept().await.map(|(stream, _)| Accepted(stream));
            if sender.send(connection).await.is_err() {
                return;
            }
        }
    });
    Ok(ReceiverStream::new(accepted))
}

/// The coordinator, as `endpoint::coordinator` would dial it.
#[must_use]
pub fn endpoint() -> Endpoint {
    let keep_alive = Duration::from_secs(5);
    Endpoint::from_static("http://coordinator:7070")
        .connect_timeout(keep_alive)
        .http2_keep_alive_interval(keep_alive)
        .keep_alive_timeout(keep_alive)
        .keep_alive_while_idle(true)
}

/// Connects to the coordinator.
pub async fn dial() -> Result<Channel, tonic::transport::Error> {
    let connect = tower::service_fn(|_: Uri| async {
        // The simulated network loses what was sent into a partition: nobody answers, ever.
        let connecting = TcpStream::connect((COORDINATOR, PORT));
        let timed_out = |_| io::Error::from(io::ErrorKind::TimedOut);
        let stream = tokio::time::timeout(Duration::from_secs(5), connecting).await.map_err(timed_out)??;
        Ok::<_, io::Error>(TokioIo::new(stream))
    });
    endpoint().connect_with_connector(connect).await
}
