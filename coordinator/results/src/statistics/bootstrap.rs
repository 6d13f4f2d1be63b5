//! Intervals and tests of a mean whose distribution is that of the prompts there are.
//!
//! The percentile bootstrap: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13. As many prompts as
//! there are get drawn from them with replacement, often, and each time the mean is taken. All cells get the same draws.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView1, Axis};
use patchsweep_core::results::GridScores;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{CONFIDENCE, Inference, normal};

/// How often prompts are drawn again.
pub const RESAMPLES: usize = 2000;

/// What the draws come from.
pub const SEED: u64 = 0;

/// Over more prompts than these a mean is as good as normal, and drawing them again takes long.
pub const MOST_PROMPTS: usize = 10_000;

/// Numbers of a matrix, which bound the memory: cells by prompts, draws by prompts.
const MATRIX: usize = 1 << 20;

/// Cells by draws are this many times [`RESAMPLES`] at most.
const MOST_CELLS: usize = 512;

/// Infers what is known of some cells, whose effects are kept for each prompt and are not all equal.
///
/// `places`: over all iterations; `take`: gets each of them.
pub(super) fn of_cells(scores: &GridScores, places: &[usize], mut take: impl FnMut(usize, Inference)) {
    let Some(&first) = places.first() else { return };
    let prompts = scores.of_prompts(first).len();
    for places in places.chunks((MATRIX / prompts).clamp(1, MOST_CELLS)) {
        let mut means = means(scores, places, prompts);
        for (&place, means) in places.iter().zip(means.as_slice_mut().unwrap_or_default().chunks_mut(RESAMPLES)) {
            take(place, infer(means, scores.effect[place].into(), scores.stderr[place].into()));
        }
    }
}

/// Means of the drawn prompts \[cells, resamples\], row-major: how often each was drawn, times its effects. The draws are the same
/// whichever the cells.
fn means(scores: &GridScores, places: &[usize], prompts: usize) -> Array2<f64> {
    let mut effects = Array2::<f64>::zeros((places.len(), prompts));
    for (mut row, &place) in effects.rows_mut().into_iter().zip(places) {
        row.assign(&ArrayView1::from(scores.of_prompts(place)).mapv(f64::from));
    }
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut means = Array2::zeros((places.len(), RESAMPLES));
    let share = 1.0 / to_f64(prompts);
    let rows = (MATRIX / prompts).clamp(1, RESAMPLES);
    for mut means in means.axis_chunks_iter_mut(Axis(1), rows) {
        let mut drawn = Array2::<f64>::zeros((means.ncols(), prompts));
        for mut row in drawn.rows_mut() {
            for _ in 0..prompts {
                row[random.random_range(0..prompts)] += 1.0;
            }
        }
        general_mat_mul(share, &effects, &drawn.t(), 0.0, &mut means);
    }
    means
}

/// `means`: of the resamples, in any order; `effect`, `standard_error`: of the prompts as they are.
fn infer(means: &mut [f64], effect: f64, standard_error: f64) -> Inference {
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let (low, high) = (quantile(means, tail), quantile(means, 1.0 - tail));
    Inference { low, high, p_value: p_value(means, normal::p_value(effect, standard_error)) }
}

/// Twice the share of resamples on the other side of 0, themselves one of them: so p < 5 % goes with an interval that lacks 0.
/// Davison and Hinkley, "Bootstrap Methods and their Application" (1997), section 4.4.
///
/// Where no resample is on the other side, it is below what so many can show, and many cells could not be tested at once;
/// there the normal distribution's p-value counts, as far as it is smaller.
fn p_value(means: &[f64], normal: f64) -> f64 {
    let (below, above) = (count(means, |mean| mean <= 0.0), count(means, |mean| mean >= 0.0));
    let fewer = below.min(above);
    let share = (2.0 * to_f64(fewer + 1) / to_f64(means.len() + 1)).min(1.0);
    if fewer == 0 { share.min(normal) } else { share }
}

fn count(means: &[f64], is_there: impl Fn(f64) -> bool) -> usize {
    means.iter().filter(|&&mean| is_there(mean)).count()
}

/// Between the two nearest of them in order, linearly: definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical
/// Packages" (1996), which is numpy's.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the place of a number in a short list")]
fn quantile(numbers: &mut [f64], probability: f64) -> f64 {
    let place = probability * to_f64(numbers.len() - 1);
    let (_, &mut at, behind) = numbers.select_nth_unstable_by(place as usize, f64::total_cmp);
    let next = behind.iter().copied().fold(f64::INFINITY, f64::min);
    if behind.is_empty() { at } else { at + (next - at) * place.fract() }
}

/// Prompts and resamples are few.
#[allow(clippy::cast_precision_loss)]
fn to_f64(count: usize) -> f64 {
    count as f64
}
