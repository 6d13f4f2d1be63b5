//! Takes tiles in the plan's order: iteration by iteration, range of prompts by range of prompts.

use std::ops::Range;

use patchsweep_core::context::{Direction, SweepContext};
use patchsweep_core::grid::Grid;
use patchsweep_core::ids::TileId;
use patchsweep_core::length;
use patchsweep_core::metric::Metric;
use patchsweep_core::moments::Moments;
use patchsweep_core::results::{Baseline, CellStatus, GridScores};
use patchsweep_core::scores::{CellScore, TileScores};
use patchsweep_core::tile::{BASELINE_CELLS, TileWork};
use patchsweep_plan::Plan;

use super::baselines::Baselines;
use super::estimates::Estimates;
use super::pool::Pool;
use super::sums::{Ends, GridSums, Lack, mean};
use super::{MergeError, Merged, TileOutcome, refuse_scores};

/// Places of the cells of a baseline tile.
pub(super) const CLEAN: usize = 0;
pub(super) const CORRUPTED: usize = 1;

/// A merge under way. It holds the sums of one iteration, and the tensors as far as they are done.
#[derive(Debug)]
pub struct Merger<'a> {
    plan: &'a Plan,
    /// Tiles that have been taken.
    taken: usize,
    section: Option<Section>,
    /// Prompts of this iteration that are in the sums, those of the section not counted.
    prompts: u64,
    /// Of this iteration \[runs, metrics\].
    baselines: Vec<Moments>,
    /// Why one of them is missing.
    baseline_lack: Option<Lack>,
    /// What there is beside them.
    beside_baselines: Baselines,
    /// Of this iteration \[grids\].
    sums: Vec<GridSums>,
    /// Of grids that are estimated \[grids\].
    estimates: Vec<Option<Estimates>>,
    /// The tiles in hand are of cells that the others decided on: they are the last ones, and without baselines.
    is_of_choice: bool,
    /// The spec's iteration whose chosen cells are in the sums.
    chosen: Option<usize>,
    /// Replicates of the spec's iteration that are behind us.
    replicates: u64,
    /// Why a baseline of these is missing.
    lack: Option<Lack>,
    /// Of these \[metrics\].
    ends: Vec<Ends>,
    /// Of these \[grids\]; none where there is one replicate only.
    pools: Vec<Pool>,
    merged: Merged,
}

/// One iteration over one range of prompts.
#[derive(Debug)]
struct Section {
    iteration: u32,
    prompts: Range<u32>,
    /// The run that is patched, as the score of a cell that cannot change it \[metrics\].
    untouched: Result<Vec<CellScore>, Lack>,
}

impl Section {
    fn untouched(&self) -> Result<&[CellScore], Lack> {
        self.untouched.as_deref().map_err(|&lack| lack)
    }
}

impl<'a> Merger<'a> {
    /// For the tiles of a plan.
    #[must_use]
    pub fn new(plan: &'a Plan) -> Self {
        let context = &plan.context;
        let (metrics, iterations) = (context.metrics.len(), context.spec_iterations());
        let kept = if context.per_prompt { context.clean.prompts() as usize } else { 0 };
        let empty = |grid| context.metrics.iter().enumerate().map(move |metric| empty(context, grid, metric));
        let estimates = |grid: &Grid| grid.estimate.map(|_| Estimates::new(cells(grid), metrics));
        let pools = if context.replicates > 1 { context.grids.len() } else { 0 };
        Self {
            plan,
            taken: 0,
            section: None,
            prompts: 0,
            baselines: vec![Moments::default(); BASELINE_CELLS * metrics],
            baseline_lack: None,
            beside_baselines: Baselines::new(metrics, kept),
            sums: context.grids.iter().map(|grid| GridSums::new(cells(grid), metrics)).collect(),
            estimates: context.grids.iter().map(estimates).collect(),
            is_of_choice: false,
            chosen: None,
            replicates: 0,
            lack: None,
            ends: vec![Ends { clean: 0.0, corrupted: 0.0 }; metrics],
            pools: (0..pools).map(|_| Pool::new(metrics)).collect(),
            merged: Merged {
                clean: vec![Baseline::default(); metrics],
                corrupted: vec![Baseline::default(); metrics],
                baselines: Vec::with_capacity(iterations),
                grids: context.grids.iter().flat_map(empty).collect(),
            },
        }
    }

    /// Takes the next tile of the plan.
    pub fn push(&mut self, id: TileId, outcome: &TileOutcome) -> Result<(), MergeError> {
        let plan = self.plan;
        let tile = plan.tiles.get(self.taken).filter(|tile| tile.id == id);
        let out_of_order = || MergeError::OutOfOrder { found: id, wanted: self.due() };
        let tile = tile.ok_or_else(out_of_order)?;
        let scores = match outcome {
            TileOutcome::Scores(scores) => Ok(scores),
            TileOutcome::GivenUp => Err(Lack::Failed),
            TileOutcome::Pending => Err(Lack::Pending),
        };
        if let Ok(scores) = scores {
            refuse_scores(plan, id, scores).map_err(|shape| MergeError::Shape { tile: id, shape })?;
        }
        if plan.choice.as_ref().is_some_and(|choice| choice.first == id.0) {
            self.leave_section();
            self.leave_iteration();
            self.is_of_choice = true;
        }
        self.taken += 1;
        self.enter(tile.iteration, &tile.prompts);
        match &tile.work {
            TileWork::Baseline => self.take_baseline(scores),
            TileWork::Patch { grid, cells, .. } => self.take_patches(*grid as usize, cells, scores),
            TileWork::Estimate { grid, cells, .. } => self.take_estimates(*grid as usize, cells, scores),
            TileWork::Activity { grid, cells } => self.take_activity(*grid, cells, scores),
        }
        Ok(())
    }

    /// The tensors, once all tiles have been taken.
    pub fn finish(mut self) -> Result<Merged, MergeError> {
        if let Some(tile) = self.due() {
            return Err(MergeError::Missing { tile });
        }
        self.leave_section();
        self.leave_iteration();
        Ok(self.merged)
    }

    /// The tile that is to be taken next.
    #[must_use]
    pub fn due(&self) -> Option<TileId> {
        self.plan.tiles.get(self.taken).map(|tile| tile.id)
    }

    fn enter(&mut self, iteration: u32, prompts: &Range<u32>) {
        if let Some(section) = &self.section {
            if section.iteration == iteration && section.prompts == *prompts {
                return;
            }
            let is_next_iteration = section.iteration != iteration;
            self.leave_section();
            if is_next_iteration {
                self.leave_iteration();
            }
        }
        self.section = Some(Section { iteration, prompts: prompts.clone(), untouched: Err(Lack::Failed) });
    }

    fn take_baseline(&mut self, scores: Result<&TileScores, Lack>) {
        let Some(section) = &mut self.section else { return };
        let TileScores { metrics, scores, by_prompt } = match scores {
            Ok(scores) => scores,
            Err(lack) => {
                self.baseline_lack = self.baseline_lack.max(Some(lack));
                section.untouched = Err(lack);
                return;
            }
        };
        for (sum, new) in self.baselines.iter_mut().zip(scores) {
            *sum = sum.merge(new.value);
        }
        let places: Vec<usize> = places(&self.plan.context, &section.prompts).collect();
        self.beside_baselines.keep(by_prompt, &places);
        let patched = match self.plan.context.direction {
            Direction::Noising => CLEAN,
            Direction::Denoising => CORRUPTED,
        };
        section.untouched = Ok(scores[patched * metrics..][..*metrics].iter().map(without_effect).collect());
    }

    fn take_estimates(&mut self, grid: usize, cells: &[Range<u32>], scores: Result<&TileScores, Lack>) {
        let Some(prompts) = self.section.as_ref().map(|section| section.prompts.len() as u64) else { return };
        let mut rows = scores.map(|scores| scores.scores.chunks(scores.metrics));
        for range in cells {
            // A check has effects of other cells.
            let is_check = self.plan.check.is_some();
            if !is_check {
                self.leave_until(grid, range.start);
            }
            let Some(estimates) = &mut self.estimates[grid] else { return };
            estimates.leave_until(range.start, self.prompts, prompts);
            for _ in range.clone() {
                let row = rows.as_mut().map_err(|lack| *lack).and_then(|rows| rows.next().ok_or(Lack::Failed));
                estimates.add(row, self.prompts);
                match row {
                    _ if is_check => {}
                    Ok(_) => self.sums[grid].skip(self.prompts),
                    // Why there is no estimate stands where its effect's status does.
                    Err(lack) => self.sums[grid].compute(Err(lack), self.prompts),
                }
            }
        }
    }

    /// Cells of features that are off are as if they were in no tile; the others are in later ones, once these are chosen.
    fn take_activity(&mut self, grid: u32, cells: &[Range<u32>], scores: Result<&TileScores, Lack>) {
        let plan = self.plan;
        let iteration = self.section.as_ref().map_or(0, |section| plan.context.spec_iteration(section.iteration));
        let chosen = plan.choice.as_ref().and_then(|choice| choice.of(grid, length(iteration)));
        let lack = scores.err().or(chosen.is_none().then_some(Lack::Pending));
        let grid = grid as usize;
        for cell in cells.iter().cloned().flatten() {
            let is_in = |list: &[u32]| list.binary_search(&cell).is_ok();
            self.leave_until(grid, cell);
            if chosen.is_some_and(|chosen| is_in(&chosen.top)) {
                self.sums[grid].skip_until(cell + 1, self.prompts);
            } else if let Some(lack) = lack {
                self.sums[grid].compute(Err(lack), self.prompts);
            } else if chosen.is_some_and(|chosen| is_in(&chosen.unknown)) {
                // Cells are chosen once: what a tile says that was computed after that comes too late.
                self.sums[grid].compute(Err(Lack::Failed), self.prompts);
            } else {
                self.leave_until(grid, cell + 1);
            }
        }
    }

    fn take_patches(&mut self, grid: usize, cells: &[Range<u32>], scores: Result<&TileScores, Lack>) {
        let mut rows = scores.map(|scores| scores.scores.chunks(scores.metrics));
        for range in cells {
            self.leave_until(grid, range.start);
            for _ in range.clone() {
                let row = rows.as_mut().map_err(|lack| *lack).and_then(|rows| rows.next().ok_or(Lack::Failed));
                self.sums[grid].compute(row, self.prompts);
            }
        }
        if let Some(scores) = scores.ok().filter(|scores| !scores.by_prompt.is_empty()) {
            self.keep_effects(grid, cells, scores);
        }
    }

    /// Adds the effects on each prompt to those of other replicates. Prompts of no tile have an effect of 0.
    fn keep_effects(&mut self, grid: usize, cells: &[Range<u32>], scores: &TileScores) {
        let (Some(section), context) = (&self.section, &self.plan.context) else { return };
        let first = context.spec_iteration(section.iteration) * self.sums[grid].cells() as usize;
        let prompts = context.clean.prompts() as usize;
        let places: Vec<usize> = places(context, &section.prompts).collect();
        let mut effects = scores.by_prompt.chunks(section.prompts.len());
        let tensors = &mut self.merged.grids[grid * scores.metrics..][..scores.metrics];
        for cell in cells.iter().cloned().flatten() {
            let begin = (first + cell as usize) * prompts;
            for (tensors, effects) in tensors.iter_mut().zip(effects.by_ref()) {
                let own = &mut tensors.per_prompt[begin..][..prompts];
                places.iter().zip(effects).for_each(|(&place, &effect)| own[place] += effect);
            }
        }
    }

    /// The cells of a grid up to another one are in no tile.
    fn leave_until(&mut self, grid: usize, cell: u32) {
        let untouched = self.section.as_ref().map_or(Err(Lack::Failed), Section::untouched);
        let (sums, context) = (&mut self.sums[grid], &self.plan.context);
        if self.is_of_choice {
            return sums.skip_until(cell, self.prompts);
        }
        let left = sums.reached()..cell as usize;
        sums.leave_until(cell, untouched, self.prompts);
        let (Some(section), Ok(untouched), true) = (&self.section, untouched, context.per_prompt) else { return };
        // Nobody knows which of these prompts has the score that is not finite.
        let prompts = context.clean.prompts() as usize;
        let first = context.spec_iteration(section.iteration) * sums.cells() as usize;
        let tensors = &mut self.merged.grids[grid * untouched.len()..][..untouched.len()];
        for (tensor, _) in tensors.iter_mut().zip(untouched).filter(|(_, score)| !score.effect.mean.is_finite()) {
            for cell in left.clone() {
                let own = &mut tensor.per_prompt[(first + cell) * prompts..][..prompts];
                places(context, &section.prompts).for_each(|place| own[place] = f32::NAN);
            }
        }
    }

    /// Cells behind the last tile of a grid are in none.
    fn leave_section(&mut self) {
        let Some(Section { prompts, iteration, .. }) = &self.section else { return };
        let (prompts, iteration) = (prompts.clone(), self.plan.context.spec_iteration(*iteration));
        for (grid, of_plan) in self.plan.context.grids.iter().enumerate() {
            if self.is_of_choice && !of_plan.is_chosen_from() {
                continue;
            }
            self.leave_until(grid, self.sums[grid].cells());
            self.sums[grid].rewind();
        }
        self.section = None;
        let here = u64::from(prompts.end - prompts.start);
        self.chosen = self.is_of_choice.then_some(iteration);
        if !self.is_of_choice {
            self.estimates.iter_mut().flatten().for_each(|estimates| estimates.leave_section(self.prompts, here));
        }
        self.prompts += here;
    }

    /// Adds the iteration to its replicates, and with the last of them fills their part of the tensors.
    fn leave_iteration(&mut self) {
        if self.is_of_choice {
            return self.leave_chosen();
        }
        let metrics = self.plan.context.metrics.len();
        for metric in 0..metrics {
            let end = |run: usize| mean(self.baselines[run * metrics + metric]);
            let ends = Ends { clean: end(CLEAN), corrupted: end(CORRUPTED) };
            let ends = if self.baseline_lack.is_some() { Ends::UNKNOWN } else { ends };
            self.ends[metric] = self.ends[metric].and(ends, self.replicates);
        }
        self.beside_baselines.leave_replicate(&self.baselines, self.replicates);
        for (pool, sums) in self.pools.iter_mut().zip(&mut self.sums) {
            pool.add(sums);
        }
        self.estimates.iter_mut().flatten().for_each(Estimates::leave_iteration);
        self.lack = self.lack.max(self.baseline_lack.take());
        self.replicates += 1;
        if self.replicates == u64::from(self.plan.context.replicates) {
            self.fill_tensors();
            self.replicates = 0;
        }
        self.prompts = 0;
        self.baselines.fill(Moments::default());
    }

    /// The same of cells that were chosen: those alone are written into tensors that are there.
    fn leave_chosen(&mut self) {
        let Some(iteration) = self.chosen.take() else { return };
        for (pool, sums) in self.pools.iter_mut().zip(&mut self.sums) {
            pool.add(sums);
        }
        self.replicates += 1;
        if self.replicates == u64::from(self.plan.context.replicates) {
            let [clean, corrupted] = [&self.merged.clean, &self.merged.corrupted];
            let ends = |metric: usize| Ends {
                clean: clean[metric].mean[iteration].into(),
                corrupted: corrupted[metric].mean[iteration].into(),
            };
            let metrics = self.plan.context.metrics.iter().enumerate();
            let ends: Vec<Option<Ends>> =
                metrics.map(|(index, metric)| metric.normalize.then(|| ends(index))).collect();
            self.move_sums(iteration, &ends);
            self.replicates = 0;
        }
        self.prompts = 0;
    }

    /// Turns sums into an iteration's part of the tensors.
    fn move_sums(&mut self, iteration: usize, ends: &[Option<Ends>]) {
        let tensors = self.merged.grids.chunks_mut(self.plan.context.metrics.len());
        for (grid, tensors) in tensors.enumerate() {
            match self.pools.get_mut(grid) {
                Some(pool) => pool.move_to(tensors, iteration, self.prompts, ends),
                None => self.sums[grid].move_to(tensors, iteration, self.prompts, ends),
            }
        }
    }

    fn fill_tensors(&mut self) {
        let metrics = &self.plan.context.metrics;
        let iteration = self.merged.baselines.len();
        // A check computes none.
        let prompts = if self.lack.is_none() { self.baselines[0].count } else { 0 };
        let (clean, corrupted): (Vec<_>, Vec<_>) = self.ends.iter().map(|ends| (ends.clean, ends.corrupted)).unzip();
        let runs = [(CLEAN, &mut self.merged.clean, clean), (CORRUPTED, &mut self.merged.corrupted, corrupted)];
        for (run, tensors, means) in runs {
            self.beside_baselines.move_to(run, tensors, &means, prompts, self.replicates);
        }
        self.merged.baselines.push(match self.lack.take() {
            None => CellStatus::Computed,
            Some(Lack::Pending) => CellStatus::Pending,
            Some(Lack::Failed) => CellStatus::Failed,
        });
        let normalized = |(metric, ends): (&Metric, &Ends)| metric.normalize.then_some(*ends);
        let ends: Vec<Option<Ends>> = metrics.iter().zip(&self.ends).map(normalized).collect();
        self.move_sums(iteration, &ends);
        let tensors = self.merged.grids.chunks_mut(metrics.len());
        for (estimates, tensors) in self.estimates.iter_mut().zip(tensors) {
            if let Some(estimates) = estimates {
                estimates.move_to(tensors, iteration);
            }
        }
    }
}

/// Where effects on some prompts stand among those on all: results have prompts in the dataset's order.
fn places(context: &SweepContext, prompts: &Range<u32>) -> impl Iterator<Item = usize> {
    prompts.clone().map(|prompt| context.groups.number(prompt) as usize)
}

fn cells(grid: &Grid) -> u32 {
    grid.extents().into_iter().product()
}

/// A grid under one metric, over all iterations; zeros, which take no memory before they are overwritten.
fn empty(context: &SweepContext, grid: &Grid, (index, metric): (usize, &Metric)) -> GridScores {
    let places = context.spec_iterations() * cells(grid) as usize;
    let prompts = if context.per_prompt { context.clean.prompts() as usize } else { 0 };
    GridScores {
        metric: index,
        grid: grid.name.clone(),
        component: grid.site_names(),
        writes: grid.words(),
        axes: grid.axes.iter().map(|axis| axis.name().to_owned()).collect(),
        indices: grid.axes.iter().map(|&axis| grid.coordinates(axis)).collect(),
        names: names(grid),
        effect: vec![0.0; places],
        value: vec![0.0; places],
        normalized: vec![0.0; if metric.normalize { places } else { 0 }],
        stderr: vec![0.0; places],
        count: vec![0; places],
        status: vec![CellStatus::default(); places],
        per_prompt: vec![0.0; places * prompts],
        between: vec![0.0; if context.replicates > 1 { places } else { 0 }],
        estimate: vec![0.0; if grid.estimate.is_some() { places } else { 0 }],
    }
}

/// Of the places along each axis; empty where there are none.
fn names(grid: &Grid) -> Vec<Vec<String>> {
    let along = |axis| grid.names(axis).unwrap_or_default().into_iter().map(str::to_owned).collect();
    let names: Vec<Vec<String>> = grid.axes.iter().map(|&axis| along(axis)).collect();
    if names.iter().all(Vec::is_empty) { Vec::new() } else { names }
}

/// A score minus itself: 0, or no number where it is not finite.
fn without_effect(score: &CellScore) -> CellScore {
    let Moments { count, mean, .. } = score.value;
    let effect = if mean.is_finite() { 0.0 } else { f64::NAN };
    CellScore { value: score.value, effect: Moments { count, mean: effect, m2: effect } }
}
