//! Health and metrics over HTTP, of real processes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use patchsweep_process::telemetry::{Instrument, reference};
use patchsweep_tests::cluster::{FINE, ask, data, free_address, submit};
use patchsweep_tests::http::{get, wait_until};
use patchsweep_tests::{Running, repository, serve_at, worker};

fn is_ready((status, _): &(u16, String)) -> bool {
    *status == 200
}

/// The value of a sample without labels.
fn value(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in:\n{metrics}"))
}

/// Fails unless exactly the metrics of the table are shown, with its kinds, labels and values of labels.
fn assert_documented(shown: &str, table: &[&Instrument]) {
    let types = shown.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let types: BTreeMap<&str, &str> = types.collect();
    let helps = shown.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '));
    let helps: BTreeMap<&str, &str> = helps.collect();
    let documented: BTreeMap<&str, &Instrument> = table.iter().map(|metric| (metric.name, *metric)).collect();
    let names: BTreeSet<&str> = documented.keys().copied().collect();
    assert_eq!(types.keys().copied().collect::<BTreeSet<_>>(), names);
    for (name, metric) in &documented {
        assert_eq!(types[name], metric.kind.name(), "{name}");
        assert_eq!(helps.get(name).copied(), Some(metric.help), "{name}");
    }
    for sample in shown.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (series, _) = sample.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let parts = ["_bucket", "_sum", "_count"];
        let stem = parts.iter().find_map(|part| documented.get(name.strip_suffix(part)?));
        let metric = documented.get(name).or(stem).unwrap_or_else(|| panic!("{sample} is not documented"));
        for label in labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()) {
            let (key, value) = label.split_once('=').expect("a label");
            let value = value.trim_matches('"');
            let known = metric.labels.iter().any(|(known, values)| *known == key && values.contains(&value));
            assert!(known || key == "le", "{sample} has a label that is not documented");
        }
    }
}

#[test]
fn probes_follow_both_programs_and_metrics_are_those_that_are_documented() {
    let (address, coordinator_http, worker_http) = (free_address(), free_address(), free_address());
    let url = format!("http://{address}");
    let mut computing = worker(&url, &["--models", &data(), "--http", &worker_http]);
    wait_until(&worker_http, "/healthz", is_ready);
    let unregistered = (503, "not registered with the coordinator\n".to_owned());
    wait_until(&worker_http, "/readyz", |answer| *answer == unregistered);

    let (mut coordinator, _) = serve_at(&address, &["--models", &data(), "--http", &coordinator_http]);
    wait_until(&coordinator_http, "/readyz", is_ready);
    assert!(get(&coordinator_http, "/healthz").as_ref().is_some_and(is_ready));
    wait_until(&worker_http, "/readyz", is_ready);

    let id = submit(&url, &FINE);
    // Counters go up at once, gauges are set now and then.
    wait_until(&coordinator_http, "/metrics", |(_, text)| {
        value(text, "patchsweep_tiles_done_total") > 0.0 && text.contains("patchsweep_workers{state=\"active\"} 1")
    });
    let _ = ask(&url, &["watch", &id]);
    let ended = |(_, text): &(u16, String)| text.contains("patchsweep_sweeps{state=\"done\"} 1");
    let (_, of_coordinator) = wait_until(&coordinator_http, "/metrics", ended);
    let (_, of_worker) = get(&worker_http, "/metrics").expect("an answer");
    assert_documented(&of_coordinator, &patchsweep_serve::telemetry::INSTRUMENTS);
    assert_documented(&of_worker, &patchsweep_worker::telemetry::INSTRUMENTS);
    let done = value(&of_coordinator, "patchsweep_tiles_done_total");
    assert!(
        of_worker.contains(&format!("patchsweep_worker_tiles_total{{outcome=\"computed\"}} {done}")),
        "{of_worker}"
    );
    let executed = value(&of_coordinator, "patchsweep_multiply_adds_total");
    assert!(executed > 0.0);
    assert!((value(&of_worker, "patchsweep_worker_multiply_adds_total") - executed).abs() < 1.0);
    assert!(value(&of_coordinator, "patchsweep_state_bytes") > 0.0);
    assert!(of_coordinator.contains("patchsweep_rpcs_total{method=\"SubmitSweep\",code=\"ok\"} 1"), "{of_coordinator}");

    leaves_unready(&mut coordinator, &coordinator_http, &mut computing, &worker_http);
}

/// Each leaves while the other does not answer, so that there is time to see it.
fn leaves_unready(coordinator: &mut Running, coordinator_http: &str, worker: &mut Running, worker_http: &str) {
    worker.signal("STOP");
    coordinator.signal("TERM");
    let unready = |(status, _): &(u16, String)| *status == 503;
    assert_eq!(wait_until(coordinator_http, "/readyz", unready).1, "shutting down\n");
    assert!(coordinator.wait().success());
    assert_eq!(get(coordinator_http, "/healthz"), None, "the port is closed with the process");
    worker.signal("CONT");
    wait_until(worker_http, "/readyz", unready);
    worker.signal("TERM");
    assert!(worker.wait().success());
    assert_eq!(get(worker_http, "/healthz"), None);
}

#[test]
fn a_worker_that_leaves_is_not_ready() {
    let http = free_address();
    let (coordinator, url) = serve_at("127.0.0.1:0", &["--models", &data()]);
    let mut leaving = worker(&url, &["--models", &data(), "--http", &http]);
    wait_until(&http, "/readyz", is_ready);
    coordinator.signal("STOP");
    leaving.signal("TERM");
    let unready = |(status, _): &(u16, String)| *status == 503;
    assert_eq!(wait_until(&http, "/readyz", unready).1, "leaving\n");
    assert!(leaving.wait().success());
}

#[test]
fn the_documentation_lists_every_metric() {
    let text = fs::read_to_string(repository().join("docs/monitoring.md")).expect("the documentation");
    for table in
        [reference(&patchsweep_serve::telemetry::INSTRUMENTS), reference(&patchsweep_worker::telemetry::INSTRUMENTS)]
    {
        assert!(text.contains(&table), "docs/monitoring.md lacks this table:\n{table}");
    }
}
