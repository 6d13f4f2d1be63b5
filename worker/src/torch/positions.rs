//! Some positions of a prompt, taken out of tensors as views where they are contiguous.

use tch::Tensor;

use crate::torch::numbers::length;

/// Ascending positions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Positions(Vec<i64>);

/// Where the rows of a tensor are.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    /// \[.., positions, head, ..\]
    Positions(&'a Positions),
    /// \[rows, head, ..\]: the position of each, int64 on the table's device, made where it is asked for.
    Rows(&'a dyn Fn() -> Tensor),
}

impl At<'_> {
    /// Of a table \[pos, ..\] what belongs to each of the tensor's positions, or rows.
    pub(crate) fn of(self, table: &Tensor) -> Tensor {
        match self {
            Self::Positions(positions) => positions.of(table, 0, 0),
            Self::Rows(rows) => table.index_select(0, &rows()),
        }
    }
}

impl Positions {
    /// Of ascending positions.
    pub(crate) fn new(positions: impl IntoIterator<Item = i64>) -> Self {
        Self(positions.into_iter().collect())
    }

    /// From the first up to the last one, both included.
    pub(crate) fn between(first: i64, last: i64) -> Self {
        Self((first..=last).collect())
    }

    pub(crate) fn len(&self) -> i64 {
        length(self.0.len())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = i64> {
        self.0.iter().copied()
    }

    /// Where a position is in the list.
    pub(crate) fn place_of(&self, pos: i64) -> Option<i64> {
        self.0.binary_search(&pos).ok().map(length)
    }

    /// Of some positions those that are in the list, each with its place there.
    pub(crate) fn places_of(&self, wanted: &[u32]) -> impl Iterator<Item = (i64, i64)> {
        wanted.iter().filter_map(|&pos| Some((pos.into(), self.place_of(pos.into())?)))
    }

    /// Those that both have.
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        Self(self.iter().filter(|pos| other.0.contains(pos)).collect())
    }

    /// Where they are in a list that has all of them.
    pub(crate) fn places_in(&self, all: &Self) -> Self {
        Self((0..).zip(&all.0).filter(|(_, pos)| self.0.contains(pos)).map(|(place, _)| place).collect())
    }

    /// Their rows along a dimension of a tensor whose first row there belongs to position `first`.
    pub(crate) fn of(&self, x: &Tensor, dim: i64, first: i64) -> Tensor {
        let parts: Vec<Tensor> = self.stretches().map(|(start, length)| x.narrow(dim, start - first, length)).collect();
        match parts.as_slice() {
            [] => x.narrow(dim, 0, 0),
            [part] => part.shallow_clone(),
            parts => Tensor::cat(parts, dim),
        }
    }

    /// Overwrites their rows; of a tensor as in [`Positions::of`]. `rows` broadcasts to them.
    pub(crate) fn overwrite(&self, x: &Tensor, dim: i64, first: i64, rows: &Tensor) {
        let mut done = 0;
        for (start, length) in self.stretches() {
            x.narrow(dim, start - first, length).copy_(&rows.narrow(dim, done, length));
            done += length;
        }
    }

    /// Contiguous stretches: first position and length.
    fn stretches(&self) -> impl Iterator<Item = (i64, i64)> {
        let stretches = self.0.chunk_by(|a, b| a + 1 == *b);
        stretches.map(|stretch| (stretch[0], length(stretch.len())))
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    fn numbers(x: &Tensor) -> Vec<i64> {
        x.flatten(0, -1).try_into().expect("integers")
    }

    #[test]
    fn scattered_positions_are_taken_and_overwritten_in_order() {
        let x = Tensor::arange(12, (Kind::Int64, Device::Cpu)).view([2, 6]);
        let positions = Positions::new([3, 4, 7]);
        assert_eq!(numbers(&positions.of(&x, 1, 2)), [1, 2, 5, 7, 8, 11]);
        assert_eq!(Positions::new([]).of(&x, 1, 2).size(), [2, 0]);
        positions.overwrite(&x, 1, 2, &Tensor::from_slice(&[-1i64, -2, -3, -4, -5, -6]).view([2, 3]));
        assert_eq!(numbers(&x), [0, -1, -2, 3, 4, -3, 6, -4, -5, 9, 10, -6]);
    }

    #[test]
    fn rows_of_a_table_are_by_position_or_by_row() {
        let table = Tensor::arange(12, (Kind::Int64, Device::Cpu)).view([6, 2]);
        assert_eq!(numbers(&At::Positions(&Positions::new([1, 4])).of(&table)), [2, 3, 8, 9]);
        assert_eq!(numbers(&At::Rows(&|| Tensor::from_slice(&[4i64, 1, 4])).of(&table)), [8, 9, 2, 3, 8, 9]);
    }

    #[test]
    fn places_count_from_the_first_of_the_list() {
        assert_eq!(Positions::new([4, 7]).places_in(&Positions::new([2, 4, 5, 7])), Positions::new([1, 3]));
    }

    #[test]
    fn intersections_keep_the_order() {
        assert_eq!(Positions::between(2, 5).intersection(&Positions::new([1, 3, 5, 9])), Positions::new([3, 5]));
    }
}
