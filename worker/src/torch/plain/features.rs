//! Features of whole activations, and what writing some of them makes of an activation.

use patchsweep_core::grid::{Axis, Component};
use patchsweep_core::writes::Write;
use tch::{Kind, Tensor};

use crate::torch::dictionary::{DictionaryTensors, Rule};
use crate::torch::gpu::upload;
use crate::torch::model::exec::Exec;

/// All features of an activation \[prompts, pos, ..\] at the dictionary's site: \[prompts, pos, feature\], float32.
pub(crate) fn features(
    exec: &Exec<'_>,
    dictionary: &DictionaryTensors,
    (layer, component): (u32, Component),
    activation: &Tensor,
) -> Tensor {
    // Here `z` lacks the constant part of the values, which is added behind it.
    let x =
        if component == Component::Z { activation + &exec.weights(layer).folded_z } else { activation.shallow_clone() };
    all_features(exec, dictionary, &x.flatten(2, -1))
}

/// The same of what stands there \[prompts, pos, width\].
pub(crate) fn all_features(exec: &Exec<'_>, dictionary: &DictionaryTensors, x: &Tensor) -> Tensor {
    let x = x.to_kind(Kind::Float);
    let x = if dictionary.subtracts_mean {
        let mean = x.sum_dim_intlist([2i64].as_slice(), true, Kind::Float) / x.size()[2];
        x - mean
    } else {
        x
    };
    let x = dictionary.input_bias.as_ref().map_or_else(|| x.shallow_clone(), |bias| &x - bias);
    let product = exec.product(&x, &dictionary.encoder);
    let h = &product + &dictionary.bias;
    match &dictionary.rule {
        Rule::Standard => h.clamp_min(0.0),
        Rule::JumpRelu { threshold } => {
            let is_on = h.gt_tensor(threshold).logical_and(&h.gt(0.0));
            h.masked_fill(&is_on.logical_not(), 0.0)
        }
        Rule::Gated { scale, bias } => {
            let strength = (product * scale + bias).clamp_min(0.0);
            strength.masked_fill(&h.le(0.0), 0.0)
        }
        Rule::TopK { k, scale } => {
            let h = scale.as_ref().map_or_else(|| h.shallow_clone(), |scale| &h * scale);
            let (ascending, _) = h.sort(-1, false);
            let least = ascending.narrow(-1, h.size()[2] - k, 1);
            h.masked_fill(&h.lt_tensor(&least), 0.0).clamp_min(0.0)
        }
    }
}

/// An activation with what is written of its features, which become `new` where they are written (it broadcasts).
pub(crate) fn with_features(
    exec: &Exec<'_>,
    dictionary: &DictionaryTensors,
    write: &Write<'_>,
    activation: &Tensor,
    new: &Tensor,
) -> Tensor {
    let old = features(exec, dictionary, (write.layer, write.component), activation);
    let (_, positions, features) = old.size3().expect("prompts, positions and features");
    let chosen = |axis: Axis, extent: i64| {
        let is_written = |index: i64| write.indices(axis).iter().any(|&chosen| i64::from(chosen) == index);
        let chosen: Vec<bool> = (0..extent).map(is_written).collect();
        upload(&chosen, old.device())
    };
    let written = chosen(Axis::Pos, positions).unsqueeze(1).logical_and(&chosen(Axis::Feature, features));
    let change = (new - &old).masked_fill(&written.logical_not(), 0.0);
    let moved = exec.product(&change, &dictionary.decoder).to_kind(activation.kind());
    activation + moved.view_as(activation)
}
