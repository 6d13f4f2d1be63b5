//! The estimates of all grids over some prompts.

use std::collections::BTreeSet;

use patchsweep_core::estimate::Gradients;
use patchsweep_core::grid::{Axis, Component, Grid};
use patchsweep_core::scores::CellScore;
use tch::{Device, Kind, Tensor};

use super::gradients::Point;
use super::scaled::Gradients as Scaled;
use super::terms::Changes;
use super::{OfGrid, scored};
use crate::phases::Phase;
use crate::torch::numbers::length;
use crate::torch::patch::values::Patch;
use crate::torch::runs::activations::ActivationCache;
use crate::torch::runs::recorder::Site;
use crate::torch::runs::sites::{Sites, last_site};
use crate::torch::score::metrics::Waiting;
use crate::torch::tiles::chunk::{Chunk, Scores, base, other_and_means, run_scores, unpatched};

impl Chunk<'_> {
    /// Estimated scores of all cells of each grid that has estimates; none of the others.
    pub(super) fn estimated(&self, cache: &mut ActivationCache) -> Vec<OfGrid> {
        let model = &self.context.architecture;
        let sites = Sites::of_estimates(self.context);
        let mut runs = self.runs(cache);
        let clean = runs.clean(&BTreeSet::from([last_site(model.layers)]));
        let base = base(&mut runs, &sites);
        let [other, means] = other_and_means(&mut runs, &sites);
        let scorers = self.scorers(&clean);
        let unpatched = Waiting::arrived(unpatched(std::iter::once((self, &base, scorers.as_slice()))).iter());
        let unpatched = run_scores(&unpatched, std::slice::from_ref(self))[0].averaged();
        let (reads, last) = (self.reads(), self.last_read());
        let value = patchsweep_core::grid::PatchValue::Other;
        let patch = Patch { exec: self.exec, value, base, other, means, features: None, reads, last };
        let _phase = Phase::Patched.enter();
        let mut estimated: Vec<OfGrid> = vec![Vec::new(); self.context.grids.len()];
        let grids = || (0..).zip(&self.context.grids).filter(|(_, grid)| grid.estimate.is_some());
        let ways: BTreeSet<Gradients> = grids().filter_map(|(_, grid)| Some(grid.estimate?.gradients)).collect();
        for way in ways {
            let of_way = |grid: &&Grid| grid.estimate.is_some_and(|estimate| estimate.gradients == way);
            let changes: Vec<(usize, Vec<Changes<'_>>)> = grids()
                .filter(|(_, grid)| of_way(grid))
                .map(|(index, grid)| (index, Changes::of(&patch, grid)))
                .collect();
            let sums = self.sums(&patch, way, &changes, &scorers);
            for ((index, _), sums) in changes.iter().zip(sums) {
                let grid = &self.context.grids[*index];
                estimated[*index] = scores(grid, &sums, &unpatched, self.context.clean.positions());
            }
        }
        estimated
    }

    /// Mean over the points of gradient times change, for each grid \[grids\]\[metrics\]\[layers\], float64
    /// \[prompts, axes within a layer..\].
    fn sums(
        &self,
        patch: &Patch<'_>,
        way: Gradients,
        changes: &[(usize, Vec<Changes<'_>>)],
        scorers: &[crate::torch::score::metrics::Scorer<'_>],
    ) -> Vec<Vec<Vec<Option<Tensor>>>> {
        let wanted: BTreeSet<Site> = changes.iter().flat_map(|(_, layers)| layers).map(|change| change.site).collect();
        let metrics = self.context.metrics.len();
        let empty = |(_, layers): &(usize, Vec<Changes<'_>>)| -> Vec<Vec<Option<Tensor>>> {
            (0..metrics).map(|_| layers.iter().map(|_| None).collect()).collect()
        };
        let mut sums: Vec<Vec<Vec<Option<Tensor>>>> = changes.iter().map(empty).collect();
        let points = way.points();
        let part = f64::from(way.steps());
        for along in points {
            let embedding = embedding(patch, along);
            let point = Point { exec: self.exec, embedding, scorers, reads: &self.iteration().reads };
            let mut take = |metric: usize, gradients: &Scaled| {
                for ((_, layers), sums) in changes.iter().zip(&mut sums) {
                    for (change, sum) in layers.iter().zip(&mut sums[metric]) {
                        let Some(terms) = change.terms(gradients, patch) else { continue };
                        let terms = terms / part;
                        *sum = Some(sum.take().map_or_else(|| terms.shallow_clone(), |sum| sum + &terms));
                    }
                }
            };
            point.each(&|site| wanted.contains(&site), &mut take);
        }
        sums
    }
}

/// The residual stream before the first block, so far on the way from the run that is patched to the other one
/// \[prompts, pos, `d_model`\].
fn embedding(patch: &Patch<'_>, along: f64) -> Tensor {
    let positions = patch.last + 1;
    let base = patch.base(0, Component::ResidPre);
    if along == 0.0 {
        return base;
    }
    let other = patch.other.get(0, Component::ResidPre).narrow(1, 0, positions);
    &base + (other - &base) * along
}

/// Estimated scores of a grid's cells \[cells, metrics\].
///
/// `sums` \[metrics\]\[layers\]: of some prompts; `unpatched` \[metrics\]\[prompts\]: metrics of the run that is patched.
fn scores(grid: &Grid, sums: &[Vec<Option<Tensor>>], unpatched: &Scores, positions: u32) -> Vec<CellScore> {
    let cells = grid.cells() as usize;
    let prompts = unpatched.first().map_or(0, Vec::len);
    let of_metric = |(layers, unpatched): (&Vec<Option<Tensor>>, &Vec<f32>)| -> Vec<CellScore> {
        let rows: Vec<Tensor> = layers.iter().map(|terms| of_layer(grid, terms.as_ref(), prompts, positions)).collect();
        let effects = Tensor::cat(&rows, 1);
        let values = &effects + Tensor::from_slice(unpatched).to_kind(Kind::Double).unsqueeze(1);
        let [value, effect] = [values, effects].map(|of_prompts| moments(&of_prompts));
        let both = value.into_iter().zip(effect);
        both.map(|([value, value_m2], [effect, m2])| scored(prompts as u64, [value, value_m2, effect, m2])).collect()
    };
    let by_metric: Vec<Vec<CellScore>> = sums.iter().zip(unpatched).map(of_metric).collect();
    (0..cells).flat_map(|cell| by_metric.iter().map(move |scores| scores[cell])).collect()
}

/// The cells of one layer, float64 \[prompts, cells\]: along an axis of the grid the indices that are patched one by one, along
/// another their sum.
fn of_layer(grid: &Grid, terms: Option<&Tensor>, prompts: usize, positions: u32) -> Tensor {
    let kept: usize =
        grid.axes.iter().filter(|&&axis| axis != Axis::Layer).map(|&axis| grid.indices(axis).len()).product();
    let Some(terms) = terms else {
        return Tensor::zeros([length(prompts), length(kept)], (Kind::Double, Device::Cpu));
    };
    let mut terms = terms.shallow_clone();
    for (dim, &axis) in (1usize..).zip(&grid.component.axes()[1..]) {
        let (here, along) = (terms.size()[dim], length(dim));
        let is_position = matches!(axis, Axis::Pos | Axis::DestPos | Axis::SrcPos);
        // Keys at all positions at once, or sources.
        let of_keys = is_position && here == 1 && !grid.axes.contains(&axis) && super::new_patterns::recomputes(grid);
        let at_once = of_keys || super::knockouts::is_at_once(grid, axis);
        if !at_once {
            // Nothing depends on what is behind the last read position.
            let extent = if is_position { i64::from(positions) } else { here };
            let mut sizes = terms.size();
            sizes[dim] = extent - here;
            let behind = Tensor::zeros(&sizes, (Kind::Double, Device::Cpu));
            let indices: Vec<i64> = grid.indices(axis).iter().map(|&index| index.into()).collect();
            terms = Tensor::cat(&[terms, behind], along).index_select(along, &Tensor::from_slice(&indices));
        }
        if !grid.axes.contains(&axis) {
            terms = terms.sum_dim_intlist([along].as_slice(), true, Kind::Double);
        }
    }
    terms.flatten(1, -1)
}

/// Mean over prompts and centred second moment of each cell of \[prompts, cells\].
fn moments(of_prompts: &Tensor) -> Vec<[f64; 2]> {
    let mean = of_prompts.mean_dim([0].as_slice(), true, Kind::Double);
    let m2 = (of_prompts - &mean).square().sum_dim_intlist([0].as_slice(), false, Kind::Double);
    let host = |x: Tensor| Vec::<f64>::try_from(x.flatten(0, -1)).expect("float64 numbers of one dimension");
    host(mean).into_iter().zip(host(m2)).map(|(mean, m2)| [mean, m2]).collect()
}
