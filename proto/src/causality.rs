//! Which patches cannot change the score, so that nobody has to compute them.
//!
//! Attention is causal: an activation depends on the tokens at and before its position, and acts on the
//! activations at and after it. So a patch does nothing where it comes after the read position, where
//! clean and corrupted prompt agree up to it, or where the only path to the read position is closed.

use std::ops::Range;

use crate::grid::{Cell, Component};

/// One prompt under one iteration.
#[derive(Clone, Copy, Debug)]
pub struct PromptPair<'a> {
    /// Clean token ids.
    pub clean: &'a [u32],
    /// Corrupted token ids, as many.
    pub corrupted: &'a [u32],
    /// The scored position.
    pub read: u32,
}

impl PromptPair<'_> {
    /// Whether patching this cell leaves every logit at the read position as in the clean run.
    ///
    /// `layers`: number of blocks of the model.
    #[must_use]
    pub fn is_noop(&self, cell: &Cell, layers: u32) -> bool {
        let positions = match cell.pos {
            Some(pos) => pos..pos + 1,
            None => 0..self.read + 1,
        };
        self.live_positions(cell, layers, positions).next().is_none()
    }

    /// The first position where the prompts differ.
    #[must_use]
    pub fn first_corrupted(&self) -> Option<u32> {
        let differs = self.clean.iter().zip(self.corrupted).position(|(clean, corrupted)| clean != corrupted);
        differs.and_then(|pos| u32::try_from(pos).ok())
    }

    /// The positions, of those given, where the patch can reach the score.
    fn live_positions(&self, cell: &Cell, layers: u32, positions: Range<u32>) -> impl Iterator<Item = u32> {
        let first_corrupted = self.first_corrupted().unwrap_or(u32::MAX);
        let token_only = cell.layer == 0 && depends_on_own_token_only(cell.component);
        let read_only = cell.layer + 1 == layers && acts_on_own_position_only(cell.component);
        positions.filter(move |&pos| {
            let own_token_corrupted = self.clean[pos as usize] != self.corrupted[pos as usize];
            (first_corrupted..=self.read).contains(&pos)
                && (!token_only || own_token_corrupted)
                && (!read_only || pos == self.read)
        })
    }
}

/// In the first block, before attention mixes positions.
fn depends_on_own_token_only(component: Component) -> bool {
    matches!(component, Component::ResidPre | Component::Q | Component::K | Component::V)
}

/// In the last block, after attention has read keys and values.
fn acts_on_own_position_only(component: Component) -> bool {
    !matches!(component, Component::ResidPre | Component::K | Component::V)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: PromptPair<'static> =
        PromptPair { clean: &[1, 2, 3, 4, 5, 6], corrupted: &[1, 2, 9, 4, 8, 6], read: 4 };

    fn noops(component: Component, layer: u32) -> Vec<u32> {
        let cell = |pos| Cell { component, layer, pos: Some(pos), head: None };
        (0..6).filter(|&pos| PAIR.is_noop(&cell(pos), 3)).collect()
    }

    #[test]
    fn a_patch_before_the_first_corrupted_or_after_the_read_position_does_nothing() {
        assert_eq!(noops(Component::ResidPre, 1), [0, 1, 5]);
    }

    #[test]
    fn the_embedding_differs_only_where_the_token_does() {
        assert_eq!(noops(Component::ResidPre, 0), [0, 1, 3, 5]);
        assert_eq!(noops(Component::K, 0), [0, 1, 3, 5]);
        assert_eq!(noops(Component::Z, 0), [0, 1, 5]);
    }

    #[test]
    fn in_the_last_block_only_keys_and_values_reach_another_position() {
        assert_eq!(noops(Component::Z, 2), [0, 1, 2, 3, 5]);
        assert_eq!(noops(Component::ResidPost, 2), [0, 1, 2, 3, 5]);
        assert_eq!(noops(Component::V, 2), [0, 1, 5]);
    }

    #[test]
    fn all_positions_at_once_do_nothing_only_when_the_prompts_agree_up_to_the_read_position() {
        let all = Cell { component: Component::Z, layer: 0, pos: None, head: Some(1) };
        assert!(!PAIR.is_noop(&all, 3));
        assert!(PromptPair { read: 1, ..PAIR }.is_noop(&all, 3));
        assert!(PromptPair { corrupted: PAIR.clean, ..PAIR }.is_noop(&all, 3));
    }
}
