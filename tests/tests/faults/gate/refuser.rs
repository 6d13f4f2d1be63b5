//! A coordinator of a later release: whatever it is asked, it refuses the protocol's version.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use patchsweep_link::refusal::Refusal;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::transport::Server;

#[derive(Clone, Copy)]
struct Refuser<const WORKER: bool>;

impl NamedService for Refuser<true> {
    const NAME: &'static str = "patchsweep.v1.WorkerService";
}

impl NamedService for Refuser<false> {
    const NAME: &'static str = "patchsweep.v1.ClientService";
}

impl<const WORKER: bool> Service<http::Request<Body>> for Refuser<WORKER> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let spoken = request.headers().get("patchsweep-protocol").and_then(|value| value.to_str().ok()).unwrap_or("?");
        let text = format!("protocol version {spoken} is not the coordinator's 99: install the same release on both");
        ready(Ok(Refusal::ProtocolVersion.status(text).into_http()))
    }
}

/// Its URL; it ends with the tests.
pub(crate) fn refuser() -> String {
    let (ready, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            ready.send(listener.local_addr().expect("an address")).expect("the test waits");
            let server = Server::builder().add_service(Refuser::<true>).add_service(Refuser::<false>);
            server.serve_with_incoming(TcpListenerStream::new(listener)).await
        })
    });
    format!("http://{}", address.recv().expect("the server starts"))
}
