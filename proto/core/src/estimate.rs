//! First-order estimates of effects, from gradients; never shown as effects.

use crate::context::{Direction, SweepContext};
use crate::grid::{Component, Grid};
use crate::metric::MetricKind;

/// How a grid's effects are estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Where gradients are taken.
    pub gradients: Gradients,
    /// Of `q` and `k`: the attention pattern that the new queries or keys give is computed, and only what follows on it is
    /// estimated (Kramár et al., "`AtP*`", 2024): softmax saturates.
    pub recompute_pattern: bool,
    /// Which effects are computed all the same.
    pub verify: Option<Verify>,
}

/// Where the gradients of a metric are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gradients {
    /// At the run that is patched.
    AtBase,
    /// On the way from its embeddings to the other run's: the mean over so many points, in the middles of as many equal
    /// parts (after Hanna et al., "Have Faith in Faithfulness", 2024).
    Integrated {
        /// At least 1.
        steps: u32,
    },
}

/// Which cells of an iteration get their effects computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verify {
    /// Those with the strongest estimates under the main metric.
    pub top: u32,
    /// Of the others, so many at random.
    pub sample: u32,
    /// Of the draw.
    pub seed: u64,
}

/// Most steps of integrated gradients.
pub const MAX_STEPS: u32 = 1000;

/// Why effects of a grid cannot be estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EstimateError {
    /// Only cells with one write have estimates.
    #[error(
        "estimates are of single writes: leave `window`, `components` and `also` out, or add up the estimates of a grid for each"
    )]
    SeveralWrites,
    /// Gradients are taken by activations.
    #[error("features of dictionaries and paths have no estimates: leave `estimate` out")]
    NotOfActivations,
    /// No way leads to a value that is of no run.
    #[error(
        "`integrated` goes from one run to the other, and with `ablate` there is no other: use `estimate = \"gradient\"`"
    )]
    NoOtherRun,
    /// No step is no mean.
    #[error("`steps` are 1 to {MAX_STEPS}")]
    Steps,
    /// Other sites are behind the softmax.
    #[error("`recompute_pattern` is for `q` and `k`, which the attention pattern is made of; `{component}` is not")]
    NotBeforePattern {
        /// The component.
        component: Component,
    },
    /// One head's queries change what the others are for attention.
    #[error(
        "this model normalises the {what} of all heads together, so that the pattern of one head is changed by another's: \
         leave `recompute_pattern` out"
    )]
    MixedHeads {
        /// Queries or keys.
        what: &'static str,
    },
    /// A verification of nothing.
    #[error("`verify` computes no effect: give `top` at least 1, or leave `verify` out")]
    VerifiesNothing,
}

impl Estimate {
    /// How often the gradients of a metric are taken.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.gradients.steps()
    }
}

impl Gradients {
    /// How often they are taken.
    #[must_use]
    pub fn steps(self) -> u32 {
        match self {
            Self::AtBase => 1,
            Self::Integrated { steps } => steps,
        }
    }

    /// How far on the way from the run that is patched, 0, to the other one, 1.
    #[must_use]
    pub fn points(self) -> Vec<f64> {
        match self {
            Self::AtBase => vec![0.0],
            Self::Integrated { steps } => (0..steps).map(|step| (f64::from(step) + 0.5) / f64::from(steps)).collect(),
        }
    }

    /// As the spec says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AtBase => "gradient",
            Self::Integrated { .. } => "integrated",
        }
    }
}

impl Grid {
    /// The same grid with estimates of its effects.
    pub fn estimated(
        mut self,
        estimate: Estimate,
        model: &crate::architecture::Architecture,
    ) -> Result<Self, EstimateError> {
        let Estimate { gradients, recompute_pattern, verify } = estimate;
        if self.has_several_writes() {
            return Err(EstimateError::SeveralWrites);
        }
        if self.dictionary().is_some() || self.to().is_some() {
            return Err(EstimateError::NotOfActivations);
        }
        if gradients != Gradients::AtBase && self.has_ablation() {
            return Err(EstimateError::NoOtherRun);
        }
        if !(1..=MAX_STEPS).contains(&gradients.steps()) {
            return Err(EstimateError::Steps);
        }
        let component = self.component;
        match component {
            Component::Q | Component::K if recompute_pattern && component.mixes_heads(model) => {
                let what = if component == Component::Q { "queries" } else { "keys" };
                return Err(EstimateError::MixedHeads { what });
            }
            Component::Q | Component::K => {}
            _ if recompute_pattern => return Err(EstimateError::NotBeforePattern { component }),
            _ => {}
        }
        if verify.is_some_and(|verify| verify.top == 0) {
            return Err(EstimateError::VerifiesNothing);
        }
        self.estimate = Some(estimate);
        Ok(self)
    }

    /// Whether tiles decide which of its cells are computed, by what they find.
    #[must_use]
    pub fn is_chosen_from(&self) -> bool {
        self.verify().is_some() || self.chooses_features()
    }

    /// Which of its cells' effects are computed by no tile unless they are verified.
    #[must_use]
    pub fn verify(&self) -> Option<Verify> {
        self.estimate.and_then(|estimate| estimate.verify)
    }
}

impl SweepContext {
    /// A grid, and a metric under which all of its estimates are 0 but for rounding, whatever the effects: the indices of both.
    ///
    /// The divergence from the clean run is least in the clean run, so that its gradient is 0 there. On the way to the other run
    /// it is not.
    #[must_use]
    pub fn vanishing_estimate(&self) -> Option<(usize, usize)> {
        let is_at_base = |grid: &Grid| grid.estimate.is_some_and(|estimate| estimate.gradients == Gradients::AtBase);
        let grid = self.grids.iter().position(is_at_base).filter(|_| self.direction == Direction::Noising)?;
        Some((grid, self.metrics.iter().position(|metric| metric.kind == MetricKind::Kl)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::{Architecture, Sizes};
    use crate::axis::Axis;
    use crate::grid::PatchValue;

    const PLAIN: Estimate = Estimate { gradients: Gradients::AtBase, recompute_pattern: false, verify: None };

    fn model() -> Architecture {
        Architecture::plain(Sizes { layers: 2, heads: 2, d_model: 4, d_mlp: 8, d_vocab: 5, n_ctx: 4 })
    }

    fn grid(component: Component) -> Grid {
        Grid::new("g".into(), component, vec![Axis::Layer], &model(), 3).expect("a grid")
    }

    #[test]
    fn points_are_the_middles_of_equal_parts() {
        assert_eq!(Gradients::AtBase.points(), [0.0]);
        assert_eq!(Gradients::Integrated { steps: 2 }.points(), [0.25, 0.75]);
    }

    #[test]
    fn what_is_not_estimated_is_refused() {
        let integrated = Estimate { gradients: Gradients::Integrated { steps: 10 }, ..PLAIN };
        let recomputed = Estimate { recompute_pattern: true, ..PLAIN };
        let refusal = |grid: Grid, estimate| grid.estimated(estimate, &model()).expect_err("is refused").to_string();
        assert!(refusal(grid(Component::Z).with_window(2).expect("a window"), PLAIN).contains("single writes"));
        let zero = grid(Component::Z).patched_with(PatchValue::Zero);
        assert!(refusal(zero.clone(), integrated).contains("use `estimate = \"gradient\"`"));
        assert!(zero.estimated(PLAIN, &model()).is_ok());
        let none = Estimate { gradients: Gradients::Integrated { steps: 0 }, ..PLAIN };
        assert!(refusal(grid(Component::Z), none).contains("1 to 1000"));
        assert!(refusal(grid(Component::V), recomputed).contains("`v` is not"));
        assert!(grid(Component::K).estimated(recomputed, &model()).is_ok());
        let nothing = Estimate { verify: Some(Verify { top: 0, sample: 5, seed: 0 }), ..PLAIN };
        assert!(refusal(grid(Component::Z), nothing).contains("at least 1"));
        let mut mixed = model();
        mixed.attention.qk_norm = crate::architecture::QkNorm::Whole;
        let refused = grid(Component::Q).estimated(recomputed, &mixed).expect_err("is refused").to_string();
        assert!(refused.contains("queries of all heads together"), "{refused}");
    }
}
