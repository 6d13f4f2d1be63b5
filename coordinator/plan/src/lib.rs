//! The plan: everything that is decided before any work starts. Pure: same inputs, same plan, same digest.
//!
//! [`spec`] reads the file that a person writes, [`Plan::build`] decides what it comes to, [`starter`] writes a spec to
//! begin with.

#![forbid(unsafe_code)]

mod beginning;
mod candidates;
mod check;
mod choice;
mod columns;
mod continuation;
mod corrupted;
mod corruption;
mod cost;
mod csv_table;
mod dataset;
#[cfg(test)]
mod defaults;
mod dictionaries;
mod differences;
mod draw;
mod error;
#[cfg(test)]
mod example;
mod experiments;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
mod grids;
mod identity;
mod json_lines;
mod labels;
mod matching;
mod metrics;
mod names;
mod odd_lines;
mod outline;
mod permute;
mod positions;
mod prompts;
mod ranges;
mod refuse;
mod region;
mod rows;
mod scoring;
mod selection;
mod shown;
mod single_tokens;
pub mod source;
pub mod spec;
mod spots;
pub mod starter;
mod summary;
mod table;
#[cfg(test)]
mod text_cases;
mod tiles;
mod token_file;
mod token_lists;
mod tokenization;
mod tokenizer;
mod vocabulary;
mod word_borders;

use std::collections::BTreeMap;
use std::sync::Arc;

use patchsweep_core::check::CheckOf;
use patchsweep_core::context::SweepContext;
use patchsweep_core::digest::Digest;
use patchsweep_core::groups::Groups;
use patchsweep_core::length;
use patchsweep_core::model::ModelConfig;
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tile::Tile;
use patchsweep_proto::wire::digest_of;

pub use beginning::bos_token;
pub use check::{Origins, Score};
pub use choice::{ActiveFeatures, Activity, Choice, Chosen, Findings};
pub use cost::{BACKWARD, CostModel, PatchPoint};
pub use error::PlanError;
pub use outline::Outline;
pub use shown::{ScoredTokens, ShownSet, ShownSets, ShownToken, ShownTokens};
pub use summary::GridSummary;
pub use tiles::cut;
pub use tokenizer::{Bos, PromptTokenizer, TextPart, TokenizerFiles};

use experiments::Experiments;
use prompts::Prompts;
use spec::{Source, Spec};
use spots::Places;

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
    pub config: &'a ModelConfig,
    /// The model's tokenizer, where its folder has one.
    pub tokenizer: Option<&'a PromptTokenizer>,
}

impl Inputs<'_> {
    /// A token as people know it, or its id where there is no tokenizer.
    fn token_name(&self, id: u32) -> String {
        self.tokenizer.map_or_else(|| id.to_string(), |tokenizer| format!("`{}`", tokenizer.token_text(id)))
    }
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
    /// How they were cut: so are tiles that others decide, and those of a check.
    pub options: PlanOptions,
    /// Labels \[iterations\], no two alike.
    pub iteration_labels: Vec<String>,
    /// Of the clean prompts' texts, or of their token ids where these are given outright, in their order: where two plans have the
    /// same, prompt i of one is prompt i of the other.
    pub prompts: Digest,
    /// Token strings of the first clean prompt \[positions\].
    pub token_labels: Vec<String>,
    /// What the models are called that dictionaries were trained on, by the dictionaries' names, as far as these say it.
    pub dictionary_models: BTreeMap<String, String>,
    /// The line of the dataset file that each prompt is on, counted from 1 \[prompts\]; none of token ids, which have no lines.
    pub lines: Vec<u32>,
    /// Texts of the tokens that [`Plan::scored_tokens`] and [`Plan::token_sets`] show, by id; none where the model has no tokenizer.
    pub answer_texts: BTreeMap<u32, String>,
    /// The spec's text, for the manifest.
    pub spec_text: String,
    /// What every random choice came from.
    pub seeds: Seeds,
    /// Prompts that take tokens of a prompt with the same answer token at one of the read positions \[iterations\], in all
    /// replicates together; a prompt that takes its own is one of them. `None` where tokens do not come from other prompts, or
    /// nothing asks for answers.
    pub kept_answers: Vec<Option<u32>>,
    /// What a person should know before trusting the scores, one line each; none of it keeps the sweep from running.
    pub warnings: Vec<String>,
    /// Which sweep's cells this one computes again, plainly; `None` for all but checks.
    pub check: Option<CheckOf>,
    /// Which cells the last of the tiles compute, where the others decide it; `None` as long as these are not planned.
    pub choice: Option<Choice>,
}

/// What every random choice came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// Of the draw of prompts; `None` where token ids are given outright.
    pub dataset: Option<u64>,
    /// Of the corruption; `None` where there is none to draw. Further replicates have the numbers behind it.
    pub corruption: Option<u64>,
}

impl Plan {
    /// Plans a sweep, or says why its spec cannot be planned.
    pub fn build(inputs: &Inputs<'_>, options: PlanOptions) -> Result<Self, PlanError> {
        let spec = inputs.spec;
        spots::refuse_names(inputs)?;
        let iteration_labels = labels::read(inputs)?;
        let named = metrics::read(inputs)?;
        let scheme = corruption::read(inputs)?;
        let prompts = match &spec.dataset.get_ref().tokens {
            Some(_) => token_file::read(inputs, &scheme)?,
            None => dataset::read(inputs, &scheme)?,
        };
        let numbered = spots::by_number(spec, &prompts.clean);
        let inputs = &Inputs { spec: numbered.as_ref().unwrap_or(spec), ..*inputs };
        let metrics = metrics::over(inputs, named, &prompts)?;
        let places = Places::read(inputs, &prompts)?;
        let Experiments { iterations, replicates, kept_answers, scored } =
            experiments::read(inputs, &scheme, &prompts, &places)?;
        let misplaced = continuation::warnings(inputs, &prompts, &places, &scored, &metrics);
        let Prompts { clean, labels: token_labels, lines, digest, mut warnings, .. } = prompts;
        warnings.extend(misplaced);
        let dictionary_models = dictionaries::models(inputs);
        let context = SweepContext {
            model: spec.model_ref(inputs.source)?,
            architecture: inputs.config.architecture.clone(),
            dtype: spec.model.get_ref().dtype,
            tf32: spec.model.get_ref().tf32,
            direction: spec.direction,
            grids: grids::read(inputs, &places, &clean)?,
            clean,
            iterations,
            metrics,
            per_prompt: spec.per_prompt.as_ref().is_some_and(|given| *given.get_ref()),
            replicates,
            groups: Groups::default(),
        };
        vocabulary::refuse(inputs, &context, lines.as_deref())?;
        warnings.extend(dictionaries::warnings(&dictionary_models, &context.model));
        let context = match places.groups() {
            Some(groups) => spots::in_groups(context, groups),
            None => context,
        };
        refuse::unfit(inputs, &context)?;
        let (tiles, costs) = tiles::cut(&context, options)?;
        refuse::knockouts(inputs, &context, &tiles)?;
        let answer_texts = inputs.tokenizer.map(|tokenizer| shown::token_texts(&context, tokenizer));
        Ok(Self {
            name: spec.name.get_ref().clone(),
            digest: digest_of(&context),
            context: Arc::new(context),
            tiles,
            costs,
            options,
            iteration_labels,
            prompts: digest,
            token_labels,
            dictionary_models,
            lines: lines.unwrap_or_default().into_iter().map(length).collect(),
            answer_texts: answer_texts.unwrap_or_default(),
            spec_text: inputs.source.text().to_owned(),
            seeds: Seeds {
                dataset: spec.dataset.get_ref().path.as_ref().map(|_| spec.dataset.get_ref().seed()),
                corruption: scheme.seed(),
            },
            kept_answers,
            warnings,
            check: None,
            choice: None,
        })
    }

    /// Cost estimate of the whole sweep, in multiply-adds.
    #[must_use]
    pub fn multiply_adds(&self) -> u64 {
        self.costs.iter().fold(0, |sum, &cost| sum.saturating_add(cost))
    }

    /// The label of the spec's iteration that one of the context's is a replicate of.
    #[must_use]
    pub fn label_of(&self, iteration: u32) -> Option<&str> {
        self.iteration_labels.get(self.context.spec_iteration(iteration)).map(String::as_str)
    }

    /// Prompts that the corruption of one of the spec's iterations leaves as they are up to its last read position, in all
    /// replicates together.
    ///
    /// # Panics
    /// When there is no such iteration.
    #[must_use]
    pub fn unchanged_prompts(&self, iteration: usize) -> u32 {
        refuse::unchanged_prompts(&self.context, iteration)
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::context::Direction;

    use super::example::{plan, refusal};

    #[test]
    fn the_same_spec_gives_the_same_plan() {
        let plans = [plan(&[]), plan(&[])];
        assert_eq!(plans[0].identity(), plans[1].identity());
        assert_eq!((plans[0].context.direction, plans[0].context.tf32), (Direction::Noising, false));
    }

    #[test]
    fn direction_and_tf32_are_part_of_the_context() {
        let plain = plan(&[]);
        let denoising = plan(&[("[model]", "direction = \"denoising\"\n[model]")]);
        assert_eq!(denoising.context.direction, Direction::Denoising);
        let tf32 = plan(&[("[model]", "[model]\ntf32 = true")]);
        assert!(tf32.context.tf32);
        assert!(plain.digest != denoising.digest && plain.digest != tf32.digest);
        let refused = refusal(&[("[model]", "direction = \"denoisng\"\n[model]")]);
        assert!(refused.contains("line 4, column 13") && refused.contains("did you mean `denoising`?"), "{refused}");
    }
}
