//! Which files of a repository are read here.

use patchsweep_files::{INDEX, PICKLES, SINGLE};

/// Small files, of which only the first must be there.
const SMALL: [&str; 4] = ["config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"];

/// What there is in place of `tokenizer.json`; it takes a conversion to use them.
const BPE: [&str; 2] = ["vocab.json", "merges.txt"];

/// Which files of a repository are read here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Config and tokenizer, the config first.
    pub(crate) small: Vec<&'static str>,
    /// The weights, or the list of their shards.
    pub(crate) weights: &'static str,
}

/// Why there is nothing to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// This file is missing.
    No(&'static str),
    /// The weights are this pickle.
    Pickle(&'static str),
}

impl Choice {
    /// `has`: whether the repository has a file of that name.
    pub(crate) fn of(has: impl Fn(&str) -> bool) -> Result<Self, Unusable> {
        let [config, tokenizer, ..] = SMALL;
        if !has(config) {
            return Err(Unusable::No(config));
        }
        // As in a folder: one file counts before shards.
        let weights = [SINGLE, INDEX].into_iter().find(|name| has(name));
        let pickle = || PICKLES.into_iter().find(|name| has(name));
        let weights = weights.ok_or_else(|| pickle().map_or(Unusable::No(SINGLE), Unusable::Pickle))?;
        let bpe = BPE.into_iter().filter(|_| !has(tokenizer));
        let small = SMALL.into_iter().chain(bpe).filter(|name| has(name)).collect();
        Ok(Self { small, weights })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(files: &[&str]) -> Result<Choice, Unusable> {
        Choice::of(|name| files.contains(&name))
    }

    #[test]
    fn only_what_is_read_is_chosen() {
        let files =
            ["README.md", "config.json", "merges.txt", "model.safetensors", "onnx/model.onnx", "tokenizer.json"];
        let more = ["pytorch_model.bin", "tokenizer_config.json", "vocab.json", "consolidated.safetensors"];
        let chosen = choice(&[&files[..], &more].concat()).expect("usable");
        assert_eq!(chosen.small, ["config.json", "tokenizer.json", "tokenizer_config.json"]);
        assert_eq!(chosen.weights, SINGLE);
    }

    #[test]
    fn one_file_of_weights_counts_before_shards() {
        assert_eq!(choice(&["config.json", INDEX, SINGLE]).expect("usable").weights, SINGLE);
        assert_eq!(choice(&["config.json", INDEX, "pytorch_model.bin"]).expect("usable").weights, INDEX);
    }

    #[test]
    fn a_tokenizer_in_another_form_comes_for_its_conversion() {
        let chosen = choice(&["config.json", SINGLE, "vocab.json", "merges.txt"]).expect("usable");
        assert_eq!(chosen.small, ["config.json", "vocab.json", "merges.txt"]);
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        assert_eq!(choice(&[SINGLE]), Err(Unusable::No("config.json")));
        assert_eq!(choice(&["config.json", "model.gguf"]), Err(Unusable::No(SINGLE)));
        assert_eq!(choice(&["config.json", "pytorch_model.bin"]), Err(Unusable::Pickle("pytorch_model.bin")));
        let index = "pytorch_model.bin.index.json";
        assert_eq!(choice(&["config.json", index]), Err(Unusable::Pickle(index)));
    }
}
