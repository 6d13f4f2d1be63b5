//! Exported spans: one trace over both programs, in a collector that keeps what it gets.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span;
use patchsweep_tests::cluster::{ask, data, free_address, spec};
use patchsweep_tests::{Running, patchsweep, program};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Spans with the service that they are of.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Span)>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut kept = self.0.lock().expect("nobody panicked");
        for resource in request.into_inner().resource_spans {
            let service = format!("{:?}", resource.resource.unwrap_or_default().attributes);
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            kept.extend(spans.map(|span| (service.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn exporting(name: &str, collector: &str, args: &[&str]) -> Running {
    Running::start_command(Command::new(program(name)), &[args, &["--otlp", collector]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_spans_coordinator_and_worker_with_the_right_parents() {
    let collector = Collector::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let at = format!("http://{}", listener.local_addr().expect("an address"));
    let service = TraceServiceServer::new(collector.clone());
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let swept = tokio::task::spawn_blocking(move || {
        let state = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let url = format!("http://{address}");
        let state = state.path().to_str().expect("a plain path").to_owned();
        let serve = ["serve", "--listen", &address, "--state", &state, "--models", &data()];
        let mut coordinator = exporting("patchsweep", &at, &serve);
        coordinator.wait_for("listening on ");
        let mut worker =
            exporting("patchsweep-worker", &at, &["--coordinator", &url, "--threads", "1", "--models", &data()]);
        let mut submit = patchsweep(&["submit", &spec(), "--coordinator", &url]);
        let submitted = submit.env("TRACEPARENT", format!("00-{trace}-00f067aa0ba902b7-01")).assert().success();
        let id = String::from_utf8_lossy(&submitted.get_output().stdout).trim().to_owned();
        let _ = ask(&url, &["watch", &id]);
        // What waits is exported at the end.
        worker.signal("TERM");
        assert!(worker.wait().success());
        coordinator.signal("TERM");
        assert!(coordinator.wait().success());
    });
    swept.await.expect("the sweep is done");

    let kept = collector.0.lock().expect("nobody panicked").clone();
    let of_trace: Vec<&(String, Span)> = kept.iter().filter(|(_, span)| hex(&span.trace_id) == trace).collect();
    let by_id: BTreeMap<&[u8], &(String, Span)> = of_trace.iter().map(|kept| (&*kept.1.span_id, *kept)).collect();
    assert_eq!(by_id.len(), of_trace.len(), "ids are unique");
    let is_worker = |service: &str| service.contains("patchsweep-worker");
    let named = |name: &str, of_worker: bool| -> Vec<&Span> {
        let found = of_trace.iter().filter(|(service, span)| span.name == name && is_worker(service) == of_worker);
        found.map(|(_, span)| span).collect()
    };
    let [sweep] = named("sweep", false)[..] else { panic!("one sweep: {:?}", named("sweep", false)) };
    let leases = named("tile", false);
    assert!(!leases.is_empty());
    assert!(leases.iter().all(|lease| lease.parent_span_id == sweep.span_id));
    let tiles = named("tile", true);
    assert_eq!(tiles.len(), leases.len());
    for tile in tiles {
        let (service, parent) = by_id[&*tile.parent_span_id];
        assert!(parent.name == "tile" && !is_worker(service), "{parent:?}");
        assert!(parent.start_time_unix_nano <= tile.start_time_unix_nano);
    }
    for phase in ["load", "clean", "corrupted", "patched", "merge"] {
        let spans = named(phase, true);
        assert!(!spans.is_empty(), "{phase}");
        assert!(spans.iter().all(|span| by_id[&*span.parent_span_id].1.name == "tile"), "{phase}");
    }
    let fetched = named("rpc", false);
    assert!(
        fetched.iter().any(|rpc| by_id.get(&*rpc.parent_span_id).is_some_and(|(of, _)| is_worker(of))),
        "{fetched:?}"
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
