//! The example specs on the embedded model.

use std::fs;
use std::path::Path;

use ndarray::{Ix5, s};
use patchsweep_tests::{Scores, patchsweep, repository, sweep};

const WORDS: [usize; 3] = [2, 3, 4];
const READS: [usize; 3] = [5, 6, 7];
const LAST_LAYER: usize = 3;

#[test]
fn effects_start_at_the_corrupted_word_and_end_at_the_read_position() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let out = temporary.path().join("results");
    sweep::run(&repository().join("data/acronyms-word.toml"), &out, &[]);
    let mut scores = Scores::open(&out.join("scores.npz"));
    let (clean, corrupted) = (scores.tensor("clean"), scores.tensor("corrupted"));
    let effect = scores.tensor("resid_pre");
    for (iteration, (word, read)) in WORDS.into_iter().zip(READS).enumerate() {
        let whole = corrupted[iteration] - clean[iteration];
        assert!(whole < -3.0, "iteration {iteration}: corruption costs {whole}");
        let at = |layer, pos| effect[[iteration, layer, pos]] / whole;
        assert!((at(0, word) - 1.0).abs() < 1e-4, "iteration {iteration}: all at the word at layer 0");
        let elsewhere = (0..8).filter(|&pos| pos != word).all(|pos| at(0, pos) == 0.0);
        assert!(elsewhere, "iteration {iteration}: nothing elsewhere at layer 0");
        assert!(at(LAST_LAYER, read) > 0.8, "iteration {iteration}: most at the read position at the last layer");
        assert!(at(LAST_LAYER, word).abs() < 0.2, "iteration {iteration}: little left at the word");
    }
}

#[test]
fn the_strongest_heads_are_printed() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let out = temporary.path().join("results");
    let printed = sweep::run(&repository().join("data/acronyms.toml"), &out, &["--workers", "2"]);
    let effects = Scores::open(&out.join("scores.npz")).tensor("z");
    for iteration in 0..3 {
        let heads = effects.slice(s![iteration, .., ..]);
        let strongest = heads.indexed_iter().max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()));
        let ((layer, head), effect) = strongest.expect("there are heads");
        let table = printed.split("z · Iteration ").nth(iteration + 1).expect("one table per iteration");
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 6, "a heading and five heads:\n{table}");
        let wanted = [format!("{layer}.{head}"), format!("{effect:.4}")];
        assert!(wanted.iter().all(|part| lines[1].contains(part)), "{wanted:?} in {:?}", lines[1]);
    }
}

#[test]
fn a_head_gives_a_letter_back_only_with_both_its_pattern_and_its_values() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let out = temporary.path().join("results");
    sweep::run(&repository().join("data/attention.toml"), &out, &["--workers", "2"]);
    let mut scores = Scores::open(&out.join("scores.npz"));
    let mut restored = |grid: &str| scores.tensor(&format!("{grid}.normalized"))[[0, 0, 0]];
    let [pattern, values, both] = ["pattern", "v", "z"].map(&mut restored);
    assert!(pattern > 0.05 && values > 0.05, "each gives something: {pattern} and {values}");
    assert!(both > 1.2 * (pattern + values), "{both} is more than {pattern} and {values} together");
    let entries = scores.tensor("entries").into_dimensionality::<Ix5>().expect("five axes");
    for (dest, read) in READS.into_iter().enumerate() {
        let later = entries.slice(s![.., .., .., dest, read + 1..]);
        assert!(later.iter().all(|&effect| effect == 0.0), "nothing is seen behind position {read}");
    }
}

#[test]
fn the_same_spec_gives_the_same_files_but_for_what_they_say_of_the_run() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let spec = repository().join("data/acronyms-word.toml");
    let folders = ["first", "second"].map(|name| temporary.path().join(name));
    for (folder, workers) in folders.iter().zip(["1", "2"]) {
        sweep::run(&spec, folder, &["--workers", workers]);
    }
    let read = |folder: &Path, file: &str| fs::read(folder.join(file)).expect("a results file");
    for file in ["scores.npz", "scores.safetensors"] {
        assert!(read(&folders[0], file) == read(&folders[1], file), "{file}");
    }
    let [first, second] = [0, 1].map(|place: usize| {
        let page = String::from_utf8(read(&folders[place], "report.html")).expect("text");
        let (before, cost) = page.split_once("<section class=\"cost\">").expect("what it cost");
        let after = cost.split_once("</section>").expect("its end").1;
        assert!(cost.contains("It took ") && cost.contains("estimated at the same rate"));
        format!("{before}{after}")
    });
    assert!(first == second, "report.html without its cost");
    let manifests = folders.map(|folder| {
        let mut manifest: serde_json::Value =
            serde_json::from_slice(&read(&folder, "manifest.json")).expect("a JSON object");
        let run = manifest.as_object_mut().and_then(|object| object.remove("run")).expect("a run section");
        assert!(run["workers"].as_array().is_some_and(|workers| !workers.is_empty()));
        manifest
    });
    assert_eq!(manifests[0], manifests[1]);
}

#[test]
fn a_results_folder_is_reported_without_a_coordinator_and_differs_nowhere_from_itself() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let (out, paper) = (temporary.path().join("results"), temporary.path().join("paper"));
    sweep::run(&repository().join("data/acronyms-word.toml"), &out, &[]);
    let results = ::patchsweep_results::read_folder(&out).expect("a results folder");
    let analysed = ::patchsweep_results::Analysed::of(&results).expect("consistent");
    let page = ::patchsweep_results::report_html(&analysed, None);
    assert!(page.as_bytes() == fs::read(out.join("report.html")).expect("a page"), "the page of the folder");
    let difference = ::patchsweep_results::difference::Difference::between(&results, &results).expect("consistent");
    assert!(difference.remarks.is_empty(), "{:?}", difference.remarks);
    let is_zero = |effects: &Vec<f32>| effects.iter().all(|&effect| effect == 0.0);
    assert!(difference.results.grids.iter().all(|grid| is_zero(&grid.effect)));

    let [out, paper] = [&out, &paper].map(|path| path.display().to_string());
    let written = patchsweep(&["report", &out, "--against", &out, "--svg", "--out", &paper]).assert().success();
    let written = String::from_utf8(written.get_output().stdout.clone()).expect("text");
    let files: Vec<&str> = written.lines().collect();
    assert!(files.iter().all(|file| Path::new(file).is_file()), "{written}");
    for name in ["report.html", "resid_pre-effect.svg", "resid_pre-difference.svg"] {
        assert!(files.iter().any(|file| file.ends_with(name)), "{name} in {written}");
    }
}

#[test]
fn more_tiles_of_an_iteration_compute_no_activation_anew() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let [few, many] = [["few", "30000000000"], ["many", "300000000"]].map(|[name, multiply_adds]| {
        let out = temporary.path().join(name);
        let spec = repository().join("data/acronyms.toml");
        sweep::run(&spec, &out, &["--workers", "1", "--tile-multiply-adds", multiply_adds]);
        let text = fs::read(out.join("manifest.json")).expect("a manifest");
        let manifest: serde_json::Value = serde_json::from_slice(&text).expect("a JSON object");
        manifest["run"]["workers"][0].clone()
    });
    assert!(many["tiles"].as_u64() > few["tiles"].as_u64().map(|few| 3 * few), "many tiles: {many}\nfew: {few}");
    assert_eq!(many["cache"]["misses"], few["cache"]["misses"], "{many}\n{few}");
    assert!(many["cache"]["hits"].as_u64() > Some(100), "{many}");
}
