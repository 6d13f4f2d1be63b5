//! Lists of pages that are easily forgotten are whole.

use std::collections::BTreeSet;
use std::fs;

use patchsweep_tests::repository;

use super::tree::files;

fn read(page: &str) -> String {
    fs::read_to_string(repository().join(page)).expect("a page")
}

#[test]
fn architecture_names_every_file_with_unsafe_code() {
    let page = read("ARCHITECTURE.md");
    let (_, rest) = page.split_once("**Invariant:** the `unsafe` code of the workspace is in").expect("the invariant");
    let (list, _) = rest.split_once("\n\n").expect("its end");
    let listed: BTreeSet<String> = list.split('`').filter(|word| word.contains('/')).map(str::to_owned).collect();
    let allows = |text: &str| ["allow", "expect"].iter().any(|word| text.contains(&format!("[{word}(unsafe_code)]")));
    let found = files("rs").into_iter().filter(|path| allows(&fs::read_to_string(path).expect("text")));
    let below = repository().join("worker/src");
    let found: BTreeSet<String> =
        found.map(|path| path.strip_prefix(&below).unwrap_or(&path).display().to_string()).collect();
    assert_eq!(listed, found);
}

#[test]
fn contributing_names_every_target_of_make() {
    let (makefile, page) = (read("Makefile"), read("CONTRIBUTING.md"));
    let targets = makefile.lines().find_map(|line| line.strip_prefix(".PHONY: ")).expect("a list of targets");
    let is_named = |target: &str| [" ", "`"].iter().any(|end| page.contains(&format!("`make {target}{end}")));
    let missing: Vec<&str> = targets.split_whitespace().filter(|target| !is_named(target)).collect();
    assert!(missing.is_empty(), "not in CONTRIBUTING.md: {missing:?}");
}
