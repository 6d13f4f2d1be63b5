//! Attention patterns that other queries or keys give.
//!
//! Softmax saturates: where one probability is nearly 1, its gradient is nearly 0, whatever a patch of queries or keys does to
//! the scores. So the pattern that they give is computed, and only what follows on the pattern is estimated, as in Kramár et al.,
//! "`AtP*`: An efficient and scalable method for localizing LLM behaviour to components" (2024), section 3.1.

use patchsweep_core::architecture::Architecture;
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};
use tch::{Kind, Tensor};

use crate::torch::gpu::upload;
use crate::torch::numbers::length;
use crate::torch::patch::values::Patch;
use crate::torch::positions::{At, Positions};

/// Largest logarithm of an unnormalised probability; its exponential and the square of that are finite float64.
const MOST: f64 = 300.0;

/// Queries and keys of one layer, as they are projected \[prompts, pos, head, `d_head`\].
struct Pair {
    queries: Tensor,
    keys: Tensor,
}

/// What becomes of a layer's pattern.
pub(super) enum NewPattern {
    /// The difference of two patterns, float64 \[prompts, head, dest, src\]: that of new queries, of which each row depends on one,
    /// or that of all new keys at once.
    Difference(Tensor),
    /// Of each key alone.
    OfEachKey {
        /// The pattern before, float64 \[prompts, head, dest, src\].
        pattern: Tensor,
        /// What a key's own probability moves by, as a part of what there is to lose \[prompts, head, dest, src\].
        ratio: Tensor,
    },
}

impl NewPattern {
    /// Of a grid over queries or keys in one layer.
    pub(super) fn of(patch: &Patch<'_>, grid: &Grid, layer: u32) -> Self {
        let all = Positions::between(0, patch.last);
        let base = Pair { queries: patch.base(layer, Component::Q), keys: patch.base(layer, Component::K) };
        let new = patch.new_at(grid.value, layer, grid.component, &all);
        let before = scores(patch, layer, &base);
        if grid.component == Component::Q {
            let after = scores(patch, layer, &Pair { queries: new, ..base });
            return Self::Difference(after.softmax(-1, None) - before.softmax(-1, None));
        }
        if !grid.axes.contains(&Axis::Pos) {
            let written: Vec<bool> =
                all.iter().map(|pos| grid.indices(Axis::Pos).iter().any(|&at| i64::from(at) == pos)).collect();
            let written = upload(&written, new.device()).view([1, -1, 1, 1]);
            let keys = new.where_self(&written, &base.keys);
            let after = scores(patch, layer, &Pair { keys, ..base });
            return Self::Difference(after.softmax(-1, None) - before.softmax(-1, None));
        }
        let after = scores(patch, layer, &Pair { keys: new, ..base });
        // With one score changed by d, p_s becomes p_s e^d / (1 - p_s + p_s e^d), and all others shrink alike.
        let logarithm = before.log_softmax(-1, None);
        let change = (after - &before).nan_to_num(0.0, 0.0, 0.0);
        let pattern = logarithm.exp();
        let unnormalised = (logarithm + change).clamp_max(MOST).exp();
        let rest: Tensor = -&pattern + &unnormalised + 1.0;
        let ratio = (unnormalised - &pattern) / rest.clamp_min(f64::MIN_POSITIVE);
        Self::OfEachKey { pattern, ratio }
    }

    /// What a gradient by the pattern \[prompts, head, dest, src\] makes of it: by position and head of the component
    /// \[prompts, pos, head\], or \[prompts, 1, head\] of all positions at once.
    pub(super) fn terms(&self, gradient: &Tensor, grid: &Grid, model: &Architecture) -> Tensor {
        let gradient = gradient.to_kind(Kind::Double);
        let sum = |x: Tensor, dims: &[i64]| x.sum_dim_intlist(dims, false, Kind::Double);
        let by_query_head = match self {
            Self::Difference(difference) if grid.component == Component::Q => sum(gradient * difference, &[-1]),
            Self::Difference(difference) => sum(gradient * difference, &[-2, -1]).unsqueeze(-1),
            // All probabilities but the key's own lose alike, so that Σ g Δp = (g_s - Σ g p) (p'_s - p_s) / (1 - p_s).
            Self::OfEachKey { pattern, ratio } => {
                let mean = (&gradient * pattern).sum_dim_intlist([-1].as_slice(), true, Kind::Double);
                sum((gradient - mean) * ratio, &[-2])
            }
        };
        // [prompts, query head, pos] to the component's heads, each of which serves some query heads.
        let heads = length(grid.component.heads().count(model) as usize);
        sum(by_query_head.unflatten(1, [heads, -1]), &[2]).transpose(1, 2)
    }
}

/// The pattern that the other run has less the one of the run that is patched, float64 \[prompts, head, dest, src\], of a grid
/// over patterns.
pub(super) fn pattern_difference(patch: &Patch<'_>, grid: &Grid, layer: u32) -> Tensor {
    let positions = patch.last + 1;
    let cut = |pattern: Tensor| pattern.narrow(2, 0, positions).narrow(3, 0, positions).to_kind(Kind::Double);
    let before = cut(patch.base.get(layer, Component::Pattern));
    match grid.value {
        PatchValue::Zero => -before,
        PatchValue::Knockout => unreachable!("made of scores"),
        PatchValue::Mean => cut(patch.means.get(layer, Component::Pattern)) - before,
        PatchValue::Other => {
            let all = Positions::between(0, patch.last);
            let [queries, keys] =
                [Component::Q, Component::K].map(|site| patch.new_at(PatchValue::Other, layer, site, &all));
            scores(patch, layer, &Pair { queries, keys }).softmax(-1, None) - before
        }
    }
}

/// Masked attention scores of the run that is patched, float64 \[prompts, head, dest, src\].
pub(super) fn base_scores(patch: &Patch<'_>, layer: u32) -> Tensor {
    let pair = Pair { queries: patch.base(layer, Component::Q), keys: patch.base(layer, Component::K) };
    scores(patch, layer, &pair)
}

/// Masked attention scores, float64 \[prompts, head, dest, src\].
fn scores(patch: &Patch<'_>, layer: u32, Pair { queries, keys }: &Pair) -> Tensor {
    let (exec, all) = (patch.exec, Positions::between(0, patch.last));
    let queries = exec.finished_queries(layer, queries, At::Positions(&all));
    let keys = exec.finished_keys(layer, keys, At::Positions(&all));
    let scores = exec.attention_scores(layer, &queries, &keys).to_kind(Kind::Double);
    scores.masked_fill(&exec.hidden(layer, &all, &all), f64::NEG_INFINITY)
}

/// Whether the cells of a grid are estimated from the pattern on.
pub(super) fn recomputes(grid: &Grid) -> bool {
    grid.estimate.is_some_and(|estimate| estimate.recompute_pattern)
}
