//! What commands print as JSON has exactly the fields of their tables in `docs/commands.md`, which are made of the types.

use std::fs;

use patchsweep_tests::{Sweep, patchsweep, repository, serve};
use serde_json::{Map, Value};

use super::model::{Place, REPOSITORY};
use super::stage::{Stage, object, plain};

/// A row of a table: the path of a field, and what its value may be.
struct Row {
    path: String,
    kind: String,
}

/// The rows of a command's table, and of those fields that every command has.
fn rows(command: &str) -> Vec<Row> {
    let docs = fs::read_to_string(repository().join("docs/commands.md")).expect("the commands");
    let section = |command: &str| {
        let (_, rest) = docs.split_once(&format!("\n### `{command}`\n")).expect("a section for each command");
        rest.split("\n### ").next().unwrap_or_default().to_owned()
    };
    let mut own = section(command);
    if let Some((_, other)) = own.split_once("\nJSON: as of `") {
        own = section(other.split('`').next().unwrap_or_default());
    }
    let row = |line: &str| {
        let mut columns = line.strip_prefix("| `")?.split(" | ");
        let path = columns.next()?.split('`').next()?.to_owned();
        Some(Row { path, kind: columns.next()?.to_owned() })
    };
    [section("patchsweep"), own].iter().flat_map(|text| text.lines().filter_map(row).collect::<Vec<_>>()).collect()
}

/// Holds a command's JSON to its table.
#[track_caller]
fn hold(command: &str, printed: &Value) {
    let rows = rows(command);
    assert!(rows.len() > 6, "{command} has a table");
    hold_object(command, printed.as_object().expect("an object"), "", &rows);
}

#[track_caller]
fn hold_object(command: &str, fields: &Map<String, Value>, before: &str, rows: &[Row]) {
    for Row { path, kind } in rows {
        let Some(name) = path.strip_prefix(before).filter(|name| !name.is_empty() && !name.contains('.')) else {
            continue;
        };
        let may_be_missing = kind.contains("; ");
        assert!(may_be_missing || fields.contains_key(name), "{command}: no `{path}` in {fields:?}");
    }
    for (name, value) in fields {
        let path = format!("{before}{name}");
        // Fields whose names depend on the sweep have one row, which ends where their names begin.
        let row = rows.iter().find(|row| row.path == path).or_else(|| rows.iter().find(|row| row.path == before));
        let row = row.unwrap_or_else(|| panic!("{command}: `{path}` is not in docs/commands.md"));
        assert!(fits(value, &row.kind), "{command}: `{path}` is {value}, not {}", row.kind);
        match value {
            Value::Object(inner) if !row.kind.starts_with("object of ") => {
                hold_object(command, inner, &format!("{path}."), rows);
            }
            Value::Array(items) => {
                for inner in items.iter().filter_map(Value::as_object) {
                    hold_object(command, inner, &format!("{path}[]."), rows);
                }
            }
            _ => {}
        }
    }
}

fn fits(value: &Value, kind: &str) -> bool {
    let kinds = kind.split("; ").next().unwrap_or_default();
    kinds.split(" or ").any(|kind| match kind {
        "text" => value.is_string(),
        "whole number" => value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        "`true`" | "`false`" => value.is_boolean(),
        kind if kind.starts_with("object") => value.is_object(),
        kind => kind.starts_with("list of ") && value.is_array(),
    })
}

#[tokio::test]
async fn commands_about_sweeps_and_workers_have_the_fields_of_their_tables() {
    let stage = Stage::new().await;
    let id = stage.finished().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spec = stage.tiny.spec_file();
    let _worker = stage.served.named_worker("ada:1", 1).await;
    let (_, json) = stage.json(&["workers"]).await;
    hold("patchsweep workers", &json);
    let worker = json["workers"][0]["worker"].as_str().expect("an id").to_owned();
    let page = folder.path().join("report.html");
    let cases: [(&str, &[&str]); 11] = [
        ("submit", &["submit", plain(&spec)]),
        ("submit", &["submit", plain(&spec), "--wait"]),
        ("list", &["list"]),
        ("status", &["status", &id]),
        ("watch", &["watch", &id]),
        ("cancel", &["cancel", &id]),
        ("explain", &["explain", &id]),
        ("explain", &["explain", &id, "z", "0", "0.0"]),
        ("top", &["top", &id]),
        ("report", &["report", &id, "--out", plain(&page)]),
        ("drain", &["drain", &worker]),
    ];
    for (command, args) in cases {
        let (output, json) = stage.json(args).await;
        assert_eq!(output.code, Some(0), "{args:?}: {output:?}");
        hold(&format!("patchsweep {command}"), &json);
    }
    let out = folder.path().join("results");
    hold("patchsweep results", &stage.json(&["results", &id, "--csv", "--out", plain(&out)]).await.1);
    // One that fails has only what stands in every object.
    let (_, json) = stage.json(&["status", "nonesuch"]).await;
    hold_object("an error", json["error"].as_object().expect("an error"), "error.", &rows("patchsweep"));
    stage.served.stop().await;
}

#[test]
fn commands_without_a_coordinator_have_the_fields_of_their_tables() {
    let data = repository().join("data");
    let text = |name: &str| fs::read_to_string(data.join(name)).expect("the example");
    let spec = text("acronyms.toml").replace("acronym-gpt2", "model").replace("samples = 250", "samples = 20");
    let sweep = Sweep::new(&data.join("acronym-gpt2"), &spec, "acronyms.txt", &text("acronyms.txt"));
    let (spec, out, model) = (sweep.spec(), sweep.folder().join("results"), sweep.folder().join("model"));
    let (prompts, begun) = (sweep.folder().join("acronyms.txt"), sweep.folder().join("begun.toml"));
    let state = tempfile::tempdir().expect("a temporary folder");
    let (_coordinator, _) = serve(&["--tls", "--state", plain(state.path())]);
    let cases: [(&str, &[&str]); 9] = [
        ("init", &["init", plain(&model), plain(&prompts), "--out", plain(&begun)]),
        ("model show", &["model", "show", plain(&model)]),
        ("plan", &["plan", plain(&spec)]),
        ("run", &["run", plain(&spec), "--out", plain(&out), "--threads", "1", "--check"]),
        ("token rotate", &["token", "rotate", "--role", "client", "--state", plain(state.path())]),
        ("config show", &["config", "show"]),
        ("config path", &["config", "path"]),
        ("completions", &["completions", "bash"]),
        ("man", &["man", "--out", plain(state.path())]),
    ];
    for (command, args) in cases {
        let assert = patchsweep(&[args, &["--output", "json"]].concat()).assert().success();
        hold(&format!("patchsweep {command}"), &object(&String::from_utf8_lossy(&assert.get_output().stdout)));
    }
}

#[test]
fn a_fetched_model_has_the_fields_of_its_table() {
    let place = Place::new();
    hold("patchsweep model fetch", &place.fetched(&[REPOSITORY]));
}
