//! `cfg.json`, as `SAELens` writes it since version 6.

use std::path::Path;

use patchsweep_core::dictionary::{DictionaryHeader, Encoder};
use serde_json::{Map, Value};

use super::DictionaryFileError;

/// Keys that change nothing here: how the tensors are stored stands in their file.
const IGNORED: [&str; 2] = ["dtype", "device"];

/// How the model was changed before its activations were taken; of these keys the ones that change activations so that they
/// cannot be made of those here.
const CHANGED_MODELS: [&str; 2] = ["fold_value_biases", "refactor_factored_attn_matrices"];

/// The header that a `cfg.json` gives.
pub(super) fn read(path: &Path, text: &str) -> Result<DictionaryHeader, DictionaryFileError> {
    let refuse = |reason: String| DictionaryFileError::Config { path: path.to_owned(), reason };
    let value: Value = serde_json::from_str(text).map_err(|error| refuse(format!("it is no JSON ({error})")))?;
    let mut keys = Keys { keys: value.as_object().cloned().unwrap_or_default(), known: Vec::new() };
    header(&mut keys).map_err(refuse)
}

/// Keys of the file, and which of them were looked at.
struct Keys {
    keys: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Keys {
    /// `None`: it is not there, or null.
    fn get(&mut self, key: &'static str) -> Option<&Value> {
        self.known.push(key);
        self.keys.get(key).filter(|value| !value.is_null())
    }

    fn text(&mut self, key: &'static str, default: &str) -> String {
        let value = self.get(key);
        value
            .map_or_else(|| default.to_owned(), |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    fn number(&mut self, key: &'static str) -> Result<u32, String> {
        let number = self.get(key).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| format!("`{key}` is missing, or no whole number from 0"))
    }

    fn flag(&mut self, key: &'static str, default: bool) -> Result<bool, String> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| format!("`{key}` is neither true nor false")),
        }
    }
}

fn header(keys: &mut Keys) -> Result<DictionaryHeader, String> {
    let metadata = keys.get("metadata").and_then(Value::as_object).cloned();
    let (Some(metadata), true) = (metadata, keys.keys.contains_key("architecture")) else {
        return Err("it was not written by SAELens 6; load the dictionary with the newest SAELens \
                    (`SAE.load_from_disk`) and save it again with `save_model`"
            .to_owned());
    };
    let encoder = match keys.text("architecture", "").as_str() {
        "standard" => Encoder::Standard,
        "jumprelu" => Encoder::JumpRelu,
        "gated" => Encoder::Gated,
        "topk" => Encoder::TopK { k: keys.number("k")?, rescaled: keys.flag("rescale_acts_by_decoder_norm", false)? },
        "batchtopk" | "matryoshka_batchtopk" => {
            return Err(
                "architecture `batchtopk` is one of training; save the dictionary with `save_inference_model`, \
                        which writes it as `jumprelu`"
                    .to_owned(),
            );
        }
        other => {
            return Err(format!(
                "architecture `{other}` is not known here; `standard`, `jumprelu`, `topk` and `gated` are"
            ));
        }
    };
    let normalized = keys.text("normalize_activations", "none");
    if normalized != "none" {
        return Err(format!(
            "`normalize_activations` is `{normalized}`: features of normalized activations cannot be written here; fold it into \
             the weights with SAELens (`fold_activation_norm_scaling_factor`), where it can be, and save it again"
        ));
    }
    let reshaped = keys.text("reshape_activations", "none");
    if !["none", "hook_z"].contains(&reshaped.as_str()) {
        return Err(format!("`reshape_activations` is `{reshaped}`; `none` and `hook_z` are known here"));
    }
    let header = DictionaryHeader {
        width: keys.number("d_in")?,
        features: keys.number("d_sae")?,
        encoder,
        subtracts_decoder_bias: keys.flag("apply_b_dec_to_input", true)?,
        of_centred_model: was_changed(&metadata, "center_writing_weights")?,
        hook: text_of(&metadata, "hook_name"),
        model: text_of(&metadata, "model_name"),
    };
    if let Some(key) = keys.keys.keys().find(|key| !keys.known.contains(&key.as_str()) && !is_ignored(key)) {
        return Err(format!(
            "`{key}` is not known here, and may change what features are; of a dictionary in training `save_inference_model` \
             leaves out what does not"
        ));
    }
    refuse_changed_models(&metadata)?;
    let reads_heads = header.hook.as_deref().is_some_and(|hook| hook.ends_with("hook_z"));
    if reshaped == "hook_z" && header.hook.is_some() && !reads_heads {
        return Err("`reshape_activations` is `hook_z`, but its site is not".to_owned());
    }
    Ok(header)
}

fn text_of(metadata: &Map<String, Value>, key: &str) -> Option<String> {
    metadata.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn is_ignored(key: &str) -> bool {
    IGNORED.contains(&key)
}

/// Activations of a part of the site, or of a model that was changed before, are none of those here.
fn refuse_changed_models(metadata: &Map<String, Value>) -> Result<(), String> {
    if let Some(head) = metadata.get("hook_head_index").filter(|head| !head.is_null()) {
        return Err(format!(
            "it is of head {head} alone (`hook_head_index`); dictionaries of all heads are known here"
        ));
    }
    for key in CHANGED_MODELS {
        if was_changed(metadata, key)? {
            return Err(format!(
                "it was trained on activations of a model that TransformerLens had changed (`{key}`), which are others than \
                 those here; use a dictionary of the model as it is"
            ));
        }
    }
    Ok(())
}

/// Whether `TransformerLens` was told to change the model in this way before its activations were taken.
fn was_changed(metadata: &Map<String, Value>, key: &str) -> Result<bool, String> {
    match metadata.get("model_from_pretrained_kwargs").and_then(|keys| keys.get(key)) {
        None | Some(Value::Null) => Ok(false),
        Some(value) => value
            .as_bool()
            .ok_or_else(|| format!("`{key}` of `model_from_pretrained_kwargs` is neither true nor false")),
    }
}
