//! What a grid's tiles cost besides their cells, and which of them make means over all prompts.

use patchsweep_core::grid::{Axis, Grid, PatchValue};

use super::sections::Section;
use super::share::Share;
use crate::CostModel;
use crate::region::Work;

/// Multiply-adds of a grid's tiles besides their cells.
pub(super) struct Besides {
    /// Of each.
    pub(super) each: u64,
    pub(super) means: Means,
}

/// Means over the corrupted runs of all prompts, which a worker makes once.
#[derive(Default)]
pub(super) struct Means {
    /// Multiply-adds; none where a grid writes no mean.
    pub(super) cost: u64,
    pub(super) of: MeansKey,
}

/// What two iterations and grids with the same means have in common.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MeansKey {
    /// Of each part the first iteration with its corrupted run.
    pub(super) corrupted: Vec<u32>,
    /// Of features the first grid with the same ones.
    pub(super) features: Option<u32>,
}

/// Of a grid's tiles in a section.
pub(super) fn besides(shares: &[Share<'_>], section: &Section<'_>, grid: u32) -> Besides {
    let each = section.works.iter().map(Work::tile_cost).fold(0, u64::saturating_add);
    let context = section.stretches[0].context();
    let own = &context.grids[grid as usize];
    if !own.writes_value(PatchValue::Mean) {
        return Besides { each, means: Means::default() };
    }
    let mut means = means(shares, section.iteration);
    if let Some(dictionary) = own.dictionary() {
        // Dictionaries are of sweeps without groups, whose one part has all prompts.
        let is_alike = |(_, other): &(u32, &Grid)| {
            let features = [own, other].map(|grid| grid.indices(Axis::Feature));
            other.value == PatchValue::Mean && other.dictionary() == own.dictionary() && features[0] == features[1]
        };
        means.of.features = (0..).zip(&context.grids).find(is_alike).map(|(first, _)| first);
        means.cost = means.cost.saturating_add(section.works[0].mean_cost(own, dictionary, context.clean.prompts()));
    }
    Besides { each, means }
}

/// Those of activations.
pub(super) fn means(shares: &[Share<'_>], iteration: u32) -> Means {
    let last_read = |share: &Share<'_>| share.part.context.iterations[iteration as usize].last_read().unwrap_or(0);
    let end = shares.iter().map(last_read).max().unwrap_or(0) + 1;
    let of_share = |share: &Share<'_>| {
        let context = share.part.context.as_ref();
        CostModel::of(context).run(0, end).saturating_mul(context.clean.prompts().into())
    };
    let alike = shares.iter().map(|share| share.alike_in_means[iteration as usize]).collect();
    Means {
        cost: shares.iter().map(of_share).fold(0, u64::saturating_add),
        of: MeansKey { corrupted: alike, features: None },
    }
}
