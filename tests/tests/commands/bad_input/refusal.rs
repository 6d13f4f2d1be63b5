//! Running a sweep that must be refused, and looking for what it leaves behind.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use patchsweep_tests::{Sweep, patchsweep};

/// Exit code of a command that failed.
pub(crate) const FAILED: i32 = 1;
/// Exit code of a bad command line or spec.
pub(crate) const REFUSED: i32 = 2;
/// Exit code where no coordinator answers.
pub(crate) const UNREACHABLE: i32 = 4;

/// What `patchsweep` says on stderr, after it has ended with that exit code and without data on stdout.
#[track_caller]
pub(crate) fn complaint(args: &[&str], code: i32) -> String {
    let assert = patchsweep(args).assert();
    let output = assert.get_output();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(output.stdout.is_empty(), "on stdout: {}", String::from_utf8_lossy(&output.stdout));
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr
}

/// Every part is in the text.
#[track_caller]
pub(crate) fn says(stderr: &str, parts: &[&str]) {
    for part in parts {
        assert!(stderr.contains(part), "no {part:?} in:\n{stderr}");
    }
}

/// `patchsweep run` ends with that exit code, says every part, and leaves the folder of the spec as it was.
#[track_caller]
pub(crate) fn run_fails(sweep: &Sweep, code: i32, args: &[&str], parts: &[&str]) {
    let before = content(sweep.folder());
    let out = sweep.folder().join("results");
    let stderr =
        complaint(&[&["run", plain(&sweep.spec()), "--out", plain(&out), "--threads", "1"], args].concat(), code);
    says(&stderr, parts);
    assert_eq!(content(sweep.folder()), before, "left behind after:\n{stderr}");
}

/// `run` and `plan` refuse the sweep in the same words, and nothing is left behind.
#[track_caller]
pub(crate) fn refused(sweep: &Sweep, parts: &[&str]) {
    run_fails(sweep, REFUSED, &[], parts);
    says(&complaint(&["plan", plain(&sweep.spec())], REFUSED), parts);
}

/// The names in a folder, hidden ones too.
pub(crate) fn content(folder: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
    names.sort();
    names
}

/// A path as an argument.
pub(crate) fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}
