//! `patchsweep plan`

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use comfy_table::Table;
use patchsweep_core::context::SweepContext;
use patchsweep_core::dictionary::Dictionary;
use patchsweep_core::estimate::Verify;
use patchsweep_core::grid::{Axis, Grid};
use patchsweep_core::weights::WeightBytes;
use patchsweep_files::locate::ModelFolders;
use patchsweep_plan::{GridSummary, Plan, ShownSet, ShownSets, ShownToken, ShownTokens};
use patchsweep_process::machine::half;
use patchsweep_process::talk::warn;
use patchsweep_serve::server::make_plan;
use schemars::JsonSchema;
use serde::Serialize;

use super::CliError;
use super::output::{Output, Printer};
use super::quantities::bytes;
use super::submission::{Submission, TileArgs};
use super::table::{self, scientific};

#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    /// The spec, a TOML file.
    spec: PathBuf,
    /// Folder that holds model folders, before the spec's own; may be given several times.
    #[arg(long, value_name = "DIR")]
    models: Vec<PathBuf>,
    #[command(flatten)]
    tiles: TileArgs,
}

pub(super) fn plan(args: &PlanArgs, printer: &Printer) -> Result<(), CliError> {
    let submission = Submission::read(&args.spec)?;
    let folders = ModelFolders::with_hub_cache(submission.model_roots(args.models.clone()));
    let plan = make_plan(&folders, &submission.source, &submission.dataset, args.tiles.options());
    let plan = plan.map_err(|source| CliError::Planning { path: args.spec.clone(), source: source.into() })?;
    warn(&plan.warnings);
    printer.print(&Planned { grids: plan.summarize(), plan })
}

struct Planned {
    plan: Plan,
    grids: Vec<GridSummary>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct PlanFields {
    /// As in the spec.
    name: String,
    /// BLAKE3 of what decides the scores, in hexadecimal.
    digest: String,
    /// Prompts.
    prompts: u32,
    /// Tokens of each prompt, of the longest where they differ.
    positions: u32,
    /// Tokens of the shortest prompt.
    shortest: u32,
    /// Groups of prompts of one length whose named positions are equal.
    groups: usize,
    /// Iterations of the spec.
    iterations: usize,
    /// How often each iteration is computed.
    replicates: u32,
    /// Tiles, those with the baselines included.
    tiles: usize,
    /// Estimated multiply-adds of all tiles.
    multiply_adds: u64,
    /// What the model's weights take on a worker.
    weight_bytes: u64,
    /// What of them comes to the device for each batch that goes through all blocks, on a worker that may use less.
    streamed_bytes_per_batch: u64,
    /// The tokens of the first prompt.
    first_prompt: Vec<ShownToken>,
    /// The answer tokens that are scored, one for each iteration.
    answers: Vec<AnswerFields>,
    /// The sets of tokens that are scored, one for each metric of kind `difference`.
    token_sets: Vec<ShownSets>,
    /// Dictionaries whose features are written.
    dictionaries: Vec<DictionaryFields>,
    /// One for each grid.
    grids: Vec<GridFields>,
    /// What is odd about prompts, grids and this machine, one sentence each.
    remarks: Vec<String>,
    /// What a person should know before trusting the scores, one sentence each.
    warnings: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct AnswerFields {
    /// The iteration's label.
    iteration: String,
    /// Different right tokens, where a metric scores them.
    right: ShownTokens,
    /// Different wrong tokens, where a metric needs them.
    wrong: ShownTokens,
}

#[derive(Serialize, JsonSchema)]
struct DictionaryFields {
    /// The dictionary's name.
    dictionary: String,
    /// How many features it has.
    features: u32,
    /// The activation that it reads.
    at: String,
    /// The model that it was trained on; null where its files do not say it.
    model: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct GridFields {
    /// The grid's name.
    grid: String,
    /// Cells over all iterations.
    cells: u64,
    /// Of those, cells that no worker computes, because their effect is 0 by causality.
    cells_noop: u64,
    /// Its tiles.
    tiles: u64,
    /// Estimated multiply-adds of its tiles.
    multiply_adds: u64,
    /// Those of one forward pass for each cell and prompt; the nearest float64 from 2^64 on.
    multiply_adds_one_pass_per_cell: serde_json::Number,
    /// Cached activations that its tiles read, over all iterations.
    cache_bytes: u64,
    /// The largest activation of its largest batch.
    largest_batch_bytes: u64,
}

impl Output for Planned {
    type Fields = PlanFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let context = &self.plan.context;
        writeln!(out, "sweep {}, digest {}", self.plan.name, self.plan.digest.short())?;
        writeln!(
            out,
            "{} prompts of {}, {}, {} tiles, {} multiply-adds",
            context.clean.prompts(),
            tokens_of_prompts(context),
            runs(&self.plan),
            self.plan.tiles.len(),
            scientific(self.plan.multiply_adds()),
        )?;
        let weights = weights(&self.plan);
        writeln!(
            out,
            "weights of {}; where a worker may use less, {} of them come to its device for each batch",
            bytes(weights.all()),
            bytes(weights.walk()),
        )?;
        tokens(&self.plan).iter().try_for_each(|line| writeln!(out, "{line}"))?;
        writeln!(out, "\n{}", grids(&self.grids).trim_fmt())?;
        remarks(&self.plan).iter().try_for_each(|remark| writeln!(out, "{remark}"))
    }

    fn fields(&self) -> PlanFields {
        let Self { plan, grids } = self;
        PlanFields {
            name: plan.name.clone(),
            digest: plan.digest.to_hex(),
            prompts: plan.context.clean.prompts(),
            positions: plan.context.clean.positions(),
            shortest: plan
                .context
                .groups
                .groups
                .iter()
                .map(|group| group.tokens)
                .min()
                .unwrap_or(plan.context.clean.positions()),
            groups: plan.context.groups.groups.len().max(1),
            iterations: plan.context.spec_iterations(),
            replicates: plan.context.replicates,
            tiles: plan.tiles.len(),
            multiply_adds: plan.multiply_adds(),
            weight_bytes: weights(plan).all(),
            streamed_bytes_per_batch: weights(plan).walk(),
            first_prompt: plan.first_prompt(),
            answers: answers(plan),
            token_sets: plan.token_sets(),
            dictionaries: dictionaries(plan),
            grids: grids.iter().map(GridFields::from).collect(),
            remarks: remarks(plan),
            warnings: plan.warnings.clone(),
        }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.plan.digest.to_hex())
    }
}

/// How many tokens prompts have, and how many groups there are where they differ in their positions.
fn tokens_of_prompts(context: &SweepContext) -> String {
    let groups = &context.groups.groups;
    let longest = context.clean.positions();
    let tokens = match groups.iter().map(|group| group.tokens).min() {
        Some(shortest) if shortest < longest => format!("{shortest} to {longest} tokens"),
        _ => format!("{longest} tokens"),
    };
    if groups.len() > 1 { format!("{tokens} in {} groups of equal positions", groups.len()) } else { tokens }
}

/// What the model's weights take on a worker.
fn weights(plan: &Plan) -> WeightBytes {
    WeightBytes::of(&plan.context.architecture, plan.context.dtype)
}

/// The answer tokens that are scored, by iteration.
fn answers(plan: &Plan) -> Vec<AnswerFields> {
    let labelled = plan.iteration_labels.iter().zip(plan.scored_tokens());
    labelled
        .map(|(label, scored)| AnswerFields { iteration: label.clone(), right: scored.right, wrong: scored.wrong })
        .collect()
}

/// How the text was tokenized: the first prompt, and the tokens that are scored, of answers and of sets.
fn tokens(plan: &Plan) -> Vec<String> {
    let first = plan.first_prompt();
    let count = first.len();
    let mut lines = vec![format!("first prompt: {}", listed(&first, count, MOST_POSITIONS))];
    for (label, scored) in plan.iteration_labels.iter().zip(plan.scored_tokens()) {
        if scored.right.count == 0 {
            continue;
        }
        let right = listed(&scored.right.tokens, scored.right.count, MOST_ANSWERS);
        let wrong = listed(&scored.wrong.tokens, scored.wrong.count, MOST_ANSWERS);
        let wrong = if wrong.is_empty() { wrong } else { format!("; wrong {wrong}") };
        lines.push(format!("{label}: right {right}{wrong}"));
    }
    lines.extend(plan.token_sets().iter().map(sets));
    lines.extend(dictionaries(plan).iter().map(|DictionaryFields { dictionary, features, at, model }| {
        let model = model.as_deref().unwrap_or("an unknown model");
        format!("dictionary {dictionary}: {features} features at {at} of {model}")
    }));
    lines
}

/// Each dictionary whose features are written once.
fn dictionaries(plan: &Plan) -> Vec<DictionaryFields> {
    let named: BTreeMap<&str, &Dictionary> =
        plan.context.grids.iter().filter_map(Grid::dictionary).map(|own| (own.name.as_str(), own.as_ref())).collect();
    let fields = |(name, dictionary): (&str, &Dictionary)| DictionaryFields {
        dictionary: name.to_owned(),
        features: dictionary.features,
        at: dictionary.hook_name(),
        model: plan.dictionary_models.get(name).cloned(),
    };
    named.into_iter().map(fields).collect()
}

/// Of a metric, the first prompt's sets.
fn sets(shown: &ShownSets) -> String {
    let side = |set: &ShownSet| {
        let tokens = listed(&set.first_prompt.tokens, set.first_prompt.count, MOST_ANSWERS);
        if set.largest == 1 { tokens } else { format!("{} of {tokens}", word(set.reduce)) }
    };
    let wrong = shown.wrong.as_ref().map_or_else(String::new, |wrong| format!("; wrong {}", side(wrong)));
    let sides = [Some(&shown.right), shown.wrong.as_ref()];
    let of_each = sides.into_iter().flatten().any(|set| set.sets > 1);
    let whose = if of_each { " of the first prompt" } else { "" };
    format!("{}: {}{whose}: right {}{wrong}", shown.metric, word(shown.of), side(&shown.right))
}

/// As specs have it.
fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default()
}

/// Most tokens of the prompt on its line of the table; JSON has them all.
const MOST_POSITIONS: usize = 32;

/// Most answer tokens on a line; JSON has more.
const MOST_ANSWERS: usize = 8;

/// Texts with their ids, as many as a person reads.
fn listed(tokens: &[ShownToken], count: usize, most: usize) -> String {
    let token = |token: &ShownToken| match &token.text {
        Some(text) => format!("{text:?} {}", token.id),
        None => token.id.to_string(),
    };
    let shown: Vec<String> = tokens.iter().take(most).map(token).collect();
    let more = if count > shown.len() { format!(", .. ({count})") } else { String::new() };
    shown.join(", ") + &more
}

impl From<&GridSummary> for GridFields {
    fn from(grid: &GridSummary) -> Self {
        Self {
            grid: grid.name.clone(),
            cells: grid.cells,
            cells_noop: grid.noops,
            tiles: grid.tiles,
            multiply_adds: grid.multiply_adds,
            multiply_adds_one_pass_per_cell: grid.naive_number(),
            cache_bytes: grid.cache_bytes,
            largest_batch_bytes: grid.largest_batch_bytes,
        }
    }
}

/// Iterations, and how often each is computed.
fn runs(plan: &Plan) -> String {
    let context = &plan.context;
    let iterations = context.spec_iterations();
    if context.replicates == 1 {
        return format!("{iterations} iterations");
    }
    format!("{iterations} iterations x {} replicates = {} runs", context.replicates, context.iterations.len())
}

fn grids(summaries: &[GridSummary]) -> Table {
    let mut table = table::new([
        "grid",
        "cells",
        "no-ops",
        "tiles",
        "one pass per cell",
        "multiply-adds",
        "ratio",
        "cache",
        "largest batch",
    ]);
    for grid in summaries {
        let ratio = ratio(grid.multiply_adds_naive, grid.multiply_adds);
        table.add_row([
            grid.name.clone(),
            grid.cells.to_string(),
            grid.noops.to_string(),
            grid.tiles.to_string(),
            scientific(grid.multiply_adds_naive),
            scientific(grid.multiply_adds),
            if grid.awaits_choice { "-".to_owned() } else { ratio },
            bytes(grid.cache_bytes),
            bytes(grid.largest_batch_bytes),
        ]);
    }
    table
}

/// Prompts on which the corruption does not do what one would think, and what else is odd.
fn remarks(plan: &Plan) -> Vec<String> {
    let prompts = u64::from(plan.context.clean.prompts()) * u64::from(plan.context.replicates);
    let ablates = plan.context.grids.iter().any(Grid::has_ablation);
    let consequence = if ablates { "only ablations change them" } else { "their effects are 0" };
    let mut remarks = Vec::new();
    for (index, label) in plan.iteration_labels.iter().enumerate() {
        let unchanged = plan.unchanged_prompts(index);
        if unchanged > 0 {
            remarks.push(format!("{label}: {unchanged} of {prompts} prompts are not corrupted; {consequence}"));
        }
        if let Some(&Some(kept)) = plan.kept_answers.get(index)
            && kept > 0
        {
            remarks.push(format!("{label}: {kept} of {prompts} prompts keep their answer"));
        }
    }
    remarks.extend(plan.context.grids.iter().filter_map(estimated));
    remarks.extend(plan.context.grids.iter().filter_map(active));
    remarks.extend(half::remark(plan.context.dtype));
    remarks
}

/// What is computed of a grid that is estimated.
fn estimated(grid: &Grid) -> Option<String> {
    let estimate = grid.estimate?;
    let (name, way) = (&grid.name, estimate.gradients.name());
    let computed = match estimate.verify {
        None => "none is computed".to_owned(),
        Some(Verify { top, sample, .. }) => format!(
            "in each iteration those of the {top} strongest cells and of {sample} others are computed then, which is not \
             counted here"
        ),
    };
    Some(format!("{name}: effects are estimated ({way}); {computed}"))
}

/// What is computed of a grid that chooses its features.
fn active(grid: &Grid) -> Option<String> {
    let (name, features) = (&grid.name, grid.indices(Axis::Feature).len());
    grid.chooses_features().then(|| {
        format!(
            "{name}: which of {features} features are active is found out first; only their cells are computed then, which is not \
             counted here"
        )
    })
}

#[allow(clippy::cast_precision_loss)]
fn ratio(naive: u128, planned: u64) -> String {
    if planned == 0 { "-".to_owned() } else { format!("{:.1}x", naive as f64 / planned as f64) }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::status::PlanOptions;
    use patchsweep_plan::fixtures;

    use super::*;

    #[test]
    fn each_grid_has_a_row_without_spaces_in_its_columns() {
        let text = grids(&fixtures::plan(PlanOptions::default()).summarize()).trim_fmt();
        let row: Vec<&str> = text.lines().nth(1).expect("a row").split_whitespace().collect();
        assert_eq!(row.len(), 9, "{text}");
        assert_eq!(row[..3], ["z", "24", "10"]);
    }

    #[test]
    fn prompts_without_a_corruption_or_with_the_same_answer_are_reported() {
        let mut plan = fixtures::plan(PlanOptions::default());
        plan.kept_answers = vec![Some(1), Some(0)];
        assert_eq!(
            remarks(&plan),
            [
                "Iteration 0: 2 of 5 prompts are not corrupted; their effects are 0",
                "Iteration 0: 1 of 5 prompts keep their answer",
                "Iteration 1: 3 of 5 prompts are not corrupted; their effects are 0",
            ]
        );
    }

    #[test]
    fn a_dictionary_is_shown_with_the_model_that_it_was_trained_on() {
        let mut plan = fixtures::plan_of_features(PlanOptions::default());
        let line = |plan: &Plan| tokens(plan).pop().expect("a line");
        assert_eq!(line(&plan), "dictionary res: 6 features at blocks.1.hook_resid_pre of m-small");
        plan.dictionary_models.clear();
        assert_eq!(line(&plan), "dictionary res: 6 features at blocks.1.hook_resid_pre of an unknown model");
        assert!(dictionaries(&fixtures::plan(PlanOptions::default())).is_empty());
    }

    #[test]
    fn replicates_are_shown_beside_the_iterations() {
        let mut plan = fixtures::plan(PlanOptions::default());
        assert_eq!(runs(&plan), "2 iterations");
        std::sync::Arc::make_mut(&mut plan.context).replicates = 2;
        assert_eq!(runs(&plan), "1 iterations x 2 replicates = 2 runs");
    }

    #[test]
    fn tokens_are_listed_with_their_ids_and_how_many_there_are() {
        let tokens = [(5, Some(" A\n")), (7, None), (8, Some("b"))];
        let tokens = tokens.map(|(id, text)| ShownToken { id, text: text.map(str::to_owned) });
        assert_eq!(listed(&tokens, 3, 3), r#"" A\n" 5, 7, "b" 8"#);
        assert_eq!(listed(&tokens, 40, 2), r#"" A\n" 5, 7, .. (40)"#);
    }
}
