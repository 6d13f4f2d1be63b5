//! `--download`: models of the hub that come when a sweep needs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use patchsweep_tests::hub::{Access, Fault, files_of};
use patchsweep_tests::process::client;
use patchsweep_tests::{Running, program, repository};
use serde_json::Value;
use tempfile::TempDir;

use super::transfer::{MIB, partial, wait_for_bytes};
use super::{Place, REPOSITORY, acronyms, object, plain, starts};

/// The example's sweep of few prompts, with the model of the hub.
fn spec() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |name: &str| fs::read_to_string(repository().join("data").join(name)).expect("the example");
    let hub = format!("hub = \"{REPOSITORY}\"");
    let spec = text("acronyms.toml").replace("path = \"acronym-gpt2\"", &hub).replace("samples = 250", "samples = 20");
    assert!(spec.contains(&hub), "{spec}");
    let path = folder.path().join("spec.toml");
    fs::write(&path, spec).expect("written");
    fs::write(folder.path().join("acronyms.txt"), text("acronyms.txt")).expect("written");
    (folder, path)
}

/// A command's exit code, and its JSON object.
fn answer_of(place: &Place, args: &[&str]) -> (Option<i32>, Value) {
    let output = place.knows(client(&[args, &["--output", "json"]].concat())).output().expect("started");
    (output.status.code(), object(&String::from_utf8_lossy(&output.stdout)))
}

fn model_name(results: &Path) -> Value {
    let manifest = fs::read(results.join("manifest.json")).expect("a manifest");
    serde_json::from_slice::<Value>(&manifest).expect("JSON")["model"]["name"].clone()
}

#[test]
fn a_run_fetches_its_model_once_and_names_the_commit() {
    let place = Place::new();
    let (folder, spec) = spec();
    let run = |out: &Path, more: &[&str]| {
        answer_of(&place, &[&["run", plain(&spec), "--threads", "1", "--out", plain(out)], more].concat())
    };
    let out = folder.path().join("one");
    let (code, answer) = run(&out, &[]);
    assert_eq!(code, Some(2), "{answer}");
    let advice = format!("fetch it with `patchsweep model fetch {REPOSITORY}`");
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains(&advice)), "{answer}");
    assert_eq!(place.hub.take_asked(), [], "nobody has allowed that");

    let (code, answer) = run(&out, &["--download"]);
    assert_eq!(code, Some(0), "{answer}");
    assert_eq!(model_name(&out), Value::from(format!("hub:{REPOSITORY}@{}", place.commit)));
    place.hold_snapshot();

    // What is there counts, also where the branch has moved.
    drop(place.hub.take_asked());
    let mut changed = files_of(&acronyms());
    changed.insert("tokenizer_config.json".into(), b"{}".to_vec());
    drop(place.hub.push(REPOSITORY, "main", changed));
    let out = folder.path().join("two");
    let (code, answer) = run(&out, &["--download"]);
    assert_eq!(code, Some(0), "{answer}");
    assert_eq!(model_name(&out), Value::from(format!("hub:{REPOSITORY}@{}", place.commit)));
    assert_eq!(place.hub.take_asked(), []);
}

#[test]
fn a_run_whose_model_does_not_come_begins_nothing() {
    let place = Place::new();
    let (folder, spec) = spec();
    let text = fs::read_to_string(&spec).expect("a spec").replace(REPOSITORY, "ada/acronims");
    fs::write(&spec, text).expect("written");
    let out = folder.path().join("out");
    let (code, answer) = answer_of(&place, &["run", plain(&spec), "--download", "--out", plain(&out)]);
    assert_eq!((code, &answer["error"]["kind"]), (Some(2), &Value::from("spec")), "{answer}");
    assert!(
        answer["error"]["message"].as_str().is_some_and(|text| text.contains("has no model `ada/acronims`")),
        "{answer}"
    );
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "spec and dataset");
}

/// A coordinator that has the model, and its address.
fn coordinator(place: &Place, state: &Path) -> (Running, String) {
    place.fetched(&[REPOSITORY]);
    let command = place.knows(Command::new(program("patchsweep")));
    let mut serve = Running::start_command(command, &["serve", "--listen", "127.0.0.1:0", "--state", plain(state)]);
    let line = serve.wait_for("listening on ");
    (serve, line.trim_start_matches("listening on ").to_owned())
}

/// A worker with the hub and the cache of another place.
fn worker(place: &Place, url: &str, args: &[&str]) -> Running {
    let command = place.knows(Command::new(program("patchsweep-worker")));
    Running::start_command(command, &[&["--coordinator", url, "--threads", "1"], args].concat())
}

#[test]
fn workers_fetch_what_they_do_not_have_and_share_what_came() {
    let [of_coordinator, of_workers] = [Place::new(), Place::new()];
    let (folder, spec) = spec();
    let (_coordinator, url) = coordinator(&of_coordinator, &folder.path().join("state"));
    let partial = partial(&of_workers);
    of_workers.hub.set_fault(Some(Fault::Hangs(MIB)));
    let mut first = worker(&of_workers, &url, &["--download"]);
    let (code, answer) = answer_of(&of_coordinator, &["submit", plain(&spec), "--coordinator", &url]);
    assert_eq!(code, Some(0), "{answer}");
    let sweep = answer["sweep"].as_str().expect("an id");
    let line = first.wait_for("fetching the model from the hub");
    assert!(line.contains(&format!("hub:{REPOSITORY}@{}", of_workers.commit)), "{line}");
    wait_for_bytes(&partial, MIB);
    let mut second = worker(&of_workers, &url, &["--download"]);
    second.wait_for("waiting for another process that fetches the model");
    of_workers.hub.set_fault(None);
    drop(of_workers.hub.take_asked());
    first.signal("KILL");
    let (code, answer) = answer_of(&of_coordinator, &["watch", sweep, "--coordinator", &url]);
    assert_eq!(code, Some(0), "{answer}");
    assert_eq!(starts(&of_workers.hub.take_asked()), [MIB]);
    of_workers.hold_snapshot();
    assert_eq!(second.count("model fetched"), 1, "tiles after the first one find it");
}

#[test]
fn a_worker_that_cannot_have_the_model_says_why() {
    let place = Place::new();
    let (folder, spec) = spec();
    let (_coordinator, url) = coordinator(&place, &folder.path().join("state"));
    let refused = |worker: &mut Running| {
        worker.wait_for("registered with the coordinator");
        let (code, answer) = answer_of(&place, &["submit", plain(&spec), "--wait", "--new", "--coordinator", &url]);
        assert_eq!(code, Some(1), "{answer}");
        assert_eq!(worker.count("model cannot be used: its tiles fail"), 1);
        answer["error"]["message"].as_str().expect("a message").to_owned()
    };
    let empty = Place::new();
    let message = refused(&mut worker(&empty, &url, &[]));
    let advice = format!("fetch it with `patchsweep model fetch {REPOSITORY} --revision {}`", place.commit);
    assert!(message.contains(&advice), "{message}");
    assert_eq!(empty.hub.take_asked(), []);

    let elsewhere = Place::new();
    elsewhere.hub.set_access(REPOSITORY, Access::Private);
    let message = refused(&mut worker(&elsewhere, &url, &["--download"]));
    assert!(message.contains(&format!("has no model `{REPOSITORY}`, or hides it")), "{message}");
}
