//! The log of real processes: which tile a line is about, and which trace it belongs to.

use std::fs;
use std::process::Command;

use patchsweep_tests::cluster::{FINE, ask, data, free_address, spec};
use patchsweep_tests::{Running, patchsweep, program, serve, worker};
use serde_json::{Map, Value};

type Line = Map<String, Value>;

/// A process that logs all of our own as JSON.
fn logging(name: &str, args: &[&str]) -> Running {
    let mut command = Command::new("env");
    command.arg("PATCHSWEEP_LOG=patchsweep=debug").arg(program(name));
    Running::start_command(command, &[args, &["--log-format", "json"]].concat())
}

/// The objects of a log; other lines are skipped.
fn objects(lines: &[String]) -> Vec<Line> {
    lines.iter().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn text<'a>(line: &'a Line, key: &str) -> &'a str {
    line.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Lines that say this, at least one, each with sweep, tile, attempt, worker and the trace.
fn of_tiles<'a>(lines: &'a [Line], message: &str, trace: &str) -> Vec<&'a Line> {
    let found: Vec<&Line> = lines.iter().filter(|line| text(line, "message") == message).collect();
    assert!(!found.is_empty(), "no line says {message:?}");
    for line in &found {
        assert_is_of_a_tile(line);
        assert_eq!(text(line, "trace_id"), trace, "{line:?}");
    }
    found
}

fn assert_is_of_a_tile(line: &Line) {
    for key in ["sweep", "tile", "worker"] {
        assert!(!text(line, key).is_empty(), "no {key} in {line:?}");
    }
    assert!(line.get("attempt").is_some_and(Value::is_u64), "{line:?}");
}

#[test]
fn every_line_inside_a_tile_names_it_and_one_trace_spans_client_coordinator_and_worker() {
    let state = tempfile::tempdir().expect("a folder");
    let address = free_address();
    let url = format!("http://{address}");
    let state = state.path().to_str().expect("a plain path").to_owned();
    let mut coordinator =
        logging("patchsweep", &["serve", "--listen", &address, "--state", &state, "--models", &data()]);
    coordinator.wait_for("listening on ");
    let mut computing = logging("patchsweep-worker", &["--coordinator", &url, "--threads", "1", "--models", &data()]);
    let mut submit =
        patchsweep(&[&["submit", &spec(), "--coordinator", &url, "--log-format", "json"], &FINE[..]].concat());
    let submitted = submit.env("PATCHSWEEP_LOG", "debug").env_remove("TRACEPARENT").assert().success();
    let output = submitted.get_output();
    let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let stderr: Vec<String> = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
    let lines = objects(&stderr);
    let connected = lines.iter().find(|line| text(line, "message") == "connected to the coordinator");
    let trace = text(connected.expect("a line of the client"), "trace_id").to_owned();
    assert_eq!(trace.len(), 32);
    let _ = ask(&url, &["watch", &id]);

    let (coordinator, computing) = (objects(&coordinator.log()), objects(&computing.log()));
    let done = of_tiles(&coordinator, "tile done", &trace);
    let computed = of_tiles(&computing, "tile computed", &trace);
    assert_eq!(done.len(), computed.len());
    assert_eq!(text(done[0], "worker"), text(computed[0], "worker"));
    for message in ["context fetched", "model loaded"] {
        of_tiles(&computing, message, &trace);
    }
    let mut phases: Vec<&str> =
        of_tiles(&computing, "phase ended", &trace).into_iter().map(|line| text(line, "phase")).collect();
    phases.sort_unstable();
    phases.dedup();
    assert_eq!(phases, ["clean", "corrupted", "load", "merge", "patched"]);
    let submitted = coordinator.iter().find(|line| text(line, "message") == "sweep submitted").expect("a line");
    assert_eq!((text(submitted, "sweep"), text(submitted, "trace_id")), (&*id, &*trace));
    let phases = ["tile", "load", "clean", "corrupted", "patched"];
    for line in coordinator.iter().chain(&computing) {
        if phases.contains(&text(line, "span")) || line.contains_key("tile") {
            assert_is_of_a_tile(line);
        }
    }
}

#[test]
fn a_command_goes_on_with_the_trace_that_it_is_given() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let (_coordinator, url) = serve(&[]);
    let mut list = patchsweep(&["list", "--coordinator", &url]);
    let list = list.env("TRACEPARENT", format!("00-{trace}-00f067aa0ba902b7-01"));
    let listed = list.env("PATCHSWEEP_LOG", "debug").env("NO_COLOR", "1").assert().success();
    let stderr = String::from_utf8_lossy(&listed.get_output().stderr).into_owned();
    assert!(stderr.contains(&format!("trace_id={trace}")), "{stderr}");
}

#[test]
fn a_log_file_takes_all_lines_up_to_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("logs").join("coordinator.log");
    let file = path.to_str().expect("a plain path");
    let rotated = ["--log-file", file, "--log-rotate", "hourly", "--log-format", "json"];
    let (mut coordinator, url) = serve(&rotated);
    let mut leaving = worker(&url, &[]);
    leaving.wait_for("registered with the coordinator");
    coordinator.signal("TERM");
    assert!(coordinator.wait().success());
    let text = fs::read_to_string(&path).expect("a link to the newest file");
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let messages = objects(&lines).len();
    assert_eq!(messages, lines.len(), "{text}");
    assert!(text.contains("worker registered") && text.contains("shutting down"), "{text}");
    assert!(path.symlink_metadata().expect("it is there").is_symlink());
}

#[test]
fn a_misspelt_level_and_a_log_file_that_cannot_be_are_refused() {
    let mut misspelt = patchsweep(&["list"]);
    let refused = misspelt.env("PATCHSWEEP_LOG", "infoo").assert().code(2);
    let stderr = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(stderr.starts_with("error: PATCHSWEEP_LOG is `infoo`: `infoo` is no level; write error, warn"), "{stderr}");
    let refused = patchsweep(&["list", "--log-file", "/proc/none/x.log"]).assert().code(2);
    let stderr = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(stderr.starts_with("error: cannot write the log file /proc/none/x.log: "), "{stderr}");
}
