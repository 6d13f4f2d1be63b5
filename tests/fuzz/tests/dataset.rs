//! Prompts from text and from tables.

use patchsweep_fuzz::planning::{Model, plan};
use patchsweep_fuzz::{Target, text};
use patchsweep_plan::spec::{Source, Spec};

const TEXT: &str = r#"
schema = 1
name = "text"
[model]
path = "m"
[dataset]
path = "prompts.txt"
[corruption]
kind = "permute"
groups = [[1, 5]]
[[metric]]
kind = "prob"
[[iteration]]
corrupt = [2, 3]
read = -1
answer = 0
[[grid]]
component = "z"
axes = ["layer", "pos", "head"]
"#;

const WORDS: &[&str] = &[
    "prompt",
    "answer",
    "wrong",
    "corrupted",
    "The",
    "Barrel",
    "Dream",
    "Robot",
    "Garden",
    "Harbor",
    "<bos>",
    "A",
    "B",
    "G",
    "<unk>",
    "zebra",
    "{\"prompt\": \"The Barrel\"}",
    "\u{feff}",
    ";",
    "A|B",
    "[\"A\", \"B\"]",
];

/// The same bytes as a text, as records, as a table with corrupted prompts, and as both with sets of tokens.
fn feed(bytes: &[u8]) {
    let Ok(dataset) = std::str::from_utf8(bytes) else { return };
    let [table, records] = ["table.csv", "records.jsonl"].map(|name| TEXT.replace("prompts.txt", name));
    let sets = "difference\"\nright = { column = \"wrong\", reduce = \"sum\" }\nname = \"sets";
    let [sets, listed] = [&table, &records].map(|spec| spec.replace("prob", sets).replace("answer = 0\n", ""));
    let pairs =
        table.replace("kind = \"permute\"\ngroups = [[1, 5]]", "kind = \"pairs\"").replace("prob", "logit_diff");
    for spec in [TEXT, &table, &pairs, &records, &sets, &listed] {
        let source = Source::new(spec);
        let spec = Spec::parse(&source).expect("a valid spec");
        plan(&source, &spec, dataset, Model::Embedded);
    }
}

#[test]
fn datasets_are_planned_or_refused_in_words() {
    let target = Target::new("dataset", env!("CARGO_TARGET_TMPDIR"), feed);
    target.check(|edits| text::mutated(&target.corpus(), WORDS, edits));
}
