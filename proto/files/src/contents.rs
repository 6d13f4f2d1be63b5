//! What a model's weight files hold, seen before any of it is loaded.

use std::collections::BTreeSet;

use patchsweep_core::architecture::{Parameter, Part, Slot};
use patchsweep_core::model::ModelConfig;

use crate::equal::hold_the_same;
use crate::{ModelError, WeightFiles, notes};

/// What a model's weight files hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The tensor that tokens become vectors with \[vocabulary, `d_model`\].
    pub embedding: String,
    /// The tensor that vectors become logits with \[vocabulary, `d_model`\]; the same one where they are tied.
    pub unembedding: String,
    /// What readers of scores of this model should know: one line each.
    pub notes: Vec<String>,
}

/// What a config wants to be stored, by name.
pub(crate) struct Wanted {
    pub(crate) embedding: String,
    pub(crate) head: String,
    /// Of both.
    pub(crate) vocabulary: Vec<usize>,
    /// All others, each once, with their shapes.
    pub(crate) others: Vec<(String, Vec<usize>)>,
}

impl Wanted {
    pub(crate) fn of(config: &ModelConfig) -> Self {
        let (mut embedding, mut head) = (String::new(), String::new());
        let (mut vocabulary, mut others) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for parameter in config.architecture.parameters() {
            let source = config.source(&parameter);
            let shape: Vec<usize> = source.shape.iter().map(|&size| size as usize).collect();
            match (parameter.slot, parameter.part) {
                (Slot::Embed, Part::Weight) => (embedding, vocabulary) = (source.name, shape),
                (Slot::Unembed, Part::Weight) => head = source.name,
                _ if seen.insert(source.name.clone()) => others.push((source.name, shape)),
                _ => {}
            }
        }
        Self { embedding, head, vocabulary, others }
    }
}

impl WeightFiles {
    /// Looks whether all tensors of the config are there, and which ones are embedding and unembedding.
    ///
    /// Reads headers only, but for a stored unembedding that the config ties to the embedding: these two are compared.
    pub fn contents(&self, config: &ModelConfig) -> Result<Contents, ModelError> {
        let wanted = Wanted::of(config);
        for (name, shape) in &wanted.others {
            self.tensor(name, shape)?;
        }
        let Wanted { embedding, head, vocabulary, .. } = &wanted;
        let mut notes = Vec::new();
        // As transformers does it: what is missing takes the other one, and only equal ones are tied.
        let (embedding, unembedding) = match (config.architecture.readout.tied, self.has(embedding), self.has(head)) {
            (true, false, true) => (head, head),
            (true, true, true) => {
                let are_tied = hold_the_same(&self.tensor(embedding, vocabulary)?, &self.tensor(head, vocabulary)?)?;
                notes.extend((!are_tied).then(|| notes::own_head(head)));
                (embedding, if are_tied { embedding } else { head })
            }
            (true, _, false) => (embedding, embedding),
            (false, ..) => (embedding, head),
        };
        for name in [embedding, unembedding] {
            self.tensor(name, vocabulary)?;
        }
        notes.extend(notes::unused(&self.unused(config, &wanted)));
        Ok(Contents { embedding: embedding.clone(), unembedding: unembedding.clone(), notes })
    }

    /// Stored tensors that are none of the config's, but for constants.
    fn unused(&self, config: &ModelConfig, wanted: &Wanted) -> Vec<&str> {
        let others = wanted.others.iter().map(|(name, _)| name.as_str());
        let known: BTreeSet<&str> = others.chain([wanted.embedding.as_str(), &wanted.head]).collect();
        self.others(config, |name| known.contains(name))
    }
}

/// What may stand further out in a file's names than the rest: a model that is made of another one and a head.
pub(crate) fn heads(config: &ModelConfig) -> Vec<String> {
    let is_head = |parameter: &Parameter| parameter.slot == Slot::Unembed;
    let around = config.architecture.parameters_around();
    let names: Vec<String> = around.iter().filter(|p| is_head(p)).map(|p| config.source(p).name).collect();
    let renamed = config.renamed().iter().filter(|(_, name)| names.iter().any(|head| head == name));
    let others: Vec<String> = renamed.map(|(other, _)| (*other).to_owned()).collect();
    names.into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests;
