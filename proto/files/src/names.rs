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

    /// Stored names of all tensors but constants and those that these names are of.
    pub(crate) fn others(&self, config: &ModelConfig, is_known: impl Fn(&str) -> bool) -> Vec<&str> {
        let unknown = self.by_name.iter().filter(|(name, _)| !is_known(name) && !config.is_constant(name));
        let unknown = unknown.map(|(_, stored)| stored.name.as_str());
        let strangers = self.strangers.iter().map(String::as_str).filter(|name| !config.is_constant(name));
        let mut others: Vec<&str> = unknown.chain(strangers).collect();
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
    use patchsweep_core::architecture::{Parameter, Slot};
    use patchsweep_core::model::model_types;

    use super::*;

    const LANDMARK: &str = "ln_f.weight";
    const HEAD: &str = "lm_head.weight";

    fn config(model_type: &str) -> ModelConfig {
        ModelConfig::from_json(&format!(r#"{{"model_type": "{model_type}"}}"#)).expect("a config")
    }

    fn names(stored: &[&str]) -> Result<Names, String> {
        names_of("gpt2", stored)
    }

    fn names_of(model_type: &str, stored: &[&str]) -> Result<Names, String> {
        let stored = stored.iter().map(|&name| Stored { file: "f".into(), name: name.into() }).collect();
        Names::of(stored, Path::new("m"), &config(model_type)).map_err(|error| error.to_string())
    }

    fn others<'a>(names: &'a Names, known: &str) -> Vec<&'a str> {
        names.others(&config("gpt2"), |name| name == known)
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
            assert!(found.others(&config("gpt2"), |name| name != "x").is_empty());
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
        assert_eq!(others(&another, LANDMARK), ["value.lm_head.weight"]);
    }

    #[test]
    fn one_of_several_models_is_not_guessed() {
        let refused = names(&["ema.ln_f.weight", "model.ln_f.weight"]).expect_err("is refused");
        assert_eq!(refused, "the weights in m are of several models, under `ema.` and `model.`; keep one of them");
        // As transformers takes it.
        let usual = names(&["transformer.ln_f.weight", "old.ln_f.weight"]).expect("transformers' own");
        assert_eq!(others(&usual, LANDMARK), ["old.ln_f.weight"]);
    }

    #[test]
    fn every_family_is_found_behind_what_transformers_puts_first_and_without_it() {
        for model_type in model_types() {
            let config = config(model_type);
            let parameters = config.architecture.parameters();
            let (outer, inner): (Vec<_>, Vec<_>) = parameters.iter().partition(|p| p.slot == Slot::Unembed);
            for prefix in config.prefixes() {
                let name = |p: &&Parameter| config.source(p).name;
                let inner = inner.iter().map(name).map(|name| format!("{prefix}{name}"));
                let stored: BTreeSet<String> = inner.chain(outer.iter().map(name)).collect();
                let stored: Vec<&str> = stored.iter().map(String::as_str).collect();
                let found = names_of(model_type, &stored).expect("one model");
                for parameter in &parameters {
                    let name = config.source(parameter).name;
                    assert!(found.get(&name).is_some(), "{name} of {model_type} behind `{prefix}`");
                }
                assert!(found.others(&config, |name| found.get(name).is_some()).is_empty());
            }
        }
    }

    #[test]
    fn tensors_may_have_other_names_in_other_releases() {
        for head in ["embed_out.weight", "lm_head.weight"] {
            let stored = ["gpt_neox.final_layer_norm.weight", head];
            let found = names_of("gpt_neox", &stored).expect("one model");
            assert!(found.get("embed_out.weight").is_some(), "{head}");
        }
    }

    #[test]
    fn what_sees_images_is_passed_over_in_silence() {
        for (text, images) in [
            ("language_model.model.", ["vision_tower.x.weight", "multi_modal_projector.y"]),
            ("model.language_model.", ["model.vision_tower.x.weight", "model.multi_modal_projector.y"]),
        ] {
            let landmark = format!("{text}norm.weight");
            let stored = [&landmark, images[0], images[1], "another.weight"];
            let found = names_of("gemma3", &stored).expect("one model");
            assert_eq!(found.others(&config("gemma3"), |name| name == "norm.weight"), ["another.weight"]);
        }
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
