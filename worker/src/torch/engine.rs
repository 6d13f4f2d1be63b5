//! The engine: models in memory, one cache, tiles one after the other.

use std::path::Path;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use patchsweep_core::context::SweepContext;
use patchsweep_core::digest::Digest;
use patchsweep_core::model::LoadedModel;
use patchsweep_core::scores::{CacheStats, WorkDone};
use patchsweep_core::tile::Tile;
use patchsweep_files::{FolderStamp, read_config};
use patchsweep_proto::wire::refuse_tile;
use tch::Device;

use crate::torch::calls;
use crate::torch::device::allow_tf32;
use crate::torch::model::exec::{Exec, unless_cancelled};
use crate::torch::model::loaded::{Models, weight_bytes};
use crate::torch::model::parameters::Model;
use crate::torch::plain::PlainTask;
use crate::torch::runs::activations::ActivationCache;
use crate::torch::tiles::memory::MemoryShares;
use crate::torch::tiles::meter::Meter;
use crate::torch::tiles::task::TileTask;

use crate::engine::{Cancel, Engine, EngineError, Evaluation};
use crate::gauge::Gauge;
use crate::models::ModelSource;
use crate::phases::Phase;
use crate::telemetry::MODELS_LOADED;

/// The engine on libtorch.
#[derive(Debug)]
pub struct TorchEngine {
    device: Device,
    source: ModelSource,
    models: Models,
    /// Of the memory budget, beside the models.
    shares: Option<MemoryShares>,
    cache: ActivationCache,
    memory_budget: u64,
    meter: Meter,
}

impl TorchEngine {
    /// An engine without a model; the first tile says which to load.
    ///
    /// `memory_budget`: bytes on the device that weights, cached activations and work may take together.
    #[must_use]
    pub fn new(device: Device, source: impl Into<ModelSource>, memory_budget: u64) -> Self {
        let meter = Meter::new(device, memory_budget);
        let (models, cache) = (Models::new(memory_budget), ActivationCache::new());
        Self { device, source: source.into(), models, shares: None, cache, memory_budget, meter }
    }

    /// Loads the model of a sweep, unless it is in memory, and says how long that took, fetching aside. What does not fit beside it is
    /// dropped before; where it does not fit at all, nothing is.
    fn load(&mut self, context: &SweepContext, cancel: &Cancel) -> Result<Duration, EngineError> {
        let folder = self.source.locate(&context.model, cancel)?;
        let stamp = FolderStamp::of(&folder)?;
        let name = LoadedModel { model: context.model.clone(), dtype: context.dtype };
        if self.models.take_up(&name, &stamp) {
            self.show();
            return Ok(Duration::ZERO);
        }
        let bytes = weight_bytes(&read_config(&folder)?.architecture, context.dtype);
        self.shares_beside(bytes)?;
        self.models.make_room(bytes);
        self.divide(bytes)?;
        let loaded = self.load_from(&folder, name, stamp);
        self.divide(0)?;
        loaded
    }

    fn load_from(&mut self, folder: &Path, name: LoadedModel, stamp: FolderStamp) -> Result<Duration, EngineError> {
        let started = Instant::now();
        let loading = Phase::Load.enter();
        let model = Model::load(folder, name.dtype, self.device)?;
        drop(loading);
        let took = started.elapsed();
        MODELS_LOADED.add(&[], 1);
        let seconds = took.as_secs_f64();
        tracing::info!(model = %name.model, digest = %model.digest.short(), seconds, "model loaded");
        for note in &model.notes {
            tracing::info!(model = %name.model, "{note}");
        }
        // Usually as much as was expected.
        let bytes = model.bytes();
        self.shares_beside(bytes)?;
        self.models.make_room(bytes);
        self.models.add(name, stamp, model);
        Ok(took)
    }

    /// What is left beside models of so many bytes.
    fn shares_beside(&self, weights: u64) -> Result<MemoryShares, EngineError> {
        MemoryShares::of(self.memory_budget, weights, self.device.is_cuda())
            .ok_or(EngineError::ModelTooLarge { model: ByteSize(weights), budget: ByteSize(self.memory_budget) })
    }

    /// Divides the memory anew: the models' part, with so many bytes for another one, and the rest.
    fn divide(&mut self, coming: u64) -> Result<(), EngineError> {
        let shares = self.shares_beside(self.models.bytes().saturating_add(coming))?;
        self.cache.limit(shares.cache);
        self.shares = Some(shares);
        self.show();
        Ok(())
    }

    fn show(&mut self) {
        self.meter.loaded(self.models.bytes(), self.models.names(), self.cache.stats());
    }
}

impl Engine for TorchEngine {
    fn evaluate(
        &mut self,
        context: &SweepContext,
        tile: &Tile,
        expected: Option<Digest>,
        cancel: &Cancel,
    ) -> Result<Evaluation, EngineError> {
        refuse_tile(tile, context)?;
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let loading = self.load(context, cancel)?;
        let (Some(model), Some(shares)) = (self.models.in_use(), &mut self.shares) else {
            unreachable!("loaded just above")
        };
        if model.architecture != context.architecture {
            return Err(EngineError::Architecture { folder: context.model.to_string() });
        }
        if let Some(wanted) = expected.filter(|&wanted| wanted != model.digest) {
            return Err(EngineError::OtherModel { folder: context.model.to_string(), found: model.digest, wanted });
        }
        if self.device.is_cuda() {
            allow_tf32(context.tf32).map_err(|error| EngineError::Tf32 { message: error.to_string() })?;
        }
        let calls_before = calls::so_far();
        let exec = Exec::new(model, context.clean.positions(), cancel.clone());
        let exec = &exec;
        let (cache, meter) = (&mut self.cache, &self.meter);
        meter.show(cache.stats(), 0);
        let (scores, memory_retries) = tch::no_grad(|| {
            unless_cancelled(|| {
                if tile.is_plain() {
                    PlainTask { context, tile, exec, shares, memory_retries: 0 }.scores()
                } else {
                    TileTask { context, tile, exec, cache, shares, meter, memory_retries: 0 }.scores()
                }
            })
        })
        .ok_or(EngineError::Cancelled)?;
        let libtorch_calls = calls::so_far() - calls_before;
        let (scores, work) =
            (scores?, WorkDone { multiply_adds: exec.multiply_adds(), libtorch_calls, memory_retries });
        Ok(Evaluation { scores, model: model.digest, notes: model.notes.clone(), work, loading })
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
