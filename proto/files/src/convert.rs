//! Formats that are not read here, and the commands that make of them what is read. `tests/python/hugging_face/conversion.py` runs these.

use std::path::Path;

use crate::ModelError;
use crate::read::is_there;

/// Weights as PyTorch pickles them: whole, and the index of several.
pub const PICKLES: [&str; 2] = ["pytorch_model.bin", "pytorch_model.bin.index.json"];

/// Of a folder without weights in safetensors: the pickle that it has instead.
pub(crate) fn pickle(folder: &Path) -> Option<&'static str> {
    PICKLES.into_iter().find(|name| is_there(&folder.join(name)))
}

/// Of a folder without `tokenizer.json`: says so if it has the tokenizer in another form.
#[must_use]
pub fn only_bpe_files(folder: &Path) -> Option<ModelError> {
    let has = |name| is_there(&folder.join(name));
    let only = has("vocab.json") && has("merges.txt") && !has("tokenizer.json");
    only.then(|| ModelError::OnlyBpeFiles { folder: folder.to_owned() })
}

/// The command that writes `model.safetensors`.
pub(crate) fn weights(folder: &Path) -> String {
    save_again("AutoModelForCausalLM", folder)
}

/// The command that writes `tokenizer.json`.
pub(crate) fn tokenizer(folder: &Path) -> String {
    save_again("AutoTokenizer", folder)
}

/// The command that makes a model folder of a repository whose weights are no safetensors.
#[must_use]
pub fn conversion(repository: &str, revision: &str, folder: &str) -> String {
    format!(
        r#"python -c "from transformers import AutoModelForCausalLM as A, AutoTokenizer as B; [C.from_pretrained('{repository}', revision='{revision}').save_pretrained('{folder}') for C in (A, B)]""#
    )
}

/// What transformers loads, it saves in its present form.
fn save_again(class: &str, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"python -c "from transformers import {class} as A; A.from_pretrained('{folder}').save_pretrained('{folder}')""#
    )
}
