//! A grid of any number of axes on rows and columns.

use patchsweep_core::results::GridScores;
use patchsweep_results::figure::{GridAxis, Place, directions, offsets};

/// Rows and columns as the report's.
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

impl Sheet {
    pub(super) fn of(scores: &GridScores) -> Self {
        let [rows, columns] = directions(scores).map(|axes| Side::of(&axes));
        Self { rows, columns }
    }

    /// Row-major place of a cell in one iteration.
    pub(super) fn cell(&self, row: usize, column: usize) -> usize {
        self.rows.offsets[row] + self.columns.offsets[column]
    }
}

impl Side {
    fn of(axes: &[GridAxis]) -> Self {
        let title = axes.iter().map(|axis| axis.name).collect::<Vec<_>>().join(".");
        Self { title, labels: labels(axes), offsets: offsets(axes) }
    }
}

fn labels(axes: &[GridAxis]) -> Vec<String> {
    axes.iter().fold(vec![String::new()], |labels, axis| {
        let longer = |label: &String| {
            let start = if label.is_empty() { String::new() } else { format!("{label}.") };
            let own = |place: &Place| place.name.map_or_else(|| place.index.to_string(), str::to_owned);
            axis.places.iter().map(move |place| format!("{start}{}", own(place)))
        };
        labels.iter().flat_map(longer).collect()
    })
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
    fn features_have_positions_down() {
        let mut scores = grid("res", &["pos", "feature"], &[2, 5]);
        scores.names = vec![vec!["subject".to_owned(), "end".to_owned()], Vec::new()];
        let sheet = Sheet::of(&scores);
        assert_eq!((sheet.rows.title.as_str(), sheet.columns.title.as_str()), ("pos", "feature"));
        assert_eq!(sheet.rows.labels, ["subject", "end"]);
        assert_eq!(sheet.columns.labels, ["0", "1", "2", "3", "4"]);
        assert_eq!(sheet.cell(1, 4), 9);
    }

    #[test]
    fn a_grid_over_layers_alone_has_one_column_and_a_restricted_one_its_own_indices() {
        let mut scores = grid("mlp_out", &["layer"], &[2]);
        scores.indices = vec![vec![3, 9]];
        let sheet = Sheet::of(&scores);
        assert_eq!((sheet.rows.labels, sheet.columns.labels), (vec!["3".into(), "9".into()], vec![String::new()]));
    }
}
