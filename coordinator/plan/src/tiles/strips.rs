//! Live cells over prompts of several parts.

use std::iter::Peekable;
use std::ops::Range;

use crate::region::Strip;

/// Consecutive cells that are live in the same stretches of a section, and of equal cost in each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Joined {
    /// Row-major numbers.
    pub(super) cells: Range<u32>,
    /// Of each of these stretches, by its number.
    pub(super) own: Vec<(usize, Strip)>,
}

impl Joined {
    /// Multiply-adds of each cell.
    pub(super) fn each(&self) -> u64 {
        self.own.iter().map(|(_, strip)| strip.each).fold(0, u64::saturating_add)
    }

    /// Rows of a batch that each takes.
    pub(super) fn rows(&self) -> u64 {
        self.own.iter().map(|(_, strip)| strip.rows).fold(0, u64::saturating_add)
    }
}

/// The live cells of all stretches, each cell once, in row-major order; `stretches`: the same of each.
pub(super) fn joined<I: Iterator<Item = Strip>>(stretches: impl Iterator<Item = I>) -> impl Iterator<Item = Joined> {
    let mut stretches: Vec<Peekable<I>> = stretches.map(Iterator::peekable).collect();
    let mut from = 0;
    std::iter::from_fn(move || {
        for strips in &mut stretches {
            while strips.next_if(|strip| strip.cells.end <= from).is_some() {}
        }
        let next = stretches.iter_mut().enumerate();
        let waiting: Vec<(usize, &Strip)> = next.filter_map(|(index, strips)| Some((index, strips.peek()?))).collect();
        let start = waiting.iter().map(|(_, strip)| strip.cells.start.max(from)).min()?;
        let border = |(_, strip): &(usize, &Strip)| {
            if strip.cells.start > start { strip.cells.start } else { strip.cells.end }
        };
        let end = waiting.iter().map(border).min()?;
        from = end;
        let own = waiting.into_iter().filter(|(_, strip)| strip.cells.start <= start);
        Some(Joined { cells: start..end, own: own.map(|(index, strip)| (index, strip.clone())).collect() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(cells: Range<u32>, each: u64) -> Strip {
        Strip { cells, each, rows: 1, reads: Vec::new(), sender: None }
    }

    #[test]
    fn cells_that_are_live_in_some_stretches_cost_what_they_do_there() {
        let stretches = [
            vec![strip(0..4, 1), strip(6..8, 2)],
            vec![strip(2..7, 10)],
            vec![],
            vec![strip(3..4, 100), strip(9..10, 200)],
        ];
        let all: Vec<_> = joined(stretches.into_iter().map(Vec::into_iter)).collect();
        let found: Vec<_> = all.iter().map(|strip| (strip.cells.clone(), strip.each(), strip.rows())).collect();
        let wanted =
            [(0..2, 1, 1), (2..3, 11, 2), (3..4, 111, 3), (4..6, 10, 1), (6..7, 12, 2), (7..8, 2, 1), (9..10, 200, 1)];
        assert_eq!(found, wanted);
        assert_eq!(all[2].own.iter().map(|(stretch, _)| *stretch).collect::<Vec<_>>(), [0, 1, 3]);
    }

    #[test]
    fn those_of_one_stretch_are_as_they_are() {
        let strips = [strip(1..3, 5), strip(3..4, 6), strip(8..9, 5)];
        let all: Vec<_> = joined(std::iter::once(strips.clone().into_iter())).collect();
        let wanted = strips.map(|strip| Joined { cells: strip.cells.clone(), own: vec![(0, strip)] });
        assert_eq!(all, wanted);
    }
}
