//! Prompts as token ids.

use patchsweep_fuzz::planning::{Model, plan};
use patchsweep_fuzz::{Target, text};
use patchsweep_plan::spec::{Source, Spec};

const SPEC: &str = r#"
schema = 1
name = "tokens"
[model]
path = "m"
[dataset]
tokens = "tokens.json"
[[metric]]
kind = "logit_diff"
[[iteration]]
read = 3
[[grid]]
component = "resid_pre"
axes = ["layer", "pos"]
"#;

const WORDS: &[&str] = &["clean", "corrupted", "answers", "wrong", "null", "true", "NaN"];

/// With the file's own corrupted prompts, and with noise.
fn feed(bytes: &[u8]) {
    let Ok(dataset) = std::str::from_utf8(bytes) else { return };
    let noise = "[corruption]\nkind = \"noise\"\nscale = 3.0\n[[iteration]]\ncorrupt = [1]";
    for spec in [SPEC, &SPEC.replace("[[iteration]]", noise)] {
        let source = Source::new(spec);
        let spec = Spec::parse(&source).expect("a valid spec");
        plan(&source, &spec, dataset, Model::WithoutTokenizer);
    }
}

#[test]
fn token_files_are_planned_or_refused_in_words() {
    let target = Target::new("tokens", env!("CARGO_TARGET_TMPDIR"), feed);
    target.check(|edits| text::mutated(&target.corpus(), WORDS, edits));
}
