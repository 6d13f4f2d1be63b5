//! What may be concluded from the scores of a grid: intervals of the mean effects, and which of them are not 0.
//!
//! Pure: equal scores give equal statistics, bit for bit on like machines. `docs/results.md` has the formulas for readers of
//! results.

mod bootstrap;
mod discoveries;
mod missed;
mod normal;

use patchsweep_core::results::{CellStatus, GridScores};

pub use bootstrap::{MOST_PROMPTS as MOST_BOOTSTRAPPED_PROMPTS, RESAMPLES, SEED as BOOTSTRAP_SEED};
pub use missed::most_strong;

/// How often the interval of a cell covers the effect that the cell has over all prompts there could be.
pub const CONFIDENCE: f64 = 0.95;

/// Share of the significant cells of a grid that have no effect, at most and on average.
pub const FALSE_DISCOVERY_RATE: f64 = 0.05;

/// Statistics of one grid under one metric. All are \[iterations, axes..\], row-major, as the grid's scores.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// Lower end of the 95 % interval of the mean effect, in the metric's unit; NaN where there is none.
    pub low: Vec<f32>,
    /// Upper end.
    pub high: Vec<f32>,
    /// Probability of an effect at least as far from 0 where there is none; NaN where nothing was tested: no-ops, cells
    /// without a score, a single prompt.
    pub p_value: Vec<f32>,
    /// 1 where the cell is significant after the correction for as many tests as the grid has, otherwise 0.
    pub significant: Vec<u32>,
}

/// How the intervals of a grid are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// From mean and standard error, as those of a normal distribution.
    Normal,
    /// Percentiles of the means over prompts drawn again.
    Bootstrap,
}

impl Method {
    /// Of a grid whose effects on each prompt were kept, or were not.
    ///
    /// `prompts`: per cell.
    #[must_use]
    pub fn of(per_prompt: bool, prompts: u64) -> Self {
        let is_moderate = usize::try_from(prompts).is_ok_and(|prompts| prompts <= bootstrap::MOST_PROMPTS);
        if per_prompt && is_moderate { Self::Bootstrap } else { Self::Normal }
    }

    /// As the manifest says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Bootstrap => "bootstrap",
        }
    }
}

/// What is known of one cell's mean effect.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Inference {
    low: f64,
    high: f64,
    p_value: f64,
}

impl Inference {
    /// Nothing.
    const NONE: Self = Self { low: f64::NAN, high: f64::NAN, p_value: f64::NAN };
}

impl Statistics {
    /// Of a grid under one metric, over all its iterations together.
    ///
    /// The grid is one family of tests; a grid under another metric is another one.
    #[must_use]
    pub fn of(scores: &GridScores) -> Self {
        #[cfg(test)]
        MADE.with(|made| made.set(made.get() + 1));
        let cells = scores.effect.len();
        let mut statistics =
            Self { low: vec![0.0; cells], high: vec![0.0; cells], p_value: vec![0.0; cells], significant: Vec::new() };
        for place in 0..cells {
            statistics.set(place, without_prompts(scores, place));
        }
        let prompts = scores.per_prompt.len() / cells.max(1);
        if Method::of(prompts > 0, prompts as u64) == Method::Bootstrap {
            let varies = |place: &usize| scores.status[*place] == CellStatus::Computed && scores.stderr[*place] > 0.0;
            let places: Vec<usize> = (0..cells).filter(varies).collect();
            bootstrap::of_cells(scores, &places, |place, inference| statistics.set(place, inference));
        }
        statistics.significant = discoveries::among(&statistics.p_value);
        statistics
    }

    fn set(&mut self, place: usize, inference: Inference) {
        self.low[place] = to_f32(inference.low);
        self.high[place] = to_f32(inference.high);
        self.p_value[place] = to_f32(inference.p_value);
    }
}

/// From what every sweep keeps: status, mean effect and its standard error.
fn without_prompts(scores: &GridScores, place: usize) -> Inference {
    match scores.status[place] {
        CellStatus::Computed => normal::infer(scores.effect[place].into(), scores.stderr[place].into()),
        // Its effect is 0 for a reason, whatever the prompts; that is no finding.
        CellStatus::NoOp => Inference { low: 0.0, high: 0.0, p_value: f64::NAN },
        _ => Inference::NONE,
    }
}

/// Statistics are float32, as the scores that they are of.
#[allow(clippy::cast_possible_truncation)]
fn to_f32(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
thread_local! {
    static MADE: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How many statistics this thread has made, for tests that hold others to making them once.
#[cfg(test)]
pub(crate) fn made() -> usize {
    MADE.with(std::cell::Cell::get)
}

#[cfg(test)]
mod tests;
