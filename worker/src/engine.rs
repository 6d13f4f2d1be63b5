//! What the session needs of an engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytesize::ByteSize;
use patchsweep_core::context::SweepContext;
use patchsweep_core::digest::Digest;
use patchsweep_core::scores::{CacheStats, TileScores, WorkDone};
use patchsweep_core::tile::Tile;
use patchsweep_files::{DictionaryFileError, ModelError};
use patchsweep_hub::HubError;
use patchsweep_proto::wire::WireError;

use crate::gauge::Gauge;

/// Computes tiles, one after the other. The session moves it to a thread of its own.
pub trait Engine: Send + 'static {
    /// The scores of a tile, exact to float tolerance.
    ///
    /// `model`: what the model found must be, where the sweep has scores already; [`EngineError::OtherModel`] before
    /// anything is computed otherwise. Ends soon after `cancel` with [`EngineError::Cancelled`].
    fn evaluate(
        &mut self,
        context: &SweepContext,
        tile: &Tile,
        model: Option<Digest>,
        cancel: &Cancel,
    ) -> Result<Evaluation, EngineError>;

    /// What the cache of activations did so far.
    fn cache_stats(&self) -> CacheStats;

    /// Shows what it takes, also while it computes.
    fn gauge(&self) -> Gauge;

    /// A device with which it can compute nothing any more. Asked when a tile has failed.
    fn lost(&self) -> Option<DeviceLost>;
}

/// A device with which this process can compute nothing any more, but a new one may: after some errors a GPU gives its process
/// nothing else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{device} is lost to this process ({fault})")]
pub struct DeviceLost {
    /// Its name, for instance `cuda:0`.
    pub device: String,
    /// What its driver says.
    pub fault: String,
}

/// Asks the engine to stop computing a tile; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether somebody besides who may cancel and who hands it on holds it: a tile that is being computed.
    #[cfg(all(test, feature = "tch"))]
    pub(crate) fn is_watched(&self) -> bool {
        Arc::strong_count(&self.0) > 2
    }
}

/// A computed tile.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The scores.
    pub scores: TileScores,
    /// Which model they are of: digest of its config and weights.
    pub model: Digest,
    /// What readers of the scores should know of its weights: one line each.
    pub notes: Vec<String>,
    /// What they took.
    pub work: WorkDone,
    /// How long the model was being loaded before; zero: it was in memory.
    pub loading: Duration,
}

/// Why a tile could not be computed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The model could not be loaded.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model could not be fetched.
    #[error(transparent)]
    Hub(HubError),
    /// The tile is not one of the sweep's.
    #[error(transparent)]
    Tile(#[from] WireError),
    /// The model found under the sweep's name is another one.
    #[error(
        "config.json of model {folder} on this worker describes another model than the one that the sweep was planned for; \
         use the same model folder on coordinator and workers"
    )]
    Architecture {
        /// The model's name.
        folder: String,
    },
    /// The model found under the sweep's name has other weights than the one that its scores are of.
    #[error(
        "model {folder} is {}, but the sweep's scores are of {}; copy the model folder that the other workers use",
        .found.short(), .wanted.short()
    )]
    OtherModel {
        /// Where the model was found.
        folder: String,
        /// Digest of the model found.
        found: Digest,
        /// Digest of the sweep's model.
        wanted: Digest,
    },
    /// A dictionary could not be loaded.
    #[error(transparent)]
    Dictionary(#[from] DictionaryFileError),
    /// The dictionary found under the sweep's path is another one than the sweep was planned with.
    #[error(
        "dictionary `{name}` ({}) is {}, but the sweep was planned with {}; copy the dictionary that the coordinator has",
        .path.display(), .found.short(), .wanted.short()
    )]
    OtherDictionary {
        /// As the spec calls it.
        name: String,
        /// Where it was found.
        path: PathBuf,
        /// Digest of the files found.
        found: Digest,
        /// Digest of the sweep's.
        wanted: Digest,
    },
    /// There is no room for it.
    #[error(
        "dictionary `{name}` takes {bytes}, which leaves nothing of the memory budget of {budget} beside the model; raise \
         --memory-budget to {needed} or more"
    )]
    DictionaryTooLarge {
        /// As the spec calls it.
        name: String,
        /// What its tensors take, as float32.
        bytes: ByteSize,
        /// The budget.
        budget: ByteSize,
        /// The least budget for it.
        needed: ByteSize,
    },
    /// Nobody waits for the scores any more.
    #[error("the tile was cancelled")]
    Cancelled,
    /// There is no room for activations.
    #[error(
        "the model takes {model}, and {least} where its blocks come to the device one by one, which leaves nothing of the memory \
         budget of {budget}; raise --memory-budget to {needed} or more"
    )]
    ModelTooLarge {
        /// What the weights take.
        model: ByteSize,
        /// What of them has to be on the device at once.
        least: ByteSize,
        /// The budget.
        budget: ByteSize,
        /// The least budget for it.
        needed: ByteSize,
    },
    /// The budget had room for it, the device did not.
    #[error(
        "memory ran out while model {model} was loaded, though {bytes} are within the memory budget: another process may have taken \
         it; lower --memory-budget so that the weights stream, or free the device"
    )]
    NoMemoryToLoad {
        /// The model's name.
        model: String,
        /// What was to be loaded.
        bytes: ByteSize,
    },
    /// A backward pass goes through all blocks at once.
    #[error(
        "estimates need all weights on the device, and this model's come to it block by block; raise --memory-budget until the \
         model fits, or leave `estimate` out"
    )]
    EstimateOfStreamed,
    /// Halving did not help.
    #[error("out of memory with a single prompt; use a device with more memory, shorter prompts, or dtype bfloat16")]
    OnePromptTooLarge,
    /// Nothing can be computed any more.
    #[error("{lost}")]
    DeviceLost {
        /// Where.
        lost: DeviceLost,
        /// How the tile failed that showed it.
        source: Box<EngineError>,
    },
    /// The engine panicked, for instance because memory ran out.
    #[error("computing failed: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
}

impl EngineError {
    /// Whether every tile of the model fails so, until somebody mends its folder or gives the worker more room.
    #[must_use]
    pub fn is_of_model(&self) -> bool {
        matches!(
            self,
            Self::Model(_)
                | Self::Hub(_)
                | Self::Architecture { .. }
                | Self::OtherModel { .. }
                | Self::Dictionary(_)
                | Self::OtherDictionary { .. }
                | Self::DictionaryTooLarge { .. }
                | Self::ModelTooLarge { .. }
                | Self::NoMemoryToLoad { .. }
        )
    }
}
