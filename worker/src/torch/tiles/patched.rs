//! The patched runs of a tile's cells, over some prompts of one or several parts: rows of all parts go through matrix products
//! together.

use std::collections::BTreeSet;

use patchsweep_core::causality::Suffix;
use patchsweep_core::grid::{Cell, Grid, PatchValue};
use patchsweep_core::paths::Norms;
use patchsweep_core::tile::Tile;
use patchsweep_core::writes::Beginning;
use tch::Tensor;

use super::alike::{Alike, FirstChanges};
use super::chunk::{Chunk, Scores, base, last_resid, other_and_means, run_scores, unpatched};
use crate::phases::Phase;
use crate::torch::numbers::count;
use crate::torch::patch::batch::Segment;
use crate::torch::patch::cohort::Start;
use crate::torch::patch::features::{FeatureChange, FeatureRuns};
use crate::torch::patch::patches::Patches;
use crate::torch::patch::stepper::Stepper;
use crate::torch::patch::values::Patch;
use crate::torch::rows::joined;
use crate::torch::runs::activations::ActivationCache;
use crate::torch::runs::sites::{Sites, last_site};
use crate::torch::score::metrics::{Scorer, Scoring, Waiting};
use crate::torch::score::run_scores::RunScores;

/// Some prompts of a part, and the tile's cells that do something to them.
struct Part<'a> {
    chunk: &'a Chunk<'a>,
    grid: &'a Grid,
    cells: Vec<Cell<'a>>,
    prompts: Alike<'a>,
    /// Of each cell.
    first_changes: Vec<FirstChanges>,
    starts: Vec<Start<'a>>,
}

/// Finished runs, and their last residual stream \[cells, prompts, positions, `d_model`\].
type Done<'a> = (&'a Segment, Tensor);

/// What is scored of a part.
struct Scored {
    /// The run that is patched.
    unpatched: RunScores,
    /// The patched run of each cell.
    cells: Vec<RunScores>,
}

/// Metrics of the run that is patched, then of the patched run of each cell of a tile, of one part for each chunk.
pub(crate) fn patched(chunks: &[Chunk<'_>], tile: &Tile, cache: &mut ActivationCache) -> Vec<Vec<Scores>> {
    let parts: Vec<Part<'_>> = chunks.iter().enumerate().map(|(place, chunk)| Part::of(place, chunk, tile)).collect();
    // Of all parts, for those that are in one batch have their activations in common tables.
    let layers: BTreeSet<u32> = parts.iter().flat_map(|part| &part.starts).map(|start| start.cell.layer()).collect();
    let (patches, scorers): (Vec<Patch<'_>>, Vec<Vec<Scorer<'_>>>) =
        parts.iter().map(|part| part.ready(&layers, cache)).unzip();
    let bases = chunks.iter().zip(&patches).zip(&scorers);
    let bases = unpatched(bases.map(|((chunk, patch), scorers)| (chunk, &patch.base, scorers.as_slice())));
    // A patch that cannot change a score leaves it exactly as it is: its effect is 0.
    let of_part = |(part, unpatched): (&Part<'_>, RunScores)| Scored {
        cells: vec![unpatched.clone(); part.cells.len()],
        unpatched,
    };
    let first = |by_read: &[Vec<Vec<f32>>]| -> Vec<Scored> {
        parts.iter().zip(run_scores(by_read, chunks)).map(of_part).collect()
    };
    let mut scored = None;
    let _phase = Phase::Patched.enter();
    for starts in batches(&parts) {
        let (reached, new): (Vec<Reached>, Vec<Waiting>) = run(&starts, &parts, &patches, &scorers).into_iter().unzip();
        // The device is waited for once, for the first batch's scores and those of the runs that are patched.
        let (scored, numbers) = if let Some(scored) = &mut scored {
            (scored, Waiting::arrived(new.iter()))
        } else {
            let mut numbers = Waiting::arrived(bases.iter().chain(&new));
            let new = numbers.split_off(bases.len());
            (scored.insert(first(&numbers)), new)
        };
        for (reached, new) in reached.iter().zip(&numbers) {
            for ((place, cells), new) in reached.cells.iter().zip(new) {
                parts[*place].take(cells, reached.read, new, &patches[*place], &mut scored[*place]);
            }
        }
    }
    let scored = scored.unwrap_or_else(|| first(&Waiting::arrived(bases.iter())));
    let of_part =
        |scored: &Scored| [&scored.unpatched].into_iter().chain(&scored.cells).map(RunScores::averaged).collect();
    scored.iter().map(of_part).collect()
}

/// Which cells of a batch have scores at a read position.
struct Reached {
    /// Which of the read positions.
    read: usize,
    /// Of some parts, by their place, indices of cells.
    cells: Vec<(usize, Vec<usize>)>,
}

/// The runs of a batch, at least one, and their scores at each read position that they can change.
fn run<'s, 'a>(
    starts: &[Start<'_>],
    parts: &[Part<'_>],
    patches: &[Patch<'_>],
    scorers: &'s [Vec<Scorer<'a>>],
) -> Vec<(Reached, Waiting)> {
    let (first, last) = (starts[0].part, starts[starts.len() - 1].part);
    let starts: Vec<Start<'_>> = starts.iter().map(|start| Start { part: start.part - first, ..*start }).collect();
    let (parts, patches, scorers) = (&parts[first..=last], &patches[first..=last], &scorers[first..=last]);
    let stepper = Stepper::new(Patches::new(patches));
    let done = if parts[0].grid.to().is_some() {
        let Part { chunk, prompts, .. } = &parts[0];
        let reads = &chunk.iteration().reads;
        stepper.run_paths(&starts, &|path| path.sent(&prompts.pairs, reads, &chunk.context.architecture))
    } else {
        stepper.run(&starts)
    };
    let segments: Vec<Done<'_>> = done.layout.segments.iter().zip(done.layout.apart(&done.resid)).collect();
    let at = |read: usize| {
        let of_part = |(place, (part, scorers)): (usize, (&Part<'_>, &'s Vec<Scorer<'a>>))| {
            let own = segments.iter().filter(|(segment, _)| segment.part == place);
            let (cells, resid) = at_read(own, part.reads()[read].into())?;
            let like = part.frozen(&patches[place], read);
            Some(((first + place, cells), Scoring { scorer: &scorers[read], resid, like }))
        };
        let (cells, scorings): (Vec<_>, Vec<_>) = parts.iter().zip(scorers).enumerate().filter_map(of_part).unzip();
        (!scorings.is_empty()).then(|| (Reached { read, cells }, Waiting::of(&scorings)))
    };
    (0..parts[0].reads().len()).filter_map(at).collect()
}

impl<'a> Part<'a> {
    fn of(place: usize, chunk: &'a Chunk<'a>, tile: &Tile) -> Self {
        let cells = tile.patches(chunk.context);
        let grid = cells[0].grid();
        let prompts = Alike::of(chunk.pairs());
        let model = &chunk.context.architecture;
        let first_changes: Vec<_> = cells.iter().map(|cell| prompts.first_changes(cell, model)).collect();
        let starts = starts(place, &cells, &prompts, &first_changes, chunk);
        Self { chunk, grid, cells, prompts, first_changes, starts }
    }

    fn reads(&self) -> &'a [u32] {
        &self.chunk.iteration().reads
    }

    /// What cells of some layers are patched with, and scorers, one for each read position.
    fn ready(&self, layers: &BTreeSet<u32>, cache: &mut ActivationCache) -> (Patch<'a>, Vec<Scorer<'a>>) {
        let (chunk, grid) = (self.chunk, self.grid);
        let sites = Sites::of(grid, layers, &chunk.context.architecture);
        let mut runs = chunk.runs(cache);
        let clean = runs.clean(&BTreeSet::from([last_site(chunk.context.architecture.layers)]));
        let base = base(&mut runs, &sites);
        let [other, means] = other_and_means(&mut runs, &sites);
        // Where no cell is computed, nothing of the runs is at hand.
        let dictionary = chunk.dictionary.filter(|_| !layers.is_empty());
        let takes_means = dictionary.filter(|_| grid.value == PatchValue::Mean);
        let feature_means = takes_means.map(|dictionary| runs.mean_features(dictionary, grid));
        let scorers = chunk.scorers(&clean);
        let (reads, last) = (chunk.reads(), chunk.last_read());
        let features = dictionary.map(|dictionary| {
            let runs = FeatureRuns { base: &base, other: &other, means: feature_means, last };
            let cells = self.starts.iter().map(|start| start.cell);
            FeatureChange::of(chunk.exec, dictionary, grid, &cells, &runs)
        });
        let patch = Patch { exec: chunk.exec, value: grid.value, base, other, means, reads, last, features };
        (patch, scorers)
    }

    /// Where the final norm is frozen, what it divides as it does of, at a read position \[prompts, `d_model`\].
    fn frozen(&self, patch: &Patch<'_>, read: usize) -> Option<Tensor> {
        let freezes_last = self.grid.to().is_some_and(|to| to.component.is_none() && to.norms == Norms::Frozen);
        freezes_last.then(|| last_resid(&patch.base, self.chunk.context).select(1, self.reads()[read].into()))
    }

    /// Takes the new scores at a read position of some cells, by their index \[metrics, cells, prompts\].
    fn take(&self, cells: &[usize], read: usize, new: &[f32], patch: &Patch<'_>, scored: &mut Scored) {
        let prompts = self.prompts.len();
        let metrics = new.chunks(cells.len() * prompts);
        for (place, &cell) in cells.iter().enumerate() {
            let reached = self.prompts.reached(&self.first_changes[cell], self.reads()[read]);
            let mut reached: Vec<bool> = reached.collect();
            if let Some(features) = &patch.features {
                for (prompt, reached) in reached.iter_mut().enumerate() {
                    *reached &= features.moves(&self.cells[cell], prompt);
                }
            }
            for (metric, new) in metrics.clone().enumerate() {
                let new = &new[place * prompts..][..prompts];
                replace(scored.cells[cell].of_mut(metric, read), new, &reached);
            }
        }
    }

    /// Rows of a batch that a cell takes.
    fn rows(&self, start: &Start<'_>) -> usize {
        count(self.chunk.last_read() + 1 - i64::from(start.suffix.first)) * self.prompts.len() * (1 + kept_rows(start))
    }
}

/// Cells whose patch can change the score of a prompt; those whose runs go through attention together side by side.
fn starts<'a>(
    part: usize,
    cells: &[Cell<'a>],
    prompts: &Alike<'_>,
    first_changes: &[FirstChanges],
    chunk: &Chunk<'_>,
) -> Vec<Start<'a>> {
    let (pairs, model) = (&prompts.pairs, &chunk.context.architecture);
    let start = |(index, (&cell, changes)): (usize, (&Cell<'a>, &FirstChanges))| {
        let suffix = Suffix::of_changes(&cell, pairs, &changes.iter().copied(), model)?;
        Some(Start { part, index, cell, suffix, beginning: Beginning::of(&cell, pairs, model) })
    };
    let mut starts: Vec<Start<'a>> = cells.iter().zip(first_changes).enumerate().filter_map(start).collect();
    // Paths of one sender share their second pass; they follow each other as they are.
    if cells.first().is_some_and(|cell| cell.path().is_none()) {
        starts.sort_by_key(|start| (start.suffix, start.beginning.layer));
    }
    starts
}

/// Cells that fit a batch together, at least one; part behind part, so that a batch has few of them.
fn batches<'a>(parts: &[Part<'a>]) -> Vec<Vec<Start<'a>>> {
    let most = parts.first().map_or(0, |part| part.chunk.batch_rows);
    let (mut batches, mut sum): (Vec<Vec<Start<'_>>>, _) = (Vec::new(), 0);
    for part in parts {
        for &start in &part.starts {
            let rows = part.rows(&start);
            match batches.last_mut() {
                Some(batch) if sum + rows <= most => {
                    batch.push(start);
                    sum += rows;
                }
                _ => {
                    batches.push(vec![start]);
                    sum = rows;
                }
            }
        }
    }
    batches
}

/// What is kept for each row of a path between its passes, in rows of a batch, which are made of some sixteen activations.
fn kept_rows(start: &Start<'_>) -> usize {
    start.cell.path().map_or(0, |path| path.layers().count() / 16)
}

/// Takes the new scores of the prompts that are reached.
fn replace(scores: &mut [f32], new: &[f32], reached: &[bool]) {
    for ((score, &new), _) in scores.iter_mut().zip(new).zip(reached).filter(|(_, reached)| **reached) {
        *score = new;
    }
}

/// The cells of a part's finished runs that change a read position, and their last residual stream there
/// \[cells, prompts, `d_model`\].
fn at_read<'a>(done: impl Iterator<Item = &'a Done<'a>>, read: i64) -> Option<(Vec<usize>, Tensor)> {
    let of_segment = |(segment, resid): &Done<'_>| {
        let place = segment.positions.place_of(read)?;
        Some((segment.cells.clone(), resid.select(2, place)))
    };
    let (cells, resid): (Vec<_>, Vec<_>) = done.filter_map(of_segment).unzip();
    (!cells.is_empty()).then(|| (cells.concat(), joined(resid.into_iter())))
}
