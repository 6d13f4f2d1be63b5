//! Connections of strangers: few, short and small.

use std::collections::VecDeque;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// Connections at once; one more ends the oldest.
const MOST_CONNECTIONS: usize = 64;

/// How long a request's headers may take.
const HEADERS: Duration = Duration::from_secs(5);

/// How long a connection may take from its beginning to its end.
const CONNECTION: Duration = Duration::from_secs(30);

/// Largest headers of a request, and what is read of one at once.
const HEADER_BYTES: usize = 16 << 10;

/// Most headers of a request.
const MOST_HEADERS: usize = 64;

/// Pause after the system refused to accept, for instance because there are too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is dropped, and all connections with it.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let mut tasks = JoinSet::new();
    let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "cannot accept an HTTP connection");
                    sleep(PAUSE).await;
                    continue;
                }
            },
            Some(_) = tasks.join_next() => continue,
        };
        oldest_first.retain(|connection| !connection.is_finished());
        if oldest_first.len() == MOST_CONNECTIONS
            && let Some(oldest) = oldest_first.pop_front()
        {
            oldest.abort();
        }
        oldest_first.push_back(tasks.spawn(converse(stream, router.clone())));
    }
}

/// One request and its answer.
async fn converse(stream: TcpStream, router: Router) {
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_headers(MOST_HEADERS)
        .max_buf_size(HEADER_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A client that breaks off or is too slow has itself to blame.
    let _ = timeout(CONNECTION, connection).await;
}
