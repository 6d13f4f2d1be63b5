use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;

const BOUND: Duration = Duration::from_mins(1);

async fn start(health: Health) -> HttpServer {
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    HttpServer::start(address, health, metrics).await.expect("a free port")
}

async fn connect(server: &HttpServer) -> TcpStream {
    TcpStream::connect(server.address()).await.expect("it listens")
}

/// What comes until the connection ends.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(BOUND, stream.read_to_end(&mut answer)).await.expect("the connection ends");
    // A connection that was cut is reset.
    let _ = read;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn get(server: &HttpServer, path: &str) -> String {
    let mut stream = connect(server).await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    rest(stream).await
}

#[tokio::test]
async fn readiness_is_reported_with_its_reason_and_life_always() {
    let health = Health::waiting_for("opening the state");
    let server = start(health.clone()).await;
    let unready = get(&server, "/readyz").await;
    assert!(unready.starts_with("HTTP/1.1 503") && unready.ends_with("opening the state\n"), "{unready}");
    health.set_ready();
    assert!(get(&server, "/readyz").await.starts_with("HTTP/1.1 200"));
    health.set_unready("leaving");
    assert!(get(&server, "/readyz").await.ends_with("leaving\n"));
    assert!(get(&server, "/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(get(&server, "/metrics").await.contains("text/plain; version=0.0.4"));
}

#[tokio::test]
async fn pages_are_there_once_they_are_mounted() {
    let server = start(Health::default()).await;
    assert!(get(&server, "/").await.starts_with("HTTP/1.1 404"));
    server.mount(Router::new().route("/", axum::routing::get(|| async { "the page" })));
    assert!(get(&server, "/").await.ends_with("the page"));
    assert!(get(&server, "/healthz").await.ends_with("ok\n"));
}

#[tokio::test]
async fn silent_connections_shut_nobody_out() {
    let server = start(Health::default()).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(connect(&server).await);
    }
    assert!(get(&server, "/healthz").await.starts_with("HTTP/1.1 200"));
    let oldest = silent.remove(0);
    assert_eq!(rest(oldest).await, "", "the oldest was ended");
}

#[tokio::test]
async fn a_request_with_large_headers_is_refused() {
    let server = start(Health::default()).await;
    let mut stream = connect(&server).await;
    let large = format!("GET /healthz HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(64 << 10));
    // It may be refused before all of it is sent.
    let _ = stream.write_all(large.as_bytes()).await;
    let answer = rest(stream).await;
    assert!(!answer.contains("200 OK"), "{answer}");
    assert!(get(&server, "/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn headers_that_do_not_end_are_not_waited_for() {
    let server = start(Health::default()).await;
    let mut stream = connect(&server).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\n").await.expect("sent");
    let began = tokio::time::Instant::now();
    let answer = rest(stream).await;
    assert!(!answer.contains("200 OK"), "{answer}");
    assert!(began.elapsed() <= Duration::from_secs(31));
}

#[tokio::test]
async fn the_port_is_closed_with_the_server() {
    let server = start(Health::default()).await;
    let (address, open) = (server.address(), connect(&server).await);
    drop(server);
    assert_eq!(rest(open).await, "");
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(BOUND, refused).await.expect("nobody listens any more");
}
