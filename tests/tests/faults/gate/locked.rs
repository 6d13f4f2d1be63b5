//! A coordinator behind TLS and tokens, and commands that it refuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use patchsweep_tests::{Running, patchsweep, program, repository, serve};
use tempfile::TempDir;

/// Exit code of a program that is not let in.
pub(crate) const NOT_LET_IN: i32 = 5;

/// Far more than a rejection takes, and less than a worker would need for a few more tries.
const BOUND: Duration = Duration::from_secs(10);

/// A coordinator that lets in callers with a token.
pub(crate) struct Locked {
    pub(crate) process: Running,
    /// `https://127.0.0.1:PORT`
    pub(crate) url: String,
    pub(crate) state: TempDir,
}

pub(crate) fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

pub(crate) fn data() -> String {
    plain(&repository().join("data")).to_owned()
}

impl Locked {
    pub(crate) fn start(args: &[&str]) -> Self {
        let state = tempfile::tempdir().expect("a temporary folder");
        let (process, url) = Self::start_in(state.path(), args);
        Self { process, url, state }
    }

    pub(crate) fn start_in(state: &Path, args: &[&str]) -> (Running, String) {
        serve(&[&["--tls", "--models", &data(), "--state", plain(state)], args].concat())
    }

    /// The file that workers, or clients, are given.
    pub(crate) fn credentials(&self, role: &str) -> PathBuf {
        self.state.path().join(format!("{role}.credentials"))
    }

    /// A copy of that file, changed line by line; `None` leaves a line out.
    pub(crate) fn changed(&self, role: &str, change: impl Fn(&str) -> Option<String>) -> PathBuf {
        let text = fs::read_to_string(self.credentials(role)).expect("a credentials file");
        let lines: Vec<String> = text.lines().filter_map(change).collect();
        let path = self.state.path().join(format!("changed-{role}"));
        fs::write(&path, lines.join("\n")).expect("a written file");
        path
    }

    /// The port of its URL.
    pub(crate) fn port(&self) -> &str {
        self.url.rsplit(':').next().expect("a port")
    }
}

/// A worker's command line that must end by itself.
fn worker(args: &[&str]) -> Command {
    let mut command = Command::new(program("patchsweep-worker"));
    for setting in ["PATCHSWEEP_COORDINATOR", "PATCHSWEEP_CREDENTIALS"] {
        command.env_remove(setting);
    }
    command.args(args);
    command
}

/// What a command says that must end with that exit code, and without having tried again.
#[track_caller]
pub(crate) fn ends(role: &str, args: &[&str], code: i32) -> String {
    let mut command = if role == "worker" { worker(args) } else { patchsweep(&[&["list"], args].concat()) };
    let assert = command.timeout(BOUND).assert();
    let output = assert.get_output();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{role} {args:?}: {stderr}");
    assert!(!stderr.contains("trying again") && !stderr.contains("panicked"), "{role}: {stderr}");
    assert!(!stderr.contains("psw_") && !stderr.contains("psc_"), "a secret is shown: {stderr}");
    stderr
}

/// A worker and a client are not let in, and print every part.
#[track_caller]
pub(crate) fn refused(args: impl Fn(&str) -> Vec<String>, parts: &[&str]) {
    for role in ["worker", "client"] {
        let args = args(role);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let stderr = ends(role, &args, NOT_LET_IN);
        for part in parts {
            let part = part.replace("ROLE", role);
            assert!(stderr.contains(&part), "no {part:?} in what the {role} printed:\n{stderr}");
        }
    }
}

/// `--credentials FILE`
pub(crate) fn with(file: &Path) -> Vec<String> {
    vec!["--credentials".to_owned(), plain(file).to_owned()]
}

/// `--coordinator URL`
pub(crate) fn at(url: &str) -> Vec<String> {
    vec!["--coordinator".to_owned(), url.to_owned()]
}
