//! The cells that matter most.

use patchsweep_core::results::{CellStatus, GridScores};

use crate::statistics::Statistics;

/// One of the strongest cells of an iteration.
#[derive(Clone, Debug, PartialEq)]
pub struct TopCell {
    /// Its layer, position, head, neuron or feature along each axis.
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
    pub status: CellStatus,
}

impl TopCell {
    /// `-3.3302 ± 0.0883  [-3.503, -3.157] *`: mean, standard error, 95 % interval, and a star if it is significant; with
    /// replicates also the spread between them.
    #[must_use]
    pub fn described(&self) -> String {
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
/// Equal magnitudes keep the order of the cells. Cells without a finite effect are left out.
#[must_use]
pub fn top_cells(scores: &GridScores, statistics: &Statistics, iteration: usize, k: usize) -> Vec<TopCell> {
    let cells = scores.cells();
    let start = iteration.saturating_mul(cells);
    let Some(effects) = start.checked_add(cells).and_then(|end| scores.effect.get(start..end)) else {
        return Vec::new();
    };
    let status = |cell: usize| scores.status.get(start + cell).copied().unwrap_or(CellStatus::Failed);
    // What was not computed of a grid that is estimated is no effect to list, not even 0.
    let is_listed = |status: CellStatus| match status {
        CellStatus::NoOp => scores.estimate.is_empty(),
        status => status.has_effect(),
    };
    let has_effect = |cell: &usize| is_listed(status(*cell)) && effects[*cell].is_finite();
    let mut order: Vec<usize> = (0..cells).filter(has_effect).collect();
    order.sort_by(|&a, &b| effects[b].abs().total_cmp(&effects[a].abs()));
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
        status: status(cell),
    };
    order.into_iter().take(k).map(top).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::grid;

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
    fn ties_keep_their_order() {
        let scores = effects(&[0.5, 1.0, -1.0, -0.5, 0.0, 2.0]);
        let expected = [[1, 2], [0, 1], [0, 2], [0, 0], [1, 0], [1, 1]];
        assert_eq!(order(&scores, 0, 10), expected);
    }

    #[test]
    fn cells_without_a_finite_effect_are_left_out_whatever_the_reason() {
        let mut scores = effects(&[f32::INFINITY, f32::NAN, 2.0, f32::NAN, 0.0, f32::NAN]);
        (scores.status[1], scores.status[5]) = (CellStatus::Failed, CellStatus::Pending);
        (scores.status[0], scores.status[3]) = (CellStatus::NotFinite, CellStatus::NotDrawn);
        assert_eq!(order(&scores, 0, 10), [[0, 2], [1, 1]]);
        scores.status.fill(CellStatus::Computed);
        assert_eq!(order(&scores, 0, 10), [[0, 2], [1, 1]], "also where nobody says why");
    }

    #[test]
    fn estimates_are_in_no_list_of_effects() {
        let mut scores = effects(&[f32::NAN, 1.0, f32::NAN, 0.0, f32::NAN, 0.5]);
        scores.estimate = vec![9.0; 18];
        scores.status[..6].fill(CellStatus::NotDrawn);
        (scores.status[1], scores.status[3], scores.status[5]) =
            (CellStatus::Computed, CellStatus::NoOp, CellStatus::Computed);
        assert_eq!(order(&scores, 0, 10), [[0, 1], [1, 2]]);
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
    fn a_cell_is_described_with_what_is_known_of_it() {
        let cell = TopCell {
            status: CellStatus::Computed,
            indices: vec![8, 11],
            effect: -3.33,
            stderr: 0.09,
            between: f32::NAN,
            low: -3.506,
            high: -3.154,
            p_value: 0.0,
            is_significant: true,
        };
        assert_eq!(cell.described(), "  -3.3300 ± 0.0900  [-3.506, -3.154] *");
        let drawn = TopCell { between: 0.02, ..cell.clone() };
        assert_eq!(drawn.described(), "  -3.3300 ± 0.0900  [-3.506, -3.154] *  between replicates 0.0200");
        let single = TopCell { stderr: f32::NAN, low: f32::NAN, high: f32::NAN, is_significant: false, ..cell };
        assert_eq!(single.described(), "  -3.3300");
    }

    #[test]
    fn each_iteration_has_its_own_list() {
        let scores = effects(&[5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0]);
        assert_eq!(order(&scores, 1, 1), [[1, 2]]);
        assert!(order(&scores, 2, 1).is_empty());
        assert!(order(&scores, usize::MAX, 1).is_empty());
    }
}
