//! Sessions against a coordinator that does what a test says, over gRPC in memory, with a computer that does too. Time is
//! paused: it passes only when everybody waits.

mod computer;
mod dialer;
mod engine_thread;
mod heartbeat;
mod idle;
mod leave;
mod lost;
mod refuse;
mod resume;
mod revoke;

use std::future::pending;
use std::time::Duration;

use patchsweep_core::ids::Lease;
use patchsweep_link::fixtures::{self, Coordinator, Peer, soon};
use patchsweep_process::health::Health;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{SessionError, WorkerOptions, serve};
use computer::Hand;
use dialer::Dialer;

const SEED: u64 = 4;

const GRACE: Duration = Duration::from_secs(25);

fn options() -> WorkerOptions {
    WorkerOptions {
        name: "host:1".into(),
        device: "cpu".into(),
        credit: 2,
        grace: GRACE,
        leave_when_idle: None,
        seed: SEED,
        health: Health::default(),
    }
}

/// A worker, and what it talks to.
struct Stage {
    coordinator: Coordinator,
    hand: Hand,
    shutdown: Option<oneshot::Sender<Duration>>,
    worker: JoinHandle<Result<(), SessionError>>,
}

impl Stage {
    fn set() -> Self {
        Self::set_with(options())
    }

    fn set_with(options: WorkerOptions) -> Self {
        let (mut dialer, coordinator) = Dialer::with_coordinator();
        let (hand, mut computer) = Hand::with_computer();
        let (shutdown, asked) = oneshot::channel();
        let asked = async move {
            match asked.await {
                Ok(grace) => grace,
                Err(_) => pending().await,
            }
        };
        let worker = tokio::spawn(async move { serve(options, &mut computer, &mut dialer, asked).await });
        Self { coordinator, hand, shutdown: Some(shutdown), worker }
    }

    /// A worker in its first session, with a tile in hand and one that waits.
    async fn with_two_leases() -> (Self, Peer) {
        let mut stage = Self::set();
        let mut peer = stage.coordinator.session().await;
        let register = peer.register().await;
        assert_eq!((register.credit, register.held.len()), (2, 0));
        peer.welcome(1).await;
        peer.grant(0).await;
        assert_eq!(stage.hand.begun().await, lease(0));
        peer.grant(1).await;
        (stage, peer)
    }

    fn ask_to_leave(&mut self) {
        self.shutdown.take().expect("asked once").send(GRACE).expect("the worker listens");
    }

    async fn ended(self) -> Result<(), SessionError> {
        soon(self.worker).await.expect("the worker does not panic")
    }
}

/// The first attempt at a tile.
fn lease(tile: u32) -> Lease {
    fixtures::lease(tile).into()
}
