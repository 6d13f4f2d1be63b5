//! The plan: everything that is decided before any work starts. Pure: same inputs, same plan, same digest.

mod checks;
mod cost;
mod dataset;
mod draw;
mod error;
mod experiments;
mod grids;
mod metrics;
mod names;
mod region;
mod summary;
mod tiles;
mod token_file;
mod tokenize;

use std::sync::Arc;

use patchsweep_proto::context::SweepContext;
use patchsweep_proto::digest::Digest;
use patchsweep_proto::model::Gpt2Config;
use patchsweep_proto::status::PlanOptions;
use patchsweep_proto::tile::Tile;

pub use cost::{CostModel, PatchPoint};
pub use error::PlanError;
pub use summary::GridSummary;
pub use tokenize::PromptTokenizer;

use crate::spec::{Source, Spec};
use dataset::Prompts;

/// What a plan is made from.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The spec's text.
    pub source: &'a Source,
    /// The spec.
    pub spec: &'a Spec,
    /// Contents of the dataset file.
    pub dataset: &'a str,
    /// The model's config.
    pub config: &'a Gpt2Config,
    /// The model's tokenizer, where its folder has one.
    pub tokenizer: Option<&'a PromptTokenizer>,
}

/// A planned sweep.
#[derive(Clone, Debug)]
pub struct Plan {
    /// As in the spec.
    pub name: String,
    /// What decides the scores.
    pub context: Arc<SweepContext>,
    /// Digest of the context.
    pub digest: Digest,
    /// The work, in merging order.
    pub tiles: Vec<Tile>,
    /// Cost estimate of each tile, in multiply-adds.
    pub costs: Vec<u64>,
    /// Labels \[iterations\].
    pub iteration_labels: Vec<String>,
    /// Token strings of the first clean prompt \[positions\].
    pub token_labels: Vec<String>,
    /// The spec's text, for the manifest.
    pub spec_text: String,
    /// What every random choice came from.
    pub seeds: Seeds,
}

/// What every random choice came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// Of the draw of prompts; `None` where token ids are given outright.
    pub dataset: Option<u64>,
    /// Of the corruption; `None` where there is none to draw.
    pub corruption: Option<u64>,
}

impl Plan {
    /// Plans a sweep, or says why its spec cannot be planned.
    pub fn build(inputs: &Inputs<'_>, options: PlanOptions) -> Result<Self, PlanError> {
        let spec = inputs.spec;
        let Prompts { clean, experiments, labels: token_labels } = match &spec.dataset.get_ref().tokens {
            Some(_) => token_file::read(inputs)?,
            None => dataset::read(inputs)?,
        };
        let context = SweepContext {
            model: spec.model_ref(inputs.source)?,
            shape: inputs.config.shape,
            dtype: spec.model.get_ref().dtype,
            clean,
            iterations: experiments,
            metrics: metrics::read(inputs)?,
            grids: grids::read(inputs)?,
        };
        checks::check(inputs, &context)?;
        let (tiles, costs) = tiles::cut(&context, options)?;
        let label = |(index, iteration): (usize, &crate::spec::schema::Iteration)| {
            iteration.label.clone().unwrap_or_else(|| format!("Iteration {index}"))
        };
        Ok(Self {
            name: spec.name.get_ref().clone(),
            digest: context.digest(),
            context: Arc::new(context),
            tiles,
            costs,
            iteration_labels: spec.iteration.iter().enumerate().map(label).collect(),
            token_labels,
            spec_text: inputs.source.text().to_owned(),
            seeds: Seeds {
                dataset: spec.dataset.get_ref().path.as_ref().map(|_| spec.dataset.get_ref().seed()),
                corruption: spec.corruption.as_ref().map(|corruption| corruption.get_ref().seed),
            },
        })
    }

    /// Whether both plans give the same results under the same labels.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let labels = |plan: &Self| (plan.name.clone(), plan.iteration_labels.clone(), plan.token_labels.clone());
        self.digest == other.digest && labels(self) == labels(other)
    }

    /// Cost estimate of the whole sweep, in multiply-adds.
    #[must_use]
    pub fn multiply_adds(&self) -> u64 {
        self.costs.iter().fold(0, |sum, &cost| sum.saturating_add(cost))
    }

    /// Prompts that the corruption of an iteration leaves as they are up to its read position.
    ///
    /// # Panics
    /// When there is no such iteration.
    #[must_use]
    pub fn unchanged_prompts(&self, iteration: usize) -> u32 {
        checks::unchanged_prompts(&self.context.clean, &self.context.iterations[iteration])
    }
}
