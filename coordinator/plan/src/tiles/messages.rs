//! How much of a sweep fits the messages of one tile.

use patchsweep_core::context::SweepContext;
use patchsweep_core::length;
use patchsweep_core::tile::BASELINE_CELLS;

/// Most bytes of a tile's messages: its grant, and the result with its scores.
pub(super) const MOST_MESSAGE_BYTES: usize = 1 << 20;

/// Of those, what lease (with the sweep's id, made of its name), digests, counters, lengths, the names of loaded models and
/// notes on the weights may take.
pub(super) const BYTES_BESIDE_CELLS: usize = 24 << 10;

/// Of a cell under each metric: four float64, mean and second moment of value and effect.
pub(super) const BYTES_PER_SCORE: usize = 4 * size_of::<f64>();

/// Of a cell under each metric and on each prompt, where that is kept: a float32.
const BYTES_PER_PROMPT: usize = size_of::<f32>();

/// Of a cell: its number of prompts, a u32 as a varint. In the grant it is at worst a range of its own, of 12 bytes.
pub(super) const BYTES_PER_COUNT: usize = 5;

/// Most cells of a tile of some prompts, so that none of its messages is larger than [`MOST_MESSAGE_BYTES`].
pub(crate) fn most_cells(context: &SweepContext, prompts: u32) -> u32 {
    let metrics = context.metrics.len().max(1);
    let kept = prompts.min(context.kept_prompts()) as usize;
    let bytes = metrics * (BYTES_PER_SCORE + BYTES_PER_PROMPT * kept) + BYTES_PER_COUNT;
    length((MOST_MESSAGE_BYTES - BYTES_BESIDE_CELLS) / bytes).max(1)
}

/// Most prompts of a tile of which each is kept, so that the cells of a tile of baselines fit a message.
pub(super) fn most_prompts(context: &SweepContext) -> u32 {
    if !context.per_prompt {
        return u32::MAX;
    }
    let metrics = context.metrics.len().max(1);
    let room = (MOST_MESSAGE_BYTES - BYTES_BESIDE_CELLS) / BASELINE_CELLS;
    length(room.saturating_sub(BYTES_PER_SCORE * metrics + BYTES_PER_COUNT) / (BYTES_PER_PROMPT * metrics)).max(1)
}
