//! The worker as a real process: how it starts and how it ends.

mod starting;

use std::process::Stdio;

use patchsweep_core::tile::TileWork;
use patchsweep_data::sweep;
use patchsweep_link::fixtures::{Coordinator, Peer, lease, soon};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;

/// So many that they are computed for longer than any of these tests takes.
const PROMPTS: u32 = 20_000;

/// A coordinator on a free port, and its address.
async fn coordinator() -> (Coordinator, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    (Coordinator::start(sweep::of_prompts(PROMPTS), TcpListenerStream::new(listener)), url)
}

/// A worker with these arguments, without settings of the caller's.
fn worker(args: &[&str]) -> Command {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_patchsweep-worker"));
    worker.args(["--threads", "1", "--memory-budget", "256MiB", "--models", patchsweep_data::files::FOLDER]).args(args);
    for setting in
        ["PATCHSWEEP_COORDINATOR", "PATCHSWEEP_CREDENTIALS", "GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "GLIBC_TUNABLES"]
    {
        worker.env_remove(setting);
    }
    worker.env("PATCHSWEEP_LOG", "warn").stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    worker
}

/// A worker's process and the coordinator that it dials.
struct Stage {
    coordinator: Coordinator,
    worker: Child,
}

impl Stage {
    async fn set(args: &[&str], refusal: Option<Status>) -> Self {
        let (coordinator, url) = coordinator().await;
        coordinator.plan(|plan| plan.refusals.extend(refusal));
        let worker = worker(&[&["--coordinator", &url], args].concat()).spawn();
        Self { coordinator, worker: worker.expect("the program starts") }
    }

    /// A worker that is asked to leave while it computes a long tile.
    async fn leaving_in_the_middle(args: &[&str]) -> (Self, Peer) {
        let mut stage = Self::set(args, None).await;
        let mut peer = stage.coordinator.session().await;
        peer.register().await;
        peer.welcome(1).await;
        // A short tile first: when it is there, the model is loaded and the long one is computed.
        peer.grant_work(0, 1, TileWork::Baseline).await;
        peer.grant_work(1, PROMPTS, sweep::all_cells()).await;
        assert_eq!(peer.result().await.lease, Some(lease(0)));
        peer.acknowledge(0).await;
        peer.is_heard().await;
        stage.signal("TERM");
        assert_eq!(peer.going_away().await, [lease(1)]);
        (stage, peer)
    }

    fn signal(&self, name: &str) {
        let id = self.worker.id().expect("the worker lives");
        // The shell's own `kill`: not every machine has the program.
        let sent = std::process::Command::new("sh").args(["-c", &format!("kill -s {name} {id}")]).status();
        assert!(sent.expect("a shell").success(), "the process is there");
    }

    /// Exit code, and what it printed.
    async fn ended(&mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        let mut stderr = self.worker.stderr.take().expect("piped");
        soon(stderr.read_to_string(&mut text)).await.expect("text");
        (soon(self.worker.wait()).await.expect("it ends").code(), text)
    }
}

#[tokio::test]
async fn a_second_signal_ends_the_worker_at_once() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let (mut stage, _peer) = Stage::leaving_in_the_middle(&["--grace", "10m"]).await;
        stage.signal(signal);
        assert_eq!(stage.ended().await, (Some(code), String::new()));
    }
}

#[tokio::test]
async fn a_worker_whose_grace_period_ends_hands_its_tile_back_and_exits_with_0() {
    let (mut stage, mut peer) = Stage::leaving_in_the_middle(&["--grace", "10ms"]).await;
    assert_eq!(peer.going_away().await, []);
    assert!(peer.has_left().await);
    drop(peer);
    let (code, stderr) = stage.ended().await;
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!stderr.contains("does not end"), "the engine stops in the middle of a tile: {stderr}");
}

#[tokio::test]
async fn a_refused_worker_says_why_in_one_line_and_exits_with_5() {
    let refusal = Status::failed_precondition("protocol 3, not 4: install the coordinator's release");
    let mut stage = Stage::set(&[], Some(refusal)).await;
    let (code, stderr) = stage.ended().await;
    let line = "error: the coordinator refused this worker: protocol 3, not 4: install the coordinator's release\n";
    assert_eq!((code, stderr.as_str()), (Some(5), line));
}
