//! Which letters a figure can have.

use std::sync::LazyLock;

use epaint_default_fonts::{HACK_REGULAR, UBUNTU_LIGHT};
use skrifa::{FontRef, MetadataProvider as _};

/// Which letters a figure can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawable {
    /// All: the reader of the file has fonts.
    All,
    /// Those of the fonts that this program brings along; others are spelled as their code points.
    OwnFonts,
}

/// The fonts that pictures are drawn with, so that they are the same on every machine.
pub(super) const FONTS: [&[u8]; 2] = [UBUNTU_LIGHT, HACK_REGULAR];

static CHARACTER_MAPS: LazyLock<Vec<FontRef<'static>>> =
    LazyLock::new(|| FONTS.iter().filter_map(|font| FontRef::new(font).ok()).collect());

impl Drawable {
    /// A label with nothing in it that would vanish: `\u{4e2d}` for a letter that no font has.
    pub(super) fn spell(self, label: &str) -> String {
        if self == Self::All {
            return label.to_owned();
        }
        let has = |c: char| CHARACTER_MAPS.iter().any(|font| font.charmap().map(c).is_some());
        label.chars().map(|c| if has(c) { c.to_string() } else { c.escape_unicode().to_string() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_without_a_glyph_are_spelled_as_code_points() {
        let spell = |label| Drawable::OwnFonts.spell(label);
        assert_eq!(spell("5: 'Älter · Привет' ×−"), "5: 'Älter · Привет' ×−");
        assert_eq!(spell("中a"), "\\u{4e2d}a");
        assert_eq!(Drawable::All.spell("中a"), "中a");
    }
}
