//! Takes tiles in the plan's order: iteration by iteration, range of prompts by range of prompts, and then those of chosen cells.

use std::ops::Range;

use patchsweep_core::ids::TileId;
use patchsweep_core::scores::{CellScore, TileScores};
use patchsweep_core::tile::Tile;
use patchsweep_plan::Plan;

use super::chosen::ChosenCells;
use super::sections::Sections;
use super::sums::Missing;
use super::{MergeError, Merged, TileOutcome, refuse_scores, tensors};

/// A merge under way. It holds the sums of one iteration, and the tensors as far as they are done.
#[derive(Debug)]
pub struct Merger<'a> {
    plan: &'a Plan,
    /// Tiles that have been taken.
    taken: usize,
    /// `None` before the first of them.
    phase: Option<Phase<'a>>,
    merged: Merged,
}

/// Which tiles are in hand.
#[derive(Debug)]
enum Phase<'a> {
    /// Those that every plan has.
    All(Sections<'a>),
    /// Those of cells that the others decided on: they are the last ones.
    Chosen(ChosenCells<'a>),
}

impl<'a> Merger<'a> {
    /// For the tiles of a plan.
    #[must_use]
    pub fn new(plan: &'a Plan) -> Self {
        Self { plan, taken: 0, phase: None, merged: tensors::empty(&plan.context) }
    }

    /// Takes the next tile of the plan.
    pub fn push(&mut self, id: TileId, outcome: &TileOutcome) -> Result<(), MergeError> {
        let plan = self.plan;
        let tile = plan.tiles.get(self.taken).filter(|tile| tile.id == id);
        let tile = tile.ok_or_else(|| MergeError::OutOfOrder { found: id, wanted: self.due() })?;
        let scores = match outcome {
            TileOutcome::Scores(scores) => Ok(scores),
            TileOutcome::GivenUp => Err(Missing::Failed),
            TileOutcome::Pending => Err(Missing::Pending),
        };
        if let Ok(scores) = scores {
            refuse_scores(plan, id, scores).map_err(|shape| MergeError::Shape { tile: id, shape })?;
        }
        let begins_choice = plan.choice.as_ref().is_some_and(|choice| choice.first == id.0);
        let phase = match self.phase.take() {
            None => Phase::All(Sections::begin(plan, tile)),
            Some(Phase::All(sections)) if begins_choice => {
                let ends = sections.finish(&mut self.merged);
                Phase::Chosen(ChosenCells::begin(plan, tile, ends))
            }
            Some(phase) => phase,
        };
        let phase = self.phase.insert(phase);
        match phase {
            Phase::All(sections) => sections.take(tile, scores, &mut self.merged),
            Phase::Chosen(cells) => cells.take(tile, scores, &mut self.merged),
        }?;
        self.taken += 1;
        Ok(())
    }

    /// The tensors, once all tiles have been taken.
    pub fn finish(mut self) -> Result<Merged, MergeError> {
        if let Some(tile) = self.due() {
            return Err(MergeError::Missing { tile });
        }
        match self.phase {
            Some(Phase::All(sections)) => drop(sections.finish(&mut self.merged)),
            Some(Phase::Chosen(cells)) => cells.finish(&mut self.merged),
            None => {}
        }
        Ok(self.merged)
    }

    /// The tile that is to be taken next.
    #[must_use]
    pub fn due(&self) -> Option<TileId> {
        self.plan.tiles.get(self.taken).map(|tile| tile.id)
    }
}

/// One iteration over one range of prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) iteration: u32,
    pub(super) prompts: Range<u32>,
}

impl Section {
    /// That a tile is of.
    pub(super) fn of(tile: &Tile) -> Self {
        Self { iteration: tile.iteration, prompts: tile.prompts.clone() }
    }

    /// How many prompts it has.
    pub(super) fn count(&self) -> u64 {
        self.prompts.len() as u64
    }
}

/// Scores of a tile's cells \[metrics\], one after the other: as many as it has, which [`refuse_scores`] has seen to.
pub(super) fn rows(scores: Result<&TileScores, Missing>) -> impl Iterator<Item = Result<&[CellScore], Missing>> {
    let mut rows = scores.map(|scores| scores.scores.chunks(scores.metrics));
    std::iter::from_fn(move || match &mut rows {
        Ok(rows) => rows.next().map(Ok),
        Err(missing) => Some(Err(*missing)),
    })
}
