//! W3C trace context: which trace something belongs to, over processes.
//!
//! Ids are made of what they name, not of chance: so simulations with equal seeds log equal lines.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;

/// Key of a trace context in the metadata of a request.
pub const TRACEPARENT: &str = "traceparent";

/// Version of the form that is written here.
const VERSION: &str = "00";

/// Characters of a `traceparent` of version 00.
const LENGTH: usize = 55;

/// A place in a trace: the trace, and one span in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace: TraceId,
    span: SpanId,
    is_sampled: bool,
}

/// Names a trace; not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId([u8; 16]);

/// Names a span within its trace; not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId([u8; 8]);

/// The text is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent, as in 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
pub struct NoTraceparent;

impl TraceContext {
    /// The first span of a trace; equal seeds make equal ones.
    #[must_use]
    pub fn root(seed: &[u8]) -> Self {
        let Digest(bytes) = Digest::of(seed);
        let mut trace = [0; 16];
        trace.copy_from_slice(&bytes[..16]);
        // A digest that begins with so many zeros, which would be no id, is not met by chance.
        Self { trace: TraceId(trace), span: SpanId::of(&bytes[16..]), is_sampled: true }
    }

    /// A span of the same trace below this one; its name distinguishes it from others there.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let seed = [self.trace.0.as_slice(), &self.span.0, name.as_bytes()].concat();
        Self { span: SpanId::of(&Digest::of(&seed).0), ..*self }
    }

    /// Which trace.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace
    }

    /// Which span.
    #[must_use]
    pub fn span_id(&self) -> SpanId {
        self.span
    }

    /// Whether the program that began the trace records it.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.is_sampled
    }
}

/// A `traceparent` of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}-{}-{}-{:02x}", self.trace, self.span, u8::from(self.is_sampled))
    }
}

/// Reads any version's `traceparent`, as the standard asks for: what a later one adds at the end is not looked at.
impl FromStr for TraceContext {
    type Err = NoTraceparent;

    fn from_str(text: &str) -> Result<Self, NoTraceparent> {
        let (known, rest) = text.split_at_checked(LENGTH).ok_or(NoTraceparent)?;
        let mut parts = known.split('-');
        let mut part = || parts.next().ok_or(NoTraceparent);
        let (version, trace, span, flags) = (part()?, part()?, part()?, part()?);
        let [version] = hex(version)?;
        if parts.next().is_some() || version == 0xff || (version == 0 && !rest.is_empty()) {
            return Err(NoTraceparent);
        }
        if !rest.is_empty() && !rest.starts_with('-') {
            return Err(NoTraceparent);
        }
        let [flags] = hex(flags)?;
        let context = Self { trace: TraceId(hex(trace)?), span: SpanId(hex(span)?), is_sampled: flags & 1 == 1 };
        if context.trace.0 == [0; 16] || context.span.0 == [0; 8] { Err(NoTraceparent) } else { Ok(context) }
    }
}

/// Lowercase digits, as many as the bytes take.
fn hex<const N: usize>(digits: &str) -> Result<[u8; N], NoTraceparent> {
    let is_lowercase = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    if digits.len() != 2 * N || !digits.bytes().all(is_lowercase) {
        return Err(NoTraceparent);
    }
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * place..][..2], 16).map_err(|_| NoTraceparent)?;
    }
    Ok(bytes)
}

impl SpanId {
    /// From the first bytes of a digest.
    fn of(digest: &[u8]) -> Self {
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        Self(id)
    }

    /// As the standard's binary forms have it.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        self.0
    }
}

impl TraceId {
    /// As the standard's binary forms have it.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn parse(text: &str) -> Result<TraceContext, NoTraceparent> {
        text.parse()
    }

    #[test]
    fn a_traceparent_is_written_as_it_was_read() {
        let context = parse(EXAMPLE).expect("the standard's example");
        assert_eq!(context.to_string(), EXAMPLE);
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
        let unsampled = EXAMPLE.replace("-01", "-00");
        assert_eq!(parse(&unsampled).expect("likewise").to_string(), unsampled);
    }

    #[test]
    fn what_a_later_version_adds_is_not_looked_at() {
        let later = EXAMPLE.replacen("00", "cc", 1) + "-what-the-future-brings";
        assert_eq!(parse(&later).map(|context| context.to_string()).as_deref(), Ok(EXAMPLE));
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        let refused = [
            String::new(),
            EXAMPLE[..54].to_owned(),
            format!("{EXAMPLE}-01"),
            EXAMPLE.replacen("00", "ff", 1),
            EXAMPLE.replacen("00", "cc", 1) + "x",
            EXAMPLE.to_uppercase(),
            EXAMPLE.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            EXAMPLE.replace("00f067aa0ba902b7", &"0".repeat(16)),
            EXAMPLE.replacen('-', "_", 1),
            EXAMPLE.replace("4bf9", "+bf9"),
            "é".repeat(40),
        ];
        for text in refused {
            assert_eq!(parse(&text), Err(NoTraceparent), "{text}");
        }
    }

    #[test]
    fn children_stay_in_the_trace_and_differ_by_their_names() {
        let root = TraceContext::root(b"a command");
        let (one, two) = (root.child("one"), root.child("two"));
        assert_eq!([one.trace_id(), two.trace_id()], [root.trace_id(); 2]);
        assert!(one.span_id() != two.span_id() && one.span_id() != root.span_id());
        assert_eq!(root.child("one"), one);
        assert_ne!(TraceContext::root(b"another").trace_id(), root.trace_id());
        assert_eq!(parse(&one.to_string()), Ok(one));
    }
}
