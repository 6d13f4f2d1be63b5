//! Tables without lines, that both people and `awk` read.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Row, Table};

/// An empty table; all columns but the first are aligned right.
pub(super) fn new(header: impl Into<Row>) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Shown to three digits, where the loss of precision is the point.
#[allow(clippy::cast_precision_loss)]
pub(super) fn scientific(count: impl Into<u128>) -> String {
    format!("{:.2e}", count.into() as f64)
}
