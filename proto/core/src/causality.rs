//! Which patches cannot change the score, so that nobody has to compute them.
//!
//! Attention is causal: an activation depends on the tokens at and before its position, and acts on the
//! activations at and after it. So a patch does nothing where it comes after the last read position, where
//! clean and corrupted run agree up to it, or where the only path to a read position is closed.

use crate::architecture::Architecture;
use crate::grid::{Axis, Cell, Component, PatchValue};
use crate::sites::{Origin, Reach};
use crate::writes::Write;

/// One prompt under one iteration.
#[derive(Clone, Copy, Debug)]
pub struct PromptPair<'a> {
    clean: &'a [u32],
    corrupted: &'a [u32],
    /// Positions with noise on the embedding, ascending.
    noised: &'a [u32],
    /// The scored positions, ascending, at least one.
    reads: &'a [u32],
    first_corrupted: Option<u32>,
}

impl<'a> PromptPair<'a> {
    /// Clean and corrupted token ids, as many; positions with noise; read positions, ascending, at least one.
    #[must_use]
    pub fn new(clean: &'a [u32], corrupted: &'a [u32], noised: &'a [u32], reads: &'a [u32]) -> Self {
        let mut pair = Self { clean, corrupted, noised, reads, first_corrupted: None };
        pair.first_corrupted = (0..).zip(clean).map(|(pos, _)| pos).find(|&pos| pair.is_corrupted(pos));
        pair
    }

    /// The first position where the corrupted run's input differs.
    #[must_use]
    pub fn first_corrupted(&self) -> Option<u32> {
        self.first_corrupted
    }

    /// Where the corrupted run's input differs, up to the last position that is read, ascending. Of the prompts of an iteration those
    /// that have equal ones have equal first changes.
    #[must_use]
    pub fn corrupted(&self) -> Vec<u32> {
        let last_read = self.reads.last().copied().unwrap_or(0);
        let positions = self.first_corrupted.unwrap_or(u32::MAX)..=last_read;
        positions.filter(|&pos| self.is_corrupted(pos)).collect()
    }

    /// Whether patching this cell of a model leaves every logit at the read positions as in the unpatched run.
    #[must_use]
    pub fn is_noop(&self, cell: &Cell<'_>, model: &Architecture) -> bool {
        self.first_change(cell, model).is_err()
    }

    /// The first of the cell's positions where the patch can change the score; if there is none, why: of the reasons of all
    /// positions the one of that which comes closest to an effect.
    ///
    /// Of several writes the earliest position at which one of them, were it alone, can change something. Where none can, each
    /// puts what is there already, so that they change nothing together either. Behind that position all of them count: one that
    /// would do nothing alone undoes what another has done.
    pub fn first_change(&self, cell: &Cell<'_>, model: &Architecture) -> Result<u32, NoEffect> {
        if let Some(path) = cell.path() {
            return self.first_change_on(&path, model);
        }
        let (mut earliest, mut closest): (Option<u32>, _) = (None, NoEffect::Nothing);
        for write in cell.writes() {
            match self.first_change_of(&write, model) {
                Ok(pos) => earliest = Some(earliest.map_or(pos, |before| before.min(pos))),
                Err(reason) => closest = closest.max(reason),
            }
        }
        earliest.ok_or(closest)
    }

    /// The same of one write.
    pub fn first_change_of(&self, write: &Write<'_>, model: &Architecture) -> Result<u32, NoEffect> {
        let mut closest = NoEffect::Nothing;
        for &pos in write.positions() {
            match self.effect_at(write, pos, model) {
                Ok(()) => return Ok(pos),
                Err(reason) => closest = closest.max(reason),
            }
        }
        Err(closest)
    }

    /// Whether the write at this position can change the score.
    fn effect_at(&self, write: &Write<'_>, pos: u32, model: &Architecture) -> Result<(), NoEffect> {
        let last_read = self.reads.last().copied().ok_or(NoEffect::Nothing)?;
        if pos > last_read {
            return Err(NoEffect::BehindReads { pos, last_read });
        }
        let is_last_layer = write.layer + 1 == model.layers;
        let reach = write.component.facts(model).reach;
        if is_last_layer && reach == Reach::OwnPosition && self.reads.binary_search(&pos).is_err() {
            return Err(NoEffect::NotRead { pos });
        }
        // What lies in the future of a position, or before its window, is not attended to: its probability is 0, whatever
        // the patch.
        let attended = model.attended(write.layer, pos);
        let sources = write.indices(Axis::SrcPos);
        if let Some(&source) = sources.first()
            && !sources.iter().any(|source| attended.contains(source))
        {
            return Err(if source > pos {
                NoEffect::InFuture { pos, source }
            } else {
                NoEffect::BeforeWindow { pos, source }
            });
        }
        if write.value == PatchValue::Knockout && !write.knocks_out_at(pos, model) {
            return Err(NoEffect::NothingElse { pos });
        }
        self.value_differs(write, pos, last_read, model)
    }

    /// Whether the write can give the activation at this position another value that matters.
    fn value_differs(&self, write: &Write<'_>, pos: u32, last_read: u32, model: &Architecture) -> Result<(), NoEffect> {
        if write.value == PatchValue::Other {
            match self.first_corrupted {
                None => return Err(NoEffect::Uncorrupted),
                Some(first) if first > last_read => return Err(NoEffect::CorruptedBehindReads { first, last_read }),
                Some(first) if first > pos => return Err(NoEffect::BeforeCorrupted { pos, first }),
                Some(_) => {}
            }
        }
        // The first position attends to itself alone, with probability 1 whatever its query.
        let is_its_probability = write.component == Component::Pattern && write.value != PatchValue::Zero;
        if pos == 0 && (write.component == Component::Q || is_its_probability) {
            return Err(NoEffect::AttendsToItself);
        }
        let is_embedding = write.layer == 0 && write.component.facts(model).origin == Origin::OwnToken;
        if write.value == PatchValue::Other && is_embedding && !self.is_corrupted(pos) {
            return Err(NoEffect::SameToken { pos });
        }
        Ok(())
    }

    fn is_corrupted(&self, pos: u32) -> bool {
        self.clean[pos as usize] != self.corrupted[pos as usize] || self.noised.binary_search(&pos).is_ok()
    }
}

/// Why a patch cannot change a score, the reasons furthest from an effect first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoEffect {
    /// Nothing is patched, or nothing is read.
    Nothing,
    /// The sender of a path comes behind all of its receivers.
    BehindReceivers,
    /// The receivers of a path are replaced at other positions only.
    NotReceived {
        /// Where the sender is.
        pos: u32,
    },
    /// The position comes after the last one that is read.
    BehindReads {
        /// Where the patch is.
        pos: u32,
        /// The last position that is read.
        last_read: u32,
    },
    /// In the last layer the patch acts on its own position only, which is not read.
    NotRead {
        /// Where the patch is.
        pos: u32,
    },
    /// The positions whose probability is patched come after the one that attends.
    InFuture {
        /// The position that attends.
        pos: u32,
        /// The first one whose probability is patched.
        source: u32,
    },
    /// They come before what it attends to in this layer.
    BeforeWindow {
        /// The position that attends.
        pos: u32,
        /// The first one whose probability is patched.
        source: u32,
    },
    /// Everything that the position attends to would be knocked out, so that nothing is.
    NothingElse {
        /// The position that attends.
        pos: u32,
    },
    /// The corrupted prompt is the clean one.
    Uncorrupted,
    /// Both prompts are equal up to the last position that is read.
    CorruptedBehindReads {
        /// The first position that is corrupted.
        first: u32,
        /// The last position that is read.
        last_read: u32,
    },
    /// Both prompts are equal up to the patch.
    BeforeCorrupted {
        /// Where the patch is.
        pos: u32,
        /// The first position that is corrupted.
        first: u32,
    },
    /// Position 0 attends to itself alone.
    AttendsToItself,
    /// In the first layer nothing but the position's own token decides what is patched, and it is the same in both runs.
    SameToken {
        /// Where the patch is.
        pos: u32,
    },
}

/// The positions that a patched run has to compute: from one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suffix {
    /// The first of them.
    pub first: u32,
    /// Whether the position before it is, from the patch on, as in the other run; all earlier ones are as in the run that
    /// is patched.
    pub follows_other: bool,
}

impl Suffix {
    /// Of a cell's runs of some prompts; `None` where the patch can change no score.
    ///
    /// Where the whole residual stream of the first corrupted position is patched, that position sees what it sees in the
    /// other run: the same before it, and itself. So it need not be computed, unless it is scored.
    #[must_use]
    pub fn of(cell: &Cell<'_>, pairs: &[PromptPair<'_>], model: &Architecture) -> Option<Self> {
        Self::of_changes(cell, pairs, &pairs.iter().map(|pair| pair.first_change(cell, model).ok()), model)
    }

    /// The same, where the first change of each prompt is known.
    #[must_use]
    pub fn of_changes(
        cell: &Cell<'_>,
        pairs: &[PromptPair<'_>],
        first_changes: &(impl Iterator<Item = Option<u32>> + Clone),
        model: &Architecture,
    ) -> Option<Self> {
        let live = || pairs.iter().zip(first_changes.clone()).filter_map(|(pair, pos)| Some((pair, pos?)));
        let first = live().map(|(_, pos)| pos).min()?;
        let reads = pairs.first().map_or(&[][..], |pair| pair.reads);
        // Where features are written, the rest of the stream stays what it was.
        let is_whole = cell.component().facts(model).is_whole_stream && cell.dictionary().is_none();
        let is_first_corrupted = || live().all(|(pair, _)| pair.first_corrupted == Some(first));
        let follows_other = is_whole
            && !cell.is_changed_on_its_way()
            && cell.value() == PatchValue::Other
            && cell.positions() == [first]
            && reads.binary_search(&first).is_err()
            && is_first_corrupted();
        Some(Self { first: first + u32::from(follows_other), follows_other })
    }
}

mod paths;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::{ParallelNorms, Sizes, Wiring};
    use crate::grid::Grid;

    fn model() -> Architecture {
        Architecture::plain(Sizes { layers: 3, heads: 2, d_model: 4, d_mlp: 16, d_vocab: 10, n_ctx: 8 })
    }

    const CLEAN: [u32; 6] = [1, 2, 3, 4, 5, 6];
    const CORRUPTED: [u32; 6] = [1, 2, 9, 4, 8, 6];

    fn pair() -> PromptPair<'static> {
        PromptPair::new(&CLEAN, &CORRUPTED, &[], &[4])
    }

    fn grid(component: Component, axes: &[Axis], value: PatchValue) -> Grid {
        let grid = Grid::new("g".into(), component, axes.to_vec(), &model(), 6).expect("a grid");
        grid.patched_with(value)
    }

    /// Positions at which a patch in this layer does nothing.
    fn noops_of(pair: PromptPair<'_>, component: Component, layer: u32, value: PatchValue) -> Vec<u32> {
        let grid = grid(component, &[Axis::Layer, Axis::Pos], value);
        (0..6).filter(|pos| pair.is_noop(&grid.cell(layer * 6 + pos), &model())).collect()
    }

    fn noops(component: Component, layer: u32) -> Vec<u32> {
        noops_of(pair(), component, layer, PatchValue::Other)
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
    fn noise_corrupts_like_another_token() {
        let pair = PromptPair::new(&CLEAN, &CLEAN, &[3], &[4]);
        assert_eq!(noops_of(pair, Component::ResidPre, 0, PatchValue::Other), [0, 1, 2, 4, 5]);
    }

    #[test]
    fn in_the_last_block_only_keys_and_values_reach_another_position() {
        assert_eq!(noops(Component::Z, 2), [0, 1, 2, 3, 5]);
        assert_eq!(noops(Component::ResidPost, 2), [0, 1, 2, 3, 5]);
        assert_eq!(noops(Component::V, 2), [0, 1, 5]);
        let two_reads = PromptPair::new(&CLEAN, &CORRUPTED, &[], &[2, 4]);
        assert_eq!(noops_of(two_reads, Component::Z, 2, PatchValue::Other), [0, 1, 3, 5]);
    }

    #[test]
    fn in_a_parallel_block_the_mlp_reads_its_own_position_only() {
        let axes = vec![Axis::Layer, Axis::Pos];
        let parallel = Architecture { wiring: Wiring::Parallel { norms: ParallelNorms::One }, ..model() };
        let grid = Grid::new("g".into(), Component::MlpOut, axes, &parallel, 6).expect("a grid");
        let in_parallel: Vec<u32> = (0..6).filter(|&pos| pair().is_noop(&grid.cell(pos), &parallel)).collect();
        assert_eq!(in_parallel, [0, 1, 3, 5]);
        assert_eq!(noops(Component::MlpOut, 0), [0, 1, 5]);
    }

    #[test]
    fn neurons_act_where_what_their_mlp_adds_does() {
        for component in [Component::MlpPre, Component::MlpPost] {
            for (layer, value) in [(0, PatchValue::Other), (2, PatchValue::Other), (1, PatchValue::Zero)] {
                let whole = noops_of(pair(), Component::MlpOut, layer, value);
                assert_eq!(noops_of(pair(), component, layer, value), whole, "{component}");
                let grid = grid(component, &[Axis::Layer, Axis::Pos, Axis::Neuron], value);
                let of_neuron = |pos: &u32| pair().is_noop(&grid.cell((layer * 6 + pos) * 16 + 7), &model());
                assert_eq!((0..6).filter(of_neuron).collect::<Vec<_>>(), whole, "{component}");
            }
        }
    }

    #[test]
    fn a_window_closes_behind_it() {
        let mut model = model();
        model.attention.layers[1].window = Some(2);
        let axes = vec![Axis::Layer, Axis::Head, Axis::DestPos, Axis::SrcPos];
        let grid = Grid::new("g".into(), Component::Pattern, axes, &model, 6).expect("a grid");
        let noop =
            |layer: u32, dest: u32, src: u32| pair().is_noop(&grid.cell(((layer * 2) * 6 + dest) * 6 + src), &model);
        assert!(noop(1, 4, 2) && !noop(1, 4, 3) && !noop(1, 4, 4) && !noop(0, 4, 2));
    }

    #[test]
    fn a_knockout_leaves_what_attends_to_nothing_else() {
        let mut model = model();
        model.attention.layers[1].window = Some(2);
        let axes = vec![Axis::Layer, Axis::DestPos];
        let grid = Grid::new("g".into(), Component::Pattern, axes, &model, 6).expect("a grid");
        let change = |layer: u32, dest: u32, sources: &[u32]| {
            let grid = grid.clone().restricted(Axis::SrcPos, sources.to_vec()).expect("positions");
            pair().first_change(&grid.patched_with(PatchValue::Knockout).cell(layer * 6 + dest), &model)
        };
        // Prompts that are equal so far do not matter.
        assert_eq!(change(0, 1, &[0]), Ok(1));
        assert_eq!(change(0, 0, &[0]), Err(NoEffect::NothingElse { pos: 0 }));
        assert_eq!(change(0, 2, &[0, 1, 2]), Err(NoEffect::NothingElse { pos: 2 }));
        assert_eq!(change(0, 1, &[2, 3]), Err(NoEffect::InFuture { pos: 1, source: 2 }));
        assert_eq!([change(1, 3, &[3]), change(1, 3, &[0, 1, 2])], [Ok(3); 2]);
        assert_eq!(change(1, 3, &[2, 3]), Err(NoEffect::NothingElse { pos: 3 }));
        assert_eq!(change(1, 3, &[0, 1]), Err(NoEffect::BeforeWindow { pos: 3, source: 0 }));
    }

    #[test]
    fn an_ablation_acts_on_uncorrupted_positions_too() {
        assert_eq!(noops_of(pair(), Component::ResidPre, 0, PatchValue::Zero), [5]);
        assert_eq!(noops_of(pair(), Component::Z, 2, PatchValue::Mean), [0, 1, 2, 3, 5]);
    }

    #[test]
    fn the_first_position_attends_to_itself_whatever_its_query() {
        let other = [9, 2, 3, 4, 5, 6];
        let pair = PromptPair::new(&CLEAN, &other, &[], &[4]);
        assert_eq!(noops_of(pair, Component::Q, 1, PatchValue::Other), [0, 5]);
        assert_eq!(noops_of(pair, Component::Q, 1, PatchValue::Zero), [0, 5]);
        for (value, is_noop) in [(PatchValue::Other, true), (PatchValue::Mean, true), (PatchValue::Zero, false)] {
            let grid = grid(Component::Pattern, &[Axis::Layer, Axis::Head, Axis::DestPos], value);
            assert_eq!(pair.is_noop(&grid.cell(2 * 6), &model()), is_noop, "{value:?}");
        }
    }

    #[test]
    fn a_position_does_not_attend_to_later_ones() {
        let grid = grid(Component::Pattern, &[Axis::Layer, Axis::Head, Axis::DestPos, Axis::SrcPos], PatchValue::Other);
        let noop = |dest: u32, src: u32| pair().is_noop(&grid.cell((2 * 6 + dest) * 6 + src), &model());
        assert!(!noop(3, 0) && !noop(3, 3) && noop(3, 4) && noop(1, 0) && noop(5, 0));
    }

    #[test]
    fn the_first_corrupted_position_is_as_in_the_other_run_unless_it_is_read_or_another_is_corrupted_before() {
        let suffix = |pairs: &[PromptPair<'_>], component, layer: u32, pos: u32| {
            let grid = grid(component, &[Axis::Layer, Axis::Pos], PatchValue::Other);
            Suffix::of(&grid.cell(layer * 6 + pos), pairs, &model()).map(|suffix| (suffix.first, suffix.follows_other))
        };
        let later = [1, 2, 3, 4, 8, 6];
        let (early, late) = (pair(), PromptPair::new(&CLEAN, &later, &[], &[4]));
        assert_eq!(suffix(&[early], Component::ResidPre, 1, 2), Some((3, true)));
        assert_eq!(suffix(&[early], Component::ResidMid, 0, 2), Some((3, true)));
        assert_eq!(suffix(&[early], Component::AttnOut, 1, 2), Some((2, false)));
        assert_eq!(suffix(&[early], Component::ResidPre, 1, 3), Some((3, false)));
        assert_eq!(suffix(&[late], Component::ResidPre, 1, 4), Some((4, false)), "it is read");
        assert_eq!(suffix(&[early, late], Component::ResidPre, 1, 2), Some((3, true)), "the other prompt is not live");
        let (early, late) =
            (PromptPair::new(&CLEAN, &CORRUPTED, &[], &[5]), PromptPair::new(&CLEAN, &later, &[], &[5]));
        assert_eq!(suffix(&[late], Component::ResidPre, 1, 4), Some((5, true)));
        assert_eq!(suffix(&[early, late], Component::ResidPre, 1, 4), Some((4, false)));
        assert_eq!(suffix(&[early], Component::ResidPre, 1, 1), None);
    }

    #[test]
    fn prompts_that_are_corrupted_at_the_same_positions_that_matter_have_equal_first_changes() {
        let corrupted = |clean, corrupted, noised| PromptPair::new(clean, corrupted, noised, &[1, 4]).corrupted();
        assert_eq!(corrupted(&CLEAN, &CORRUPTED, &[]), [2, 4]);
        assert_eq!(corrupted(&CLEAN, &CLEAN, &[2, 4, 5]), [2, 4]);
        assert_eq!(corrupted(&CLEAN, &[1, 2, 3, 4, 5, 9], &[]), [0; 0]);
        let grids = [Component::ResidPre, Component::Z, Component::K]
            .map(|component| grid(component, &component.axes()[..2], PatchValue::Other));
        let changes = |pair: PromptPair<'_>| -> Vec<_> {
            let cells = grids.iter().flat_map(|grid| (0..18).map(|index| grid.cell(index)));
            cells.map(|cell| pair.first_change(&cell, &model()).ok()).collect()
        };
        let (by_token, by_noise) = (PromptPair::new(&CLEAN, &CORRUPTED, &[], &[1, 4]), [2, 4, 5]);
        assert_eq!(changes(by_token), changes(PromptPair::new(&CLEAN, &CLEAN, &by_noise, &[1, 4])));
    }

    #[test]
    fn all_positions_at_once_do_nothing_only_when_the_prompts_agree_up_to_the_read_position() {
        let grid = grid(Component::Z, &[Axis::Layer, Axis::Head], PatchValue::Other);
        let all = grid.cell(1);
        assert_eq!(pair().first_change(&all, &model()), Ok(2));
        assert!(PromptPair::new(&CLEAN, &CORRUPTED, &[], &[1]).is_noop(&all, &model()));
        assert!(PromptPair::new(&CLEAN, &CLEAN, &[], &[4]).is_noop(&all, &model()));
    }
}
