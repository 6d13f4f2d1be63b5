//! The engine: one model in memory, one cache, tiles one after the other.

use std::time::Instant;

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
use crate::files::{FolderStamp, ModelError};

/// The engine on libtorch.
#[derive(Debug)]
pub struct Gpt2Engine {
    device: Device,
    folders: ModelFolders,
    loaded: Option<Loaded>,
    cache: ActivationCache,
    batch_bytes: u64,
}

/// The model in memory, and what it was loaded from.
#[derive(Debug)]
struct Loaded {
    name: ModelRef,
    dtype: Dtype,
    /// As the files were when they were read: who trains on into the same folder gets the new weights.
    stamp: FolderStamp,
    model: Gpt2,
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
        let folder = self.folders.locate(&context.model).map_err(ModelError::from)?;
        let stamp = FolderStamp::of(&folder)?;
        let fits =
            |loaded: &Loaded| (&loaded.name, loaded.dtype, &loaded.stamp) == (&context.model, context.dtype, &stamp);
        if self.loaded.as_ref().is_some_and(fits) {
            return Ok(());
        }
        // The old weights go before the new ones come.
        self.loaded = None;
        let started = Instant::now();
        let model = Gpt2::load(&folder, context.dtype, self.device)?;
        let seconds = started.elapsed().as_secs_f64();
        tracing::info!(model = %context.model, digest = %model.digest.short(), seconds, "model loaded");
        self.loaded = Some(Loaded { name: context.model.clone(), dtype: context.dtype, stamp, model });
        Ok(())
    }
}

impl Engine for Gpt2Engine {
    fn evaluate(&mut self, context: &SweepContext, tile: &Tile) -> Result<Evaluation, EngineError> {
        check_tile(tile, context)?;
        self.load(context)?;
        let Some(Loaded { model, .. }) = &self.loaded else { unreachable!("loaded just above") };
        if model.config.shape != context.shape {
            let (folder, found, wanted) = (context.model.to_string(), model.config.shape, context.shape);
            return Err(EngineError::Shape { folder, found, wanted });
        }
        let mut task = TileTask::new(context, tile, model, &mut self.cache, self.batch_bytes);
        let scores = tch::no_grad(|| match &tile.work {
            TileWork::Baseline => task.baselines(),
            TileWork::Patch { .. } => task.patches(),
        });
        Ok(Evaluation { scores, model: model.digest })
    }

    fn cache_stats(&self) -> CacheStats {
        self.cache.stats()
    }
}
