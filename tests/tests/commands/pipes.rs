//! Nobody has to read what a command says.

use std::io::{BufRead, BufReader, Read, pipe};
use std::process::{Command, Stdio};

use patchsweep_tests::process::client;
use patchsweep_tests::{Sweep, repository, serve};
use serde_json::Value;

use super::stage::{NOBODY, plain};

/// A pipe that nobody reads.
fn broken() -> Stdio {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

fn code(command: &mut Command) -> Option<i32> {
    command.stdin(Stdio::null()).status().expect("it runs").code()
}

#[test]
fn a_broken_pipe_on_stdout_is_a_success() {
    let (_coordinator, url) = serve(&[]);
    let spec = repository().join("data/acronyms.toml");
    let list = ["list", "--coordinator", &url];
    let workers = ["workers", "--coordinator", &url];
    let commands: [&[&str]; 7] = [
        &list,
        &workers,
        &["plan", plain(&spec)],
        &["config", "show"],
        &["completions", "bash"],
        &["--help"],
        &["--version"],
    ];
    for args in commands {
        for form in ["table", "json", "quiet"] {
            let args = [args, &["--output", form]].concat();
            assert_eq!(code(client(&args).stdout(broken()).stderr(Stdio::inherit())), Some(0), "{args:?}");
        }
    }
}

#[test]
fn the_exit_code_is_the_same_when_nobody_reads_anything() {
    let (_coordinator, url) = serve(&[]);
    let cases: [(&[&str], i32); 4] = [
        (&["status", "nope", "--coordinator", &url], 1),
        (&["cancel", "all", "--coordinator", &url], 0),
        (&["list", "--nonsense"], 2),
        (&["list", "--coordinator", NOBODY], 4),
    ];
    for (args, wanted) in cases {
        let mut command = client(args);
        // The log is talk, too.
        command.env("PATCHSWEEP_LOG", "trace");
        assert_eq!(code(command.stdout(broken()).stderr(broken())), Some(wanted), "{args:?}");
    }
}

#[test]
fn a_sweep_is_run_to_its_end_when_nobody_reads_anything() {
    let spec = std::fs::read_to_string(repository().join("data/acronyms-word.toml")).expect("the example");
    let prompts = std::fs::read_to_string(repository().join("data/acronyms.txt")).expect("its prompts");
    let spec = spec.replace("acronym-gpt2", "model");
    let sweep = Sweep::new(&repository().join("data/acronym-gpt2"), &spec, "acronyms.txt", &prompts);
    let (spec, out) = (sweep.spec(), sweep.folder().join("results"));
    let mut run = client(&["run", plain(&spec), "--out", plain(&out), "--threads", "1"]);
    assert_eq!(code(run.stdout(broken()).stderr(broken())), Some(0));
    assert!(out.join("manifest.json").is_file());
}

#[test]
fn a_coordinator_serves_when_nobody_reads_its_log() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let args = ["serve", "--listen", "127.0.0.1:0", "--state", plain(state.path()), "--output", "json"];
    let mut command = client(&args);
    command.env("PATCHSWEEP_LOG", "debug").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(broken());
    let mut serve = command.spawn().expect("it starts");
    let mut stdout = BufReader::new(serve.stdout.take().expect("stdout is piped"));
    let mut text = String::new();
    while !text.ends_with("}\n") || text.trim_end().lines().last() != Some("}") {
        assert_ne!(stdout.read_line(&mut text).expect("text"), 0, "it ended after {text:?}");
    }
    let json: Value = serde_json::from_str(&text).expect("one object");
    let url = json["url"].as_str().expect("a URL");
    assert_eq!(json["client_flags"][0], "--coordinator");
    assert_eq!(code(client(&["list", "--coordinator", url]).stdout(Stdio::null())), Some(0));
    serve.kill().expect("it still runs");
    serve.wait().expect("it ends");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "", "one object only");
}
