//! Settings from flags, environment, config file and defaults, in that order.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use patchsweep_tests::{patchsweep, serve};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::stage::{NOBODY, object, plain};

/// A config file of that text.
fn config(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("config.toml");
    fs::write(&path, text).expect("a config file");
    (folder, path)
}

fn with(path: &Path, args: &[&str]) -> Command {
    let mut command = patchsweep(args);
    command.env("PATCHSWEEP_CONFIG", path);
    command
}

/// What `config show` says of a setting: value, source, and which one.
fn shown(command: &mut Command, setting: &str) -> [Value; 3] {
    let assert = command.args(["--output", "json"]).assert().success();
    let json = object(&String::from_utf8_lossy(&assert.get_output().stdout));
    let settings = json["settings"].as_array().expect("a list");
    let found = settings.iter().find(|shown| shown["setting"] == setting).expect("the setting");
    ["value", "source", "from"].map(|field| found[field].clone())
}

#[test]
fn a_flag_counts_more_than_the_environment_and_that_more_than_the_file() {
    let (_folder, path) = config("coordinator = \"http://file:1\"\n");
    let show = || with(&path, &["config", "show"]);
    assert_eq!(shown(&mut show(), "coordinator"), [json!("http://file:1"), json!("file"), json!(path)]);
    let environment = |command: &mut Command| {
        command.env("PATCHSWEEP_COORDINATOR", "http://environment:2");
    };
    let mut command = show();
    environment(&mut command);
    let of_environment = [json!("http://environment:2"), json!("environment"), json!("PATCHSWEEP_COORDINATOR")];
    assert_eq!(shown(&mut command, "coordinator"), of_environment);
    let mut command = with(&path, &["config", "show", "--coordinator", "http://flag:3"]);
    environment(&mut command);
    assert_eq!(shown(&mut command, "coordinator"), [json!("http://flag:3"), json!("flag"), json!("--coordinator")]);
    let mut command = patchsweep(&["config", "show"]);
    assert_eq!(shown(&mut command, "coordinator"), [json!("http://127.0.0.1:7070"), json!("default"), Value::Null]);
}

#[test]
fn the_state_directory_has_its_place_without_any_setting() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = patchsweep(&["config", "show"]);
    command.env("XDG_STATE_HOME", folder.path());
    let place = folder.path().join("patchsweep");
    assert_eq!(shown(&mut command, "state"), [json!(place), json!("default"), Value::Null]);
    let mut command = patchsweep(&["config", "show"]);
    command.env("PATCHSWEEP_STATE", "/elsewhere");
    assert_eq!(shown(&mut command, "state")[0], "/elsewhere");
}

#[test]
fn the_file_is_looked_for_in_the_config_directory() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("patchsweep/config.toml");
    let command = |args: &[&str]| {
        let mut command = patchsweep(args);
        command.env_remove("PATCHSWEEP_CONFIG").env("XDG_CONFIG_HOME", folder.path());
        command
    };
    let assert = command(&["config", "path"]).assert().success();
    assert_eq!(String::from_utf8_lossy(&assert.get_output().stdout).trim(), plain(&path));
    command(&["config", "show"]).assert().success();
    fs::create_dir(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, "log_format = \"json\"\n").expect("a config file");
    assert_eq!(shown(&mut command(&["config", "show"]), "log_format"), [json!("json"), json!("file"), json!(path)]);
}

#[test]
fn commands_follow_the_file() {
    let (_coordinator, url) = serve(&[]);
    let (_folder, path) = config(&format!("coordinator = \"{url}\"\noutput = \"json\"\n"));
    let assert = with(&path, &["list"]).assert().success();
    assert_eq!(object(&String::from_utf8_lossy(&assert.get_output().stdout))["sweeps"], json!([]));
    with(&path, &["list", "--coordinator", NOBODY]).assert().code(4);
    let refused = with(&path, &["list", "--nonsense"]).assert().code(2);
    assert_eq!(object(&String::from_utf8_lossy(&refused.get_output().stdout))["error"]["kind"], "usage");
}

#[test]
fn the_form_of_an_error_follows_the_environment() {
    let mut command = patchsweep(&["nonsense"]);
    let refused = command.env("PATCHSWEEP_OUTPUT", "json").assert().code(2);
    assert_eq!(object(&String::from_utf8_lossy(&refused.get_output().stdout))["error"]["exit_code"], 2);
}

#[test]
fn a_bad_file_is_shown_where_it_is_wrong_and_help_goes_on() {
    let (_folder, path) = config("# mine\ncoordinater = \"http://a\"\n");
    let refused = with(&path, &["list", "--output", "json"]).assert().code(2);
    let stderr = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    let place = format!("{}: config line 2, column 1: unknown field `coordinater`", path.display());
    for part in [place.as_str(), "2 | coordinater = ", "  | ^^^^^^^^^^^", "did you mean `coordinator`?"] {
        assert!(stderr.contains(part), "no {part:?} in:\n{stderr}");
    }
    assert!(stderr.lines().count() <= 5, "{stderr}");
    let json = object(&String::from_utf8_lossy(&refused.get_output().stdout));
    assert_eq!((&json["error"]["kind"], &json["error"]["exit_code"]), (&json!("config"), &json!(2)));
    for args in [&["--help"][..], &["config", "path"], &["completions", "bash"]] {
        with(&path, args).assert().success();
    }
    let missing = path.with_file_name("missing.toml");
    let refused = with(&missing, &["list"]).assert().code(2);
    let stderr = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(stderr.contains("missing.toml") && stderr.contains("PATCHSWEEP_CONFIG"), "{stderr}");
}

#[test]
fn no_secret_is_shown() {
    let secret = format!("psc_{}", "5e".repeat(32));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let credentials = folder.path().join("client.credentials");
    fs::write(&credentials, format!("coordinator = \"https://head-node:7070\"\ntoken = \"{secret}\"\n"))
        .expect("a file");
    let (_folder, path) = config(&format!("credentials = \"{}\"\n", credentials.display()));
    let assert = with(&path, &["config", "show"]).assert().success();
    let table = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    assert!(table.contains("https://head-node:7070") && table.contains("client.credentials"), "{table}");
    assert!(!table.contains("5e5e"), "{table}");
    let (_folder, path) = config(&format!("token = \"{secret}\"\n"));
    let refused = with(&path, &["config", "show", "--output", "json"]).assert().code(2);
    let output = refused.get_output();
    for text in [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)) {
        assert!(text.contains("unknown field `token`") && !text.contains("5e5e"), "{text}");
    }
}
