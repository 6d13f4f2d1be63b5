//! The committed files are what the program makes, and the tokenizer does what the prompts need.

use std::{
    fs,
    path::{Path, PathBuf},
};

use patchsweep_data::{
    files,
    guests::{self, Draws, OPENINGS, Pairs},
    prompts::test_acronyms,
    tokenizer::{BEGIN, Vocabulary},
};
use tokenizers::Tokenizer;

fn committed(path: &str) -> PathBuf {
    Path::new(files::FOLDER).join(path)
}

fn committed_tokenizer() -> Tokenizer {
    tokenizer("acronym-gpt2")
}

fn tokenizer(model: &str) -> Tokenizer {
    Tokenizer::from_file(committed(model).join("tokenizer.json")).expect("the tokenizer loads")
}

#[test]
fn committed_files_are_what_the_program_makes() {
    for file in files::generate() {
        let content = fs::read_to_string(committed(file.path)).expect(file.path);
        assert!(
            content == file.content,
            "{} is out of date: cargo run -p patchsweep-data --bin embedded-prompts",
            file.path
        );
    }
}

#[test]
fn the_tokenizer_cuts_prompts_into_words_and_letters() {
    let tokenizer = committed_tokenizer();
    let prompt = tokenizer.encode("The Zoo Keeper Union (ZK", false).expect("encodes");
    assert_eq!(prompt.get_tokens(), ["The", " Zoo", " Keeper", " Union", " (", "Z", "K"]);
    let answer = tokenizer.encode("ZKU", false).expect("encodes");
    assert_eq!(answer.get_tokens(), ["Z", "K", "U"]);
}

#[test]
fn the_tokenizer_and_the_vocabulary_agree_on_every_prompt() {
    let tokenizer = committed_tokenizer();
    let vocabulary = Vocabulary::of_acronyms();
    assert_eq!(tokenizer.get_vocab_size(true), vocabulary.size());
    for acronym in test_acronyms() {
        let last_letter = &acronym.letters()[2..];
        let text = format!("{BEGIN}{}{last_letter}", acronym.prompt());
        let encoding = tokenizer.encode(text.as_str(), false).expect("encodes");
        assert_eq!(encoding.get_ids(), vocabulary.sequence(&acronym), "{text}");
        let decoded = tokenizer.decode(encoding.get_ids(), false).expect("decodes");
        assert_eq!(decoded, text);
    }
}

#[test]
fn unknown_words_are_one_unknown_token() {
    let encoding = committed_tokenizer().encode("The Zzz", false).expect("encodes");
    assert_eq!(encoding.get_tokens(), ["The", "<|unk|>"]);
}

#[test]
fn the_tokenizer_and_the_vocabulary_agree_on_lists_of_guests() {
    let (tokenizer, vocabulary) = (tokenizer("guest-gpt2"), guests::vocabulary());
    assert_eq!(tokenizer.get_vocab_size(true), vocabulary.size());
    let mut draws = Draws::seeded(Pairs::HeldOut, 0);
    for opening in OPENINGS {
        for list in (0..100).map(|_| draws.list(opening, 4, 1)) {
            let tokens = list.tokens();
            let encoding = tokenizer.encode(list.prompt() + &list.answer(), false).expect("encodes");
            assert_eq!(encoding.get_tokens(), tokens, "{list:?}");
            let ids: Vec<u32> = tokens.iter().map(|token| vocabulary.id(token)).collect();
            assert_eq!(encoding.get_ids(), ids);
        }
    }
}
