//! Export of spans over OTLP: those that carry a `trace_id`, and those inside them.
//!
//! The ids are those of the log, so that a line leads to its span. Libraries that make ids of their own cannot do that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor};
use patchsweep_core::trace::TraceContext;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::{BoxedLayer, LogError};

/// How long an export may take, and the last one at the end.
const EXPORT: Duration = Duration::from_secs(3);

/// Exports what waits when dropped, within a bounded moment. What does not fit the queue meanwhile is dropped.
#[derive(Debug)]
pub(super) struct ExportGuard(Arc<BatchSpanProcessor>);

impl Drop for ExportGuard {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(EXPORT) {
            crate::talk!("warning: the last spans were not exported: {error}");
        }
    }
}

/// Exports to a collector. Needs tokio's runtime.
pub(super) fn export(url: &str, service: &'static str) -> Result<(BoxedLayer, ExportGuard), LogError> {
    let refused = |reason: String| LogError::Otlp { url: url.to_owned(), reason };
    if !url.starts_with("http://") {
        return Err(refused("not an http:// URL; for TLS put a collector on this machine between".to_owned()));
    }
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(url).with_timeout(EXPORT).build();
    let mut processor = BatchSpanProcessor::builder(exporter.map_err(|error| refused(error.to_string()))?).build();
    processor.set_resource(&Resource::builder().with_service_name(service).build());
    let processor = Arc::new(processor);
    let spans = Spans { processor: Arc::clone(&processor), scope: InstrumentationScope::builder("patchsweep").build() };
    let is_ours = |metadata: &Metadata<'_>| metadata.is_span() && metadata.target().starts_with("patchsweep");
    Ok((spans.with_filter(filter_fn(is_ours)).boxed(), ExportGuard(processor)))
}

struct Spans {
    processor: Arc<BatchSpanProcessor>,
    scope: InstrumentationScope,
}

/// A span that has not ended.
struct Open {
    trace: TraceContext,
    parent: Option<SpanId>,
    began: SystemTime,
    attributes: Vec<KeyValue>,
    children: AtomicU64,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let place = span.parent().and_then(|outer| {
            let extensions = outer.extensions();
            let outer = extensions.get::<Open>()?;
            let nth = outer.children.fetch_add(1, Ordering::Relaxed);
            Some((outer.trace, outer.trace.child(&format!("{} {nth}", span.name()))))
        });
        let trace_id = fields.trace_id.or_else(|| place.map(|(outer, _)| outer.trace_id().to_string()));
        let span_id = fields.span_id.or_else(|| place.map(|(_, own)| own.span_id().to_string()));
        let (Some(trace_id), Some(span_id)) = (trace_id, span_id) else { return };
        let Ok(trace) = format!("00-{trace_id}-{span_id}-01").parse() else { return };
        let named = fields.parent_id.and_then(|parent| SpanId::from_hex(&parent).ok());
        let parent = named.or_else(|| place.map(|(outer, _)| SpanId::from_bytes(outer.span_id().to_bytes())));
        let (began, attributes) = (SystemTime::now(), fields.attributes);
        span.extensions_mut().insert(Open { trace, parent, began, attributes, children: AtomicU64::new(0) });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        let Open { trace, parent, began, attributes, .. } = open;
        let span_context = SpanContext::new(
            TraceId::from_bytes(trace.trace_id().to_bytes()),
            SpanId::from_bytes(trace.span_id().to_bytes()),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        );
        self.processor.on_end(SpanData {
            span_context,
            parent_span_id: parent.unwrap_or(SpanId::INVALID),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: span.name().into(),
            start_time: began,
            end_time: SystemTime::now(),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        });
    }
}

#[derive(Default)]
struct Fields {
    trace_id: Option<String>,
    span_id: Option<String>,
    parent_id: Option<String>,
    attributes: Vec<KeyValue>,
}

impl Fields {
    fn take(&mut self, field: &Field, text: String) {
        match field.name() {
            "trace_id" => self.trace_id = Some(text),
            "span_id" => self.span_id = Some(text),
            "parent_id" => self.parent_id = Some(text),
            name => self.attributes.push(KeyValue::new(name, text)),
        }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.attributes.push(KeyValue::new(field.name(), value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.attributes.push(KeyValue::new(field.name(), i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.attributes.push(KeyValue::new(field.name(), value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.attributes.push(KeyValue::new(field.name(), value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.take(field, format!("{value:?}"));
    }
}
