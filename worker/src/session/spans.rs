//! The spans of leases: every line inside one says sweep, tile, attempt, worker and trace.
//!
//! They are of level error, so that a log that shows warnings only still says which tile they are about.

use patchsweep_core::ids::Lease;
use patchsweep_core::trace::TraceContext;
use tracing::Span;

/// A lease's span, and where in its trace that is.
#[derive(Clone, Debug)]
pub(super) struct LeaseSpan {
    pub(super) span: Span,
    pub(super) trace: TraceContext,
}

impl LeaseSpan {
    /// Below the coordinator's span of the same lease, or in a trace of its own.
    pub(super) fn new(lease: &Lease, worker: &str, traceparent: &str) -> Self {
        let Lease { epoch, sweep, tile, attempt } = lease;
        let own = || TraceContext::root(format!("{worker} {sweep} {tile} {} {}", epoch.0, attempt.0).as_bytes());
        // What cannot be read is no context, as the standard asks.
        let parent = traceparent.parse().unwrap_or_else(|_| own());
        let trace = parent.child("worker");
        let span = tracing::error_span!(
            parent: None,
            "tile",
            %sweep,
            %tile,
            attempt = attempt.0,
            worker,
            trace_id = %trace.trace_id(),
            span_id = %trace.span_id(),
            parent_id = %parent.span_id(),
        );
        Self { span, trace }
    }
}
