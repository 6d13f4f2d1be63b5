//! Folders that say the same thing in several files, and who wins. `make python-test` holds the ids of many more to those of
//! transformers.

use super::*;

const PADDING_AND_CUTTING: &str = r#"{
    "version": "1.0", "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
    "padding": {"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": null, "pad_id": 0,
                "pad_type_id": 0, "pad_token": "[PAD]"},
    "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null,
    "decoder": null, "model": {"type": "WordLevel", "vocab": {"[PAD]": 0, "[UNK]": 1, "a": 2, "b": 3}, "unk_token": "[UNK]"}
}"#;

/// Two letters and a space as bytes, `ab` as a token of its own, and two special tokens.
const BYTES: &str = r#"{
    "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null, "decoder": null,
    "added_tokens": [
        {"id": 0, "content": "<|endoftext|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
        {"id": 1, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false, "byte_fallback": false,
              "vocab": {"<|endoftext|>": 0, "<s>": 1, "a": 2, "b": 3, "\u0120": 4, "ab": 5, "c": 6}, "merges": [["a", "b"]]}
}"#;

const SPACE: u32 = 4;

/// A folder with a `config.json`, whose tokenizer is [`BYTES`].
fn bytes<'a>(tokenizer_config: Option<&'a str>, special_tokens_map: Option<&'a str>) -> TokenizerFiles<'a> {
    TokenizerFiles { tokenizer: BYTES, tokenizer_config, special_tokens_map, config: Some(r#"{"model_type": "gpt2"}"#) }
}

fn opened(files: &TokenizerFiles<'_>) -> PromptTokenizer {
    PromptTokenizer::from_files(files).expect("a tokenizer")
}

fn ids(tokenizer: &PromptTokenizer, text: &str) -> Vec<u32> {
    tokenizer.encode(&[text], TextPart::Beginning).expect("known words").remove(0)
}

#[test]
fn prompts_are_neither_padded_nor_cut_whatever_the_tokenizer_file_says() {
    let tokenizer = PromptTokenizer::from_json(PADDING_AND_CUTTING).expect("a tokenizer");
    assert_eq!(tokenizer.encode(&["a b a", "b"], TextPart::Beginning).expect("known words"), [vec![2, 3, 2], vec![3]]);
    let unknown = tokenizer.encode(&["a", "b what a"], TextPart::Beginning).expect_err("an unknown word");
    assert_eq!((unknown.text, unknown.message.as_str()), (1, "the model's tokenizer does not know `what`"));
}

#[test]
fn what_stands_for_unknown_words_is_known_where_it_is_written() {
    let end_of_text = BYTES.replace(r#""unk_token": null"#, r#""unk_token": "<|endoftext|>""#);
    let tokenizer = PromptTokenizer::from_json(&end_of_text).expect("a tokenizer");
    assert_eq!(ids(&tokenizer, "<|endoftext|>ab"), [0, 5]);
    let unknown = tokenizer.encode_answer("abx").expect_err("an unknown letter");
    assert_eq!(unknown.message, "the model's tokenizer does not know `x`");
}

#[test]
fn the_map_of_special_tokens_wins_over_the_config_unless_that_describes_all_tokens() {
    let bos = |config, map| opened(&bytes(config, map)).bos();
    let (config, map) = (r#"{"bos_token": "<s>"}"#, r#"{"bos_token": {"content": "<|endoftext|>", "lstrip": false}}"#);
    assert_eq!(bos(Some(config), None), Bos::Named { id: 1, by: TOKENIZER_CONFIG });
    assert_eq!(bos(Some(config), Some(map)), Bos::Named { id: 0, by: SPECIAL_TOKENS_MAP });
    let describing = r#"{"bos_token": "<s>", "added_tokens_decoder": {"1": {"content": "<s>", "special": true}}}"#;
    assert_eq!(bos(Some(describing), Some(map)), Bos::Named { id: 1, by: TOKENIZER_CONFIG });
    assert_eq!(bos(Some(r#"{"bos_token": null}"#), None), Bos::Refused { by: TOKENIZER_CONFIG });
}

#[test]
fn without_a_name_the_bos_token_is_that_of_the_class_if_the_vocabulary_has_it() {
    assert_eq!(opened(&bytes(None, None)).bos(), Bos::Named { id: 0, by: "GPT2Tokenizer" });
    let generic = r#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#;
    assert_eq!(opened(&bytes(Some(generic), None)).bos(), Bos::Unnamed);
    let renamed = BYTES.replace("<|endoftext|>", "<e>");
    assert_eq!(opened(&TokenizerFiles { tokenizer: &renamed, ..bytes(None, None) }).bos(), Bos::Unnamed);
}

#[test]
fn a_space_before_the_text_is_the_say_of_the_class() {
    let with = BYTES.replace(r#""add_prefix_space": false"#, r#""add_prefix_space": true"#);
    let [says, silent] = [r#"{"tokenizer_class": "GPT2TokenizerFast", "add_prefix_space": true}"#, "{}"];
    let spaced = opened(&bytes(Some(says), None));
    assert_eq!(ids(&spaced, "ab"), [SPACE, 5]);
    assert_eq!(spaced.encode_answer("ab").expect("known words"), [5], "an answer goes on where the prompt ends");
    assert_eq!(spaced.encode_answer(" ab").expect("known words"), [SPACE, 5]);
    assert_eq!(ids(&opened(&TokenizerFiles { tokenizer: &with, ..bytes(Some(silent), None) }), "ab"), [5]);
    // The class that takes tokenizer.json as it stands does not look at the config.
    let generic = r#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#;
    let generic_with = opened(&TokenizerFiles { tokenizer: &with, ..bytes(Some(generic), None) });
    assert_eq!(ids(&generic_with, "ab"), [SPACE, 5]);
    let warning = generic_with.prefix_warning().expect("transformers 4 goes by the config");
    assert!(warning.starts_with("tokenizer.json puts a space before each text"), "{warning}");
    assert_eq!(opened(&bytes(Some(says), None)).prefix_warning(), None);
}

#[test]
fn tokens_that_only_the_config_names_are_found_in_text() {
    let config =
        r#"{"tokenizer_class": "PreTrainedTokenizerFast", "extra_special_tokens": ["ba"], "image_token": "<i>"}"#;
    let tokenizer = opened(&bytes(Some(config), None));
    assert_eq!(ids(&tokenizer, "<i>ab ba"), [7, 5, SPACE, 8]);
    let split = r#"{"tokenizer_class": "PreTrainedTokenizerFast", "split_special_tokens": true}"#;
    let spelled = opened(&bytes(Some(split), None));
    assert_eq!(ids(&spelled, "a<s>b"), [2, 3], "neither < nor > is in the vocabulary, and s is not");
}

#[test]
fn texts_that_the_class_cuts_otherwise_are_found() {
    let tokenizer = |pre_tokenizer: &str| {
        let json = BYTES.replace(r#""use_regex": true}"#, r#""use_regex": false}"#).replace("ByteLevel", pre_tokenizer);
        opened(&TokenizerFiles { tokenizer: &json, ..bytes(None, None) })
    };
    let texts = ["c", "ab ab"];
    let encode = |tokenizer: &PromptTokenizer| tokenizer.encode(&texts, TextPart::Beginning).expect("known words");
    let same = opened(&bytes(None, None));
    assert_eq!(same.difference(&texts, TextPart::Beginning, &encode(&same)), None);
    // Without its expression the space is merged like any byte; here no merge needs it.
    let alike = tokenizer("ByteLevel");
    assert_eq!(alike.difference(&texts, TextPart::Beginning, &encode(&alike)), None);
    let words = BYTES.replace(
        r#"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}"#,
        r#"{"type": "WhitespaceSplit"}"#,
    );
    let words = opened(&TokenizerFiles { tokenizer: &words, ..bytes(None, None) });
    let found = words
        .difference(&texts, TextPart::Beginning, &encode(&words))
        .expect("the space is a token of its own for GPT-2");
    assert_eq!((found.class, found.text, found.tokens, found.texts), ("GPT2Tokenizer", 1, Some(3), 1));
}

#[test]
fn the_tokenizer_says_what_it_puts_around_a_text_by_itself() {
    let template = r#""post_processor": {"type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                   {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]},
                           "<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}}}"#;
    let framed = BYTES.replace(r#""post_processor": null"#, template);
    let files = TokenizerFiles { tokenizer: &framed, ..bytes(None, None) };
    assert_eq!(opened(&files).own_frame(), (vec![1], vec![0]));
    assert_eq!(ids(&opened(&files), "ab"), [5], "prompts are without");
    let neox = TokenizerFiles { tokenizer_config: Some(r#"{"tokenizer_class": "GPTNeoXTokenizer"}"#), ..files };
    assert_eq!(opened(&neox).own_frame(), (Vec::new(), Vec::new()), "its class makes that anew");
    assert_eq!(opened(&bytes(None, None)).own_frame(), (Vec::new(), Vec::new()));
    let ignored = opened(&bytes(Some(r#"{"add_bos_token": true}"#), None));
    assert!(ignored.ignores_add_bos_token() && !opened(&files).ignores_add_bos_token());
}

#[test]
fn a_file_that_is_no_json_is_named() {
    let refused = PromptTokenizer::from_files(&bytes(Some("[]"), None)).expect_err("is refused").to_string();
    assert!(refused.starts_with("tokenizer_config.json: not a JSON object"), "{refused}");
    let refused = PromptTokenizer::from_files(&bytes(Some(r#"{"bos_token": 5}"#), None)).expect_err("is refused");
    assert_eq!(
        refused.to_string(),
        "tokenizer_config.json: `bos_token` is neither a text nor an object with `content`"
    );
}

#[test]
fn answers_have_no_space_that_is_not_written_whatever_puts_it_before_prompts() {
    let pieces = |normalizer: &str, cut: &str| {
        BYTES
            .replace(r#""normalizer": null"#, &format!(r#""normalizer": {normalizer}"#))
            .replace(
                r#"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}"#,
                cut,
            )
            .replace("\\u0120", "▁")
    };
    let spaces = r#"{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}"#;
    let prepend =
        format!(r#"{{"type": "Sequence", "normalizers": [{{"type": "Prepend", "prepend": "▁"}}, {spaces}]}}"#);
    let metaspace = r#"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false}"#;
    for json in [pieces("null", metaspace), pieces(&prepend, "null")] {
        let tokenizer = PromptTokenizer::from_json(&json).expect("a tokenizer");
        assert_eq!(ids(&tokenizer, "ab"), [SPACE, 5], "{json}");
        assert_eq!(tokenizer.encode_answer("ab").expect("known words"), [5]);
        assert_eq!(tokenizer.encode_answer(" ab").expect("known words"), [SPACE, 5]);
    }
}
