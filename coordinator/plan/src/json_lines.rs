//! A dataset of records: one JSON object per line.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::PlanError;
use super::table::{COLUMNS, Line, REQUIRED, limited};

/// Reads records by their keys, which are those of a table's columns.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<Line>, PlanError> {
    let filled = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let mut keys: Option<[bool; COLUMNS.len()]> = None;
    let line = |(index, line): (usize, &str)| {
        let refuse = |message: String| PlanError::Dataset { file: file.to_owned(), line: index + 1, message };
        let record = record(line).map_err(refuse)?;
        let found = COLUMNS.map(|key| record.0.contains_key(key));
        let first = *keys.get_or_insert(found);
        if let Some(place) = found.iter().zip(&first).position(|(found, first)| found != first) {
            let (key, has) = (COLUMNS[place], if found[place] { "a key" } else { "no key" });
            return Err(refuse(format!("{has} `{key}`, other than the first record: all records have the same keys")));
        }
        let Record(mut texts) = record;
        Ok(Line {
            number: index + 1,
            prompt: texts.remove("prompt").unwrap_or_default(),
            answer: texts.remove("answer").unwrap_or_default(),
            wrong: texts.remove("wrong"),
            corrupted: texts.remove("corrupted"),
        })
    };
    limited(file, filled.map(line))
}

fn record(line: &str) -> Result<Record, String> {
    let record: Record = serde_json::from_str(line).map_err(|error| {
        // What people have written may be a list of records, or one that goes over several lines.
        format!("not a record, which is one JSON object on a line of its own: {}", without_place(&error))
    })?;
    let unknown: Vec<String> =
        record.0.keys().filter(|key| !COLUMNS.contains(&key.as_str())).map(|key| format!("`{key}`")).collect();
    let missing: Vec<String> =
        REQUIRED.iter().filter(|key| !record.0.contains_key(**key)).map(|key| format!("`{key}`")).collect();
    if unknown.is_empty() && missing.is_empty() {
        return Ok(record);
    }
    let (unknown, missing) = (listed("unknown", &unknown), listed("missing", &missing));
    let found = [unknown, missing].into_iter().flatten().collect::<Vec<_>>().join(", ");
    Err(format!(
        "{found}: a record has `prompt` and `answer`, and may have `wrong` and `corrupted`; write a file that says which \
         of its keys are which, for instance with jq -c '{{prompt: .KEY, answer: .KEY}}'"
    ))
}

fn listed(what: &str, keys: &[String]) -> Option<String> {
    let key = if keys.len() == 1 { "key" } else { "keys" };
    (!keys.is_empty()).then(|| format!("{what} {key} {}", keys.join(", ")))
}

/// The error without its line and column, which count from the record's own.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).map_or(text.clone(), |plain| format!("{plain} at column {}", error.column()))
}

/// Texts by their keys.
struct Record(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Texts)
    }
}

/// By hand, because a map would take the last of two equal keys without a word.
struct Texts;

impl<'de> Visitor<'de> for Texts {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Record, A::Error> {
        let mut texts = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry::<String, Value>()? {
            let text = match value {
                Value::String(text) => text,
                // What has another name is refused for that, whatever it holds.
                _ if !COLUMNS.contains(&key.as_str()) => String::new(),
                _ => return Err(A::Error::custom(format!("`{key}` is no text; put it between double quotes"))),
            };
            if texts.contains_key(&key) {
                return Err(A::Error::custom(format!("two keys are called `{key}`")));
            }
            texts.insert(key, text);
        }
        Ok(Record(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        read("d.jsonl", text).expect_err("is refused").to_string()
    }

    #[test]
    fn records_are_read_by_their_keys() {
        let text = "{\"answer\": \" Ann\", \"prompt\": \"Then, Bo\", \"wrong\": \"\\u00e9\"}\r\n\n\
                    {\"prompt\": \"b\", \"wrong\": \"d\", \"answer\": \"c\"}";
        let lines = read("d.jsonl", text).expect("lines");
        let first = Line {
            number: 1,
            prompt: "Then, Bo".into(),
            answer: " Ann".into(),
            wrong: Some("\u{e9}".into()),
            corrupted: None,
        };
        assert_eq!((&lines[0], lines[1].number, lines.len()), (&first, 3, 2));
    }

    #[test]
    fn other_keys_are_named_with_what_to_do() {
        let message = refusal("\n{\"first\": \"a\", \"n\": 1, \"answer\": \"b\"}\n");
        assert!(
            message.starts_with("d.jsonl line 2: unknown keys `first`, `n`, missing key `prompt`: a record has"),
            "{message}"
        );
        assert!(message.contains("jq -c '{prompt: .KEY, answer: .KEY}'"), "{message}");
        let message =
            refusal("{\"prompt\": \"a\", \"answer\": \"b\"}\n{\"prompt\": \"a\", \"answer\": \"b\", \"wrong\": \"c\"}");
        assert!(message.starts_with("d.jsonl line 2: a key `wrong`, other than the first record"), "{message}");
    }

    #[test]
    fn what_is_no_record_is_refused_with_its_line() {
        assert!(refusal("[{\"prompt\": \"a\"}]").starts_with("d.jsonl line 1: not a record, which is one JSON object"));
        let message = refusal("{\"prompt\": \"a\", \"answer\": 5}");
        assert!(message.contains("`answer` is no text; put it between double quotes at column"), "{message}");
        let message = refusal("{\"prompt\": \"a\", \"answer\": \"b\", \"prompt\": \"c\"}");
        assert!(message.contains("two keys are called `prompt`"), "{message}");
        assert!(refusal("{\n\"prompt\": \"a\"}").contains("line 1: not a record"));
    }
}
