//! The cells of a facet as a picture of one pixel each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use resvg::tiny_skia::{ColorU8, Pixmap};

use super::view::Cell;

/// A PNG that stands where its address would. `cells`: row by row, some columns each.
pub(super) fn data_uri(cells: &[Cell], columns: usize) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png(cells, columns).unwrap_or_default()))
}

/// `None`: there are no cells.
fn png(cells: &[Cell], columns: usize) -> Option<Vec<u8>> {
    let rows = cells.len().checked_div(columns)?;
    let mut pixmap = Pixmap::new(u32::try_from(columns).ok()?, u32::try_from(rows).ok()?)?;
    for (pixel, Cell { fill: [red, green, blue], .. }) in pixmap.pixels_mut().iter_mut().zip(cells) {
        *pixel = ColorU8::from_rgba(*red, *green, *blue, u8::MAX).premultiply();
    }
    pixmap.encode_png().ok()
}
