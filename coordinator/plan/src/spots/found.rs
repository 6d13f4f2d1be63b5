//! Where a text stands among a prompt's tokens.

use std::ops::Range;

/// Most tokens that a refusal lists.
const MOST_SHOWN: usize = 64;

/// The tokens of one occurrence of a text, or what is wrong.
///
/// `tokens`: bytes of the prompt that each token stands for. `occurrence`: counted from 1; occurrences do not overlap.
///
/// The first token must begin where the text begins, the last must end where it ends; spaces at the beginning of either do
/// not count.
pub(super) fn tokens_of(
    prompt: &str,
    tokens: &[Range<usize>],
    text: &str,
    occurrence: u32,
) -> Result<Range<usize>, String> {
    let plain = text.trim_start_matches(' ');
    if plain.is_empty() {
        return Err("the text is empty".to_owned());
    }
    let shown = || shown(prompt, tokens);
    let place = prompt.match_indices(text).nth((occurrence - 1) as usize);
    let Some((start, _)) = place else {
        let found = prompt.matches(text).count();
        let message = if found == 0 {
            format!("`{text}` is not in the prompt")
        } else {
            format!("`{text}` stands in the prompt {found} times, and `occurrence` is {occurrence}")
        };
        return Err(format!("{message}, whose tokens are {}", shown()));
    };
    let wanted = start + text.len() - plain.len()..start + text.len();
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
            Ok(first..last + 1)
        }
        _ => Err(format!("`{text}` does not begin and end where tokens do: the prompt's tokens are {}", shown())),
    }
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
        found.into_iter().next().expect("two")
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
        assert_eq!(tokens_of("aaaa", word, "aaaa", 1), Ok(0..1));
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
