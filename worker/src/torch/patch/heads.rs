//! Patches inside attention, which act through `z` alone.
//!
//! A patch of queries, keys, values or probabilities changes `z` at some positions, head by head. So it is computed for the
//! patched heads of all cells at once, and a cell takes those that it patches.

use patchsweep_core::architecture::Architecture;
use patchsweep_core::grid::{Component, PatchValue};
use tch::Tensor;

use crate::torch::gpu::upload;
use crate::torch::numbers::length;
use crate::torch::patch::values::Patch;
use crate::torch::positions::{At, Positions};

/// A patch inside attention.
pub(crate) struct HeadPatch<'a> {
    pub(crate) component: Component,
    pub(crate) layer: u32,
    /// Positions that are patched.
    pub(crate) patched: &'a Positions,
    /// Positions attended to whose probability is patched; only for patterns.
    pub(crate) sources: &'a Positions,
    /// Positions where the change is wanted.
    pub(crate) rows: &'a Positions,
    /// Heads whose change is wanted.
    pub(crate) heads: &'a Wanted,
    /// Where queries, or keys, of all heads are normalised together: the heads that are patched, as they change the others.
    pub(crate) among: Option<&'a [u32]>,
}

/// Heads that are computed. Each key-value head serves the same number of query heads, in order.
pub(crate) struct Wanted {
    /// Query heads, ascending; `None` means all.
    queries: Option<Vec<i64>>,
    /// The key-value heads that they read.
    keys: Option<Vec<i64>>,
}

impl Wanted {
    /// Of a component some heads, ascending, and what they change.
    pub(crate) fn of(component: Component, heads: &[u32], model: &Architecture) -> Self {
        let served = component.heads().group(model);
        let queries: Vec<i64> =
            heads.iter().flat_map(|&head| head * served..(head + 1) * served).map(i64::from).collect();
        if queries.len() == model.heads as usize {
            return Self::all();
        }
        // A query head alone reads a key-value head of its own, which may stand here more than once.
        let alone = if served == 1 { model.group() } else { 1 };
        let keys = heads.iter().map(|&head| i64::from(head / alone)).collect();
        Self { queries: Some(queries), keys: Some(keys) }
    }

    pub(crate) fn all() -> Self {
        Self { queries: None, keys: None }
    }

    /// Where one of the query heads stands among them.
    pub(crate) fn index_of(&self, head: u32) -> i64 {
        match &self.queries {
            None => head.into(),
            Some(heads) => {
                length(heads.iter().position(|&other| other == i64::from(head)).expect("a head that is computed"))
            }
        }
    }

    /// Of a tensor whose dimension has all query heads, these.
    fn queries(&self, x: &Tensor, dim: i64) -> Tensor {
        picked(self.queries.as_deref(), x, dim)
    }

    /// Of a tensor whose dimension has all key-value heads, those that are read.
    fn keys(&self, x: &Tensor, dim: i64) -> Tensor {
        picked(self.keys.as_deref(), x, dim)
    }
}

fn picked(heads: Option<&[i64]>, x: &Tensor, dim: i64) -> Tensor {
    heads.map_or_else(|| x.shallow_clone(), |heads| x.index_select(dim, &upload(heads, x.device())))
}

impl Patch<'_> {
    /// By how much the patch changes `z` \[prompts, rows, wanted head, `d_head`\].
    pub(crate) fn z_change(&self, patch: &HeadPatch<'_>) -> Tensor {
        let &HeadPatch { component, layer, patched, rows, heads, .. } = patch;
        let z = || heads.queries(&self.base_at(layer, Component::Z, rows), 2);
        match component {
            Component::Z => heads.queries(&self.value_at(layer, Component::Z, rows), 2) - z(),
            Component::Q => {
                let queries = self.exec.finished_queries(layer, &self.value_among(patch, rows), At::Positions(rows));
                let scores = self.scores(layer, &queries, &self.base_keys(layer), heads);
                self.weighted(patch, &self.exec.pattern(layer, &scores, rows)) - z()
            }
            Component::K => {
                let queries = self.base_queries(layer, rows);
                let scores = self.scores(layer, &queries, &self.base_keys(layer), heads);
                let keys = self.exec.finished_keys(layer, &self.value_among(patch, patched), At::Positions(patched));
                patched.overwrite(&scores, 3, 0, &self.scores(layer, &queries, &keys, heads));
                self.weighted(patch, &self.exec.pattern(layer, &scores, rows)) - z()
            }
            Component::V => {
                let pattern = patched.of(&self.base_pattern(layer, rows, heads), 3, 0);
                let values = self.value_at(layer, Component::V, patched) - self.base_at(layer, Component::V, patched);
                self.exec.weighted_values(&pattern, &heads.keys(&values, 2))
            }
            _ if self.value == PatchValue::Knockout => self.weighted(patch, &self.knockout_change(patch)),
            _ => {
                let change = self.pattern_change(patch);
                // Rows that no longer sum to 1 do not weigh the value bias, which is folded into the output bias.
                let values = self.base_at(layer, Component::V, patch.sources) - &self.exec.weights(layer).folded_values;
                self.exec.weighted_values(&patch.sources.of(&change, 3, 0), &heads.keys(&values, 2))
            }
        }
    }

    /// By how much attention probabilities change where scores become minus infinity \[prompts, wanted head, rows, key\].
    fn knockout_change(&self, patch: &HeadPatch<'_>) -> Tensor {
        let &HeadPatch { layer, sources, rows, heads, .. } = patch;
        let scores = self.scores(layer, &self.base_queries(layer, rows), &self.base_keys(layer), heads);
        let masked = scores.masked_fill(&self.knocked_out(layer, sources, rows), f64::NEG_INFINITY);
        self.exec.pattern(layer, &masked, rows) - self.exec.pattern(layer, &scores, rows)
    }

    /// Whether a row's key, up to the last position, is among the sources that are knocked out of it: bool \[rows, key\].
    pub(crate) fn knocked_out(&self, layer: u32, sources: &Positions, rows: &Positions) -> Tensor {
        let number = |pos: i64| u32::try_from(pos).expect("a position");
        let listed: Vec<u32> = sources.iter().map(number).collect();
        let of_row = |row: i64| {
            let some = self.exec.model.architecture.knocks_out_some(layer, number(row), &listed);
            (0..=self.last).map(move |key| some && sources.place_of(key).is_some())
        };
        let out: Vec<bool> = rows.iter().flat_map(of_row).collect();
        upload(&out, self.exec.device(layer)).view([rows.len(), -1])
    }

    /// By how much attention probabilities change \[prompts, wanted head, rows, key\].
    fn pattern_change(&self, patch: &HeadPatch<'_>) -> Tensor {
        let &HeadPatch { layer, rows, heads, .. } = patch;
        let keys = self.last + 1;
        let base = self.base_pattern(layer, rows, heads);
        let value = match self.value {
            PatchValue::Zero => return -base,
            PatchValue::Knockout => unreachable!("made of masked scores"),
            PatchValue::Mean => {
                heads.queries(&rows.of(&self.means.get(layer, Component::Pattern).narrow(3, 0, keys), 2, 0), 1)
            }
            PatchValue::Other => {
                let queries = rows.of(&self.other.get(layer, Component::Q), 1, 0);
                let queries = self.exec.finished_queries(layer, &queries, At::Positions(rows));
                let keys = self.other.get(layer, Component::K).narrow(1, 0, keys);
                let keys = self.exec.finished_keys(layer, &keys, At::Positions(&Positions::between(0, self.last)));
                self.exec.pattern(layer, &self.scores(layer, &queries, &keys, heads), rows)
            }
        };
        value - base
    }

    /// Attention probabilities of the run that is patched \[prompts, wanted head, rows, key\].
    fn base_pattern(&self, layer: u32, rows: &Positions, heads: &Wanted) -> Tensor {
        let scores = self.scores(layer, &self.base_queries(layer, rows), &self.base_keys(layer), heads);
        self.exec.pattern(layer, &scores, rows)
    }

    /// Attention scores \[prompts, wanted head, query, key\] of finished queries and keys of all heads.
    fn scores(&self, layer: u32, queries: &Tensor, keys: &Tensor, heads: &Wanted) -> Tensor {
        self.exec.attention_scores(layer, &heads.queries(queries, 2), &heads.keys(keys, 2))
    }

    /// What `z` becomes \[prompts, rows, wanted head, `d_head`\] over the unpatched values.
    fn weighted(&self, patch: &HeadPatch<'_>, pattern: &Tensor) -> Tensor {
        self.exec.weighted_values(pattern, &patch.heads.keys(&self.base(patch.layer, Component::V), 2))
    }

    /// What queries or keys become at some positions \[prompts, positions, head, `d_head`\]; of heads that are not among the
    /// patched ones, what they are.
    fn value_among(&self, patch: &HeadPatch<'_>, positions: &Positions) -> Tensor {
        let value = self.value_at(patch.layer, patch.component, positions);
        let Some(heads) = patch.among else { return value };
        let all = self.base_at(patch.layer, patch.component, positions).copy();
        for &head in heads {
            all.select(2, head.into()).copy_(&value.select(2, head.into()));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::architecture::Sizes;

    use super::*;

    fn wanted(component: Component, heads: &[u32]) -> (Option<Vec<i64>>, Option<Vec<i64>>) {
        let plain = Architecture::plain(Sizes { layers: 1, heads: 6, d_model: 12, d_mlp: 16, d_vocab: 10, n_ctx: 8 });
        let wanted = Wanted::of(component, heads, &Architecture { kv_heads: 3, ..plain });
        (wanted.queries, wanted.keys)
    }

    #[test]
    fn each_query_head_has_the_keys_of_its_group() {
        assert_eq!(wanted(Component::Q, &[0, 2, 3]), (Some(vec![0, 2, 3]), Some(vec![0, 1, 1])));
        assert_eq!(wanted(Component::K, &[0, 2]), (Some(vec![0, 1, 4, 5]), Some(vec![0, 2])));
        assert_eq!(wanted(Component::Pattern, &[0, 1, 2, 3, 4, 5]), (None, None));
        assert_eq!(wanted(Component::V, &[0, 1, 2]), (None, None));
    }

    #[test]
    fn heads_are_found_among_those_that_are_computed() {
        let wanted = Wanted { queries: Some(vec![1, 4, 5]), keys: None };
        assert_eq!([wanted.index_of(1), wanted.index_of(5), Wanted::all().index_of(5)], [0, 2, 5]);
    }
}
