//! The numbers of one grid, minus those of another.

use patchsweep_core::results::{CellStatus, GridScores};

use super::Pair;

/// Of two grids over the same cells, as what looks like a grid.
pub(super) fn difference(a: &GridScores, b: &GridScores, iterations: &[Pair], has_same_prompts: bool) -> GridScores {
    let cells = a.cells();
    let place =
        |pair: &Pair, cell: usize| Pair { first: pair.first * cells + cell, second: pair.second * cells + cell };
    let places: Vec<Pair> = iterations.iter().flat_map(|pair| (0..cells).map(move |cell| place(pair, cell))).collect();
    let minus = |of: fn(&GridScores) -> &[f32]| -> Vec<f32> {
        places.iter().map(|place| of(a)[place.first] - of(b)[place.second]).collect()
    };
    let per_prompt = if has_same_prompts { prompt_by_prompt(a, b, &places) } else { Vec::new() };
    let stderr = if per_prompt.is_empty() {
        places.iter().map(|place| a.stderr[place.first].hypot(b.stderr[place.second])).collect()
    } else {
        per_prompt.chunks(per_prompt.len() / places.len()).map(standard_error).collect()
    };
    let effect = minus(|scores| &scores.effect);
    let status = |(place, effect): (&Pair, &f32)| match status(a.status[place.first], b.status[place.second]) {
        CellStatus::Computed if !effect.is_finite() => CellStatus::NotFinite,
        status => status,
    };
    // Every field by name: of the first one its labels, and none of its tensors.
    GridScores {
        metric: a.metric,
        grid: a.grid.clone(),
        component: a.component.clone(),
        writes: a.writes.clone(),
        axes: a.axes.clone(),
        indices: a.indices.clone(),
        names: a.names.clone(),
        status: places.iter().zip(&effect).map(status).collect(),
        effect,
        value: minus(|scores| &scores.value),
        normalized: Vec::new(),
        stderr,
        count: places.iter().map(|place| a.count[place.first].min(b.count[place.second])).collect(),
        per_prompt,
        between: Vec::new(),
        estimate: Vec::new(),
    }
}

/// Differences \[cells, prompts\]; empty where one of both has no scores of single prompts.
fn prompt_by_prompt(a: &GridScores, b: &GridScores, places: &[Pair]) -> Vec<f32> {
    let prompts = |scores: &GridScores| scores.per_prompt.len().checked_div(scores.effect.len()).unwrap_or(0);
    let count = prompts(a);
    if count == 0 || count != prompts(b) {
        return Vec::new();
    }
    let row = |scores: &GridScores, place: usize| scores.per_prompt[place * count..][..count].to_vec();
    let difference = |place: &Pair| {
        let rows = row(a, place.first).into_iter().zip(row(b, place.second));
        rows.map(|(a, b)| a - b).collect::<Vec<_>>()
    };
    places.iter().flat_map(difference).collect()
}

/// s / sqrt(n) with the sample standard deviation s; NaN for a single prompt.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "prompts are few; scores are float32")]
pub(super) fn standard_error(differences: &[f32]) -> f32 {
    let n = differences.len() as f64;
    let mean = differences.iter().copied().map(f64::from).sum::<f64>() / n;
    let squares: f64 = differences.iter().map(|&difference| (f64::from(difference) - mean).powi(2)).sum();
    (squares / (n - 1.0) / n).sqrt() as f32
}

/// The difference is worth as much as the lesser of both.
pub(super) fn status(a: CellStatus, b: CellStatus) -> CellStatus {
    let either = [CellStatus::Failed, CellStatus::Pending, CellStatus::NotDrawn, CellStatus::NotFinite]
        .into_iter()
        .find(|status| [a, b].contains(status));
    either.unwrap_or(if a == CellStatus::NoOp && b == CellStatus::NoOp {
        CellStatus::NoOp
    } else {
        CellStatus::Computed
    })
}
