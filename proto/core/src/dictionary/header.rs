//! What a dictionary's files say of it.

use super::{Dictionary, DictionaryError, Encoder};
use crate::digest::Digest;
use crate::grid::Component::{ResidPost, ResidPre};

/// What a dictionary's files say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DictionaryHeader {
    /// Numbers of one position's activation.
    pub width: u32,
    /// How many features there are.
    pub features: u32,
    /// How an activation becomes features.
    pub encoder: Encoder,
    /// Whether the decoder's bias is taken off an activation before it is encoded.
    pub subtracts_decoder_bias: bool,
    /// As [`Dictionary::of_centred_model`].
    pub of_centred_model: bool,
    /// The hook that it was trained at, where that is known.
    pub hook: Option<String>,
    /// What the model is called that it was trained on, where that is known.
    pub model: Option<String>,
}

impl DictionaryHeader {
    /// The hook that it was trained at, where that is another one than this.
    #[must_use]
    pub fn other_hook(&self, at: &str) -> Option<&str> {
        self.hook.as_deref().filter(|hook| are_one_site(hook, at) == Some(false))
    }

    /// The dictionary with these files at a site, given as a full hook name.
    pub fn at(&self, name: &str, path: &str, hook: &str, digest: Digest) -> Result<Dictionary, DictionaryError> {
        let (component, layer) = Dictionary::site(hook)?;
        Ok(Dictionary {
            name: name.to_owned(),
            path: path.to_owned(),
            component,
            layer,
            width: self.width,
            features: self.features,
            encoder: self.encoder,
            subtracts_decoder_bias: self.subtracts_decoder_bias,
            of_centred_model: self.of_centred_model,
            digest,
        })
    }

    /// Whether the dictionary says the same of its files.
    #[must_use]
    pub fn is_of(&self, dictionary: &Dictionary) -> bool {
        let ours = (self.width, self.features, self.encoder, self.subtracts_decoder_bias, self.of_centred_model);
        let Dictionary { width, features, encoder, subtracts_decoder_bias, of_centred_model, .. } = *dictionary;
        ours == (width, features, encoder, subtracts_decoder_bias, of_centred_model)
    }
}

/// Whether two hook names are of one activation; `None` where one of them is none that is known here.
fn are_one_site(one: &str, other: &str) -> Option<bool> {
    let site = |hook| {
        Dictionary::site(hook).ok().map(|(component, layer)| match (component, layer.checked_sub(1)) {
            // What comes into a block is what comes out of the one before.
            (ResidPre, Some(before)) => (ResidPost, before),
            _ => (component, layer),
        })
    };
    if let (Some(one), Some(other)) = (site(one), site(other)) {
        return Some(one == other);
    }
    // A hook of `TransformerLens` that no dictionary here can be of.
    one.starts_with("blocks.").then_some(false)
}
