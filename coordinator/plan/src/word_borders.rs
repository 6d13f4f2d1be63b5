//! Where words begin and end.

use std::ops::Range;

/// Whether part of a text begins or ends inside a word, of which letters, digits or `_` stand before or behind it as well.
pub(super) fn cuts_a_word(text: &str, part: &Range<usize>) -> bool {
    [part.start, part.end].into_iter().any(|place| {
        let (before, behind) = text.split_at(place);
        before.chars().next_back().is_some_and(is_of_word) && behind.chars().next().is_some_and(is_of_word)
    })
}

/// Part of a text with the rest of the words that it cuts.
pub(super) fn with_its_words<'a>(text: &'a str, part: &Range<usize>) -> &'a str {
    let start = text[..part.start].trim_end_matches(is_of_word).len();
    let end = text.len() - text[part.end..].trim_start_matches(is_of_word).len();
    &text[start..end]
}

/// Letters, digits and `_`, but none of scripts that put no spaces between words: there any place may be a border.
pub(super) fn is_of_word(c: char) -> bool {
    (c.is_alphanumeric() || c == '_') && !is_unspaced(c)
}

/// Of Thai, Lao, Tibetan, Burmese, Khmer, Chinese or Japanese.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{312f}' | '\u{3190}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_inside_of_them_only() {
        let cut = |text: &str, part: &str| {
            let start = text.find(part).expect("a part");
            let part = start..start + part.len();
            (cuts_a_word(text, &part), with_its_words(text, &part).to_owned())
        };
        let (no, yes) = (|word: &str| (false, word.to_owned()), |word: &str| (true, word.to_owned()));
        assert_eq!(cut("Ann's cat", "Ann"), no("Ann"));
        assert_eq!(cut("in Berlin", "in Berlin"), no("in Berlin"));
        assert_eq!(cut("The cats.", "cat"), yes("cats"));
        assert_eq!(cut("Berlin", "in"), yes("Berlin"));
        assert_eq!(cut("let my_x2", "x"), yes("my_x2"));
        assert_eq!(cut("Straße", "aß"), yes("Straße"));
        assert_eq!(cut("我住在北京吗", "北京"), (false, "北京".to_owned()), "any place may be a border");
    }
}
