//! Which cells of grids over features are active, put together from the tiles that say so.

use patchsweep_core::grid::Grid;
use patchsweep_core::ids::TileId;
use patchsweep_core::scores::TileScores;
use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_plan::{Activity, Plan};

use super::MergeError;

/// Which cells are active, as far as tiles have been taken.
#[derive(Debug)]
pub struct Activities<'a> {
    plan: &'a Plan,
    /// Tiles that are behind us.
    taken: usize,
    /// Of each grid \[grids\]\[iterations, axes..\]; of one that does not choose its features nothing.
    grids: Vec<Vec<Activity>>,
}

impl<'a> Activities<'a> {
    /// Of a sweep none of whose tiles has been seen.
    #[must_use]
    pub fn new(plan: &'a Plan) -> Self {
        let of_grid = |grid: &Grid| {
            let cells = if grid.chooses_features() { grid.cells() } else { 0 };
            vec![Activity::Off; plan.context.spec_iterations() * cells as usize]
        };
        Self { plan, taken: 0, grids: plan.context.grids.iter().map(of_grid).collect() }
    }

    /// Takes the next tile of the plan; `scores`: `None` where it has none.
    pub fn push(&mut self, id: TileId, scores: Option<&TileScores>) -> Result<(), MergeError> {
        let plan = self.plan;
        let tile = plan.tiles.get(self.taken).filter(|tile| tile.id == id);
        let tile = tile.ok_or_else(|| MergeError::OutOfOrder { found: id, wanted: self.due() })?;
        self.see(tile, scores);
        self.taken += 1;
        Ok(())
    }

    /// Once all tiles have been taken: of each grid \[grids\]\[iterations, axes..\]; of one that does not choose its features nothing.
    pub fn finish(self) -> Result<Vec<Vec<Activity>>, MergeError> {
        match self.due() {
            Some(tile) => Err(MergeError::Missing { tile }),
            None => Ok(self.grids),
        }
    }

    fn due(&self) -> Option<TileId> {
        self.plan.tiles.get(self.taken).map(|tile| tile.id)
    }

    fn see(&mut self, tile: &Tile, scores: Option<&TileScores>) {
        let TileWork::Activity { grid, cells } = &tile.work else { return };
        let (context, all) = (&self.plan.context, &mut self.grids[*grid as usize]);
        let per_iteration = all.len() / context.spec_iterations();
        let own = &mut all[context.spec_iteration(tile.iteration) * per_iteration..][..per_iteration];
        let mut scores = scores.map(|scores| scores.scores.iter());
        for cell in cells.iter().cloned().flatten() {
            let found = match scores.as_mut().map(Iterator::next) {
                // What is no number is not known to be off.
                Some(Some(score)) if score.value.mean == 0.0 => Activity::Off,
                Some(Some(_)) => Activity::On,
                _ => Activity::Unknown,
            };
            own[cell as usize] = own[cell as usize].max(found);
        }
    }
}
