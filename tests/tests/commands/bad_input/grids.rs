//! Grids that name what is not there.

use std::fs;

use patchsweep_tests::repository;

use super::refusal::refused;
use super::spec::mistake;
use super::text::{PROMPTS, SPEC, sweep};

/// A line put before the grid's axes.
#[track_caller]
fn with_line(line: &str, place: &str, parts: &[&str]) {
    mistake("axes =", &format!("{line}\naxes ="), place, parts);
}

#[test]
fn indices_outside_the_model_or_the_prompts_are_refused() {
    let layers = ["4 is out of range of `layers`: there are 4 (0 to 3, or -4 to -1)", "27 | layers = [0, 4]"];
    with_line("layers = [0, 4]", "line 27, column 10", &layers);
    with_line("heads = [4]", "line 27, column 9", &["4 is out of range of `heads`: there are 4"]);
    with_line("positions = [-9]", "line 27, column 13", &["-9 is out of range of `positions`: there are 8"]);
    let neurons = ["512 is out of range of `neurons`: there are 512 (0 to 511, or -512 to -1)"];
    let post = "\"mlp_post\"\nneurons = [512]\naxes = [\"layer\"]\n#";
    mistake("\"z\"\n", post, "line 27, column 11", &neurons);
    let hook = ["index 4 along `layer` is out of range: there are 4", "^^^^^^"];
    mistake(r#""z""#, r#""blocks.4.attn.hook_z""#, "line 26, column 13", &hook);
}

#[test]
fn lists_of_indices_are_not_empty_and_name_nothing_twice() {
    with_line("layers = []", "line 27, column 10", &["nothing would be patched: leave `layers` out for all"]);
    with_line("positions = [7, -1]", "line 27, column 13", &["`positions` has 7 twice"]);
}

#[test]
fn each_component_is_restricted_along_its_own_axes() {
    let own = ["`z` has no `src_positions`: restrict it with `positions`"];
    with_line("src_positions = [1]", "line 27, column 17", &own);
    let pattern = "\"pattern\"\npositions = [1]";
    let own = ["`pattern` has no `positions`: restrict it with `dest_positions` or `src_positions`"];
    mistake(r#""z""#, pattern, "line 27, column 13", &own);
    with_line(
        "neurons = [1]",
        "line 27, column 11",
        &["`z` has no axis `neuron`; its axes are `layer`, `pos`, `head`"],
    );
    let mlp = "\"mlp_out\"\nheads = [1]\naxes = [\"layer\"]\n#";
    let own = ["`mlp_out` has no axis `head`; its axes are `layer`, `pos`"];
    mistake("\"z\"\n", mlp, "line 27, column 9", &own);
}

#[test]
fn a_hook_name_is_a_known_one_and_names_its_layer() {
    let nearest = ["unknown hook `blocks.1.attn.hook_zz`", "did you mean `blocks.1.attn.hook_z`?"];
    mistake(r#""z""#, r#""blocks.1.attn.hook_zz""#, "line 26, column 13", &nearest);
    let twice = ["names its layer: leave `layers` out, or write `component = \"z\"`", "27 | layers = [1]"];
    mistake(r#""z""#, "\"blocks.1.attn.hook_z\"\nlayers = [1]", "line 27, column 10", &twice);
}

#[test]
fn two_grids_have_two_names() {
    let second = "[[grid]]\ncomponent = \"blocks.1.attn.hook_z\"\naxes = [\"layer\"]\n\n[[grid]]";
    mistake("[[grid]]", second, "line 30, column 13", &["two grids are called `z`; give one a `name`"]);
}

#[test]
fn an_unknown_ablation_is_refused_with_the_nearest_one() {
    with_line(
        r#"ablate = "zeor""#,
        "line 27, column 10",
        &["`zeor`", "`zero`, `mean`, `knockout`", "did you mean `zero`?"],
    );
}

#[test]
fn effects_on_prompts_are_kept_or_not_and_no_more_than_results_hold() {
    mistake("schema = 1", "schema = 1\nper_prompt = 1", "line 2, column 14", &["expected `true` or `false`"]);
    mistake("schema = 1", "schema = 1\nper_promt = true", "line 2, column 1", &["did you mean `per_prompt`?"]);
    let all = "[[grid]]\ncomponent = \"pattern\"\naxes = [\"layer\", \"head\", \"dest_pos\", \"src_pos\"]\n\n[[grid]]";
    let spec = SPEC.replace("schema = 1", "schema = 1\nper_prompt = true").replace("[[grid]]", all);
    let spec = spec.replace("replace = false", "replace = true\nsamples = 100000");
    let words = [
        "spec line 2, column 14",
        "104200000 numbers of prompts (cells and both baselines, x iterations x metrics x prompts)",
        "leave `per_prompt` out",
    ];
    refused(&sweep(&spec, PROMPTS), &words);
}

#[test]
fn a_dictionary_is_found_and_fits_the_model() {
    let with = |path: &str, at: &str| {
        format!("[[dictionary]]\nname = \"res\"\npath = \"{path}\"\nat = \"{at}\"\n\n[[metric]]")
    };
    let missing = with("sae/res", "blocks.1.hook_resid_pre");
    let parts = ["no dictionary `sae/res` (a folder with cfg.json and sae_weights.safetensors, or a params.npz) below"];
    mistake("[[metric]]", &missing, "line 18, column 8", &parts);
    // Those of SAELens are 4 numbers wide.
    let sweep = sweep(&SPEC.replace("[[metric]]", &with("standard", "blocks.1.hook_resid_pre")), PROMPTS);
    let folder = repository().join("tests/reference/dictionaries/standard");
    let beside = sweep.spec().with_file_name("standard");
    fs::create_dir(&beside).expect("a folder");
    for name in ["cfg.json", "sae_weights.safetensors"] {
        fs::copy(folder.join(name), beside.join(name)).expect("copied");
    }
    let parts = [
        "spec.toml: spec line 19, column 6: ",
        "the dictionary reads activations of 4 numbers, `blocks.1.hook_resid_pre` of this model has 128",
    ];
    refused(&sweep, &parts);
}
