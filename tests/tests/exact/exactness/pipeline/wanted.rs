//! What results must say of a cell: the formulas of `docs/results.md` over brute force's numbers.

use super::super::compare::tolerance;

/// A metric of one cell, or of a baseline, \[replicates\]\[prompts\].
pub(super) struct Wanted {
    values: Vec<Vec<f64>>,
    effects: Vec<Vec<f64>>,
    /// Largest error of a value.
    tolerance: f64,
    /// Largest error of an effect.
    effect_tolerance: f64,
}

impl Wanted {
    /// `patched`, `unpatched`: \[replicates\]\[prompts\].
    pub(super) fn new(patched: Vec<Vec<f64>>, unpatched: &[Vec<f64>]) -> Self {
        let effects = patched
            .iter()
            .zip(unpatched)
            .map(|(after, before)| after.iter().zip(before).map(|(after, before)| after - before).collect());
        let effects = effects.collect();
        let tolerance = tolerance(patched.iter().chain(unpatched).flatten());
        Self { values: patched, effects, tolerance, effect_tolerance: 2.0 * tolerance }
    }

    /// Of a baseline, whose values stand where a cell has effects.
    pub(super) fn of_run(values: Vec<Vec<f64>>) -> Self {
        let tolerance = tolerance(values.iter().flatten());
        Self { effects: values.clone(), values, tolerance, effect_tolerance: tolerance }
    }

    pub(super) fn value(&self) -> Near {
        Near { wanted: mean_of(&self.values), within: self.tolerance }
    }

    pub(super) fn effect(&self) -> Near {
        Near { wanted: mean_of(&self.effects), within: self.effect_tolerance }
    }

    /// Mean over replicates of the effect on each prompt.
    pub(super) fn of_prompts(&self) -> Vec<Near> {
        let replicates = to_f64(self.effects.len());
        let of_prompt = |prompt: usize| self.effects.iter().map(|effects| effects[prompt]).sum::<f64>() / replicates;
        (0..self.effects[0].len())
            .map(|prompt| Near { wanted: of_prompt(prompt), within: self.effect_tolerance })
            .collect()
    }

    /// The square root of a sum of squared differences from the mean is the length of a vector that is shorter than the numbers'
    /// own. If each of n numbers is off by up to t, so it is off by up to t √n: the standard error by t / √(n − 1).
    pub(super) fn standard_error(&self, per_prompt: bool) -> Near {
        let prompts = to_f64(self.effects[0].len());
        let squared = |numbers: &[f64]| squares(numbers) / (prompts - 1.0) / prompts;
        let wanted = if per_prompt {
            squared(&self.of_prompts().iter().map(|near| near.wanted).collect::<Vec<_>>())
        } else {
            mean(&self.effects.iter().map(|effects| squared(effects)).collect::<Vec<_>>())
        };
        Near { wanted: wanted.sqrt(), within: self.effect_tolerance / (prompts - 1.0).sqrt() }
    }

    /// Standard deviation between replicates' mean effects, with an error as of the standard error's.
    pub(super) fn between(&self) -> Near {
        let means: Vec<f64> = self.effects.iter().map(|effects| mean(effects)).collect();
        let others = to_f64(means.len()) - 1.0;
        Near {
            wanted: (squares(&means) / others).sqrt(),
            within: self.effect_tolerance * (to_f64(means.len()) / others).sqrt(),
        }
    }

    /// Where the value lies between the means of corrupted and clean run; `None` where these are too near to each other to say.
    pub(super) fn normalized(&self, clean: &Self, corrupted: &Self) -> Option<Near> {
        let (value, clean, corrupted) = (self.value(), clean.value(), corrupted.value());
        let (above, range) = (value.wanted - corrupted.wanted, clean.wanted - corrupted.wanted);
        let (above_off, range_off) = (value.within + corrupted.within, clean.within + corrupted.within);
        let wanted = above / range;
        // (a + e) / (r + f) is (e - f a / r) / (r + f) away from a / r.
        (range.abs() > 4.0 * range_off).then(|| Near {
            wanted,
            within: (above_off + range_off * wanted.abs()) / (range.abs() - range_off) + 1e-6 * wanted.abs(),
        })
    }
}

/// A number, and how far float32 may be from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near {
    pub(super) wanted: f64,
    pub(super) within: f64,
}

impl Near {
    /// What is wrong with a number; where none is wanted, it must be none.
    pub(super) fn check(self, what: &str, found: f32) -> Result<(), String> {
        let is_near = (f64::from(found) - self.wanted).abs() <= self.within;
        let is_none = self.wanted.is_nan() && found.is_nan();
        let Self { wanted, within } = self;
        if is_near || is_none { Ok(()) } else { Err(format!("{what} is {found}, not {wanted} (± {within:.1e})")) }
    }
}

fn mean_of(numbers: &[Vec<f64>]) -> f64 {
    mean(&numbers.iter().map(|numbers| mean(numbers)).collect::<Vec<_>>())
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / to_f64(numbers.len())
}

/// Sum of squared differences from the mean.
fn squares(numbers: &[f64]) -> f64 {
    let mean = mean(numbers);
    numbers.iter().map(|number| (number - mean).powi(2)).sum()
}

fn to_f64(count: usize) -> f64 {
    f64::from(patchsweep_core::length(count))
}
