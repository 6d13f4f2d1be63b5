//! The engine: models in memory, one cache, tiles one after the other.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use patchsweep_core::context::SweepContext;
use patchsweep_core::dictionary::Dictionary;
use patchsweep_core::digest::Digest;
use patchsweep_core::model::LoadedModel;
use patchsweep_core::scores::{CacheStats, WorkDone};
use patchsweep_core::tile::Tile;
use patchsweep_core::weights::{LEAST_BESIDE, Placement};
use patchsweep_files::FolderStamp;
use patchsweep_process::machine::half;
use patchsweep_proto::wire::refuse_tile;

use crate::torch::calls;
use crate::torch::devices::Devices;
use crate::torch::dictionary::loaded::Dictionaries;
use crate::torch::estimate::{EstimateTask, Held};
use crate::torch::gpu::{self, round_products};
use crate::torch::model::exec::{Exec, unless_stopped};
use crate::torch::model::load::Loader;
use crate::torch::model::loaded::Models;
use crate::torch::operators;
use crate::torch::plain::PlainTask;
use crate::torch::runs::activations::ActivationCache;
use crate::torch::tiles::memory::{MemoryShares, within_memory};
use crate::torch::tiles::meter::Meter;
use crate::torch::tiles::parts::TileParts;
use crate::torch::tiles::task::TileTask;

use crate::engine::{Cancel, DeviceLost, Engine, EngineError, Evaluation};
use crate::gauge::Gauge;
use crate::models::ModelSource;
use crate::phases::Phase;
use crate::telemetry::MODELS_LOADED;

/// The engine on libtorch.
#[derive(Debug)]
pub struct TorchEngine {
    devices: Devices,
    source: ModelSource,
    models: Models,
    dictionaries: Dictionaries,
    /// Of the memory budget, beside the models.
    shares: Option<MemoryShares>,
    cache: ActivationCache,
    /// Estimates of the tile before, for the others of its section.
    estimates: Option<Held>,
    /// Of each device.
    memory_budget: u64,
    meter: Meter,
    /// Whether each tile's are logged.
    times_operators: bool,
}

impl TorchEngine {
    /// An engine without a model; the first tile says which to load.
    ///
    /// `memory_budget`: bytes on a device that weights, cached activations and work may take together.
    #[must_use]
    pub fn new(devices: Devices, source: impl Into<ModelSource>, memory_budget: u64) -> Self {
        let meter = Meter::new(devices.clone(), devices.total_of(memory_budget));
        let memory_budget = devices.part_of(memory_budget);
        let (models, cache) = (Models::new(memory_budget), ActivationCache::new(devices.count()));
        let dictionaries = Dictionaries::default();
        let estimates = None;
        Self {
            devices,
            source: source.into(),
            models,
            dictionaries,
            shares: None,
            cache,
            estimates,
            memory_budget,
            meter,
            times_operators: false,
        }
    }

    /// The same, which logs of each tile how long operators took on the devices.
    #[must_use]
    pub fn timing_operators(self) -> Self {
        operators::time_on(&self.devices);
        Self { times_operators: true, ..self }
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
        // Another model's dictionaries make room.
        self.dictionaries = Dictionaries::default();
        let loader = Loader::open(&folder, context.dtype, &self.devices)?;
        let placement = self.placement(&loader)?;
        let bytes = loader.placed(placement);
        self.models.make_room(bytes);
        let load = |engine: &mut Self, loader| {
            let (name, stamp) = (name.clone(), stamp.clone());
            within_memory(|| engine.with_room_for(bytes, |engine| engine.load_from(loader, placement, name, stamp)))
        };
        if let Ok(loaded) = load(self, loader) {
            return loaded;
        }
        // All that is kept makes room.
        tracing::warn!(model = %name.model, "out of memory while a model was loaded; trying again with nothing beside it");
        self.models.make_room(u64::MAX);
        self.cache.limit(0);
        gpu::empty_cache();
        let loader = Loader::open(&folder, context.dtype, &self.devices)?;
        let no_memory = |_| Err(EngineError::NoMemoryToLoad { model: name.model.to_string(), bytes: ByteSize(bytes) });
        load(self, loader).unwrap_or_else(no_memory)
    }

    fn load_from(
        &mut self,
        loader: Loader,
        placement: Placement,
        name: LoadedModel,
        stamp: FolderStamp,
    ) -> Result<Duration, EngineError> {
        let started = Instant::now();
        let loading = Phase::Load.enter();
        let model = loader.load(placement)?;
        drop(loading);
        let took = started.elapsed();
        MODELS_LOADED.add(&[], 1);
        let seconds = took.as_secs_f64();
        tracing::info!(model = %name.model, digest = %model.digest.short(), seconds, "model loaded");
        if let Some(layers) = model.layers.described() {
            tracing::info!(model = %name.model, "{layers}");
        }
        if let Some(remark) = half::remark(name.dtype).filter(|_| !self.devices.have_gpus()) {
            tracing::warn!(model = %name.model, "{remark}");
        }
        for note in &model.notes {
            tracing::info!(model = %name.model, "{note}");
        }
        // Usually as much as was expected.
        let bytes = model.most_bytes();
        self.shares_beside(bytes)?;
        self.models.make_room(bytes);
        self.models.add(name, stamp, model);
        Ok(took)
    }

    /// Loads the dictionary of a tile of features, unless it is in memory.
    fn load_dictionary(&mut self, context: &SweepContext, dictionary: &Arc<Dictionary>) -> Result<(), EngineError> {
        self.dictionaries.keep(|kept| context.grids.iter().any(|grid| grid.dictionary() == Some(kept)));
        let path = self.source.dictionary(&dictionary.path)?;
        let device = self.models.in_use().expect("loaded before").layers.device(dictionary.layer);
        if self.dictionaries.has(dictionary, device, &path)? {
            return Ok(());
        }
        // In memory as float32; read one tensor after the other.
        let bytes = 4 * dictionary.numbers();
        let taken = self.models.most_bytes().saturating_add(self.dictionaries.bytes()).saturating_add(bytes);
        if MemoryShares::of(self.memory_budget, taken, self.devices.have_gpus()).is_none() {
            let [needed, budget] = [taken.saturating_add(LEAST_BESIDE), self.memory_budget].map(ByteSize);
            let name = dictionary.name.clone();
            return Err(EngineError::DictionaryTooLarge { name, bytes: ByteSize(bytes), budget, needed });
        }
        self.with_room_for(bytes, |engine| engine.dictionaries.load(dictionary, device, &path))
    }

    /// Says so where the weights are streamed, which takes time.
    fn placement(&self, loader: &Loader) -> Result<Placement, EngineError> {
        let weights = loader.weight_bytes();
        let placement = weights.placement(self.memory_budget, self.devices.count(), loader.maps_around());
        let least = loader.placed(Placement::Streamed);
        let placement = placement.ok_or_else(|| self.too_large(weights.all(), least))?;
        if placement == Placement::Streamed {
            let [all, walk, budget] = [weights.all(), weights.walk(), self.memory_budget].map(ByteSize);
            tracing::info!(
                "the model takes {all}, more than the memory budget of {budget} lets it: its weights stay in their files, and \
                 {walk} of them come to the device for each batch that goes through all blocks"
            );
        }
        Ok(placement)
    }

    /// What is left on a device beside models of so many bytes.
    fn shares_beside(&self, weights: u64) -> Result<MemoryShares, EngineError> {
        MemoryShares::of(self.memory_budget, weights, self.devices.have_gpus())
            .ok_or_else(|| self.too_large(weights, weights))
    }

    /// `least`: what of the weights has to be on the device at once.
    fn too_large(&self, weights: u64, least: u64) -> EngineError {
        let [model, least, budget] = [weights, least, self.memory_budget].map(ByteSize);
        let needed = ByteSize::mib(least.0.saturating_add(LEAST_BESIDE).div_ceil(ByteSize::mib(1).0));
        EngineError::ModelTooLarge { model, least, budget, needed }
    }

    /// Loads what takes so many bytes. The rest of the memory is divided without them meanwhile, and by what is in memory then,
    /// however that ends.
    fn with_room_for<T>(
        &mut self,
        bytes: u64,
        load: impl FnOnce(&mut Self) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        self.divide(bytes)?;
        // What libtorch cannot do is a panic.
        let loaded = catch_unwind(AssertUnwindSafe(|| load(self)));
        self.divide(0)?;
        loaded.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Divides the memory anew: the models' part, with so many bytes for another one, and the rest.
    fn divide(&mut self, coming: u64) -> Result<(), EngineError> {
        let loaded = self.models.most_bytes().saturating_add(self.dictionaries.bytes());
        let shares = self.shares_beside(loaded.saturating_add(coming))?;
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
        if self.devices.have_gpus() {
            // Before the model is loaded, as that has products, too.
            round_products(context.tf32);
        }
        let loading = self.load(context, cancel)?;
        let written = tile.dictionary(context);
        if let Some(dictionary) = written {
            self.load_dictionary(context, dictionary)?;
        }
        let (Some(model), Some(shares)) = (self.models.in_use(), &mut self.shares) else {
            unreachable!("loaded just above")
        };
        if model.architecture != context.architecture {
            return Err(EngineError::Architecture { folder: context.model.to_string() });
        }
        if let Some(wanted) = expected.filter(|&wanted| wanted != model.digest) {
            return Err(EngineError::OtherModel { folder: context.model.to_string(), found: model.digest, wanted });
        }
        let (calls_before, began) = (calls::so_far(), Instant::now());
        if self.times_operators {
            operators::take();
        }
        let parts = &TileParts::of(context, &tile.prompts);
        let exec = Exec::new(model, context.clean.positions(), shares.most_logits(), cancel.clone());
        let exec = &exec;
        let (cache, meter) = (&mut self.cache, &self.meter);
        let dictionary = written.and_then(|dictionary| self.dictionaries.get(dictionary));
        if tile.is_plain() || !tile.is_estimate() {
            self.estimates = None;
        }
        let held = &mut self.estimates;
        meter.measure(cache.stats());
        let (scores, memory_retries) = tch::no_grad(|| {
            unless_stopped(|| {
                if tile.is_plain() {
                    PlainTask { context, parts, tile, exec, cache, shares, meter, dictionary }.scores()
                } else if tile.is_estimate() {
                    EstimateTask { context, tile, exec, cache, shares, meter, held }.scores()
                } else {
                    TileTask { context, parts, tile, exec, cache, shares, meter, dictionary }.scores()
                }
            })
        })?;
        model.refuse_changed()?;
        if self.times_operators {
            operators::log(tile, context, began.elapsed());
        }
        let work = WorkDone {
            multiply_adds: exec.multiply_adds(),
            libtorch_calls: calls::so_far() - calls_before,
            streamed_bytes: exec.streamed_bytes(),
            memory_retries,
        };
        let scores = scores?;
        Ok(Evaluation { scores, model: model.digest, notes: model.notes.clone(), work, loading })
    }

    fn cache_stats(&self) -> CacheStats {
        self.cache.stats()
    }

    fn gauge(&self) -> Gauge {
        self.meter.gauge()
    }

    fn lost(&self) -> Option<DeviceLost> {
        self.devices.lost()
    }
}

#[cfg(test)]
mod tests;
