//! A small sweep for the tests of this module.

use patchsweep_core::model::ModelConfig;
use patchsweep_core::status::PlanOptions;

use super::{Inputs, Plan, PromptTokenizer};
use crate::spec::{Source, Spec};

/// Four prompts of three words, each a token; with the beginning of the sequence (id 0) they have four positions.
pub(super) const SPEC: &str = r#"
schema = 1
name = "example"
[model]
path = "m"
[dataset]
path = "d.csv"
[corruption]
kind = "permute"
groups = [[1, 4]]
[[metric]]
kind = "prob"
[[iteration]]
corrupt = [2]
read = 3
[[grid]]
component = "z"
axes = ["layer", "head"]
"#;

/// The first and the last prompt have the same answer.
pub(super) const DATASET: &str = "prompt,answer,wrong,corrupted\n\
    a b c,x,y,d b d\n\
    b c d,y,z,a a a\n\
    c d a,z,x,b d b\n\
    d a b,x,z,c c c\n";

const CONFIG: &str = r#"{"model_type": "gpt2", "n_layer": 3, "n_head": 2, "n_embd": 4, "vocab_size": 10,
    "n_positions": 8, "bos_token_id": 0}"#;

const TOKENIZER: &str = r#"{
    "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordLevel", "unk_token": "[UNK]",
              "vocab": {"[BOS]": 0, "[UNK]": 1, "a": 2, "b": 3, "c": 4, "d": 5, "x": 6, "y": 7, "z": 8}}
}"#;

/// The spec with parts replaced.
#[track_caller]
pub(super) fn spec(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(SPEC.to_owned(), |spec, (from, to)| {
        assert!(spec.contains(from), "{from:?} is in the spec");
        spec.replacen(from, to, 1)
    })
}

/// The model's config.
pub(super) fn config() -> ModelConfig {
    ModelConfig::from_json(CONFIG).expect("a config")
}

/// The model's tokenizer.
pub(super) fn tokenizer() -> PromptTokenizer {
    PromptTokenizer::from_json(TOKENIZER).expect("a tokenizer")
}

/// The plan, or the message of its refusal.
pub(super) fn plan_of(spec: &str, dataset: &str) -> Result<Plan, String> {
    let source = Source::new(spec);
    let spec = Spec::parse(&source).map_err(|error| error.to_string())?;
    let config = config();
    let tokenizer = tokenizer();
    let inputs = Inputs { source: &source, spec: &spec, dataset, config: &config, tokenizer: Some(&tokenizer) };
    Plan::build(&inputs, PlanOptions::default()).map_err(|error| error.to_string())
}

/// The plan of the changed spec over the dataset.
#[track_caller]
pub(super) fn plan(changes: &[(&str, &str)]) -> Plan {
    plan_of(&spec(changes), DATASET).unwrap_or_else(|error| panic!("{error}"))
}

/// A plan's warnings, but for the first: the BOS token is that of the config.
#[track_caller]
pub(super) fn warnings(plan: &Plan) -> &[String] {
    let (first, others) = plan.warnings.split_first().expect("a warning");
    assert!(first.starts_with("prompts begin with `[BOS]`"), "{first}");
    others
}

/// The message that refuses the changed spec over the dataset.
#[track_caller]
pub(super) fn refusal(changes: &[(&str, &str)]) -> String {
    plan_of(&spec(changes), DATASET).expect_err("is refused")
}
