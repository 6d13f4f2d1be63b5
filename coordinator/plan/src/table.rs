//! The lines of a text dataset.

use std::path::Path;

use patchsweep_core::tokens::MAX_PROMPTS;

use super::columns::Wanted;
use super::{PlanError, csv_table, json_lines};

/// Most bytes of a prompt or an answer.
const LONGEST_TEXT: usize = 1 << 18;

/// One prompt as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) prompt: String,
    /// The answer, where there is such a column.
    pub(super) answer: Option<String>,
    /// A wrong answer, where there is such a column.
    pub(super) wrong: Option<String>,
    /// A corrupted prompt, where there is such a column.
    pub(super) corrupted: Option<String>,
    /// Fields of the columns that the spec names, in the order of [`Wanted::named`].
    pub(super) named: Vec<String>,
}

/// The lines of a dataset, at least one.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    /// How the file was read where it could have been meant otherwise, for people.
    pub(super) remarks: Vec<String>,
}

/// Columns of a table, and keys of records.
pub(super) const COLUMNS: [&str; 4] = ["prompt", "answer", "wrong", "corrupted"];

/// Between the texts of one field, where it has several.
pub(super) const SEPARATOR: char = '|';

/// Some systems begin a file with it; it is no text.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads `prompt, answer` lines; columns where the file's name ends in `.csv`, and records where it ends as files of JSON do.
pub(super) fn read(file: &str, text: &str, wanted: &Wanted<'_>) -> Result<Lines, PlanError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let ending = Path::new(file).extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    let lines = match ending.as_deref() {
        Some("csv") => csv_table::read(file, text, wanted)?,
        Some("json" | "jsonl" | "ndjson") => {
            Lines { lines: json_lines::read(file, text, wanted)?, remarks: Vec::new() }
        }
        _ => Lines { lines: plain(file, text, wanted)?, remarks: Vec::new() },
    };
    if lines.lines.is_empty() {
        return Err(PlanError::DatasetFile { file: file.to_owned(), message: "has no prompts".to_owned() });
    }
    Ok(lines)
}

/// All lines, or a refusal of more than a sweep may have, and of longer ones than any model reads; before they take the
/// memory.
pub(super) fn limited(
    file: &str,
    lines: impl Iterator<Item = Result<Line, PlanError>>,
) -> Result<Vec<Line>, PlanError> {
    let mut taken: Vec<Line> = Vec::new();
    for line in lines {
        let line = line?;
        let refuse = |message: String| Err(PlanError::Dataset { file: file.to_owned(), line: line.number, message });
        if taken.len() == MAX_PROMPTS {
            return refuse(format!("more than the {MAX_PROMPTS} prompts that a sweep may have"));
        }
        let texts = [Some(&line.prompt), line.answer.as_ref(), line.wrong.as_ref(), line.corrupted.as_ref()];
        if texts.into_iter().flatten().chain(&line.named).any(|text| text.len() > LONGEST_TEXT) {
            return refuse(format!("a text of more than {LONGEST_TEXT} bytes"));
        }
        taken.push(line);
    }
    Ok(taken)
}

fn plain(file: &str, text: &str, wanted: &Wanted<'_>) -> Result<Vec<Line>, PlanError> {
    wanted.refuse_any()?;
    let line = |(index, line): (usize, &str)| {
        let (prompt, answer) = line.rsplit_once(", ").ok_or_else(|| PlanError::Dataset {
            file: file.to_owned(),
            line: index + 1,
            message: "not of the form `prompt, answer`".to_owned(),
        })?;
        let (prompt, answer) = (prompt.to_owned(), Some(answer.trim_end().to_owned()));
        Ok(Line { number: index + 1, prompt, answer, wrong: None, corrupted: None, named: Vec::new() })
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    limited(file, lines.map(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, text: &str) -> Result<Lines, PlanError> {
        super::read(file, text, &Wanted::without_spec())
    }

    #[test]
    fn the_answer_is_what_follows_the_last_comma_and_space() {
        let lines = read("d.txt", "\nWhen Ann, Bo went,  Bo \n").expect("lines").lines;
        assert_eq!(
            (lines[0].number, lines[0].prompt.as_str(), lines[0].answer.as_deref()),
            (2, "When Ann, Bo went", Some(" Bo"))
        );
    }

    #[test]
    fn more_lines_than_a_sweep_has_prompts_and_endless_ones_are_refused() {
        let refused = read("d.txt", &"a, b\n".repeat(MAX_PROMPTS + 1)).expect_err("is refused");
        assert_eq!(refused.to_string(), "d.txt line 1048577: more than the 1048576 prompts that a sweep may have");
        let endless = format!("a, b\n{}, b\n", "a ".repeat(LONGEST_TEXT));
        assert!(read("d.txt", &endless).expect_err("is refused").to_string().contains("line 2: a text of more than"));
        let table = format!("prompt,answer\n{}", endless.replace(", b", ",b"));
        assert!(read("d.csv", &table).expect_err("is refused").to_string().contains("line 3: a text of more than"));
    }

    #[test]
    fn a_line_without_an_answer_is_named() {
        let refused = read("d.txt", "a, b\nc").expect_err("is refused");
        assert_eq!(refused.to_string(), "d.txt line 2: not of the form `prompt, answer`");
        assert_eq!(read("d.txt", " \n").expect_err("is refused").to_string(), "d.txt: has no prompts");
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        for (file, text) in [
            ("d.txt", "a, b"),
            ("d.csv", "prompt,answer\na,b\n"),
            ("d.jsonl", "{\"prompt\": \"a\", \"answer\": \"b\"}\n"),
        ] {
            let [plain, marked] = [text.to_owned(), format!("{BYTE_ORDER_MARK}{text}")].map(|text| read(file, &text));
            assert_eq!(marked.expect("lines").lines, plain.expect("lines").lines, "{file}");
        }
    }
}
