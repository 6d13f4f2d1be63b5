//! Each command in each form: data on stdout, talk on stderr.

use std::fs;

use patchsweep_tests::{Sweep, patchsweep, repository, serve};
use serde_json::{Value, json};

use super::stage::{Stage, object, plain};

#[tokio::test]
async fn commands_about_sweeps_say_the_same_in_each_form() {
    let stage = Stage::new().await;
    let id = stage.finished().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = plain(folder.path());
    let spec = stage.tiny.spec_file();
    let submitted_before = "submitted before: this is the same sweep, whose scores are of the model ";
    let results: &[&str] = &["results", &id, "--overwrite", "--out", out];
    // A command, what its table has, its quiet words, a place in its JSON, what it says on stderr.
    let again = stage.submitted(&[]).await;
    let cases: [(&[&str], &str, &str, &str, &str); 7] = [
        (&["submit", plain(&spec)], &again, &again, "/sweep", submitted_before),
        (&["status", &id], "100%", &id, "/sweeps/0/sweep", ""),
        (&["watch", &id], "done: ", &id, "/sweeps/0/sweep", "100%"),
        (&["cancel", &id], "done", &id, "/sweeps/0/sweep", ""),
        (results, "", out, "/files/report", "report: "),
        (&["top", &id, "-k", "1"], "strongest effects", "", "/top/0/label", ""),
        (&["list"], "done", &id, "/sweeps/0/sweep", ""),
    ];
    for (args, table, quiet, place, talk) in cases {
        for form in ["table", "quiet", "json"] {
            let output = stage.served.patchsweep(&[args, &["--output", form]].concat()).await;
            assert_eq!(output.code, Some(0), "{args:?}: {output:?}");
            assert!(
                if talk.is_empty() { output.err.is_empty() } else { output.err.contains(talk) },
                "{args:?}: {output:?}"
            );
            match form {
                "table" => {
                    assert!(output.out.contains(table) && output.out.is_empty() == table.is_empty(), "{output:?}");
                }
                "quiet" => {
                    assert!(if quiet.is_empty() { !output.out.is_empty() } else { output.out == quiet }, "{output:?}");
                }
                _ => assert!(object(&output.out).pointer(place).is_some_and(Value::is_string), "{output:?}"),
            }
        }
    }
    stage.served.stop().await;
}

#[tokio::test]
async fn the_strongest_cells_are_flat_records() {
    let stage = Stage::new().await;
    let id = stage.finished().await;
    let (_, json) = stage.json(&["top", &id, "-k", "2"]).await;
    let records = json["top"].as_array().expect("a list");
    // Two grids, two iterations.
    assert_eq!(records.len(), 2 * 2 * 2);
    for record in records {
        let axes = if record["grid"] == "z" { ["layer", "head"] } else { ["layer", "pos"] };
        assert!(axes.iter().all(|axis| record[axis].is_u64()), "{record}");
        assert!(record["effect"].is_number() && record["metric"].is_string(), "{record}");
        assert!(record.as_object().expect("a record").values().all(|value| !value.is_object() && !value.is_array()));
    }
    stage.served.stop().await;
}

#[tokio::test]
async fn commands_about_workers_say_the_same_in_each_form() {
    let stage = Stage::new().await;
    let _worker = stage.served.named_worker("ada:1", 1).await;
    let (_, json) = stage.json(&["workers"]).await;
    let worker = json["workers"][0]["worker"].as_str().expect("an id").to_owned();
    assert_eq!(stage.served.patchsweep(&["workers", "--output", "quiet"]).await.out, worker);
    let output = stage.served.patchsweep(&["drain", &worker]).await;
    assert!(output.out.is_empty() && output.err.contains("leaves"), "{output:?}");
    let output = stage.served.patchsweep(&["drain", &worker, "--output", "quiet"]).await;
    assert_eq!((output.code, &output.out), (Some(0), &worker), "{output:?}");
    assert_eq!(stage.json(&["drain", &worker]).await.1["worker"], worker);
    stage.served.stop().await;
}

#[test]
fn a_plan_says_the_same_in_each_form() {
    let spec = repository().join("data/acronyms.toml");
    let stdout = |form: &str| {
        let assert = patchsweep(&["plan", plain(&spec), "--output", form]).assert().success();
        assert!(assert.get_output().stderr.is_empty());
        String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
    };
    let json = object(&stdout("json"));
    let digest = json["digest"].as_str().expect("a digest");
    assert_eq!(stdout("quiet").trim(), digest);
    assert!(stdout("table").contains(&format!("digest {}", &digest[..8])));
    assert_eq!((&json["prompts"], &json["grids"][1]["grid"]), (&json!(250), &json!("z")));
}

#[test]
fn a_run_says_where_its_results_are_and_the_strongest_cells() {
    let sweep = Sweep::new(
        &repository().join("data/acronym-gpt2"),
        &fs::read_to_string(repository().join("data/acronyms.toml"))
            .expect("the example")
            .replace("acronym-gpt2", "model"),
        "acronyms.txt",
        &fs::read_to_string(repository().join("data/acronyms.txt")).expect("its prompts"),
    );
    let (spec, out) = (sweep.spec(), sweep.folder().join("results"));
    let stdout = |form: &str| {
        let args = ["run", plain(&spec), "--out", plain(&out), "--overwrite", "--threads", "1", "--output", form];
        let assert = patchsweep(&args).assert().success();
        let output = assert.get_output();
        assert!(String::from_utf8_lossy(&output.stderr).contains("report: "));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let json = object(&stdout("json"));
    assert_eq!(json["state"], "done");
    assert!(fs::exists(json["files"]["manifest"].as_str().expect("a path")).expect("a folder"), "{json}");
    // Heads only, five for each of three iterations.
    assert_eq!(json["top"].as_array().map(Vec::len), Some(15), "{json}");
    assert_eq!(stdout("quiet").trim(), plain(&out));
}

#[test]
fn a_coordinator_says_its_address_once_it_listens() {
    let (mut coordinator, url) = serve(&["--tls"]);
    coordinator.wait_for("submit sweeps with");
    assert!(url.starts_with("https://"));
    let state = tempfile::tempdir().expect("a temporary folder");
    let rotate = ["token", "rotate", "--role", "client", "--state", plain(state.path()), "--output", "json"];
    let assert = patchsweep(&rotate).assert().code(1);
    let json = object(&String::from_utf8_lossy(&assert.get_output().stdout));
    assert!(json["error"]["message"].as_str().is_some_and(|message| message.contains("no tokens yet")), "{json}");
}
