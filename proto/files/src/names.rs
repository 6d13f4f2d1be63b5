//! Tensors by their family's names, whatever the program that saved them put before these.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use patchsweep_core::model::ModelConfig;

use crate::ModelError;
use crate::contents::heads;

/// What wrappers of modules add in the middle of names: `torch.compile`, activation checkpoints, FSDP.
const WRAPPERS: [&str; 3] = ["_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"];

/// Which stored tensor is which of a model's.
#[derive(Debug, Default)]
pub(crate) struct Names {
    by_name: BTreeMap<String, Stored>,
    strangers: Vec<String>,
}

/// A tensor as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The file's name.
    pub(crate) file: String,
    /// The tensor's in it.
    pub(crate) name: String,
}

impl Names {
    /// Of all tensors that are stored in a folder's files, of a model of this config.
    pub(crate) fn of(stored: Vec<Stored>, folder: &Path, config: &ModelConfig) -> Result<Self, ModelError> {
        let unwrapped: Vec<String> = stored.iter().map(|stored| unwrapped(&stored.name)).collect();
        let prefix = prefix(&unwrapped, folder, config)?;
        let heads = heads(config);
        let mut names = Self::default();
        for (stored, unwrapped) in stored.into_iter().zip(&unwrapped) {
            let Some(name) = without(unwrapped, prefix, &heads) else {
                names.strangers.push(stored.name);
                continue;
            };
            let name = config.renamed().iter().find(|(other, _)| *other == name).map_or(name, |(_, name)| name);
            if let Some(first) = names.by_name.insert(name.to_owned(), stored.clone()) {
                let place = |stored: &Stored| format!("`{}` of {}", stored.name, stored.file);
                let (first, second) = (place(&first), place(&stored));
                return Err(ModelError::Twice { name: name.to_owned(), folder: folder.to_owned(), first, second });
            }
        }
        Ok(names)
    }

    /// Where a tensor is stored.
    pub(crate) fn get(&self, name: &str) -> Option<&Stored> {
        self.by_name.get(name)
    }

    /// Stored names of all tensors but those that these names are of.
    pub(crate) fn others(&self, is_known: impl Fn(&str) -> bool) -> Vec<&str> {
        let unknown = self.by_name.iter().filter(|(name, _)| !is_known(name)).map(|(_, stored)| stored.name.as_str());
        let mut others: Vec<&str> = unknown.chain(self.strangers.iter().map(String::as_str)).collect();
        others.sort_unstable();
        others
    }
}

fn unwrapped(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').filter(|part| !WRAPPERS.contains(part)).collect();
    parts.join(".")
}

/// What stands before the names of the model's tensors.
///
/// What transformers puts there wins where there are others beside it.
fn prefix<'a>(names: &'a [String], folder: &Path, config: &ModelConfig) -> Result<&'a str, ModelError> {
    let before = |name: &'a String| {
        name.strip_suffix(config.landmark()).filter(|before| before.is_empty() || before.ends_with('.'))
    };
    let prefixes: BTreeSet<&str> = names.iter().filter_map(before).collect();
    let usual = config.prefixes().iter().find_map(|usual| prefixes.get(usual).copied());
    if let Some(prefix) = usual {
        return Ok(prefix);
    }
    match prefixes.len() {
        // Nothing is found then, and the first tensor that is wanted is named.
        0 => Ok(""),
        1 => Ok(prefixes.first().copied().unwrap_or_default()),
        _ => {
            let prefixes: Vec<String> = prefixes.into_iter().map(|prefix| format!("`{prefix}`")).collect();
            Err(ModelError::SeveralModels { folder: folder.to_owned(), prefixes: prefixes.join(" and ") })
        }
    }
}

/// A tensor's name without the prefix. The unembedding may stand further out than the rest: it is no part of the model that
/// gives the residual stream.
fn without<'a>(name: &'a str, prefix: &str, heads: &'a [String]) -> Option<&'a str> {
    let outer_head = || {
        let is_it = |head: &&String| name.strip_suffix(head.as_str()).is_some_and(|outer| prefix.starts_with(outer));
        heads.iter().find(is_it).map(String::as_str)
    };
    name.strip_prefix(prefix).or_else(outer_head)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANDMARK: &str = "ln_f.weight";
    const HEAD: &str = "lm_head.weight";

    fn names(stored: &[&str]) -> Result<Names, String> {
        let config =
            r#"{"model_type": "gpt2", "n_layer": 1, "n_head": 1, "n_embd": 2, "vocab_size": 3, "n_positions": 2}"#;
        let config = ModelConfig::from_json(config).expect("a config");
        let stored = stored.iter().map(|&name| Stored { file: "f".into(), name: name.into() }).collect();
        Names::of(stored, Path::new("m"), &config).map_err(|error| error.to_string())
    }

    #[test]
    fn tensors_are_found_behind_whatever_stands_before_them() {
        let prefixes = [
            "",
            "transformer.",
            "model.",
            "module.",
            "_orig_mod.",
            "_orig_mod.transformer.",
            "module.transformer.",
            "model.model.transformer.",
            "policy.transformer.",
            "transformer._orig_mod.",
            "module._orig_mod.",
            "_fsdp_wrapped_module.transformer.",
        ];
        for prefix in prefixes {
            let stored = ["ln_f.weight", "h.0.ln_1.bias", "wte.weight"].map(|name| format!("{prefix}{name}"));
            let found = names(&stored.each_ref().map(String::as_str)).expect("one model");
            assert_eq!(found.get("h.0.ln_1.bias").map(|stored| &stored.name), Some(&stored[1]), "{prefix}");
            assert!(found.others(|name| name != "x").is_empty());
        }
    }

    #[test]
    fn wrappers_of_single_blocks_are_looked_through() {
        let found = names(&["transformer.ln_f.weight", "transformer.h.0._orig_mod.ln_1.bias"]).expect("one model");
        assert!(found.get("h.0.ln_1.bias").is_some());
    }

    #[test]
    fn the_unembedding_may_stand_further_out() {
        for (landmark, head) in [
            ("transformer.ln_f.weight", "lm_head.weight"),
            ("_orig_mod.transformer.ln_f.weight", "_orig_mod.lm_head.weight"),
            ("model.transformer.ln_f.weight", "model.lm_head.weight"),
            ("model.ln_f.weight", "lm_head.weight"),
            ("ln_f.weight", "lm_head.weight"),
        ] {
            assert!(names(&[landmark, head]).expect("one model").get(HEAD).is_some(), "{head}");
        }
        let another = names(&["policy.transformer.ln_f.weight", "value.lm_head.weight"]).expect("one model");
        assert!(another.get(HEAD).is_none());
        assert_eq!(another.others(|_| true), ["value.lm_head.weight"]);
    }

    #[test]
    fn one_of_several_models_is_not_guessed() {
        let refused = names(&["ema.ln_f.weight", "model.ln_f.weight"]).expect_err("is refused");
        assert_eq!(refused, "the weights in m are of several models, under `ema.` and `model.`; keep one of them");
        // As transformers takes it.
        let usual = names(&["transformer.ln_f.weight", "old.ln_f.weight"]).expect("transformers' own");
        assert_eq!(usual.others(|name| name == LANDMARK), ["old.ln_f.weight"]);
    }

    #[test]
    fn a_tensor_that_is_there_twice_is_refused() {
        let refused = names(&["_orig_mod.ln_f.weight", "ln_f.weight"]).expect_err("is refused");
        assert_eq!(
            refused,
            "tensor `ln_f.weight` is twice in m, as `_orig_mod.ln_f.weight` of f and as `ln_f.weight` of f; keep one of \
             them"
        );
    }
}
