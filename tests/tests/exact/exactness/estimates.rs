//! Estimates against central differences of brute force.

use patchsweep_core::architecture::Architecture;
use patchsweep_core::context::SweepContext;
use patchsweep_core::estimate::{Estimate, Gradients};
use patchsweep_core::grid::{Component, PatchValue};
use patchsweep_core::scores::CellScore;
use patchsweep_core::tile::TileWork;
use patchsweep_reference_evaluator::{BruteForce, Model};
use patchsweep_serve::merge::compare::estimate_tolerance;

use super::compare::{Expected, tolerance};
use super::engine::TiledEngine;
use super::scenario::{Cut, LITTLE, Scenario};
use super::sweep::{SMALL_TILES, check_work, write_model};

const PLAIN: Estimate = Estimate { gradients: Gradients::AtBase, recompute_pattern: false, verify: None };

/// The ways in which the effects of a component can be estimated.
fn ways(component: Component, value: PatchValue, model: &Architecture) -> Vec<Estimate> {
    let integrated = Gradients::Integrated { steps: 3 };
    let mut ways = vec![PLAIN];
    if value == PatchValue::Other {
        ways.push(Estimate { gradients: integrated, ..PLAIN });
    }
    if matches!(component, Component::Q | Component::K) && !component.mixes_heads(model) {
        ways.extend(ways.clone().into_iter().map(|way| Estimate { recompute_pattern: true, ..way }));
    }
    ways
}

/// Estimates and effects of one grid in one iteration, of the cells that a patch can change, under the first metric.
pub(crate) type Pairs = Vec<(f64, f64)>;

/// Holds all estimates of a case to brute force. What they are of the first way, beside the effects.
pub(crate) fn check_estimates(scenario: &Scenario) -> Result<Vec<Pairs>, String> {
    let folder = write_model(scenario);
    let model = Model::load(&folder.path().join("model"));
    // A backward pass needs all weights on the device.
    let cut = Cut { memory_budget: scenario.cut.memory_budget.max(LITTLE), ..scenario.cut.clone() };
    let first = &scenario.context.grids[0];
    let mut pairs = Vec::new();
    for way in ways(first.component, first.value, &scenario.context.architecture) {
        let context = estimated(&scenario.context, way);
        let mut engine = TiledEngine::new(folder.path(), &context, &cut);
        for iteration in (0..).take(context.iterations.len()) {
            let brute_force = BruteForce::new(&model, &context, iteration as usize);
            let unpatched = brute_force.unpatched();
            for (index, grid) in (0..).zip(&context.grids) {
                let scored = engine.estimates(iteration, index, false);
                let plain = engine.estimates(iteration, index, true);
                are_taken_for_equal(&context, &scored, &plain)
                    .map_err(|error| format!("{way:?}: iteration {iteration}, {}: {error}", grid.name))?;
                let mut of_grid = Pairs::new();
                for ((place, scores), plain) in (0..).zip(&scored).zip(&plain) {
                    let cell = grid.cell(place);
                    let wanted = brute_force.estimated(&cell);
                    for (metric, (wanted, unpatched)) in wanted.iter().zip(&unpatched).enumerate() {
                        let bound = 10.0 * tolerance(wanted.iter().chain(unpatched));
                        let name = &context.metrics[metric].name;
                        let at = |error: String| {
                            format!("{way:?}: iteration {iteration}, {}, cell {place}, {name}: {error}", grid.name)
                        };
                        let expected = |tolerance| Expected { numbers: wanted, tolerance };
                        expected(bound).check(scores[metric].effect).map_err(at)?;
                        let plainly = |error| at(format!("plainly: {error}"));
                        // What is loaded was rounded to float32 once; all else is float64.
                        expected(bound / 10.0).check(plain[metric].effect).map_err(plainly)?;
                    }
                    let is_live =
                        |prompt| !context.prompt_pair(iteration, prompt).is_noop(&cell, &context.architecture);
                    if way == PLAIN && (0..context.clean.prompts()).any(is_live) {
                        let patched = brute_force.patched(&cell);
                        let effects = patched[0].iter().zip(&unpatched[0]).map(|(after, before)| after - before);
                        of_grid.push((wanted[0].iter().sum(), effects.sum()));
                    }
                }
                pairs.push(of_grid);
            }
        }
        let work = Scenario { context, ..scenario.clone() };
        check_work(&work, SMALL_TILES).map_err(|error| format!("{way:?}: {error}"))?;
    }
    Ok(pairs)
}

/// What a check says of all estimates of a grid: it finds no fault where there is none.
fn are_taken_for_equal(
    context: &SweepContext,
    scored: &[Vec<CellScore>],
    plain: &[Vec<CellScore>],
) -> Result<(), String> {
    for metric in 0..context.metrics.len() {
        let largest =
            |of: fn(&CellScore) -> f64| plain.iter().map(|scores| of(&scores[metric]).abs()).fold(0.0, f64::max);
        let strongest = largest(|score| score.effect.mean);
        // The run that is patched, of any cell.
        let scale = largest(|score| score.value.mean - score.effect.mean);
        let tolerance = estimate_tolerance(context, &context.metrics[metric].kind, strongest, scale);
        let differences =
            scored.iter().zip(plain).map(|(ours, plain)| ours[metric].effect.mean - plain[metric].effect.mean);
        let difference = differences.fold(0.0, |largest: f64, difference| largest.max(difference.abs()));
        if difference > tolerance {
            return Err(format!("a check finds a difference of {difference}, with a tolerance of {tolerance}"));
        }
    }
    Ok(())
}

/// The same sweep with estimates in place of effects.
fn estimated(context: &SweepContext, way: Estimate) -> SweepContext {
    let mut context = SweepContext { per_prompt: false, ..context.clone() };
    let model = context.architecture.clone();
    context.grids = context.grids.into_iter().map(|grid| grid.estimated(way, &model).expect("one write")).collect();
    context
}

impl TiledEngine<'_> {
    /// Estimated scores over all prompts \[cells, metrics\].
    fn estimates(&mut self, iteration: u32, grid: u32, plain: bool) -> Vec<Vec<CellScore>> {
        let cells = self.cells(grid);
        let work = TileWork::Estimate { grid, cells: std::iter::once(0..cells).collect(), plain };
        self.over_prompts(iteration, &work).into_iter().map(|cell| cell.scores).collect()
    }
}

/// Spearman's rank correlation; `None` of too few cells, or where all are alike.
pub(crate) fn rank_agreement(pairs: &Pairs) -> Option<f64> {
    if pairs.len() < 6 {
        return None;
    }
    let ranks = |of: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by(|&a, &b| of(&pairs[a]).total_cmp(&of(&pairs[b])));
        let mut ranks = vec![0.0; pairs.len()];
        (0_u32..).zip(order).for_each(|(rank, place)| ranks[place] = f64::from(rank));
        ranks
    };
    let (a, b) = (ranks(|pair| pair.0), ranks(|pair| pair.1));
    let mean = f64::from(u32::try_from(pairs.len() - 1).expect("few cells")) / 2.0;
    let product = |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum() };
    Some(product(&a, &b) / product(&a, &a)).filter(|agreement| agreement.is_finite())
}
