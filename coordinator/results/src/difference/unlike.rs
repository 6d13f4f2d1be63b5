//! What is not alike in two sweeps that are compared.

use patchsweep_core::results::GridScores;
use serde_json::Value;

use crate::text::short;

/// Most characters of a value, and most tokens of a list.
const MOST_CHARS: usize = 24;
const MOST_TOKENS: usize = 3;

/// What went into one sweep and not into the other, one line each.
pub(super) fn inputs([first, second]: &[Value; 2]) -> Vec<String> {
    let inputs = [
        ("/direction", "the direction of patching"),
        ("/model/name", "the model"),
        ("/model/digest", "the model's weights"),
        ("/model/dtype", "the dtype"),
        ("/dataset/digest", "the dataset"),
        ("/dataset/prompts", "the number of prompts"),
        ("/dataset/prompts_digest", "which prompts there are, or their order,"),
        ("/dataset/seed", "the seed of the dataset"),
        ("/dataset/corruption_seed", "the seed of the corruption"),
        ("/dataset/replicates", "the number of replicates"),
    ];
    differing(&inputs, [first, second], |what, first, second| format!("{what} differs: {first} and {second}"))
}

/// Whether a prompt's effect in one sweep has one of the same prompt in the other, at the same place.
pub(super) fn has_same_prompts([first, second]: &[Value; 2]) -> bool {
    let [first, second] = [first, second].map(|manifest| &manifest["dataset"]["prompts_digest"]);
    first.is_string() && first == second
}

/// What the iterations of one label do otherwise, one line each.
pub(super) fn iteration(label: &str, manifests: &[Value; 2]) -> Vec<String> {
    let facts = [
        ("/reads", "reads other positions"),
        ("/corrupted_positions", "corrupts other positions"),
        ("/noise/positions", "has noise at other positions"),
        ("/noise/scale", "has other noise"),
    ];
    let [first, second] = manifests.each_ref().map(|manifest| entry(manifest, "iterations", "label", label));
    let remark = |what: &str, first: &str, second: &str| format!("iteration `{label}` {what}: {first} and {second}");
    let mut remarks = differing(&facts, [first, second], remark);
    // Of other prompts the answers are others anyway.
    if has_same_prompts(manifests) {
        for (pointer, what) in [("/answers/right", "right"), ("/answers/wrong", "wrong")] {
            let remark = |first, second| format!("iteration `{label}` has other {what} answers: {first} and {second}");
            remarks.extend(differing_tokens([first, second].map(|entry| entry.pointer(pointer)), remark));
        }
    }
    remarks
}

/// What the metrics of one name are otherwise, one line each.
pub(super) fn metric(name: &str, manifests: &[Value; 2]) -> Vec<String> {
    let facts = [
        ("/kind", "kind"),
        ("/candidate_ids", "list of candidates"),
        ("/sets/of", "`of`"),
        ("/sets/right/reduce", "`reduce` of its right tokens"),
        ("/sets/wrong/reduce", "`reduce` of its wrong tokens"),
    ];
    let [first, second] = manifests.each_ref().map(|manifest| entry(manifest, "metrics", "name", name));
    let not_same = format!("metric `{name}` is not the same: its");
    let remark = |what: &str, first: &str, second: &str| format!("{not_same} {what} is {first} and {second}");
    let mut remarks = differing(&facts, [first, second], remark);
    for side in ["right", "wrong"] {
        let sets = [first, second].map(|entry| &entry["sets"][side]);
        let is_for_all = sets.iter().all(|set| set["sets"] == 1);
        if is_for_all || has_same_prompts(manifests) {
            let remark = |first, second| format!("{not_same} {side} tokens are {first} and {second}");
            remarks.extend(differing_tokens(sets.map(|set| set.get("first_prompt")), remark));
        }
    }
    remarks
}

/// What the cells of two grids of one name write otherwise, one line each. The cells have the same places.
pub(super) fn writes(name: &str, [first, second]: [&GridScores; 2], manifests: &[Value; 2]) -> Vec<String> {
    let more = |grid: &GridScores| format!("\"{}\"", grid.writes);
    let words = [first, second].map(|grid| if grid.writes.is_empty() { "only their place".into() } else { more(grid) });
    let entries = manifests.each_ref().map(|manifest| entry(manifest, "grids", "name", &first.grid));
    let values = |pointer: &str| entries.map(|entry| shown(entry.pointer(pointer)));
    let digests = [0, 1].map(|sweep| {
        let dictionary = entries[sweep]["dictionary"].as_str().unwrap_or_default();
        shown(entry(&manifests[sweep], "dictionaries", "name", dictionary).get("digest"))
    });
    let both = [
        ("another component", [first, second].map(|grid| grid.component.clone())),
        ("another value", values("/value")),
        ("features of another dictionary", digests),
        ("at other places at once", values("/patched_at_once")),
        ("otherwise", words.clone()),
    ];
    let differing = both.into_iter().filter(|(_, [first, second])| first != second);
    let mut remarks: Vec<String> = differing
        .map(|(what, [first, second])| format!("cells of grid `{name}` write {what}: {first} and {second}"))
        .collect();
    // Words do not say the positions of these.
    let also = entries.map(|entry| (entry.get("also"), entry.pointer("/to/positions")));
    if words[0] == words[1] && also[0] != also[1] {
        remarks
            .push(format!("what cells of grid `{name}` write as well, or where their paths end, has other positions"));
    }
    remarks
}

/// What of a manifest's list has this name; null where nothing has.
fn entry<'a>(manifest: &'a Value, list: &str, key: &str, name: &str) -> &'a Value {
    let mut entries = manifest[list].as_array().into_iter().flatten();
    entries.find(|entry| entry[key] == name).unwrap_or(&Value::Null)
}

/// Remarks on the values that are not the same in both; null is as good as nothing.
///
/// `facts`: where a value is, and what `remark` calls it; that also gets both of them, for people.
fn differing(facts: &[(&str, &str)], both: [&Value; 2], remark: impl Fn(&str, &str, &str) -> String) -> Vec<String> {
    let of_fact = |&(pointer, what): &(&str, &str)| {
        let values = both.map(|value| value.pointer(pointer));
        let [first, second] = values.map(|value| value.filter(|value| !value.is_null()));
        (first != second).then(|| remark(what, &shown(values[0]), &shown(values[1])))
    };
    facts.iter().filter_map(of_fact).collect()
}

/// The same of two lists of tokens.
fn differing_tokens(both: [Option<&Value>; 2], remark: impl Fn(String, String) -> String) -> Option<String> {
    let [first, second] = both.map(tokens);
    (first != second).then(|| remark(listed(&first), listed(&second)))
}

/// A value of a manifest, for people.
fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None => "unknown".to_owned(),
        Some(Value::Null) => "none".to_owned(),
        Some(value) => value.to_string(),
    };
    short(text.trim_matches('"'), MOST_CHARS)
}

/// A manifest's list of tokens: their texts, or ids where there are none, and how many there are.
fn tokens(list: Option<&Value>) -> (Vec<String>, Option<u64>) {
    let all = list.and_then(|list| list["tokens"].as_array()).into_iter().flatten();
    let token =
        |token: &Value| token["text"].as_str().map_or_else(|| token["id"].to_string(), |text| format!("`{text}`"));
    (all.map(token).collect(), list.and_then(|list| list["count"].as_u64()))
}

/// The same, for people.
fn listed((tokens, count): &(Vec<String>, Option<u64>)) -> String {
    match (tokens.len(), count) {
        (0, _) => "none".to_owned(),
        (listed, Some(count)) if listed > MOST_TOKENS => format!("{} .. ({count})", tokens[..MOST_TOKENS].join(" ")),
        _ => tokens.join(" "),
    }
}
