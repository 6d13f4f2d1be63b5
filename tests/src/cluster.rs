//! The example sweep on a coordinator with workers of its own.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::scores::largest_difference;
use crate::{Running, Scores, patchsweep, program, repository, sweep, worker};

/// Many tiles, so that faults come in the middle of the sweep.
pub const FINE: [&str; 2] = ["--tile-multiply-adds", "200000000"];

/// Folder of the example specs and the embedded model.
#[must_use]
pub fn data() -> String {
    repository().join("data").to_str().expect("a plain path").to_owned()
}

/// The example spec.
#[must_use]
pub fn spec() -> String {
    format!("{}/acronyms.toml", data())
}

/// A client command, which must succeed; gives what it printed.
#[must_use]
pub fn ask(url: &str, args: &[&str]) -> String {
    let output = patchsweep(args).args(["--coordinator", url]).assert().success();
    String::from_utf8(output.get_output().stdout.clone()).expect("text").trim().to_owned()
}

/// Submits the example sweep; gives its id.
#[must_use]
pub fn submit(url: &str, args: &[&str]) -> String {
    ask(url, &[&["submit", &spec()], args].concat())
}

/// The results folder of a finished sweep.
#[must_use]
pub fn fetch(url: &str, id: &str, folder: &TempDir) -> PathBuf {
    let out = folder.path().join("fetched");
    let _ = ask(url, &["results", id, "--out", out.to_str().expect("a plain path")]);
    out
}

/// The same sweep in one command, undisturbed.
#[must_use]
pub fn undisturbed(folder: &TempDir, args: &[&str]) -> PathBuf {
    let out = folder.path().join("undisturbed");
    sweep::run(Path::new(&spec()), &out, args);
    out
}

/// Within what another order of additions may change.
///
/// # Panics
/// When they differ by more.
pub fn assert_same_scores(ours: &Path, theirs: &Path) {
    let (mut ours, mut theirs) = (Scores::open(&ours.join("scores.npz")), Scores::open(&theirs.join("scores.npz")));
    for name in ["clean", "corrupted", "resid_pre", "resid_pre.stderr", "z", "z.value"] {
        let difference = largest_difference(&ours.tensor(name), &theirs.tensor(name));
        assert!(difference <= 1e-5, "{name} differs by {difference}");
    }
}

/// An address of this machine that a coordinator can have again after it was killed.
#[must_use]
pub fn free_address() -> String {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    free.expect("a free port").to_string()
}

/// A coordinator that keeps its state in a folder.
#[derive(Debug)]
pub struct Durable {
    address: String,
    state: PathBuf,
    running: Running,
}

impl Durable {
    /// Starts it on a free address.
    #[must_use]
    pub fn start(folder: &TempDir) -> Self {
        Self::start_by(Command::new(program("patchsweep")), folder.path().join("state"))
    }

    /// Starts it through a command that takes the program's arguments.
    #[must_use]
    pub fn start_by(command: Command, state: PathBuf) -> Self {
        let address = free_address();
        let running = serve_durably(command, &address, &state);
        Self { address, state, running }
    }

    /// Starts it again after it ended, on the same address and state.
    pub fn restart(&mut self) {
        self.running = serve_durably(Command::new(program("patchsweep")), &self.address, &self.state);
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Running {
        &mut self.running
    }

    /// Its state folder.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// A registered worker.
    #[must_use]
    pub fn worker(&mut self) -> Running {
        let mut worker = worker(&self.url(), &["--models", &data()]);
        worker.wait_for("registered with the coordinator");
        worker
    }
}

fn serve_durably(command: Command, address: &str, state: &Path) -> Running {
    fs::create_dir_all(state).expect("a state folder");
    let state = state.to_str().expect("a plain path");
    let mut running =
        Running::start_command(command, &["serve", "--listen", address, "--state", state, "--models", &data()]);
    running.wait_for("listening on");
    running
}
