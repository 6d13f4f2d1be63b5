//! `init` writes a spec that runs as it stands.

use std::fs;
use std::path::Path;

use patchsweep_tests::process::patchsweep;

const CSV: &str = "prompt,answer,wrong,corrupted\nThe House Inquiry Citizen (,H,I,The Inquiry House Citizen (\n";

fn data() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../data"))
}

/// In a folder that has prompts, and a model beside it.
fn init(folder: &Path, prompts: &str, more: &[&str]) -> std::process::Output {
    let model = data().join("acronym-gpt2");
    let args = ["init", model.to_str().expect("text"), prompts];
    patchsweep(&[&args, more].concat()).current_dir(folder).output().expect("started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_spec_of_a_dataset_shows_its_positions_and_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(data().join("acronyms.txt"), folder.path().join("acronyms.txt")).expect("copied");
    let made = init(folder.path(), "acronyms.txt", &["--out", "letters.toml"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert_eq!(text(&made.stdout), "letters.toml\n");
    let spec = fs::read_to_string(folder.path().join("letters.toml")).expect("a spec");
    assert!(spec.contains("#     2  \" House\"\n"), "{spec}");
    assert!(spec.contains("read = 7 # after \"I\", where the next token should be \"C\""), "{spec}");
    let models = data().to_str().expect("text");
    let arguments = ["run", "letters.toml", "--models", models, "--out", "results"];
    patchsweep(&arguments).current_dir(folder.path()).assert().success();
    assert!(folder.path().join("results/scores.npz").exists());
}

#[test]
fn a_spec_that_is_there_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("pairs.csv"), CSV).expect("written");
    fs::write(folder.path().join("sweep.toml"), "mine").expect("written");
    let refused = init(folder.path(), "pairs.csv", &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("--overwrite"), "{}", text(&refused.stderr));
    assert_eq!(fs::read_to_string(folder.path().join("sweep.toml")).expect("there"), "mine");
    assert!(init(folder.path(), "pairs.csv", &["--overwrite"]).status.success());
    let spec = fs::read_to_string(folder.path().join("sweep.toml")).expect("a spec");
    assert!(spec.contains("kind = \"pairs\"") && spec.contains("kind = \"logit_diff\""), "{spec}");
}

#[test]
fn prompts_that_no_sweep_can_be_made_of_leave_no_spec() {
    let folder = tempfile::tempdir().expect("a folder");
    let ragged = "The House Inquiry Citizen (, H\nThe House, H\n";
    for (prompts, reason) in
        [(ragged, "by hand, with `read = \"end\"` and names"), ("The Blorb, H\n", "does not know `Blorb`")]
    {
        fs::write(folder.path().join("d.txt"), prompts).expect("written");
        let refused = init(folder.path(), "d.txt", &[]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains(reason), "{}", text(&refused.stderr));
        assert!(!folder.path().join("sweep.toml").exists());
    }
}
