use super::*;
use crate::architecture::{ParallelNorms, Sizes, Wiring};

const SIZES: Sizes = Sizes { layers: 3, heads: 2, d_model: 4, d_mlp: 16, d_vocab: 10, n_ctx: 8 };

fn grid(component: Component, axes: &[Axis]) -> Result<Grid, AxesError> {
    Grid::new("g".into(), component, axes.to_vec(), &Architecture::plain(SIZES), 5)
}

#[test]
fn keys_and_values_have_heads_of_their_own() {
    let model = Architecture { heads: 4, kv_heads: 2, ..Architecture::plain(SIZES) };
    for (component, heads) in [(Component::Q, 4), (Component::K, 2), (Component::V, 2), (Component::Pattern, 4)] {
        let grid = Grid::new("g".into(), component, vec![Axis::Layer, Axis::Head], &model, 5).expect("a grid");
        assert_eq!(grid.extents(), [3, heads], "{component}");
    }
}

#[test]
fn parallel_blocks_have_nothing_between_attention_and_mlp() {
    let wiring = Wiring::Parallel { norms: ParallelNorms::Two };
    let model = Architecture { wiring, ..Architecture::plain(SIZES) };
    let axes = || vec![Axis::Layer, Axis::Pos];
    let refused = Grid::new("g".into(), Component::ResidMid, axes(), &model, 5).expect_err("is refused");
    assert!(refused.to_string().starts_with("this model has no `resid_mid`"), "{refused}");
    assert!(Grid::new("g".into(), Component::MlpOut, axes(), &model, 5).is_ok());
}

#[test]
fn axes_must_fit_the_component() {
    use Axis::{DestPos, Head, Layer, Neuron, Pos, SrcPos};
    assert!(grid(Component::Z, &[Layer, Pos, Head]).is_ok());
    assert!(grid(Component::ResidPre, &[Layer]).is_ok());
    assert!(grid(Component::Pattern, &[Layer, Head, DestPos, SrcPos]).is_ok());
    assert_eq!(grid(Component::MlpPost, &[Layer, Pos, Neuron]).expect("a grid").extents(), [3, 5, 16]);
    assert_eq!(grid(Component::MlpPre, &[Layer, Neuron, Pos]), Err(AxesError::Order { component: Component::MlpPre }));
    let missing = grid(Component::ResidPre, &[Layer, Head]).unwrap_err();
    assert_eq!(missing.to_string(), "`resid_pre` has no axis `head`; its axes are `layer`, `pos`");
    assert_eq!(grid(Component::Z, &[Layer, Head, Pos]), Err(AxesError::Order { component: Component::Z }));
    assert_eq!(grid(Component::Z, &[Head]), Err(AxesError::NoLayer));
    assert_eq!(grid(Component::Z, &[]), Err(AxesError::NoLayer));
}

#[test]
fn cells_are_row_major() {
    let grid = grid(Component::Z, &[Axis::Layer, Axis::Head]).expect("a grid");
    assert_eq!(grid.cell_count(), Ok(6));
    let cell = grid.cell(3);
    assert_eq!((cell.layer(), cell.indices(Axis::Head)), (1, [1].as_slice()));
    assert_eq!(cell.positions(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_restricted_grid_has_the_indices_that_it_was_given() {
    let all = grid(Component::Z, &[Axis::Layer, Axis::Head]).expect("a grid");
    let some = all.clone().restricted(Axis::Layer, vec![0, 2]).expect("layers");
    let some = some.restricted(Axis::Pos, vec![3, 4]).expect("positions");
    assert_eq!(some.extents(), [2, 2]);
    assert_eq!((some.cell(2).layer(), some.cell(2).positions()), (2, [3, 4].as_slice()));
    for (axis, indices) in
        [(Axis::Head, vec![2]), (Axis::Head, vec![]), (Axis::Pos, vec![1, 1]), (Axis::SrcPos, vec![0])]
    {
        assert!(all.clone().restricted(axis, indices).is_err());
    }
}

#[test]
fn groups_of_prompts_share_what_is_no_position() {
    let also = Also {
        component: Component::MlpPre,
        layer: 1,
        heads: Vec::new(),
        neurons: (0..16).collect(),
        positions: vec![0, 2],
        sources: Vec::new(),
        value: PatchValue::Zero,
    };
    let grid = grid(Component::MlpPost, &[Axis::Layer, Axis::Pos, Axis::Neuron]).expect("a grid");
    let grid = grid.with_also(also, &Architecture::plain(SIZES), 5).expect("neurons");
    let group = Group { prompts: 1, tokens: 6, spots: (1..6).map(|position| vec![position]).collect() };
    let own = grid.of_group(&group);
    assert_eq!((own.cell(0).positions(), &*own.also()[0].positions), ([1].as_slice(), [1, 3].as_slice()));
    let lists = |grid: &Grid| [grid.indices(Axis::Neuron), &grid.also()[0].neurons].map(<[u32]>::as_ptr);
    assert_eq!(lists(&own), lists(&grid), "a list of many neurons is there once");
}
