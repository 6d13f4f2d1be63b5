//! A disk that is full for a while.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use patchsweep_tests::cluster::{Durable, FINE, ask, submit};
use patchsweep_tests::{patchsweep, program};

use super::killed::finish;

/// A program on a small file system of its own, in a name space that others see below `/proc`.
fn on_a_small_disk(state: &Path, program: &Path) -> Command {
    let script = format!("mount -t tmpfs -o size=4m tmpfs {} && exec \"$0\" \"$@\"", state.display());
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script]).arg(program);
    command
}

#[test]
fn a_full_disk_stops_the_sweep_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = folder.path().join("state");
    fs::create_dir(&state).expect("a state folder");
    let allowed = on_a_small_disk(&state, Path::new("true")).status();
    if !allowed.is_ok_and(|ended| ended.success()) {
        eprintln!("not tested: this system allows no file system of one's own; the simulation fills a disk everywhere");
        return;
    }
    let mut coordinator = Durable::start_by(on_a_small_disk(&state, &program("patchsweep")), state.clone());
    let url = coordinator.url();
    let mut worker = coordinator.worker();
    let id = submit(&url, &FINE);
    coordinator.process().wait_for("tile done");

    // As the coordinator sees it.
    let filler = PathBuf::from(format!("/proc/{}/root{}/filler", coordinator.process().id(), state.display()));
    let full = fs::write(&filler, vec![0; 8 << 20]).expect_err("the disk is small");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    coordinator.process().wait_for("state cannot be written");
    let other =
        patchsweep(&["submit", &patchsweep_tests::cluster::spec(), "--new", "--coordinator", &url]).assert().code(1);
    let message = String::from_utf8_lossy(&other.get_output().stderr).into_owned();
    assert!(message.contains("state"), "{message}");
    assert!(ask(&url, &["status", &id]).contains("running"));

    fs::remove_file(&filler).expect("the filler is there");
    coordinator.process().wait_for("state is written again");
    assert_eq!(finish(&url, &id, &folder, &mut [&mut worker]), 0, "tiles computed in vain");
}
