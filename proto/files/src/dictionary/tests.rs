//! Folders and archives, good and bad.

use std::fs;
use std::path::Path;

use patchsweep_core::dictionary::{DictionaryHeader, Encoder};
use patchsweep_core::digest::Digest;
use tempfile::TempDir;

use super::*;

const SAE_LENS: &str = r#"{"d_in": 2, "d_sae": 3, "dtype": "float32", "device": "cpu", "apply_b_dec_to_input": true,
 "normalize_activations": "none", "reshape_activations": "none",
 "metadata": {"sae_lens_version": "6.54.12", "model_name": "gpt2-small",
 "hook_name": "blocks.1.hook_resid_pre"}, "architecture": "standard"}"#;

/// A safetensors file of float32 tensors whose numbers count up.
fn weights(tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let (mut header, mut data) = (Vec::new(), Vec::new());
    for (name, shape) in tensors {
        let start = data.len();
        for number in 0..shape.iter().product::<usize>() {
            data.extend((f32::from(u8::try_from(number).expect("few numbers"))).to_le_bytes());
        }
        header.push(format!(r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{}]}}"#, data.len()));
    }
    let header = format!("{{{}}}", header.join(","));
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

const STANDARD: [(&str, &[usize]); 4] = [("W_enc", &[2, 3]), ("W_dec", &[3, 2]), ("b_enc", &[3]), ("b_dec", &[2])];

fn folder(config: &str, tensors: &[(&str, &[usize])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(CONFIG), config).expect("written");
    fs::write(folder.path().join(WEIGHTS), weights(tensors)).expect("written");
    folder
}

fn opened(config: &str, tensors: &[(&str, &[usize])]) -> Result<DictionaryHeader, String> {
    let folder = folder(config, tensors);
    DictionaryFiles::open(folder.path()).map(|files| files.header().clone()).map_err(|error| error.to_string())
}

#[test]
fn a_folder_of_sae_lens_says_what_it_is_and_has_its_numbers() {
    let folder = folder(SAE_LENS, &STANDARD);
    let files = DictionaryFiles::open(folder.path()).expect("a dictionary");
    let header = files.header();
    assert_eq!((header.width, header.features, header.encoder), (2, 3, Encoder::Standard));
    assert_eq!(header.model.as_deref(), Some("gpt2-small"));
    assert_eq!(files.tensor("W_dec").expect("numbers"), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let dictionary = header.at("d", "sae", "blocks.1.hook_resid_pre", Digest([0; 32])).expect("a site");
    assert!(header.is_of(&dictionary) && dictionary.subtracts_decoder_bias);
    // What comes out of a block is what comes into the next one.
    assert_eq!(header.other_hook("blocks.0.hook_resid_post"), None);
    assert_eq!(header.other_hook("blocks.2.hook_resid_pre"), Some("blocks.1.hook_resid_pre"));
}

#[test]
fn a_folder_says_whether_its_model_had_centred_weights() {
    let of = |more: &str| {
        let config = SAE_LENS.replace("\"metadata\": {", &format!("\"metadata\": {{{more}"));
        opened(&config, &STANDARD).expect("a dictionary").of_centred_model
    };
    let keys = |keys: &str| of(&format!("\"model_from_pretrained_kwargs\": {keys}, "));
    assert!(keys("{\"center_writing_weights\": true}"));
    for not in ["null", "{}", "{\"center_writing_weights\": false}", "{\"center_writing_weights\": null}"] {
        assert!(!keys(not), "{not}");
    }
    assert!(!keys("{\"center_unembed\": true, \"fold_ln\": true}"), "which leave activations as they are");
    assert!(!of(""));
}

#[test]
fn the_digest_is_over_config_and_weights() {
    let digest = |config: &str, tensors: &[(&str, &[usize])]| {
        let folder = folder(config, tensors);
        DictionaryFiles::open(folder.path()).expect("a dictionary").digest().expect("read")
    };
    let plain = digest(SAE_LENS, &STANDARD);
    assert_eq!(plain, digest(SAE_LENS, &STANDARD));
    assert_ne!(plain, digest(&SAE_LENS.replace("cpu", "cuda"), &STANDARD));
    let [a, b, c, d] = STANDARD;
    assert_ne!(plain, digest(SAE_LENS, &[b, a, c, d]));
}

#[test]
fn each_architecture_has_its_tensors() {
    let of = |name: &str, more: &str| SAE_LENS.replace("\"standard\"", &format!("\"{name}\"{more}"));
    let [enc, dec, b_enc, b_dec] = STANDARD;
    let three = |name| (name, &[3usize][..]);
    let gated = [enc, dec, b_dec, three("b_gate"), three("b_mag"), three("r_mag")];
    assert_eq!(opened(&of("gated", ""), &gated).expect("gated").encoder, Encoder::Gated);
    let jump = [enc, dec, b_enc, b_dec, three("threshold")];
    assert_eq!(opened(&of("jumprelu", ""), &jump).expect("jumprelu").encoder, Encoder::JumpRelu);
    let topk = opened(&of("topk", r#", "k": 2, "rescale_acts_by_decoder_norm": true"#), &STANDARD).expect("topk");
    assert_eq!(topk.encoder, Encoder::TopK { k: 2, rescaled: true });
    let missing = opened(&of("jumprelu", ""), &STANDARD).expect_err("is refused");
    assert!(missing.starts_with("tensor `threshold` is missing in "), "{missing}");
    let more = opened(SAE_LENS, &jump).expect_err("is refused");
    assert!(more.starts_with("tensor `threshold` in ") && more.contains("architecture standard"), "{more}");
    let shape = opened(SAE_LENS, &[enc, dec, b_enc, three("b_dec")]).expect_err("is refused");
    assert!(shape.ends_with("has shape [3], not [2]"), "{shape}");
}

#[test]
fn what_would_be_computed_otherwise_is_refused_by_name() {
    let refusal = |from: &str, to: &str| {
        assert!(SAE_LENS.contains(from), "{from}");
        opened(&SAE_LENS.replace(from, to), &STANDARD).expect_err("is refused")
    };
    for (from, to, wanted) in [
        ("\"standard\"", "\"temporal\"", "architecture `temporal` is not known here; `standard`, `jumprelu`"),
        ("\"standard\"", "\"batchtopk\"", "save the dictionary with `save_inference_model`"),
        ("s\": \"none\"", "s\": \"layer_norm\"", "`normalize_activations` is `layer_norm`"),
        ("\"reshape_activations\": \"none\"", "\"reshape_activations\": \"x\"", "`reshape_activations` is `x`"),
        ("\"device\"", "\"scale\": 2, \"device\"", "`scale` is not known here, and may change what features are"),
        ("\"architecture\"", "\"arch\"", "it was not written by SAELens 6; load the dictionary with the newest"),
        ("\"metadata\": {", "\"metadata\": {\"hook_head_index\": 3, ", "it is of head 3 alone"),
        (
            "\"metadata\": {",
            "\"metadata\": {\"model_from_pretrained_kwargs\": {\"fold_value_biases\": true}, ",
            "of a model that TransformerLens had changed (`fold_value_biases`)",
        ),
        (
            "\"metadata\": {",
            "\"metadata\": {\"model_from_pretrained_kwargs\": {\"center_writing_weights\": 1}, ",
            "`center_writing_weights` of `model_from_pretrained_kwargs` is neither true nor false",
        ),
        ("\"d_in\": 2", "\"d_in\": -2", "`d_in` is missing, or no whole number from 0"),
        ("{\"d_in\"", "{d_in", "it is no JSON"),
    ] {
        let refused = refusal(from, to);
        assert!(refused.starts_with("cannot use ") && refused.contains(wanted), "{refused}");
    }
}

#[test]
fn what_is_no_dictionary_is_not_found() {
    let root = tempfile::tempdir().expect("a folder");
    let folders = ModelFolders { roots: vec![root.path().to_owned()], hub_cache: None };
    fs::create_dir(root.path().join("sae")).expect("a folder");
    let refused = folders.dictionary("sae").expect_err("is refused").to_string();
    assert!(
        refused.starts_with("no dictionary `sae` (a folder with cfg.json and sae_weights.safetensors"),
        "{refused}"
    );
    fs::write(root.path().join("sae").join(CONFIG), SAE_LENS).expect("written");
    let found = folders.dictionary("sae").expect("a folder");
    let refused = DictionaryFiles::open(&found).expect_err("is refused").to_string();
    assert!(refused.starts_with("cannot read ") && refused.ends_with(WEIGHTS), "{refused}");
}

#[test]
fn files_that_change_are_noticed() {
    let folder = folder(SAE_LENS, &STANDARD);
    let files = DictionaryFiles::open(folder.path()).expect("a dictionary");
    files.refuse_changed().expect("nobody wrote to it");
    fs::write(folder.path().join(CONFIG), SAE_LENS.replace("cpu", "cuda")).expect("written");
    assert!(files.refuse_changed().is_err());
}

/// An archive as `numpy.savez` writes it, its members' data as they stand.
fn archive(members: &[(&str, &str, Vec<u8>)], method: u16) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, shape, data) in members {
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = u16::try_from(text.len()).expect("short").to_le_bytes();
        let array = [b"\x93NUMPY\x01\x00", &length[..], text.as_bytes(), data].concat();
        let (name, start) = (format!("{name}.npy"), u32::try_from(file.len()).expect("small"));
        let size = u32::try_from(array.len()).expect("small").to_le_bytes();
        let length = u16::try_from(name.len()).expect("short").to_le_bytes();
        let method = method.to_le_bytes();
        // numpy leaves room for sizes of 64 bits in front of each member.
        let beside = [&[0; 4][..], &method, &[0; 8], &[255; 8], &length, &20u16.to_le_bytes()].concat();
        file.extend([b"PK\x03\x04", &beside[..], name.as_bytes(), &[0; 20], &array].concat());
        let beside = [&[0; 6][..], &method, &[0; 8], &size, &size, &length, &[0; 12], &start.to_le_bytes()].concat();
        directory.extend([&b"PK\x01\x02"[..], &beside, name.as_bytes()].concat());
    }
    let sizes = [directory.len(), file.len()].map(|size| u32::try_from(size).expect("small").to_le_bytes());
    [&file[..], &directory, b"PK\x05\x06", &[0; 8], sizes.as_flattened(), &[0; 2]].concat()
}

fn floats(count: u8) -> Vec<u8> {
    (0..count).flat_map(|number| f32::from(number).to_le_bytes()).collect()
}

fn gemma_scope() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    vec![
        ("W_enc", "(2, 3)", floats(6)),
        ("W_dec", "(3, 2)", floats(6)),
        ("b_enc", "(3,)", floats(3)),
        ("b_dec", "(2,)", floats(2)),
        ("threshold", "(3,)", floats(3)),
    ]
}

fn written(folder: &Path, bytes: &[u8]) -> Result<DictionaryFiles, String> {
    fs::write(folder.join(ARCHIVE), bytes).expect("written");
    DictionaryFiles::open(folder).map_err(|error| error.to_string())
}

#[test]
fn an_archive_of_gemma_scope_is_a_jumprelu_dictionary() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = written(folder.path(), &archive(&gemma_scope(), 0)).expect("a dictionary");
    let header = files.header();
    assert_eq!((header.width, header.features, header.encoder), (2, 3, Encoder::JumpRelu));
    assert!(!header.subtracts_decoder_bias);
    assert_eq!(files.tensor("W_dec").expect("numbers"), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(files.tensor("threshold").expect("numbers"), [0.0, 1.0, 2.0]);
    let itself = DictionaryFiles::open(&folder.path().join(ARCHIVE)).expect("the file by its own path");
    assert_eq!(itself.digest().expect("read"), files.digest().expect("read"));
}

#[test]
fn archives_cut_anywhere_or_packed_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = archive(&gemma_scope(), 0);
    for length in 0..whole.len() {
        assert!(written(folder.path(), &whole[..length]).is_err(), "{length}");
    }
    let packed = written(folder.path(), &archive(&gemma_scope(), 8)).expect_err("is refused");
    assert!(packed.starts_with("`W_enc` in ") && packed.contains("is compressed"), "{packed}");
    let mut few = gemma_scope();
    few[2].2.pop();
    let few = written(folder.path(), &archive(&few, 0)).expect_err("is refused");
    assert!(few.contains("an array has not as many numbers as its shape says"), "{few}");
}
