//! Multiply-adds of whole and of patched runs, as the worker executes them.
//!
//! Counted in 128 bits, which is enough for any sizes of a model and any sweep, and returned in 64, where a larger
//! number saturates.

mod estimates;

use patchsweep_core::architecture::Architecture;
use patchsweep_core::context::{Iteration, SweepContext};
use patchsweep_core::dictionary::Dictionary;
use patchsweep_core::grid::{Axis, Cell, Component, PatchValue};
use patchsweep_core::length;
use patchsweep_core::metric::MetricKind;
use patchsweep_core::sites::{Facts, Heads, Reach, Stage};
use patchsweep_core::writes::Beginning;

mod paths;
pub use estimates::BACKWARD;

/// Counts the multiply-adds of matrix products; everything else is small beside them.
#[derive(Clone, Copy, Debug)]
pub struct CostModel<'a> {
    model: &'a Architecture,
    /// Width of the residual stream.
    width: u128,
    /// Of all query heads together.
    queries: u128,
    /// Of all key heads together, or value heads.
    keys: u128,
    /// One token through an MLP.
    mlp: u128,
    layers: u32,
    /// The logits that the metrics read, of one row.
    logits: u128,
    /// Of those, what comparing with the clean run takes once more for each prompt.
    clean_logits: u128,
    /// All logits of one row.
    vocabulary: u128,
}

/// A patch of one prompt.
#[derive(Clone, Copy, Debug)]
pub struct PatchPoint<'a> {
    /// What is patched.
    pub cell: &'a Cell<'a>,
    /// First position that has to be computed.
    pub start: u32,
    /// Where the runs begin.
    pub beginning: Beginning,
    /// The scored positions, ascending.
    pub reads: &'a [u32],
}

impl<'a> PatchPoint<'a> {
    /// The last scored position.
    fn last(self) -> u32 {
        self.reads.last().copied().unwrap_or(0)
    }

    /// The patched positions that are computed.
    fn patched(self) -> impl Iterator<Item = &'a u32> {
        let computed = self.start..=self.last();
        self.cell.positions().iter().filter(move |&pos| computed.contains(pos))
    }
}

impl<'a> CostModel<'a> {
    /// For a sweep's model and metrics.
    #[must_use]
    pub fn of(context: &'a SweepContext) -> Self {
        let model = &context.architecture;
        let width = u128::from(model.d_model);
        let vocabulary = u128::from(model.d_vocab) * width;
        let kinds = || context.metrics.iter().map(|metric| &metric.kind);
        let tokens: u128 = kinds().map(|kind| kind.logits_of_tokens() as u128 * width).sum();
        let whole = if kinds().any(MetricKind::reads_vocabulary) { vocabulary } else { 0 };
        let clean_logits = if kinds().any(|kind| *kind == MetricKind::Kl) { vocabulary } else { 0 };
        Self { logits: tokens + whole, clean_logits, vocabulary, ..Self::of_blocks(model) }
    }

    /// Without logits.
    fn of_blocks(model: &'a Architecture) -> Self {
        let width = u128::from(model.d_model);
        let matrices = if model.mlp.gated { 3 } else { 2 };
        Self {
            model,
            width,
            queries: model.d_queries().into(),
            keys: model.d_keys().into(),
            mlp: matrices * width * u128::from(model.d_mlp),
            layers: model.layers,
            logits: 0,
            clean_logits: 0,
            vocabulary: 0,
        }
    }

    /// One prompt as `TransformerLens` runs it: all positions, and all logits of each.
    #[must_use]
    pub fn full_pass(&self, positions: u32) -> u64 {
        saturated(self.whole_run(0, positions) + u128::from(positions) * self.vocabulary)
    }

    /// One prompt through all blocks from position `first` to before position `end`, without logits.
    #[must_use]
    pub fn run(&self, first: u32, end: u32) -> u64 {
        saturated(self.whole_run(first, end))
    }

    fn whole_run(&self, first: u32, end: u32) -> u128 {
        let tokens = u128::from(end.saturating_sub(first));
        u128::from(self.layers) * (self.projections(tokens, tokens) + self.rest(tokens, end.into()))
    }

    /// Some of a dictionary's features of one run at some positions.
    #[must_use]
    pub fn encoding(&self, dictionary: &Dictionary, positions: usize, features: usize) -> u64 {
        let (positions, features) = (length(positions), dictionary.encoded(length(features)));
        saturated(u128::from(positions) * u128::from(features) * u128::from(dictionary.width))
    }

    /// The metrics of some unpatched runs of one prompt, and what they and patched ones are compared with.
    #[must_use]
    pub fn unpatched_scores(&self, iteration: &Iteration, runs: u32) -> u64 {
        saturated(
            iteration.reads.len() as u128 * (u128::from(runs) * (self.logits + self.clean_logits) + self.clean_logits),
        )
    }

    /// What a tile takes once more for each prompt and each read position that a cell reaches, if its cells fit one batch: the
    /// clean run's logits, which the patched runs are compared with.
    #[must_use]
    pub fn compared(&self, reads_reached: usize) -> u64 {
        saturated(self.clean_logits.saturating_mul(reads_reached as u128))
    }

    /// One prompt from a patch to the scored logits. Behind the next attention all positions from the patch to the last read
    /// one are computed, and behind the last block only the read positions; before that attention, those that the patch
    /// changes.
    #[must_use]
    pub fn patched_run(&self, point: PatchPoint<'_>) -> u64 {
        let PatchPoint { cell, start, reads, .. } = point;
        if cell.is_changed_on_its_way() {
            return self.run_changed_on_its_way(point);
        }
        let Some(&last) = reads.last() else { return 0 };
        let (layer, facts) = (cell.layer(), cell.component().facts(self.model));
        let suffix = u128::from(last.saturating_sub(start)) + 1;
        let scored = reads.iter().filter(|&&read| read >= start).count() as u128;
        let patched_reads = point.patched().filter(|pos| reads.binary_search(pos).is_ok()).count() as u128;
        let patched = point.patched().count() as u128;
        // Rows that matter behind a block: of all positions, and of those that are patched.
        let is_last = |layer: u32| layer + 1 == self.layers;
        let all = |layer: u32| if is_last(layer) { scored } else { suffix };
        let own = |layer: u32| if is_last(layer) { patched_reads } else { patched };
        let changes_all = facts.reach == Reach::LaterPositions && facts.stage != Stage::Input;
        let changed = if changes_all { all(layer) } else { own(layer) };
        let entry = match cell.dictionary() {
            Some(dictionary) => {
                let rows = if facts.stage == Stage::Input { patched } else { changed };
                rows * self.feature_entry(cell, dictionary, facts)
            }
            None if facts.stage == Stage::Input => 0,
            None => changed * self.entry(point, facts),
        };
        let first = layer + u32::from(facts.stage != Stage::Input);
        let block = |layer: u32| {
            let [queries, keys] =
                if layer == first && !changes_all { [own(layer), patched] } else { [all(layer), suffix] };
            self.projections(queries, keys) + self.rest(all(layer), u128::from(last) + 1)
        };
        let behind: u128 = (first..self.layers).map(block).sum();
        saturated(entry + behind + self.reads_reached(point).len() as u128 * self.logits)
    }

    /// The same of a cell with several writes, or of a path's third pass: rows that may differ go on to the next attention, and
    /// through all that comes then, whatever is written there.
    fn run_changed_on_its_way(&self, point: PatchPoint<'_>) -> u64 {
        let PatchPoint { start, beginning: Beginning { layer, stage }, reads, .. } = point;
        let Some(&last) = reads.last() else { return 0 };
        let suffix = u128::from(last.saturating_sub(start)) + 1;
        let scored = reads.iter().filter(|&&read| read >= start).count() as u128;
        let rows = self.rows(point);
        let own_reads = rows.iter().filter(|pos| reads.binary_search(pos).is_ok()).count() as u128;
        let is_last = |layer: u32| layer + 1 == self.layers;
        let all = |layer: u32| if is_last(layer) { scored } else { suffix };
        let own = |layer: u32| if is_last(layer) { own_reads } else { rows.len() as u128 };
        let receives = |component| point.cell.grid().to().is_some_and(|to| to.component == Some(component));
        // What an MLP reads is replaced at its block's output, which its MLP makes.
        let goes_through_mlp = stage == Stage::BeforeMlp || receives(Component::MlpIn);
        let entry = if goes_through_mlp { own(layer) * self.mlp } else { 0 };
        let first = layer + u32::from(stage != Stage::Input);
        let block = |layer: u32| {
            let [queries, keys] = if layer == first { [own(layer), rows.len() as u128] } else { [all(layer), suffix] };
            self.projections(queries, keys) + self.rest(all(layer), u128::from(last) + 1)
        };
        let behind: u128 = (first..self.layers).map(block).sum();
        saturated(entry + behind + self.reads_reached(point).len() as u128 * self.logits)
    }

    /// The positions of which a cell with several writes, or a path, has rows when it begins.
    fn rows(&self, point: PatchPoint<'_>) -> Vec<u32> {
        point.beginning.rows(point.cell, point.start..point.last() + 1, self.model)
    }

    /// The read positions at which a patched run is scored.
    #[must_use]
    pub fn reads_reached(&self, point: PatchPoint<'a>) -> Vec<u32> {
        let PatchPoint { cell, start, reads, beginning } = point;
        let several = cell.is_changed_on_its_way();
        let facts = cell.component().facts(self.model);
        let begins_with_attention =
            if several { beginning.stage == Stage::Input } else { facts.reach == Reach::LaterPositions };
        let attention_follows = begins_with_attention || beginning.layer + 1 < self.layers;
        let own = if several && !attention_follows { self.rows(point) } else { cell.positions().to_vec() };
        let is_reached = |read: &u32| *read >= start && (attention_follows || own.contains(read));
        reads.iter().copied().filter(is_reached).collect()
    }

    /// What a patch behind a block's input takes in the block, for each row that it changes: of a patch inside attention the
    /// heads' part of attention and of the output projection, and the MLP where that comes next; of neurons their part of
    /// the MLP's projections.
    fn entry(&self, point: PatchPoint<'_>, facts: Facts) -> u128 {
        let cell = point.cell;
        if cell.component().has_neurons() {
            return cell.indices(Axis::Neuron).len() as u128 * self.neuron(cell.component());
        }
        let mixes_heads = cell.component().mixes_heads(self.model);
        let query_heads = cell.indices(Axis::Head).len() as u128 * u128::from(facts.heads.group(self.model));
        let patched = if mixes_heads { self.queries } else { query_heads * u128::from(self.model.d_head) };
        let projected = if self.model.has_post_norms() { self.queries } else { patched };
        let attention = if facts.heads == Heads::None { 0 } else { patched * keys_read(point) };
        let projection = if facts.heads == Heads::None { 0 } else { projected * self.width };
        attention + projection + if facts.stage == Stage::BeforeMlp { self.mlp } else { 0 }
    }

    /// The same of features: their rows of the decoder, what the block makes of that inside attention or the MLP, and the MLP
    /// where that comes next.
    fn feature_entry(&self, cell: &Cell<'_>, dictionary: &Dictionary, facts: Facts) -> u128 {
        let width = u128::from(dictionary.width);
        let written = cell.indices(Axis::Feature).len() as u128 * width;
        let is_inside = matches!(dictionary.component, Component::Z | Component::MlpPost);
        let projected = if is_inside { width * self.width } else { 0 };
        written + projected + if facts.stage == Stage::BeforeMlp { self.mlp } else { 0 }
    }

    /// One neuron of one row, with what a gate's neuron is multiplied by.
    fn neuron(&self, component: Component) -> u128 {
        let is_gate = component == Component::MlpPre && self.model.mlp.gated;
        if is_gate { 2 * self.width } else { self.width }
    }

    /// Queries of some tokens, keys and values of some.
    fn projections(&self, queries: u128, keys: u128) -> u128 {
        (queries * self.queries + 2 * keys * self.keys) * self.width
    }

    /// Attention of some tokens over some keys, its output projection, and the MLP.
    fn rest(&self, outputs: u128, keys: u128) -> u128 {
        outputs * (2 * keys * self.queries + self.queries * self.width + self.mlp)
    }
}

/// Keys and values, each as often as a row of a head is multiplied with it for the change of `z`.
fn keys_read(point: PatchPoint<'_>) -> u128 {
    let (cell, last) = (point.cell, point.last());
    let all = u128::from(last) + 1;
    let patched = || point.patched().count() as u128;
    let sources = || cell.indices(Axis::SrcPos).iter().filter(|&&pos| pos <= last).count() as u128;
    match (cell.component(), cell.value()) {
        // Scores and weighted values.
        (Component::Q, _) | (Component::Pattern, PatchValue::Knockout) => 2 * all,
        // The unpatched scores, those with the patched keys, and weighted values.
        (Component::K, _) => 2 * all + patched(),
        // The unpatched scores, and what the change of the values is weighted to.
        (Component::V, _) => all + patched(),
        // Scores of both runs, or of one where the value is none of a run, and weighted values.
        (Component::Pattern, PatchValue::Other) => 2 * all + sources(),
        (Component::Pattern, PatchValue::Mean | PatchValue::Zero) => all + sources(),
        _ => 0,
    }
}

/// As much of it as 64 bits hold.
fn saturated(multiply_adds: u128) -> u64 {
    u64::try_from(multiply_adds).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use patchsweep_core::architecture::{NormPlace, ParallelNorms, QkNorm, Sizes, Wiring};
    use patchsweep_core::grid::Grid;

    use super::*;

    fn plain() -> Architecture {
        Architecture::plain(Sizes { layers: 3, heads: 2, d_model: 10, d_mlp: 40, d_vocab: 100, n_ctx: 8 })
    }

    fn cost(model: &Architecture) -> CostModel<'_> {
        CostModel { logits: 30, vocabulary: 1000, ..CostModel::of_blocks(model) }
    }

    /// A cell over one position and, where there are heads, one head.
    fn patched(component: Component, layer: u32, start: u32) -> u64 {
        patched_in(&plain(), component, layer, start)
    }

    fn patched_in(model: &Architecture, component: Component, layer: u32, start: u32) -> u64 {
        let axes: Vec<Axis> = component.axes().iter().copied().filter(|&axis| axis != Axis::SrcPos).collect();
        let grid = Grid::new("g".into(), component, axes, model, 8).expect("a grid");
        let grid = grid.restricted(component.position_axis(), vec![start]).expect("a position");
        let grid = grid.restricted(Axis::Layer, vec![layer]).expect("a layer");
        let (cell, stage) = (grid.cell(0), component.facts(model).stage);
        cost(model).patched_run(PatchPoint { cell: &cell, start, beginning: Beginning { layer, stage }, reads: &[5] })
    }

    #[test]
    fn costs_beyond_all_numbers_are_as_large_as_numbers_get() {
        let most = 1 << 24;
        let model = plain();
        let cost =
            CostModel { width: most, queries: most, keys: most, mlp: 2 * most * most, layers: 1 << 12, ..cost(&model) };
        assert_eq!((cost.run(0, 1 << 24), cost.full_pass(1 << 24)), (u64::MAX, u64::MAX));
    }

    #[test]
    fn a_run_costs_less_the_later_it_differs() {
        let model = plain();
        let cost = cost(&model);
        // Per block and token: projections 300, output 100, MLP 800, and 2 * 10 per key.
        assert_eq!(cost.run(0, 8), 3 * 8 * (1200 + 8 * 20));
        assert_eq!(cost.run(6, 8), 3 * 2 * (1200 + 8 * 20));
        assert_eq!(cost.full_pass(8), cost.run(0, 8) + 8 * 1000);
        let whole_block = 2 * (1200 + 6 * 20);
        let last_block = (100 + 2 * 200) + 6 * 20 + 100 + 800;
        // Up to the next attention only the patched position has new queries, keys and values: here not the read one.
        assert_eq!(patched(Component::ResidPre, 0, 4), (whole_block - 300) + whole_block + last_block + 30);
        assert_eq!(patched(Component::ResidPost, 0, 4), (whole_block - 300) + last_block + 30);
        let next_block = 200 + 6 * 20 + 100 + 800;
        // Of a head, only its part of the output projection, and only where it changes anything. A row of 5 numbers reads 6
        // keys twice for scores and values, once more for another run's scores, and the patched ones again.
        assert_eq!(patched(Component::Q, 1, 4), (5 * 12 + 50 + 800) + next_block + 30);
        assert_eq!(patched(Component::Z, 1, 4), (50 + 800) + next_block + 30);
        assert_eq!(patched(Component::Pattern, 1, 4), (5 * 18 + 50 + 800) + next_block + 30);
        assert_eq!(patched(Component::V, 1, 4), 2 * (5 * 7 + 50 + 800) + last_block + 30);
        assert_eq!(patched(Component::ResidPost, 1, 4), next_block + 30);
        assert_eq!(patched(Component::ResidPost, 2, 5), 30);
        assert_eq!(patched(Component::AttnOut, 2, 5), 800 + 30);
    }

    #[test]
    fn a_neuron_takes_its_rows_of_the_projections_and_not_the_whole_of_them() {
        let next_block = 200 + 6 * 20 + 100 + 800;
        assert_eq!(patched(Component::MlpPost, 1, 4), 10 + next_block + 30);
        assert_eq!(patched(Component::MlpPre, 1, 4), 10 + next_block + 30);
        assert_eq!(patched(Component::MlpPost, 2, 5), 10 + 30);
        let mut model = plain();
        model.mlp.gated = true;
        model.norm.place = NormPlace::After;
        assert_eq!(patched_in(&model, Component::MlpPost, 1, 4), 10 + next_block + 400 + 30);
        assert_eq!(patched_in(&model, Component::MlpPre, 1, 4), 20 + next_block + 400 + 30);
        // All of them at once are the projection.
        let axes = vec![Axis::Layer, Axis::Pos];
        let grid = Grid::new("g".into(), Component::MlpPost, axes, &model, 8).expect("a grid");
        let beginning = Beginning { layer: 2, stage: Component::MlpPost.facts(&model).stage };
        let point = PatchPoint { cell: &grid.cell(2 * 8 + 5), start: 5, beginning, reads: &[5] };
        assert_eq!(cost(&model).patched_run(point), 400 + 30);
    }

    #[test]
    fn what_a_patch_takes_follows_the_description() {
        let grouped = Architecture { heads: 4, kv_heads: 2, d_head: 3, ..plain() };
        // Queries are 12 wide, keys and values 6; attention's output takes 120, over 6 keys 144, the MLP 800.
        let last_block = (120 + 2 * 2 * 60) + 144 + 120 + 800;
        // Behind a patch of a position that is not read only its keys and values are new.
        let next_block = 2 * 60 + 144 + 120 + 800;
        assert_eq!(patched_in(&grouped, Component::Q, 1, 4), (3 * 12 + 30 + 800) + next_block + 30);
        // A key-value head serves two query heads.
        assert_eq!(patched_in(&grouped, Component::K, 1, 4), 2 * (6 * 13 + 60 + 800) + last_block + 30);
        let mut model = grouped.clone();
        model.attention.qk_norm = QkNorm::Whole;
        assert_eq!(patched_in(&model, Component::K, 1, 4), 2 * (12 * 13 + 120 + 800) + last_block + 30);
        assert_eq!(patched_in(&model, Component::V, 1, 4), 2 * (6 * 7 + 60 + 800) + last_block + 30);
        model.norm.place = NormPlace::After;
        assert_eq!(patched_in(&model, Component::V, 1, 4), 2 * (6 * 7 + 120 + 800) + last_block + 30);
        let mut model = grouped;
        model.wiring = Wiring::Parallel { norms: ParallelNorms::One };
        assert_eq!(patched_in(&model, Component::Q, 1, 4), 3 * 12 + 30 + next_block + 30);
        assert_eq!(patched_in(&model, Component::AttnOut, 1, 4), next_block + 30);
        model.mlp.gated = true;
        assert_eq!(patched_in(&model, Component::MlpOut, 1, 4), next_block + 400 + 30);
    }
}
