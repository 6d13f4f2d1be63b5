//! Cells that write features.

use std::path::Path;

use patchsweep_core::context::Direction;
use patchsweep_core::dictionary::Dictionary as Described;
use patchsweep_core::grid::{Axis, Cell, PatchValue};
use patchsweep_core::writes::Write;

use crate::dictionary::Dictionary;
use crate::{BruteForce, Run};

/// What a write makes of features \[positions\]\[features\].
pub(crate) type Features = Vec<Vec<f64>>;

impl BruteForce<'_> {
    /// The same with the dictionaries of the context's grids, below a folder.
    #[must_use]
    pub fn with_dictionaries(mut self, folder: &Path) -> Self {
        for dictionary in self.context.grids.iter().filter_map(|grid| grid.dictionary()) {
            let loaded = Dictionary::load(&folder.join(&dictionary.path), dictionary, self.model);
            self.dictionaries.push((dictionary.clone(), loaded));
        }
        self
    }

    pub(crate) fn dictionary(&self, wanted: &Described) -> &Dictionary {
        let found = self.dictionaries.iter().find(|(dictionary, _)| **dictionary == *wanted);
        &found.expect("the dictionaries were loaded").1
    }

    /// What the features become that a write of a dictionary writes.
    pub(crate) fn new_features(&self, write: &Write<'_>, described: &Described, prompt: usize) -> Features {
        let others = match self.context.direction {
            Direction::Noising => &self.corrupted,
            Direction::Denoising => &self.clean,
        };
        let of_run = |run: &Run| self.run_features(described, run).0;
        match write.value {
            PatchValue::Other => of_run(&others[prompt]),
            PatchValue::Knockout => unreachable!("no dictionary is of a pattern"),
            PatchValue::Zero => {
                let none = vec![0.0; described.features as usize];
                vec![none; self.context.clean.positions() as usize]
            }
            PatchValue::Mean => {
                let count = f64::from(self.context.clean.prompts());
                let mut mean: Option<Features> = None;
                for run in &self.corrupted {
                    let own = of_run(run);
                    let sum = mean.get_or_insert_with(|| vec![vec![0.0; own[0].len()]; own.len()]);
                    for (sum, own) in sum.iter_mut().flatten().zip(own.iter().flatten()) {
                        *sum += own / count;
                    }
                }
                mean.expect("a sweep has prompts")
            }
        }
    }

    fn run_features(&self, described: &Described, run: &Run) -> (Features, f64) {
        self.dictionary(described).of_activation(run.activations.get(described.component, described.layer))
    }

    /// By how little a number in any run misses a value at which a feature goes on or off.
    #[must_use]
    pub fn nearest_switch(&self) -> f64 {
        let runs = || self.clean.iter().chain(&self.corrupted);
        let switches =
            self.dictionaries.iter().flat_map(|(described, _)| runs().map(|run| self.run_features(described, run).1));
        switches.fold(f64::INFINITY, f64::min)
    }

    /// Whether one of the features that a cell writes is on in the clean or the corrupted run of any prompt, at one of its
    /// positions up to the last one that is read.
    #[must_use]
    pub fn is_active(&self, cell: &Cell<'_>) -> bool {
        let last_read = self.iteration.last_read().unwrap_or(0);
        let described = cell.dictionary().expect("a cell over a dictionary");
        self.clean.iter().chain(&self.corrupted).any(|run| {
            let (features, _) = self.run_features(described, run);
            let at = cell.positions().iter().filter(|&&pos| pos <= last_read).map(|&pos| &features[pos as usize]);
            at.into_iter().any(|of_position| {
                cell.indices(Axis::Feature).iter().any(|&feature| of_position[feature as usize].abs() > 0.0)
            })
        })
    }

    /// Of a cell that writes features, whether all of them are off before and after \[prompts\]; of another one, no.
    #[must_use]
    pub fn features_stay_off(&self, cell: &Cell<'_>) -> Vec<bool> {
        let runs = match self.context.direction {
            Direction::Noising => &self.clean,
            Direction::Denoising => &self.corrupted,
        };
        let leaves = |(prompt, run): (usize, &Run)| {
            cell.writes().all(|write| {
                let Some(described) = write.dictionary() else { return false };
                let (old, new) = (self.run_features(described, run).0, self.new_features(&write, described, prompt));
                write.indices(Axis::Pos).iter().map(|&pos| pos as usize).all(|pos| {
                    let features = write.indices(Axis::Feature).iter().map(|&feature| feature as usize);
                    features.into_iter().all(|feature| old[pos][feature].abs() + new[pos][feature].abs() <= 0.0)
                })
            })
        };
        runs.iter().enumerate().map(leaves).collect()
    }
}
