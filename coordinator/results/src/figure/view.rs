//! What a heat map shows of each cell.

use patchsweep_core::results::{CellStatus, GridScores, Look};

use crate::colour::{diverging, estimated};
use crate::statistics::Statistics;

/// What a heat map shows of each cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The mean effect.
    Effect,
    /// The mean patched metric.
    Value,
    /// Where the patched metric lies between corrupted, 0, and clean, 1.
    Normalized,
    /// The mean effect of the cells where it is significant.
    Significance,
    /// The estimated mean effect, in colours of its own.
    Estimate,
}

/// Why a cell has a mark, or no colour of the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Its effect is significant.
    Significant,
    /// Its status says why.
    Without(CellStatus),
}

/// How a cell is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) fill: [u8; 3],
    pub(super) mark: Option<Mark>,
}

impl View {
    /// Those that a grid has, the most asked for first.
    #[must_use]
    pub fn of(scores: &GridScores) -> Vec<Self> {
        let is_estimated = !scores.estimate.is_empty();
        let has_none = |status: &CellStatus| matches!(status, CellStatus::NoOp | CellStatus::NotDrawn);
        if is_estimated && scores.status.iter().all(has_none) {
            return vec![Self::Estimate];
        }
        let all = [Self::Effect, Self::Value, Self::Normalized, Self::Significance, Self::Estimate];
        let is_there = |view: &Self| match view {
            Self::Normalized => !scores.normalized.is_empty(),
            Self::Estimate => is_estimated,
            _ => true,
        };
        all.into_iter().filter(is_there).collect()
    }

    /// The colour of a number, given as a fraction of the largest magnitude.
    pub(super) fn scale(self) -> fn(f32) -> [u8; 3] {
        if self == Self::Estimate { estimated } else { diverging }
    }

    /// In names of files and of HTML classes.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Effect => "effect",
            Self::Value => "value",
            Self::Normalized => "normalized",
            Self::Significance => "significance",
            Self::Estimate => "estimate",
        }
    }

    /// The numbers behind the colours.
    pub(super) fn values(self, scores: &GridScores) -> &[f32] {
        match self {
            Self::Effect | Self::Significance => &scores.effect,
            Self::Value => &scores.value,
            Self::Normalized => &scores.normalized,
            Self::Estimate => &scores.estimate,
        }
    }

    /// The largest number by magnitude, so that zero is white and all facets compare.
    pub(super) fn range(self, scores: &GridScores) -> f32 {
        let finite = self.values(scores).iter().map(|value| value.abs()).filter(|value| value.is_finite());
        let largest = finite.fold(0.0, f32::max);
        if largest > 0.0 { largest } else { 1.0 }
    }

    /// How the cell at a place in the tensor is drawn.
    pub(super) fn cell(self, scores: &GridScores, statistics: &Statistics, place: usize, range: f32) -> Cell {
        let value = self.values(scores)[place];
        if self == Self::Estimate {
            return estimate(value, scores.status[place], range);
        }
        let shows_effect = matches!(self, Self::Effect | Self::Significance);
        let mark = match scores.status[place] {
            // Neither is what the status speaks of: a normalized metric between equal baselines, say.
            CellStatus::Computed if value.is_nan() => Some(Mark::Without(CellStatus::NotFinite)),
            CellStatus::NoOp if !shows_effect && value.is_nan() => Some(Mark::Without(CellStatus::NotFinite)),
            CellStatus::Computed if self == Self::Significance && statistics.significant.get(place) == Some(&1) => {
                Some(Mark::Significant)
            }
            CellStatus::Computed => None,
            status => Some(Mark::Without(status)),
        };
        let fill = match mark {
            // A no-op has a patched metric like any other.
            Some(Mark::Without(CellStatus::NoOp)) if !shows_effect => diverging(value / range),
            Some(mark @ Mark::Without(_)) => mark.colour(),
            None if self == Self::Significance => diverging(0.0),
            Some(Mark::Significant) | None => diverging(value / range),
        };
        Cell { fill, mark }
    }
}

/// A cell without an estimate has a mark that says why: the status of its effect does, but where that alone was not computed.
fn estimate(value: f32, status: CellStatus, range: f32) -> Cell {
    let mark = match status {
        CellStatus::NoOp | CellStatus::Failed | CellStatus::Pending => Some(Mark::Without(status)),
        _ if !value.is_finite() => Some(Mark::Without(CellStatus::NotFinite)),
        _ => None,
    };
    Cell { fill: mark.map_or_else(|| estimated(value / range), Mark::colour), mark }
}

impl Mark {
    /// All of them, in the order of the key.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        [Self::Significant].into_iter().chain(CellStatus::ALL.into_iter().map(Self::Without))
    }

    /// In HTML classes.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Significant => "significant",
            Self::Without(status) => status.key(),
        }
    }

    /// For the key below the figure.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Significant => "significant at 5 %",
            Self::Without(status) => status.text(),
        }
    }

    /// Of the cell in the key.
    pub(super) fn colour(self) -> [u8; 3] {
        self.look().map_or_else(|| diverging(0.0), |look| look.fill)
    }

    /// Of what is drawn onto a cell of some colour.
    pub(super) fn ink(self, [red, green, blue]: [u8; 3]) -> &'static str {
        // Rec. 601's luma, in thousandths.
        let luma = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
        match self.look() {
            Some(look) => look.ink,
            None if luma < 110_000 => "#fff",
            None => "#000",
        }
    }

    /// Lines from x, y to x, y in quarters of a cell from its middle.
    pub(super) fn strokes(self) -> &'static [[f32; 4]] {
        self.look().map_or(&[], |look| look.strokes)
    }

    fn look(self) -> Option<Look> {
        match self {
            Self::Significant => None,
            Self::Without(status) => status.look(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::grid;

    fn scores() -> GridScores {
        grid("z", &["layer", "head"], &[2, 3])
    }

    fn drawn(view: View, scores: &GridScores, place: usize) -> Cell {
        view.cell(scores, &Statistics::of(scores), place, view.range(scores))
    }

    #[test]
    fn the_range_is_that_of_the_largest_effect_of_any_iteration() {
        let mut scores = scores();
        scores.effect[17] = -7.5;
        assert!((View::Effect.range(&scores) - 7.5).abs() < f32::EPSILON);
        scores.effect.fill(f32::NAN);
        assert!((View::Effect.range(&scores) - 1.0).abs() < f32::EPSILON);
        scores.effect.fill(0.0);
        assert!((View::Effect.range(&scores) - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn no_two_reasons_for_having_no_number_look_alike_or_like_an_effect() {
        let mut scores = scores();
        scores.effect[0] = 0.0;
        let mut fills = vec![drawn(View::Effect, &scores, 0).fill];
        for status in CellStatus::ALL.into_iter().filter(|&status| status != CellStatus::Computed) {
            scores.status[0] = status;
            let fill = drawn(View::Effect, &scores, 0).fill;
            assert!(!fills.contains(&fill), "{status:?}");
            fills.push(fill);
        }
        let scale: Vec<_> = (-100_i16..=100).map(|part| diverging(f32::from(part) / 100.0)).collect();
        assert!(fills[1..].iter().all(|fill| !scale.contains(fill)));
    }

    #[test]
    fn a_noop_has_a_patched_metric_but_no_effect_to_show() {
        let mut scores = scores();
        (scores.status[0], scores.effect[0], scores.value[0]) = (CellStatus::NoOp, 0.0, 3.0);
        let noop = Mark::Without(CellStatus::NoOp);
        assert_eq!(drawn(View::Effect, &scores, 0), Cell { fill: noop.colour(), mark: Some(noop) });
        let range = View::Value.range(&scores);
        assert_eq!(drawn(View::Value, &scores, 0), Cell { fill: diverging(3.0 / range), mark: Some(noop) });
    }

    #[test]
    fn only_significant_effects_have_a_colour_where_significance_is_shown() {
        let mut scores = scores();
        (scores.effect[0], scores.stderr[0]) = (-4.0, 0.01);
        (scores.effect[1], scores.stderr[1]) = (-4.0, 40.0);
        let significant = drawn(View::Significance, &scores, 0);
        assert_eq!(significant, Cell { mark: Some(Mark::Significant), ..drawn(View::Effect, &scores, 0) });
        assert_eq!(drawn(View::Significance, &scores, 1), Cell { fill: diverging(0.0), mark: None });
    }

    #[test]
    fn estimates_have_a_view_and_colours_of_their_own() {
        let mut scores = scores();
        scores.estimate = scores.effect.iter().map(|effect| effect * 0.5).collect();
        assert_eq!(View::of(&scores).last(), Some(&View::Estimate));
        (scores.estimate[0], scores.status[0]) = (-4.0, CellStatus::NotDrawn);
        let range = View::Estimate.range(&scores);
        let fill = View::Estimate.scale()(-4.0 / range);
        assert_eq!(drawn(View::Estimate, &scores, 0), Cell { fill, mark: None });
        let undrawn = Mark::Without(CellStatus::NotDrawn);
        assert_eq!(drawn(View::Effect, &scores, 0), Cell { fill: undrawn.colour(), mark: Some(undrawn) });
        (scores.estimate[1], scores.status[1]) = (f32::NAN, CellStatus::Failed);
        assert_eq!(drawn(View::Estimate, &scores, 1).mark, Some(Mark::Without(CellStatus::Failed)));
        scores.status.fill(CellStatus::NotDrawn);
        assert_eq!(View::of(&scores), [View::Estimate], "there is nothing else to see");
    }

    #[test]
    fn normalized_is_a_view_where_there_is_such_a_metric() {
        let mut scores = scores();
        assert!(!View::of(&scores).contains(&View::Normalized));
        scores.normalized = scores.effect.clone();
        assert!(View::of(&scores).contains(&View::Normalized));
    }
}
