//! Text to token ids.

use tokenizers::Tokenizer;
use tokenizers::models::ModelWrapper;

use super::PlanError;

const BATCH_BYTES: usize = 1 << 18;

const BATCH_TEXTS: usize = 1 << 12;

/// A model's tokenizer, used without special tokens.
#[derive(Debug)]
pub struct PromptTokenizer {
    tokenizer: Tokenizer,
    /// What the tokenizer gives for words that it does not know.
    unknown: Option<u32>,
}

impl PromptTokenizer {
    /// From the contents of a `tokenizer.json`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, PlanError> {
        let refuse = |error: tokenizers::Error| PlanError::Tokenizer { message: error.to_string() };
        let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(refuse)?;
        // A tokenizer.json may tell to pad or to cut; positions would then silently mean other tokens.
        tokenizer.with_padding(None).with_truncation(None).map_err(refuse)?;
        let unknown = unknown_token(tokenizer.get_model()).and_then(|token| tokenizer.token_to_id(&token));
        Ok(Self { tokenizer, unknown })
    }

    /// Token ids of each text; an error names the first text that has an unknown word.
    pub fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, EncodeError> {
        let mut ids = Vec::with_capacity(texts.len());
        let mut rest = texts;
        while !rest.is_empty() {
            let batch;
            (batch, rest) = rest.split_at(batch_length(rest));
            let done = ids.len();
            let refuse = |error: EncodeError| EncodeError { text: done + error.text, ..error };
            ids.extend(self.encode_batch(batch).map_err(refuse)?);
        }
        Ok(ids)
    }

    fn encode_batch(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, EncodeError> {
        let encodings = self.tokenizer.encode_batch(texts.to_vec(), false);
        let encodings = encodings.map_err(|error| EncodeError { text: 0, message: error.to_string() })?;
        let ids = encodings.iter().enumerate().map(|(text, encoding)| {
            let unknown = encoding.get_ids().iter().position(|&id| Some(id) == self.unknown);
            match unknown {
                Some(token) => {
                    let (start, end) = encoding.get_offsets()[token];
                    let word = texts[text].get(start..end).unwrap_or("").trim();
                    Err(EncodeError { text, message: format!("the model's tokenizer does not know `{word}`") })
                }
                None => Ok(encoding.get_ids().to_vec()),
            }
        });
        ids.collect()
    }

    /// Token ids of one text.
    pub fn encode_one(&self, text: &str) -> Result<Vec<u32>, EncodeError> {
        Ok(self.encode(&[text])?.remove(0))
    }

    /// The text of one token, its leading space included.
    #[must_use]
    pub fn token_text(&self, id: u32) -> String {
        let decoded = self.tokenizer.decode(&[id], false).ok().filter(|text| !text.is_empty());
        decoded.or_else(|| self.tokenizer.id_to_token(id)).unwrap_or_else(|| id.to_string())
    }
}

/// A text that has no token ids.
#[derive(Debug)]
pub struct EncodeError {
    /// Index of the text.
    pub text: usize,
    /// Why.
    pub message: String,
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

fn unknown_token(model: &ModelWrapper) -> Option<String> {
    match model {
        ModelWrapper::WordLevel(model) => Some(model.unk_token.clone()),
        ModelWrapper::WordPiece(model) => Some(model.unk_token.clone()),
        ModelWrapper::BPE(model) => model.unk_token.clone(),
        ModelWrapper::Unigram(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PADDING_AND_CUTTING: &str = r#"{
        "version": "1.0", "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": null, "pad_id": 0,
                    "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null,
        "decoder": null, "model": {"type": "WordLevel", "vocab": {"[PAD]": 0, "[UNK]": 1, "a": 2, "b": 3}, "unk_token": "[UNK]"}
    }"#;

    #[test]
    fn prompts_are_neither_padded_nor_cut_whatever_the_tokenizer_file_says() {
        let tokenizer = PromptTokenizer::from_json(PADDING_AND_CUTTING.as_bytes()).expect("a tokenizer");
        assert_eq!(tokenizer.encode(&["a b a", "b"]).expect("known words"), [vec![2, 3, 2], vec![3]]);
        let unknown = tokenizer.encode(&["a", "b what a"]).expect_err("an unknown word");
        assert_eq!((unknown.text, unknown.message.as_str()), (1, "the model's tokenizer does not know `what`"));
    }
}
