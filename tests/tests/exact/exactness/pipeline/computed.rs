//! A tile that was granted and computed, and how it is reported.

use patchsweep_core::context::SweepContext;
use patchsweep_core::digest::Digest;
use patchsweep_core::scores::TileScores;
use patchsweep_core::tile::Tile;
use patchsweep_proto::chunk::{Joiner, MAX_TOTAL_BYTES};
use patchsweep_proto::v1::worker_message::Message as FromWorker;
use patchsweep_proto::v1::{FetchContextRequest, Grant, TileResult};
use patchsweep_proto::wire::decode_context;
use patchsweep_tests::scripted::{ScriptedWorker, Served, scored};
use patchsweep_worker::engine::{Cancel, Engine};
use patchsweep_worker::torch::TorchEngine;
use tokio_stream::StreamExt;

/// By how much second scores are off, relative to their size: far more than rounding.
const WRONG: f64 = 1e-3;

/// A tile that was granted, and what the engine says of it.
pub(super) struct Computed {
    grant: Grant,
    scores: TileScores,
    model: Digest,
}

impl Computed {
    pub(super) fn of(grant: Grant, context: &SweepContext, engine: &mut TorchEngine) -> Self {
        let tile = Tile::try_from(grant.tile.clone().expect("a tile")).expect("a tile of the plan");
        let evaluation = engine.evaluate(context, &tile, None, &Cancel::new()).expect("the engine computes it");
        Self { grant, scores: evaluation.scores, model: evaluation.model }
    }

    /// Waits for no answer.
    pub(super) async fn say(&self, worker: &ScriptedWorker) {
        worker.say(FromWorker::Result(self.result(&self.scores))).await;
    }

    pub(super) async fn report(&self, worker: &mut ScriptedWorker) {
        self.say(worker).await;
        worker.acknowledged(self.grant.lease.as_ref()).await;
    }

    /// Scores that are off by far more than rounding.
    pub(super) async fn report_wrong(&self, worker: &mut ScriptedWorker) {
        let mut wrong = self.scores.clone();
        for score in &mut wrong.scores {
            let by = WRONG * score.value.mean.abs().max(1.0);
            score.value.mean += by;
            score.effect.mean += by;
        }
        #[allow(clippy::cast_possible_truncation, reason = "a small number")]
        wrong.by_prompt.iter_mut().for_each(|effect| *effect += WRONG as f32);
        worker.say(FromWorker::Result(self.result(&wrong))).await;
        worker.acknowledged(self.grant.lease.as_ref()).await;
    }

    fn result(&self, scores: &TileScores) -> TileResult {
        TileResult { model_digest: self.model.0.to_vec(), ..scored(&self.grant, scores) }
    }
}

/// What a worker fetches for a grant.
pub(super) async fn context_of(served: &Served, grant: &Grant) -> SweepContext {
    let request = FetchContextRequest { context_digest: grant.context_digest.clone() };
    let mut chunks = served.worker_rpc().await.fetch_context(request).await.expect("it runs").into_inner();
    let mut joiner = Joiner::new(MAX_TOTAL_BYTES);
    while let Some(chunk) = chunks.next().await {
        joiner.push(&chunk.expect("a chunk").data).expect("small");
    }
    decode_context(&joiner.finish()).expect("a context")
}
