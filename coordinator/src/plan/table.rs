//! The lines of a text dataset.

use std::path::Path;

use super::{PlanError, csv_table};

/// One prompt as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) prompt: String,
    pub(super) answer: String,
    /// A wrong answer, where there is such a column.
    pub(super) wrong: Option<String>,
    /// A corrupted prompt, where there is such a column.
    pub(super) corrupted: Option<String>,
}

/// Reads `prompt, answer` lines, or columns where the file's name ends in `.csv`.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<Line>, PlanError> {
    let is_csv = Path::new(file).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let lines = if is_csv { csv_table::read(file, text)? } else { plain(file, text)? };
    if lines.is_empty() {
        return Err(PlanError::DatasetFile { file: file.to_owned(), message: "has no prompts".to_owned() });
    }
    Ok(lines)
}

fn plain(file: &str, text: &str) -> Result<Vec<Line>, PlanError> {
    let line = |(index, line): (usize, &str)| {
        let (prompt, answer) = line.rsplit_once(", ").ok_or_else(|| PlanError::Dataset {
            file: file.to_owned(),
            line: index + 1,
            message: "not of the form `prompt, answer`".to_owned(),
        })?;
        let (prompt, answer) = (prompt.to_owned(), answer.trim_end().to_owned());
        Ok(Line { number: index + 1, prompt, answer, wrong: None, corrupted: None })
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_answer_is_what_follows_the_last_comma_and_space() {
        let lines = read("d.txt", "\nWhen Ann, Bo went,  Bo \n").expect("lines");
        assert_eq!(
            (lines[0].number, lines[0].prompt.as_str(), lines[0].answer.as_str()),
            (2, "When Ann, Bo went", " Bo")
        );
    }

    #[test]
    fn a_line_without_an_answer_is_named() {
        let refused = read("d.txt", "a, b\nc").expect_err("is refused");
        assert_eq!(refused.to_string(), "d.txt line 2: not of the form `prompt, answer`");
        assert_eq!(read("d.txt", " \n").expect_err("is refused").to_string(), "d.txt: has no prompts");
    }
}
