//! Attention of the positions from a patch on, over the unpatched keys and values before it.

use tch::{Kind, Tensor};

use super::positions::Positions;
use super::weights::Gpt2;

/// Most attention probabilities that are computed at once.
const MOST_PROBABILITIES: i64 = 1 << 24;

/// What attention works on.
pub(super) struct SuffixAttention<'a> {
    /// \[cells, prompts, queries, head, `d_head`\], scaled.
    pub(super) queries: &'a Tensor,
    /// Where the queries are.
    pub(super) positions: &'a Positions,
    /// \[cells, prompts, suffix, head, `d_head`\]: from the patch to the last position.
    pub(super) keys: &'a Tensor,
    /// As the keys.
    pub(super) values: &'a Tensor,
    /// \[prompts, prefix, head, `d_head`\]: before the patch, the same for all cells.
    pub(super) prefix_keys: &'a Tensor,
    /// As those keys.
    pub(super) prefix_values: &'a Tensor,
}

/// Attention-weighted values \[cells, prompts, queries, head, `d_head`\].
///
/// The prefix is never copied per cell: the queries of all cells for one prompt and head are one matrix.
pub(super) fn suffix_attention(model: &Gpt2, attention: &SuffixAttention<'_>) -> Tensor {
    let (cells, prompts, queries, heads, _) = attention.queries.size5().expect("queries have five dimensions");
    let all_keys = attention.keys.size()[2] + attention.prefix_keys.size()[1];
    let most = (MOST_PROBABILITIES / (prompts * heads * queries * all_keys)).max(1);
    if cells <= most {
        return attend(model, attention);
    }
    let parts = (0..cells).step_by(usize::try_from(most).unwrap_or(1)).map(|first| {
        let part = |x: &Tensor| x.narrow(0, first, most.min(cells - first));
        let (queries, keys, values) = (part(attention.queries), part(attention.keys), part(attention.values));
        attend(model, &SuffixAttention { queries: &queries, keys: &keys, values: &values, ..*attention })
    });
    Tensor::cat(&parts.collect::<Vec<_>>(), 0)
}

fn attend(model: &Gpt2, attention: &SuffixAttention<'_>) -> Tensor {
    let SuffixAttention { queries, positions, keys, values, prefix_keys, prefix_values } = *attention;
    let (cells, prompts, query_count, heads, width) = queries.size5().expect("queries have five dimensions");
    let suffix = keys.size()[2];
    let prefix = prefix_keys.size()[1];
    let by_prompt = |x: &Tensor| x.permute([1, 3, 0, 2, 4]).contiguous();
    let (q, k, v) = (by_prompt(queries), by_prompt(keys), by_prompt(values));
    let each_cell = |x: &Tensor, rows: i64, columns: i64| x.reshape([prompts * heads * cells, rows, columns]);
    let all_cells = |x: &Tensor, columns: i64| x.reshape([prompts * heads, cells * query_count, columns]);

    let own = model.product(&each_cell(&q, query_count, width), &each_cell(&k, suffix, width).transpose(1, 2));
    let own_positions = Tensor::arange_start(prefix, prefix + suffix, (Kind::Int64, q.device()));
    let future = own_positions.gt_tensor(&positions.column(q.device()));
    let own = own.masked_fill(&future, f64::NEG_INFINITY).view([prompts, heads, cells, query_count, suffix]);
    let shape = [prompts, heads, cells, query_count, width];
    if prefix == 0 {
        let pattern = own.softmax(-1, Kind::Float).to_kind(v.kind());
        let z = model.product(&each_cell(&pattern, query_count, suffix), &each_cell(&v, suffix, width));
        return z.view(shape).permute([2, 0, 3, 1, 4]);
    }
    let before = |x: &Tensor| x.permute([0, 2, 1, 3]).reshape([prompts * heads, prefix, width]);
    let earlier = model.product(&all_cells(&q, width), &before(prefix_keys).transpose(1, 2));
    let earlier = earlier.view([prompts, heads, cells, query_count, prefix]);

    // Softmax in float32 whatever the model's dtype.
    let pattern = Tensor::cat(&[earlier, own], -1).softmax(-1, Kind::Float).to_kind(v.kind());
    let own_pattern = each_cell(&pattern.narrow(-1, prefix, suffix), query_count, suffix);
    let from_own = model.product(&own_pattern, &each_cell(&v, suffix, width));
    let earlier_pattern = all_cells(&pattern.narrow(-1, 0, prefix), prefix);
    let from_before = model.product(&earlier_pattern, &before(prefix_values));
    (from_own.view(shape) + from_before.view(shape)).permute([2, 0, 3, 1, 4])
}
