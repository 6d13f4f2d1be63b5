//! Sweeps that compute only cells of active features, from their plan to their tensors.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use patchsweep_core::context::SweepContext;
use patchsweep_core::digest::Digest;
use patchsweep_core::grid::{Axis, Grid};
use patchsweep_core::results::{CellStatus, GridScores};
use patchsweep_core::scores::TileScores;
use patchsweep_core::status::PlanOptions;
use patchsweep_plan::{Findings, Plan, Seeds, cut};
use patchsweep_proto::wire::digest_of;
use patchsweep_reference_evaluator::{BruteForce, Model};
use patchsweep_serve::merge::{Activities, Merged, TileOutcome, merge};

use super::compare::tolerance;
use super::engine::TiledEngine;
use super::scenario::{Cut, Scenario};
use super::sweep::{SMALL_TILES, SWITCH, write_model};

/// How many cells and features the cases had.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// Grids that choose their features.
    pub(crate) grids: u32,
    /// Of these, with active features, but not all of them.
    pub(crate) parted: u32,
    /// Cells whose effects were computed.
    pub(crate) computed: u32,
    /// Cells in the results whose features are active elsewhere, or that change nothing anyway.
    pub(crate) noops: u32,
}

impl Found {
    pub(crate) fn add(&mut self, other: Self) {
        self.grids += other.grids;
        self.parted += other.parted;
        self.computed += other.computed;
        self.noops += other.noops;
    }
}

/// Holds features, scores and work to brute force; nothing where a feature is too near to a threshold to say.
pub(crate) fn check_active(scenario: &Scenario) -> Result<Found, String> {
    let context = active(&scenario.context);
    let folder = write_model(scenario);
    let model = Model::load(&folder.path().join("model"));
    let brute_forces: Vec<BruteForce<'_>> = (0..context.iterations.len())
        .map(|iteration| BruteForce::new(&model, &context, iteration).with_dictionaries(folder.path()))
        .collect();
    if brute_forces.iter().any(|brute_force| brute_force.nearest_switch() < SWITCH) {
        return Ok(Found::default());
    }
    let everything = Cut { memory_budget: 1 << 30, ..scenario.cut.clone() };
    let (plan, scores) = computed(plan(&context), TiledEngine::new(folder.path(), &context, &everything))?;
    let merged = merged(&plan, &scores);
    let mut found = Found::default();
    for (index, grid) in (0..).zip(&context.grids) {
        let shown = plan.shown_grid(index);
        if grid.chooses_features() {
            let wanted = active_features(grid, &brute_forces);
            found.grids += 1;
            found.parted += u32::from(!wanted.is_empty() && wanted.len() < grid.indices(Axis::Feature).len());
            let wanted = if wanted.is_empty() { grid.indices(Axis::Feature).to_vec() } else { wanted };
            if shown.indices(Axis::Feature) != wanted {
                return Err(format!("features {:?}, not {wanted:?}", shown.indices(Axis::Feature)));
            }
        }
        for (iteration, brute_force) in brute_forces.iter().enumerate() {
            for (metric, _) in context.metrics.iter().enumerate() {
                let scores = &merged.grids[index as usize * context.metrics.len() + metric];
                let (computed, noops) = check_scores(&shown, scores, iteration, brute_force)?;
                if metric == 0 && grid.chooses_features() {
                    (found.computed, found.noops) = (found.computed + computed, found.noops + noops);
                }
            }
        }
    }
    Ok(found)
}

/// The same sweep of active features.
fn active(context: &SweepContext) -> SweepContext {
    let of_active = |grid: Grid| grid.of_active_features().expect("a grid over a dictionary");
    SweepContext { grids: context.grids.iter().cloned().map(of_active).collect(), ..context.clone() }
}

fn plan(context: &SweepContext) -> Plan {
    let (tiles, costs) = cut(context, SMALL_TILES).expect("few tiles");
    let iterations = context.iterations.len();
    Plan {
        name: "active".to_owned(),
        digest: digest_of(context),
        context: Arc::new(context.clone()),
        tiles,
        costs,
        options: PlanOptions::default(),
        iteration_labels: (0..iterations).map(|iteration| iteration.to_string()).collect(),
        prompts: Digest::of(b""),
        token_labels: Vec::new(),
        dictionary_models: BTreeMap::new(),
        lines: Vec::new(),
        answer_texts: BTreeMap::new(),
        spec_text: String::new(),
        seeds: Seeds { dataset: None, corruption: None },
        kept_answers: vec![None; iterations],
        warnings: Vec::new(),
        check: None,
        choice: None,
    }
}

/// The plan with what its first tiles decided, and the scores of all tiles: as many multiply-adds as were planned.
fn computed(plan: Plan, mut engine: TiledEngine<'_>) -> Result<(Plan, Vec<TileScores>), String> {
    let mut executed = 0;
    let mut compute = |plan: &Plan, from: usize| -> Vec<TileScores> {
        let evaluations = plan.tiles[from..].iter().map(|tile| engine.tile(tile));
        let of_tile = |(scores, multiply_adds): (TileScores, u64)| {
            executed += multiply_adds;
            scores
        };
        evaluations.map(of_tile).collect()
    };
    let mut scores = compute(&plan, 0);
    let first = plan.tiles.len();
    let plan = if plan.awaits_choice() {
        let mut activities = Activities::new(&plan);
        for (tile, scores) in plan.tiles.iter().zip(&scores) {
            activities.push(tile.id, Some(scores)).expect("in order");
        }
        let activity = activities.finish().expect("all tiles");
        let findings = Findings { estimates: vec![&[]; plan.context.grids.len()], activity };
        plan.extended(&findings).map_err(|error| error.to_string())?
    } else {
        plan
    };
    scores.extend(compute(&plan, first));
    let planned = plan.multiply_adds();
    if planned == executed { Ok((plan, scores)) } else { Err(format!("{planned} planned, {executed} executed")) }
}

fn merged(plan: &Plan, scores: &[TileScores]) -> Merged {
    let tiles = plan.tiles.iter().zip(scores);
    let outcomes = tiles.map(|(tile, scores)| Ok::<_, Infallible>((tile.id, TileOutcome::Scores(scores.clone()))));
    let mut merged = merge(plan, outcomes).expect("all tiles");
    merged.show_chosen_features(plan);
    merged
}

/// Features that are on in the clean or the corrupted run of any prompt and iteration at any of the grid's positions.
pub(crate) fn active_features(grid: &Grid, brute_forces: &[BruteForce<'_>]) -> Vec<u32> {
    let is_on = |&feature: &u32| {
        let alone = grid.clone().restricted(Axis::Feature, vec![feature]).expect("a feature of the grid");
        let mut cells = (0..alone.cell_count().expect("few cells")).map(|place| alone.cell(place));
        cells.any(|cell| brute_forces.iter().any(|brute_force| brute_force.is_active(&cell)))
    };
    grid.indices(Axis::Feature).iter().copied().filter(is_on).collect()
}

/// Cells that were computed, and those that were not.
fn check_scores(
    grid: &Grid,
    scores: &GridScores,
    iteration: usize,
    brute_force: &BruteForce<'_>,
) -> Result<(u32, u32), String> {
    let unpatched = &brute_force.unpatched()[scores.metric];
    let (mut computed, mut noops) = (0, 0);
    let prompts = f64::from(u32::try_from(unpatched.len()).expect("few prompts"));
    let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / prompts;
    if scores.extents() != grid.extents().iter().map(|&extent| extent as usize).collect::<Vec<_>>() {
        return Err(format!("{:?} cells, not {:?}", scores.extents(), grid.extents()));
    }
    for place in 0..grid.cell_count().expect("few cells") {
        let cell = grid.cell(place);
        let patched = &brute_force.patched(&cell)[scores.metric];
        let at = iteration * scores.cells() + place as usize;
        let bound = 2.0 * tolerance(patched.iter().chain(unpatched));
        let wanted = [mean(patched) - mean(unpatched), mean(patched)];
        let kept: Vec<f64> = scores.of_prompts(at).iter().copied().map(f64::from).collect();
        let got = [scores.effect[at], scores.value[at]].map(f64::from);
        let differs = wanted.iter().zip(got).any(|(wanted, got)| (wanted - got).abs() > bound);
        if differs || (mean(&kept) - wanted[0]).abs() > bound {
            return Err(format!("iteration {iteration}, cell {place}: {got:?}, not {wanted:?}; by prompt {kept:?}"));
        }
        match scores.status[at] {
            CellStatus::Computed => computed += 1,
            CellStatus::NoOp if scores.effect[at].to_bits() == 0 => noops += 1,
            status => return Err(format!("iteration {iteration}, cell {place} is {status:?}")),
        }
    }
    Ok((computed, noops))
}
