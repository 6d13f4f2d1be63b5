//! Which axes of a grid go down a heat map, and which go right.

use patchsweep_core::results::GridScores;

/// An axis of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct GridAxis<'a> {
    /// Its name.
    pub name: &'a str,
    /// What stands along it.
    pub places: Vec<Place<'a>>,
}

/// A place along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// Its layer, position, head, ..; where places have names, their count.
    pub index: u32,
    /// None where places are numbers.
    pub name: Option<&'a str>,
    /// What it adds to a cell's row-major place.
    pub offset: usize,
}

/// The axes of a grid that go down, and those that go right, each in the grid's order.
///
/// Layers go down, and all other axes go right, the last of them fastest; but where sources go right, destinations go
/// down, so that each layer and head has a picture of its attention, and where features go right, which are of one layer,
/// positions go down. Senders of paths go down, where their receivers go right.
#[must_use]
pub fn directions(scores: &GridScores) -> [Vec<GridAxis<'_>>; 2] {
    let has = |is: fn(&str) -> bool| scores.axes.iter().any(|name| is(name));
    let has_sources = has(|name| name == "src_pos");
    let has_features = has(|name| name == "feature");
    let has_receivers = has(is_of_receivers);
    let goes_down = |axis: &GridAxis| {
        axis.name == "layer"
            || has_sources && axis.name == "dest_pos"
            || has_features && axis.name == "pos"
            || has_receivers && !is_of_receivers(axis.name)
    };
    let (down, right) = axes(scores).into_iter().partition(goes_down);
    [down, right]
}

/// What each row or column of some axes adds to a cell's row-major place, the last axis fastest.
#[must_use]
pub fn offsets(axes: &[GridAxis]) -> Vec<usize> {
    axes.iter().fold(vec![0], |offsets, axis| {
        let further = |&offset: &usize| axis.places.iter().map(move |place| offset + place.offset);
        offsets.iter().flat_map(further).collect()
    })
}

fn is_of_receivers(axis: &str) -> bool {
    axis.starts_with("to_")
}

fn axes(scores: &GridScores) -> Vec<GridAxis<'_>> {
    let extents = scores.extents();
    let mut axes = Vec::new();
    for (axis, (name, indices)) in scores.axes.iter().zip(&scores.indices).enumerate() {
        let stride: usize = extents[axis + 1..].iter().product();
        let place = |(place, &index)| Place { index, name: scores.name_of(axis, place), offset: place * stride };
        axes.push(GridAxis { name, places: indices.iter().enumerate().map(place).collect() });
    }
    axes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::grid;

    #[test]
    fn each_axis_goes_where_it_says_most() {
        let all: [(&[&str], &[&str], &[&str]); 7] = [
            (&["layer"], &["layer"], &[]),
            (&["pos", "head"], &[], &["pos", "head"]),
            (&["layer", "pos", "head"], &["layer"], &["pos", "head"]),
            (&["layer", "head", "dest_pos", "src_pos"], &["layer", "dest_pos"], &["head", "src_pos"]),
            (&["layer", "head", "dest_pos"], &["layer"], &["head", "dest_pos"]),
            (&["pos", "feature"], &["pos"], &["feature"]),
            (&["layer", "head", "to_layer", "to_head"], &["layer", "head"], &["to_layer", "to_head"]),
        ];
        for (axes, down, right) in all {
            let scores = grid("g", axes, &vec![2; axes.len()]);
            let found = directions(&scores).map(|axes| axes.iter().map(|axis| axis.name).collect::<Vec<_>>());
            assert_eq!(found, [down, right]);
        }
    }

    #[test]
    fn rows_and_columns_add_up_to_each_cell_once() {
        let scores = grid("pattern", &["layer", "head", "dest_pos", "src_pos"], &[2, 3, 4, 5]);
        let [rows, columns] = directions(&scores).map(|axes| offsets(&axes));
        let mut cells: Vec<usize> =
            rows.iter().flat_map(|row| columns.iter().map(move |column| row + column)).collect();
        cells.sort_unstable();
        assert!(cells.into_iter().eq(0..scores.cells()));
    }

    #[test]
    fn places_have_the_names_that_stand_along_their_axis() {
        let mut scores = grid("resid_pre", &["layer", "pos"], &[2, 2]);
        scores.names = vec![Vec::new(), vec!["subject".to_owned(), "end".to_owned()]];
        let [down, right] = directions(&scores);
        assert_eq!(down[0].places[1], Place { index: 1, name: None, offset: 2 });
        assert_eq!(right[0].places[1], Place { index: 1, name: Some("end"), offset: 1 });
    }
}
