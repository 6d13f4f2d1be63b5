use super::*;
use crate::architecture::{ParallelNorms, Sizes, Wiring};
use crate::causality::NoEffect;
use crate::grid::PatchValue;
use crate::paths::Norms;

const POSITIONS: u32 = 5;

fn sequential() -> Architecture {
    Architecture::plain(Sizes { layers: 3, heads: 2, d_model: 4, d_mlp: 16, d_vocab: 10, n_ctx: 8 })
}

fn parallel() -> Architecture {
    Architecture { wiring: Wiring::Parallel { norms: ParallelNorms::Two }, ..sequential() }
}

fn receivers(component: Option<Component>, places: &[(u32, &[u32])]) -> Receivers {
    let places = places.iter().map(|(layer, heads)| (*layer, heads.to_vec())).collect();
    Receivers {
        component,
        places,
        positions: (0..POSITIONS).collect(),
        mlps: Mlps::Live,
        norms: Norms::Recomputed,
        apart: false,
    }
}

fn senders(component: Component, model: &Architecture) -> Grid {
    let axes = component.axes().iter().copied().filter(|&axis| axis != Axis::Pos).collect();
    Grid::new("g".into(), component, axes, model, POSITIONS).expect("a grid")
}

/// What receives, and in which layers and heads.
type Given<'a> = (Option<Component>, &'a [(u32, &'a [u32])]);

fn paths(component: Component, to: Receivers, model: &Architecture) -> Grid {
    senders(component, model).with_paths_to(to, model, POSITIONS).expect("paths")
}

/// Of the senders in a layer, those receivers that read what they change.
fn behind(component: Component, layer: u32, to: Option<Component>, model: &Architecture) -> Vec<u32> {
    let heads: &[u32] = if to == Some(Component::MlpIn) { &[] } else { &[0] };
    let grid = paths(component, receivers(to, &[(0, heads), (1, heads), (2, heads)]), model);
    let mut cells = (0..grid.cell_count().expect("few")).map(|place| grid.cell(place));
    let cell = cells.find(|cell| cell.layer() == layer).expect("a layer");
    cell.path().expect("a path").layers_behind(model).collect()
}

#[test]
fn what_a_sender_changes_is_read_behind_it() {
    let (q, mlp_in) = (Some(Component::Q), Some(Component::MlpIn));
    assert_eq!(behind(Component::Z, 1, q, &sequential()), [2]);
    assert_eq!(behind(Component::Z, 1, mlp_in, &sequential()), [1, 2], "they are joined in their block");
    assert_eq!(behind(Component::Z, 1, mlp_in, &parallel()), [2], "they are not");
    assert_eq!(behind(Component::MlpOut, 1, mlp_in, &sequential()), [2]);
    assert_eq!(behind(Component::MlpOut, 2, q, &sequential()), [0u32; 0]);
}

#[test]
fn the_embedding_is_read_from_the_first_block_on() {
    let model = sequential();
    let grid = senders(Component::ResidPre, &model).restricted(Axis::Layer, vec![0]).expect("a layer");
    let to = receivers(Some(Component::K), &[(0, &[0]), (2, &[1])]);
    let grid = grid.with_paths_to(to, &model, POSITIONS).expect("paths");
    let path = grid.cell(0).path().expect("a path");
    assert_eq!(path.layers_behind(&model).collect::<Vec<_>>(), [0, 2]);
    assert_eq!((path.heads(0), path.heads(1), path.heads(2)), (&[0][..], &[][..], &[1][..]));
    assert_eq!(path.mlps_on_the_way(&path.layers_behind(&model).collect(), &model), 2);
}

#[test]
fn receivers_that_are_cells_follow_on_their_sender() {
    let model = Architecture { heads: 4, kv_heads: 2, d_model: 8, ..sequential() };
    let all = receivers(Some(Component::V), &[(0, &[0, 1]), (1, &[0, 1]), (2, &[0, 1])]);
    let grid = paths(Component::Z, Receivers { apart: true, ..all }, &model);
    assert_eq!((grid.extents(), grid.cells_per_sender(), grid.passes()), (vec![3, 4, 3, 2], 6, 2));
    let path = grid.cell(6 + 3).path().expect("a path");
    assert_eq!(
        (path.sender(), path.layers().collect::<Vec<_>>(), path.heads(1)),
        ((0, Some(0), Some(1)), vec![1], &[1][..])
    );
    assert_eq!((path.words(), grid.words().as_str()), ("v 1.1".into(), "paths to each `v` alone, MLPs live"));
}

#[test]
fn what_makes_no_paths_is_refused() {
    let model = sequential();
    let refused = |grid: Grid, to| grid.with_paths_to(to, &model, POSITIONS).expect_err("is refused").to_string();
    let q = || receivers(Some(Component::Q), &[(1, &[0])]);
    for component in [Component::Q, Component::ResidMid, Component::ResidPost, Component::Pattern, Component::MlpPost] {
        let axes = vec![Axis::Layer];
        let grid = Grid::new("g".into(), component, axes, &model, POSITIONS).expect("a grid");
        let refused = refused(grid, q());
        assert!(refused.contains(&format!("`{component}` is no sender of paths")), "{refused}");
    }
    assert!(refused(senders(Component::ResidPre, &model), q()).contains("`resid_pre` of layer 1 is no sender"));
    let z = || senders(Component::Z, &model);
    assert!(refused(z().with_window(2).expect("a window"), q()).contains("leave `window` out"));
    let beyond: [Given<'_>; 6] = [
        (Some(Component::Q), &[(1, &[2])]),
        (Some(Component::Q), &[(3, &[0])]),
        (Some(Component::Q), &[(1, &[])]),
        (Some(Component::Q), &[]),
        (Some(Component::MlpIn), &[(1, &[0])]),
        (None, &[(1, &[])]),
    ];
    for (component, places) in beyond {
        let refused = refused(z(), receivers(component, places));
        assert!(refused.starts_with("receivers need ascending layers"), "{refused}");
    }
    assert!(refused(z(), receivers(Some(Component::Z), &[(1, &[0])])).contains("`z` receives no paths"));
    let some_of_all = Receivers { apart: true, ..q() };
    assert!(refused(z(), some_of_all).starts_with("receivers need"), "each alone is all of them");
    let logits_at = Receivers { positions: vec![1], ..receivers(None, &[]) };
    assert!(refused(z(), logits_at).starts_with("receivers need"));
}

#[test]
fn a_path_that_cannot_matter_says_why() {
    let model = sequential();
    let (clean, corrupted) = ([1, 2, 3, 4, 5], [1, 2, 9, 4, 5]);
    let pair = PromptPair::new(&clean, &corrupted, &[], &[3]);
    let change = |component, to, cell: u32| {
        let grid = paths(component, to, &model);
        pair.first_change(&grid.cell(cell), &model)
    };
    let q = |layer| receivers(Some(Component::Q), &[(layer, &[0])]);
    assert_eq!(change(Component::Z, q(1), 0), Ok(2));
    assert_eq!(change(Component::Z, q(2), 0), Ok(3), "in the last layer only what is read");
    assert_eq!(change(Component::Z, receivers(Some(Component::K), &[(2, &[0])]), 0), Ok(2));
    assert_eq!(change(Component::Z, q(1), 2), Err(NoEffect::BehindReceivers));
    assert_eq!(change(Component::Z, receivers(None, &[]), 5), Ok(3));
    let elsewhere = Receivers { positions: vec![0, 1], ..q(1) };
    assert!(change(Component::Z, elsewhere, 0).is_err());
    let late = Receivers { positions: vec![4], ..q(1) };
    assert!(matches!(change(Component::Z, late, 0), Err(NoEffect::BehindReads { .. } | NoEffect::NotReceived { .. })));
    let zeroed = paths(Component::Z, q(1), &model).patched_with(PatchValue::Zero);
    assert_eq!(pair.first_change(&zeroed.cell(0), &model), Ok(1), "position 0 attends to itself whatever its query");
    assert_eq!(zeroed.cell(0).path().expect("a path").sent(&[pair], &[3], &model), [0, 1, 2, 3]);
}
