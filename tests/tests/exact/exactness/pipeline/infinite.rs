//! A weight that is infinite, read for one prompt of one iteration: whatever does not depend on it stays, to the last bit.

use patchsweep_core::architecture::{Activation, NormPlace, Parameter, Slot};
use patchsweep_core::context::{Direction, Iteration, SweepContext};
use patchsweep_core::grid::{Component, Grid, PatchValue};
use patchsweep_core::length;
use patchsweep_core::results::{CellStatus, GridScores, SweepResults};
use patchsweep_reference_evaluator::{BruteForce, Model};
use patchsweep_results::NotFinite;

use super::super::model::ModelDraw;
use super::super::sweep::{noops, write_model_of};
use super::case::Case;
use super::check::results_of;
use super::stored::store_as;

/// Models in which what is no number stays none: it goes through no ReLU and no clip, no window hides it, and the unembedding is
/// another tensor.
pub(super) fn transparent(model: ModelDraw) -> ModelDraw {
    let ModelDraw::Described(mut model) = model else { return model };
    model.architecture.mlp.activation = Activation::Gelu;
    model.architecture.norm.place = NormPlace::Before;
    model.architecture.attention.clip = None;
    model.architecture.attention.layers.iter_mut().for_each(|layer| layer.window = None);
    model.architecture.readout.tied = false;
    ModelDraw::Described(model)
}

/// How many cells are no numbers, and how many are as without the weight, over all metrics; `None` where the case has no prompt
/// that would read it, or no grid that is compared.
pub(super) fn check_infinite(case: &Case) -> Result<Option<[usize; 2]>, String> {
    let Some(case) = with_a_further_token(case) else { return Ok(None) };
    let (finite, _) = results(&case, 1.0)?;
    let (found, brute_force) = results(&case, f32::INFINITY)?;
    let mut compared = Compared { context: &case.context, finite: &finite, found: &found, reached: [0; 2] };
    let model = Model::load(&brute_force.path().join("model"));
    compared.check(&BruteForce::new(&model, &case.context, 0))?;
    let baselines =
        found.clean.iter().chain(&found.corrupted).flat_map(|run| &run.mean).filter(|mean| !mean.is_finite()).count();
    let count = NotFinite::of(&found).count().ok_or("no score is reported as no number")?;
    let [cells, _] = compared.reached;
    let are_all = (count.cells, count.baselines) == (cells, baselines);
    if are_all { Ok(Some(compared.reached)) } else { Err(format!("{count}, but {cells} cells, {baselines} baselines")) }
}

/// Results of a model whose last token's embedding begins with a number, and where it is.
fn results(case: &Case, begins: f32) -> Result<(SweepResults, tempfile::TempDir), String> {
    let folder = write_model_of(&case.model, &case.context.grids);
    let architecture = &case.context.architecture;
    let embedding = |p: &Parameter| p.slot == Slot::Embed;
    let embedding = architecture.parameters().into_iter().find(embedding).expect("an embedding").to_string();
    let last = (architecture.d_vocab - 1) as usize * architecture.d_model as usize;
    store_as(case.stored, &folder.path().join("model"), |name, numbers| {
        if name == embedding {
            numbers[last] = begins;
        }
    });
    Ok((results_of(case, folder.path())?, folder))
}

/// The case with one more token, which one corrupted prompt of the first iteration has where it begins to be corrupted. Without
/// what reads more than one prompt, and what an encoder makes a number of.
fn with_a_further_token(case: &Case) -> Option<Case> {
    let mut case = case.clone();
    let ModelDraw::Described(model) = &mut case.model else { return None };
    let context = &mut case.context;
    context.per_prompt = true;
    context.grids.retain(|grid| grid.dictionary().is_none() && !grid.writes_value(PatchValue::Mean));
    if context.grids.is_empty() || context.replicates > 1 || context.iterations[0].noise.is_some() {
        return None;
    }
    let first = |prompt| context.prompt_pair(0, prompt).first_corrupted();
    let last_read = context.iterations[0].last_read()?;
    let mut corrupted = (0..context.clean.prompts()).filter_map(|prompt| Some((prompt, first(prompt)?)));
    let (prompt, position) = corrupted.find(|(_, first)| *first <= last_read)?;
    if position == 0 {
        // The first token attends to itself alone, whatever its query is: beside others, which count, it does not change a score.
        context.grids.retain(|grid| !writes_attention(grid));
        if context.grids.is_empty() {
            return None;
        }
    }
    let Iteration { corrupted, .. } = &mut context.iterations[0];
    let mut ids = corrupted.ids().to_vec();
    ids[(prompt * corrupted.positions() + position) as usize] = context.architecture.d_vocab;
    *corrupted = corrupted.with_ids(ids);
    for architecture in [&mut context.architecture, &mut model.architecture] {
        architecture.d_vocab += 1;
    }
    Some(case)
}

/// Whether a grid writes queries or attention probabilities.
fn writes_attention(grid: &Grid) -> bool {
    let is_of_attention = |component: Component| matches!(component, Component::Q | Component::Pattern);
    let received = grid.to().and_then(|to| to.component);
    [grid.component]
        .into_iter()
        .chain(grid.also().iter().map(|also| also.component))
        .chain(received)
        .any(is_of_attention)
}

/// Results with and without the weight.
struct Compared<'a> {
    context: &'a SweepContext,
    finite: &'a SweepResults,
    found: &'a SweepResults,
    reached: [usize; 2],
}

impl Compared<'_> {
    /// `brute_force`: of the first iteration with the weight.
    fn check(&mut self, brute_force: &BruteForce<'_>) -> Result<(), String> {
        let context = self.context;
        for (index, grid) in context.grids.iter().enumerate() {
            let cells = grid.cell_count().expect("few cells");
            for place in 0..cells * length(context.iterations.len()) {
                let cell = grid.cell(place % cells);
                let noops = noops(context, 0, (place % cells, &cell));
                let of_first = (place < cells).then(|| (brute_force.patched(&cell), brute_force.unpatched()));
                for metric in 0..context.metrics.len() {
                    // What cannot change a score does not, whatever it is.
                    let is_number = |prompt: usize| {
                        of_first.as_ref().is_none_or(|(patched, unpatched)| {
                            unpatched[metric][prompt].is_finite()
                                && (noops[prompt] || patched[metric][prompt].is_finite())
                        })
                    };
                    let are_numbers: Vec<bool> = (0..noops.len()).map(is_number).collect();
                    let grids = [self.finite, self.found].map(|all| &all.grids[metric * context.grids.len() + index]);
                    self.check_cell(grids, place as usize, &are_numbers, &noops)
                        .map_err(|error| format!("{}, cell {place}, metric {metric}: {error}", grid.name))?;
                }
            }
        }
        Ok(())
    }

    fn check_cell(
        &mut self,
        [finite, found]: [&GridScores; 2],
        at: usize,
        are_numbers: &[bool],
        noops: &[bool],
    ) -> Result<(), String> {
        let same = |of: fn(&GridScores) -> &[f32]| of(finite)[at].to_bits() == of(found)[at].to_bits();
        if are_numbers.iter().all(|&is_number| is_number) {
            self.reached[1] += 1;
            let tensors: [fn(&GridScores) -> &[f32]; 3] = [|s| &s.effect, |s| &s.value, |s| &s.stderr];
            let prompts =
                finite.of_prompts(at).iter().zip(found.of_prompts(at)).all(|(a, b)| a.to_bits() == b.to_bits());
            let is_same = tensors.into_iter().all(same) && prompts && finite.status[at] == found.status[at];
            return if is_same { Ok(()) } else { Err("is another one without the weight".to_owned()) };
        }
        self.reached[0] += 1;
        let status = found.status[at];
        if status != CellStatus::NotFinite || found.effect[at].is_finite() {
            return Err(format!("is {status:?} with an effect of {}", found.effect[at]));
        }
        // Where no worker computes a cell, it has what the run has that is patched, over several prompts together.
        let has_infinite_base = self.context.direction == Direction::Denoising;
        for (prompt, (&effect, &is_number)) in found.of_prompts(at).iter().zip(are_numbers).enumerate() {
            let same = effect.to_bits() == finite.of_prompts(at)[prompt].to_bits();
            let is_right = if is_number { same || (has_infinite_base && noops[prompt]) } else { !effect.is_finite() };
            if !is_right {
                return Err(format!("has the effect {effect} on prompt {prompt}; a number: {is_number}"));
            }
        }
        Ok(())
    }
}
