//! OLMo 2: norms only of what attention and MLP add, and of all queries and keys together.

use super::gated::{self, Defaults};
use super::names::Names;
use super::{ConfigError, Family, Keys, Reading, TokenizerClass, olmo, rope};
use crate::architecture::{NormPlace, QkNorm, Slot};

pub(super) const FAMILY: Family = Family {
    source: |_, parameter| NAMES.source(parameter),
    ..gated::family("olmo2", read, TokenizerClass::AsWritten)
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let mut model = gated::read(keys, &Defaults { eps: ("rms_norm_eps", 1e-5), ..olmo::DEFAULTS })?;
    gated::attention_bias(&mut model, keys)?;
    model.norm.place = NormPlace::After;
    model.attention.qk_norm = QkNorm::Whole;
    rope::whole_heads(&mut model, keys)?;
    Ok(model.into())
}

const NAMES: Names = Names {
    block: &[
        (Slot::Q, "self_attn.q_proj"),
        (Slot::K, "self_attn.k_proj"),
        (Slot::V, "self_attn.v_proj"),
        (Slot::QNorm, "self_attn.q_norm"),
        (Slot::KNorm, "self_attn.k_norm"),
        (Slot::O, "self_attn.o_proj"),
        (Slot::Ln1Post, "post_attention_layernorm"),
        (Slot::Gate, "mlp.gate_proj"),
        (Slot::In, "mlp.up_proj"),
        (Slot::Out, "mlp.down_proj"),
        (Slot::Ln2Post, "post_feedforward_layernorm"),
    ],
    ..gated::NAMES
};
