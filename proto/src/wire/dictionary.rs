//! `Dictionary`.

use super::WireError;
use super::grid::{component_from_wire, component_to_wire};
use super::lease::digest_from_wire;
use crate::v1;
use patchsweep_core::architecture::Architecture;
use patchsweep_core::dictionary::{Dictionary, Encoder};

const DICTIONARY: &str = "Dictionary";

impl From<&Dictionary> for v1::Dictionary {
    fn from(dictionary: &Dictionary) -> Self {
        let (encoder, k, rescaled) = match dictionary.encoder {
            Encoder::Standard => (v1::Encoder::Standard, 0, false),
            Encoder::JumpRelu => (v1::Encoder::Jumprelu, 0, false),
            Encoder::TopK { k, rescaled } => (v1::Encoder::Topk, k, rescaled),
            Encoder::Gated => (v1::Encoder::Gated, 0, false),
        };
        Self {
            name: dictionary.name.clone(),
            path: dictionary.path.clone(),
            component: component_to_wire(dictionary.component).into(),
            layer: dictionary.layer,
            width: dictionary.width,
            features: dictionary.features,
            encoder: encoder.into(),
            k,
            rescaled,
            subtracts_decoder_bias: dictionary.subtracts_decoder_bias,
            of_centred_model: dictionary.of_centred_model,
            digest: dictionary.digest.0.to_vec(),
        }
    }
}

/// One that fits such a model.
pub(super) fn dictionary_from_wire(wire: v1::Dictionary, model: &Architecture) -> Result<Dictionary, WireError> {
    let dictionary = Dictionary {
        component: component_from_wire(wire.component())?,
        encoder: match wire.encoder() {
            v1::Encoder::Unspecified => {
                return Err(WireError::Missing { message: DICTIONARY, field: "encoder" });
            }
            v1::Encoder::Standard => Encoder::Standard,
            v1::Encoder::Jumprelu => Encoder::JumpRelu,
            v1::Encoder::Topk => Encoder::TopK { k: wire.k, rescaled: wire.rescaled },
            v1::Encoder::Gated => Encoder::Gated,
        },
        digest: digest_from_wire(&wire.digest)?,
        name: wire.name,
        path: wire.path,
        layer: wire.layer,
        width: wire.width,
        features: wire.features,
        subtracts_decoder_bias: wire.subtracts_decoder_bias,
        of_centred_model: wire.of_centred_model,
    };
    dictionary.refuse_unfit(model).map_err(|error| WireError::invalid(DICTIONARY, "path", error))?;
    Ok(dictionary)
}
