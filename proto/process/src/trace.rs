//! The trace that this process is part of.

use std::sync::OnceLock;
use std::time::SystemTime;

use patchsweep_core::trace::TraceContext;
use tracing::Span;

/// Where a caller says which trace a process belongs to.
const TRACEPARENT: &str = "TRACEPARENT";

/// What this process does as a whole: below `TRACEPARENT` of the environment, or a trace of its own.
#[must_use]
pub fn of_process() -> TraceContext {
    static TRACE: OnceLock<TraceContext> = OnceLock::new();
    *TRACE.get_or_init(|| {
        let own = own_seed();
        let parent = std::env::var(TRACEPARENT).ok().and_then(|text| text.parse::<TraceContext>().ok());
        parent.map_or_else(|| TraceContext::root(own.as_bytes()), |parent| parent.child(&own))
    })
}

/// The span of a command that somebody gave. Always on, so that every line has its trace.
#[must_use]
pub fn command_span() -> Span {
    let trace = of_process();
    tracing::error_span!(parent: None, "command", trace_id = %trace.trace_id(), span_id = %trace.span_id())
}

/// Different on all machines, for all processes, at all times.
fn own_seed() -> String {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(SystemTime::now());
    format!("{random} {} {:?}", std::process::id(), SystemTime::now())
}
