//! Random dictionaries in folders of `SAELens`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use patchsweep_core::architecture::{Architecture, NormKind};
use patchsweep_core::dictionary::{Dictionary, Encoder};
use patchsweep_core::digest::Digest;
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};
use patchsweep_files::DictionaryFiles;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize_to_file};

use super::scenario::Topic;

/// Components that dictionaries are of.
pub(crate) const SITES: [Component; 7] = [
    Component::ResidPre,
    Component::ResidMid,
    Component::ResidPost,
    Component::AttnOut,
    Component::MlpOut,
    Component::Z,
    Component::MlpPost,
];

/// A dictionary over the topic's component in any layer. What its tensors are drawn from is its path.
fn dictionaries(model: &Architecture, topic: Topic) -> impl Strategy<Value = Arc<Dictionary>> + use<> {
    let encoders = (1..=6u32, any::<bool>()).prop_flat_map(|(k, rescaled)| {
        select(vec![Encoder::Standard, Encoder::JumpRelu, Encoder::Gated, Encoder::TopK { k, rescaled }])
    });
    let width = u32::try_from(topic.component.numbers(model, 1)).expect("a small model");
    let may_be_centred = model.norm.kind == NormKind::Layer && !model.has_post_norms() && model.readout.norm;
    (encoders, 0..model.layers, 6..=12u32, any::<bool>(), any::<u32>().no_shrink()).prop_map(
        move |(encoder, layer, features, subtracts_decoder_bias, seed)| {
            let drawn = Dictionary {
                name: "features".to_owned(),
                path: format!("sae-{seed}"),
                component: topic.component,
                layer,
                width,
                features,
                encoder,
                subtracts_decoder_bias,
                of_centred_model: seed % 2 == 1 && may_be_centred,
                digest: Digest([0; 32]),
            };
            Arc::new(with_digest(drawn))
        },
    )
}

/// The dictionary with the digest of the files that are written of it.
pub(crate) fn with_digest(dictionary: Dictionary) -> Dictionary {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(&dictionary, folder.path());
    let files = DictionaryFiles::open(&folder.path().join(&dictionary.path)).expect("a dictionary");
    Dictionary { digest: files.digest().expect("readable files"), ..dictionary }
}

/// A grid over a dictionary: over positions, features or both, restricted along any of them.
pub(crate) fn grid(model: Architecture, positions: u32, topic: Topic) -> impl Strategy<Value = Grid> {
    let axes = select(vec![vec![Axis::Pos], vec![Axis::Feature], vec![Axis::Pos, Axis::Feature]]);
    (dictionaries(&model, topic), axes).prop_flat_map(move |(dictionary, axes)| {
        let some = |count: u32, most: u32| subsequence((0..count).collect::<Vec<_>>(), 1..=most.min(count) as usize);
        let (places, features) = (some(positions, positions), some(dictionary.features, 5));
        let model = model.clone();
        (places, features, Just((dictionary, axes))).prop_map(move |(places, features, (dictionary, axes))| {
            let grid = Grid::over_features("grid".to_owned(), dictionary, axes, &model, positions).expect("axes");
            let grid = grid.restricted(Axis::Pos, places).expect("positions");
            grid.restricted(Axis::Feature, features).expect("features").patched_with(topic.value)
        })
    })
}

/// Every site, value, direction and corruption.
pub(crate) fn topics() -> Vec<Topic> {
    let writes = super::scenario::Writes::Features;
    let of_sites = Topic::all().into_iter().filter(|topic| SITES.contains(&topic.component));
    of_sites.map(|topic| Topic { writes, ..topic }).collect()
}

/// Whether its values are those of a run, so that a patch by itself changes nothing.
pub(crate) fn is_of_runs(grid: &Grid) -> bool {
    grid.value == PatchValue::Other
}

/// Writes `cfg.json` and `sae_weights.safetensors` into its folder below a root.
pub(crate) fn write(dictionary: &Dictionary, root: &Path) {
    let folder = root.join(&dictionary.path);
    fs::create_dir_all(&folder).expect("a folder");
    let mut config = serde_json::json!({
        "d_in": dictionary.width, "d_sae": dictionary.features, "dtype": "float32", "device": "cpu",
        "apply_b_dec_to_input": dictionary.subtracts_decoder_bias, "normalize_activations": "none",
        "reshape_activations": "none", "metadata": { "sae_lens_version": "6.54.12", "hook_name": dictionary.hook_name() },
        "architecture": dictionary.encoder.name(),
    });
    if dictionary.of_centred_model {
        config["metadata"]["model_from_pretrained_kwargs"] = serde_json::json!({ "center_writing_weights": true });
    }
    if let Encoder::TopK { k, rescaled } = dictionary.encoder {
        config["k"] = k.into();
        config["rescale_acts_by_decoder_norm"] = rescaled.into();
    }
    fs::write(folder.join("cfg.json"), config.to_string()).expect("a written config");
    let (width, features) = (dictionary.width as usize, dictionary.features as usize);
    let of_features: &[&str] = match dictionary.encoder {
        Encoder::Standard | Encoder::TopK { .. } => &["b_enc"],
        Encoder::JumpRelu => &["b_enc", "threshold"],
        Encoder::Gated => &["b_gate", "b_mag", "r_mag"],
    };
    let matrices = [("W_enc", vec![width, features]), ("W_dec", vec![features, width]), ("b_dec", vec![width])];
    let vectors = of_features.iter().map(|&name| (name, vec![features]));
    let seed = dictionary.path.strip_prefix("sae-").and_then(|seed| seed.parse().ok()).expect("a drawn path");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let tensors: Vec<(&str, Vec<usize>, Vec<u8>)> = matrices
        .into_iter()
        .chain(vectors)
        .map(|(name, shape)| {
            #[allow(clippy::cast_precision_loss, reason = "a small width")]
            let deviation = if shape.len() == 2 { 1.0 / (width as f64).sqrt() } else { 0.3 };
            let entries = Normal::new(0.0, deviation).expect("a positive deviation").sample_iter(&mut rng);
            #[allow(clippy::cast_possible_truncation, reason = "weights are float32")]
            let bytes = entries.take(shape.iter().product()).flat_map(|entry| (entry as f32).to_le_bytes()).collect();
            (name, shape, bytes)
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("as many bytes as its shape says"))
    });
    serialize_to_file(views, None, &folder.join("sae_weights.safetensors")).expect("written weights");
}
