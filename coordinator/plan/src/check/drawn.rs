//! The draw: of each grid and iteration some cells.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use patchsweep_core::check::CheckOf;

use super::Score;
use crate::ranges::{complement, count, places, union};
use crate::{Plan, draw};

/// Cells among which some are drawn: one kind of score of a grid in an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stratum {
    pub(super) iteration: u32,
    pub(super) grid: u32,
    pub(super) score: Score,
}

impl Stratum {
    /// Those of an iteration.
    pub(super) fn all_of(iteration: u32) -> RangeInclusive<Self> {
        let [first, last] = [(0, Score::Effect), (u32::MAX, Score::Estimate)];
        let stratum = |(grid, score)| Self { iteration, grid, score };
        stratum(first)..=stratum(last)
    }
}

/// What there is to draw from in a stratum.
struct Cells {
    /// In a tile.
    computed: Vec<Range<u32>>,
    /// In none, because they are no-ops.
    left_out: Vec<Range<u32>>,
}

impl Plan {
    /// Cells that are drawn, ascending.
    pub(super) fn drawn(&self, check: &CheckOf) -> BTreeMap<Stratum, Vec<u32>> {
        let strata = self.strata();
        let computed: Vec<u64> = strata.values().map(|cells| count(&cells.computed)).collect();
        let left_out: Vec<u64> = strata.values().map(|cells| count(&cells.left_out)).collect();
        let computed = draw::stratified(&computed, check.cells.into(), check.seed);
        // Another seed, so that the two draws have nothing to do with each other.
        let left_out = draw::stratified(&left_out, check.noops().into(), !check.seed);
        let drawn = strata.into_iter().zip(computed).zip(left_out).map(|(((stratum, cells), computed), left_out)| {
            let computed = places(&cells.computed, &computed);
            let mut drawn: Vec<u32> = computed.chain(places(&cells.left_out, &left_out)).collect();
            drawn.sort_unstable();
            (stratum, drawn)
        });
        drawn.collect()
    }

    fn strata(&self) -> BTreeMap<Stratum, Cells> {
        let computed = self.computed();
        let cells = |(&stratum, ranges): (&Stratum, &Vec<Range<u32>>)| {
            let Stratum { iteration, grid, .. } = stratum;
            let own = &self.context.grids[grid as usize];
            // Which features are off is not known yet.
            let is_undecided = self.choice.is_none() && own.chooses_features();
            // Cells that are estimated and not verified have no effect to hold anything to.
            let estimated = computed.get(&Stratum { iteration, grid, score: Score::Estimate });
            let covered = union([ranges.as_slice(), estimated.map_or(&[], Vec::as_slice)].concat());
            let left_out = if is_undecided { Vec::new() } else { complement(&covered, own.cells()) };
            (stratum, Cells { computed: ranges.clone(), left_out })
        };
        computed.iter().map(cells).collect()
    }

    /// What tiles compute, in ascending ranges.
    fn computed(&self) -> BTreeMap<Stratum, Vec<Range<u32>>> {
        let mut computed: BTreeMap<Stratum, Vec<Range<u32>>> = BTreeMap::new();
        for iteration in (0..).take(self.context.iterations.len()) {
            for (grid, own) in (0..).zip(&self.context.grids) {
                computed.insert(Stratum { iteration, grid, score: Score::Effect }, Vec::new());
                if own.estimate.is_some() {
                    computed.insert(Stratum { iteration, grid, score: Score::Estimate }, Vec::new());
                }
            }
        }
        for tile in &self.tiles {
            if let (Some((grid, cells)), Some(score)) = (tile.work.cells(), Score::of(&tile.work)) {
                let stratum = Stratum { iteration: tile.iteration, grid, score };
                computed.entry(stratum).or_default().extend_from_slice(cells);
            }
        }
        computed.into_iter().map(|(stratum, ranges)| (stratum, union(ranges))).collect()
    }
}
