//! Dictionaries in specs, and grids over them.

use patchsweep_core::dictionary::{DictionaryHeader, Encoder};
use patchsweep_core::digest::Digest;
use patchsweep_core::grid::{Axis, Component, PatchValue};
use patchsweep_core::status::PlanOptions;

use crate::example::{DATASET, config, spec, tokenizer, warnings};
use crate::spec::{Source, Spec};
use crate::{Inputs, Plan};

const DICTIONARY: (&str, &str) = (
    "[[metric]]",
    "[[dictionary]]\nname = \"res\"\npath = \"./sae/res\"\nat = \"blocks.1.hook_resid_pre\"\n[[metric]]",
);
const GRID: (&str, &str) = ("\"z\"\naxes = [\"layer\", \"head\"]", "\"res\"\naxes = [\"pos\", \"feature\"]");

fn header() -> DictionaryHeader {
    DictionaryHeader {
        width: 4,
        features: 6,
        encoder: Encoder::Standard,
        subtracts_decoder_bias: true,
        of_centred_model: false,
        hook: Some("blocks.1.hook_resid_pre".to_owned()),
        model: Some("m-small".to_owned()),
    }
}

/// The plan of the changed spec, whose dictionaries all have such files.
fn planned(changes: &[(&str, &str)], header: Option<&DictionaryHeader>) -> Result<Plan, String> {
    let source = Source::new(spec(&[&[DICTIONARY, GRID], changes].concat()));
    let mut spec = Spec::parse(&source).map_err(|error| error.to_string())?;
    if let Some(header) = header {
        for index in 0..spec.dictionary.len() {
            spec.found(index, header.clone(), Digest([7; 32]));
        }
    }
    let (config, tokenizer) = (config(), tokenizer());
    let inputs =
        Inputs { source: &source, spec: &spec, dataset: DATASET, config: &config, tokenizer: Some(&tokenizer) };
    Plan::build(&inputs, PlanOptions::default()).map_err(|error| error.to_string())
}

#[track_caller]
fn refusal(changes: &[(&str, &str)]) -> String {
    planned(changes, Some(&header())).expect_err("is refused")
}

#[test]
fn a_grid_is_over_a_dictionary_by_its_name() {
    let plan = planned(&[("axes", "features = [-1, 2]\nablate = \"zero\"\naxes")], Some(&header())).expect("a plan");
    let grid = &plan.context.grids[0];
    assert_eq!((grid.name.as_str(), grid.component, grid.value), ("res", Component::ResidPre, PatchValue::Zero));
    assert_eq!((grid.indices(Axis::Feature), grid.extents()), ([2, 5].as_slice(), vec![4, 2]));
    let dictionary = grid.dictionary().expect("a dictionary");
    assert_eq!((dictionary.path.as_str(), dictionary.layer, dictionary.digest), ("sae/res", 1, Digest([7; 32])));
    let all = planned(&[("\"pos\", \"feature\"", "\"pos\"")], Some(&header())).expect("a plan");
    assert_eq!(all.context.grids[0].indices(Axis::Feature).len(), 6);
    assert_ne!(all.digest, plan.digest);
}

#[test]
fn a_dictionary_says_where_it_is_and_what_it_reads() {
    let without = refusal(&[("at = \"blocks.1.hook_resid_pre\"\n", "")]);
    assert!(
        without.starts_with("spec line 12, column 8: which activation does `res` read? Give `at`, like"),
        "{without}"
    );
    let no_site = refusal(&[("at = \"blocks.1.hook_resid_pre\"", "at = \"blocks.1.attn.hook_q\"")]);
    assert!(
        no_site.starts_with("spec line 14, column 6: `blocks.1.attn.hook_q` is not where a dictionary can"),
        "{no_site}"
    );
    let up = refusal(&[("./sae/res", "../sae")]);
    assert!(up.contains("line 13, column 8: `../sae` is not a plain relative path"), "{up}");
    let missing = planned(&[], None).expect_err("is refused");
    assert!(missing.contains("line 13, column 8: no files of `res` at hand"), "{missing}");
    let trained = refusal(&[("at = \"blocks.1.hook_resid_pre\"", "at = \"blocks.2.hook_resid_pre\"")]);
    assert!(trained.contains("`res` was trained at `blocks.1.hook_resid_pre`, not at `blocks.2.hook"), "{trained}");
    // What comes out of a block is what comes into the next one.
    let same = ("at = \"blocks.1.hook_resid_pre\"", "at = \"blocks.0.hook_resid_post\"");
    assert!(planned(&[same], Some(&header())).is_ok());
}

#[test]
fn a_dictionary_that_does_not_fit_the_model_is_refused() {
    let of = |header: &DictionaryHeader, at: &str| {
        let at = format!("at = \"{at}\"");
        planned(&[("at = \"blocks.1.hook_resid_pre\"", &at)], Some(header)).expect_err("is refused")
    };
    let anywhere = DictionaryHeader { hook: None, ..header() };
    let wide = of(&DictionaryHeader { width: 5, ..header() }, "blocks.1.hook_resid_pre");
    assert!(
        wide.contains("line 14, column 6: the dictionary reads activations of 5 numbers, `blocks.1.hook_resid_pre` of this model has 4"),
        "{wide}"
    );
    let hidden = of(&anywhere, "blocks.1.mlp.hook_post");
    assert!(
        hidden.contains("reads activations of 4 numbers, `blocks.1.mlp.hook_post` of this model has 16"),
        "{hidden}"
    );
    let beyond = of(&anywhere, "blocks.3.hook_resid_pre");
    assert!(beyond.contains("`blocks.3.hook_resid_pre` is not in this model, whose layers are 0 to 2"), "{beyond}");
}

#[test]
fn a_dictionary_of_a_centred_model_is_planned_as_one() {
    let centred = DictionaryHeader { of_centred_model: true, ..header() };
    let [of_centred, of_plain] = [&centred, &header()].map(|header| planned(&[], Some(header)).expect("a plan"));
    let dictionary = of_centred.context.grids[0].dictionary().expect("a dictionary");
    assert!(dictionary.subtracts_mean());
    assert_ne!(of_centred.digest, of_plain.digest);
}

#[test]
fn names_are_distinct_from_each_other_and_from_components() {
    let component = refusal(&[("name = \"res\"", "name = \"resid_pre\"")]);
    assert!(component.contains("line 12, column 8: `resid_pre` is a component of the model"), "{component}");
    let twice = "[[dictionary]]\nname = \"res\"\npath = \"b\"\nat = \"blocks.1.hook_resid_pre\"\n[[metric]]";
    let twice = refusal(&[("[[metric]]", twice)]);
    assert!(twice.contains("two dictionaries are called `res`"), "{twice}");
    let odd = refusal(&[("name = \"res\"", "name = \"re.s\"")]);
    assert!(odd.contains("`re.s` cannot name a tensor"), "{odd}");
    let unknown = refusal(&[("\"res\"\naxes", "\"rse\"\naxes")]);
    assert!(unknown.contains("unknown component `rse`") && unknown.contains("did you mean `res`?"), "{unknown}");
}

#[test]
fn axes_and_indices_are_those_of_a_dictionary() {
    let layer = refusal(&[("\"pos\", \"feature\"", "\"layer\", \"feature\"")]);
    assert!(layer.contains("`res` has no axis `layer`: a dictionary is of one layer"), "{layer}");
    let layers = refusal(&[("axes", "layers = [1]\naxes")]);
    assert!(layers.contains("`res` has no axis `layer`: a dictionary is of one layer"), "{layers}");
    let none = refusal(&[("axes = [\"pos\", \"feature\"]", "axes = []")]);
    assert!(none.contains("a grid over `res` needs an axis"), "{none}");
    let beyond = refusal(&[("axes", "features = [6]\naxes")]);
    assert!(beyond.contains("6 is out of range of `features`: there are 6 (0 to 5, or -6 to -1)"), "{beyond}");
    let of_heads = refusal(&[("\"res\"\naxes = [\"pos\", \"feature\"]", "\"z\"\nfeatures = [1]\naxes = [\"layer\"]")]);
    assert!(of_heads.contains("`z` has no features: give a `[[dictionary]]`"), "{of_heads}");
    let word = refusal(&[("axes", "features = \"actve\"\naxes")]);
    assert!(
        word.contains("line 22, column 12: `actve` is no list of features: give their numbers, or \"active\""),
        "{word}"
    );
    assert!(word.contains("did you mean `active`?"), "{word}");
    let of_heads =
        refusal(&[("\"res\"\naxes = [\"pos\", \"feature\"]", "\"z\"\nfeatures = \"active\"\naxes = [\"layer\"]")]);
    assert!(of_heads.contains("`z` has no features: give a `[[dictionary]]`"), "{of_heads}");
}

#[test]
fn active_features_are_chosen_along_an_axis_and_all_of_them_without_one() {
    let active = planned(&[("axes", "features = \"active\"\naxes")], Some(&header())).expect("a plan");
    let grid = &active.context.grids[0];
    assert!(grid.chooses_features() && active.awaits_choice());
    assert_eq!(grid.indices(Axis::Feature).len(), 6, "any of them may be");
    let together = |keys: &str| planned(&[("\"pos\", \"feature\"", "\"pos\""), ("axes", keys)], Some(&header()));
    let [active, all] = ["features = \"active\"\naxes", "axes"].map(|keys| together(keys).expect("a plan"));
    assert!(!active.context.grids[0].chooses_features());
    // Those that are off are written as well, and move nothing.
    assert_eq!(active.digest, all.digest);
}

#[test]
fn features_have_no_estimates() {
    let refused = refusal(&[("axes", "estimate = \"gradient\"\naxes")]);
    assert!(
        refused.contains("features of dictionaries and paths have no estimates: leave `estimate` out"),
        "{refused}"
    );
}

#[test]
fn features_are_written_alone() {
    let alone = "features of `res` are not written together with other places yet";
    for change in [
        ("axes", "window = 2\naxes"),
        ("component = \"res\"", "components = [\"res\", \"mlp_out\"]"),
        ("\"feature\"]", "\"feature\"]\n[[grid.also]]\ncomponent = \"mlp_out\"\nlayers = [0]"),
        ("\"feature\"]", "\"feature\"]\n[grid.to]\ncomponent = \"logits\""),
        (
            "\"feature\"]",
            "\"feature\"]\n[[grid]]\ncomponent = \"z\"\naxes = [\"layer\"]\n[[grid.also]]\ncomponent = \"res\"",
        ),
    ] {
        let refused = refusal(&[change]);
        assert!(refused.contains(alone), "{refused}");
    }
}

#[test]
fn a_dictionary_of_a_model_of_another_name_is_a_warning() {
    let of = |model: Option<&str>| {
        let header = DictionaryHeader { model: model.map(str::to_owned), ..header() };
        planned(&[("path = \"m\"", "path = \"models/gemma-2-2b\"")], Some(&header)).expect("a plan")
    };
    let other = of(Some("google/gemma-2b"));
    assert_eq!(other.dictionary_models["res"], "google/gemma-2b");
    assert_eq!(
        warnings(&other),
        [
            "dictionary `res` was trained on the model `google/gemma-2b`, as its files say, and the model here is called `models/gemma-2-2b`: in \
          another model its features mean nothing"
        ]
    );
    for alike in [None, Some("gemma-2-2b"), Some("google/Gemma-2-2B"), Some("gemma-2-2b-it")] {
        assert_eq!(warnings(&of(alike)), [""; 0], "{alike:?}");
    }
    assert!(of(None).dictionary_models.is_empty());
    for unlike in ["gpt2-small", "gemma-2-9b", "gemma", "it"] {
        assert_eq!(warnings(&of(Some(unlike))).len(), usize::from(unlike != "gemma"), "{unlike}");
    }
}
