//! What is not alike in two sweeps that are compared.

use patchsweep_core::results::GridScores;
use serde_json::Value;

use crate::text::short;

/// What went into one sweep and not into the other, one line each.
pub(super) fn inputs([first, second]: &[Value; 2]) -> Vec<String> {
    let inputs = [
        ("/direction", "the direction of patching"),
        ("/model/name", "the model"),
        ("/model/digest", "the model's weights"),
        ("/model/dtype", "the dtype"),
        ("/dataset/digest", "the dataset"),
        ("/dataset/prompts", "the number of prompts"),
        ("/dataset/seed", "the seed of the dataset"),
        ("/dataset/corruption_seed", "the seed of the corruption"),
    ];
    let differs = |(pointer, _): &(&str, &str)| first.pointer(pointer) != second.pointer(pointer);
    let remark = |(pointer, what): (&str, &str)| {
        format!("{what} differs: {} and {}", shown(first.pointer(pointer)), shown(second.pointer(pointer)))
    };
    inputs.into_iter().filter(differs).map(remark).collect()
}

/// Whether a prompt's number in one sweep has one of the same prompt in the other.
pub(super) fn has_same_prompts([first, second]: &[Value; 2]) -> bool {
    let same = |field: &str| first["dataset"].get(field) == second["dataset"].get(field);
    first["dataset"]["digest"].is_string() && ["digest", "prompts", "seed", "lines"].into_iter().all(same)
}

/// What the cells of two grids of one name write otherwise, one line each. The cells have the same places.
pub(super) fn writes(name: &str, [first, second]: [&GridScores; 2], manifests: &[Value; 2]) -> Vec<String> {
    let more = |grid: &GridScores| format!("\"{}\"", grid.writes);
    let words = [first, second].map(|grid| if grid.writes.is_empty() { "only their place".into() } else { more(grid) });
    let both = [
        ("another component", [first, second].map(|grid| grid.component.clone())),
        ("another value", manifests.each_ref().map(|manifest| shown(value_of(manifest, &first.grid)))),
        ("otherwise", words),
    ];
    let differing = both.into_iter().filter(|(_, [first, second])| first != second);
    differing
        .map(|(what, [first, second])| format!("cells of grid `{name}` write {what}: {first} and {second}"))
        .collect()
}

/// What a grid's activations become.
fn value_of<'a>(manifest: &'a Value, grid: &str) -> Option<&'a Value> {
    let mut grids = manifest["grids"].as_array()?.iter();
    grids.find(|described| described["name"] == grid)?.get("value")
}

/// A value of a manifest, for people.
fn shown(value: Option<&Value>) -> String {
    let text = value.map_or_else(|| "unknown".to_owned(), Value::to_string);
    short(text.trim_matches('"'), 24)
}
