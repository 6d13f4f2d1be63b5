//! What a family's class in transformers 5 makes of a folder: it takes vocabulary and merges of `tokenizer.json`, and
//! leaves the normalizer, the pre-tokenizer and most settings of the model.

use serde_json::{Value, json};
use tokenizers::models::ModelWrapper;
use tokenizers::{AddedToken, Tokenizer};

use super::class::Family;
use super::settings::Settings;

/// What decides, beside the vocabulary, into which tokens a text is cut.
#[derive(Debug, PartialEq)]
pub(super) struct Parts {
    pub(super) normalizer: Value,
    pub(super) pre_tokenizer: Value,
    model: ModelFlags,
}

#[derive(Debug, PartialEq)]
struct ModelFlags {
    unk_token: Option<String>,
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
}

/// How Qwen's classes cut text before its bytes are merged.
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

impl Parts {
    /// Of a class, under the settings of a folder.
    pub(super) fn of_class(family: Family, settings: &Settings) -> Self {
        let prefix = settings.add_prefix_space.unwrap_or(family == Family::Llama);
        let bytes = |use_regex: bool| json!({ "type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": use_regex });
        let split = |regex: &str| json!({ "type": "Split", "pattern": { "Regex": regex }, "behavior": "Isolated", "invert": false });
        let sequence = |first: Value, then: Value| json!({ "type": "Sequence", "pretokenizers": [first, then] });
        let composed = json!({ "type": "NFC" });
        let (normalizer, pre_tokenizer) = match family {
            Family::Gpt2 => (Value::Null, bytes(true)),
            Family::GptNeoX => (composed, bytes(true)),
            Family::Qwen2 => (composed, sequence(split(QWEN2), bytes(false))),
            Family::Qwen35 => (composed, sequence(split(QWEN35), bytes(false))),
            Family::Cohere => (composed, sequence(json!({ "type": "Digits", "individual_digits": true }), bytes(true))),
            Family::Gemma => (
                json!({ "type": "Replace", "pattern": { "String": " " }, "content": "▁" }),
                json!({ "type": "Split", "pattern": { "String": " " }, "behavior": "MergedWithPrevious", "invert": false }),
            ),
            Family::Llama => {
                let scheme = match (prefix, settings.legacy) {
                    (false, _) => "never",
                    (true, false) => "first",
                    (true, true) => "always",
                };
                let cut = json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false });
                (Value::Null, cut)
            }
        };
        let by_pieces = matches!(family, Family::Gemma | Family::Llama);
        let unk_token = (family == Family::Gemma).then(|| settings.unk_token.as_deref().unwrap_or("<unk>").to_owned());
        let model = ModelFlags { unk_token, fuse_unk: by_pieces, byte_fallback: by_pieces, ignore_merges: false };
        Self { normalizer, pre_tokenizer, model }
    }

    /// Of `tokenizer.json`; `None` where its model is of another kind than any class makes.
    pub(super) fn as_written(tokenizer: &Tokenizer) -> Option<Self> {
        let ModelWrapper::BPE(model) = tokenizer.get_model() else { return None };
        let affix = |affix: &Option<String>| affix.as_ref().is_some_and(|affix| !affix.is_empty());
        if affix(&model.continuing_subword_prefix) || affix(&model.end_of_word_suffix) {
            return None;
        }
        let model = ModelFlags {
            unk_token: model.unk_token.clone(),
            fuse_unk: model.fuse_unk,
            byte_fallback: model.byte_fallback,
            ignore_merges: model.ignore_merges,
        };
        let normalizer = serde_json::to_value(tokenizer.get_normalizer()).ok()?;
        Some(Self { normalizer, pre_tokenizer: pre_tokenizer(tokenizer)?, model })
    }
}

/// As JSON, with offsets as the classes trim them: they decide no token.
pub(super) fn pre_tokenizer(tokenizer: &Tokenizer) -> Option<Value> {
    let mut value = serde_json::to_value(tokenizer.get_pre_tokenizer()).ok()?;
    each_byte_level(&mut value, &|part| part["trim_offsets"] = true.into());
    Some(value)
}

/// The same but for the space before a text.
pub(super) fn without_prefix(mut pre_tokenizer: Value) -> Value {
    each_byte_level(&mut pre_tokenizer, &|part| part["add_prefix_space"] = Value::Null);
    pre_tokenizer
}

fn each_byte_level(value: &mut Value, change: &dyn Fn(&mut Value)) {
    if value["type"] == "ByteLevel" {
        change(value);
    }
    if let Some(Value::Array(parts)) = value.get_mut("pretokenizers") {
        for part in parts {
            each_byte_level(part, change);
        }
    }
}

/// The class' tokenizer; `None` where it has none, because its vocabulary and merges do not fit.
///
/// `written`: the contents of `tokenizer.json`. `added`: the tokens that it has beside the vocabulary, in order.
pub(super) fn build(parts: &Parts, written: &str, added: Vec<AddedToken>) -> Option<Tokenizer> {
    let mut written: Value = serde_json::from_str(written).ok()?;
    let vocab = match written["model"]["vocab"].take() {
        Value::Array(entries) => numbered(entries),
        vocab => vocab,
    };
    let merges = match written["model"]["merges"].take() {
        Value::Null => json!([]),
        merges => merges,
    };
    let ModelFlags { unk_token, fuse_unk, byte_fallback, ignore_merges } = &parts.model;
    let json = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "post_processor": null, "decoder": null,
        "normalizer": parts.normalizer, "pre_tokenizer": parts.pre_tokenizer,
        "model": {
            "type": "BPE", "vocab": vocab, "merges": merges, "dropout": null, "unk_token": unk_token, "fuse_unk": fuse_unk,
            "byte_fallback": byte_fallback, "ignore_merges": ignore_merges,
            "continuing_subword_prefix": "", "end_of_word_suffix": "",
        },
    });
    let mut tokenizer = Tokenizer::from_bytes(json.to_string()).ok()?;
    tokenizer.add_tokens(added).ok()?;
    Some(tokenizer)
}

/// A vocabulary that is a list gives its tokens their places as ids.
fn numbered(entries: Vec<Value>) -> Value {
    let name = |entry: Value| match entry {
        Value::Array(mut entry) if !entry.is_empty() => entry.swap_remove(0),
        entry => entry,
    };
    let named = entries.into_iter().enumerate();
    named.filter_map(|(id, entry)| Some((name(entry).as_str()?.to_owned(), Value::from(id)))).collect()
}
