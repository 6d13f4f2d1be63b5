//! Random architectures: every field of the description is drawn, the simplest value first.

use patchsweep_core::architecture::{
    Activation, Architecture, Attention, Embed, LayerAttention, LearnedPositions, Mlp, Norm, NormKind, NormPlace,
    Pairing, ParallelNorms, QkNorm, Readout, Rotary, Scaling, Wiring,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Norms over few numbers are nearly step functions, which no arithmetic in float32 follows closely.
const LEAST_WIDTH: u32 = 6;
const LEAST_HEAD: u32 = 4;

/// Architectures for prompts of so many positions.
///
/// `has_resid_mid`: their blocks are sequential.
pub(crate) fn architectures(positions: u32, has_resid_mid: bool) -> impl Strategy<Value = Architecture> {
    let sizes = (1..=3u32, LEAST_WIDTH..=20u32, 4..=32u32, 20..=50u32, 0..=3u32);
    let heads = (1..=3u32, 1..=3u32, LEAST_HEAD..=9u32);
    (sizes, heads).prop_flat_map(move |((layers, d_model, d_mlp, d_vocab, unused), (kv_heads, group, d_head))| {
        let parts = (embeds(d_model), norms(has_resid_mid), attentions(layers, d_head), mlps(), readouts());
        parts.prop_map(move |(embed, (wiring, norm), attention, mlp, readout)| {
            let architecture = Architecture {
                layers,
                d_model,
                d_vocab,
                n_ctx: positions + unused,
                heads: kv_heads * group,
                kv_heads,
                d_head,
                d_mlp,
                embed,
                wiring,
                norm,
                attention,
                mlp,
                readout,
            };
            architecture.refuse_unsupported().expect("there can be such a model");
            architecture
        })
    })
}

fn embeds(d_model: u32) -> impl Strategy<Value = Embed> {
    let positions = select(vec![None, Some(LearnedPositions { offset: 0 }), Some(LearnedPositions { offset: 2 })]);
    let scale = select(vec![1.0, f64::from(d_model).sqrt(), 0.5]);
    (positions, scale).prop_map(|(positions, scale)| Embed { positions, scale })
}

/// Only sequential blocks have norms of what they add.
fn norms(is_sequential: bool) -> impl Strategy<Value = (Wiring, Norm)> {
    let parallel = |norms| (Wiring::Parallel { norms }, NormPlace::Before);
    let mut wirings = vec![
        (Wiring::Sequential, NormPlace::Before),
        (Wiring::Sequential, NormPlace::BeforeAndAfter),
        (Wiring::Sequential, NormPlace::After),
    ];
    if !is_sequential {
        wirings.extend([parallel(ParallelNorms::One), parallel(ParallelNorms::Two)]);
    }
    let numbers = (select(vec![1e-5, 1e-6, 1e-3]), select(vec![0.0, 1.0]));
    let has = (prop::bool::weighted(0.8), any::<bool>());
    (select(wirings), select(vec![NormKind::Layer, NormKind::Rms]), numbers, has).prop_map(
        |((wiring, place), kind, (eps, offset), (weight, bias))| {
            (wiring, Norm { kind, eps, weight, bias, offset, place })
        },
    )
}

fn attentions(layers: u32, d_head: u32) -> impl Strategy<Value = Attention> {
    let qk_norm = select(vec![QkNorm::None, QkNorm::PerHead, QkNorm::Whole]);
    let score_cap = select(vec![None, Some(2.0), Some(30.0)]);
    let of_layers = vec(of_layer(d_head), layers as usize);
    let clip = prop_oneof![3 => Just(None), 1 => Just(Some(0.75))];
    (any::<bool>(), any::<bool>(), clip, qk_norm, score_cap, of_layers).prop_map(
        |(qkv_bias, output_bias, clip, qk_norm, score_cap, layers)| Attention {
            qkv_bias,
            output_bias,
            clip,
            qk_norm,
            score_cap,
            layers,
        },
    )
}

fn of_layer(d_head: u32) -> impl Strategy<Value = LayerAttention> {
    let scale = select(vec![1.0 / f64::from(d_head).sqrt(), 0.25]);
    (scale, option::of(1..=6u32), option::weighted(0.7, rotaries(d_head)))
        .prop_map(|(scale, window, rotary)| LayerAttention { scale, window, rotary })
}

/// Of the whole head or a part of it.
fn rotaries(d_head: u32) -> impl Strategy<Value = Rotary> {
    let pairs = prop_oneof![Just(d_head / 2), 1..=d_head / 2];
    let pairing = select(vec![Pairing::Halves, Pairing::Adjacent]);
    (pairs, pairing, select(vec![10_000.0, 50.0]), scalings()).prop_map(|(pairs, pairing, base, scaling)| Rotary {
        width: 2 * pairs,
        pairing,
        base,
        scaling,
    })
}

/// Wavelengths are from 6 positions on: some stay, some are stretched, some are in between.
fn scalings() -> impl Strategy<Value = Scaling> {
    let linear = select(vec![2.5, 8.0]).prop_map(|factor| Scaling::Linear { factor });
    let bounds = select(vec![(1.0, 4.0), (0.5, 2.0)]);
    let llama3 = (select(vec![2.0, 8.0]), bounds, select(vec![24, 40]))
        .prop_map(|(factor, (low, high), original)| Scaling::Llama3 { factor, low, high, original });
    prop_oneof![Just(Scaling::None), linear, llama3]
}

fn mlps() -> impl Strategy<Value = Mlp> {
    let activations = vec![Activation::Relu, Activation::Gelu, Activation::GeluTanh, Activation::Silu];
    (any::<bool>(), select(activations), any::<bool>()).prop_map(|(gated, activation, bias)| Mlp {
        gated,
        activation,
        bias,
    })
}

fn readouts() -> impl Strategy<Value = Readout> {
    let cap = select(vec![None, Some(4.0), Some(30.0)]);
    (prop::bool::weighted(0.8), cap, any::<bool>(), any::<bool>()).prop_map(|(norm, cap, tied, bias)| Readout {
        norm,
        cap,
        tied,
        bias,
    })
}
