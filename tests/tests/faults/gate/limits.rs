//! Connections that say nothing, or are one too many, are not kept.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use patchsweep_tests::{patchsweep, serve};

use super::locked::Locked;

/// More than a silent connection is given.
const BOUND: Duration = Duration::from_mins(1);

fn silent(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(BOUND)).expect("a time limit");
    stream
}

fn ends(mut stream: TcpStream) {
    let mut received = Vec::new();
    // A connection that is reset has ended too; one that is kept runs into the time limit.
    if let Err(error) = stream.read_to_end(&mut received) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_connection_that_says_nothing_ends() {
    let locked = Locked::start(&[]);
    let (_open, url) = serve(&[]);
    let handshake = silent(&format!("127.0.0.1:{}", locked.port()));
    let request = silent(url.trim_start_matches("http://"));
    ends(handshake);
    ends(request);
}

#[test]
fn no_more_connections_than_allowed_are_taken() {
    let (mut coordinator, url) = serve(&["--max-connections", "1"]);
    let first = silent(url.trim_start_matches("http://"));
    let list = || patchsweep(&["list", "--coordinator", &url]).assert().get_output().status.code();
    assert_eq!(list(), Some(4));
    coordinator.wait_for("--max-connections");
    drop(first);
    assert!((0..10_000).any(|_| list() == Some(0)), "its place is free again");
}
