//! Where in a file that a person wrote something is wrong, shown as another person would point at it.

use std::fmt;
use std::ops::Range;

/// The text of a TOML file, for error messages that point into it.
#[derive(Clone, Debug)]
pub struct Source {
    text: String,
    /// What the file is, in one word.
    kind: &'static str,
    /// Every word that it may hold, to find the nearest to a misspelt one.
    words: &'static [&'static str],
}

/// A text that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError {
    kind: &'static str,
    location: Option<Box<Location>>,
    message: String,
    hint: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Location {
    /// Counted from 1.
    line: usize,
    /// In characters, counted from 1.
    column: usize,
    /// The line, or what of a long one is around the location.
    text: Box<str>,
    /// Characters of `text` before the location.
    indent: usize,
    /// Characters to underline, at least one.
    width: usize,
}

impl Source {
    /// The text of a file of that kind (one word), which knows these keys and values.
    #[must_use]
    pub fn of(kind: &'static str, words: &'static [&'static str], text: String) -> Self {
        Self { text, kind, words }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// An error at a byte range of the text.
    #[must_use]
    pub fn error(&self, span: Range<usize>, message: String) -> SourceError {
        self.refusal(Some(span), message, None)
    }

    /// An error of the text as a whole.
    #[must_use]
    pub fn error_of_all(&self, message: String) -> SourceError {
        self.refusal(None, message, None)
    }

    /// An error about a word that should be one of `valid`; the nearest is offered.
    #[must_use]
    pub fn word_error(&self, span: Range<usize>, message: String, word: &str, valid: &[&str]) -> SourceError {
        self.refusal(Some(span), message, Some(nearest_word(word, valid)))
    }

    /// An error of the TOML reader.
    #[must_use]
    pub fn toml_error(&self, error: &toml::de::Error) -> SourceError {
        let plain = |text: String, (serde, person): &(&str, &str)| text.replace(serde, person);
        let message = PLAIN_WORDS.iter().fold(error.message().to_owned(), plain);
        let Some(span) = error.span() else {
            return self.refusal(None, message, None);
        };
        let word = self.text.get(span.clone()).unwrap_or("").trim_matches('"');
        let (name, table) = (word.trim_matches(['[', ']']), message.starts_with("invalid type: table"));
        let hint = match message.strip_prefix("unknown ") {
            Some(_) if !self.words.contains(&word) => did_you_mean(word, self.words),
            None if table && word.starts_with("[[") => Some(format!("there is only one: write `[{name}]`")),
            None if table && message.ends_with("expected a list") => Some(format!("write `[[{name}]]`")),
            _ => None,
        };
        self.refusal(Some(span), message, hint)
    }

    fn refusal(&self, span: Option<Range<usize>>, message: String, hint: Option<String>) -> SourceError {
        SourceError { kind: self.kind, location: span.map(|span| Box::new(self.locate(span))), message, hint }
    }

    fn locate(&self, span: Range<usize>) -> Location {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let text = self.text[line_start..].lines().next().unwrap_or("");
        let column = before[line_start..].chars().count() + 1;
        let marked = self.text.get(span).unwrap_or("").lines().next().unwrap_or("").chars().count();
        // Of a long line only what is around the location.
        let skipped = if column > SHOWN { column - SHOWN_BEFORE } else { 0 };
        let text: Box<str> = without_secrets(text).chars().skip(skipped).take(SHOWN).collect();
        let indent = column - 1 - skipped;
        let marked = marked.min(SHOWN - indent);
        Location { line: before.matches('\n').count() + 1, column, text, indent, width: marked.max(1) }
    }
}

/// A line with a star in place of each character of a token that somebody put where none belongs.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = ["psw_", "psc_"].iter().filter_map(|prefix| rest.find(prefix)).min() {
        let (before, secret) = rest.split_at(start);
        let end = secret.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(secret.len());
        shown.push_str(before);
        shown.extend(std::iter::repeat_n('*', end));
        rest = &secret[end..];
    }
    shown.push_str(rest);
    shown
}

/// Words of the TOML reader that only programmers know.
const PLAIN_WORDS: &[(&str, &str)] = &[
    ("recursion limit", "a key has too many dots, or lists are nested too deeply; a spec needs neither"),
    (
        "cannot recurse further; max recursion depth met",
        "lists are nested too deeply; a spec needs at most lists in a list",
    ),
    ("expected u32", "expected a whole number from 0 to 4294967295"),
    ("expected u64", "expected a whole number from 0"),
    ("expected i64", "expected a whole number"),
    ("expected f64", "expected a number"),
    ("invalid type: map", "invalid type: table"),
    ("invalid type: sequence", "invalid type: list"),
    ("expected a sequence", "expected a list"),
    ("expected a boolean", "expected `true` or `false`"),
];

/// Bytes from which on a word is no misspelt one.
const LONGEST_WORD: usize = 128;

/// Characters of a line, and of a message about it, that are shown.
const SHOWN: usize = 200;

/// Characters of a long line before the location that is pointed at.
const SHOWN_BEFORE: usize = 100;

/// The beginning of a text that nobody would read to its end.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(2 * SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What a person may have meant by a word that is none of `valid`.
pub(crate) fn nearest_word(word: &str, valid: &[&str]) -> String {
    did_you_mean(word, valid).unwrap_or_else(|| format!("valid: {}", quoted(valid)))
}

/// The word of `valid` that is nearly this one, if there is such a one, in words.
pub(crate) fn did_you_mean(word: &str, valid: &[&str]) -> Option<String> {
    // Memory and time of a comparison grow with both lengths.
    if word.len() > LONGEST_WORD {
        return None;
    }
    let distance = |candidate: &&&str| strsim::damerau_levenshtein(word, candidate);
    let nearest = valid.iter().min_by_key(distance)?;
    (distance(&nearest) <= 1 + nearest.len() / 4).then(|| format!("did you mean `{nearest}`?"))
}

fn quoted(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = shortened(&without_secrets(&self.message));
        match self.location.as_deref() {
            Some(Location { line, column, text, indent, width }) => {
                let gutter = " ".repeat(line.to_string().len());
                let indent = " ".repeat(*indent);
                write!(f, "{} line {line}, column {column}: {}", self.kind, message)?;
                write!(f, "\n{line} | {text}\n{gutter} | {indent}{}", "^".repeat(*width))?;
            }
            None => write!(f, "{}: {}", self.kind, message)?,
        }
        match &self.hint {
            Some(hint) => write!(f, "\n{hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SourceError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_text_says_what_it_is_and_shows_no_token() {
        let source = Source::of("config", &[], "a = 1\ntoken = \"psw_00ff\" # psc_1".to_owned());
        let message = source.error(14..24, "no token belongs here".to_owned()).to_string();
        assert!(message.starts_with("config line 2, column 9: no token belongs here\n"), "{message}");
        assert!(message.ends_with("2 | token = \"********\" # *****\n  |         ^^^^^^^^^^"), "{message}");
        assert_eq!(source.error_of_all("empty".to_owned()).to_string(), "config: empty");
    }
}
