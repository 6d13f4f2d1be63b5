//! Which row goes where in a block's attention: numbers only.

use super::batch::{Layout, Segment};
use super::frames::{Frame, frames};
use super::patches::TableRows;
use crate::torch::numbers::length;
use crate::torch::positions::Positions;

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A row of the table of the run that is patched.
    Unpatched(i64),
    /// A row of the other run's.
    Other(i64),
    /// The runs' own rows.
    Own(i64),
}

/// One frame as it goes through attention.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Which of the batch's parts, and its prompts.
    pub(crate) part: usize,
    pub(crate) prompts: i64,
    /// Indices in the tile's cells, in the order of its rows.
    pub(crate) cells: Vec<usize>,
    /// The first position of its keys and values, which go up to the last one that is read.
    pub(crate) first: i64,
    /// The positions of its queries.
    pub(crate) outputs: Positions,
    /// How many of its queries matter; the others fill it up.
    pub(crate) needed: i64,
}

/// A batch's rows for attention, and behind it. Where rows stay what and where they are there is no list of them: in blocks in which
/// no cell joins that is so for runs over the same positions, and a list would only copy them.
pub(crate) struct Arranged {
    pub(crate) frames: Vec<Shape>,
    /// Frame by frame \[cells, prompts, pos\].
    pub(crate) keys: Option<Vec<Source>>,
    /// Frame by frame \[cells, prompts, outputs\].
    pub(crate) queries: Option<Vec<Source>>,
    /// The runs behind attention, with all positions that matter there; those of equal suffixes are one segment.
    pub(crate) layout: Layout,
    /// For each row behind attention that of `queries`.
    pub(crate) picked: Option<Vec<i64>>,
    /// For each row behind attention the residual stream before the block.
    pub(crate) resid: Option<Vec<Source>>,
}

/// Arranges the rows of a batch, `before`; `queries` has those of them that matter behind the block.
///
/// `outputs`: the positions of a part that matter there, from one on; `table`: the rows of unpatched and of other runs.
pub(crate) fn arranged(
    before: &Layout,
    queries: &Layout,
    outputs: impl Fn(usize, i64) -> Positions,
    table: &TableRows,
) -> Arranged {
    let (first_keys, first_queries) = (before.first_rows(), queries.first_rows());
    // What fills a frame up may be any row.
    let has_own = queries.segments.iter().any(|segment| segment.positions.len() > 0);
    let spare = if has_own { Source::Own(0) } else { Source::Unpatched(0) };
    let frames = frames(&before.segments, |part| table.last(part));
    let [mut keys, mut query_rows, mut resid] = sources(before, queries, &frames, &outputs, table);
    let mut picked = picks(before, &frames, &outputs).then(Vec::new);
    let (mut all_queries, mut shapes, mut layout) = (0, Vec::new(), Layout { segments: Vec::new() });
    for Frame { part, segments, first } in frames {
        let (wanted, last, prompts) = (outputs(part, first), table.last(part), before.segments[segments[0]].prompts);
        let mut shape = Shape { part, prompts, cells: Vec::new(), first, outputs: wanted.clone(), needed: 0 };
        for index in segments {
            let Segment { cells, suffix, positions, .. } = &before.segments[index];
            let (start, own_queries) = (i64::from(suffix.first), &queries.segments[index].positions);
            let mattering = outputs(part, start);
            let runs = length(cells.len()) * prompts;
            for run in 0..runs {
                let unpatched = |pos: i64| table.of(part, run % prompts, pos);
                let own = |first: i64, held: &Positions, pos: i64| {
                    held.place_of(pos).map(|place| Source::Own(first + run * held.len() + place))
                };
                if let Some(keys) = &mut keys {
                    keys.extend((first..=last).map(|pos| match own(first_keys[index], positions, pos) {
                        Some(own) => own,
                        None if suffix.follows_other && pos + 1 == start => Source::Other(unpatched(pos)),
                        None => Source::Unpatched(unpatched(pos)),
                    }));
                }
                let query = |pos| own(first_queries[index], own_queries, pos);
                if let Some(queries) = &mut query_rows {
                    let absent = |pos| if pos < start { spare } else { Source::Unpatched(unpatched(pos)) };
                    queries.extend(wanted.iter().map(|pos| query(pos).unwrap_or_else(|| absent(pos))));
                }
                if let Some(picked) = &mut picked {
                    picked.extend(mattering.iter().filter_map(|pos| Some(all_queries + wanted.place_of(pos)?)));
                }
                if let Some(resid) = &mut resid {
                    resid.extend(mattering.iter().map(|pos| query(pos).unwrap_or(Source::Unpatched(unpatched(pos)))));
                }
                all_queries += wanted.len();
            }
            shape.cells.extend(cells);
            shape.needed += runs * mattering.len();
            match layout.segments.last_mut() {
                Some(before) if (before.part, before.suffix) == (part, *suffix) => before.cells.extend(cells),
                _ => layout.segments.push(Segment {
                    part,
                    prompts,
                    cells: cells.clone(),
                    suffix: *suffix,
                    positions: mattering,
                }),
            }
        }
        shapes.push(shape);
    }
    Arranged { frames: shapes, keys, queries: query_rows, layout, picked, resid }
}

/// Lists for the sources of keys, queries and residual streams, empty so far; none where all rows are the runs' own, in their order.
fn sources(
    before: &Layout,
    queries: &Layout,
    frames: &[Frame],
    outputs: &impl Fn(usize, i64) -> Positions,
    table: &TableRows,
) -> [Option<Vec<Source>>; 3] {
    let order = frames.iter().flat_map(|frame| &frame.segments).copied();
    let are_in_order = order.eq(0..before.segments.len());
    let are_own = |held: &Layout, wanted: &dyn Fn(&Frame, &Segment) -> Positions| {
        let is_own =
            |frame: &Frame, index: usize| held.segments[index].positions == wanted(frame, &before.segments[index]);
        are_in_order && frames.iter().all(|frame| frame.segments.iter().all(|&index| is_own(frame, index)))
    };
    let keys = are_own(before, &|frame, _| Positions::between(frame.first, table.last(frame.part)));
    let of_frame = are_own(queries, &|frame, _| outputs(frame.part, frame.first));
    let of_runs = are_own(queries, &|frame, segment| outputs(frame.part, segment.suffix.first.into()));
    [keys, of_frame, of_runs].map(|are_own| (!are_own).then(Vec::new))
}

/// Whether some of the rows that come out of attention only fill it up.
fn picks(before: &Layout, frames: &[Frame], outputs: &impl Fn(usize, i64) -> Positions) -> bool {
    let fills_up = |frame: &Frame| {
        let wanted = outputs(frame.part, frame.first);
        let first = |index: usize| before.segments[index].suffix.first.into();
        frame.segments.iter().any(|&index| outputs(frame.part, first(index)) != wanted)
    };
    frames.iter().any(fills_up)
}

#[cfg(test)]
mod tests {
    use patchsweep_core::causality::Suffix;

    use super::Source::{Other, Own, Unpatched};
    use super::*;

    fn segment(cells: &[usize], first: u32, follows_other: bool, positions: &[i64]) -> Segment {
        let positions = Positions::new(positions.iter().copied());
        let suffix = Suffix { first, follows_other };
        Segment { part: 0, prompts: 2, cells: cells.to_vec(), suffix, positions }
    }

    /// Two prompts of four positions, and one of three; all behind a position matters.
    fn arrange(segments: &[Segment]) -> Arranged {
        let layout = |segments: &[Segment]| Layout { segments: segments.to_vec() };
        let table = TableRows::new([(2, 4), (1, 3)]);
        let outputs = |part, first| Positions::between(first, table.last(part));
        arranged(&layout(segments), &layout(segments), outputs, &table)
    }

    #[test]
    fn what_a_run_has_no_row_of_comes_from_the_unpatched_one_or_from_the_one_that_it_follows() {
        // A run of all positions from 1 on; one that is patched at 2 alone; one that is the other run's at 2.
        let all = arrange(&[segment(&[7], 1, false, &[1, 2, 3])]);
        assert_eq!((all.keys, all.queries, all.picked, all.resid), (None, None, None, None), "all stay as they are");
        assert_eq!(all.layout.segments[0].cells, [7]);
        let patched = arrange(&[segment(&[7], 2, false, &[2])]);
        assert_eq!(patched.keys, Some(vec![Own(0), Unpatched(3), Own(1), Unpatched(7)]));
        assert_eq!((&patched.queries, &patched.resid, &patched.picked), (&patched.keys, &patched.keys, &None));
        let follows = arrange(&[segment(&[7], 3, true, &[])]);
        assert_eq!(follows.keys, Some(vec![Other(2), Unpatched(3), Other(6), Unpatched(7)]));
        // The query that fills the frame up is any; behind attention only the run's own position is left.
        assert_eq!(follows.queries, Some(vec![Unpatched(0), Unpatched(3), Unpatched(0), Unpatched(7)]));
        assert_eq!((follows.picked, follows.resid), (Some(vec![1, 3]), Some(vec![Unpatched(3), Unpatched(7)])));
        assert_eq!((follows.frames[0].first, follows.frames[0].needed), (2, 2));
    }

    #[test]
    fn segments_of_one_suffix_are_one_behind_attention() {
        let all = arrange(&[
            segment(&[0, 1], 2, false, &[2, 3]),
            segment(&[2], 1, false, &[1, 2, 3]),
            segment(&[3], 2, false, &[3]),
        ]);
        let cells: Vec<_> =
            all.layout.segments.iter().map(|segment| (segment.cells.clone(), segment.suffix.first)).collect();
        assert_eq!(cells, [(vec![2], 1), (vec![0, 1, 3], 2)]);
        assert_eq!(all.layout.segments[1].positions, Positions::between(2, 3));
        let resid = all.resid.expect("another order");
        assert_eq!((all.picked, resid.len()), (None, 2 * 3 + 3 * 2 * 2), "no frame is filled up");
        // The first prompt of cell 3.
        assert_eq!(resid[6 + 8..6 + 10], [Unpatched(2), Own(8 + 6)]);
    }

    #[test]
    fn runs_of_two_parts_are_in_frames_and_segments_of_their_own() {
        let of_second = Segment { part: 1, prompts: 1, ..segment(&[0], 1, false, &[1]) };
        let all = arrange(&[segment(&[0], 1, false, &[1]), of_second]);
        let frames: Vec<_> = all.frames.iter().map(|frame| (frame.part, frame.prompts, frame.first)).collect();
        assert_eq!(frames, [(0, 2, 1), (1, 1, 1)]);
        // The second part's table stands behind the eight rows of the first.
        let of_first = [Own(0), Unpatched(2), Unpatched(3), Own(1), Unpatched(6), Unpatched(7)];
        assert_eq!(all.keys, Some([of_first.as_slice(), &[Own(2), Unpatched(8 + 2)]].concat()));
        let segments: Vec<_> = all.layout.segments.iter().map(|segment| (segment.part, segment.prompts)).collect();
        assert_eq!((segments, all.picked), (vec![(0, 2), (1, 1)], None));
    }

    #[test]
    fn rows_that_lack_nothing_are_listed_where_they_change_their_places_or_are_filled_up() {
        let (whole, shorter) = (segment(&[0], 1, false, &[1, 2, 3]), segment(&[1, 2], 2, false, &[2, 3]));
        let lists =
            |all: &Arranged| [all.keys.is_some(), all.queries.is_some(), all.resid.is_some(), all.picked.is_some()];
        // Three rows and twice two are no frame.
        let in_order = arrange(&[whole.clone(), shorter.clone()]);
        assert_eq!((in_order.frames.len(), lists(&in_order)), (2, [false; 4]));
        assert_eq!(lists(&arrange(&[shorter, whole.clone()])), [true, true, true, false]);
        // A frame in which the second run's first position is filled up.
        let cells: Vec<usize> = (0..8).collect();
        let (many, one) = (segment(&cells, 1, false, &[1, 2, 3]), segment(&[9], 2, false, &[2, 3]));
        let filled = arrange(&[many, one]);
        assert_eq!((filled.frames.len(), lists(&filled)), (1, [true, true, false, true]));
    }
}
