//! Text where a prompt begins, and text that goes on where it ends.

use serde::Deserialize;
use serde_json::Value;
use tokenizers::{Encoding, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

use super::EncodeError;

const BATCH_BYTES: usize = 1 << 18;

const BATCH_TEXTS: usize = 1 << 12;

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextPart {
    /// At the beginning, where some tokenizers put a space before it.
    Beginning,
    /// Behind a prompt, as answers do; a space is there only where it is written.
    Continuation,
}

/// Cuts text into tokens.
#[derive(Debug)]
pub(super) struct Cutter {
    pub(super) tokenizer: Tokenizer,
    /// The same without a space before the text, where it would put one.
    continuation: Option<Tokenizer>,
}

impl Cutter {
    pub(super) fn new(tokenizer: Tokenizer) -> Self {
        let continuation = without_space(&tokenizer);
        Self { tokenizer, continuation }
    }

    /// `ids_of`: what is made of each text, or what is wrong with it.
    pub(super) fn encode<T>(
        &self,
        texts: &[&str],
        part: TextPart,
        ids_of: impl Fn(&str, &Encoding) -> Result<T, String>,
    ) -> Result<Vec<T>, EncodeError> {
        let tokenizer = match (part, &self.continuation) {
            (TextPart::Continuation, Some(tokenizer)) => tokenizer,
            _ => &self.tokenizer,
        };
        let mut ids = Vec::with_capacity(texts.len());
        let mut rest = texts;
        while !rest.is_empty() {
            let batch;
            (batch, rest) = rest.split_at(batch_length(rest));
            let refuse = |text: usize, message: String| EncodeError { text, message };
            let encodings = tokenizer.encode_batch(batch.to_vec(), false);
            let encodings = encodings.map_err(|error| refuse(ids.len(), error.to_string()))?;
            for (text, encoding) in batch.iter().zip(&encodings) {
                let made = ids_of(text, encoding).map_err(|message| refuse(ids.len(), message))?;
                ids.push(made);
            }
        }
        Ok(ids)
    }
}

/// How many of some texts to tokenize at once: what the tokenizer says of a text is many times as large as the text.
fn batch_length(texts: &[&str]) -> usize {
    let mut bytes = 0;
    let fits = |text: &&&str| {
        bytes += text.len();
        bytes <= BATCH_BYTES
    };
    texts.iter().take(BATCH_TEXTS).take_while(fits).count().max(1)
}

/// `None` where the tokenizer puts no space before a text.
fn without_space(tokenizer: &Tokenizer) -> Option<Tokenizer> {
    let [mut cut, mut normalizer] = [
        serde_json::to_value(tokenizer.get_pre_tokenizer()).ok()?,
        serde_json::to_value(tokenizer.get_normalizer()).ok()?,
    ];
    let (cuts, prepends) = (leave_space_out(&mut cut), leave_prepend_out(&mut normalizer));
    if !cuts && !prepends {
        return None;
    }
    let mut plain = tokenizer.clone();
    plain.with_pre_tokenizer(Option::<PreTokenizerWrapper>::deserialize(cut).ok()?);
    plain.with_normalizer(Option::<NormalizerWrapper>::deserialize(normalizer).ok()?).ok()?;
    Some(plain)
}

/// Whether the pre-tokenizer put a space before a text.
fn leave_space_out(cut: &mut Value) -> bool {
    if cut["type"] == "ByteLevel" && cut["add_prefix_space"] == true {
        cut["add_prefix_space"] = false.into();
        return true;
    }
    if cut["type"] == "Metaspace" && cut["prepend_scheme"] != "never" {
        cut["prepend_scheme"] = "never".into();
        return true;
    }
    let Some(Value::Array(parts)) = cut.get_mut("pretokenizers") else { return false };
    let mut any = false;
    for part in parts {
        any |= leave_space_out(part);
    }
    any
}

/// Whether the normalizer put something before a text, as the oldest files of Llama have it.
fn leave_prepend_out(normalizer: &mut Value) -> bool {
    if normalizer["type"] == "Prepend" {
        *normalizer = Value::Null;
        return true;
    }
    let Some(Value::Array(parts)) = normalizer.get_mut("normalizers") else { return false };
    let before = parts.len();
    parts.retain(|part| part["type"] != "Prepend");
    parts.len() < before
}
