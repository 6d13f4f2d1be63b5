//! `Architecture` and what it holds.

use patchsweep_core::architecture::{
    Activation, Architecture, Attention, Embed, LayerAttention, LearnedPositions, Mlp, Norm, NormKind, NormPlace,
    Pairing, ParallelNorms, QkNorm, Readout, Rotary, Scaling, Wiring,
};

use super::{WireError, required};
use crate::v1;

const ARCHITECTURE: &str = "Architecture";

/// Values of the domain and of the wire, which are the same but for the wire's `Unspecified`. Those that have another name on
/// the wire stand in brackets behind it.
macro_rules! same_values {
    ($wire:ident, $field:literal, $($name:ident),+) => {
        same_values! { $wire, $field, $($name = [Self::$name]),+ }
    };
    ($wire:ident, $field:literal, $($name:ident = [$($value:tt)+]),+) => {
        fn to_wire(self) -> i32 {
            match self {
                $($($value)+ => v1::$wire::$name.into(),)+
            }
        }

        fn from_wire(wire: i32) -> Result<Self, WireError> {
            match v1::$wire::try_from(wire) {
                $(Ok(v1::$wire::$name) => Ok($($value)+),)+
                Ok(v1::$wire::Unspecified) => Err(WireError::Missing { message: ARCHITECTURE, field: $field }),
                Err(_) => Err(WireError::invalid(ARCHITECTURE, $field, "unknown")),
            }
        }
    };
}

/// An enum that travels as a number.
trait Value: Sized {
    fn to_wire(self) -> i32;
    fn from_wire(wire: i32) -> Result<Self, WireError>;
}

impl Value for Wiring {
    same_values! { Wiring, "wiring",
        Sequential = [Self::Sequential],
        ParallelOneNorm = [Self::Parallel { norms: ParallelNorms::One }],
        ParallelTwoNorms = [Self::Parallel { norms: ParallelNorms::Two }]
    }
}

impl Value for NormKind {
    same_values! { NormKind, "norm.kind", Layer, Rms }
}

impl Value for NormPlace {
    same_values! { NormPlace, "norm.place", Before, BeforeAndAfter, After }
}

impl Value for QkNorm {
    same_values! { QkNorm, "attention.qk_norm", None, PerHead, Whole }
}

impl Value for Pairing {
    same_values! { Pairing, "rotary.pairing", Halves, Adjacent }
}

impl Value for Activation {
    same_values! { Activation, "mlp.activation", GeluTanh, Gelu, Relu, Silu }
}

impl From<&Architecture> for v1::Architecture {
    fn from(model: &Architecture) -> Self {
        let Architecture { layers, d_model, d_vocab, n_ctx, heads, kv_heads, d_head, d_mlp, .. } = *model;
        let Norm { kind, eps, weight, bias, offset, place } = model.norm;
        let norm = v1::Norm { kind: kind.to_wire(), eps, weight, bias, offset, place: place.to_wire() };
        let Mlp { gated, activation, bias } = model.mlp;
        let mlp = v1::Mlp { gated, activation: activation.to_wire(), bias };
        let Readout { norm: has_norm, cap, tied, bias } = model.readout;
        Self {
            layers,
            d_model,
            d_vocab,
            n_ctx,
            heads,
            kv_heads,
            d_head,
            d_mlp,
            position_offset: model.embed.positions.map(|positions| positions.offset),
            embedding_scale: model.embed.scale,
            wiring: model.wiring.to_wire(),
            norm: Some(norm),
            attention: Some((&model.attention).into()),
            mlp: Some(mlp),
            readout: Some(v1::Readout { norm: has_norm, cap, tied, bias }),
        }
    }
}

impl TryFrom<v1::Architecture> for Architecture {
    type Error = WireError;

    fn try_from(wire: v1::Architecture) -> Result<Self, WireError> {
        let v1::Architecture { layers, d_model, d_vocab, n_ctx, heads, kv_heads, d_head, d_mlp, .. } = wire;
        let v1::Norm { kind, eps, weight, bias, offset, place } = required(wire.norm, ARCHITECTURE, "norm")?;
        let (kind, place) = (NormKind::from_wire(kind)?, NormPlace::from_wire(place)?);
        let norm = Norm { kind, eps, weight, bias, offset, place };
        let v1::Mlp { gated, activation, bias } = required(wire.mlp, ARCHITECTURE, "mlp")?;
        let mlp = Mlp { gated, activation: Activation::from_wire(activation)?, bias };
        let v1::Readout { norm: has_norm, cap, tied, bias } = required(wire.readout, ARCHITECTURE, "readout")?;
        let architecture = Self {
            layers,
            d_model,
            d_vocab,
            n_ctx,
            heads,
            kv_heads,
            d_head,
            d_mlp,
            embed: Embed {
                positions: wire.position_offset.map(|offset| LearnedPositions { offset }),
                scale: wire.embedding_scale,
            },
            wiring: Wiring::from_wire(wire.wiring)?,
            norm,
            attention: required(wire.attention, ARCHITECTURE, "attention")?.try_into()?,
            mlp,
            readout: Readout { norm: has_norm, cap, tied, bias },
        };
        let refuse = |error| WireError::invalid("SweepContext", "architecture", error);
        architecture.refuse_unsupported().map_err(refuse)?;
        Ok(architecture)
    }
}

impl From<&Attention> for v1::Attention {
    fn from(attention: &Attention) -> Self {
        let &Attention { qkv_bias, output_bias, clip, qk_norm, score_cap, ref layers } = attention;
        let layer = |&LayerAttention { scale, window, rotary }: &LayerAttention| v1::LayerAttention {
            scale,
            window,
            rotary: rotary.map(Into::into),
        };
        let layers = layers.iter().map(layer).collect();
        Self { qkv_bias, output_bias, qk_norm: qk_norm.to_wire(), score_cap, layers, clip }
    }
}

impl TryFrom<v1::Attention> for Attention {
    type Error = WireError;

    fn try_from(wire: v1::Attention) -> Result<Self, WireError> {
        let v1::Attention { qkv_bias, output_bias, qk_norm, score_cap, layers, clip } = wire;
        let layer = |v1::LayerAttention { scale, window, rotary }| {
            Ok(LayerAttention { scale, window, rotary: rotary.map(TryInto::try_into).transpose()? })
        };
        let layers = layers.into_iter().map(layer).collect::<Result<_, WireError>>()?;
        Ok(Self { qkv_bias, output_bias, clip, qk_norm: QkNorm::from_wire(qk_norm)?, score_cap, layers })
    }
}

impl From<Rotary> for v1::Rotary {
    fn from(rotary: Rotary) -> Self {
        use v1::rotary::Scaling as OnWire;
        let Rotary { width, pairing, base, scaling } = rotary;
        let scaling = match scaling {
            Scaling::None => None,
            Scaling::Linear { factor } => Some(OnWire::Linear(factor)),
            Scaling::Llama3 { factor, low, high, original } => {
                Some(OnWire::Llama3(v1::Llama3Scaling { factor, low, high, original }))
            }
        };
        Self { width, pairing: pairing.to_wire(), base, scaling }
    }
}

impl TryFrom<v1::Rotary> for Rotary {
    type Error = WireError;

    fn try_from(wire: v1::Rotary) -> Result<Self, WireError> {
        use v1::rotary::Scaling as OnWire;
        let v1::Rotary { width, pairing, base, scaling } = wire;
        let scaling = match scaling {
            None => Scaling::None,
            Some(OnWire::Linear(factor)) => Scaling::Linear { factor },
            Some(OnWire::Llama3(v1::Llama3Scaling { factor, low, high, original })) => {
                Scaling::Llama3 { factor, low, high, original }
            }
        };
        Ok(Self { width, pairing: Pairing::from_wire(pairing)?, base, scaling })
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::architecture::Sizes;

    use super::*;

    fn plain() -> Architecture {
        Architecture::plain(Sizes { layers: 2, heads: 4, d_model: 8, d_mlp: 16, d_vocab: 10, n_ctx: 3 })
    }

    /// As unlike the plain one as it can be.
    fn another() -> Architecture {
        let rotary = |pairing, scaling| Some(Rotary { width: 4, pairing, base: 1e6, scaling });
        let llama3 = Scaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 32 };
        let layers = vec![
            LayerAttention { scale: 0.5, window: Some(3), rotary: rotary(Pairing::Halves, llama3) },
            LayerAttention {
                scale: 0.25,
                window: None,
                rotary: rotary(Pairing::Adjacent, Scaling::Linear { factor: 2.0 }),
            },
        ];
        Architecture {
            kv_heads: 2,
            d_head: 6,
            embed: Embed { positions: None, scale: 3.0 },
            wiring: Wiring::Sequential,
            norm: Norm {
                kind: NormKind::Rms,
                eps: 1e-6,
                weight: false,
                bias: false,
                offset: 1.0,
                place: NormPlace::BeforeAndAfter,
            },
            attention: Attention {
                qkv_bias: false,
                output_bias: false,
                clip: Some(8.0),
                qk_norm: QkNorm::Whole,
                score_cap: Some(50.0),
                layers,
            },
            mlp: Mlp { gated: true, activation: Activation::Silu, bias: false },
            readout: Readout { norm: false, cap: Some(30.0), tied: false, bias: true },
            ..plain()
        }
    }

    #[test]
    fn architectures_come_back_as_they_were() {
        let parallel = |norms| Architecture { wiring: Wiring::Parallel { norms }, ..plain() };
        for sent in [plain(), another(), parallel(ParallelNorms::One), parallel(ParallelNorms::Two)] {
            assert_eq!(Architecture::try_from(v1::Architecture::from(&sent)), Ok(sent));
        }
    }

    #[test]
    fn what_nothing_can_compute_is_refused() {
        let refused = |change: fn(&mut v1::Architecture)| {
            let mut wire = v1::Architecture::from(&another());
            change(&mut wire);
            Architecture::try_from(wire).expect_err("is refused").to_string()
        };
        assert!(refused(|wire| wire.wiring = 0).contains("lacks field `wiring`"));
        assert!(refused(|wire| wire.wiring = 9).contains("unknown"));
        assert!(refused(|wire| wire.norm = None).contains("lacks field `norm`"));
        assert!(refused(|wire| wire.kv_heads = 3).contains("cannot share 3 key-value heads evenly"));
        assert!(refused(|wire| wire.embedding_scale = f64::NAN).contains("must be a positive number"));
    }
}
