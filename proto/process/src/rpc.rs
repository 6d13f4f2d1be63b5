//! Counts the RPCs of a gRPC server by how they ended, streams included.

use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};
use hyper::{HeaderMap, Request, Response};
use tower::{Layer, Service};

/// The names of gRPC's codes, by number.
pub const CODES: [&str; 17] = [
    "ok",
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
];

/// What to do with each RPC: its path, and the name of its code.
pub type Count = fn(&str, &'static str);

/// Tells how each RPC ended.
#[derive(Clone, Copy, Debug)]
pub struct CountRpcs(pub Count);

impl<S> Layer<S> for CountRpcs {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting { inner, count: self.0 }
    }
}

/// A service whose RPCs are counted.
#[derive(Clone, Debug)]
pub struct Counting<S> {
    inner: S,
    count: Count,
}

type Answer<B, E> = Pin<Box<dyn Future<Output = Result<Response<CountedBody<B>>, E>> + Send>>;

impl<S, A, B> Service<Request<A>> for Counting<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: Body,
{
    type Response = Response<CountedBody<B>>;
    type Error = S::Error;
    type Future = Answer<B, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let mut rpc = Rpc { path: request.uri().path().to_owned(), count: Some(self.count) };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let (head, body) = answer.await?.into_parts();
            rpc.end_with(&head.headers);
            Ok(Response::from_parts(head, CountedBody { inner: body, rpc }))
        })
    }
}

/// An RPC that has not been counted yet.
#[derive(Debug)]
struct Rpc {
    path: String,
    count: Option<Count>,
}

impl Rpc {
    /// Where the status is: with the headers where there is no more, else with the trailers.
    fn end_with(&mut self, headers: &HeaderMap) {
        let Some(status) = headers.get("grpc-status") else { return };
        let number = status.to_str().ok().and_then(|number| number.parse::<usize>().ok());
        self.end(number.and_then(|number| CODES.get(number)).copied().unwrap_or("unknown"));
    }

    fn end(&mut self, code: &'static str) {
        if let Some(count) = self.count.take() {
            count(&self.path, code);
        }
    }
}

impl Drop for Rpc {
    /// The caller went away before the end.
    fn drop(&mut self) {
        self.end("cancelled");
    }
}

/// A body that looks at its trailers as they pass.
#[derive(Debug)]
pub struct CountedBody<B> {
    inner: B,
    rpc: Rpc,
}

impl<B: Body + Unpin> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let Self { inner, rpc } = self.get_mut();
        let frame = Pin::new(inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            rpc.end_with(trailers);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
