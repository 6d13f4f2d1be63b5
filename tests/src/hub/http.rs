//! HTTP/1.1 over a socket, request after request.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;

use super::Asked;

/// What is answered.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// What ends the body early.
    pub(super) cut: Option<Cut>,
}

/// What happens after so many bytes of a body.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    /// The connection ends.
    Break(usize),
    /// Nothing.
    Hang(usize),
}

/// Answers a connection's requests until it ends.
pub(super) fn serve(stream: &TcpStream, answer: impl Fn(Asked) -> Answer) {
    let mut lines = BufReader::new(stream);
    while let Some(asked) = request(&mut lines) {
        let is_head = asked.method == "HEAD";
        if !sent(stream, &answer(asked), is_head) {
            return;
        }
    }
}

fn request(lines: &mut impl BufRead) -> Option<Asked> {
    let mut line = || {
        let mut text = String::new();
        lines.read_line(&mut text).ok().filter(|&count| count > 0)?;
        Some(text.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut asked = Asked { elsewhere: false, method, path, range: None, authorization: None };
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(':') else { return Some(asked) };
        match name.to_ascii_lowercase().as_str() {
            "range" => asked.range = Some(value.trim().to_owned()),
            "authorization" => asked.authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
}

/// Whether the connection goes on.
fn sent(mut stream: &TcpStream, answer: &Answer, is_head: bool) -> bool {
    let length = ("Content-Length", answer.body.len().to_string());
    let lines = answer.headers.iter().chain([&length]).map(|(name, value)| format!("{name}: {value}\r\n"));
    let head = format!("HTTP/1.1 {} Said\r\n{}\r\n", answer.status, lines.collect::<String>());
    if stream.write_all(head.as_bytes()).is_err() {
        return false;
    }
    match answer.cut {
        _ if is_head => true,
        None => stream.write_all(&answer.body).is_ok(),
        Some(Cut::Break(most) | Cut::Hang(most)) => {
            let is_sent = stream.write_all(&answer.body[..most.min(answer.body.len())]).is_ok();
            if is_sent && matches!(answer.cut, Some(Cut::Hang(_))) {
                // As long as the process is there.
                loop {
                    thread::park();
                }
            }
            false
        }
    }
}
