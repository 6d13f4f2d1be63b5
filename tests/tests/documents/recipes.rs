//! Specs of `docs/recipes.md` are planned as they stand, in a hub's cache with models of the same shapes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use patchsweep_tests::patchsweep;
use serde_json::{Value, json};

use super::page::Page;

/// Names of specs, which their datasets have as well, and the cells of each of their grids.
const RECIPES: [(&str, &[(&str, u64)]); 3] = [
    ("causal-tracing", &[("state", 48 * 4), ("mlp_out", 48 * 4), ("attn_out", 48 * 4)]),
    (
        "ioi",
        &[
            ("to_logits", 12 * 12),
            ("to_name_movers", 12 * 12),
            ("to_s_inhibition_values", 12 * 12),
            ("to_s_inhibition_keys", 12 * 12),
        ],
    ),
    ("knockout", &[("to_end", 48 * 3)]),
];

/// Layers, heads and width of models that specs name.
const MODELS: [(&str, [u32; 3]); 2] =
    [("openai-community/gpt2", [12, 12, 768]), ("openai-community/gpt2-xl", [48, 25, 1600])];

#[test]
fn recipes_are_planned_as_they_stand() {
    let page = Page::read("docs/recipes.md");
    let folder = page.folder();
    assert_eq!(page.listings("toml").len(), RECIPES.len(), "every spec of the page is planned here");
    let datasets = page.listings("csv");
    let words = datasets.iter().flat_map(|table| words(table)).collect::<Vec<_>>();
    for (hub, shape) in MODELS {
        write_model(&folder.join("hub"), hub, shape, &words);
    }
    for ((name, grids), dataset) in RECIPES.into_iter().zip(&datasets) {
        let spec = format!("{name}.toml");
        fs::write(folder.join(&spec), page.listing("toml", &format!("name = \"{name}\"")))
            .expect("the spec is written");
        fs::write(folder.join(format!("{name}.csv")), dataset).expect("the dataset is written");
        let mut command = patchsweep(&["plan", &spec, "--output", "json"]);
        let planned = command.current_dir(&folder).env("HF_HUB_CACHE", folder.join("hub")).assert().success();
        let output = planned.get_output();
        assert!(!String::from_utf8_lossy(&output.stderr).contains("warning"), "{name}: {output:?}");
        let plan: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let found: BTreeMap<_, _> = plan["grids"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|grid| (grid["grid"].as_str().expect("a name"), grid["cells"].as_u64().expect("a number")))
            .collect();
        assert_eq!(found, grids.iter().copied().collect(), "{name}");
    }
}

/// What is a token of a text's: a word with the space before it, or a mark.
const TOKEN: &str = " ?[A-Za-z]+|[,.]";

/// A table's words.
fn words(table: &str) -> Vec<&str> {
    table.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect()
}

/// A model's config and tokenizer in a hub's cache; a plan needs no weights.
fn write_model(cache: &Path, hub: &str, [layers, heads, width]: [u32; 3], words: &[&str]) {
    let repository = cache.join(format!("models--{}", hub.replace('/', "--")));
    let commit = "0".repeat(40);
    let folder = repository.join("snapshots").join(&commit);
    fs::create_dir_all(&folder).expect("a folder");
    fs::create_dir_all(repository.join("refs")).expect("a folder");
    fs::write(repository.join("refs/main"), &commit).expect("a reference");
    let marks = ["<|endoftext|>", ",", "."].map(str::to_owned).into_iter();
    let mut vocabulary = serde_json::Map::new();
    for token in marks.chain(words.iter().flat_map(|word| [(*word).to_owned(), format!(" {word}")])) {
        let next = vocabulary.len();
        vocabulary.entry(token).or_insert(next.into());
    }
    let config = json!({
        "model_type": "gpt2", "n_layer": layers, "n_head": heads, "n_embd": width, "vocab_size": vocabulary.len(),
        "n_positions": 1024, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
    });
    let special = "<|endoftext|>";
    let tokenizer = json!({
        "version": "1.0",
        "added_tokens": [{ "id": 0, "content": special, "single_word": false, "lstrip": false, "rstrip": false,
                           "normalized": false, "special": true }],
        "pre_tokenizer": { "type": "Split", "pattern": { "Regex": TOKEN }, "behavior": "Isolated", "invert": false },
        "decoder": { "type": "Fuse" },
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": special },
    });
    let tokenizer_config = json!({ "bos_token": special, "tokenizer_class": "PreTrainedTokenizerFast" });
    for (file, content) in
        [("config.json", config), ("tokenizer.json", tokenizer), ("tokenizer_config.json", tokenizer_config)]
    {
        fs::write(folder.join(file), content.to_string()).expect("a file");
    }
}
