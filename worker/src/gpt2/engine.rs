//! The engine: one model in memory, one cache, tiles one after the other.

use patchsweep_proto::context::SweepContext;
use patchsweep_proto::model::locate::ModelFolders;
use patchsweep_proto::model::{Dtype, ModelRef};
use patchsweep_proto::scores::CacheStats;
use patchsweep_proto::tile::{Tile, TileWork};
use patchsweep_proto::wire::check_tile;
use tch::Device;

use super::runs::ActivationCache;
use super::task::TileTask;
use super::weights::Gpt2;
use crate::engine::{Engine, EngineError, Evaluation};
use crate::files::ModelError;

/// The engine on libtorch.
#[derive(Debug)]
pub struct Gpt2Engine {
    device: Device,
    folders: ModelFolders,
    loaded: Option<(ModelRef, Dtype, Gpt2)>,
    cache: ActivationCache,
    batch_bytes: u64,
}

impl Gpt2Engine {
    /// An engine without a model; the first tile says which to load.
    ///
    /// `cache_bytes`: most bytes of cached activations; `batch_bytes`: most bytes that one batch's largest
    /// activations take.
    #[must_use]
    pub fn new(device: Device, folders: ModelFolders, cache_bytes: u64, batch_bytes: u64) -> Self {
        Self { device, folders, loaded: None, cache: ActivationCache::new(cache_bytes), batch_bytes }
    }

    fn load(&mut self, context: &SweepContext) -> Result<(), EngineError> {
        let same = |(model, dtype, _): &(ModelRef, Dtype, Gpt2)| *model == context.model && *dtype == context.dtype;
        if !self.loaded.as_ref().is_some_and(same) {
            // The old weights go before the new ones come.
            self.loaded = None;
            let folder = self.folders.locate(&context.model).map_err(ModelError::from)?;
            let started = std::time::Instant::now();
            let model = Gpt2::load(&folder, context.dtype, self.device)?;
            let seconds = started.elapsed().as_secs_f64();
            tracing::info!(model = %context.model, digest = %model.digest.short(), seconds, "model loaded");
            self.loaded = Some((context.model.clone(), context.dtype, model));
        }
        Ok(())
    }
}

impl Engine for Gpt2Engine {
    fn evaluate(&mut self, context: &SweepContext, tile: &Tile) -> Result<Evaluation, EngineError> {
        check_tile(tile, context)?;
        self.load(context)?;
        let Some((_, dtype, model)) = &self.loaded else { unreachable!("loaded just above") };
        if model.config.shape != context.shape {
            let (folder, found, wanted) = (context.model.to_string(), model.config.shape, context.shape);
            return Err(EngineError::Shape { folder, found, wanted });
        }
        let mut task = TileTask::new(context, tile, model, *dtype, &mut self.cache);
        let scores = tch::no_grad(|| match &tile.work {
            TileWork::Baseline => task.baselines(),
            TileWork::Patch { .. } => task.patches(self.batch_bytes),
        });
        Ok(Evaluation { scores, model: model.digest })
    }

    fn cache_stats(&self) -> CacheStats {
        self.cache.stats()
    }
}
