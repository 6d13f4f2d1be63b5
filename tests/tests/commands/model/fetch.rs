//! What `model fetch` leaves in the hub cache.

use std::fs;

use patchsweep_tests::hub::files_of;
use serde_json::{Value, json};

use super::{Place, REPOSITORY, acronyms, plain, weights_blob};
use crate::stage::object;

/// Names of the files of an answer, with whether they came.
fn files(answer: &Value) -> Vec<(&str, bool)> {
    let files = answer["files"].as_array().expect("a list").iter();
    files.map(|file| (file["name"].as_str().expect("a name"), file["is_new"].as_bool().expect("yes or no"))).collect()
}

#[test]
fn a_model_comes_with_the_files_that_are_read_and_no_others() {
    let place = Place::new();
    let mut more = files_of(&acronyms());
    for name in ["README.md", "pytorch_model.bin", "consolidated.safetensors", "vocab.json", "onnx/model.onnx"] {
        more.insert(name.to_owned(), name.into());
    }
    let commit = place.hub.push(REPOSITORY, "main", more);
    let answer = place.fetched(&[REPOSITORY]);
    let names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
    assert_eq!(files(&answer), names.map(|name| (name, true)));
    assert_eq!((&answer["commit"], &answer["revision"]), (&json!(commit), &json!("main")));
    let folder = place.cached().join("snapshots").join(&commit);
    assert_eq!(answer["folder"], plain(&folder));
    assert_eq!(fs::read_to_string(place.cached().join("refs/main")).expect("a ref"), commit);
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), names.len(), "and nothing else");
    for name in names {
        assert!(
            fs::read(folder.join(name)).expect("a file") == fs::read(acronyms().join(name)).expect("a file"),
            "{name}"
        );
    }
    assert_eq!(place.blobs().len(), names.len(), "{:?}", place.blobs());
    assert_eq!(weights_blob(&folder).len(), 64, "the name is a SHA-256");
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let place = Place::new();
    place.fetched(&[REPOSITORY]);
    drop(place.hub.take_asked());
    let answer = place.fetched(&[REPOSITORY]);
    assert!(files(&answer).iter().all(|(_, is_new)| !is_new), "{answer}");
    let asked = place.hub.take_asked();
    let path = format!("/api/models/{REPOSITORY}/revision/main");
    assert_eq!(asked.iter().map(|asked| asked.path.as_str()).collect::<Vec<_>>(), [path.as_str()]);
}

#[test]
fn a_branch_that_has_moved_brings_what_is_new() {
    let place = Place::new();
    place.fetched(&[REPOSITORY]);
    let mut changed = files_of(&acronyms());
    changed.insert("tokenizer_config.json".into(), b"{}".to_vec());
    let commit = place.hub.push(REPOSITORY, "main", changed);
    let answer = place.fetched(&[REPOSITORY]);
    let new: Vec<_> = files(&answer).into_iter().filter(|(_, is_new)| *is_new).collect();
    assert_eq!(new, [("tokenizer_config.json", true)]);
    assert_eq!(fs::read_to_string(place.cached().join("refs/main")).expect("a ref"), commit);
    place.hold_snapshot();

    let answer = place.fetched(&[REPOSITORY, "--revision", &place.commit]);
    assert_eq!(answer["commit"], json!(place.commit), "the commit of before is still there");
    assert_eq!(fs::read_to_string(place.cached().join("refs/main")).expect("a ref"), commit);
}

#[test]
fn revisions_may_have_slashes_and_repositories_new_names() {
    let place = Place::new();
    let mut other = files_of(&acronyms());
    other.insert("tokenizer_config.json".into(), b"{}".to_vec());
    let commit = place.hub.push(REPOSITORY, "refs/pr/1", other);
    let answer = place.fetched(&[REPOSITORY, "--revision", "refs/pr/1"]);
    assert_eq!(answer["commit"], json!(commit));
    assert_eq!(fs::read_to_string(place.cached().join("refs/refs/pr/1")).expect("a ref"), commit);
    assert!(!place.cached().join("refs/main").exists());

    place.hub.rename("ada/old", REPOSITORY);
    let answer = place.fetched(&["ada/old"]);
    assert_eq!(answer["commit"], json!(place.commit));
}

#[test]
fn shards_are_those_that_the_index_names() {
    let place = Place::new();
    let mut sharded = files_of(&acronyms());
    let weights = sharded.remove("model.safetensors").expect("weights");
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let (first, second) = weights.split_at(1 << 20);
    sharded.extend([(shards[0].to_owned(), first.to_vec()), (shards[1].to_owned(), second.to_vec())]);
    sharded.insert("model-00003-of-00003.safetensors".into(), b"of another".to_vec());
    let index = json!({ "weight_map": { "wte.weight": shards[0], "wpe.weight": shards[1] } });
    sharded.insert("model.safetensors.index.json".into(), index.to_string().into());
    let commit = place.hub.push(REPOSITORY, "sharded", sharded.clone());
    let answer = place.fetched(&[REPOSITORY, "--revision", "sharded"]);
    let names: Vec<_> = files(&answer).into_iter().map(|(name, _)| name).collect();
    let small = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors.index.json"];
    assert_eq!(names, [&small[..], &shards].concat());
    let folder = place.cached().join("snapshots").join(commit);
    assert!(fs::read(folder.join(shards[1])).expect("a shard") == second);

    let escaping = json!({ "weight_map": { "wte.weight": "../../../escaped" } });
    sharded.insert("model.safetensors.index.json".into(), escaping.to_string().into());
    drop(place.hub.push(REPOSITORY, "bad", sharded));
    let (code, answer) = place.fetch(&[REPOSITORY, "--revision", "bad"], &[]);
    assert_eq!(code, Some(2), "{answer}");
    assert!(
        answer["error"]["message"].as_str().is_some_and(|text| text.contains("is not a plain file name")),
        "{answer}"
    );
}

#[test]
fn what_the_hub_must_not_be_asked_comes_from_the_cache() {
    let place = Place::new();
    let offline = [("HF_HUB_OFFLINE", "1")];
    let (code, answer) = place.fetch(&[REPOSITORY], &offline);
    assert_eq!(code, Some(2), "{answer}");
    let message = answer["error"]["message"].as_str().expect("a message");
    assert!(
        message.contains("is not whole in the hub cache") && message.contains("HF_HUB_OFFLINE forbids"),
        "{message}"
    );
    place.fetched(&[REPOSITORY]);
    drop(place.hub.take_asked());
    let (code, answer) = place.fetch(&[REPOSITORY], &offline);
    assert_eq!((code, &answer["commit"], &answer["files"]), (Some(0), &json!(place.commit), &json!([])));
    assert_eq!(place.hub.take_asked(), []);
}

#[test]
fn a_file_whose_contents_are_gone_comes_again() {
    let place = Place::new();
    place.fetched(&[REPOSITORY]);
    let blob = place.cached().join("blobs").join(weights_blob(&place.snapshot()));
    fs::remove_file(blob).expect("removed");
    let show =
        place.knows(patchsweep_tests::process::client(&["model", "show", REPOSITORY, "--output", "json"])).output();
    let answer = object(&String::from_utf8_lossy(&show.expect("started").stdout));
    let advice = format!("get it again with `patchsweep model fetch {REPOSITORY} --revision {}`", place.commit);
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains(&advice)), "{answer}");
    let answer = place.fetched(&[REPOSITORY, "--revision", &place.commit]);
    assert_eq!(files(&answer).last(), Some(&("model.safetensors", true)));
    place.hold_snapshot();
}

#[test]
fn people_and_shells_are_told_where_it_is() {
    let place = Place::new();
    let printed = |format: &str| {
        let command =
            place.knows(patchsweep_tests::process::client(&["model", "fetch", REPOSITORY, "--output", format]));
        let output = { command }.output().expect("started");
        assert!(output.status.success());
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned())
    };
    let [table, talk] = printed("table");
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert!(rows.any(|row| row == ["model.safetensors", "3.3MiB", "now"]), "{table}");
    assert!(table.ends_with(&format!("commit {}\nfolder {}\n", place.commit, place.snapshot().display())), "{table}");
    assert!(talk.contains("fetching model.safetensors, 3.3MiB\n"), "plain lines where there is no terminal: {talk}");
    assert_eq!(printed("quiet"), [format!("{}\n", place.snapshot().display()), String::new()]);
}
