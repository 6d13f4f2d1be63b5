//! The committed files that this crate generates.

use crate::{
    guests,
    prompts::{Acronym, test_acronyms},
    tokenizer::{Vocabulary, tokenizer_config_json},
};

/// The data folder of this checkout.
pub const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// A generated file: where it lies in the data folder, and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedFile {
    /// The path relative to the data folder.
    pub path: &'static str,
    /// The whole content.
    pub content: String,
}

/// All files, made anew: always the same bytes.
#[must_use]
pub fn generate() -> [GeneratedFile; 8] {
    [
        GeneratedFile { path: "acronyms.txt", content: prompt_lines() },
        GeneratedFile {
            path: "acronym-gpt2/tokenizer.json",
            content: format!("{:#}\n", Vocabulary::of_acronyms().tokenizer_json()),
        },
        GeneratedFile {
            path: "acronym-gpt2/tokenizer_config.json",
            content: format!("{:#}\n", tokenizer_config_json()),
        },
        GeneratedFile { path: "facts.csv", content: guests::facts() },
        GeneratedFile { path: "paths.csv", content: guests::paths() },
        GeneratedFile { path: "features.csv", content: guests::features() },
        GeneratedFile {
            path: "guest-gpt2/tokenizer.json",
            content: format!("{:#}\n", guests::vocabulary().tokenizer_json()),
        },
        GeneratedFile { path: "guest-gpt2/tokenizer_config.json", content: format!("{:#}\n", tokenizer_config_json()) },
    ]
}

/// One `prompt, answer` per line.
fn prompt_lines() -> String {
    let line = |acronym: &Acronym| format!("{}, {}", acronym.prompt(), acronym.letters());
    let lines: Vec<String> = test_acronyms().iter().map(line).collect();
    lines.join("\n") + "\n"
}
