//! Errors with their causes, for people.

use std::error::Error;
use std::fmt;

/// An error and what caused it, on one line.
///
/// No error's text holds that of its cause. Of libraries whose errors do, [`Whole`] or [`RootCause`] is kept.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// An error of a library that shows its causes in its own text: for people it has none besides.
#[derive(Debug)]
pub struct Whole<E>(pub E);

impl<E: fmt::Display> fmt::Display for Whole<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: fmt::Debug + fmt::Display> Error for Whole<E> {}

/// What is behind all other causes of an error, where these only say through how many layers it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootCause(String);

impl RootCause {
    /// Of this error; its own text where nothing caused it.
    #[must_use]
    pub fn of(error: &dyn Error) -> Self {
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Self(innermost.to_string())
    }
}

impl fmt::Display for RootCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for RootCause {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("row 1")]
    struct Row(#[source] Count);

    #[derive(Debug, thiserror::Error)]
    #[error("1")]
    struct Count;

    #[test]
    fn a_cause_is_shown_even_where_its_text_stands_in_the_error_already() {
        assert_eq!(error_chain(&Row(Count)), "row 1: 1");
    }

    #[test]
    fn a_library_s_error_is_shown_without_the_causes_that_it_shows_itself() {
        assert_eq!(error_chain(&Whole(Row(Count))), "row 1");
        assert_eq!(error_chain(&RootCause::of(&Row(Count))), "1");
        assert_eq!(error_chain(&RootCause::of(&Count)), "1");
    }
}
