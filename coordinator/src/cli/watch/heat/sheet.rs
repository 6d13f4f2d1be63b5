//! A grid of any number of axes on rows and columns.

use patchsweep_core::results::GridScores;

/// Layers go down and the other axes right, the last of them fastest; where sources go right, destinations go down. The
/// report lays grids out in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Sheet {
    pub(in super::super) rows: Side,
    pub(in super::super) columns: Side,
}

/// One direction of a sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Side {
    /// Names of its axes; empty where there is none.
    pub(in super::super) title: String,
    /// The indices of each row or column, with dots between those of several axes.
    pub(in super::super) labels: Vec<String>,
    /// What each row or column adds to a cell's row-major place.
    offsets: Vec<usize>,
}

struct Axis<'a> {
    name: &'a str,
    indices: &'a [u32],
    /// None where its places have no names.
    words: &'a [String],
    stride: usize,
}

impl Sheet {
    pub(super) fn of(scores: &GridScores) -> Self {
        let mut axes = Vec::new();
        let mut stride = 1;
        for (axis, (name, indices)) in scores.axes.iter().zip(&scores.indices).enumerate().rev() {
            let words = scores.names.get(axis).map_or(&[][..], Vec::as_slice);
            axes.insert(0, Axis { name, indices, words, stride });
            stride *= indices.len();
        }
        let has_sources = scores.axes.iter().any(|axis| axis == "src_pos");
        let has_receivers = scores.axes.iter().any(|axis| axis.starts_with("to_"));
        let goes_down = |axis: &Axis| {
            axis.name == "layer"
                || has_sources && axis.name == "dest_pos"
                || has_receivers && !axis.name.starts_with("to_")
        };
        let (down, right): (Vec<_>, Vec<_>) = axes.into_iter().partition(goes_down);
        Self { rows: Side::of(&down), columns: Side::of(&right) }
    }

    /// Row-major place of a cell in one iteration.
    pub(super) fn cell(&self, row: usize, column: usize) -> usize {
        self.rows.offsets[row] + self.columns.offsets[column]
    }
}

impl Side {
    fn of(axes: &[Axis]) -> Self {
        let start = (String::new(), 0);
        let all = axes.iter().fold(vec![start], |all, axis| {
            let longer = |(label, offset): &(String, usize)| {
                let start = if label.is_empty() { String::new() } else { format!("{label}.") };
                let offset = *offset;
                let places = axis.indices.iter().enumerate();
                places.map(move |(place, index)| {
                    let label = axis.words.get(place).cloned().unwrap_or_else(|| index.to_string());
                    (format!("{start}{label}"), offset + place * axis.stride)
                })
            };
            all.iter().flat_map(longer).collect()
        });
        let title = axes.iter().map(|axis| axis.name).collect::<Vec<_>>().join(".");
        let (labels, offsets) = all.into_iter().unzip();
        Self { title, labels, offsets }
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_results::fixtures::grid;

    use super::*;

    #[test]
    fn layers_go_down_and_the_last_axis_goes_right_fastest() {
        let scores = grid("z", &["layer", "pos", "head"], &[2, 3, 4]);
        let sheet = Sheet::of(&scores);
        assert_eq!((sheet.rows.title.as_str(), sheet.columns.title.as_str()), ("layer", "pos.head"));
        assert_eq!(sheet.rows.labels, ["0", "1"]);
        assert_eq!(sheet.columns.labels[6], "1.2");
        assert_eq!(scores.places(sheet.cell(1, 6)), [1, 1, 2]);
    }

    #[test]
    fn attention_has_destinations_down_and_sources_right() {
        let scores = grid("pattern", &["layer", "head", "dest_pos", "src_pos"], &[2, 3, 4, 4]);
        let sheet = Sheet::of(&scores);
        assert_eq!((sheet.rows.labels.len(), sheet.columns.labels.len()), (8, 12));
        assert_eq!((sheet.rows.labels[6].as_str(), sheet.columns.labels[7].as_str()), ("1.2", "1.3"));
        assert_eq!(scores.places(sheet.cell(6, 7)), [1, 1, 2, 3]);
    }

    #[test]
    fn a_grid_over_layers_alone_has_one_column_and_a_restricted_one_its_own_indices() {
        let mut scores = grid("mlp_out", &["layer"], &[2]);
        scores.indices = vec![vec![3, 9]];
        let sheet = Sheet::of(&scores);
        assert_eq!((sheet.rows.labels, sheet.columns.labels), (vec!["3".into(), "9".into()], vec![String::new()]));
    }
}
