//! Random grids of different kinds in one sweep.

use patchsweep_core::architecture::Architecture;
use patchsweep_core::context::Direction;
use patchsweep_core::estimate::{Estimate, Gradients, Verify};
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};
use patchsweep_core::length;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::dictionaries;
use super::super::grids::grid;
use super::super::iterations::Corruption;
use super::super::scenario::{Topic, Writes};
use super::case::Form;

/// What a grid is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// One write, of the other run's activation.
    Other,
    Zero,
    Mean,
    Knockout,
    /// Windows, sites together, further writes; of the other run's activation or zero.
    Several,
    Features,
    Paths,
    Estimate,
}

impl About {
    /// Where prompts have different lengths, there is no mean, and no feature, path or estimate.
    fn of(form: Form) -> Vec<Self> {
        let by_number =
            [Self::Other, Self::Zero, Self::Mean, Self::Knockout, Self::Several, Self::Features, Self::Paths];
        match form {
            Form::Numbers | Form::Estimated => by_number.to_vec(),
            Form::FromEnd => [Self::Other, Self::Zero, Self::Several, Self::Several, Self::Knockout].to_vec(),
        }
    }

    fn components(self, model: &Architecture) -> Vec<Component> {
        let fits = |component: &Component| match self {
            Self::Knockout => *component == Component::Pattern,
            Self::Features => dictionaries::SITES.contains(component),
            Self::Paths => {
                [Component::Z, Component::AttnOut, Component::MlpOut, Component::ResidPre].contains(component)
            }
            _ => true,
        };
        Component::ALL.into_iter().filter(|component| component.is_in(model)).filter(fits).collect()
    }

    fn values(self) -> Vec<PatchValue> {
        match self {
            Self::Other => vec![PatchValue::Other],
            Self::Zero => vec![PatchValue::Zero],
            Self::Mean => vec![PatchValue::Mean],
            Self::Knockout => vec![PatchValue::Knockout],
            Self::Several => vec![PatchValue::Other, PatchValue::Zero],
            Self::Features | Self::Paths | Self::Estimate => {
                vec![PatchValue::Other, PatchValue::Zero, PatchValue::Mean]
            }
        }
    }

    fn writes(self) -> Writes {
        match self {
            Self::Several => Writes::Several,
            Self::Features => Writes::Features,
            Self::Paths => Writes::Paths,
            Self::Other | Self::Zero | Self::Mean | Self::Knockout | Self::Estimate => Writes::One,
        }
    }
}

/// Three to five grids, no two about the same where there are enough of them.
pub(super) fn grids(model: Architecture, positions: u32, form: Form) -> impl Strategy<Value = Vec<Grid>> {
    let least = if form == Form::Estimated { 2 } else { 3 };
    subsequence(About::of(form), least..=least + 2).prop_shuffle().prop_flat_map(move |mut about| {
        about.extend((form == Form::Estimated).then_some(About::Estimate));
        let of_kind = |kind: About| grid_about(kind, model.clone(), positions, form);
        about.into_iter().map(of_kind).collect::<Vec<_>>().prop_map(|grids| (0..).zip(grids).map(named).collect())
    })
}

fn named((place, mut grid): (u32, Grid)) -> Grid {
    grid.name = format!("grid-{place}");
    grid
}

fn grid_about(about: About, model: Architecture, positions: u32, form: Form) -> BoxedStrategy<Grid> {
    let (direction, corruption, writes) = (Direction::Noising, Corruption::Tokens, about.writes());
    let drawn = (select(about.components(&model)), select(about.values()), any::<bool>(), estimates());
    drawn
        .prop_flat_map(move |(component, value, coin, estimate)| {
            // Rows that add up to 1 are estimated in a way of their own.
            let is_knockout = about == About::Estimate && component == Component::Pattern && value == PatchValue::Zero;
            let value = if is_knockout { PatchValue::Knockout } else { value };
            let topic = Topic { component, value, direction, corruption, writes };
            let model = model.clone();
            grid(model.clone(), positions, topic)
                .prop_filter("a spec can have it", move |grid| can_be_written(grid, positions, form))
                .prop_map(move |grid| match about {
                    About::Estimate => estimated(grid, estimate, coin, &model),
                    About::Features if coin => of_active_features(&grid, &model, positions),
                    _ => grid,
                })
        })
        .boxed()
}

/// A pattern that every cell writes is written at all positions, which prompts of different lengths have not.
fn can_be_written(grid: &Grid, positions: u32, form: Form) -> bool {
    let mut patterns = grid.also().iter().filter(|also| also.component == Component::Pattern);
    let means = form == Form::FromEnd && grid.writes_value(PatchValue::Mean);
    !means && patterns.all(|also| form != Form::FromEnd && length(also.indices(Axis::DestPos).len()) == positions)
}

/// The same over those of all features that are active.
fn of_active_features(grid: &Grid, model: &Architecture, positions: u32) -> Grid {
    let dictionary = grid.dictionary().expect("a grid over a dictionary").clone();
    let all = Grid::over_features(grid.name.clone(), dictionary, grid.axes.clone(), model, positions);
    let all = all.and_then(|all| all.restricted(Axis::Pos, grid.indices(Axis::Pos).to_vec())).expect("positions");
    all.of_active_features().expect("a grid over a dictionary").patched_with(grid.value)
}

fn estimates() -> impl Strategy<Value = Estimate> {
    let gradients = prop_oneof![Just(Gradients::AtBase), (1..=3u32).prop_map(|steps| Gradients::Integrated { steps })];
    let verify = (1..=3u32, 0..=3u32, any::<u32>().no_shrink()).prop_map(|(top, sample, seed)| Verify {
        top,
        sample,
        seed: seed.into(),
    });
    (gradients, proptest::option::weighted(0.8, verify)).prop_map(|(gradients, verify)| Estimate {
        gradients,
        recompute_pattern: false,
        verify,
    })
}

fn estimated(grid: Grid, estimate: Estimate, recompute: bool, model: &Architecture) -> Grid {
    let is_of_run = grid.value == PatchValue::Other;
    let before_pattern = matches!(grid.component, Component::Q | Component::K) && !grid.component.mixes_heads(model);
    let estimate = Estimate {
        gradients: if is_of_run { estimate.gradients } else { Gradients::AtBase },
        recompute_pattern: recompute && before_pattern,
        ..estimate
    };
    grid.estimated(estimate, model).expect("one write")
}
