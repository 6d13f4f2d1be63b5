//! The cells that matter most.

use std::cmp::Ordering;

use patchsweep_proto::results::{GridScores, STATUS_FAILED, STATUS_NOT_SAMPLED, STATUS_PENDING};

use crate::statistics::Statistics;

/// One of the strongest cells of an iteration.
#[derive(Clone, Debug, PartialEq)]
pub struct TopCell {
    /// Its layer, position or head along each axis.
    pub indices: Vec<u32>,
    /// Mean effect, with its sign.
    pub effect: f32,
    /// Its standard error; NaN for a single prompt.
    pub stderr: f32,
    /// Standard deviation of the mean effect between replicates; NaN where there are none.
    pub between: f32,
    /// Lower end of the 95 % interval of the mean effect; NaN where there is none.
    pub low: f32,
    /// Upper end.
    pub high: f32,
    /// Of the test against no effect; NaN where there was none.
    pub p_value: f32,
    /// Whether the effect is not 0, after the correction for all tests of the grid.
    pub is_significant: bool,
    /// As in [`GridScores::status`].
    pub status: u32,
}

impl TopCell {
    /// `-3.3302 ± 0.0883  [-3.503, -3.157] *`: mean, standard error, 95 % interval, and a star if it is significant; with
    /// replicates also the spread between them.
    #[must_use]
    pub fn told(&self) -> String {
        let Self { effect, stderr, between, low, high, is_significant, .. } = self;
        let error = if stderr.is_nan() { String::new() } else { format!(" ± {stderr:.4}") };
        let interval = if low.is_nan() { String::new() } else { format!("  [{low:.3}, {high:.3}]") };
        let star = if *is_significant { " *" } else { "" };
        let spread = if between.is_nan() { String::new() } else { format!("  between replicates {between:.4}") };
        format!("{effect:>9.4}{error}{interval}{star}{spread}")
    }
}

/// The `k` cells of an iteration with the largest effects by magnitude, whatever their sign.
///
/// `statistics`: of these scores.
///
/// Equal magnitudes keep the order of the cells; cells that are not finite come last, and those that failed or are not
/// computed yet not at all.
#[must_use]
pub fn top_cells(scores: &GridScores, statistics: &Statistics, iteration: usize, k: usize) -> Vec<TopCell> {
    let cells = scores.cells();
    let start = iteration.saturating_mul(cells);
    let Some(effects) = start.checked_add(cells).and_then(|end| scores.effect.get(start..end)) else {
        return Vec::new();
    };
    let is_missing = |cell: usize| {
        matches!(scores.status.get(start + cell), Some(&(STATUS_FAILED | STATUS_PENDING | STATUS_NOT_SAMPLED)))
    };
    let mut order: Vec<usize> = (0..cells).filter(|&cell| !is_missing(cell)).collect();
    order.sort_by(|&a, &b| stronger_first(effects[a], effects[b]));
    let at = |list: &[f32], cell: usize| list.get(start + cell).copied().unwrap_or(f32::NAN);
    let top = |cell: usize| TopCell {
        indices: scores.indices.iter().zip(scores.places(cell)).map(|(indices, place)| indices[place]).collect(),
        effect: effects[cell],
        stderr: at(&scores.stderr, cell),
        between: at(&scores.between, cell),
        low: at(&statistics.low, cell),
        high: at(&statistics.high, cell),
        p_value: at(&statistics.p_value, cell),
        is_significant: statistics.significant.get(start + cell) == Some(&1),
        status: scores.status.get(start + cell).copied().unwrap_or(STATUS_FAILED),
    };
    order.into_iter().take(k).map(top).collect()
}

fn stronger_first(a: f32, b: f32) -> Ordering {
    a.is_nan().cmp(&b.is_nan()).then(b.abs().total_cmp(&a.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example::grid;

    fn effects(effect: &[f32]) -> GridScores {
        GridScores { effect: effect.to_vec(), ..grid("z", &["layer", "head"], &[2, 3]) }
    }

    fn order(scores: &GridScores, iteration: usize, k: usize) -> Vec<Vec<u32>> {
        top_cells(scores, &Statistics::of(scores), iteration, k).into_iter().map(|cell| cell.indices).collect()
    }

    #[test]
    fn magnitude_decides_and_the_sign_is_kept() {
        let scores = effects(&[0.1, -3.0, 2.0, 0.0, -0.2, 0.3]);
        let top = top_cells(&scores, &Statistics::of(&scores), 0, 2);
        assert_eq!(top[0].indices, [0, 1]);
        assert!(top[0].effect < 0.0 && top[1].effect > 0.0);
        assert_eq!(top.len(), 2);
    }

    #[test]
    fn cells_of_a_restricted_grid_keep_their_layers_and_heads() {
        let scores =
            GridScores { indices: vec![vec![8, 9], vec![1, 5, 11]], ..effects(&[0.0, 0.0, 0.0, 0.0, 0.0, 2.0]) };
        assert_eq!(order(&scores, 0, 1), [[9, 11]]);
    }

    #[test]
    fn ties_keep_their_order_and_nan_comes_last() {
        let scores = effects(&[f32::NAN, 1.0, -1.0, -f32::NAN, 0.0, 2.0]);
        let expected = [[1, 2], [0, 1], [0, 2], [1, 1], [0, 0], [1, 0]];
        assert_eq!(order(&scores, 0, 10), expected);
    }

    #[test]
    fn cells_that_failed_or_are_not_computed_yet_are_left_out() {
        let mut scores = effects(&[0.1, f32::NAN, 2.0, f32::NAN, 0.0, f32::NAN]);
        (scores.status[1], scores.status[5]) = (STATUS_FAILED, STATUS_PENDING);
        assert_eq!(order(&scores, 0, 10), [[0, 2], [0, 0], [1, 1], [1, 0]]);
    }

    #[test]
    fn a_cell_comes_with_its_interval_and_its_significance() {
        let mut scores = effects(&[0.1, -3.0, 2.0, 0.0, -0.2, 0.3]);
        scores.stderr = vec![0.1, 0.5, f32::NAN, 0.0, 1.0, 1.0];
        let statistics = Statistics::of(&scores);
        let top = top_cells(&scores, &statistics, 0, 2);
        assert_eq!(
            (top[0].low, top[0].high, top[0].p_value),
            (statistics.low[1], statistics.high[1], statistics.p_value[1])
        );
        assert!(top[0].high < 0.0 && top[0].is_significant);
        assert!(top[1].low.is_nan() && !top[1].is_significant, "one prompt says nothing");
    }

    #[test]
    fn a_cell_is_told_with_what_is_known_of_it() {
        let cell = TopCell {
            status: 0,
            indices: vec![8, 11],
            effect: -3.33,
            stderr: 0.09,
            between: f32::NAN,
            low: -3.506,
            high: -3.154,
            p_value: 0.0,
            is_significant: true,
        };
        assert_eq!(cell.told(), "  -3.3300 ± 0.0900  [-3.506, -3.154] *");
        let drawn = TopCell { between: 0.02, ..cell.clone() };
        assert_eq!(drawn.told(), "  -3.3300 ± 0.0900  [-3.506, -3.154] *  between replicates 0.0200");
        let single = TopCell { stderr: f32::NAN, low: f32::NAN, high: f32::NAN, is_significant: false, ..cell };
        assert_eq!(single.told(), "  -3.3300");
    }

    #[test]
    fn each_iteration_has_its_own_list() {
        let scores = effects(&[5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0]);
        assert_eq!(order(&scores, 1, 1), [[1, 2]]);
        assert!(order(&scores, 2, 1).is_empty());
        assert!(order(&scores, usize::MAX, 1).is_empty());
    }
}
