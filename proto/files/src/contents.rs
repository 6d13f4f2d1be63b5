//! What a model's weight files hold, seen before any of it is loaded.

use std::collections::BTreeSet;

use patchsweep_core::model::Gpt2Config;

use crate::equal::hold_the_same;
use crate::layout::{self, EMBEDDING, HEAD};
use crate::{ModelError, WeightFiles, notes};

/// What a model's weight files hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The tensor that tokens become vectors with \[vocabulary, `d_model`\].
    pub embedding: &'static str,
    /// The tensor that vectors become logits with \[vocabulary, `d_model`\]; the same one where they are tied.
    pub unembedding: &'static str,
    /// What readers of scores of this model should know: one line each.
    pub notes: Vec<String>,
}

impl WeightFiles {
    /// Looks whether all tensors of the config are there, and which ones are embedding and unembedding.
    ///
    /// Reads headers only, but for a stored unembedding that the config ties to the embedding: these two are compared.
    pub fn contents(&self, config: &Gpt2Config) -> Result<Contents, ModelError> {
        let shape = &config.shape;
        for (name, tensor_shape) in layout::tensors(shape) {
            self.tensor(&name, &tensor_shape)?;
        }
        let vocabulary = [shape.d_vocab as usize, shape.d_model as usize];
        let mut notes = Vec::new();
        // As transformers does it: what is missing takes the other one, and only equal ones are tied.
        let (embedding, unembedding) = match (config.tie_word_embeddings, self.has(EMBEDDING), self.has(HEAD)) {
            (true, false, true) => (HEAD, HEAD),
            (true, true, true) => {
                let (embedding, head) = (self.tensor(EMBEDDING, &vocabulary)?, self.tensor(HEAD, &vocabulary)?);
                let are_tied = hold_the_same(&embedding, &head)?;
                notes.extend((!are_tied).then(|| notes::OWN_HEAD.to_owned()));
                (EMBEDDING, if are_tied { EMBEDDING } else { HEAD })
            }
            (true, _, false) => (EMBEDDING, EMBEDDING),
            (false, ..) => (EMBEDDING, HEAD),
        };
        for name in [embedding, unembedding] {
            self.tensor(name, &vocabulary)?;
        }
        notes.extend(notes::unused(&self.unused(config)));
        Ok(Contents { embedding, unembedding, notes })
    }

    /// Stored tensors that are none of the config's, but for masks.
    fn unused(&self, config: &Gpt2Config) -> Vec<&str> {
        let known: BTreeSet<String> = layout::tensors(&config.shape).into_iter().map(|(name, _)| name).collect();
        self.others(|name| known.contains(name) || [EMBEDDING, HEAD].contains(&name) || layout::is_mask(name))
    }
}

#[cfg(test)]
mod tests;
