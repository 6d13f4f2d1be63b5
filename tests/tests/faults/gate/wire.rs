//! The answers of the gate, to any client.

use std::fs;
use std::time::Duration;

use patchsweep_link::credentials::{Credentials, Role, Token};
use patchsweep_link::dial::{Connection, Dialer};
use patchsweep_link::endpoint;
use patchsweep_link::refusal::Refusal;
use patchsweep_proto::v1::client_service_client::ClientServiceClient;
use patchsweep_proto::v1::worker_service_client::WorkerServiceClient;
use patchsweep_proto::v1::{FetchContextRequest, ListSweepsRequest};
use patchsweep_tests::serve;
use tonic::{Code, Request, Status};

use super::locked::Locked;

const BOUND: Duration = Duration::from_secs(10);

/// A connection that shows that token.
async fn dial(locked: &Locked, token: Option<Token>) -> Connection {
    let credentials = Credentials::read(&locked.credentials("client")).expect("a credentials file");
    let file = locked.state.path().join("shown");
    fs::write(&file, Credentials { token, ..credentials }.to_text()).expect("a written file");
    Dialer::new(Role::Client, None, Some(file)).expect("a credentials file").dial().await.expect("a connection")
}

fn token(locked: &Locked, role: &str) -> Token {
    Credentials::read(&locked.credentials(role)).expect("a credentials file").token.expect("a token")
}

async fn as_client(connection: Connection) -> Result<(), Status> {
    ClientServiceClient::new(connection).list_sweeps(ListSweepsRequest {}).await.map(drop)
}

async fn as_worker(connection: Connection) -> Result<(), Status> {
    let request = FetchContextRequest { context_digest: vec![0; 32] };
    WorkerServiceClient::new(connection).fetch_context(request).await.map(drop)
}

fn codes(answer: &Result<(), Status>) -> (Code, Option<Refusal>) {
    match answer {
        Ok(()) => (Code::Ok, None),
        Err(status) => (status.code(), Refusal::of(status)),
    }
}

#[tokio::test]
async fn each_role_reaches_its_own_service_only() {
    let locked = Locked::start(&[]);
    let [worker, client] = ["worker", "client"].map(|role| token(&locked, role));
    let wrong = (Code::PermissionDenied, Some(Refusal::WrongRole));
    assert_eq!(codes(&as_client(dial(&locked, Some(client.clone())).await).await), (Code::Ok, None));
    assert_eq!(codes(&as_worker(dial(&locked, Some(client)).await).await), wrong);
    assert_eq!(codes(&as_client(dial(&locked, Some(worker.clone())).await).await), wrong);
    // Let in; the answer is that there is no such context.
    assert_eq!(codes(&as_worker(dial(&locked, Some(worker)).await).await), (Code::NotFound, None));
}

#[tokio::test]
async fn without_a_known_token_neither_service_is_reached() {
    let locked = Locked::start(&[]);
    let unknown = Token::new(Role::Worker, [7; 32]);
    let cases = [(None, Refusal::NoToken), (Some(unknown), Refusal::UnknownToken)];
    for (token, refusal) in cases {
        let expected = (Code::Unauthenticated, Some(refusal));
        assert_eq!(codes(&as_client(dial(&locked, token.clone()).await).await), expected);
        assert_eq!(codes(&as_worker(dial(&locked, token).await).await), expected);
    }
}

#[tokio::test]
async fn a_refusal_comes_before_the_body_is_read() {
    let locked = Locked::start(&[]);
    let mut client = ClientServiceClient::new(dial(&locked, None).await);
    let mut worker = WorkerServiceClient::new(dial(&locked, None).await);
    // Bodies that never end.
    let submitted = tokio::time::timeout(BOUND, client.submit_sweep(tokio_stream::pending())).await;
    assert_eq!(submitted.expect("an answer").expect_err("a refusal").code(), Code::Unauthenticated);
    let session = tokio::time::timeout(BOUND, worker.session(tokio_stream::pending())).await;
    assert_eq!(session.expect("an answer").expect_err("a refusal").code(), Code::Unauthenticated);
}

#[tokio::test]
async fn another_version_of_the_protocol_is_refused() {
    let (_open, url) = serve(&[]);
    let channel = endpoint::coordinator(&url).expect("a URL").connect().await.expect("a connection");
    let older = |mut request: Request<()>| {
        request.metadata_mut().insert("patchsweep-protocol", 2.into());
        Ok(request)
    };
    let mut client = ClientServiceClient::with_interceptor(channel, older);
    let refused = client.list_sweeps(ListSweepsRequest {}).await.expect_err("another version");
    assert_eq!((refused.code(), Refusal::of(&refused)), (Code::FailedPrecondition, Some(Refusal::ProtocolVersion)));
}
