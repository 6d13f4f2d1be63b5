//! Dictionaries: sparse autoencoders, whose features are units of the activation at one site.

mod header;

pub use header::DictionaryHeader;

use crate::architecture::{Architecture, NormKind};
use crate::digest::Digest;
use crate::grid::Component;
use crate::model::ModelRef;

/// A dictionary at a site: f(x) says how strong each feature is in an activation x, and a feature's row of `W_dec` which
/// direction it has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dictionary {
    /// As the spec calls it.
    pub name: String,
    /// Where its files are below a `--models` folder, as [`ModelRef::folder`] allows it.
    pub path: String,
    /// The activation that it reads.
    pub component: Component,
    /// In which block.
    pub layer: u32,
    /// Numbers of one position's activation, `d_in`.
    pub width: u32,
    /// Features, `d_sae`.
    pub features: u32,
    /// How an activation becomes features.
    pub encoder: Encoder,
    /// Whether the decoder's bias is taken off an activation before it is encoded.
    pub subtracts_decoder_bias: bool,
    /// Whether `TransformerLens` had centred the weights that write to the residual stream of the model that it was trained on
    /// (`center_writing_weights`).
    pub of_centred_model: bool,
    /// Of its files.
    pub digest: Digest,
}

/// How features are made of h = x `W_enc` + `b_enc`, as `SAELens` names it. None is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoder {
    /// relu(h).
    Standard,
    /// h where h > threshold and h > 0, else 0.
    JumpRelu,
    /// relu(h) of the k largest h, 0 of all others.
    TopK {
        /// How many.
        k: u32,
        /// Whether features are measured in lengths of their rows of `W_dec`: h is multiplied by a row's length before, and
        /// the row divided by it.
        rescaled: bool,
    },
    /// relu(exp(`r_mag`) x `W_enc` + `b_mag`) where x `W_enc` + `b_gate` > 0, else 0.
    Gated,
}

/// Most features of a dictionary.
pub const MOST_FEATURES: u32 = 1 << 24;

/// Why a dictionary fits no activation of a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DictionaryError {
    /// Its files are looked up by a name that could lead out of the folders given.
    #[error(
        "`{path}` is not a plain relative path: no leading `/`, no `..`, no backslash; give the path below a `--models` folder, or below the spec's"
    )]
    Path {
        /// As given.
        path: String,
    },
    /// Nothing that a dictionary may be of.
    #[error("`{name}` is not where a dictionary can be: it is of {}, of a layer like 8", sites())]
    NoSite {
        /// As given.
        name: String,
    },
    /// The model has no such block.
    #[error("`{name}` is not in this model, whose layers are 0 to {}; give the model that the dictionary was trained on", .layers - 1)]
    NoLayer {
        /// The hook's name.
        name: String,
        /// Layers of the model.
        layers: u32,
    },
    /// Nothing is between attention and MLP of a parallel block.
    #[error(
        "this model has no `{name}`: attention and MLP of a block both read its input; give the model that the dictionary was trained on"
    )]
    NotInModel {
        /// The hook's name.
        name: String,
    },
    /// It reads activations of another width.
    #[error(
        "the dictionary reads activations of {found} numbers, `{name}` of this model has {wanted}; give the model and the site that it was trained on"
    )]
    Width {
        /// The hook's name.
        name: String,
        /// The dictionary's.
        found: u32,
        /// The site's.
        wanted: u32,
    },
    /// `TransformerLens` centres no weights of such a model.
    #[error(
        "`cfg.json` says that the dictionary was trained on a model with `center_writing_weights`, which TransformerLens does to models \
         of layer norms only: those of RMS norms, as this one, it leaves as they are. If the dictionary is of this model, make the key false"
    )]
    CentredRms,
    /// What stands in the residual stream, less its mean, would not do the same there.
    #[error(
        "`cfg.json` says that the dictionary was trained on a model with `center_writing_weights`: that changes nothing else where all \
         that reads the residual stream does so behind a layer norm, and in this model something does not; give the model that it was \
         trained on"
    )]
    Centred,
    /// None, or more than can be counted.
    #[error("a dictionary has 1 to {MOST_FEATURES} features, and a `topk` one as many at least as it keeps")]
    Features,
}

/// Sites that dictionaries may be of.
const SITES: [Component; 7] = [
    Component::ResidPre,
    Component::ResidMid,
    Component::ResidPost,
    Component::AttnOut,
    Component::MlpOut,
    Component::Z,
    Component::MlpPost,
];

fn sites() -> String {
    let names: Vec<String> = SITES.iter().map(|site| format!("`{}`", site.hook_name(8))).collect();
    names.join(", ")
}

impl Dictionary {
    /// Where a dictionary is, of a full hook name like `blocks.8.hook_resid_pre`. One at `z` reads all heads, one behind
    /// the other.
    pub fn site(hook: &str) -> Result<(Component, u32), DictionaryError> {
        let found = Component::from_hook_name(hook).filter(|(component, _)| SITES.contains(component));
        found.ok_or_else(|| DictionaryError::NoSite { name: hook.to_owned() })
    }

    /// The full hook name of its site.
    #[must_use]
    pub fn hook_name(&self) -> String {
        self.component.hook_name(self.layer)
    }

    /// Refuses one that does not fit a model.
    pub fn refuse_unfit(&self, model: &Architecture) -> Result<(), DictionaryError> {
        if ModelRef::folder(&self.path) != Ok(ModelRef::Folder(self.path.clone())) {
            return Err(DictionaryError::Path { path: self.path.clone() });
        }
        let name = self.hook_name();
        if !SITES.contains(&self.component) {
            return Err(DictionaryError::NoSite { name });
        }
        if self.layer >= model.layers {
            return Err(DictionaryError::NoLayer { name, layers: model.layers });
        }
        if !self.component.is_in(model) {
            return Err(DictionaryError::NotInModel { name });
        }
        let wanted = self.component.numbers(model, 1);
        if u64::from(self.width) != wanted {
            let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
            return Err(DictionaryError::Width { name, found: self.width, wanted });
        }
        self.refuse_other_centring(model)?;
        let least = if let Encoder::TopK { k, .. } = self.encoder { k.max(1) } else { 1 };
        if (least..=MOST_FEATURES).contains(&self.features) { Ok(()) } else { Err(DictionaryError::Features) }
    }

    /// A model whose weights were centred computes the same if every reader of the residual stream takes off its mean.
    fn refuse_other_centring(&self, model: &Architecture) -> Result<(), DictionaryError> {
        match (self.of_centred_model, model.norm.kind) {
            (true, NormKind::Rms) => Err(DictionaryError::CentredRms),
            (true, NormKind::Layer) if model.has_post_norms() || !model.readout.norm => Err(DictionaryError::Centred),
            _ => Ok(()),
        }
    }

    /// Whether an activation's mean over its numbers is taken off it before it is encoded: where a centred model has
    /// activations without one, and the model here has not. What does not write to the residual stream is the same in both.
    #[must_use]
    pub fn subtracts_mean(&self) -> bool {
        self.of_centred_model && !matches!(self.component, Component::Z | Component::MlpPost)
    }

    /// How many features are computed where so many are asked for: of the k largest, all.
    #[must_use]
    pub fn encoded(&self, wanted: u32) -> u32 {
        if matches!(self.encoder, Encoder::TopK { .. }) { self.features } else { wanted }
    }

    /// Numbers of all its tensors.
    #[must_use]
    pub fn numbers(&self) -> u64 {
        let (width, features) = (u64::from(self.width), u64::from(self.features));
        2 * width * features + width + 3 * features
    }
}

impl Encoder {
    /// `SAELens`' name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::JumpRelu => "jumprelu",
            Self::TopK { .. } => "topk",
            Self::Gated => "gated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::{Norm, NormPlace, ParallelNorms, Readout, Sizes, Wiring};

    fn model() -> Architecture {
        Architecture::plain(Sizes { layers: 3, heads: 2, d_model: 4, d_mlp: 16, d_vocab: 10, n_ctx: 8 })
    }

    fn dictionary(component: Component, layer: u32, width: u32) -> Dictionary {
        Dictionary {
            name: "d".into(),
            path: "sae/d".into(),
            component,
            layer,
            width,
            features: 30,
            encoder: Encoder::Standard,
            subtracts_decoder_bias: true,
            of_centred_model: false,
            digest: Digest([0; 32]),
        }
    }

    #[test]
    fn a_dictionary_is_of_whole_activations() {
        assert_eq!(Dictionary::site("blocks.8.hook_resid_pre"), Ok((Component::ResidPre, 8)));
        assert_eq!(Dictionary::site("blocks.0.attn.hook_z"), Ok((Component::Z, 0)));
        assert_eq!(Dictionary::site("blocks.0.mlp.hook_post"), Ok((Component::MlpPost, 0)));
        for hook in ["blocks.8.attn.hook_q", "blocks.8.attn.hook_pattern", "blocks.8.ln2.hook_normalized", "resid_pre"]
        {
            let refused = Dictionary::site(hook).expect_err("is refused").to_string();
            assert!(refused.starts_with(&format!("`{hook}` is not where a dictionary can be")), "{refused}");
        }
    }

    #[test]
    fn a_dictionary_is_of_a_site_that_the_model_has() {
        let refusal = |dictionary: Dictionary, model: &Architecture| {
            dictionary.refuse_unfit(model).expect_err("is refused").to_string()
        };
        for (component, width) in [(Component::ResidPre, 4), (Component::Z, 4), (Component::MlpPost, 16)] {
            assert_eq!(dictionary(component, 2, width).refuse_unfit(&model()), Ok(()));
            let other = refusal(dictionary(component, 2, 5), &model());
            assert!(
                other.contains(&format!("reads activations of 5 numbers, `{}`", component.hook_name(2))),
                "{other}"
            );
        }
        let beyond = refusal(dictionary(Component::ResidPre, 3, 4), &model());
        assert!(
            beyond.starts_with("`blocks.3.hook_resid_pre` is not in this model, whose layers are 0 to 2"),
            "{beyond}"
        );
        let parallel = Architecture { wiring: Wiring::Parallel { norms: ParallelNorms::Two }, ..model() };
        let between = refusal(dictionary(Component::ResidMid, 1, 4), &parallel);
        assert!(between.starts_with("this model has no `blocks.1.hook_resid_mid`"), "{between}");
        let up = refusal(Dictionary { path: "../d".into(), ..dictionary(Component::ResidPre, 1, 4) }, &model());
        assert!(up.starts_with("`../d` is not a plain relative path"), "{up}");
        let encoder = Encoder::TopK { k: 31, rescaled: false };
        let few = refusal(Dictionary { encoder, ..dictionary(Component::ResidPre, 1, 4) }, &model());
        assert!(few.contains("as many at least as it keeps"), "{few}");
    }

    #[test]
    fn a_dictionary_of_a_centred_model_is_of_models_that_take_off_the_mean_themselves() {
        let centred = |component, width| Dictionary { of_centred_model: true, ..dictionary(component, 1, width) };
        let (stream, hidden) = (centred(Component::ResidMid, 4), centred(Component::MlpPost, 16));
        assert_eq!((stream.refuse_unfit(&model()), hidden.refuse_unfit(&model())), (Ok(()), Ok(())));
        let sites = SITES.map(|site| (site, centred(site, 4).subtracts_mean()));
        assert_eq!(sites.iter().filter(|(_, subtracts)| !subtracts).count(), 2, "{sites:?}");
        assert!(stream.subtracts_mean() && !hidden.subtracts_mean());
        assert!(!dictionary(Component::ResidMid, 1, 4).subtracts_mean());
        let norm = |norm: Norm| Architecture { norm, ..model() };
        let rms = norm(Norm { kind: NormKind::Rms, ..model().norm });
        let after = [NormPlace::After, NormPlace::BeforeAndAfter].map(|place| norm(Norm { place, ..model().norm }));
        let bare = Architecture { readout: Readout { norm: false, ..model().readout }, ..model() };
        for dictionary in [&stream, &hidden] {
            assert_eq!(dictionary.refuse_unfit(&rms), Err(DictionaryError::CentredRms));
            for model in after.iter().chain([&bare]) {
                assert_eq!(dictionary.refuse_unfit(model), Err(DictionaryError::Centred));
            }
        }
        assert_eq!(dictionary(Component::ResidMid, 1, 4).refuse_unfit(&rms), Ok(()));
    }
}
