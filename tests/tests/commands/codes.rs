//! Each exit code, with a real process that ends so.

use std::fs;
use std::process::Command;

use patchsweep_tests::tiny::{TILE_MULTIPLY_ADDS, TILE_PROMPTS};
use patchsweep_tests::{Running, patchsweep, program, serve};
use serde_json::Value;

use super::stage::{NOBODY, Stage, object, plain};

/// The exit code of a command, which its JSON must say too.
fn code(args: &[&str]) -> (Option<i32>, Value) {
    let output = patchsweep(&[args, &["--output", "json"]].concat()).output().expect("it runs");
    let stdout = String::from_utf8(output.stdout).expect("text");
    (output.status.code(), object(&stdout)["error"].clone())
}

#[test]
fn commands_end_with_the_code_that_fits_and_say_it_in_json() {
    let (_open, open) = serve(&[]);
    let (_locked, locked) = serve(&["--tls"]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spec = folder.path().join("spec.toml");
    fs::write(&spec, "schema = 1\nnmae = \"x\"\n").expect("a spec");
    let (missing, out) = (folder.path().join("missing.toml"), folder.path().join("a/b"));
    let cases: [(&[&str], i32, &str); 9] = [
        (&["status", "nope", "--coordinator", &open], 1, "no_sweep"),
        (&["drain", "w7", "--coordinator", &open], 1, "failed"),
        (&["list", "--nonsense"], 2, "usage"),
        (&["watch", "all", "--coordinator", &open], 2, "usage"),
        (&["plan", plain(&spec)], 2, "spec"),
        (&["plan", plain(&missing)], 2, "input"),
        (&["results", "last", "--out", plain(&out), "--coordinator", &open], 2, "input"),
        (&["list", "--coordinator", NOBODY], 4, "unreachable"),
        (&["list", "--coordinator", &locked], 5, "not_let_in"),
    ];
    assert_eq!(code(&["list", "--coordinator", &open]), (Some(0), Value::Null));
    for (args, wanted, kind) in cases {
        let (code, error) = code(args);
        assert_eq!((code, &error["exit_code"]), (Some(wanted), &wanted.into()), "{args:?}: {error}");
        assert_eq!(error["kind"], kind, "{args:?}: {error}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
    }
}

#[tokio::test]
async fn a_partial_sweep_is_reported_with_what_there_is_of_it_in_one_object() {
    let stage = Stage::new().await;
    let spec = stage.tiny.spec_file();
    let (multiply_adds, prompts) = (TILE_MULTIPLY_ADDS.to_string(), TILE_PROMPTS.to_string());
    let tiles = ["--tile-multiply-adds", &multiply_adds, "--tile-prompts", &prompts];
    let submit = ["submit", plain(&spec), "--wait", "--output", "json"];
    let output = stage.while_computing(&[&submit[..], &tiles].concat(), true).await;
    assert_eq!(output.code, Some(3), "{output:?}");
    let json = object(&output.out);
    assert_eq!((&json["error"]["exit_code"], &json["error"]["kind"]), (&3.into(), &"partial".into()));
    assert_eq!((&json["created"], &json["sweeps"][0]["state"]), (&true.into(), &"partial".into()));
    let id = json["sweep"].as_str().expect("an id");
    assert_eq!(json["error"]["next"], format!("patchsweep resume {id}"));

    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("results");
    let (output, json) = stage.json(&["results", id, "--out", plain(&out)]).await;
    assert_eq!((output.code, &json["state"], &json["error"]["exit_code"]), (Some(3), &"partial".into(), &3.into()));
    assert!(fs::exists(json["files"]["npz"].as_str().expect("a path")).expect("a folder"), "{json}");
    let (output, json) = stage.json(&["watch", id]).await;
    assert_eq!(
        (output.code, &json["sweeps"][0]["sweep"], &json["error"]["kind"]),
        (Some(3), &id.into(), &"partial".into())
    );
    stage.served.stop().await;
}

#[tokio::test]
async fn ctrl_c_ends_a_command_with_130() {
    let stage = Stage::new().await;
    stage.submitted(&[]).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out.json");
    let mut command = Command::new("sh");
    command.args(["-c", "out=$1; shift; exec \"$0\" \"$@\" > \"$out\""]).arg(program("patchsweep")).arg(&out);
    let url = stage.served.url().to_owned();
    let code = tokio::task::spawn_blocking(move || {
        let mut watch = Running::start_command(command, &["watch", "last", "--output", "json", "--coordinator", &url]);
        watch.wait_for("running");
        watch.signal("INT");
        watch.wait().code()
    });
    assert_eq!(code.await.expect("no panic"), Some(130));
    let json = object(&fs::read_to_string(&out).expect("what it printed"));
    assert_eq!((&json["error"]["kind"], &json["error"]["exit_code"]), (&"interrupted".into(), &130.into()));
    stage.served.stop().await;
}

#[test]
fn the_codes_are_in_the_help() {
    let help = patchsweep(&["--help"]).assert().success();
    let help = String::from_utf8_lossy(&help.get_output().stdout).into_owned();
    for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "130 "] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(code)), "{code} in {help}");
    }
}
