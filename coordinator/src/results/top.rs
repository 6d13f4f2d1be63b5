//! The cells that matter most.

use std::cmp::Ordering;

use patchsweep_proto::results::{GridScores, STATUS_FAILED};

/// One of the strongest cells of an iteration.
#[derive(Clone, Debug, PartialEq)]
pub struct TopCell {
    /// Its layer, position or head along each axis.
    pub indices: Vec<u32>,
    /// Mean effect, with its sign.
    pub effect: f32,
    /// Its standard error; NaN for a single prompt.
    pub stderr: f32,
    /// As in [`GridScores::status`].
    pub status: u32,
}

/// The `k` cells of an iteration with the largest effects by magnitude, whatever their sign.
///
/// Equal magnitudes keep the order of the cells; cells that are not finite come last, and those that failed not at all.
#[must_use]
pub fn top_cells(scores: &GridScores, iteration: usize, k: usize) -> Vec<TopCell> {
    let cells = scores.cells();
    let start = iteration.saturating_mul(cells);
    let Some(effects) = start.checked_add(cells).and_then(|end| scores.effect.get(start..end)) else {
        return Vec::new();
    };
    let has_failed = |cell: usize| scores.status.get(start + cell) == Some(&STATUS_FAILED);
    let mut order: Vec<usize> = (0..cells).filter(|&cell| !has_failed(cell)).collect();
    order.sort_by(|&a, &b| stronger_first(effects[a], effects[b]));
    let top = |cell: usize| TopCell {
        indices: scores.indices.iter().zip(scores.places(cell)).map(|(indices, place)| indices[place]).collect(),
        effect: effects[cell],
        stderr: scores.stderr.get(start + cell).copied().unwrap_or(f32::NAN),
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
        top_cells(scores, iteration, k).into_iter().map(|cell| cell.indices).collect()
    }

    #[test]
    fn magnitude_decides_and_the_sign_is_kept() {
        let scores = effects(&[0.1, -3.0, 2.0, 0.0, -0.2, 0.3]);
        let top = top_cells(&scores, 0, 2);
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
    fn cells_that_failed_are_left_out() {
        let mut scores = effects(&[0.1, f32::NAN, 2.0, f32::NAN, 0.0, 0.0]);
        scores.status[1] = STATUS_FAILED;
        assert_eq!(order(&scores, 0, 10), [[0, 2], [0, 0], [1, 1], [1, 2], [1, 0]]);
    }

    #[test]
    fn each_iteration_has_its_own_list() {
        let scores = effects(&[5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0]);
        assert_eq!(order(&scores, 1, 1), [[1, 2]]);
        assert!(top_cells(&scores, 2, 1).is_empty());
        assert!(top_cells(&scores, usize::MAX, 1).is_empty());
    }
}
