//! A figure as PNG, drawn with fonts that the program brings along: the same bytes on every machine.

use std::error::Error;
use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use super::glyphs::FONTS;
use super::{Cells, Figure, svg};

/// Most pixels of a picture: 400 MB while it is drawn.
const MOST_PIXELS: f32 = 1e8;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// It would take too much memory.
    #[error("a picture of {width} x {height} pixels is too large to draw: ask for a smaller --scale, or for --svg")]
    TooLarge {
        /// Its width.
        width: f32,
        /// Its height.
        height: f32,
    },
    /// The figure's SVG was not understood.
    #[error("the figure's SVG cannot be drawn")]
    Draw(#[source] resvg::usvg::Error),
    /// The picture could not be packed.
    #[error("the picture cannot be written as PNG")]
    Encode(#[source] Box<dyn Error + Send + Sync>),
}

static DATABASE: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut database = Database::new();
    for font in FONTS {
        database.load_font_data(font.to_vec());
    }
    // The first one is loaded first.
    let family = database.faces().next().and_then(|face| face.families.first()).map(|(name, _)| name.clone());
    database.set_sans_serif_family(family.unwrap_or_default());
    Arc::new(database)
});

/// The bytes of a PNG file. `scale`: pixels of the picture for each of the figure's.
///
/// The figure should have been made with [`Drawable::OwnFonts`](super::Drawable::OwnFonts).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, positive and below MOST_PIXELS")]
pub fn png(figure: &Figure, scale: f32) -> Result<Vec<u8>, PngError> {
    let options = Options { fontdb: Arc::clone(&DATABASE), font_family: "sans-serif".to_owned(), ..Options::default() };
    let tree = Tree::from_str(&svg(figure, Cells::Rectangles), &options).map_err(PngError::Draw)?;
    let (width, height) = ((tree.size().width() * scale).ceil(), (tree.size().height() * scale).ceil());
    let too_large = || PngError::TooLarge { width, height };
    if width * height > MOST_PIXELS {
        return Err(too_large());
    }
    let mut pixmap = Pixmap::new(width as u32, height as u32).ok_or_else(too_large)?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|error| PngError::Encode(error.into()))
}
