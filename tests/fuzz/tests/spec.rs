//! Specs: read, and planned for a model with and one without a tokenizer.

use patchsweep_fuzz::planning::{Model, plan};
use patchsweep_fuzz::{Target, text};
use patchsweep_plan::spec::{Source, Spec};

/// Datasets that go with any spec, by kind.
const PROMPTS: &str = "The House Inquiry Citizen (HI, HIC\nThe Shipping Question Quail (SQ, SQQ\n\
    The Usher Wetland Labour (UW, UWL\nThe House Question Labour (HQ, HQL\n";
const TABLE: &str = "prompt,answer,wrong,corrupted\n\
    The House Inquiry Citizen (HI,H,S,The Usher Wetland Labour (UW\n\
    The Shipping Question Quail (SQ,S,U,The House Inquiry Citizen (HI\n";
const TOKENS: &str = r#"{"clean": [[1, 2, 3, 4], [5, 6, 7, 8]], "corrupted": [[[1, 2, 7, 4], [5, 6, 3, 8]]],
    "answers": [[20], [21]], "wrong": [[22], [23]]}"#;

const WORDS: &[&str] = &[
    "noising",
    "denoising",
    "path",
    "hub",
    "revision",
    "float32",
    "bfloat16",
    "tf32",
    "tokens",
    "samples",
    "replace",
    "seed",
    "prepend_bos",
    "kind",
    "groups",
    "distinct",
    "scale",
    "permute",
    "pairs",
    "noise",
    "candidates",
    "candidate_ids",
    "normalize",
    "logit_diff_max",
    "logit_diff_mean",
    "logit_diff",
    "logprob",
    "prob",
    "kl",
    "difference",
    "of",
    "right",
    "wrong",
    "column",
    "ids",
    "reduce",
    "sum",
    "max",
    "logsumexp",
    "A-Z",
    "label",
    "corrupt",
    "read",
    "answer",
    "component",
    "axes",
    "ablate",
    "zero",
    "mean",
    "knockout",
    "layers",
    "heads",
    "neurons",
    "features",
    "active",
    "positions",
    "dest_positions",
    "src_positions",
    "resid_pre",
    "resid_mid",
    "resid_post",
    "attn_out",
    "mlp_out",
    "z",
    "q",
    "k",
    "v",
    "pattern",
    "mlp_pre",
    "mlp_post",
    "layer",
    "pos",
    "head",
    "neuron",
    "feature",
    "dest_pos",
    "src_pos",
    "blocks.1.attn.hook_pattern",
    "blocks.1.mlp.hook_post",
    "blocks.4000000000.hook_resid_pre",
    "table.csv",
    "prompts.txt",
    "tokens.json",
    "metric",
    "dictionary",
    "at",
    "iteration",
    "grid",
    "dataset",
    "true",
    "false",
    "clean",
    "../x",
];

fn feed(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = Source::new(text);
    let spec = match Spec::parse(&source) {
        Ok(spec) => spec,
        Err(error) => {
            let message = error.to_string();
            let is_nested = message.contains("nested too deeply");
            assert!(message.starts_with("spec line ") || is_nested, "a place is named: {message}");
            return;
        }
    };
    let file = spec.dataset_file();
    let dataset = match (&spec.dataset.get_ref().tokens, file.to_ascii_lowercase().ends_with(".csv")) {
        (Some(_), _) => TOKENS,
        (None, true) => TABLE,
        (None, false) => PROMPTS,
    };
    for model in [Model::Embedded, Model::WithoutTokenizer] {
        plan(&source, &spec, dataset, model);
    }
}

#[test]
fn specs_are_planned_or_refused_in_words() {
    let target = Target::new("spec", env!("CARGO_TARGET_TMPDIR"), feed);
    target.check(|edits| text::mutated(&target.corpus(), WORDS, edits));
}
