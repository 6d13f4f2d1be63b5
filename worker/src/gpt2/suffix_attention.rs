//! Attention of the positions from a patch on, over the clean keys and values before it.

use tch::{Kind, Tensor};

/// Attention-weighted values \[cells, prompts, queries, head, `d_head`\].
///
/// `queries` \[cells, prompts, queries, head, `d_head`\] belong to the last positions, scaled; `keys` and `values`
/// \[cells, prompts, pos, head, `d_head`\] to the suffix; `prefix_keys` and `prefix_values`
/// \[prompts, pos, head, `d_head`\] to the positions before it, which are the same for all cells and are never copied
/// per cell: the queries of all cells for one prompt and head are one matrix.
pub(super) fn suffix_attention(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    prefix_keys: &Tensor,
    prefix_values: &Tensor,
) -> Tensor {
    let (cells, prompts, query_count, heads, width) = queries.size5().expect("queries have five dimensions");
    let suffix = keys.size()[2];
    let prefix = prefix_keys.size()[1];
    let by_prompt = |x: &Tensor| x.permute([1, 3, 0, 2, 4]).contiguous();
    let (q, k, v) = (by_prompt(queries), by_prompt(keys), by_prompt(values));
    let each_cell = |x: &Tensor, rows: i64, columns: i64| x.reshape([prompts * heads * cells, rows, columns]);
    let all_cells = |x: &Tensor, columns: i64| x.reshape([prompts * heads, cells * query_count, columns]);

    let own = each_cell(&q, query_count, width).bmm(&each_cell(&k, suffix, width).transpose(1, 2));
    let future = Tensor::ones([query_count, suffix], (Kind::Bool, q.device())).triu(1 + suffix - query_count);
    let own = own.masked_fill(&future, f64::NEG_INFINITY).view([prompts, heads, cells, query_count, suffix]);
    let before = |x: &Tensor| x.permute([0, 2, 1, 3]).reshape([prompts * heads, prefix, width]);
    let earlier = all_cells(&q, width).bmm(&before(prefix_keys).transpose(1, 2));
    let earlier = earlier.view([prompts, heads, cells, query_count, prefix]);

    // Softmax in float32 whatever the model's dtype.
    let pattern = Tensor::cat(&[earlier, own], -1).softmax(-1, Kind::Float).to_kind(v.kind());
    let from_own =
        each_cell(&pattern.narrow(-1, prefix, suffix), query_count, suffix).bmm(&each_cell(&v, suffix, width));
    let from_before = all_cells(&pattern.narrow(-1, 0, prefix), prefix).bmm(&before(prefix_values));
    let shape = [prompts, heads, cells, query_count, width];
    (from_own.view(shape) + from_before.view(shape)).permute([2, 0, 3, 1, 4])
}
