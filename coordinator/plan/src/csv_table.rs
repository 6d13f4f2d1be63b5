//! A dataset with named columns: a `.csv` file with a header.

use csv::{ErrorKind, Position, Reader, ReaderBuilder, StringRecord};

use super::PlanError;
use super::columns::Wanted;
use super::table::{COLUMNS, Line, Lines, limited};

/// What stands between the fields, where it is no comma: spreadsheets write `;` in many countries.
const OTHER_DELIMITERS: [u8; 2] = [b';', b'\t'];

/// What pandas calls the column of its index: nothing, and something once it has read that again.
const INDEX_COLUMNS: [&str; 2] = ["", "Unnamed: 0"];

/// Fields are taken as they are: a leading space is part of a token.
pub(super) fn read(file: &str, text: &str, wanted: &Wanted<'_>) -> Result<Lines, PlanError> {
    let delimiter = delimiter(text, wanted);
    let mut reader = reader(text, delimiter);
    let header = reader.headers().map_err(|error| malformed(file, text, &error))?.clone();
    if header.is_empty() {
        return Ok(Lines { lines: Vec::new(), remarks: Vec::new() });
    }
    let mut remarks = Vec::new();
    if delimiter != b',' {
        let between = if delimiter == b'\t' { "tabs" } else { "semicolons" };
        remarks.push(format!("{file} was read as a table with {between} between its columns"));
    }
    let has_index = header.len() > 1 && header.get(0).is_some_and(|name| INDEX_COLUMNS.contains(&name));
    if has_index {
        remarks
            .push(format!("{file}: the first column, which has no name, was skipped: an index, as pandas writes it"));
    }
    let own = header.iter().skip(usize::from(has_index)).collect::<Vec<_>>();
    wanted.refuse_missing(&own)?;
    refuse_unfit(&own, wanted).map_err(|message| refuse(file, line_number(text, header.position()), message))?;
    let place = |name: &str| header.iter().position(|column| column == name);
    let [prompt, answer, wrong, corrupted] = COLUMNS.map(place);
    let named: Vec<Option<usize>> = wanted.named().map(place).collect();
    let line = |record: Result<StringRecord, csv::Error>| {
        let record = record.map_err(|error| malformed(file, text, &error))?;
        let field = |place: Option<usize>| place.and_then(|place| record.get(place)).map(str::to_owned);
        Ok(Line {
            number: line_number(text, record.position()),
            prompt: field(prompt).unwrap_or_default(),
            answer: field(answer),
            wrong: field(wrong),
            corrupted: field(corrupted),
            named: named.iter().map(|&place| field(place).unwrap_or_default()).collect(),
        })
    };
    Ok(Lines { lines: limited(file, reader.records().map(line))?, remarks })
}

fn reader(text: &str, delimiter: u8) -> Reader<&[u8]> {
    ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes())
}

/// A comma, unless another one cuts the header into columns that are known.
fn delimiter(text: &str, wanted: &Wanted<'_>) -> u8 {
    let cuts = |delimiter: u8| {
        let mut reader = reader(text, delimiter);
        let known = |header: &StringRecord| {
            header.len() > 1 && wanted.required().iter().all(|name| header.iter().any(|column| column == *name))
        };
        reader.headers().is_ok_and(known)
    };
    OTHER_DELIMITERS.into_iter().find(|&delimiter| cuts(delimiter)).unwrap_or(b',')
}

/// Says what is wrong with a header that has columns twice, unknown ones, or not all of those that there must be.
fn refuse_unfit(header: &[&str], wanted: &Wanted<'_>) -> Result<(), String> {
    let unknown = |name: &&str| !wanted.knows(name) && !wanted.passes_over(name);
    let unknown: Vec<&str> = header.iter().copied().filter(unknown).collect();
    if !unknown.is_empty() {
        return Err(wanted.unknown("column", &unknown));
    }
    for (index, name) in header.iter().enumerate() {
        if wanted.knows(name) && header[..index].contains(name) {
            return Err(format!("two columns are called `{name}`"));
        }
    }
    match wanted.required().iter().find(|name| !header.contains(name)) {
        Some(missing) => Err(format!("no column `{missing}`; the first line names the columns")),
        None => Ok(()),
    }
}

fn refuse(file: &str, line: usize, message: String) -> PlanError {
    PlanError::Dataset { file: file.to_owned(), line, message }
}

fn malformed(file: &str, text: &str, error: &csv::Error) -> PlanError {
    let message = match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields for {expected_len} columns; a field with a comma goes between double quotes")
        }
        _ => error.to_string(),
    };
    refuse(file, line_number(text, error.position()), message)
}

/// Where a record begins, counted from 1: its position is that of the line breaks before it.
fn line_number(text: &str, position: Option<&Position>) -> usize {
    let (line, byte) = position.map_or((1, 0), |position| (position.line(), position.byte()));
    let behind = usize::try_from(byte).ok().and_then(|byte| text.as_bytes().get(byte..)).unwrap_or_default();
    let breaks = behind.iter().take_while(|&&byte| matches!(byte, b'\r' | b'\n')).filter(|&&byte| byte == b'\n');
    usize::try_from(line).expect("a line of a text in memory") + breaks.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, text: &str) -> Result<Lines, PlanError> {
        super::read(file, text, &Wanted::without_spec())
    }

    fn refusal(text: &str) -> String {
        read("d.csv", text).expect_err("is refused").to_string()
    }

    #[test]
    fn columns_are_found_by_name_and_fields_keep_their_spaces() {
        let lines =
            read("d.csv", "answer,prompt,wrong\n Ann,\"Then, Bo gave it to\", Bo\n\n b,a, c\n").expect("lines").lines;
        let first = Line {
            number: 2,
            prompt: "Then, Bo gave it to".into(),
            answer: Some(" Ann".into()),
            wrong: Some(" Bo".into()),
            corrupted: None,
            named: Vec::new(),
        };
        assert_eq!((lines.len(), &lines[0]), (2, &first));
        assert_eq!(lines[1].number, 4);
    }

    #[test]
    fn lines_are_counted_whatever_ends_them() {
        for end in ["\n", "\r\n", "\n\n"] {
            let text = ["prompt,answer", "a,b", "\"c\nd\",e", "f,g", "h"].join(end);
            let breaks = end.matches('\n').count();
            let lines = read("d.csv", &text[..text.len() - 1]).expect("lines").lines;
            let numbers: Vec<usize> = lines.iter().map(|line| line.number).collect();
            assert_eq!(numbers, [1 + breaks, 1 + 2 * breaks, 2 + 3 * breaks], "{end:?}");
            assert!(refusal(&text).starts_with(&format!("d.csv line {}: 1 fields", 2 + 4 * breaks)), "{end:?}");
        }
    }

    #[test]
    fn a_header_with_other_columns_is_refused_with_the_nearest_word() {
        assert_eq!(refusal("promt,answer\na,b\n"), "d.csv line 1: unknown column `promt`: did you mean `prompt`?");
        assert!(refusal("prompt, answer\na, b\n").contains("unknown column ` answer`: did you mean `answer`?"));
        assert!(refusal("prompt,answer,prompt\na,b,c\n").contains("line 1: two columns are called `prompt`"));
        assert!(refusal("prompt,wrong\na,b\n").contains("line 1: no column `answer`"));
    }

    #[test]
    fn a_line_of_another_width_is_named() {
        let message = refusal("prompt,answer\na,b\nc, d, e\n");
        assert!(message.starts_with("d.csv line 3: 3 fields for 2 columns"), "{message}");
        assert!(read("d.csv", "").expect("lines").lines.is_empty());
    }

    #[test]
    fn the_index_that_pandas_writes_is_skipped_and_reported() {
        let plain = read("d.csv", "prompt,answer\na,b\nc,d\n").expect("lines");
        assert_eq!(plain.remarks, [""; 0]);
        for index in ["", "Unnamed: 0"] {
            let lines = read("d.csv", &format!("{index},prompt,answer\n0,a,b\n1,c,d\n")).expect("lines");
            assert_eq!(lines.lines, plain.lines);
            assert!(lines.remarks[0].contains("d.csv: the first column"), "{:?}", lines.remarks);
        }
        assert!(refusal("prompt,,answer\na,0,b\n").contains("unknown column ``"), "only the first one is an index");
    }

    #[test]
    fn semicolons_and_tabs_between_columns_are_reported() {
        let plain = read("d.csv", "prompt,answer\n\"a, b\",c\n").expect("lines").lines;
        for (text, word) in [("prompt;answer\na, b;c\n", "semicolons"), ("prompt\tanswer\na, b\tc\n", "tabs")] {
            let lines = read("d.csv", text).expect("lines");
            assert_eq!(lines.lines, plain);
            assert!(lines.remarks[0].contains(word), "{:?}", lines.remarks);
        }
        let lines = read("d.csv", "prompt,answer\na;b,c;d\n").expect("lines");
        assert_eq!((lines.lines[0].prompt.as_str(), lines.remarks.len()), ("a;b", 0));
        assert!(refusal("promt;answer\na;b\n").contains("unknown column `promt;answer`"));
    }
}
