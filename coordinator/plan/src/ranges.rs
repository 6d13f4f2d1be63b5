//! Ascending ranges of cells.

use std::ops::Range;

/// Puts cells behind all others.
pub(super) fn append(all: &mut Vec<Range<u32>>, cells: Range<u32>) {
    match all.last_mut() {
        Some(last) if last.end == cells.start => last.end = cells.end,
        _ => all.push(cells),
    }
}

/// How many there are.
pub(super) fn count(ranges: &[Range<u32>]) -> u64 {
    ranges.iter().map(|range| u64::from(range.end - range.start)).sum()
}

/// Ascending ranges without overlaps, of what any of these covers.
pub(super) fn union(mut ranges: Vec<Range<u32>>) -> Vec<Range<u32>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u32>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// What lies between ascending ranges.
pub(super) fn complement(ranges: &[Range<u32>], end: u32) -> Vec<Range<u32>> {
    let starts = std::iter::once(0).chain(ranges.iter().map(|range| range.end));
    let ends = ranges.iter().map(|range| range.start).chain([end]);
    starts.zip(ends).map(|(start, end)| start..end).filter(|range| !range.is_empty()).collect()
}

/// The numbers at some ascending places of the numbers in some ranges.
pub(super) fn places<'a>(ranges: &'a [Range<u32>], places: &'a [u64]) -> impl Iterator<Item = u32> + 'a {
    let mut ranges = ranges.iter();
    let mut current = 0..0;
    let mut before = 0;
    places.iter().filter_map(move |&place| {
        while place - before >= u64::from(current.end - current.start) {
            before += u64::from(current.end - current.start);
            current = ranges.next()?.clone();
        }
        Some(current.start + u32::try_from(place - before).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_behind_others_join_them_where_they_touch() {
        let mut all = vec![0..2, 4..5];
        append(&mut all, 5..6);
        append(&mut all, 8..9);
        assert_eq!(all, [0..2, 4..6, 8..9]);
        assert_eq!(count(&all), 5);
    }

    #[test]
    fn ranges_and_what_lies_between() {
        let live = union(vec![4..6, 0..2, 1..3, 6..7]);
        assert_eq!(live, [0..3, 4..7]);
        assert_eq!(complement(&live, 9), [3..4, 7..9]);
        assert_eq!(complement(&[], 2), std::iter::once(0..2).collect::<Vec<_>>());
        assert_eq!(complement(&[1..2, 4..6], 6), [0..1, 2..4]);
        assert_eq!(places(&live, &[0, 2, 3, 5]).collect::<Vec<_>>(), [0, 2, 4, 6]);
    }

    #[test]
    fn places_are_counted_over_all_ranges() {
        let ranges = [3..5, 10..11, 20..30];
        assert_eq!(places(&ranges, &[0, 1, 2, 3, 12]).collect::<Vec<_>>(), [3, 4, 10, 20, 29]);
    }
}
