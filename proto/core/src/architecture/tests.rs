use super::*;
use crate::model::ModelConfig;

fn small() -> Architecture {
    let text = r#"{"model_type": "gpt2", "n_layer": 2, "n_head": 4, "n_embd": 24, "n_inner": 20, "vocab_size": 50,
        "n_positions": 16}"#;
    ModelConfig::from_json(text).expect("valid").architecture
}

fn names(architecture: &Architecture) -> Vec<String> {
    architecture
        .parameters()
        .iter()
        .filter(|p| p.layer.is_none_or(|layer| layer == 1))
        .map(Parameter::to_string)
        .collect()
}

#[test]
fn a_block_has_the_parameters_that_its_description_asks_for() {
    let mut model = small();
    assert!(names(&model).contains(&"blocks.1.attn.q.bias".to_owned()));
    model.attention.qkv_bias = false;
    model.attention.output_bias = false;
    model.attention.qk_norm = QkNorm::PerHead;
    model.mlp = Mlp { gated: true, activation: Activation::Silu, bias: false };
    model.norm = Norm { kind: NormKind::Rms, bias: false, place: NormPlace::BeforeAndAfter, ..model.norm };
    model.embed.positions = None;
    model.kv_heads = 2;
    model.d_head = 5;
    let expected = [
        "embed.weight",
        "ln_final.weight",
        "unembed.weight",
        "blocks.1.ln1.weight",
        "blocks.1.ln1_post.weight",
        "blocks.1.ln2.weight",
        "blocks.1.ln2_post.weight",
        "blocks.1.attn.q.weight",
        "blocks.1.attn.k.weight",
        "blocks.1.attn.v.weight",
        "blocks.1.attn.q_norm.weight",
        "blocks.1.attn.k_norm.weight",
        "blocks.1.attn.o.weight",
        "blocks.1.mlp.gate.weight",
        "blocks.1.mlp.in.weight",
        "blocks.1.mlp.out.weight",
    ];
    assert_eq!(names(&model), expected);
    let shape = |name: &str| model.parameters().into_iter().find(|p| p.to_string() == name).expect("there").shape;
    assert_eq!(shape("blocks.0.attn.q.weight"), [20, 24]);
    assert_eq!(shape("blocks.0.attn.k.weight"), [10, 24]);
    assert_eq!(shape("blocks.0.attn.o.weight"), [24, 20]);
    assert_eq!(shape("blocks.0.attn.q_norm.weight"), [5]);
    model.attention.qk_norm = QkNorm::Whole;
    let shape = |name: &str| model.parameters().into_iter().find(|p| p.to_string() == name).expect("there").shape;
    assert_eq!(shape("blocks.0.attn.k_norm.weight"), [10]);
}

#[test]
fn a_parallel_block_with_one_norm_has_no_second() {
    let mut model = small();
    model.wiring = Wiring::Parallel { norms: ParallelNorms::One };
    assert!(!names(&model).iter().any(|name| name.contains("ln2")));
    model.wiring = Wiring::Parallel { norms: ParallelNorms::Two };
    assert!(names(&model).iter().any(|name| name.contains("ln2")));
}

#[test]
fn frequencies_fall_from_one_by_powers_of_the_base() {
    let rotary = Rotary { width: 4, pairing: Pairing::Halves, base: 10_000.0, scaling: Scaling::None };
    assert_eq!(rotary.frequencies(), [1.0, 0.01]);
    let linear = Rotary { scaling: Scaling::Linear { factor: 8.0 }, ..rotary };
    assert_eq!(linear.frequencies(), [0.125, 0.00125]);
}

/// Wavelengths are 6.3, 19.9, 62.8 and 198.7 positions; those below 8 stay, those above 32 are multiplied.
#[test]
fn llama3_keeps_short_wavelengths_and_stretches_long_ones() {
    let scaling = Scaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 32 };
    let rotary = Rotary { width: 8, pairing: Pairing::Halves, base: 100.0, scaling };
    let right = [1.0, 0.095_839_986, 0.0125, 0.003_952_847];
    for (found, right) in rotary.frequencies().into_iter().zip(right) {
        assert!((found - right).abs() < 1e-6, "{found} is not {right}");
    }
}

#[test]
fn what_no_model_has_is_refused_by_name() {
    let refused = |change: fn(&mut Architecture)| {
        let mut model = small();
        change(&mut model);
        model.refuse_unsupported().expect_err("is refused").to_string()
    };
    assert_eq!(small().refuse_unsupported(), Ok(()));
    assert_eq!(refused(|m| m.kv_heads = 3), "4 query heads cannot share 3 key-value heads evenly");
    assert_eq!(refused(|m| m.layers = 3), "attention is described for 2 layers, but there are 3");
    assert_eq!(refused(|m| m.d_mlp = 0), "an MLP's width is 0; it must be 1 to 16777216");
    assert_eq!(refused(|m| m.attention.score_cap = Some(0.0)), "the cap of attention scores must be a positive number");
    assert_eq!(refused(|m| m.attention.layers[1].window = Some(0)), "the attention window must be a positive number");
    let rotary = |width| Rotary { width, pairing: Pairing::Adjacent, base: 1e4, scaling: Scaling::None };
    assert_eq!(rotary(6).frequencies().len(), 3);
    assert_eq!(
        refused(|m| {
            let rotary = Rotary { width: 8, pairing: Pairing::Adjacent, base: 1e4, scaling: Scaling::None };
            m.attention.layers[0].rotary = Some(rotary);
        }),
        "8 of a head's 6 entries cannot be rotated: it must be even and no more than there are"
    );
    assert_eq!(
        refused(|m| {
            m.wiring = Wiring::Parallel { norms: ParallelNorms::One };
            m.norm.place = NormPlace::After;
        }),
        "parallel blocks with norms after attention and MLP are not supported"
    );
}
