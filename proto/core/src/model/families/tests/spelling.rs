//! The same model, as transformers 5 writes it and as releases before it did.

use serde_json::{Value, json};

use crate::architecture::Architecture;
use crate::model::ModelConfig;

fn read(config: &Value) -> Architecture {
    let read = ModelConfig::from_json(&config.to_string());
    read.unwrap_or_else(|error| panic!("{config}: {}", crate::error_chain(&error))).architecture
}

/// Keys that all families with gated MLPs have, and others.
fn gated(family: &str, other: &Value) -> Value {
    let mut config = json!({"model_type": family, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 50, "max_position_embeddings": 64});
    let config_keys = config.as_object_mut().expect("keys");
    config_keys.extend(other.as_object().expect("keys").clone());
    config
}

fn is_the_same(family: &str, new: &Value, old: &Value) {
    assert_eq!(read(&gated(family, new)), read(&gated(family, old)), "{family}");
}

#[test]
fn rotation_has_two_spellings() {
    let llama3 = json!({"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32});
    let with = |base: &Value, keys: Value| {
        let mut all = base.clone();
        all.as_object_mut().expect("keys").extend(keys.as_object().expect("keys").clone());
        all
    };
    for family in ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "olmo", "olmo2", "smollm3", "granite"] {
        let base = json!({"head_dim": 6, "rope_theta": 500.0});
        is_the_same(
            family,
            &json!({"head_dim": 6, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}),
            &base,
        );
        is_the_same(family, &with(&base, json!({"rope_scaling": null})), &base);
        let new = json!({"rope_type": "linear", "factor": 4.0, "rope_theta": 500.0});
        for name in ["type", "rope_type"] {
            let old = with(&base, json!({"rope_scaling": {name: "linear", "factor": 4}}));
            is_the_same(family, &json!({"head_dim": 6, "rope_parameters": new}), &old);
        }
        let new = with(&llama3, json!({"rope_type": "llama3", "rope_theta": 500.0}));
        let old = with(&base, json!({"rope_scaling": with(&llama3, json!({"rope_type": "llama3"}))}));
        is_the_same(family, &json!({"head_dim": 6, "rope_parameters": new}), &old);
        // Prompts are never so long that it would begin to scale.
        is_the_same(family, &with(&base, json!({"rope_scaling": {"type": "dynamic", "factor": 2.0}})), &base);
    }
}

#[test]
fn a_part_of_a_head_that_is_rotated_has_two_spellings() {
    for family in ["phi", "phi3", "stablelm"] {
        let new = json!({"hidden_size": 32, "rope_parameters":
            {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.75}});
        let old = json!({"hidden_size": 32, "rope_theta": 500.0, "partial_rotary_factor": 0.75});
        is_the_same(family, &new, &old);
        assert_eq!(
            read(&gated(family, &old)).attention.layers[2].rotary.map(|rotary| rotary.width),
            Some(6),
            "{family}"
        );
    }
    let new = json!({"num_key_value_heads": 4, "hidden_size": 32, "rope_parameters":
        {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.5}});
    let old = json!({"num_key_value_heads": 4, "hidden_size": 32, "rotary_emb_base": 500.0, "rotary_pct": 0.5});
    is_the_same("gpt_neox", &new, &old);
    let both = json!({"num_key_value_heads": 4, "hidden_size": 32, "rotary_emb_base": 500.0, "rotary_pct": 0.5,
        "rope_theta": 500.0, "partial_rotary_factor": 0.5});
    is_the_same("gpt_neox", &both, &old);
}

#[test]
fn windows_have_two_spellings() {
    let windows = |config: &Value| -> Vec<Option<u32>> {
        read(config).attention.layers.iter().map(|layer| layer.window).collect()
    };
    let kinds = json!(["full_attention", "sliding_attention", "sliding_attention"]);
    for family in ["qwen2", "qwen3"] {
        let old = json!({"head_dim": 6, "use_sliding_window": true, "sliding_window": 5, "max_window_layers": 1});
        let new = json!({"head_dim": 6, "use_sliding_window": true, "sliding_window": 5, "layer_types": kinds});
        is_the_same(family, &new, &old);
        assert_eq!(windows(&gated(family, &old)), [None, Some(5), Some(5)]);
        // A window may be named and not used.
        let unused = json!({"head_dim": 6, "use_sliding_window": false, "sliding_window": 5, "max_window_layers": 1});
        assert_eq!(windows(&gated(family, &unused)), [None; 3]);
    }
    let old = json!({"head_dim": 6, "sliding_window": 5});
    let kinds = json!(["sliding_attention", "full_attention", "sliding_attention"]);
    is_the_same("gemma2", &json!({"head_dim": 6, "sliding_window": 5, "layer_types": kinds}), &old);
    assert_eq!(windows(&gated("gemma2", &old)), [Some(5), None, Some(5)]);
    for (window, found) in [(json!(5), Some(5)), (Value::Null, None)] {
        assert_eq!(windows(&gated("mistral", &json!({"sliding_window": window}))), [found; 3]);
        assert_eq!(windows(&gated("phi3", &json!({"sliding_window": window}))), [found; 3]);
    }
    // What is missing is what it is in transformers' class.
    assert_eq!(windows(&gated("mistral", &json!({}))), [Some(4096); 3]);
    assert_eq!(windows(&gated("phi3", &json!({}))), [None; 3]);
}

#[test]
fn two_rotations_have_two_spellings() {
    let kinds = json!(["sliding_attention", "full_attention", "sliding_attention"]);
    let new = json!({"head_dim": 6, "sliding_window": 4, "layer_types": kinds, "rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 60.0}}});
    let old = json!({"head_dim": 6, "sliding_window": 4, "sliding_window_pattern": 2, "rope_theta": 1000.0,
        "rope_local_base_freq": 60.0, "rope_scaling": {"rope_type": "linear", "factor": 8.0}});
    is_the_same("gemma3_text", &new, &old);
    let bases: Vec<f64> = read(&gated("gemma3_text", &old))
        .attention
        .layers
        .iter()
        .filter_map(|layer| layer.rotary.map(|rotary| rotary.base))
        .collect();
    assert_eq!(bases, [60.0, 1000.0, 60.0]);
    let text = gated("gemma3_text", &old);
    let whole =
        json!({"model_type": "gemma3", "text_config": text, "vision_config": {"hidden_size": 8}, "bos_token_id": 2});
    assert_eq!(read(&whole), read(&text));
    assert_eq!(ModelConfig::from_json(&whole.to_string()).expect("valid").bos_token_id, Some(2));
}

#[test]
fn layers_that_do_not_rotate_are_named_or_counted() {
    let rotates = |keys: &Value| -> Vec<bool> {
        let model = read(&gated("smollm3", keys));
        model.attention.layers.iter().map(|layer| layer.rotary.is_some()).collect()
    };
    assert_eq!(rotates(&json!({"no_rope_layers": [1, 0, 1]})), [true, false, true]);
    assert_eq!(rotates(&json!({"no_rope_layer_interval": 2})), [true, false, true]);
    assert_eq!(rotates(&json!({})), [true; 3]);
}

#[test]
fn local_layers_are_listed_or_counted() {
    let windows = |keys: Value| -> Vec<Option<u32>> {
        let mut config = json!({"model_type": "gpt_neo", "num_layers": 4, "num_heads": 2, "hidden_size": 8, "vocab_size": 9,
            "max_position_embeddings": 32, "window_size": 5});
        config.as_object_mut().expect("keys").extend(keys.as_object().expect("keys").clone());
        read(&config).attention.layers.iter().map(|layer| layer.window).collect()
    };
    assert_eq!(windows(json!({"attention_types": [[["global", "local"], 2]]})), [None, Some(5), None, Some(5)]);
    let listed =
        json!({"attention_types": [[["global"], 4]], "attention_layers": ["local", "local", "global", "local"]});
    assert_eq!(windows(listed), [Some(5), Some(5), None, Some(5)]);
}

#[test]
fn the_first_gemma_meant_the_approximation() {
    for named in ["gelu", "gelu_pytorch_tanh"] {
        let old = json!({"hidden_act": named, "hidden_activation": null});
        is_the_same("gemma", &json!({"hidden_act": "gelu_pytorch_tanh"}), &old);
    }
}
