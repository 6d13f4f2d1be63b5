//! What a worker does before and while nobody has work for it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::pipe;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use patchsweep_link::fixtures::{Coordinator, soon};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use super::{Stage, coordinator, worker};

/// The lines that a worker says.
fn lines(child: &mut Child) -> Lines<BufReader<ChildStderr>> {
    BufReader::new(child.stderr.take().expect("piped")).lines()
}

async fn line_with(lines: &mut Lines<BufReader<ChildStderr>>, text: &str) -> String {
    loop {
        let line = soon(lines.next_line()).await.expect("text");
        let line = line.unwrap_or_else(|| panic!("it ended without a line with {text:?}"));
        if line.contains(text) {
            return line;
        }
    }
}

/// What a running process's environment says to the libraries of its arithmetic.
fn variables(child: &Child) -> BTreeSet<String> {
    let id = child.id().expect("it lives");
    let environment = fs::read_to_string(format!("/proc/{id}/environ")).expect("an environment");
    let is_theirs = |variable: &&str| {
        ["GOMP_SPINCOUNT=", "OMP_WAIT_POLICY=", "MALLOC_", "GLIBC_TUNABLES="]
            .iter()
            .any(|name| variable.starts_with(name))
    };
    environment.split('\0').filter(is_theirs).map(str::to_owned).collect()
}

const OF_MEMORY: [&str; 3] =
    ["MALLOC_ARENA_MAX=1", "MALLOC_MMAP_THRESHOLD_=33554432", "MALLOC_TRIM_THRESHOLD_=536870912"];

/// Registers, so that the worker has started for good.
async fn registered(coordinator: &mut Coordinator) -> String {
    let mut peer = coordinator.session().await;
    peer.register().await.name
}

#[tokio::test]
async fn a_worker_has_its_threads_wait_briefly_keeps_its_memory_and_stays_the_same_process() {
    let (mut coordinator, url) = coordinator().await;
    let mut child =
        worker(&["--coordinator", &url, "--until-stdin-closes"]).stdin(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(b"nothing that matters").await.expect("it listens");
    let name = registered(&mut coordinator).await;
    let wanted = ["GOMP_SPINCOUNT=3000"].into_iter().chain(OF_MEMORY).map(str::to_owned);
    assert_eq!(variables(&child), wanted.collect());
    let id = child.id().expect("it lives");
    assert!(name.contains(&format!(":{id}")), "the process that was started is the one that works: {name}");
    let command = fs::read_to_string(format!("/proc/{id}/comm")).expect("a name");
    assert_eq!(command.trim(), "patchsweep-work", "as `top` and `pgrep` show it");
    drop(stdin);
    assert_eq!(soon(child.wait()).await.expect("it ends").code(), Some(0), "arguments and standard input are kept");
}

#[tokio::test]
async fn what_people_have_set_for_the_libraries_is_kept() {
    let tunables = ("GLIBC_TUNABLES", "glibc.malloc.arena_max=2");
    for (name, value) in [("OMP_WAIT_POLICY", "passive"), ("GOMP_SPINCOUNT", "7"), tunables] {
        let (mut coordinator, url) = coordinator().await;
        let child = worker(&["--coordinator", &url]).env(name, value).spawn().expect("it starts");
        registered(&mut coordinator).await;
        let others = if name == tunables.0 { vec!["GOMP_SPINCOUNT=3000"] } else { OF_MEMORY.to_vec() };
        let wanted = others.into_iter().map(str::to_owned).chain([format!("{name}={value}")]);
        assert_eq!(variables(&child), wanted.collect());
    }
}

#[tokio::test]
async fn a_worker_works_and_ends_as_ever_when_nobody_reads_its_stderr() {
    let broken = || {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        Stdio::from(writer)
    };
    let (mut coordinator, url) = coordinator().await;
    let args = ["--coordinator", &url, "--http", "127.0.0.1:0", "--leave-when-idle", "1s"];
    let mut child = worker(&args).env("PATCHSWEEP_LOG", "trace").stderr(broken()).spawn().expect("it starts");
    let mut peer = coordinator.session().await;
    peer.register().await;
    peer.welcome(1).await;
    peer.going_away().await;
    drop(peer);
    assert_eq!(soon(child.wait()).await.expect("it ends").code(), Some(0));
    let bad_device = ["--coordinator", &url, "--device", "abacus"];
    let mut child = worker(&bad_device).stderr(broken()).spawn().expect("it starts");
    assert_eq!(soon(child.wait()).await.expect("it ends").code(), Some(2));
}

#[tokio::test]
async fn a_worker_that_has_nothing_to_do_for_long_enough_leaves_with_0() {
    let mut stage = Stage::set(&["--leave-when-idle", "1s"], None).await;
    let mut peer = stage.coordinator.session().await;
    peer.register().await;
    peer.welcome(1).await;
    assert_eq!(peer.going_away().await, []);
    assert!(peer.has_left().await);
    drop(peer);
    let (code, stderr) = stage.ended().await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_worker_waits_for_its_credentials_file_until_it_is_there_and_whole() {
    let (mut coordinator, url) = coordinator().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("worker.credentials");
    let mut child = worker(&["--credentials", file.to_str().expect("a plain path")]).spawn().expect("it starts");
    let mut stderr = lines(&mut child);
    let line = line_with(&mut stderr, "waiting for the credentials file").await;
    assert!(line.contains("No such file"), "{line}");
    fs::write(&file, "").expect("a file");
    line_with(&mut stderr, "is empty").await;
    fs::write(&file, format!("coordinator = \"{}", &url[..9])).expect("half a file");
    line_with(&mut stderr, "is not a credentials file").await;
    fs::write(&file, format!("coordinator = \"{url}\"\n")).expect("a whole file");
    registered(&mut coordinator).await;
    assert_eq!(child.try_wait().expect("a process"), None);
}

#[tokio::test]
async fn a_worker_that_waits_for_its_credentials_file_leaves_when_it_is_asked_to() {
    let (coordinator, _) = coordinator().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("worker.credentials");
    let mut child = worker(&["--credentials", file.to_str().expect("a plain path")]).spawn().expect("it starts");
    line_with(&mut lines(&mut child), "waiting for the credentials file").await;
    let mut stage = Stage { coordinator, worker: child };
    stage.signal("TERM");
    assert_eq!(soon(stage.worker.wait()).await.expect("it ends").code(), Some(0));
}

#[tokio::test]
async fn a_file_that_is_no_credentials_file_ends_the_worker_with_2() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("worker.credentials");
    fs::write(&path, "nothing of the kind\n").expect("a file");
    let long_ago = SystemTime::now() - Duration::from_hours(1);
    File::options().write(true).open(&path).and_then(|file| file.set_modified(long_ago)).expect("a time");
    let child = worker(&["--credentials", path.to_str().expect("a plain path")]).spawn().expect("it starts");
    let (coordinator, _) = coordinator().await;
    let (code, stderr) = Stage { coordinator, worker: child }.ended().await;
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.starts_with("error: ") && stderr.contains("is not a credentials file"), "{stderr}");
}

/// As in containers that share their host's name: each worker is process 1 of its own namespace.
#[tokio::test]
async fn workers_whose_process_numbers_are_equal_have_different_names() {
    let (mut coordinator, url) = coordinator().await;
    let alone = ["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let can = Command::new("unshare").args(alone).arg("true").stderr(Stdio::null()).status().await;
    if !can.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this machine makes no process namespaces");
        return;
    }
    let mut names = Vec::new();
    for _ in 0..2 {
        let plain = worker(&["--coordinator", &url]);
        let mut contained = Command::new("unshare");
        contained.args(alone).arg(plain.as_std().get_program()).args(plain.as_std().get_args());
        let _child =
            contained.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().expect("it starts");
        names.push(registered(&mut coordinator).await);
    }
    assert!(names.iter().all(|name| name.contains(":1-")), "{names:?}");
    assert_ne!(names[0], names[1]);
}
