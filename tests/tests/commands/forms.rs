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
    let submitted_before = "submitted before";
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
            let said = stage.served.patchsweep(&[args, &["--output", form]].concat()).await;
            assert_eq!(said.code, Some(0), "{args:?}: {said:?}");
            assert!(if talk.is_empty() { said.err.is_empty() } else { said.err.contains(talk) }, "{args:?}: {said:?}");
            match form {
                "table" => assert!(said.out.contains(table) && said.out.is_empty() == table.is_empty(), "{said:?}"),
                "quiet" => {
                    assert!(if quiet.is_empty() { !said.out.is_empty() } else { said.out == quiet }, "{said:?}");
                }
                _ => assert!(object(&said.out).pointer(place).is_some_and(Value::is_string), "{said:?}"),
            }
        }
    }
    stage.served.stop().await;
}

#[tokio::test]
async fn the_strongest_cells_are_flat_records() {
    let stage = Stage::new().await;
    let id = stage.finished().await;
    let (_, told) = stage.json(&["top", &id, "-k", "2"]).await;
    let records = told["top"].as_array().expect("a list");
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
    let (_, told) = stage.json(&["workers"]).await;
    let worker = told["workers"][0]["worker"].as_str().expect("an id").to_owned();
    assert_eq!(stage.served.patchsweep(&["workers", "--output", "quiet"]).await.out, worker);
    let said = stage.served.patchsweep(&["drain", &worker]).await;
    assert!(said.out.is_empty() && said.err.contains("leaves"), "{said:?}");
    let said = stage.served.patchsweep(&["drain", &worker, "--output", "quiet"]).await;
    assert_eq!((said.code, &said.out), (Some(0), &worker), "{said:?}");
    assert_eq!(stage.json(&["drain", &worker]).await.1["worker"], worker);
    stage.served.stop().await;
}

#[test]
fn a_plan_says_the_same_in_each_form() {
    let spec = repository().join("data/acronyms.toml");
    let said = |form: &str| {
        let assert = patchsweep(&["plan", plain(&spec), "--output", form]).assert().success();
        assert!(assert.get_output().stderr.is_empty());
        String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
    };
    let told = object(&said("json"));
    let digest = told["digest"].as_str().expect("a digest");
    assert_eq!(said("quiet").trim(), digest);
    assert!(said("table").contains(&format!("digest {}", &digest[..8])));
    assert_eq!((&told["prompts"], &told["grids"][1]["grid"]), (&json!(250), &json!("z")));
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
    let said = |form: &str| {
        let args = ["run", plain(&spec), "--out", plain(&out), "--overwrite", "--threads", "1", "--output", form];
        let assert = patchsweep(&args).assert().success();
        let output = assert.get_output();
        assert!(String::from_utf8_lossy(&output.stderr).contains("report: "));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let told = object(&said("json"));
    assert_eq!(told["state"], "done");
    assert!(fs::exists(told["files"]["manifest"].as_str().expect("a path")).expect("a folder"), "{told}");
    // Heads only, five for each of three iterations.
    assert_eq!(told["top"].as_array().map(Vec::len), Some(15), "{told}");
    assert_eq!(said("quiet").trim(), plain(&out));
}

#[test]
fn a_coordinator_says_its_address_once_it_listens() {
    let (mut coordinator, url) = serve(&["--tls"]);
    coordinator.wait_for("submit sweeps with");
    assert!(url.starts_with("https://"));
    let state = tempfile::tempdir().expect("a temporary folder");
    let rotate = ["token", "rotate", "--role", "client", "--state", plain(state.path()), "--output", "json"];
    let assert = patchsweep(&rotate).assert().code(1);
    let told = object(&String::from_utf8_lossy(&assert.get_output().stdout));
    assert!(told["error"]["message"].as_str().is_some_and(|message| message.contains("no tokens yet")), "{told}");
}
