//! Text to token ids.

use tokenizers::Tokenizer;
use tokenizers::models::ModelWrapper;

use super::PlanError;

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
        let tokenizer =
            Tokenizer::from_bytes(bytes).map_err(|error| PlanError::Tokenizer { message: error.to_string() })?;
        let unknown = unknown_token(tokenizer.get_model()).and_then(|token| tokenizer.token_to_id(&token));
        Ok(Self { tokenizer, unknown })
    }

    /// Token ids of each text; an error names the first text that has an unknown word.
    pub fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, EncodeError> {
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

fn unknown_token(model: &ModelWrapper) -> Option<String> {
    match model {
        ModelWrapper::WordLevel(model) => Some(model.unk_token.clone()),
        ModelWrapper::WordPiece(model) => Some(model.unk_token.clone()),
        ModelWrapper::BPE(model) => model.unk_token.clone(),
        ModelWrapper::Unigram(_) => None,
    }
}
