//! The fields of an object as a table for people.

use std::fmt::Write;

use serde_json::Value;

use super::catalogue::Form;

/// One row for each field, those of an object or list below it.
pub(super) fn table(forms: &[Form]) -> String {
    let mut rows = String::from("| field | type | meaning |\n|---|---|---|\n");
    for Form { schema, only } in forms {
        write_fields(schema, "", *only, &mut rows);
    }
    rows
}

/// `before`: what stands before the names of these fields, such as `grids[].`.
fn write_fields(form: &Value, before: &str, only: Option<&str>, rows: &mut String) {
    let required: Vec<&str> = form["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, field) in form["properties"].as_object().into_iter().flatten() {
        let when = match only {
            Some(when) => format!("; only {when}"),
            None if required.contains(&key.as_str()) => String::new(),
            None => "; may be missing".to_owned(),
        };
        // What is missing instead of null is never null.
        let kind = type_of(field);
        let kind = if when.is_empty() { kind.as_str() } else { kind.trim_end_matches(" or null") };
        let meaning = [meaning(field), values(field)].into_iter().flatten().collect::<Vec<_>>();
        let meaning = meaning.join(" ");
        assert!(meaning.ends_with('.') || meaning.ends_with(".."), "{before}{key} has no comment: {meaning:?}");
        let _ = writeln!(rows, "| `{before}{key}` | {kind}{when} | {meaning} |");
        if let Some((object, between)) = object(field) {
            write_fields(object, &format!("{before}{key}{between}."), None, rows);
        }
    }
    if let Some(meaning) = form["x-others"].as_str() {
        let kind = type_of(&form["additionalProperties"]);
        let _ = writeln!(rows, "| `{before}`… | {kind} | {meaning} |");
    }
}

fn meaning(form: &Value) -> Option<String> {
    form["description"].as_str().map(|text| text.replace('\n', " "))
}

/// The words that a field may be, with what they mean.
fn values(form: &Value) -> Option<String> {
    let described = form["oneOf"].as_array().into_iter().flatten().filter_map(|word| {
        let meaning = word["description"].as_str().map(|meaning| format!(" ({})", uncapitalised(meaning)));
        Some(format!("`{}`{}", word["const"].as_str()?, meaning.unwrap_or_default()))
    });
    let plain = form["enum"].as_array().into_iter().flatten().filter_map(|word| Some(format!("`{}`", word.as_str()?)));
    let words: Vec<String> = described.chain(plain).collect();
    (!words.is_empty()).then(|| format!("One of {}.", words.join(", ")))
}

/// The beginning of a sentence, as it stands inside another.
fn uncapitalised(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

/// The object that a field is, or is a list of, and what stands between the names then.
fn object(form: &Value) -> Option<(&Value, &'static str)> {
    if form["properties"].is_object() {
        return Some((form, ""));
    }
    if form["items"]["properties"].is_object() {
        return Some((&form["items"], "[]"));
    }
    form["anyOf"].as_array().into_iter().flatten().find_map(object)
}

/// What stands in JSON for it.
fn type_of(form: &Value) -> String {
    if form == &Value::Bool(true) {
        return "value".to_owned();
    }
    if let Some(names) = form["type"].as_array() {
        let names = names.iter().filter_map(Value::as_str);
        return names.map(|name| named(name, form)).collect::<Vec<_>>().join(" or ");
    }
    if let Some(name) = form["type"].as_str() {
        return named(name, form);
    }
    let forms = ["anyOf", "oneOf"].into_iter().filter_map(|key| form[key].as_array()).flatten();
    let mut names: Vec<String> = forms.map(type_of).collect();
    names.dedup();
    names.join(" or ")
}

fn named(name: &str, form: &Value) -> String {
    match name {
        "array" => format!("list of {}", plural(&type_of(&form["items"]))),
        "object" if form["properties"].is_null() => {
            format!("object of {}", plural(&type_of(&form["additionalProperties"])))
        }
        "integer" => "whole number".to_owned(),
        "string" => "text".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        name => name.to_owned(),
    }
}

fn plural(name: &str) -> String {
    format!("{name}s")
}
