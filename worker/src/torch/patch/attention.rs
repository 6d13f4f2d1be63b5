//! Attention of the positions from a patch on, over the unpatched keys and values before it.

use tch::{Kind, Tensor};

use super::pattern_changes::PatternChanges;
use crate::torch::model::exec::Exec;
use crate::torch::numbers::count;
use crate::torch::positions::Positions;

/// Most attention probabilities that are computed at once.
const MOST_PROBABILITIES: i64 = 1 << 24;
/// Most matrices of one batched product: what the grid of a CUDA kernel holds beside its first dimension.
const MOST_MATRICES: i64 = 65_535;

/// What attention works on. Queries and keys are finished.
pub(crate) struct SuffixAttention<'a> {
    pub(crate) layer: u32,
    /// \[cells, prompts, queries, head, `d_head`\], scaled.
    pub(crate) queries: &'a Tensor,
    /// Where the queries are.
    pub(crate) positions: &'a Positions,
    /// How many queries \[cells, prompts, queries\] matter; the others fill the tensor up.
    pub(crate) needed: i64,
    /// \[cells, prompts, suffix, key-value head, `d_head`\]: from the patch to the last position.
    pub(crate) keys: &'a Tensor,
    /// As the keys.
    pub(crate) values: &'a Tensor,
    /// Keys and values before the patch, the same for all cells, each \[prompts * key-value heads, prefix, `d_head`\].
    pub(crate) prefix: [Tensor; 2],
    /// Probabilities that take the place of those that are computed, where there are any.
    pub(crate) changes: Option<&'a PatternChanges>,
}

/// Attention-weighted values \[cells, prompts, queries, head, `d_head`\].
///
/// The prefix is never copied per cell: the queries of all cells for one prompt and key-value head are one matrix.
pub(crate) fn suffix_attention(exec: &Exec<'_>, attention: &SuffixAttention<'_>) -> Tensor {
    let (cells, prompts, queries, heads, width) = attention.queries.size5().expect("queries have five dimensions");
    let all_keys = attention.keys.size()[2] + attention.prefix[0].size()[1];
    exec.count(2 * attention.needed * all_keys * heads * width);
    let matrices = prompts * attention.keys.size()[3];
    let most = (MOST_PROBABILITIES / (prompts * heads * queries * all_keys)).min(MOST_MATRICES / matrices).max(1);
    if cells <= most {
        return attend(exec, attention);
    }
    let parts = (0..cells).step_by(count(most)).map(|first| {
        let part = |x: &Tensor| x.narrow(0, first, most.min(cells - first));
        let (queries, keys, values) = (part(attention.queries), part(attention.keys), part(attention.values));
        let prefix = attention.prefix.each_ref().map(Tensor::shallow_clone);
        let changes = attention.changes.map(|changes| changes.of_cells(first..(first + most).min(cells)));
        let changes = changes.as_ref();
        attend(
            exec,
            &SuffixAttention { queries: &queries, keys: &keys, values: &values, prefix, changes, ..*attention },
        )
    });
    Tensor::cat(&parts.collect::<Vec<_>>(), 0)
}

fn attend(exec: &Exec<'_>, attention: &SuffixAttention<'_>) -> Tensor {
    let SuffixAttention {
        layer, queries, positions, keys, values, prefix: [prefix_keys, prefix_values], changes, ..
    } = attention;
    // Softmax in float32 whatever the model's dtype, and the constant part of `z` that rows lack then.
    let pattern_of = |mut scores: Tensor| {
        if let Some(changes) = changes {
            changes.knock_out(&mut scores);
        }
        let mut pattern = scores.softmax(-1, Kind::Float).to_kind(values.kind());
        let missing = changes.and_then(|changes| changes.apply(&mut pattern));
        (pattern, missing)
    };
    let whole = |z: Tensor, missing: Option<Tensor>| match (changes, missing) {
        (Some(changes), Some(missing)) => z + changes.constant(&missing),
        _ => z,
    };
    let (cells, prompts, suffix, kv_heads, width) = keys.size5().expect("keys have five dimensions");
    let (query_count, prefix) = (queries.size()[2], prefix_keys.size()[1]);
    // The query heads of a key-value head are more rows of its matrix.
    let group = queries.size()[3] / kv_heads;
    let rows = group * query_count;
    let q = queries.unflatten(3, [kv_heads, group]).permute([1, 3, 0, 4, 2, 5]).contiguous();
    let by_prompt = |x: &Tensor| x.permute([1, 3, 0, 2, 4]).contiguous();
    let (k, v) = (by_prompt(keys), by_prompt(values));
    let each_cell = |x: &Tensor, rows: i64, columns: i64| x.reshape([prompts * kv_heads * cells, rows, columns]);
    let all_cells = |x: &Tensor, columns: i64| x.reshape([prompts * kv_heads, cells * rows, columns]);
    let apart = |x: &Tensor, columns: i64| x.view([prompts, kv_heads, cells, group, query_count, columns]);

    let own = exec.uncounted_product(&each_cell(&q, rows, width), &each_cell(&k, suffix, width).transpose(1, 2));
    let hidden = exec.hidden(*layer, positions, &Positions::between(prefix, prefix + suffix - 1));
    let own = apart(&exec.capped(own), suffix).masked_fill(&hidden, f64::NEG_INFINITY);
    let joined = |z: Tensor| z.permute([2, 0, 4, 1, 3, 5]).flatten(3, 4);
    if prefix == 0 {
        let (pattern, missing) = pattern_of(own);
        let z = exec.uncounted_product(&each_cell(&pattern, rows, suffix), &each_cell(&v, suffix, width));
        return whole(joined(apart(&z, width)), missing);
    }
    let earlier = exec.uncounted_product(&all_cells(&q, width), &prefix_keys.transpose(1, 2));
    let mut earlier = apart(&exec.capped(earlier), prefix);
    if exec.model.architecture.attention_of(*layer).window.is_some() {
        let hidden = exec.hidden(*layer, positions, &Positions::between(0, prefix - 1));
        earlier = earlier.masked_fill(&hidden, f64::NEG_INFINITY);
    }

    let (pattern, missing) = pattern_of(Tensor::cat(&[earlier, own], -1));
    let own_pattern = each_cell(&pattern.narrow(-1, prefix, suffix), rows, suffix);
    let from_own = exec.uncounted_product(&own_pattern, &each_cell(&v, suffix, width));
    let earlier_pattern = all_cells(&pattern.narrow(-1, 0, prefix), prefix);
    let from_before = exec.uncounted_product(&earlier_pattern, prefix_values);
    whole(joined(apart(&from_own, width) + apart(&from_before, width)), missing)
}
