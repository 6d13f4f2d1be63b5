//! What CONTRIBUTING.md asks of every source file, where a look at its text decides.

use std::fs;
use std::path::{Path, PathBuf};

/// Everything that is compiled, but this file.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let mut folders: Vec<PathBuf> =
        ["coordinator", "data", "proto", "tests", "worker"].map(|folder| root.join(folder)).into();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("coordinator/tests/house.rs") {
                // It speaks of what is forbidden.
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                sources.push((path, text));
            }
        }
    }
    assert!(sources.len() > 300, "{} sources were found", sources.len());
    sources
}

#[test]
fn modules_lie_where_their_names_say() {
    let elsewhere = |(path, text): (PathBuf, String)| text.contains("#[path").then_some(path);
    assert_eq!(sources().into_iter().filter_map(elsewhere).collect::<Vec<_>>(), Vec::<PathBuf>::new());
}

#[test]
fn no_error_s_text_holds_its_source() {
    let mut errors = 0;
    let mut twice = Vec::new();
    for (path, text) in sources() {
        for (_, behind) in text.match_indices("#[error(").map(|(at, start)| text.split_at(at + start.len())) {
            let Some((shown, behind)) = behind.split_once(")]\n") else { continue };
            errors += 1;
            if shows_its_source(shown, fields(behind)) {
                twice.push(format!("{}: {shown}", path.display()));
            }
        }
    }
    assert!(errors > 200, "only {errors} were found");
    assert!(twice.is_empty(), "`error_chain` shows the source anyhow:\n{}", twice.join("\n"));
}

/// The fields of the variant or struct that a text begins with, in their brackets.
fn fields(text: &str) -> &str {
    let Some(start) = text.find(['(', '{', ',', ';']) else { return "" };
    let mut depth = 0;
    for (at, char) in text[start..].char_indices() {
        match char {
            '(' | '{' | '[' | '<' => depth += 1,
            ')' | '}' | ']' => depth -= 1,
            '>' if !text[start..start + at].ends_with('-') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[start..=start + at];
        }
    }
    ""
}

/// `attribute`: a text with its arguments.
fn shows_its_source(attribute: &str, fields: &str) -> bool {
    let arguments = attribute.rsplit('"').next().unwrap_or_default();
    let has = |field: &str| {
        let is_it = |argument: &str| argument.trim().trim_start_matches('.') == field;
        let in_text = [format!("{{{field}}}"), format!("{{{field}:")].iter().any(|hole| attribute.contains(hole));
        in_text || arguments.split(',').any(is_it)
    };
    if fields.starts_with('{') {
        return fields.contains(" source:") && has("source");
    }
    let marked = fields.split(',').position(|field| field.contains("#[source]") || field.contains("#[from]"));
    marked.is_some_and(|place| has(&place.to_string()))
}

#[test]
fn a_source_in_a_text_is_found() {
    let shows = |text: &str| {
        let (shown, behind) = text.split_once(")]").expect("an attribute");
        shows_its_source(shown, fields(behind))
    };
    assert!(shows("\"no file: {source}\")] File { path: PathBuf, source: io::Error }, Next"));
    assert!(shows("\"no file: {0}\")] File(#[from] Box<dyn Error + Send>), Next"));
    assert!(shows("\"no file: {}\", .source)] File { path: PathBuf, source: io::Error }"));
    assert!(!shows("\"no file: {}\", hint(.source))] File { path: PathBuf, source: io::Error }"));
    assert!(shows("\"no file: {1:?}\")] File(String, #[source] io::Error);"));
    assert!(!shows("\"no file {0}\")] File(String, #[source] io::Error);"));
    assert!(!shows("\"no file `{path}`\")] File { path: PathBuf, source: io::Error }, Next { source: String }"));
    assert!(!shows("\"no file\")] File, Next(#[source] io::Error)"));
    assert!(!shows("\"{0}\")] Refused(String), Next(#[source] io::Error)"));
}
