//! `patchsweep run` that is ended in the middle: how it ends, and how it goes on.

use std::fs;
use std::path::{Path, PathBuf};

use patchsweep_tests::cluster::{FINE, data, spec};
use patchsweep_tests::{Running, sweep};
use tempfile::TempDir;

/// Results that the worker may hold without their being on disk, and the next one.
const BEYOND_CREDIT: usize = 3;

fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// A folder for results, and what stands beside it.
struct Stage {
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("out.state")
    }

    fn run(&self, spec: &str, args: &[&str]) -> Running {
        let out = self.out();
        let run = ["run", spec, "--out", plain(&out), "--threads", "1", "--models", &data()];
        Running::start("patchsweep", &[&run, FINE.as_slice(), args].concat())
    }

    /// Begins a run and ends it by a signal when something of it is on disk; gives its log.
    fn ended_in_the_middle(&self, spec: &str, signal: &str, code: i32) -> Vec<String> {
        let mut run = self.run(spec, &[]);
        for _ in 0..BEYOND_CREDIT {
            run.wait_for("tile computed");
        }
        run.signal(signal);
        assert_eq!(run.wait().code(), Some(code));
        // Ends when the last process that writes to it has ended: no worker outlives the run.
        let log = run.log();
        let kept =
            format!("what is computed is kept in {}: the same command goes on from there", self.state().display());
        assert!(log.contains(&kept), "{log:#?}");
        assert!(!self.out().exists() && self.state().is_dir());
        log
    }

    /// Lets a run go on to its end; gives how many tiles were there, how many there are, and how many were computed now.
    fn goes_on(&self, spec: &str) -> [usize; 3] {
        let mut run = self.run(spec, &[]);
        let line = run.wait_for("going on with an earlier run: ");
        let numbers: Vec<usize> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [done, all] = numbers[..] else { panic!("two numbers in {line}") };
        assert_eq!(run.wait().code(), Some(0), "{:#?}", run.log());
        let computed = run.count("tile computed");
        assert!(!self.state().exists(), "nothing is left beside the results");
        [done, all, computed]
    }
}

fn scores(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("scores.safetensors")).expect("scores")
}

#[test]
fn a_run_that_was_ended_by_sigterm_goes_on_and_gives_the_same_bits() {
    let stage = Stage::new();
    let log = stage.ended_in_the_middle(&spec(), "TERM", 143);
    assert!(log.iter().any(|line| line == "error: ended by SIGTERM"), "{log:#?}");
    let [done, all, computed] = stage.goes_on(&spec());
    assert!(done > 0 && done + computed == all, "{done} + {computed} of {all} tiles");
    let undisturbed = stage.folder.path().join("undisturbed");
    sweep::run(Path::new(&spec()), &undisturbed, &FINE);
    assert!(scores(&stage.out()) == scores(&undisturbed), "the same scores, bit for bit");
}

#[test]
fn runs_of_two_specs_into_one_folder_do_not_touch_each_other() {
    let stage = Stage::new();
    let text = fs::read_to_string(spec()).expect("the example spec");
    let other = text.replace("samples = 250 ", "samples = 240 ");
    assert_ne!(text, other);
    let path = stage.folder.path().join("other.toml");
    fs::write(&path, other).expect("a spec");
    fs::copy(format!("{}/acronyms.txt", data()), stage.folder.path().join("acronyms.txt")).expect("a dataset");
    stage.ended_in_the_middle(&spec(), "INT", 130);
    let log = stage.ended_in_the_middle(plain(&path), "TERM", 143);
    assert!(!log.iter().any(|line| line.contains("going on")), "it is another plan: {log:#?}");
    let [done, all, computed] = stage.goes_on(&spec());
    assert!(done > 0 && done + computed == all, "{done} + {computed} of {all} tiles, and none of the other spec");
}

#[test]
fn a_run_that_is_asked_to_begin_anew_does_and_two_at_once_are_refused() {
    let stage = Stage::new();
    stage.ended_in_the_middle(&spec(), "INT", 130);
    let mut run = stage.run(&spec(), &["--new"]);
    run.wait_for("tile computed");
    let mut second = stage.run(&spec(), &[]);
    assert_eq!(second.wait().code(), Some(2));
    let log = second.log();
    assert!(log.iter().any(|line| line.contains("another `patchsweep run` computes for")), "{log:#?}");
    assert_eq!(run.wait().code(), Some(0));
    let log = run.log();
    assert!(!log.iter().any(|line| line.contains("going on")), "{log:#?}");
}
