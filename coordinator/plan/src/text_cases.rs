//! Datasets and model folders that are easily read otherwise than everybody else reads them. The wanted ids are those of
//! transformers 5 and of TransformerLens.

use patchsweep_core::model::ModelConfig;
use patchsweep_core::status::PlanOptions;
use serde_json::{Value, json};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::{Inputs, Plan, PromptTokenizer, TokenizerFiles};
use crate::spec::{Source, Spec};

const SPEC: &str = r#"
schema = 1
name = "case"
[model]
path = "model"
[dataset]
path = "data.csv"
[corruption]
kind = "pairs"
[[metric]]
kind = "logit_diff"
[[iteration]]
read = -1
[[grid]]
component = "resid_pre"
axes = ["layer", "pos"]
"#;

const TABLE: &str = "prompt,answer,wrong,corrupted\nthe cat sat, ,x,the dog sat\nthe fox ran,y,z,the pig ran\n";

/// As `TABLE`, read with noise in place of pairs.
const NOISE: [(&str, &str); 2] =
    [(r#"kind = "pairs""#, "kind = \"noise\"\nscale = 3.0"), ("read = -1", "read = -1\ncorrupt = [5]")];

/// A model's folder: all bytes are tokens, and no more than that is merged.
pub(super) struct Folder {
    pub(super) tokenizer: Value,
    tokenizer_config: Option<Value>,
    pub(super) vocabulary: u32,
}

/// `<|endoftext|>` is token 0; bytes have the ids from 1 on, ordered by the characters that stand for them.
pub(super) fn bytes() -> Folder {
    let mut alphabet: Vec<char> = ByteLevel::alphabet().into_iter().collect();
    alphabet.sort_unstable();
    let mut vocabulary = serde_json::Map::from_iter([("<|endoftext|>".to_owned(), json!(0))]);
    vocabulary.extend((1..).zip(alphabet).map(|(id, byte): (u32, char)| (byte.to_string(), json!(id))));
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
        "added_tokens": [special(0, "<|endoftext|>")],
        "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
        "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
        "model": { "type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false, "byte_fallback": false,
                   "vocab": vocabulary, "merges": [] },
    });
    Folder { tokenizer, tokenizer_config: None, vocabulary: 257 }
}

fn special(id: u32, content: &str) -> Value {
    json!({ "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": true })
}

impl Folder {
    fn plan(&self, changes: &[(&str, &str)], dataset: &str) -> Result<Plan, String> {
        let spec = changes.iter().fold(SPEC.to_owned(), |spec, (from, to)| {
            assert!(spec.contains(from), "{from:?} is in the spec");
            spec.replace(from, to)
        });
        let source = Source::new(spec);
        let spec = Spec::parse(&source).map_err(|error| error.to_string())?;
        let config = json!({ "model_type": "gpt2", "n_layer": 1, "n_head": 2, "n_embd": 4, "n_positions": 128,
                             "vocab_size": self.vocabulary, "bos_token_id": 0 });
        let [tokenizer, text] = [&self.tokenizer, &config].map(Value::to_string);
        let tokenizer_config = self.tokenizer_config.as_ref().map(Value::to_string);
        let files = TokenizerFiles {
            tokenizer: &tokenizer,
            tokenizer_config: tokenizer_config.as_deref(),
            special_tokens_map: None,
            config: Some(&text),
        };
        let config = ModelConfig::from_json(&text).expect("a config");
        let tokenizer = PromptTokenizer::from_files(&files).map_err(|error| error.to_string())?;
        let inputs = Inputs { source: &source, spec: &spec, dataset, config: &config, tokenizer: Some(&tokenizer) };
        Plan::build(&inputs, PlanOptions::default()).map_err(|error| error.to_string())
    }

    #[track_caller]
    pub(super) fn planned(&self, changes: &[(&str, &str)], dataset: &str) -> Plan {
        self.plan(changes, dataset).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Texts of the first prompt's tokens.
fn first(plan: &Plan) -> String {
    plan.token_labels.concat()
}

#[test]
fn the_bos_token_is_that_of_the_tokenizer_and_not_of_the_config() {
    let mut folder = bytes();
    let added = folder.tokenizer["added_tokens"].as_array_mut().expect("a list");
    added.push(special(257, "<|startoftext|>"));
    folder.tokenizer_config = Some(
        json!({ "tokenizer_class": "GPT2TokenizerFast", "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>" }),
    );
    folder.vocabulary = 258;
    let plan = folder.planned(&[], TABLE);
    assert_eq!((plan.context.clean.row(0)[0], plan.context.clean.positions()), (257, 12));
    let [warning] = plan.warnings.as_slice() else { panic!("{:?}", plan.warnings) };
    assert!(
        warning.starts_with("prompts begin with `<|startoftext|>` (id 257), the BOS token that tokenizer_config.json")
    );
    assert!(warning.ends_with("config.json names `<|endoftext|>` (id 0)"), "{warning}");
    folder.vocabulary = 257;
    let beyond = folder.plan(&[], TABLE).expect_err("the model has no such token");
    assert!(beyond.contains("tokenizer_config.json names, `<|startoftext|>`, has the id 257"), "{beyond}");
}

#[test]
fn the_space_before_a_text_is_that_of_the_tokenizers_config() {
    let mut folder = bytes();
    let without = folder.planned(&[], TABLE);
    assert_eq!((first(&without).as_str(), without.context.clean.positions()), ("<|endoftext|>the cat sat", 12));
    folder.tokenizer_config = Some(json!({ "tokenizer_class": "GPT2TokenizerFast", "add_prefix_space": true }));
    let with = folder.planned(&[], TABLE);
    assert_eq!((first(&with).as_str(), with.context.clean.positions()), ("<|endoftext|> the cat sat", 13));
    let answers = |plan: &Plan| plan.context.iterations[0].answers.clone();
    assert_eq!((answers(&with), with.warnings.len()), (answers(&without), 0), "answers go on where prompts end");
}

#[test]
fn a_byte_order_mark_and_an_index_are_no_prompt() {
    let noise = |name: &str, text: &str| {
        let file = [("data.csv", name), (r#""logit_diff""#, r#""logprob""#)];
        bytes().planned(&[NOISE.as_slice(), &file].concat(), text)
    };
    let marked = noise("data.txt", "\u{feff}the cat sat, x\n");
    assert_eq!((first(&marked).as_str(), marked.context.clean.positions()), ("<|endoftext|>the cat sat", 12));
    let indexed = noise("data.csv", "\u{feff},prompt,answer\n0,the cat sat,x\n");
    assert_eq!(first(&indexed), first(&marked));
    assert!(indexed.warnings[0].contains("data.csv: the first column"), "{:?}", indexed.warnings);
}

#[test]
fn records_are_no_text() {
    let json = [("data.csv", "data.json")];
    let record = r#"{"first": "the cat sat", "second": "the dog sat", "right": "y", "wrong": "x"}"#;
    let refused = bytes().plan(&json, record).expect_err("other keys");
    assert!(
        refused
            .starts_with("data.json line 1: unknown keys `first`, `right`, `second`, missing keys `prompt`, `answer`")
    );
    let record = record.replace("first", "prompt").replace("second", "corrupted").replace("right", "answer");
    let plan = bytes().planned(&json, &record);
    assert_eq!((first(&plan).as_str(), plan.context.clean.positions()), ("<|endoftext|>the cat sat", 12));
}

#[test]
fn a_set_of_texts_is_no_answer_of_which_one_token_is_scored() {
    let first = [("read = -1", "read = -1\nanswer = 0")];
    let table = |answer: &str, wrong: &str| {
        format!("prompt,answer,wrong,corrupted\nthe cat sat,{answer},{wrong},the dog sat\n")
    };
    let refused = bytes().plan(&first, &table(" she", " he| they")).expect_err("a set");
    assert_eq!(
        refused,
        "data.csv line 2: the wrong answer ` he| they` is several texts, and a metric that scores one token needs one: `|` divides texts \
         only in a `column` of a metric of kind `difference`"
    );
    let refused = bytes().plan(&first, &table(" she| her", "he")).expect_err("a set");
    assert!(refused.starts_with("data.csv line 2: the answer ` she| her` is several texts"), "{refused}");
    for text in ["|", "||", "| x", "x |"] {
        bytes().planned(&first, &table(" she", text));
    }
    let sets =
        "kind = \"difference\"\nright = { column = \"answer\" }\nwrong = { column = \"wrong\", reduce = \"sum\" }";
    bytes().planned(&[(r#"kind = "logit_diff""#, sets)], &table("s", "h|t"));
}

#[test]
fn a_bos_token_that_is_written_in_the_prompt_is_token_0_also_where_it_stands_for_unknown_words() {
    let mut folder = bytes();
    folder.tokenizer["model"]["unk_token"] = json!("<|endoftext|>");
    let table = "prompt,answer,wrong,corrupted\n<|endoftext|>the cat sat, ,x,<|endoftext|>the dog sat\n";
    let plan = folder.planned(&[("path = \"data.csv\"", "path = \"data.csv\"\nprepend_bos = false")], table);
    assert_eq!((plan.context.clean.row(0)[0], plan.context.clean.positions()), (0, 12));
    assert_eq!(plan.warnings, [""; 0]);
    let twice = folder.planned(&[], table);
    assert_eq!(twice.context.clean.row(0)[..2], [0, 0]);
    let [warning] = twice.warnings.as_slice() else { panic!("{:?}", twice.warnings) };
    assert!(warning.starts_with("data.csv line 2: the prompt begins with the BOS token `<|endoftext|>`"), "{warning}");
    assert!(warning.contains("stands twice (2 of 2 prompts)"), "{warning}");
}

#[test]
fn without_a_bos_token_prompts_begin_with_one_only_by_another_word() {
    let mut folder = bytes();
    folder.tokenizer_config = Some(json!({ "bos_token": null }));
    let refused = folder.plan(&[], TABLE).expect_err("there is none");
    assert!(refused.contains("`bos_token` is null in tokenizer_config.json; set `prepend_bos = false`"), "{refused}");
    let auto = [("path = \"data.csv\"", "path = \"data.csv\"\nprepend_bos = \"auto\"")];
    assert_eq!(first(&folder.planned(&auto, TABLE)), "the cat sat");
    folder.tokenizer_config = Some(json!({ "add_bos_token": true }));
    let plan = folder.planned(&auto, TABLE);
    assert_eq!(first(&plan), "the cat sat");
    assert!(
        plan.warnings[0].starts_with("`add_bos_token` of tokenizer_config.json does nothing"),
        "{:?}",
        plan.warnings
    );
    let refused = folder.plan(&[("path = \"data.csv\"", "path = \"data.csv\"\nprepend_bos = \"own\"")], TABLE);
    assert!(refused.expect_err("no such word").contains("give true, false or \"auto\""));
}

#[test]
fn a_pre_tokenizer_that_transformers_drops_is_reported() {
    let mut folder = bytes();
    folder.tokenizer["normalizer"] = json!({ "type": "Replace", "pattern": { "String": "cat" }, "content": "c" });
    let plan = folder.planned(&[], "prompt,answer,wrong,corrupted\nthe cat sat,y,x,the dog s\n");
    assert_eq!(first(&plan), "<|endoftext|>the c sat");
    let [warning] = plan.warnings.as_slice() else { panic!("{:?}", plan.warnings) };
    assert!(
        warning.starts_with(
            "data.csv line 2: transformers 5 makes 11 tokens, not 9, of this prompt (all lines are like it)"
        )
    );
    assert!(warning.contains("its class GPT2Tokenizer") && warning.contains("PreTrainedTokenizerFast"), "{warning}");
    folder.tokenizer_config =
        Some(json!({ "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|endoftext|>" }));
    assert_eq!(folder.planned(&[], "prompt,answer,wrong,corrupted\nthe cat sat,y,x,the dog s\n").warnings, [""; 0]);
}
