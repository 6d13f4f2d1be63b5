//! Prompts whose positions are not the same numbers: in groups of one length and equal positions.
//!
//! Where a sweep has groups, its positions are *spots*: entries of the spec's lists, each of which may be another position in each
//! prompt. What a context then lists as a position is the number of a spot. Within a group spots are positions like any
//! others, so that a group is a sweep of its own ([`crate::context::SweepContext::part`]).

use std::ops::Range;

/// An entry of a list of positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// As people write it, like `subject+1`.
    pub name: String,
    /// The position, where it is given by its number and the same in all prompts.
    pub number: Option<u32>,
}

/// Prompts of one length whose spots are equal: what may share tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// How many, at least one.
    pub prompts: u32,
    /// Tokens of each, at least one.
    pub tokens: u32,
    /// The positions of each spot, ascending, at least one \[spots\].
    pub spots: Vec<Vec<u32>>,
}

/// How the prompts of a sweep differ in their positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// What people call the positions.
    pub spots: Vec<Spot>,
    /// One behind the other over all prompts; none where a position is the same number in all of them.
    pub groups: Vec<Group>,
    /// Which prompt of the dataset each one is \[prompts\]; none where they are in its order.
    pub numbers: Vec<u32>,
}

impl Groups {
    /// Whether a position is the same number in all prompts, so that there are no spots.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Which prompt of the dataset one is.
    #[must_use]
    pub fn number(&self, prompt: u32) -> u32 {
        self.numbers.get(prompt as usize).copied().unwrap_or(prompt)
    }

    /// The prompts of each group.
    pub fn ranges(&self) -> impl Iterator<Item = (Range<u32>, &Group)> {
        let mut end = 0;
        self.groups.iter().map(move |group| {
            let start = end;
            end += group.prompts;
            (start..end, group)
        })
    }
}

impl Group {
    /// The positions of some spots together, ascending.
    ///
    /// # Panics
    /// When there is no such spot.
    #[must_use]
    pub fn positions(&self, spots: &[u32]) -> Vec<u32> {
        let mut all: Vec<u32> = spots.iter().flat_map(|&spot| &self.spots[spot as usize]).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_lie_group_behind_group() {
        let group =
            |prompts, spots: &[&[u32]]| Group { prompts, tokens: 6, spots: spots.iter().map(|s| s.to_vec()).collect() };
        let groups = Groups {
            spots: Vec::new(),
            groups: vec![group(2, &[&[3], &[1, 2]]), group(1, &[&[2], &[2, 5]])],
            numbers: vec![0, 2, 1],
        };
        let ranges: Vec<_> = groups.ranges().map(|(range, _)| range).collect();
        assert_eq!(ranges, [0..2, 2..3]);
        let of_last = &groups.groups[1];
        assert_eq!(groups.number(2), 1);
        assert_eq!((of_last.positions(&[0, 1]), of_last.positions(&[0])), (vec![2, 5], vec![2]));
        assert_eq!((Groups::default().number(7), Groups::default().is_empty()), (7, true));
    }
}
