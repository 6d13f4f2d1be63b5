//! What runs of several parts are patched with. Their rows go through matrix products together; what depends on positions is
//! done part by part, or with tables in which the parts' rows stand one behind the other.

use patchsweep_core::grid::{Component, PatchValue};
use tch::Tensor;

use super::values::Patch;
use crate::torch::model::exec::Exec;
use crate::torch::positions::Positions;
use crate::torch::rows::joined;

/// Of the parts that a batch has runs of, at least one.
pub(crate) struct Patches<'a> {
    parts: &'a [Patch<'a>],
    /// Of the tables.
    pub(crate) rows: TableRows,
}

/// Where the rows of a table \[prompts * pos, ..\] are: of each part up to its last position that is read.
#[derive(Clone, Debug)]
pub(crate) struct TableRows {
    /// Of each part the first row, and how many positions each prompt has.
    parts: Vec<(i64, i64)>,
    count: i64,
}

impl<'a> Patches<'a> {
    pub(crate) fn new(parts: &'a [Patch<'a>]) -> Self {
        let sizes = parts.iter().map(|patch| (patch.prompts(), patch.last + 1));
        Self { parts, rows: TableRows::new(sizes) }
    }

    pub(crate) fn exec(&self) -> &'a Exec<'a> {
        self.parts[0].exec
    }

    pub(crate) fn of(&self, part: usize) -> &'a Patch<'a> {
        &self.parts[part]
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &'a Patch<'a>> {
        self.parts.iter()
    }

    /// Of cells that are in sweeps without groups only, whose one part has all prompts.
    pub(crate) fn alone(&self) -> &'a Patch<'a> {
        debug_assert_eq!(self.parts.len(), 1, "paths are of sweeps without groups");
        &self.parts[0]
    }

    /// The unpatched activations \[prompts * pos, ..\].
    pub(crate) fn base_table(&self, layer: u32, component: Component) -> Tensor {
        joined(self.all().map(|patch| patch.base(layer, component).flatten(0, 1)))
    }

    /// What activations become \[prompts * pos, ..\]; not for patterns.
    pub(crate) fn new_table(&self, value: PatchValue, layer: u32, component: Component) -> Tensor {
        let of_part = |patch: &Patch<'_>| {
            let all = Positions::between(0, patch.last);
            patch.new_at(value, layer, component, &all).flatten(0, 1)
        };
        joined(self.all().map(of_part))
    }
}

impl TableRows {
    /// `sizes`: prompts and positions of each part.
    pub(crate) fn new(sizes: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut count = 0;
        let part = |(prompts, positions)| {
            let first = count;
            count += prompts * positions;
            (first, positions)
        };
        let parts = sizes.into_iter().map(part).collect();
        Self { parts, count }
    }

    /// Of all parts.
    pub(crate) fn count(&self) -> i64 {
        self.count
    }

    /// The last position of a part.
    pub(crate) fn last(&self, part: usize) -> i64 {
        self.parts[part].1 - 1
    }

    /// The row of a prompt's position; `prompt`: of the part.
    pub(crate) fn of(&self, part: usize, prompt: i64, pos: i64) -> i64 {
        let (first, positions) = self.parts[part];
        first + prompt * positions + pos
    }
}

#[cfg(test)]
mod tests {
    use super::TableRows;

    #[test]
    fn rows_of_a_part_stand_behind_those_of_the_parts_before() {
        let rows = TableRows::new([(2, 3), (1, 5), (4, 1)]);
        assert_eq!((rows.count(), rows.last(1)), (15, 4));
        assert_eq!([rows.of(0, 1, 2), rows.of(1, 0, 0), rows.of(1, 0, 4), rows.of(2, 3, 0)], [5, 6, 10, 14]);
    }
}
