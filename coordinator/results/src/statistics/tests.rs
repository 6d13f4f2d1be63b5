//! Statistics against what other programs say, and what must hold of any.

use patchsweep_core::moments::Moments;
use patchsweep_core::results::{CellStatus, GridScores};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Statistics, to_f32};

/// Made by `tests/reference/make_statistics.py` with scipy and statsmodels.
const EXPECTED: &str = include_str!("../../../../tests/reference/statistics.json");

#[derive(Deserialize)]
struct Expected {
    normal: Normal,
    discoveries: Vec<Discoveries>,
    bootstrap: Vec<Bootstrap>,
}

#[derive(Deserialize)]
struct Normal {
    effect: Vec<f32>,
    stderr: Vec<f32>,
    low: Vec<f64>,
    high: Vec<f64>,
    p_value: Vec<f64>,
    significant: Vec<u32>,
}

#[derive(Deserialize)]
struct Discoveries {
    p_value: Vec<f32>,
    significant: Vec<u32>,
}

#[derive(Deserialize)]
struct Bootstrap {
    prompts: Vec<f32>,
    low: f64,
    high: f64,
    /// What scipy's own ends vary by, from seed to seed.
    tolerance: f64,
}

fn expected() -> Expected {
    serde_json::from_str(EXPECTED).expect("the committed table")
}

/// A grid of one iteration, all cells computed.
fn grid(effect: &[f32], stderr: &[f32]) -> GridScores {
    let cells = effect.len();
    GridScores {
        metric: 0,
        grid: "z".to_owned(),
        component: "z".to_owned(),
        writes: String::new(),
        axes: vec!["layer".to_owned()],
        indices: vec![(0..u32::try_from(cells).expect("few")).collect()],
        names: Vec::new(),
        effect: effect.to_vec(),
        value: effect.to_vec(),
        normalized: Vec::new(),
        stderr: stderr.to_vec(),
        count: vec![250; cells],
        status: vec![CellStatus::Computed; cells],
        per_prompt: Vec::new(),
        between: Vec::new(),
        estimate: Vec::new(),
    }
}

/// A grid whose effects on each prompt are kept \[cells\]\[prompts\].
fn kept(cells: &[Vec<f32>]) -> GridScores {
    let moments = |cell: &Vec<f32>| Moments::of(&cell.iter().copied().map(f64::from).collect::<Vec<_>>());
    let effect: Vec<f32> = cells.iter().map(|cell| to_f32(moments(cell).mean)).collect();
    let stderr: Vec<f32> = cells.iter().map(|cell| to_f32(moments(cell).standard_error())).collect();
    GridScores { per_prompt: cells.concat(), ..grid(&effect, &stderr) }
}

#[test]
fn normal_intervals_and_p_values_are_scipys() {
    let Normal { effect, stderr, low, high, p_value, significant } = expected().normal;
    let found = Statistics::of(&grid(&effect, &stderr));
    for cell in 0..effect.len() {
        let close = |found: f32, wanted: f64| (f64::from(found) - wanted).abs() <= 2e-6 * wanted.abs() + 1e-38;
        assert!(close(found.low[cell], low[cell]) && close(found.high[cell], high[cell]), "interval of cell {cell}");
        assert!(close(found.p_value[cell], p_value[cell]), "{}, not {}", found.p_value[cell], p_value[cell]);
    }
    assert_eq!(found.significant, significant);
}

#[test]
fn discoveries_are_those_of_statsmodels() {
    let tables = expected().discoveries;
    assert!(tables.len() >= 4);
    for Discoveries { p_value, significant } in tables {
        assert_eq!(super::discoveries::among(&p_value), significant, "{p_value:?}");
    }
}

#[test]
fn bootstrap_intervals_are_scipys_but_for_the_draws() {
    for Bootstrap { prompts, low, high, tolerance } in expected().bootstrap {
        let found = Statistics::of(&kept(&[prompts]));
        let (low, high) = ((f64::from(found.low[0]) - low).abs(), (f64::from(found.high[0]) - high).abs());
        assert!(low <= tolerance && high <= tolerance, "{low} and {high} from scipy's, more than {tolerance}");
    }
}

#[test]
fn only_computed_cells_over_several_prompts_are_tests() {
    let mut scores = grid(&[5.0, 0.0, 5.0, f32::INFINITY, 5.0], &[0.1, 0.0, 0.1, 0.1, f32::NAN]);
    scores.status =
        vec![CellStatus::Computed, CellStatus::NoOp, CellStatus::Failed, CellStatus::NotFinite, CellStatus::Computed];
    let found = Statistics::of(&scores);
    assert_eq!(found.significant, [1, 0, 0, 0, 0]);
    let tested: Vec<bool> = found.p_value.iter().map(|p| !p.is_nan()).collect();
    assert_eq!(tested, [true, false, false, false, false]);
    assert_eq!((found.low[1].to_bits(), found.high[1].to_bits()), (0, 0), "a no-op is exactly 0");
    assert!(found.low[2..].iter().chain(&found.high[2..]).all(|end| end.is_nan()));
}

#[test]
fn a_cell_with_the_same_effect_on_all_prompts_has_an_interval_without_width() {
    for per_prompt in [vec![], vec![0.0, 0.0, 0.5, 0.5]] {
        let scores = GridScores { per_prompt, ..grid(&[0.0, 0.5], &[0.0, 0.0]) };
        let found = Statistics::of(&scores);
        assert_eq!((found.low.as_slice(), found.high.as_slice()), ([0.0, 0.5].as_slice(), [0.0, 0.5].as_slice()));
        assert_eq!((found.p_value, found.significant), (vec![1.0, 0.0], vec![0, 1]));
    }
}

#[test]
fn bootstrap_draws_do_not_depend_on_how_many_cells_there_are() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let cells: Vec<Vec<f32>> = (0..1200).map(|_| (0..7).map(|_| random.random_range(-1.0..1.5)).collect()).collect();
    let all = Statistics::of(&kept(&cells));
    for cell in [0, 511, 512, 1199] {
        let alone = Statistics::of(&kept(&cells[cell..=cell]));
        assert!((alone.low[0] - all.low[cell]).abs() < 1e-6 && (alone.high[0] - all.high[cell]).abs() < 1e-6);
        assert!((alone.p_value[0] - all.p_value[cell]).abs() < 1e-6);
    }
}

#[test]
fn a_bootstrap_interval_that_lacks_zero_goes_with_a_small_p_value() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let cell = |shift: f32| (0..30).map(|_| random.random_range(-1.0..1.0) + shift).collect::<Vec<f32>>();
    let shifts = (0..60u8).map(|step| f32::from(step) / 100.0);
    let found = Statistics::of(&kept(&shifts.map(cell).collect::<Vec<_>>()));
    let lacks = |cell: usize| found.low[cell] > 0.0 || found.high[cell] < 0.0;
    let few = |cell: usize| found.p_value[cell] < 0.05;
    // At the very edge, one resample more or less decides.
    let differ = (0..60).filter(|&cell| lacks(cell) != few(cell)).count();
    assert!(differ <= 1, "{differ} of 60 cells");
    assert!((0..60).any(lacks) && !(0..60).all(lacks));
}

#[test]
fn more_prompts_than_the_bootstrap_takes_get_the_normal_interval() {
    let cell: Vec<f32> = (0..20_000u16).map(|prompt| f32::from(prompt % 7)).collect();
    let scores = kept(&[cell]);
    let without = GridScores { per_prompt: Vec::new(), ..scores.clone() };
    assert_eq!(Statistics::of(&scores), Statistics::of(&without));
}

fn p_values() -> impl Strategy<Value = Vec<f32>> {
    let p = prop_oneof![0.0..1.0f32, 0.0..0.01f32, Just(f32::NAN), Just(0.003f32)];
    prop::collection::vec(p, 0..60)
}

proptest! {
    #[test]
    fn discoveries_have_the_smallest_p_values_and_do_not_depend_on_the_order(p in p_values(), turn in 0usize..60) {
        let found = super::discoveries::among(&p);
        let of = |wanted: u32| p.iter().zip(&found).filter(move |pair| *pair.1 == wanted).map(|pair| *pair.0);
        let largest = of(1).fold(f32::NEG_INFINITY, f32::max);
        prop_assert!(of(1).all(|p| !p.is_nan()));
        prop_assert!(of(0).all(|p| p.is_nan() || p > largest));
        let turn = turn % p.len().max(1);
        let (mut turned, mut wanted) = (p.clone(), found.clone());
        turned.rotate_left(turn);
        wanted.rotate_left(turn);
        prop_assert_eq!(super::discoveries::among(&turned), wanted);
    }

    #[test]
    fn a_smaller_p_value_makes_no_discovery_less(p in p_values(), place in 0usize..60) {
        prop_assume!(place < p.len() && !p[place].is_nan());
        let mut smaller = p.clone();
        smaller[place] /= 2.0;
        let both = super::discoveries::among(&p).into_iter().zip(super::discoveries::among(&smaller));
        prop_assert!(both.into_iter().all(|(before, after)| after >= before));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_bootstrap_interval_has_the_mean_in_it(cell in prop::collection::vec(-10.0..10.0f32, 3..40)) {
        let scores = kept(&[cell]);
        let found = Statistics::of(&scores);
        let slack = 1e-5;
        prop_assert!(found.low[0] <= scores.effect[0] + slack && scores.effect[0] <= found.high[0] + slack);
    }

    #[test]
    fn a_bootstrap_interval_shrinks_with_the_number_of_prompts(cell in prop::collection::vec(-10.0..10.0f32, 5..20)) {
        let width = |copies: usize| {
            let found = Statistics::of(&kept(&[cell.repeat(copies)]));
            f64::from(found.high[0] - found.low[0])
        };
        let (once, often) = (width(1), width(16));
        prop_assume!(once > 1e-3);
        // By a factor of 4, were it not for the draws and the discreteness of few prompts.
        prop_assert!(often < once / 2.0, "{often}, {once}");
    }
}
