//! The engine: one model in memory, one cache, tiles one after the other.

use std::time::Instant;

use bytesize::ByteSize;
use patchsweep_files::{FolderStamp, ModelError};
use patchsweep_proto::context::SweepContext;
use patchsweep_proto::digest::Digest;
use patchsweep_proto::model::locate::ModelFolders;
use patchsweep_proto::model::{Dtype, ModelRef};
use patchsweep_proto::scores::{CacheStats, WorkDone};
use patchsweep_proto::tile::Tile;
use patchsweep_proto::wire::check_tile;
use tch::Device;

use super::activations::ActivationCache;
use super::device::allow_tf32;
use super::memory::MemoryShares;
use super::meter::Meter;
use super::plain::PlainTask;
use super::products::unless_cancelled;
use super::task::TileTask;
use super::weights::Gpt2;
use crate::engine::{Cancel, Engine, EngineError, Evaluation};
use crate::gauge::Gauge;
use crate::phases::Phase;

/// The engine on libtorch.
#[derive(Debug)]
pub struct Gpt2Engine {
    device: Device,
    folders: ModelFolders,
    loaded: Option<Loaded>,
    cache: ActivationCache,
    memory_budget: u64,
    meter: Meter,
}

/// The model in memory, and what it was loaded from.
#[derive(Debug)]
struct Loaded {
    name: ModelRef,
    dtype: Dtype,
    /// As the files were when they were read: who trains on into the same folder gets the new weights.
    stamp: FolderStamp,
    model: Gpt2,
    shares: MemoryShares,
}

impl Gpt2Engine {
    /// An engine without a model; the first tile says which to load.
    ///
    /// `memory_budget`: bytes on the device that weights, cached activations and work may take together.
    #[must_use]
    pub fn new(device: Device, folders: ModelFolders, memory_budget: u64) -> Self {
        let meter = Meter::new(device, memory_budget);
        Self { device, folders, loaded: None, cache: ActivationCache::new(), memory_budget, meter }
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
        self.cache.limit(0);
        self.meter.loaded(0, self.cache.stats());
        let started = Instant::now();
        let loading = Phase::Load.enter();
        let model = Gpt2::load(&folder, context.dtype, self.device)?;
        drop(loading);
        let seconds = started.elapsed().as_secs_f64();
        tracing::info!(model = %context.model, digest = %model.digest.short(), seconds, "model loaded");
        for note in &model.notes {
            tracing::info!(model = %context.model, "{note}");
        }
        let shares = MemoryShares::of(self.memory_budget, model.bytes(), self.device.is_cuda()).ok_or(
            EngineError::ModelTooLarge { model: ByteSize(model.bytes()), budget: ByteSize(self.memory_budget) },
        )?;
        self.cache.limit(shares.cache);
        self.meter.loaded(model.bytes(), self.cache.stats());
        self.loaded = Some(Loaded { name: context.model.clone(), dtype: context.dtype, stamp, model, shares });
        Ok(())
    }
}

impl Engine for Gpt2Engine {
    fn evaluate(
        &mut self,
        context: &SweepContext,
        tile: &Tile,
        expected: Option<Digest>,
        cancel: &Cancel,
    ) -> Result<Evaluation, EngineError> {
        check_tile(tile, context)?;
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        self.load(context)?;
        let Some(Loaded { model, shares, .. }) = &mut self.loaded else { unreachable!("loaded just above") };
        if model.config.shape != context.shape {
            let (folder, found, wanted) = (context.model.to_string(), model.config.shape, context.shape);
            return Err(EngineError::Shape { folder, found, wanted });
        }
        if let Some(wanted) = expected.filter(|&wanted| wanted != model.digest) {
            return Err(EngineError::OtherModel { folder: context.model.to_string(), found: model.digest, wanted });
        }
        if self.device.is_cuda() {
            allow_tf32(context.tf32).map_err(|error| EngineError::Tf32 { message: error.to_string() })?;
        }
        model.multiply_adds.set(0);
        model.cancel = cancel.clone();
        let (cache, meter) = (&mut self.cache, &self.meter);
        meter.show(cache.stats(), 0);
        let (scores, memory_retries) = tch::no_grad(|| {
            unless_cancelled(|| {
                if tile.is_plain() {
                    let mut task = PlainTask { context, tile, model, shares, memory_retries: 0 };
                    (task.scores(), task.memory_retries)
                } else {
                    let mut task = TileTask { context, tile, model, cache, shares, meter, memory_retries: 0 };
                    (task.scores(), task.memory_retries)
                }
            })
        })
        .ok_or(EngineError::Cancelled)?;
        let (scores, work) = (scores?, WorkDone { multiply_adds: model.multiply_adds.get(), memory_retries });
        Ok(Evaluation { scores, model: model.digest, notes: model.notes.clone(), work })
    }

    fn cache_stats(&self) -> CacheStats {
        self.cache.stats()
    }

    fn gauge(&self) -> Gauge {
        self.meter.gauge()
    }
}

#[cfg(test)]
mod tests;
