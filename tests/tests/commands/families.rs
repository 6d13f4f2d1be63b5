//! The house's rule: no code but the readers of configs knows a family by its name.

use std::fs;
use std::path::{Path, PathBuf};

use patchsweep_core::model::model_types;
use patchsweep_tests::repository;

/// Where names of families may stand: their readers, and classes of tokenizers, which folders' files name.
const ALLOWED: [&str; 2] = ["proto/core/src/model/families", "coordinator/plan/src/tokenizer"];

/// Folders of programs and libraries.
const PRODUCT: [&str; 3] = ["proto", "coordinator", "worker/src"];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a listed file").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether a file is a module of tests only, or belongs to tests.
fn is_of_tests(file: &Path) -> bool {
    let path = file.to_string_lossy();
    let stem = file.file_stem().expect("a name").to_string_lossy();
    let folder = file.parent().expect("a folder");
    let declared = format!("#[cfg(test)]\nmod {stem};");
    let is_declared_in = |name: &str| fs::read_to_string(folder.join(name)).is_ok_and(|text| text.contains(&declared));
    path.contains("/tests")
        || path.contains("/fixtures")
        || ["lib.rs", "mod.rs", "main.rs"].into_iter().any(is_declared_in)
}

/// Code without comments, and without the tests at a file's end.
fn code(text: &str) -> String {
    let product = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    product.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n").to_lowercase()
}

#[test]
fn families_are_named_by_their_readers_only() {
    let mut files = Vec::new();
    for folder in PRODUCT {
        rust_files(&repository().join(folder), &mut files);
    }
    assert!(files.len() > 300, "{} files", files.len());
    let mut names = model_types();
    names.extend(["neox", "pythia", "smollm", "qwen", "gpt-2", "gpt-j"]);
    for file in files {
        let path = file.strip_prefix(repository()).expect("below it").to_str().expect("a plain path").to_owned();
        if is_of_tests(&file) || ALLOWED.iter().any(|allowed| path.starts_with(allowed)) {
            continue;
        }
        let code = code(&fs::read_to_string(&file).expect("a readable file"));
        for name in &names {
            let words = code.split(|char: char| !char.is_alphanumeric() && char != '_' && char != '-');
            let found = words.into_iter().find(|word| word == name);
            assert_eq!(found, None, "{path} knows a family");
        }
    }
}
