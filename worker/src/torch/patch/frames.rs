//! Runs over different positions as one rectangle, for attention takes rectangles: shorter runs are filled up at their
//! beginning.

use std::collections::BTreeSet;

use patchsweep_core::causality::Suffix;

use super::batch::Segment;
use crate::torch::numbers::length;

/// Of the rows of a frame at most one in five is filled up, for attention to them is computed for nothing.
const FILLED: (i64, i64) = (5, 4);

/// Segments that go through attention together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Which of the batch's parts.
    pub(crate) part: usize,
    /// Indices of segments; those of the same suffix are neighbours.
    pub(crate) segments: Vec<usize>,
    /// Its first position. Before it, each of the runs is as the one that is patched.
    pub(crate) first: i64,
}

/// All segments, part by part, up to the last position that is read; `last`: of a part.
pub(crate) fn frames(segments: &[Segment], last: impl Fn(usize) -> i64) -> Vec<Frame> {
    let by_suffix: BTreeSet<(usize, i64, Suffix, usize)> = (0..)
        .zip(segments)
        .map(|(index, segment)| (segment.part, start(segment.suffix), segment.suffix, index))
        .collect();
    let mut frames: Vec<Frame> = Vec::new();
    let (mut cells, mut rows) = (0, 0);
    for (part, start, _, index) in by_suffix {
        let (more, last) = (length(segments[index].cells.len()), last(part));
        (cells, rows) = (cells + more, rows + more * (last + 1 - start));
        let fits = |frame: &Frame| frame.part == part && cells * (last + 1 - frame.first) * FILLED.1 <= rows * FILLED.0;
        match frames.last_mut() {
            Some(frame) if fits(frame) => frame.segments.push(index),
            _ => {
                (cells, rows) = (more, more * (last + 1 - start));
                frames.push(Frame { part, segments: vec![index], first: start });
            }
        }
    }
    frames
}

/// The first position where a run's keys and values are not those of the run that is patched.
fn start(suffix: Suffix) -> i64 {
    i64::from(suffix.first) - i64::from(suffix.follows_other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torch::positions::Positions;

    fn segment(first: u32, follows_other: bool, cells: usize) -> Segment {
        let suffix = Suffix { first, follows_other };
        let positions = Positions::between(first.into(), 31);
        Segment { part: 0, prompts: 1, cells: vec![0; cells], suffix, positions }
    }

    #[test]
    fn a_frame_has_few_rows_that_are_filled_up() {
        let segments: Vec<Segment> = (0..32).map(|first| segment(first, false, 3)).collect();
        let frames = frames(&segments, |_| 31);
        let all: Vec<usize> = frames.iter().flat_map(|frame| frame.segments.clone()).collect();
        assert_eq!(all, (0..32).collect::<Vec<_>>());
        for frame in &frames {
            let rows: i64 = frame.segments.iter().map(|&index| 32 - i64::from(segments[index].suffix.first)).sum();
            let filled = length(frame.segments.len()) * (32 - frame.first) - rows;
            assert!(filled * 5 <= filled + rows, "{frame:?}");
        }
        assert_eq!(frames.len(), 6, "{frames:?}");
    }

    #[test]
    fn segments_of_one_suffix_are_neighbours_and_the_other_runs_position_is_inside() {
        let segments = [segment(9, true, 1), segment(8, false, 1), segment(9, true, 2), segment(9, false, 1)];
        assert_eq!(frames(&segments, |_| 31), [Frame { part: 0, segments: vec![1, 0, 2, 3], first: 8 }]);
        assert_eq!(frames(&segments[..1], |_| 31), [Frame { part: 0, segments: vec![0], first: 8 }]);
    }
}
