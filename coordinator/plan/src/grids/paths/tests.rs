use std::collections::BTreeMap;

use patchsweep_core::grid::Component;
use patchsweep_core::paths::{Mlps, Norms};

use crate::example::{plan, refusal};

const GRID: &str = "component = \"z\"\naxes = [\"layer\", \"head\"]";

/// The refusal of these receivers.
fn refused(to: &str) -> String {
    refusal(&[(GRID, &format!("{GRID}\n[grid.to]\n{to}"))])
}

#[test]
fn receivers_are_read() {
    let to = |lines: &str| {
        let plan = plan(&[(GRID, &format!("{GRID}\n[grid.to]\n{lines}"))]);
        (plan.context.grids[0].extents(), plan.context.grids[0].to().expect("receivers").clone())
    };
    let (extents, q) =
        to("component = \"q\"\nheads = [\"2.1\", \"1.0\", \"2.0\"]\nmlps = \"frozen\"\npositions = [-1, 2]");
    assert_eq!((extents, q.component, q.mlps, q.apart), (vec![3, 2], Some(Component::Q), Mlps::Frozen, false));
    assert_eq!((q.places, q.positions), (BTreeMap::from([(1, vec![0]), (2, vec![0, 1])]), vec![2, 3]));
    let (extents, k) = to("component = \"k\"\naxes = [\"layer\", \"head\"]");
    assert_eq!((extents, k.mlps, k.apart, k.positions.len()), (vec![3, 2, 3, 2], Mlps::Live, true, 4));
    let (extents, mlps) = to("component = \"mlp_in\"\naxes = [\"layer\"]");
    assert_eq!((extents, mlps.component), (vec![3, 2, 3], Some(Component::MlpIn)));
    let (_, all) = to("component = \"mlp_in\"");
    assert_eq!(all.places.len(), 3);
    let (_, last) = to("component = \"mlp_in\"\nlayers = [-1]");
    assert_eq!(last.places, BTreeMap::from([(2, vec![])]));
    let (extents, logits) = to("component = \"logits\"\nnorm = \"recomputed\"");
    assert_eq!((extents, logits.component, logits.norms), (vec![3, 2], None, Norms::Recomputed));
    let (_, frozen) = to("component = \"logits\"\nnorm = \"frozen\"");
    assert_eq!(frozen.norms, Norms::Frozen);
}

#[test]
fn what_receives_no_paths_is_refused_where_it_stands() {
    for (to, wanted) in [
        ("component = \"z\"", "line 20, column 13: `z` receives no paths: receivers are `q`, `k` and `v` of heads"),
        ("component = \"logit\"", "did you mean `logits`?"),
        ("component = \"q\"", "line 20, column 13: which `q`? Name heads in `heads`, like `[\"1.0\"]`"),
        ("component = \"q\"\nlayers = [1]", "line 21, column 10: `q` has heads: name them in `heads`"),
        (
            "component = \"q\"\nheads = [\"1.2\"]",
            "line 21, column 10: no head `1.2` of `q`: layers are 0 to 2, heads 0 to 1",
        ),
        ("component = \"q\"\nheads = [\"3.0\"]", "no head `3.0` of `q`"),
        ("component = \"q\"\nheads = [\"1.0\", \"1.0\"]", "`heads` has 1.0 twice"),
        ("component = \"q\"\nheads = []", "nothing would be written"),
        ("component = \"q\"\naxes = [\"head\", \"layer\"]", "the axes of receivers `q` are [\"layer\", \"head\"]"),
        ("component = \"mlp_in\"\naxes = [\"layer\", \"head\"]", "the axes of receivers `mlp_in` are [\"layer\"]"),
        (
            "component = \"q\"\naxes = [\"layer\", \"head\"]\nheads = [\"1.0\"]",
            "line 22, column 9: with `axes` every receiver",
        ),
        ("component = \"mlp_in\"\naxes = [\"layer\"]\nlayers = [1]", "leave `layers` out, or leave `axes` out"),
        ("component = \"mlp_in\"\nheads = [\"1.0\"]", "`mlp_in` has no heads: give `layers`"),
        ("component = \"mlp_in\"\nlayers = [3]", "3 is out of range of `layers`"),
        ("component = \"logits\"\nlayers = [1]", "line 21, column 10: `logits` are one receiver"),
        ("component = \"logits\"\npositions = [1]", "leave `positions` out"),
        ("component = \"logits\"\naxes = [\"layer\"]", "leave `axes` out"),
        ("component = \"mlp_in\"\npositions = [4]", "4 is out of range of `positions`"),
        ("component = \"mlp_in\"\nmlps = \"froze\"", "line 21, column 8: MLPs are `live` or `frozen`, not `froze`"),
        (
            "component = \"mlp_in\"\nnorm = \"live\"",
            "line 21, column 8: norms are `recomputed` or `frozen`, not `live`",
        ),
        ("component = \"mlp_in\"\nmlp = \"live\"", "did you mean `mlps`?"),
        ("layers = [1]", "missing field `component`"),
    ] {
        let refused = refused(to);
        assert!(refused.contains(wanted), "{to}: {refused}");
    }
}

#[test]
fn what_sends_no_paths_is_refused_where_it_stands() {
    let to = "[grid.to]\ncomponent = \"logits\"";
    let refused = |grid: &str| refusal(&[(GRID, grid)]);
    for (grid, wanted) in [
        (
            format!("component = \"q\"\naxes = [\"layer\"]\n{to}"),
            "line 17, column 13: `q` is no sender of paths: these are `z`",
        ),
        (format!("component = \"resid_post\"\naxes = [\"layer\"]\n{to}"), "`resid_post` is no sender"),
        (format!("component = \"mlp_post\"\naxes = [\"layer\"]\n{to}"), "`mlp_post` is no sender"),
        (
            format!("component = \"resid_pre\"\naxes = [\"layer\"]\n{to}"),
            "`resid_pre` of layer 1 is no sender of paths, only that",
        ),
        (
            format!("component = \"z\"\nwindow = 2\naxes = [\"layer\"]\n{to}"),
            "line 18, column 10: paths start at one component",
        ),
        (
            format!("components = [\"attn_out\", \"mlp_out\"]\naxes = [\"layer\"]\n{to}"),
            "leave `components` out of a grid with `to`",
        ),
        (
            format!(
                "component = \"z\"\naxes = [\"layer\"]\n[[grid.also]]\ncomponent = \"mlp_out\"\nlayers = [1]\n{to}"
            ),
            "leave `also` out of a grid with `to`",
        ),
        (format!("component = \"z\"\naxes = [\"layer\", \"to_layer\"]\n{to}"), "unknown axis `to_layer`"),
    ] {
        let refused = refused(&grid);
        assert!(refused.contains(wanted), "{grid}: {refused}");
    }
    let embedding = format!("component = \"resid_pre\"\nlayers = [0]\naxes = [\"layer\", \"pos\"]\n{to}");
    assert_eq!(plan(&[(GRID, &embedding)]).context.grids[0].extents(), [1, 4]);
}
