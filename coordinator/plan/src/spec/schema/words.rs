//! Every word of the schema, to find the nearest to a misspelt one.

/// What a metric may be; `plan/metrics.rs` reads them.
pub(crate) const METRIC_KINDS: [&str; 7] =
    ["logit_diff_max", "logit_diff_mean", "logit_diff", "logprob", "prob", "kl", "difference"];

/// Where corrupted prompts may come from; `plan/corruption.rs` reads them.
pub(crate) const CORRUPTION_KINDS: [&str; 3] = ["permute", "pairs", "noise"];

/// Keys, and values that are one of a few.
pub(in crate::spec) const WORDS: &[&str] = &[
    "schema",
    "name",
    "direction",
    "per_prompt",
    "noising",
    "denoising",
    "model",
    "path",
    "hub",
    "revision",
    "dtype",
    "float32",
    "bfloat16",
    "float16",
    "tf32",
    "dataset",
    "tokens",
    "ignore",
    "samples",
    "replace",
    "seed",
    "prepend_bos",
    "auto",
    "corruption",
    "kind",
    "groups",
    "distinct",
    "scale",
    "replicates",
    "dictionary",
    "at",
    "metric",
    "candidates",
    "candidate_ids",
    "of",
    "logit",
    "logprob",
    "prob",
    "right",
    "wrong",
    "column",
    "ids",
    "reduce",
    "sum",
    "max",
    "logsumexp",
    "normalize",
    "position",
    "text",
    "occurrence",
    "token",
    "last",
    "first",
    "all",
    "iteration",
    "label",
    "corrupt",
    "read",
    "answer",
    "grid",
    "component",
    "components",
    "window",
    "also",
    "to",
    "mlps",
    "norm",
    "estimate",
    "gradient",
    "integrated",
    "steps",
    "recompute_pattern",
    "verify",
    "top",
    "sample",
    "axes",
    "ablate",
    "zero",
    "mean",
    "knockout",
    "layers",
    "heads",
    "neurons",
    "features",
    "positions",
    "dest_positions",
    "src_positions",
];

#[cfg(test)]
mod tests {
    use schemars::transform::transform_subschemas;
    use schemars::{Schema, schema_for};
    use serde_json::Value;

    use super::super::Spec;
    use super::WORDS;

    /// Keys, and values of enums in Rust. Kinds, components and axes are looked up where they are read.
    fn collect(schema: &mut Schema, words: &mut Vec<String>) {
        words.extend(
            schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|keys| keys.keys().cloned()),
        );
        words.extend(schema.get("const").and_then(Value::as_str).map(str::to_owned));
        transform_subschemas(&mut |subschema: &mut Schema| collect(subschema, words), schema);
    }

    #[test]
    fn every_word_of_the_schema_can_be_offered_and_no_other() {
        let mut words = Vec::new();
        collect(&mut schema_for!(Spec), &mut words);
        // Of all columns; a star is no word that somebody misspells.
        words.retain(|word| word != "*");
        words.sort_unstable();
        words.dedup();
        let mut offered = WORDS.to_vec();
        offered.sort_unstable();
        assert_eq!(words, offered);
    }
}
