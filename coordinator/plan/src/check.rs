//! The plan of a check: some cells of a sweep, drawn at random, each to be computed by plain forward passes; of grids that are
//! estimated some estimates, too.

mod cut;
mod drawn;
mod origins;

use std::sync::Arc;

use patchsweep_core::check::CheckOf;
use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::Grid;
use patchsweep_proto::wire::digest_of;

use self::cut::Cutter;
pub use self::origins::{Origins, Score};
use super::Plan;
use super::tiles::most_cells;

impl Plan {
    /// A sweep of its own that computes only cells of this one which are drawn: of each grid, iteration and replicate some
    /// that were computed, and some that were not because they are no-ops; the same of what is estimated.
    ///
    /// Its tiles are cut so that what one of them holds was computed by one tile of this plan.
    #[must_use]
    pub fn check(&self, check: CheckOf) -> Self {
        let apart = self.with_replicates_apart();
        let mut context = SweepContext { per_prompt: false, ..SweepContext::clone(&apart.context) };
        // What is computed is known.
        context.grids = context.grids.into_iter().map(Grid::of_all_features).collect();
        for estimate in context.grids.iter_mut().filter_map(|grid| grid.estimate.as_mut()) {
            estimate.verify = None;
        }
        let drawn = apart.drawn(&check);
        let most = most_cells(&context, context.clean.prompts());
        let (tiles, costs) = Cutter { plan: &apart, origins: Origins::of(&apart), most }.cut(&drawn);
        let name = format!("{} check", self.name);
        let (digest, context) = (digest_of(&context), Arc::new(context));
        Self { name, context, digest, tiles, costs, check: Some(check), choice: None, ..apart }
    }

    /// The same tiles, but each replicate of an iteration is an iteration of its own: a cell that is drawn is drawn in one
    /// of them.
    #[must_use]
    pub fn with_replicates_apart(&self) -> Self {
        let replicates = self.context.replicates;
        if replicates == 1 {
            return self.clone();
        }
        let context = SweepContext { replicates: 1, ..SweepContext::clone(&self.context) };
        let of_iteration = |label: &String| {
            let label = label.clone();
            (0..replicates).map(move |replicate| format!("{label}, replicate {replicate}"))
        };
        let iteration_labels = self.iteration_labels.iter().flat_map(of_iteration).collect();
        let (digest, context) = (digest_of(&context), Arc::new(context));
        let choice = self.choice.as_ref().map(|choice| choice.of_replicates(replicates));
        Self { context, digest, iteration_labels, choice, ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
