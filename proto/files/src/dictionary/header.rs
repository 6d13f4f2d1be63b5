//! What a dictionary's files say of it.

use patchsweep_core::dictionary::{Dictionary, DictionaryError, Encoder};
use patchsweep_core::digest::Digest;

use super::config::are_one_site;

/// What a dictionary's files say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Numbers of one position's activation.
    pub width: u32,
    /// How many features there are.
    pub features: u32,
    /// How an activation becomes features.
    pub encoder: Encoder,
    /// Whether the decoder's bias is taken off an activation before it is encoded.
    pub subtracts_decoder_bias: bool,
    /// The hook that it was trained at, where that is known.
    pub hook: Option<String>,
}

/// Names of the tensors of an encoder, and their shapes by width and features.
type Tensors = Vec<(&'static str, Vec<usize>)>;

impl Header {
    /// The hook that it was trained at, where that is another one than this.
    #[must_use]
    pub fn other_hook(&self, at: &str) -> Option<&str> {
        self.hook.as_deref().filter(|hook| are_one_site(hook, at) == Some(false))
    }

    /// The dictionary with these files at a site.
    pub fn at(&self, name: &str, path: &str, hook: &str, digest: Digest) -> Result<Dictionary, DictionaryError> {
        let (component, layer) = Dictionary::site(hook)?;
        let Self { width, features, encoder, subtracts_decoder_bias, .. } = *self;
        let (name, path) = (name.to_owned(), path.to_owned());
        Ok(Dictionary { name, path, component, layer, width, features, encoder, subtracts_decoder_bias, digest })
    }

    /// Whether the dictionary says the same of its files.
    #[must_use]
    pub fn is_of(&self, dictionary: &Dictionary) -> bool {
        let ours = (self.width, self.features, self.encoder, self.subtracts_decoder_bias);
        ours == (dictionary.width, dictionary.features, dictionary.encoder, dictionary.subtracts_decoder_bias)
    }

    /// The tensors that it has.
    pub(super) fn tensors(&self) -> Tensors {
        let (width, features) = (self.width as usize, self.features as usize);
        let of_features = |name| (name, vec![features]);
        let mut tensors =
            vec![("W_enc", vec![width, features]), ("W_dec", vec![features, width]), ("b_dec", vec![width])];
        match self.encoder {
            Encoder::Standard | Encoder::TopK { .. } => tensors.push(of_features("b_enc")),
            Encoder::JumpRelu => tensors.extend(["b_enc", "threshold"].map(of_features)),
            Encoder::Gated => tensors.extend(["b_gate", "b_mag", "r_mag"].map(of_features)),
        }
        tensors
    }
}
