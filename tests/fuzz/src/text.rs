//! Mutations of text that keep most of it valid.

use crate::{Edits, pick};

/// Numbers at which arithmetic breaks.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "8",
    "16",
    "31",
    "32",
    "33",
    "255",
    "256",
    "577",
    "1000",
    "65536",
    "1048576",
    "16777217",
    "33554433",
    "2147483647",
    "2147483648",
    "4000000000",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "0.5",
    "-0.0",
    "1e308",
    "1e-308",
    "nan",
    "inf",
    "1e999",
    "0x7fffffff",
];

/// What changes the structure of a text around it.
const PIECES: &[&str] = &[
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "\"",
    "'''",
    "\"\"\"",
    "\\",
    "\\u0000",
    ",",
    ", ",
    "\n",
    "\r\n",
    "\r",
    "=",
    ".",
    "-",
    "#",
    "\u{feff}",
    "\0",
    "\u{10ffff}",
    "é",
    "\u{301}",
    " ",
    "\t",
    "[[[[[[[[[[[[[[[[",
    "a",
    "prompt,answer\n",
    "wrong",
    "corrupted",
    "\"\"",
    "null",
    "true",
    "false",
];

/// The input that these edits make of one of the corpus; `words` are those that the reader knows.
#[must_use]
pub fn mutated(corpus: &[&[u8]], words: &[&str], (start, edits): &Edits) -> Vec<u8> {
    let mut text = pick(corpus, *start).copied().unwrap_or_default().to_vec();
    for &(kind, place, value) in edits {
        match kind % 12 {
            0..=2 => replace_number(&mut text, place, pick(NUMBERS, value).copied().unwrap_or_default()),
            3 | 4 => replace_string(&mut text, place, pick(words, value).copied().unwrap_or_default()),
            5 => insert(&mut text, place, pick(PIECES, value).copied().unwrap_or_default().as_bytes()),
            6 => insert(&mut text, place, &value.to_le_bytes()[..1]),
            7 => remove(&mut text, place, usize::from(value % 64)),
            8 => edit_lines(&mut text, |lines| drop_line(lines, place)),
            9 => edit_lines(&mut text, |lines| copy_line(lines, place, value)),
            10 => graft(&mut text, pick(corpus, value).copied().unwrap_or_default(), place),
            _ => repeat(&mut text, place, value),
        }
    }
    text
}

fn at(text: &[u8], place: u16) -> usize {
    usize::from(place) % (text.len() + 1)
}

fn insert(text: &mut Vec<u8>, place: u16, piece: &[u8]) {
    let at = at(text, place);
    text.splice(at..at, piece.iter().copied());
}

fn remove(text: &mut Vec<u8>, place: u16, length: usize) {
    let start = at(text, place);
    text.drain(start..(start + length).min(text.len()));
}

/// A piece of the text, up to some thousand times.
fn repeat(text: &mut Vec<u8>, place: u16, value: u16) {
    let start = at(text, place);
    let piece = text[start..(start + 1 + usize::from(value % 32)).min(text.len())].to_vec();
    let times = 1 << (value >> 5 & 0b1111);
    if text.len() + piece.len() * times < 1 << 18 {
        text.splice(start..start, piece.repeat(times));
    }
}

/// The ends of one text and the beginning of another.
fn graft(text: &mut Vec<u8>, other: &[u8], place: u16) {
    let at = at(text, place);
    text.truncate(at);
    text.extend_from_slice(&other[at.min(other.len())..]);
}

/// Where the parts of the text are that `is` holds for.
fn spans(text: &[u8], is: impl Fn(u8) -> bool) -> Vec<std::ops::Range<usize>> {
    let mut spans: Vec<std::ops::Range<usize>> = Vec::new();
    for (index, _) in text.iter().enumerate().filter(|&(_, &byte)| is(byte)) {
        match spans.last_mut() {
            Some(last) if last.end == index => last.end += 1,
            _ => spans.push(index..index + 1),
        }
    }
    spans
}

fn replace_number(text: &mut Vec<u8>, place: u16, number: &str) {
    let numbers = spans(text, |byte| byte.is_ascii_digit() || byte == b'-');
    if let Some(span) = pick(&numbers, place) {
        text.splice(span.clone(), number.bytes());
    }
}

fn replace_string(text: &mut Vec<u8>, place: u16, word: &str) {
    let words = spans(text, |byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'.');
    if let Some(span) = pick(&words, place) {
        text.splice(span.clone(), word.bytes());
    }
}

fn edit_lines(text: &mut Vec<u8>, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut lines: Vec<Vec<u8>> = text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    edit(&mut lines);
    *text = lines.concat();
}

fn drop_line(lines: &mut Vec<Vec<u8>>, place: u16) {
    if !lines.is_empty() {
        lines.remove(usize::from(place) % lines.len());
    }
}

fn copy_line(lines: &mut Vec<Vec<u8>>, from: u16, to: u16) {
    if let Some(line) = pick(lines, from).cloned() {
        lines.insert(usize::from(to) % lines.len(), line);
    }
}
