//! A case as a spec and a file of tokens.

use patchsweep_core::context::{Direction, Iteration, SweepContext};
use patchsweep_core::grid::Grid;
use patchsweep_core::metric::{Difference, Metric, MetricKind, ReducedSets};
use patchsweep_core::tokens::TokenMatrix;
use patchsweep_tests::{Spec, spec};
use serde_json::{Map, Value, json};

use super::case::Case;
use super::lists::Lists;
use super::written_grids::written_grid;

/// The spec's text.
pub(super) fn written_spec(case: &Case) -> String {
    let Case { context, notation, .. } = case;
    let mut lists = Lists::new(notation);
    let direction = if context.direction == Direction::Noising { "noising" } else { "denoising" };
    let mut spec =
        spec("pipeline").with("direction", direction).with("per_prompt", context.per_prompt).tokens("d.json");
    if let Some(noise) = &context.iterations[0].noise {
        let (seed, replicates) = (noise.seed, context.replicates);
        spec =
            spec.corruption(json!({ "kind": "noise", "scale": noise.scale, "seed": seed, "replicates": replicates }));
    }
    for dictionary in context.grids.iter().filter_map(Grid::dictionary) {
        let (name, path, at) = (&dictionary.name, &dictionary.path, dictionary.hook_name());
        spec = spec.dictionary(json!({ "name": name, "path": path, "at": at }));
    }
    spec = context.metrics.iter().fold(spec, |spec, metric| spec.metric_of(written_metric(metric)));
    let mut answers_before = 0;
    for iteration in spec_iterations(context) {
        spec = written_iteration(&mut lists, spec, context, iteration, answers_before);
        answers_before += iteration.reads.len();
    }
    let grids = context.grids.iter().map(|grid| written_grid(&mut lists, context, grid));
    grids.fold(spec, Spec::grid_of).to_string()
}

/// The first replicates.
fn spec_iterations(context: &SweepContext) -> impl Iterator<Item = &Iteration> {
    context.iterations.iter().step_by(context.replicates as usize)
}

fn written_iteration(
    lists: &mut Lists<'_>,
    spec: Spec,
    context: &SweepContext,
    iteration: &Iteration,
    answers_before: usize,
) -> Spec {
    let tokens = context.clean.positions();
    let order = lists.order(iteration.reads.len());
    let reads: Vec<Value> = order.iter().map(|&place| lists.position(iteration.reads[place], tokens)).collect();
    let mut table = Map::new();
    let alone = reads.len() == 1 && lists.coin();
    table.insert("read".to_owned(), if alone { reads[0].clone() } else { reads.into() });
    if !iteration.answers.is_empty() {
        table.insert("answer".to_owned(), order.iter().map(|place| answers_before + place).collect());
    }
    if let Some(noise) = &iteration.noise {
        table.insert("corrupt".to_owned(), lists.positions(&noise.positions, tokens));
    }
    spec.iteration(table.into())
}

fn written_metric(metric: &Metric) -> Value {
    let Metric { name, kind, normalize } = metric;
    let mut table = json!({ "name": name, "kind": kind.name(), "normalize": normalize });
    match kind {
        MetricKind::LogitDiffMax { candidates } | MetricKind::LogitDiffMean { candidates } => {
            table["candidate_ids"] = json!(candidates);
        }
        MetricKind::Difference(Difference { of, right, wrong }) => {
            table["of"] = json!(of);
            table["right"] = side(name, "right", right);
            if let Some(wrong) = wrong {
                table["wrong"] = side(name, "wrong", wrong);
            }
        }
        MetricKind::LogitDiff | MetricKind::Logprob | MetricKind::Prob | MetricKind::Kl => {}
    }
    table
}

/// One set for all prompts, or one for each in the file of tokens.
fn side(metric: &str, which: &str, side: &ReducedSets) -> Value {
    let reduce = side.reduce;
    match side.sets.count() {
        1 => json!({ "ids": side.sets.of(0), "reduce": reduce }),
        _ => json!({ "column": column(metric, which), "reduce": reduce }),
    }
}

fn column(metric: &str, which: &str) -> String {
    format!("{metric} {which}")
}

/// The file of tokens, as JSON.
pub(super) fn written_tokens(case: &Case) -> String {
    let context = &case.context;
    let rows = |tokens: &TokenMatrix| -> Vec<Vec<u32>> {
        (0..tokens.prompts()).map(|prompt| tokens.row(prompt).to_vec()).collect()
    };
    let mut file = json!({ "clean": rows(&context.clean) });
    if context.iterations[0].noise.is_none() {
        file["corrupted"] = spec_iterations(context).map(|iteration| json!(rows(&iteration.corrupted))).collect();
    }
    let ids = |of: fn(&Iteration) -> &[u32]| -> Vec<Vec<u32>> {
        let of_prompt = |prompt: usize| {
            let own = |iteration| of(iteration).iter().skip(prompt * iteration.reads.len()).take(iteration.reads.len());
            spec_iterations(context).flat_map(own).copied().collect()
        };
        (0..context.clean.prompts() as usize).map(of_prompt).collect()
    };
    if !context.iterations[0].answers.is_empty() {
        file["answers"] = json!(ids(|iteration| &iteration.answers));
    }
    if !context.iterations[0].wrong_answers.is_empty() {
        file["wrong"] = json!(ids(|iteration| &iteration.wrong_answers));
    }
    for metric in &context.metrics {
        let Some(Difference { right, wrong, .. }) = metric.kind.difference() else { continue };
        for (which, side) in [("right", Some(right)), ("wrong", wrong.as_ref())] {
            if let Some(side) = side.filter(|side| side.sets.count() > 1) {
                let sets = (0..side.sets.count()).map(|prompt| json!(side.sets.of(prompt)));
                file[column(&metric.name, which)] = sets.collect();
            }
        }
    }
    file.to_string()
}
