//! What a person should know before trusting the scores.

use std::fmt::Write as _;

use patchsweep_core::results::SweepResults;
use serde::Deserialize;

use super::text;

#[derive(Deserialize)]
struct Manifest {
    warnings: Vec<String>,
}

/// Empty where there are none.
pub(super) fn section(results: &SweepResults) -> String {
    let warnings = serde_json::from_str(&results.manifest).map_or_else(|_| Vec::new(), |m: Manifest| m.warnings);
    if warnings.is_empty() {
        return String::new();
    }
    let mut items = String::new();
    for warning in &warnings {
        let _ = writeln!(items, "<li>{}</li>", text::html(warning));
    }
    format!("<section class=\"warnings\">\n<h2>Warnings</h2>\n<ul>\n{items}</ul>\n</section>\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::example;

    #[test]
    fn warnings_of_the_manifest_are_listed_as_text() {
        let mut results = example();
        assert_eq!(section(&results), "");
        results.manifest = r#"{"warnings": []}"#.to_owned();
        assert_eq!(section(&results), "");
        results.manifest = r#"{"warnings": ["<s> stands twice", "b"]}"#.to_owned();
        let section = section(&results);
        assert!(section.contains("<li>&lt;s&gt; stands twice</li>\n<li>b</li>"), "{section}");
    }
}
