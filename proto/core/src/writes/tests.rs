use super::*;
use crate::architecture::{ParallelNorms, Sizes, Wiring};

fn model() -> Architecture {
    Architecture::plain(Sizes { layers: 6, heads: 2, d_model: 4, d_mlp: 16, d_vocab: 10, n_ctx: 8 })
}

const CLEAN: [u32; 6] = [1, 2, 3, 4, 5, 6];
const CORRUPTED: [u32; 6] = [1, 2, 9, 4, 8, 6];

fn pair() -> PromptPair<'static> {
    PromptPair::new(&CLEAN, &CORRUPTED, &[], &[4])
}

fn grid(component: Component) -> Grid {
    Grid::new("g".into(), component, vec![Axis::Layer, Axis::Pos], &model(), 6).expect("a grid")
}

fn also(component: Component, layer: u32, positions: &[u32], value: PatchValue) -> Also {
    let heads = if component.has_heads() { vec![1] } else { Vec::new() };
    let neurons = if component.has_neurons() { [0, 2].into() } else { [].into() };
    Also { component, layer, heads, neurons, positions: positions.to_vec(), sources: Vec::new(), value }
}

#[test]
fn a_window_is_cut_at_the_ends_and_not_moved() {
    let window = |window| grid(Component::MlpOut).with_window(window).expect("a window");
    assert_eq!([0, 3, 5].map(|layer| window(4).written_layers(layer)), [0..2, 1..5, 3..6]);
    assert_eq!((window(3).written_layers(2), window(1).written_layers(5)), (1..4, 5..6));
    assert_eq!(window(u32::MAX).written_layers(5), 0..6);
    let twelve = Architecture {
        layers: 12,
        ..Architecture::plain(Sizes { layers: 12, heads: 2, d_model: 4, d_mlp: 16, d_vocab: 10, n_ctx: 8 })
    };
    let ten = Grid::new("g".into(), Component::MlpOut, vec![Axis::Layer], &twelve, 6).expect("a grid");
    assert_eq!(ten.with_window(10).expect("a window").written_layers(8), 3..12);
    assert_eq!(grid(Component::MlpOut).with_window(0), Err(AxesError::NoWindow));
}

#[test]
fn a_cell_writes_what_all_write_then_its_own_sites_layer_by_layer() {
    let grid = grid(Component::AttnOut).together_with(vec![Component::MlpOut], &model()).expect("equal axes");
    let grid = grid.with_window(2).expect("a window");
    let grid = grid.with_also(also(Component::Z, 5, &[0], PatchValue::Mean), &model(), 6).expect("a head");
    let written: Vec<_> = grid.cell(6 + 2).writes().map(|write| (write.layer, write.component, write.value)).collect();
    let (attn, mlp, other) = (Component::AttnOut, Component::MlpOut, PatchValue::Other);
    let own = [(0, attn, other), (0, mlp, other), (1, attn, other), (1, mlp, other)];
    assert_eq!(written, [&[(5, Component::Z, PatchValue::Mean)], &own[..]].concat());
    assert_eq!(grid.cell(6 + 2).writes().last().expect("a write").positions(), [2]);
    assert!(grid.has_several_writes() && grid.writes_value(PatchValue::Mean) && !grid.writes_value(PatchValue::Zero));
}

#[test]
fn a_single_write_begins_where_its_component_does() {
    let cell = |component| Beginning::of(&grid(component).cell(6), &[pair()], &model());
    assert_eq!(cell(Component::Z), Beginning { layer: 1, stage: Stage::BeforeMlp });
    assert_eq!(cell(Component::ResidPre), Beginning { layer: 1, stage: Stage::Input });
}

#[test]
fn several_writes_begin_with_the_first_that_can_change_something() {
    // Position 1 comes before all that is corrupted; zero changes it all the same, one layer further.
    let grid = grid(Component::MlpOut).with_window(2).expect("a window");
    let with_zero = grid.clone().with_also(also(Component::AttnOut, 2, &[1, 5], PatchValue::Zero), &model(), 6);
    let with_zero = with_zero.expect("positions");
    let cell = with_zero.cell(6 + 1);
    assert_eq!(
        pair().first_change(&grid.cell(6 + 1), &model()),
        pair().first_change_of(&cell.writes().last().expect("its own"), &model())
    );
    assert_eq!(pair().first_change(&cell, &model()), Ok(1));
    let beginning = Beginning::of(&cell, &[pair()], &model());
    assert_eq!(beginning, Beginning { layer: 2, stage: Stage::BeforeMlp });
    assert_eq!(beginning.rows(&cell, 1..5, &model()), [1]);
    // Where it is live itself, it begins with its window.
    let live = with_zero.cell(6 + 2);
    let beginning = Beginning::of(&live, &[pair()], &model());
    assert_eq!(beginning, Beginning { layer: 0, stage: Stage::Output });
    assert_eq!(beginning.rows(&live, 1..5, &model()), [2]);
    assert_eq!(pair().first_change(&live, &model()), Ok(1), "what all write changes an earlier position");
}

#[test]
fn rows_are_there_for_all_that_attention_reads() {
    let keys = also(Component::K, 1, &[3, 4], PatchValue::Zero);
    let grid = grid(Component::MlpOut).with_also(keys, &model(), 6).expect("a head");
    let begins = |place: u32| {
        let cell = grid.cell(place);
        let beginning = Beginning::of(&cell, &[pair()], &model());
        (beginning.layer, beginning.stage, beginning.rows(&cell, 2..5, &model()))
    };
    assert_eq!(begins(2), (0, Stage::Output, vec![2, 3, 4]));
    assert_eq!(begins(2 * 6 + 2), (1, Stage::Input, vec![3, 4]));
}

#[test]
fn neurons_are_put_into_rows_that_go_through_the_mlp() {
    let neurons = also(Component::MlpPost, 1, &[2, 4], PatchValue::Zero);
    let grid = grid(Component::MlpOut).with_also(neurons, &model(), 6).expect("neurons");
    let begins = |place: u32, model: &Architecture| {
        let cell = grid.cell(place);
        let beginning = Beginning::of(&cell, &[pair()], model);
        (beginning.layer, beginning.stage, beginning.rows(&cell, 2..5, model))
    };
    // Layer 2 of the cell's own comes behind layer 1.
    assert_eq!(begins(2 * 6 + 3, &model()), (1, Stage::BeforeMlp, vec![2, 4]));
    let parallel = Architecture { wiring: Wiring::Parallel { norms: ParallelNorms::One }, ..model() };
    assert_eq!(begins(2 * 6 + 3, &parallel), (1, Stage::Input, vec![]));
    // What attention adds comes before them, but is added to the block's output.
    let neurons = also(Component::MlpPost, 1, &[2, 4], PatchValue::Zero);
    let grid = self::grid(Component::AttnOut).with_also(neurons, &parallel, 6).expect("neurons");
    let beginning = Beginning::of(&grid.cell(6 + 3), &[pair()], &parallel);
    assert_eq!((beginning.layer, beginning.stage), (1, Stage::Input));
}

#[test]
fn sites_that_do_not_go_together_are_refused() {
    let with = |others: &[Component]| grid(Component::Q).together_with(others.to_vec(), &model());
    assert!(with(&[Component::K, Component::V]).is_ok());
    assert_eq!(with(&[Component::V, Component::V]), Err(AxesError::Twice { component: Component::V }));
    assert_eq!(with(&[Component::Q]), Err(AxesError::Twice { component: Component::Q }));
    assert!(matches!(with(&[Component::MlpOut]), Err(AxesError::OtherAxes { .. })));
    let grouped = Architecture { heads: 4, kv_heads: 2, ..model() };
    let refused = grid(Component::Q).together_with(vec![Component::K], &grouped).expect_err("other heads");
    assert!(refused.to_string().starts_with("`q` has 4 heads in this model, `k` has 2"), "{refused}");
}

#[test]
fn what_is_written_as_well_is_somewhere() {
    let with = |also: Also| grid(Component::Z).with_also(also, &model(), 6).is_ok();
    assert!(with(also(Component::Z, 5, &[0, 5], PatchValue::Zero)));
    assert!(with(also(Component::MlpPre, 5, &[0, 5], PatchValue::Mean)));
    for wrong in [
        also(Component::Z, 6, &[0], PatchValue::Zero),
        also(Component::Z, 0, &[6], PatchValue::Zero),
        also(Component::Z, 0, &[], PatchValue::Zero),
        also(Component::Z, 0, &[1, 1], PatchValue::Zero),
        Also { heads: vec![2], ..also(Component::Z, 0, &[0], PatchValue::Zero) },
        Also { heads: vec![0], ..also(Component::MlpOut, 0, &[0], PatchValue::Zero) },
        Also { heads: Vec::new(), ..also(Component::Z, 0, &[0], PatchValue::Zero) },
        Also { neurons: [0].into(), ..also(Component::Z, 0, &[0], PatchValue::Zero) },
        Also { neurons: [].into(), ..also(Component::MlpPre, 0, &[0], PatchValue::Zero) },
        Also { neurons: [4096].into(), ..also(Component::MlpPost, 0, &[0], PatchValue::Zero) },
        also(Component::Pattern, 0, &[0], PatchValue::Zero),
    ] {
        assert!(!with(wrong.clone()), "{wrong:?}");
    }
}
