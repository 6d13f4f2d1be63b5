//! Attention knockout: scores that become minus infinity before the softmax.

use patchsweep_core::grid::PatchValue;
use patchsweep_core::writes::Write;
use tch::{Kind, Tensor};

use super::hooks::patched;

/// Of what is written, the knockouts.
pub(super) fn knockouts<'a>(writes: impl Iterator<Item = Write<'a>>) -> Vec<Write<'a>> {
    writes.filter(|write| write.value == PatchValue::Knockout).collect()
}

/// What is taken out of the rows of scores or probabilities \[prompts, head, dest, src\], bool: nothing of rows that would have
/// nothing left. `hidden` \[dest, src\]: what is not attended to anyhow.
pub(super) fn knocked_out(write: &Write<'_>, rows: &Tensor, hidden: &Tensor) -> Tensor {
    let none = rows.narrow(0, 0, 1).zeros_like().to_kind(Kind::Bool);
    let listed = patched(write, &none, &hidden.ones_like().to_kind(Kind::Bool));
    let has_nothing_left = listed.logical_or(hidden).all_dim(-1, true);
    listed.logical_and(&has_nothing_left.logical_not())
}
