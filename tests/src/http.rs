//! Asks over plain HTTP, as a probe does.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::process::BOUND;

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// An answer: its status, and its body.
pub type Answer = (u16, String);

/// What is at a path; `None` if nobody answers.
#[must_use]
pub fn get(address: &str, path: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(ANSWER)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Asks again and again until the answer is the wanted one.
///
/// # Panics
/// When it does not come in time.
pub fn wait_until(address: &str, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let deadline = Instant::now() + BOUND;
    let mut last = None;
    while Instant::now() < deadline {
        let answer = get(address, path);
        if let Some(answer) = answer.as_ref().filter(|answer| wanted(answer)) {
            return answer.clone();
        }
        last = answer;
        std::thread::yield_now();
    }
    panic!("{path} of {address} does not answer so in time; its last answer: {last:?}");
}
