mod refusals;
mod spelling;

use super::*;
use crate::architecture::{Activation, Part, Slot};

const SMALL: &str = r#"{"model_type": "gpt2", "n_layer": 2, "n_head": 3, "n_embd": 24, "n_inner": 20,
    "vocab_size": 50, "n_positions": 16, "activation_function": "relu", "layer_norm_epsilon": 0.001}"#;

fn read(text: &str) -> Result<ModelConfig, String> {
    ModelConfig::from_json(text).map_err(|error| crate::error_chain(&error))
}

#[test]
fn inner_width_activation_and_epsilon_are_honoured() {
    let model = read(SMALL).expect("valid").architecture;
    assert_eq!((model.d_mlp, model.mlp.activation), (20, Activation::Relu));
    assert!((model.norm.eps - 0.001).abs() < 1e-12);
    let plain = SMALL.replace(r#""n_inner": 20,"#, "").replace(r#""activation_function": "relu","#, "");
    let model = read(&plain).expect("valid").architecture;
    assert_eq!((model.d_mlp, model.mlp.activation), (96, Activation::GeluTanh));
}

#[test]
fn scores_are_scaled_by_width_and_by_layer_as_the_config_says() {
    let scales = |text: &str| -> Vec<f64> {
        read(text).expect("valid").architecture.attention.layers.iter().map(|layer| layer.scale).collect()
    };
    let by_width = 1.0 / 8f64.sqrt();
    assert_eq!(scales(SMALL), [by_width, by_width]);
    let inverse = SMALL.replace("\"n_layer\"", "\"scale_attn_by_inverse_layer_idx\": true, \"n_layer\"");
    assert_eq!(scales(&inverse), [by_width, by_width / 2.0]);
    let plain = SMALL.replace("\"n_layer\"", "\"scale_attn_weights\": false, \"n_layer\"");
    assert_eq!(scales(&plain), [1.0, 1.0]);
}

#[test]
fn queries_keys_and_values_are_thirds_of_one_stored_tensor() {
    let config = read(SMALL).expect("valid");
    let parameters = config.architecture.parameters();
    let source = |slot: Slot, part: Part| {
        let parameter = parameters.iter().find(|p| (p.layer, p.slot, p.part) == (Some(1), slot, part));
        config.source(parameter.expect("a parameter"))
    };
    let third = |start| Outputs::Range { start, count: 24 };
    let (keys, values) = (source(Slot::K, Part::Weight), source(Slot::V, Part::Bias));
    assert_eq!((keys.name.as_str(), &keys.shape[..]), ("h.1.attn.c_attn.weight", &[24, 72][..]));
    assert_eq!((keys.is_transposed, keys.outputs), (true, third(24)));
    assert_eq!((values.name.as_str(), &values.shape[..]), ("h.1.attn.c_attn.bias", &[72][..]));
    assert_eq!((values.is_transposed, values.outputs), (false, third(48)));
    let inner = source(Slot::In, Part::Weight);
    assert_eq!((&inner.shape[..], inner.is_transposed, inner.outputs), (&[24, 20][..], true, Outputs::All));
}

#[test]
fn other_families_are_refused_with_what_there_is() {
    let refused = read(r#"{"model_type": "mamba"}"#).unwrap_err();
    assert!(refused.starts_with("model_type is `mamba`; supported are `gpt2`, `gpt_neo`, "), "{refused}");
    assert!(refused.ends_with(", `patchsweep`"), "{refused}");
}

/// What each class of transformers takes for missing keys, as `tests/reference/families/make_families.py` writes it.
const DEFAULTS: &str = include_str!("../../../../../../tests/reference/families/defaults.json");

#[test]
fn missing_keys_are_what_they_are_in_transformers() {
    let defaults: Map<String, Value> = serde_json::from_str(DEFAULTS).expect("JSON");
    for family in model_types() {
        let missing = read(&format!(r#"{{"model_type": "{family}"}}"#)).expect("valid").architecture;
        let written = read(&defaults[family].to_string()).expect("valid").architecture;
        assert_eq!(missing, written, "{family}");
    }
}

#[test]
fn a_landmark_is_a_parameter_that_no_other_ends_as() {
    for family in model_types() {
        let config = read(&format!(r#"{{"model_type": "{family}"}}"#)).expect("valid");
        let names: Vec<String> = config.architecture.parameters().iter().map(|p| config.source(p).name).collect();
        let ends: Vec<&String> = names
            .iter()
            .filter(|name| *name == config.landmark() || name.ends_with(&format!(".{}", config.landmark())))
            .collect();
        assert_eq!(ends, [config.landmark()], "{family}");
        assert!(!names.iter().any(|name| config.is_constant(name)), "{family}");
    }
}

#[test]
fn parts_of_fused_tensors_cover_them() {
    for (family, tensor) in [
        ("phi3", "layers.0.self_attn.qkv_proj.weight"),
        ("phi3", "layers.0.mlp.gate_up_proj.weight"),
        ("gpt_neox", "layers.0.attention.query_key_value.bias"),
    ] {
        let config = read(&format!(r#"{{"model_type": "{family}"}}"#)).expect("valid");
        let sources: Vec<Source> = config.architecture.parameters().iter().map(|p| config.source(p)).collect();
        let sources: Vec<&Source> = sources.iter().filter(|source| source.name == tensor).collect();
        let count = |source: &&Source| match source.outputs {
            Outputs::All => source.shape[0],
            Outputs::Range { count, .. } => count,
            Outputs::PartOfHeads { of, .. } => source.shape[0] / of,
        };
        assert_eq!(sources.iter().map(count).sum::<u32>(), sources[0].shape[0], "{tensor}");
    }
}

#[test]
fn multipliers_are_in_the_parameters() {
    let config = read(
        r#"{"model_type": "granite", "embedding_multiplier": 12, "attention_multiplier": 0.25, "residual_multiplier": 0.5,
        "logits_scaling": 8, "num_hidden_layers": 1, "mlp_bias": true}"#,
    )
    .expect("valid");
    let model = &config.architecture;
    assert!((model.embed.scale - 12.0).abs() < 1e-12 && (model.attention.layers[0].scale - 0.25).abs() < 1e-12);
    for parameter in model.parameters() {
        let wanted = match parameter.slot {
            Slot::O | Slot::Out => 0.5,
            Slot::LnFinal => 0.125,
            _ => 1.0,
        };
        assert!((config.source(&parameter).factor - wanted).abs() < 1e-12, "{parameter}");
    }
}

#[test]
fn sizes_that_no_model_has_are_refused_before_anything_is_made_of_them() {
    for (plain, huge, name) in [
        ("\"n_layer\": 2", "\"n_layer\": 4294967295", "the number of layers is 4294967295"),
        ("\"n_embd\": 24, \"n_inner\": 20", "\"n_embd\": 3000000000", "the width of the residual stream is 3000000000"),
        ("\"n_positions\": 16", "\"n_positions\": 4294967295", "the number of positions is 4294967295"),
        ("\"n_head\": 3", "\"n_head\": 5", "`n_head` is 5, which is not supported: it must divide n_embd"),
        ("\"n_head\": 3", "\"n_head\": 0", "`n_head` is 0, which"),
    ] {
        let refused = read(&SMALL.replace(plain, huge)).expect_err("is refused");
        assert!(refused.contains(name), "{refused}");
    }
}

#[test]
fn a_description_comes_back_as_it_was_written() {
    let architecture = read(SMALL).expect("valid").architecture;
    let text = serde_json::json!({"model_type": "patchsweep", "architecture": architecture, "bos_token_id": 3});
    let config = read(&text.to_string()).expect("valid");
    assert_eq!((&config.architecture, config.bos_token_id), (&architecture, Some(3)));
    for parameter in architecture.parameters() {
        assert_eq!(config.source(&parameter), Source::whole(parameter.to_string(), &parameter));
    }
}

/// Without its feature `float_roundtrip`, serde_json 1.0 is off in the last bit of some.
#[test]
fn numbers_are_read_to_the_last_bit() {
    let mut bits: u64 = 1;
    for _ in 0..2000 {
        // Of an even spread over [1e-6, 2e-6).
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let epsilon = 1e-6 * f64::from_bits(0x3ff0_0000_0000_0000 | (bits >> 12));
        let config = format!(r#"{{"model_type": "gpt2", "layer_norm_epsilon": {epsilon:e}}}"#);
        let read = ModelConfig::from_json(&config).expect("a config").architecture.norm.eps;
        assert_eq!(read.to_bits(), epsilon.to_bits(), "{config}");
    }
}
