use patchsweep_core::architecture::{ParallelNorms, Wiring};

use super::*;
use crate::example::{config, plan, refusal, spec};
use crate::spec::{Source, Spec};

#[test]
fn a_hook_name_means_one_layer() {
    let plan = plan(&[("\"z\"", "\"blocks.2.attn.hook_z\"")]);
    let grid = &plan.context.grids[0];
    assert_eq!((grid.name.as_str(), grid.component, grid.indices(Axis::Layer)), ("z", Component::Z, [2].as_slice()));
}

#[test]
fn a_site_that_the_model_lacks_is_refused_where_it_is_named() {
    let source = Source::new(spec(&[("\"z\"", "\"resid_mid\""), ("\"layer\", \"head\"", "\"layer\"")]));
    let (parsed, mut config) = (Spec::parse(&source).expect("a spec"), config());
    config.architecture.wiring = Wiring::Parallel { norms: ParallelNorms::One };
    let inputs = Inputs { source: &source, spec: &parsed, dataset: "", config: &config, tokenizer: None };
    let clean = TokenMatrix::from_flat(1, 4, vec![0; 4]).expect("a matrix");
    let refused = read(&inputs, &Places::numbers(&clean), &clean).expect_err("is refused").to_string();
    assert!(refused.contains("line 17, column 13: this model has no `resid_mid`"), "{refused}");
}

#[test]
fn neurons_have_hooks_of_their_own() {
    let plan = plan(&[("\"z\"", "\"blocks.1.mlp.hook_post\""), ("\"layer\", \"head\"", "\"layer\", \"neuron\"")]);
    let grid = &plan.context.grids[0];
    assert_eq!((grid.name.as_str(), grid.component), ("mlp_post", Component::MlpPost));
    assert_eq!(grid.indices(Axis::Layer), [1]);
    let refused = refusal(&[("\"z\"", "\"blocks.1.mlp.hook_pst\"")]);
    assert!(refused.contains("did you mean `blocks.1.mlp.hook_post`?"), "{refused}");
}

#[test]
fn an_unknown_hook_is_refused_with_the_nearest_one() {
    let refused = refusal(&[("\"z\"", "\"blocks.2.attn.hook_y\"")]);
    assert!(refused.contains("line 17, column 13: unknown hook `blocks.2.attn.hook_y`"), "{refused}");
    assert!(refused.contains("did you mean `blocks.2.attn.hook_z`?"), "{refused}");
    let refused = refusal(&[("\"z\"", "\"blocks.2.hook_attn_result\"")]);
    assert!(refused.contains("unknown hook `blocks.2.hook_attn_result`"), "{refused}");
    let beyond = refusal(&[("\"z\"", "\"blocks.3.attn.hook_z\"")]);
    assert!(beyond.contains("index 3 along `layer` is out of range: there are 3"), "{beyond}");
}

#[test]
fn ablations_are_patch_values() {
    for (ablate, value) in [("zero", PatchValue::Zero), ("mean", PatchValue::Mean)] {
        let plan = plan(&[("axes", &format!("ablate = \"{ablate}\"\naxes"))]);
        assert_eq!(plan.context.grids[0].value, value);
    }
    let refused = refusal(&[("axes", "ablate = \"maen\"\naxes")]);
    assert!(refused.contains("`maen`") && refused.contains("did you mean `mean`?"), "{refused}");
}

#[test]
fn a_knockout_is_of_some_of_a_patterns_sources() {
    let pattern = |keys: &str| format!("component = \"pattern\"\nablate = \"knockout\"\n{keys}");
    for keys in ["axes = [\"layer\", \"head\", \"src_pos\"]", "axes = [\"layer\", \"head\"]\nsrc_positions = [1, 2]"] {
        assert_eq!(plan(&[(GRID.0, &pattern(keys))]).context.grids[0].value, PatchValue::Knockout);
    }
    let all = with(&pattern("axes = [\"layer\", \"head\"]"));
    assert!(all.contains("line 17, column 13: `knockout` of all that positions attend to leaves nothing"), "{all}");
    let other = with("component = \"z\"\nablate = \"knockout\"\naxes = [\"layer\", \"head\"]");
    assert!(other.contains("line 17, column 13: `knockout` is of attention probabilities"), "{other}");
    let also = "component = \"z\"\naxes = [\"layer\", \"head\"]\n[[grid.also]]\ncomponent = \"pattern\"\nheads = [\"0.1\"]\nablate = \"knockout\"";
    assert!(with(also).contains("`also` writes whole rows of `pattern`"), "{}", with(also));
}

const GRID: (&str, &str) = ("component = \"z\"\naxes = [\"layer\", \"head\"]", "");

/// The example with another grid.
fn with(grid: &str) -> String {
    refusal(&[(GRID.0, grid)])
}

#[test]
fn windows_and_several_sites_are_read() {
    let grid = "components = [\"mlp_out\", \"attn_out\"]\nwindow = 2\naxes = [\"layer\", \"pos\"]\nlayers = [1]";
    let plan = plan(&[(GRID.0, grid)]);
    let grid = &plan.context.grids[0];
    assert_eq!((grid.name.as_str(), grid.window(), grid.extents()), ("mlp_out-attn_out", 2, vec![1, 4]));
    let written: Vec<_> = grid.cell(2).writes().map(|write| (write.layer, write.component.name())).collect();
    assert_eq!(written, [(0, "mlp_out"), (0, "attn_out"), (1, "mlp_out"), (1, "attn_out")]);
}

#[test]
fn what_is_written_as_well_is_read_table_by_table_and_layer_by_layer() {
    let grid = "component = \"z\"\naxes = [\"layer\", \"head\"]\n[[grid.also]]\ncomponent = \"z\"\nheads = [\"2.1\", \"0.1\", \"2.0\"]\nablate = \"mean\"\n[[grid.also]]\ncomponent = \"mlp_out\"\nlayers = [-1]\npositions = [-1]";
    let plan = plan(&[(GRID.0, grid)]);
    let also = plan.context.grids[0].also();
    let (all, value) = (vec![0, 1, 2, 3], PatchValue::Mean);
    let z = |layer, heads| Also {
        component: Component::Z,
        layer,
        heads,
        neurons: [].into(),
        positions: all.clone(),
        sources: vec![],
        value,
    };
    let (component, value) = (Component::MlpOut, PatchValue::Other);
    let mlp =
        Also { component, layer: 2, heads: vec![], neurons: [].into(), positions: vec![3], sources: vec![], value };
    assert_eq!(also, [z(0, vec![1]), z(2, vec![0, 1]), mlp]);
}

#[test]
fn sites_that_make_no_cell_are_refused_where_they_stand() {
    let axes = "axes = [\"layer\", \"pos\"]";
    let refused = with(axes);
    assert!(refused.contains("line 17") && refused.contains("give `component` or `components`"), "{refused}");
    let refused = with(&format!("component = \"z\"\ncomponents = [\"q\"]\n{axes}"));
    assert!(refused.contains("line 18, column 14: give either `component` or `components`"), "{refused}");
    assert!(with(&format!("components = []\n{axes}")).contains("nothing would be patched"));
    let refused = with(&format!("components = [\"attn_out\", \"mlp_out\", \"attn_out\"]\n{axes}"));
    assert!(refused.contains("line 17, column 38: `attn_out` is there twice"), "{refused}");
    let refused = with(&format!("components = [\"attn_out\", \"z\"]\n{axes}"));
    assert!(refused.contains("line 17, column 27: `attn_out` has the axes `layer`, `pos`, `z` has"), "{refused}");
    let refused = with(&format!("components = [\"blocks.1.hook_mlp_out\"]\n{axes}"));
    assert!(refused.contains("`blocks.1.hook_mlp_out` names its layer: write `mlp_out` here"), "{refused}");
    let refused = with(&format!("components = [\"attn_out\", \"mlp_ouf\"]\n{axes}"));
    assert!(refused.contains("did you mean `mlp_out`?"), "{refused}");
}

#[test]
fn windows_without_a_layer_are_refused() {
    let refused = with("component = \"mlp_out\"\nwindow = 0\naxes = [\"layer\"]");
    assert!(refused.contains("line 18, column 10: a window has at least one layer"), "{refused}");
    assert!(with("component = \"mlp_out\"\nwindow = -1\naxes = [\"layer\"]").contains("line 18, column 10"));
    let refused = with("component = \"mlp_out\"\nwindow = 2\naxes = [\"pos\"]");
    assert!(refused.contains("line 19, column 9: axes must start with `layer`"), "{refused}");
}

#[test]
fn neurons_are_written_with_others() {
    let also = |neurons: &str| format!("[[grid.also]]\ncomponent = \"mlp_post\"\n{neurons}");
    let of = |grid: &str| plan(&[("component = \"z\"\naxes = [\"layer\", \"head\"]", grid)]).context.grids[0].clone();
    let window = of("components = [\"mlp_pre\", \"mlp_post\"]\nwindow = 2\nneurons = [3]\naxes = [\"layer\"]");
    assert_eq!((window.window(), window.components().count()), (2, 2));
    let some = of(&format!("component = \"z\"\naxes = [\"layer\"]\n{}", also("neurons = [\"2.5\", \"0.1\", \"2.0\"]")));
    let of_layers: Vec<_> = some.also().iter().map(|also| (also.layer, &*also.neurons)).collect();
    assert_eq!(of_layers, [(0, &[1][..]), (2, &[0, 5])]);
    let all = of(&format!("component = \"mlp_pre\"\naxes = [\"layer\"]\n{}", also("layers = [1]")));
    assert_eq!(all.also()[0].neurons.len(), window.indices(Axis::Neuron).len().max(all.indices(Axis::Neuron).len()));
}

#[test]
fn what_is_written_nowhere_is_refused() {
    let also = |lines: &str| with(&format!("component = \"z\"\naxes = [\"layer\"]\n[[grid.also]]\n{lines}"));
    for (lines, wanted) in [
        (
            "component = \"z\"\nheads = [\"0.2\"]",
            "line 21, column 10: no head `0.2` of `z`: layers are 0 to 2, heads 0 to 1",
        ),
        ("component = \"z\"\nheads = [\"3.0\"]", "no head `3.0` of `z`"),
        ("component = \"z\"\nheads = [\"1\"]", "`1` is no head: write layer and head with a point between"),
        ("component = \"z\"\nheads = [\"1.0\", \"1.0\"]", "`heads` has 1.0 twice"),
        ("component = \"z\"\nheads = []", "nothing would be written"),
        ("component = \"z\"", "line 20, column 13: `z` has heads: name them in `heads`"),
        ("component = \"z\"\nheads = [\"1.0\"]\nlayers = [1]", "line 22, column 10: `z` has heads"),
        ("component = \"z\"\nlayers = [1]", "leave `layers` out"),
        ("component = \"mlp_out\"\nheads = [\"1.0\"]", "give `layers`, and leave `heads` out"),
        ("component = \"mlp_out\"", "Give `layers`"),
        ("component = \"mlp_out\"\nlayers = [3]", "3 is out of range of `layers`"),
        ("component = \"mlp_out\"\nlayers = []", "nothing would be written"),
        ("component = \"mlp_out\"\nlayers = [0]\npositions = [4]", "4 is out of range of `positions`"),
        ("component = \"pattern\"\nheads = [\"0.0\"]\npositions = [1]", "leave `positions` out"),
        ("component = \"blocks.0.hook_mlp_out\"\nlayers = [0]", "names its layer"),
        ("component = \"mlp_out\"\nlayer = [0]", "did you mean `layers`?"),
        ("component = \"mlp_post\"\nneurons = [\"0.9999\"]", "line 21, column 12: no neuron `0.9999` of `mlp_post`"),
        (
            "component = \"mlp_post\"\nneurons = [\"7\"]",
            "`7` is no neuron: write layer and neuron with a point between",
        ),
        ("component = \"mlp_post\"\nneurons = [\"0.1\"]\nlayers = [0]", "`neurons` name their layers"),
        ("component = \"mlp_post\"\nheads = [\"0.1\"]", "`mlp_post` has no axis `head`"),
        ("component = \"mlp_post\"\nneurons = [\"0.1\"]\nheads = [\"0.0\"]", "`neuron`: leave `heads` out"),
        ("component = \"mlp_out\"\nneurons = [\"0.1\"]", "`mlp_out` has no axis `neuron`"),
    ] {
        let refused = also(lines);
        assert!(refused.contains(wanted), "{lines}: {refused}");
    }
}
