//! A channel whose calls end when there is no connection left that could answer them.
//!
//! hyper hands a request to its connection through a queue. One that is put there in the moment in which the connection ends
//! may stay there: then nobody answers, nobody reports an error, and the call would wait for ever (seen with hyper 1.12 and
//! tonic 0.14.9, about once in a thousand calls to a port that breaks off at once).

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::watch;
use tonic::Status;
use tonic::codegen::http;
use tower::Service;

/// How long an error may take to come through behind the end of its connection.
const GRACE: Duration = Duration::from_secs(1);

/// Counts the connections of a channel, those that are being made included.
#[derive(Clone, Debug)]
pub(super) struct Connections(Arc<watch::Sender<usize>>);

/// A connection, or the attempt to make one; counted until it is dropped.
#[derive(Debug)]
pub(super) struct Counted(Arc<watch::Sender<usize>>);

impl Connections {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    pub(super) fn count(&self) -> Counted {
        self.0.send_modify(|count| *count += 1);
        Counted(Arc::clone(&self.0))
    }

    /// Returns when there has been none for a while.
    async fn none(&self) {
        let mut count = self.0.subscribe();
        loop {
            let _ = count.wait_for(|&count| count == 0).await;
            if tokio::time::timeout(GRACE, count.wait_for(|&count| count > 0)).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// A channel, and the count of its connections where somebody counts them.
#[derive(Clone, Debug)]
pub struct Attended<S> {
    channel: S,
    connections: Option<Connections>,
}

impl<S> Attended<S> {
    /// Of a channel whose connector counts what it makes.
    pub(super) fn new(channel: S, connections: Connections) -> Self {
        Self { channel, connections: Some(connections) }
    }
}

/// Its calls wait as long as the channel lets them.
impl<S> From<S> for Attended<S> {
    fn from(channel: S) -> Self {
        Self { channel, connections: None }
    }
}

impl<S, Q, A> Service<http::Request<Q>> for Attended<S>
where
    S: Service<http::Request<Q>, Response = http::Response<A>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
    A: 'static,
{
    type Response = S::Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: http::Request<Q>) -> Self::Future {
        let (answer, connections) = (self.channel.call(request), self.connections.clone());
        let end = async move {
            match connections {
                Some(connections) => connections.none().await,
                None => std::future::pending().await,
            }
        };
        Box::pin(async move {
            tokio::select! {
                biased;
                answer = answer => answer.map_err(Into::into),
                () = end => Err(Status::unavailable("the connection ended").into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, pending, ready};

    use super::*;

    /// Never answers, or at once.
    #[derive(Clone)]
    struct Channel {
        answers: bool,
    }

    type Answer = Pin<Box<dyn Future<Output = Result<http::Response<()>, Status>> + Send>>;

    impl Service<http::Request<()>> for Channel {
        type Response = http::Response<()>;
        type Error = Status;
        type Future = Answer;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: http::Request<()>) -> Answer {
            let answer: Ready<Result<_, Status>> = ready(Ok(http::Response::new(())));
            if self.answers { Box::pin(answer) } else { Box::pin(pending()) }
        }
    }

    fn call(answers: bool, connections: &Connections) -> <Attended<Channel> as Service<http::Request<()>>>::Future {
        Attended::new(Channel { answers }, connections.clone()).call(http::Request::new(()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_nobody_can_answer_ends() {
        let connections = Connections::new();
        let connection = connections.count();
        let mut waiting = call(false, &connections);
        let long = tokio::time::timeout(100 * GRACE, &mut waiting).await;
        assert!(long.is_err(), "a caller that is connected may take as long as it takes");
        drop(connection);
        let another = connections.count();
        assert!(tokio::time::timeout(100 * GRACE, &mut waiting).await.is_err(), "so may one that connects again");
        drop(another);
        let error = tokio::time::timeout(2 * GRACE, waiting).await.expect("ends").expect_err("without an answer");
        let status = Status::from_error(error);
        assert_eq!((status.code(), status.message()), (tonic::Code::Unavailable, "the connection ended"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_counts_that_came_before_the_end() {
        assert!(call(true, &Connections::new()).await.is_ok());
    }
}
