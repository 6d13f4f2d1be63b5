//! A dataset of records: one JSON object per line.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::PlanError;
use super::columns::Wanted;
use super::table::{Line, SEPARATOR, limited};

/// Reads records by their keys, which are those of a table's columns.
pub(super) fn read(file: &str, text: &str, wanted: &Wanted<'_>) -> Result<Vec<Line>, PlanError> {
    let filled = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let mut keys: Option<Vec<String>> = None;
    let line = |(index, line): (usize, &str)| {
        let refuse = |message: String| PlanError::Dataset { file: file.to_owned(), line: index + 1, message };
        let mut texts = record(line, wanted).map_err(refuse)?;
        if keys.is_none() {
            wanted.refuse_missing(&texts.keys().map(String::as_str).collect::<Vec<_>>())?;
        }
        refuse_unfit(&texts, wanted).map_err(refuse)?;
        let first = keys.get_or_insert_with(|| texts.keys().cloned().collect());
        let more = texts.keys().find(|key| !first.contains(*key)).map(|key| ("a key", key));
        let fewer = first.iter().find(|key| !texts.contains_key(*key)).map(|key| ("no key", key));
        if let Some((has, key)) = more.or(fewer) {
            return Err(refuse(format!("{has} `{key}`, other than the first record: all records have the same keys")));
        }
        Ok(Line {
            number: index + 1,
            named: wanted.named().map(|key| texts.get(key).cloned().unwrap_or_default()).collect(),
            prompt: texts.remove("prompt").unwrap_or_default(),
            answer: texts.remove("answer"),
            wrong: texts.remove("wrong"),
            corrupted: texts.remove("corrupted"),
        })
    };
    limited(file, filled.map(line))
}

/// The texts of a record, by their keys.
fn record(line: &str, wanted: &Wanted<'_>) -> Result<BTreeMap<String, String>, String> {
    let mut reader = serde_json::Deserializer::from_str(line);
    let texts = reader.deserialize_map(Texts { wanted }).and_then(|texts| reader.end().map(|()| texts));
    // What people have written may be a list of records, or one that goes over several lines.
    texts.map_err(|error| {
        format!("not a record, which is one JSON object on a line of its own: {}", without_place(&error))
    })
}

/// Says what is wrong with a record that has unknown keys, or not all of those that there must be.
fn refuse_unfit(texts: &BTreeMap<String, String>, wanted: &Wanted<'_>) -> Result<(), String> {
    let unknown: Vec<&str> = texts.keys().map(String::as_str).filter(|key| !wanted.knows(key)).collect();
    let required = wanted.required();
    let missing: Vec<String> =
        required.iter().filter(|key| !texts.contains_key(**key)).map(|key| format!("`{key}`")).collect();
    if unknown.is_empty() && missing.is_empty() {
        return Ok(());
    }
    if missing.is_empty() {
        return Err(wanted.unknown("key", &unknown));
    }
    let unknown: Vec<String> = unknown.iter().map(|key| format!("`{key}`")).collect();
    let (unknown, missing) = (listed("unknown", &unknown), listed("missing", &missing));
    let found = [unknown, missing].into_iter().flatten().collect::<Vec<_>>().join(", ");
    Err(format!(
        "{found}: a record has `prompt` and `answer`, and may have `wrong`, `corrupted` and what the spec names; write a file \
         that says which of its keys are which, for instance with jq -c '{{prompt: .KEY, answer: .KEY}}'"
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

/// By hand, because a map would take the last of two equal keys without a word.
struct Texts<'a> {
    wanted: &'a Wanted<'a>,
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut texts = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry::<String, Value>()? {
            if self.wanted.passes_over(&key) {
                continue;
            }
            let named = self.wanted.names(&key);
            let text = match value {
                Value::String(text) => text,
                Value::Array(pieces) if named => joined(&key, &pieces).map_err(A::Error::custom)?,
                // What has another name is refused for that, whatever it holds.
                _ if !self.wanted.knows(&key) => String::new(),
                _ => return Err(A::Error::custom(format!("`{key}` is no text; put it between double quotes"))),
            };
            if texts.contains_key(&key) {
                return Err(A::Error::custom(format!("two keys are called `{key}`")));
            }
            texts.insert(key, text);
        }
        Ok(texts)
    }
}

/// A list of texts as a table has it.
fn joined(key: &str, pieces: &[Value]) -> Result<String, String> {
    let refuse = || format!("`{key}` is a list of other things than texts without `|`");
    let text = |piece: &'_ Value| piece.as_str().filter(|text| !text.contains(SEPARATOR)).map(str::to_owned);
    let texts: Vec<String> = pieces.iter().map(text).collect::<Option<_>>().ok_or_else(refuse)?;
    Ok(texts.join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, text: &str) -> Result<Vec<Line>, PlanError> {
        super::read(file, text, &Wanted::without_spec())
    }

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
            answer: Some(" Ann".into()),
            wrong: Some("\u{e9}".into()),
            corrupted: None,
            named: Vec::new(),
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
