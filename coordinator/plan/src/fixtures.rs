//! A small plan for tests: two iterations over five prompts, some of which are not corrupted.

use patchsweep_core::dictionary::{DictionaryHeader, Encoder};
use patchsweep_core::digest::Digest;
use patchsweep_core::model::ModelConfig;
use patchsweep_core::status::PlanOptions;

use crate::spec::{Source, Spec};
use crate::{Inputs, Plan};

/// The spec of [`plan`].
pub const SPEC: &str = r#"
schema = 1
name = "merge"
[model]
path = "m"
[dataset]
tokens = "t.json"
[[metric]]
kind = "logit_diff_max"
candidate_ids = [1, 2]
[[iteration]]
read = 2
[[iteration]]
read = 1
[[grid]]
component = "z"
axes = ["layer", "pos", "head"]
"#;

/// In iteration 0 prompts 1 and 2 are not corrupted, in iteration 1 prompts 2 and 3, and 4 not up to the read position.
const TOKENS: &str = r#"{
    "clean": [[1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 1, 1], [2, 2, 2]],
    "corrupted": [[[0, 2, 3], [4, 5, 6], [7, 8, 9], [1, 0, 1], [2, 2, 0]],
                  [[0, 2, 3], [4, 0, 6], [7, 8, 9], [1, 1, 1], [2, 2, 0]]],
    "answers": [[1, 2], [1, 2], [1, 2], [1, 2], [1, 2]]}"#;

const CONFIG: &str = r#"{"model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 4, "vocab_size": 10,
    "n_positions": 3}"#;

/// Two iterations, cut as the options say.
#[must_use]
pub fn plan(options: PlanOptions) -> Plan {
    plan_from(SPEC, options)
}

/// The same over the features of a dictionary of six, of which only active ones are computed: \[pos, feature\].
///
/// # Panics
/// When the options are refused.
#[must_use]
pub fn plan_of_features(options: PlanOptions) -> Plan {
    let dictionary = "[[dictionary]]\nname = \"res\"\npath = \"sae\"\nat = \"blocks.1.hook_resid_pre\"\n[[metric]]";
    let text = SPEC.replace("[[metric]]", dictionary).replace(
        "component = \"z\"\naxes = [\"layer\", \"pos\", \"head\"]",
        "component = \"res\"\naxes = [\"pos\", \"feature\"]\nfeatures = \"active\"",
    );
    let source = Source::new(text);
    let mut spec = Spec::parse(&source).expect("a spec");
    let header = DictionaryHeader {
        width: 4,
        features: 6,
        encoder: Encoder::Standard,
        subtracts_decoder_bias: true,
        of_centred_model: false,
        hook: Some("blocks.1.hook_resid_pre".to_owned()),
        model: Some("m-small".to_owned()),
    };
    spec.found(0, header, Digest([7; 32]));
    let config = ModelConfig::from_json(CONFIG).expect("a config");
    let inputs = Inputs { source: &source, spec: &spec, dataset: TOKENS, config: &config, tokenizer: None };
    Plan::build(&inputs, options).expect("a plan")
}

/// What another spec makes of the same prompts and model.
#[must_use]
pub fn plan_from(spec: &str, options: PlanOptions) -> Plan {
    plan_of(spec, CONFIG, TOKENS, options)
}

/// What a spec over token ids makes of such a model.
///
/// # Panics
/// When one of them is refused.
#[must_use]
pub fn plan_of(spec: &str, config: &str, tokens: &str, options: PlanOptions) -> Plan {
    let source = Source::new(spec);
    let spec = Spec::parse(&source).expect("a spec");
    let config = ModelConfig::from_json(config).expect("a config");
    let inputs = Inputs { source: &source, spec: &spec, dataset: tokens, config: &config, tokenizer: None };
    Plan::build(&inputs, options).expect("a plan")
}
