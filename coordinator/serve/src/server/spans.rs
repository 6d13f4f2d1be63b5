//! The spans of running sweeps and their leases: every line inside them says sweep, tile, attempt, worker and trace.
//!
//! They are of level error, so that a log that shows warnings only still says which tile they are about.

use std::collections::BTreeMap;

use patchsweep_core::ids::{Attempt, CoordinatorId, Epoch, Lease, SweepId, TileId, WorkerId};
use patchsweep_core::trace::{TRACEPARENT, TraceContext};
use tonic::codegen::http;
use tonic::metadata::MetadataMap;
use tracing::Span;

use super::offload::Offload;

/// Makes the traces of sweeps that no client gave one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traces {
    seed: [u8; 16],
    epoch: Epoch,
}

impl Traces {
    /// Of a life of a coordinator. Where simulations want equal lines, not of the coordinator's random id.
    pub(super) fn of(coordinator: CoordinatorId, epoch: Epoch, offload: Offload) -> Self {
        let seed = match offload {
            Offload::Threads => coordinator.0,
            Offload::Inline => [0; 16],
        };
        Self { seed, epoch }
    }

    /// The span of a sweep, below the client's or of a trace of its own.
    pub(super) fn sweep(&self, sweep: &SweepId, client: Option<TraceContext>) -> SweepSpan {
        let own =
            || TraceContext::root(&[self.seed.as_slice(), &self.epoch.0.to_le_bytes(), sweep.0.as_bytes()].concat());
        let parent = client.unwrap_or_else(own);
        let trace = parent.child(&format!("{sweep} {}", self.epoch.0));
        let span = tracing::error_span!(
            parent: None,
            "sweep",
            %sweep,
            trace_id = %trace.trace_id(),
            span_id = %trace.span_id(),
            parent_id = %parent.span_id(),
        );
        SweepSpan { trace, span, leases: BTreeMap::new() }
    }
}

/// A running sweep's span, and those of its leases.
#[derive(Debug)]
pub(super) struct SweepSpan {
    pub(super) trace: TraceContext,
    pub(super) span: Span,
    leases: BTreeMap<(TileId, Attempt), LeaseSpan>,
}

#[derive(Debug)]
struct LeaseSpan {
    worker: WorkerId,
    span: Span,
}

impl SweepSpan {
    /// Of a lease that is granted; gives the context that its worker goes on with.
    pub(super) fn begin(&mut self, lease: &Lease, worker: WorkerId, name: &str) -> TraceContext {
        let (trace, span) = self.lease_span(lease, worker, name);
        self.leases.insert((lease.tile, lease.attempt), LeaseSpan { worker, span });
        trace
    }

    /// Of a lease, also of one that was granted in an earlier session or life, or has ended.
    pub(super) fn of(&self, lease: &Lease, worker: WorkerId, name: &str) -> Span {
        let begun = self.leases.get(&(lease.tile, lease.attempt)).filter(|begun| begun.worker == worker);
        begun.map_or_else(|| self.lease_span(lease, worker, name).1, |begun| begun.span.clone())
    }

    /// Its worker has answered for it.
    pub(super) fn end(&mut self, lease: &Lease) {
        self.leases.remove(&(lease.tile, lease.attempt));
    }

    /// The worker has gone.
    pub(super) fn end_all_of(&mut self, worker: WorkerId) {
        self.leases.retain(|_, begun| begun.worker != worker);
    }

    fn lease_span(&self, lease: &Lease, worker: WorkerId, name: &str) -> (TraceContext, Span) {
        let Lease { epoch, tile, attempt, .. } = lease;
        let trace = self.trace.child(&format!("{} {tile} {}", epoch.0, attempt.0));
        let span = tracing::error_span!(
            parent: &self.span,
            "tile",
            %tile,
            attempt = attempt.0,
            worker = name,
            worker_id = %worker,
            span_id = %trace.span_id(),
            parent_id = %self.trace.span_id(),
        );
        (trace, span)
    }
}

/// Of a lease whose sweep does not run any more.
pub(super) fn ended_lease(lease: &Lease, worker: &str) -> Span {
    let Lease { sweep, tile, attempt, .. } = lease;
    tracing::error_span!(parent: None, "tile", %sweep, %tile, attempt = attempt.0, worker)
}

/// Of results that are put together, below their sweep's.
pub(super) fn merging(sweep: &SweepId, of_sweep: Option<TraceContext>) -> Span {
    let Some(parent) = of_sweep else { return tracing::error_span!("merge", %sweep) };
    let trace = parent.child("merge");
    tracing::error_span!(
        parent: None,
        "merge",
        %sweep,
        trace_id = %trace.trace_id(),
        span_id = %trace.span_id(),
        parent_id = %parent.span_id(),
    )
}

/// Of a request that is part of a trace; none of one that is not.
pub(super) fn request(headers: &http::HeaderMap, path: &str) -> Span {
    let header = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
    let Some(parent) = header.and_then(|text| text.parse::<TraceContext>().ok()) else { return Span::none() };
    let method = path.rsplit('/').next().unwrap_or(path);
    let trace = parent.child(path);
    tracing::error_span!(
        parent: None,
        "rpc",
        method,
        trace_id = %trace.trace_id(),
        span_id = %trace.span_id(),
        parent_id = %parent.span_id(),
    )
}

/// The trace that a request says it belongs to. What cannot be read is none, as the standard asks.
pub(super) fn of_request(metadata: &MetadataMap) -> Option<TraceContext> {
    metadata.get(TRACEPARENT)?.to_str().ok()?.parse().ok()
}
