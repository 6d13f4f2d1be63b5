//! Keys that change the arithmetic in ways that are not computed here.

use serde_json::{Value, json};

use crate::model::ModelConfig;

fn refused(family: &str, keys: &Value) -> String {
    let mut config = json!({"model_type": family});
    config.as_object_mut().expect("keys").extend(keys.as_object().expect("keys").clone());
    let read = ModelConfig::from_json(&config.to_string());
    crate::error_chain(&read.expect_err(&format!("{config} is refused")))
}

#[test]
fn rotations_are_refused_by_their_name() {
    let kinds =
        ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "olmo", "olmo2", "smollm3", "granite", "phi", "phi3"];
    for family in kinds {
        for name in ["yarn", "longrope", "su", "mrope", "proportional"] {
            let found = refused(family, &json!({"rope_scaling": {"rope_type": name, "factor": 2.0}}));
            assert_eq!(
                found,
                format!(
                    "`rope_type` is `{name}`, which is not supported; supported are default, linear, dynamic and llama3"
                )
            );
            let found = refused(family, &json!({"rope_parameters": {"type": name, "rope_theta": 1e4}}));
            assert!(found.starts_with(&format!("`type` is `{name}`, which is not supported")), "{found}");
        }
        let nested = json!({"rope_parameters": {"full_attention": {"rope_theta": 1e4}}});
        assert!(refused(family, &nested).contains("one rotation for all layers"), "{family}");
        let lacking = refused(family, &json!({"rope_parameters": {"rope_type": "linear"}}));
        assert!(lacking.starts_with("`factor` is missing"), "{lacking}");
    }
    let part = json!({"partial_rotary_factor": 0.5});
    assert!(refused("llama", &part).contains("this family rotates whole heads"));
    let inner = json!({"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.5}});
    assert!(refused("qwen2", &inner).starts_with("`partial_rotary_factor` is 0.5, which is not supported"));
}

#[test]
fn keys_of_single_families_are_refused_by_name() {
    let cases = [
        ("opt", json!({"do_layer_norm_before": false}), "`do_layer_norm_before` is false"),
        ("opt", json!({"word_embed_proj_dim": 512}), "`word_embed_proj_dim` is 512"),
        ("phi", json!({"qk_layernorm": true}), "`qk_layernorm` is true"),
        ("stablelm", json!({"qk_layernorm": true}), "`qk_layernorm` is true"),
        ("stablelm", json!({"head_dim": 7}), "`head_dim` is 7"),
        ("gpt_neox", json!({"num_key_value_heads": 8}), "`num_key_value_heads` is 8"),
        ("gpt_neox", json!({"rope_theta": 500.0, "rotary_emb_base": 400.0}), "`rope_theta` is 500.0"),
        ("gemma", json!({"hidden_act": "gelu", "hidden_activation": "gelu"}), "`hidden_activation` is `gelu`"),
        ("gemma2", json!({"use_bidirectional_attention": true}), "`use_bidirectional_attention` is true"),
        ("gemma2", json!({"sliding_window": null}), "`sliding_window` is missing or not used"),
        ("gemma2", json!({"layer_types": ["full_attention"]}), "`layer_types` is [\"full_attention\"]"),
        (
            "qwen2",
            json!({"num_hidden_layers": 1, "layer_types": ["chunked_attention"]}),
            "`layer_types` is `chunked_attention`",
        ),
        ("gemma3_text", json!({"attn_logit_softcapping": 50.0}), "`attn_logit_softcapping` is 50.0"),
        (
            "gemma3_text",
            json!({"rope_parameters": {"rope_theta": 1e4}}),
            "`rope_parameters` is {\"rope_theta\":10000.0}",
        ),
        ("gemma3_text", json!({"sliding_window_pattern": 0}), "`sliding_window_pattern` is 0"),
        ("gemma3", json!({"text_config": {"attn_logit_softcapping": 50.0}}), "`attn_logit_softcapping` is 50.0"),
        ("gemma3", json!({"text_config": {"final_logit_softcapping": 30.0}}), "`final_logit_softcapping` is 30.0"),
        ("smollm3", json!({"no_rope_layers": [1, 0]}), "`no_rope_layers` is [1,0]"),
        ("gptj", json!({"rotary_dim": null}), "`rotary_dim` is null"),
        ("gptj", json!({"hidden_size": 32}), "`hidden_size` is 32"),
        ("gpt_neo", json!({"attention_types": [[["global"], 3]]}), "`attention_types` is [[[\"global\"],3]]"),
        ("granite", json!({"logits_scaling": 0}), "`logits_scaling` is 0"),
        ("mistral", json!({"layer_types": []}), "`layer_types` is []"),
    ];
    for (family, keys, beginning) in cases {
        let found = refused(family, &keys);
        assert!(found.starts_with(beginning), "{family}: {found}");
        assert!(found.contains(", which is not supported"), "{family}: {found}");
    }
}

#[test]
fn what_concerns_all_families_is_refused_by_name() {
    for family in crate::model::model_types() {
        let quantized =
            json!({"quantization_config": {"quant_method": "gptq"}, "text_config": {"num_hidden_layers": 2}});
        let found = refused(family, &quantized);
        assert!(found.starts_with("`quantization_config` is {\"quant_method\":\"gptq\"}"), "{found}");
        assert!(found.ends_with(": weights must be float32, float16 or bfloat16"), "{found}");
    }
    for (key, family) in [("hidden_act", "llama"), ("hidden_activation", "gemma2"), ("activation_function", "opt")] {
        let found = refused(family, &json!({key: "relu2"}));
        assert_eq!(
            found,
            format!("`{key}` is `relu2`, which is not supported; supported are gelu, gelu_new, relu and silu")
        );
    }
    let found = refused("llama", &json!({"hidden_size": "large"}));
    assert_eq!(found, "`hidden_size` is `large`, which is not a whole number below 2^32");
    let found = refused("llama", &json!({"tie_word_embeddings": 1}));
    assert_eq!(found, "`tie_word_embeddings` is 1, which is not true or false");
}
