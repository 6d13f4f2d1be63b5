//! Which paths cannot change the score: what is sent at a position is received at that position alone.

use super::{NoEffect, PromptPair};
use crate::architecture::Architecture;
use crate::grid::{Cell, Component};
use crate::paths::Path;
use crate::sites::Reach;

impl PromptPair<'_> {
    /// The first position at which a path can change the score.
    pub(super) fn first_change_on(&self, path: &Path<'_>, model: &Architecture) -> Result<u32, NoEffect> {
        if path.to.component.is_some() && path.layers_behind(model).next().is_none() {
            return Err(NoEffect::BehindReceivers);
        }
        let mut closest = NoEffect::Nothing;
        for &pos in path.cell.positions() {
            match self.path_at(path, pos, model) {
                Ok(_) => return Ok(pos),
                Err(reason) => closest = closest.max(reason),
            }
        }
        Err(closest)
    }

    /// The first layer whose receivers can change the score with what is sent at a position; the number of layers for the
    /// logits.
    pub(crate) fn path_at(&self, path: &Path<'_>, pos: u32, model: &Architecture) -> Result<u32, NoEffect> {
        let last_read = self.reads.last().copied().ok_or(NoEffect::Nothing)?;
        if pos > last_read {
            return Err(NoEffect::BehindReads { pos, last_read });
        }
        if path.to.positions.binary_search(&pos).is_err() {
            return Err(NoEffect::NotReceived { pos });
        }
        let layer = self.first_receiver(path, pos, model)?;
        let write = path.cell.writes().next().ok_or(NoEffect::Nothing)?;
        self.value_differs(&write, pos, last_read, model).map(|()| layer)
    }

    fn first_receiver(&self, path: &Path<'_>, pos: u32, model: &Architecture) -> Result<u32, NoEffect> {
        let is_read = self.reads.binary_search(&pos).is_ok();
        let Some(component) = path.to.component else {
            return if is_read { Ok(model.layers) } else { Err(NoEffect::NotRead { pos }) };
        };
        // The first position attends to itself alone, whatever its query.
        if component == Component::Q && pos == 0 {
            return Err(NoEffect::AttendsToItself);
        }
        let reach = component.facts(model).reach;
        let matters = |layer: &u32| layer + 1 < model.layers || reach == Reach::LaterPositions || is_read;
        path.layers_behind(model).find(matters).ok_or(NoEffect::NotRead { pos })
    }

    /// The first position of the senders, up to the last one that is read, whose activation may become another one.
    pub(crate) fn first_sent(&self, cell: &Cell<'_>, model: &Architecture) -> Option<u32> {
        let last_read = self.reads.last().copied()?;
        let write = cell.writes().next()?;
        let differs = |pos: &u32| *pos <= last_read && self.value_differs(&write, *pos, last_read, model).is_ok();
        cell.positions().iter().copied().find(differs)
    }
}
