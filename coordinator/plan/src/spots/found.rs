//! Where a text stands among a prompt's tokens.

use std::ops::Range;

use super::super::word_borders::{cuts_a_word, with_its_words};

/// Most tokens that a refusal lists.
const MOST_SHOWN: usize = 64;

/// Where a text stands in a prompt.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) tokens: Range<usize>,
    /// The word of which it is a part, where it is nowhere a word of its own.
    pub(super) inside: Option<String>,
}

/// The tokens of one occurrence of a text, or what is wrong.
///
/// `tokens`: bytes of the prompt that each token stands for. `occurrence`: counted from 1; occurrences do not overlap, and only where
/// the text is nowhere a word, or words, of its own, those inside words count.
///
/// The first token must begin where the text begins, the last must end where it ends; spaces at the beginning of either do
/// not count.
pub(super) fn tokens_of(
    prompt: &str,
    tokens: &[Range<usize>],
    text: &str,
    occurrence: u32,
) -> Result<Standing, String> {
    let plain = text.trim_start_matches(' ');
    if plain.is_empty() {
        return Err("the text is empty".to_owned());
    }
    let shown = || shown(prompt, tokens);
    let spaces = text.len() - plain.len();
    let all = || prompt.match_indices(text).map(|(start, _)| start + spaces..start + text.len());
    let words = words(prompt, text, spaces);
    let (is_inside, found) = (words.is_empty(), if words.is_empty() { all().collect() } else { words });
    let Some(wanted) = found.get((occurrence - 1) as usize) else {
        let count = found.len();
        let own =
            if !is_inside && all().any(|place| cuts_a_word(prompt, &place)) { " as a word of its own" } else { "" };
        let message = if count == 0 {
            format!("`{text}` is not in the prompt")
        } else {
            format!("`{text}` stands in the prompt {count} times{own}, and `occurrence` is {occurrence}")
        };
        return Err(format!("{message}, whose tokens are {}", shown()));
    };
    let without_spaces = |token: &Range<usize>| {
        let words = prompt.get(token.clone()).unwrap_or_default();
        token.end - words.trim_start_matches(' ').len()..token.end
    };
    let overlaps = |token: &Range<usize>| token.start < wanted.end && token.end > wanted.start;
    let mut own = (0..).zip(tokens.iter().map(without_spaces)).filter(|(_, token)| overlaps(token));
    let first = own.next();
    let last = own.last().or_else(|| first.clone());
    match (first, last) {
        (Some((first, begins)), Some((last, ends))) if (begins.start, ends.end) == (wanted.start, wanted.end) => {
            let inside = is_inside.then(|| with_its_words(prompt, wanted).to_owned());
            Ok(Standing { tokens: first..last + 1, inside })
        }
        _ => Err(format!("`{text}` does not begin and end where tokens do: the prompt's tokens are {}", shown())),
    }
}

/// Where a text stands as a word, or words, of its own; `spaces`: how many it begins with, which are none of the place.
fn words(prompt: &str, text: &str, spaces: usize) -> Vec<Range<usize>> {
    let (mut words, mut from) = (Vec::new(), 0);
    while let Some(start) = prompt[from..].find(text).map(|place| from + place) {
        let place = start + spaces..start + text.len();
        from = if cuts_a_word(prompt, &place) {
            // The next one may begin inside it.
            start + text.chars().next().map_or(1, char::len_utf8)
        } else {
            words.push(place.clone());
            place.end
        };
    }
    words
}

fn shown(prompt: &str, tokens: &[Range<usize>]) -> String {
    let token = |token: &Range<usize>| format!("`{}`", prompt.get(token.clone()).unwrap_or_default());
    let shown: Vec<String> = tokens.iter().take(MOST_SHOWN).map(token).collect();
    shown.join(" ") + if tokens.len() > MOST_SHOWN { " .." } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: &str = "In New York, Ann met Ann";

    /// With the space before a word, or without it, as tokenizers say it.
    fn tokens(spaces: bool) -> Vec<Range<usize>> {
        let words = ["In", " New", " York", ",", " Ann", " met", " Ann"];
        let mut end = 0;
        let token = |word: &str| {
            let start = end + if spaces { 0 } else { word.len() - word.trim_start().len() };
            end += word.len();
            start..end
        };
        words.into_iter().map(token).collect()
    }

    fn found(text: &str, occurrence: u32) -> Result<Range<usize>, String> {
        let found = [true, false].map(|spaces| tokens_of(PROMPT, &tokens(spaces), text, occurrence));
        assert_eq!(found[0].is_ok(), found[1].is_ok());
        let standing = found.into_iter().next().expect("two")?;
        assert_eq!(standing.inside, None, "{text}");
        Ok(standing.tokens)
    }

    /// In a prompt whose letters are its tokens.
    fn by_letter(prompt: &str, text: &str, occurrence: u32) -> Result<(usize, Option<String>), String> {
        let tokens: Vec<Range<usize>> = (0..prompt.len()).map(|place| place..place + 1).collect();
        tokens_of(prompt, &tokens, text, occurrence).map(|standing| (standing.tokens.start, standing.inside))
    }

    #[test]
    fn a_text_inside_a_word_counts_only_where_it_is_no_word_itself() {
        const PROMPT: &str = "Berlin is in inner in";
        assert_eq!((by_letter(PROMPT, "in", 1), by_letter(PROMPT, "in", 2)), (Ok((10, None)), Ok((19, None))));
        assert_eq!(by_letter(PROMPT, " in", 1), Ok((10, None)));
        let more = by_letter(PROMPT, "in", 3).expect_err("two words");
        assert!(
            more.starts_with("`in` stands in the prompt 2 times as a word of its own, and `occurrence` is 3"),
            "{more}"
        );
        assert_eq!(by_letter(PROMPT, "er", 2), Ok((16, Some("inner".to_owned()))));
        assert_eq!(by_letter("The cats", "cat", 1), Ok((4, Some("cats".to_owned()))));
    }

    #[test]
    fn a_word_that_begins_inside_what_cuts_one_is_found() {
        assert_eq!(by_letter("MacAnn Ann Ann", "Ann Ann", 1), Ok((7, None)));
        assert_eq!(by_letter("MacAnn Ann Ann Ann Ann", "Ann Ann", 2), Ok((15, None)), "words do not overlap");
        let more = by_letter("MacAnn Ann Ann Ann", "Ann Ann", 2).expect_err("one word");
        assert!(more.starts_with("`Ann Ann` stands in the prompt 1 times as a word of its own"), "{more}");
        let letters = |prompt: &str, text: &str| {
            let letter = |(start, c): (usize, char)| start..start + c.len_utf8();
            let tokens: Vec<Range<usize>> = prompt.char_indices().map(letter).collect();
            tokens_of(prompt, &tokens, text, 1).map(|standing| (standing.tokens.start, standing.inside))
        };
        assert_eq!(letters("aé é é", "é é"), Ok((3, None)));
    }

    #[test]
    fn a_text_is_the_tokens_that_it_overlaps() {
        assert_eq!(found("New York", 1), Ok(1..3));
        assert_eq!(found(" New York", 1), Ok(1..3));
        assert_eq!((found("Ann", 1), found("Ann", 2)), (Ok(4..5), Ok(6..7)));
        assert_eq!(found("In", 1), Ok(0..1));
        assert_eq!(found(PROMPT, 1), Ok(0..7));
    }

    #[test]
    fn occurrences_inside_of_words_count_and_do_not_overlap() {
        let word = std::slice::from_ref(&(0..4));
        assert_eq!(tokens_of("aaaa", word, "aaaa", 1), Ok(Standing { tokens: 0..1, inside: None }));
        assert!(tokens_of("aaaa", word, "aa", 2).expect_err("inside").contains("does not begin and end"));
        assert!(tokens_of("aaaa", word, "aa", 3).expect_err("none").contains("2 times, and `occurrence` is 3"));
    }

    #[test]
    fn what_is_not_made_of_whole_tokens_is_refused_with_the_tokens() {
        let inside = found("Yor", 1).expect_err("is refused");
        assert_eq!(
            inside,
            "`Yor` does not begin and end where tokens do: the prompt's tokens are `In` ` New` ` York` `,` ` Ann` ` met` ` Ann`"
        );
        assert!(found("ew York", 1).is_err() && found("New York,", 1).is_ok() && found("York, ", 1).is_err());
        let missing = found("Oslo", 1).expect_err("is refused");
        assert!(missing.starts_with("`Oslo` is not in the prompt, whose tokens are `In` ` New`"), "{missing}");
        assert_eq!(found(" ", 1).expect_err("is refused"), "the text is empty");
    }
}
