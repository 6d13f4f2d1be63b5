//! The engine's thread.

use std::sync::Arc;
use std::thread;

use patchsweep_core::context::SweepContext;
use patchsweep_core::digest::Digest;
use patchsweep_core::ids::TileId;
use patchsweep_core::scores::CacheStats;
use patchsweep_core::tile::{Tile, TileWork};
use tracing::Span;

use super::dialer::context;
use super::{lease, soon};
use crate::engine::{Cancel, DeviceLost, Engine, EngineError, Evaluation};
use crate::gauge::Gauge;
use crate::session::{Computer, ComputerGone, EngineThread, Job};

/// Computes until it is cancelled; panics at tile 13.
#[derive(Default)]
struct Endless {
    /// From the beginning.
    lost: Option<DeviceLost>,
}

impl Engine for Endless {
    fn evaluate(
        &mut self,
        _: &SweepContext,
        tile: &Tile,
        _: Option<Digest>,
        cancel: &Cancel,
    ) -> Result<Evaluation, EngineError> {
        assert_ne!(tile.id, TileId(13), "unlucky\nand more");
        while !cancel.is_cancelled() {
            thread::yield_now();
        }
        Err(EngineError::Cancelled)
    }

    fn cache_stats(&self) -> CacheStats {
        CacheStats::default()
    }

    fn gauge(&self) -> Gauge {
        Gauge::new()
    }

    fn lost(&self) -> Option<DeviceLost> {
        self.lost.clone()
    }
}

fn job(tile: u32) -> Job {
    let work = Tile { id: TileId(tile), iteration: 0, prompts: 0..1, work: TileWork::Baseline };
    Job { lease: lease(tile), tile: work, context: Arc::new(context()), model: None, span: Span::none() }
}

#[tokio::test]
async fn only_the_job_in_hand_is_cancelled() {
    let mut thread = EngineThread::start(Endless::default()).expect("a thread");
    for tile in 0..3 {
        thread.begin(job(tile)).expect("it takes one job at a time");
        thread.cancel(&lease(tile + 1));
        thread.cancel(&lease(tile));
        let finished = soon(thread.finished()).await.expect("it lives");
        assert_eq!(finished.lease, lease(tile));
        assert!(matches!(finished.outcome, Err(EngineError::Cancelled)));
    }
}

#[tokio::test]
async fn a_panic_fails_the_job_and_not_the_thread() {
    let mut thread = EngineThread::start(Endless::default()).expect("a thread");
    thread.begin(job(13)).expect("it takes a job");
    let Err(error) = soon(thread.finished()).await.expect("it lives").outcome else { panic!("it panicked") };
    assert!(error.to_string().starts_with("computing failed: ") && !error.to_string().contains('\n'), "{error}");
    thread.begin(job(1)).expect("it takes another");
    assert!(thread.stop().await);
}

#[tokio::test]
async fn a_lost_device_fails_the_job_and_ends_the_thread() {
    let lost = DeviceLost { device: "cuda:0".into(), fault: "unspecified launch failure".into() };
    let mut thread = EngineThread::start(Endless { lost: Some(lost.clone()) }).expect("a thread");
    // Whoever cancels a tile learns nothing of the device.
    thread.begin(job(1)).expect("it takes a job");
    thread.cancel(&lease(1));
    assert!(matches!(soon(thread.finished()).await.expect("it lives").outcome, Err(EngineError::Cancelled)));
    thread.begin(job(13)).expect("it takes another");
    let Err(error) = soon(thread.finished()).await.expect("it lives").outcome else { panic!("it panicked") };
    let text = patchsweep_core::error_chain(&error);
    assert!(text.starts_with(&format!("{lost}: computing failed: ")), "{text}");
    assert_eq!(soon(thread.finished()).await.err(), Some(ComputerGone));
    assert!(thread.stop().await);
}

#[tokio::test]
async fn it_stops_in_the_middle_of_a_job() {
    let mut thread = EngineThread::start(Endless::default()).expect("a thread");
    thread.begin(job(0)).expect("it takes a job");
    assert!(thread.stop().await);
}
