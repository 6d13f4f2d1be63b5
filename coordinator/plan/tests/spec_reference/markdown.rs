//! A JSON schema as tables for people.

use serde_json::Value;

const HEAD: &str = "\
# The spec, key by key

This file is made of the types that read a spec (`coordinator/plan/src/spec/schema`), and a test holds it to them. The
[README](../README.md#write-a-spec) explains the same by example. [spec.schema.json](spec.schema.json) says it to editors:
where one knows JSON schemas of TOML files (VS Code with the extension Even Better TOML), put this line at the top of a
spec, with the path to that file:

    #:schema ../docs/spec.schema.json

A spec is a TOML file of at most 1 MiB. Unknown keys are refused. What is *required* must be there; all else may be left
out, and then has its default, if it has one. Positions are counted from 0, and the BOS token, if there is one, is at
position 0.
";

/// One table of a spec.
pub(crate) struct Table<'a> {
    /// `[model]`, or `[[grid]]` where there may be several.
    pub(crate) title: String,
    introduction: String,
    form: &'a Value,
    /// Whether tables in it are keys of it; lists of tables, and those of the file, have headings.
    has_tables: bool,
}

impl<'a> Table<'a> {
    /// Keys and their forms, in the order of the type.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        properties(self.form).filter(|(_, form)| table_form(form).is_none() || (self.has_tables && !is_list(form)))
    }

    fn row(&self, key: &str, form: &Value) -> String {
        let default = match form.get("default") {
            _ if requires(self.form, key) => "*required*".to_owned(),
            Some(value) => format!("`{value}`"),
            None => String::new(),
        };
        let unit = form["x-unit"].as_str().unwrap_or_default();
        let meaning = [Some(description(form).to_owned()), values(form)].into_iter().flatten().collect::<Vec<_>>();
        format!("| `{key}` | {} | {unit} | {default} | {} |\n", type_of(form), meaning.join(" ").replace('|', "\\|"))
    }

    fn markdown(&self) -> String {
        let rows: String = self.keys().map(|(key, form)| self.row(key, form)).collect();
        let head = "| key | type | unit | default | meaning |\n|---|---|---|---|---|\n";
        format!("\n## {}\n\n{}\n\n{head}{rows}", self.title, self.introduction)
    }
}

/// The whole reference.
pub(crate) fn reference(schema: &Value) -> String {
    tables(schema).iter().map(Table::markdown).fold(HEAD.to_owned(), |page, table| page + &table)
}

/// All tables of a spec, and before them the keys that stand in none.
pub(crate) fn tables(schema: &Value) -> Vec<Table<'_>> {
    let first = Table {
        title: "Before the first table".to_owned(),
        introduction: description(schema).to_owned(),
        form: schema,
        has_tables: false,
    };
    std::iter::once(first).chain(within(schema, "")).collect()
}

/// The tables in one that have headings in a spec, each before those in it; `path`: what stands before their keys.
fn within<'a>(form: &'a Value, path: &str) -> Vec<Table<'a>> {
    let mut all = Vec::new();
    for (key, given) in properties(form) {
        let Some(form) = table_form(given) else { continue };
        if !path.is_empty() && !is_list(given) {
            continue;
        }
        let (title, count) = match given["maxItems"].as_u64() {
            Some(most) => (format!("`[[{path}{key}]]`"), format!(" One or more, at most {most}.")),
            None if is_list(given) => (format!("`[[{path}{key}]]`"), String::new()),
            None => (format!("`[{path}{key}]`"), String::new()),
        };
        let introduction = format!("{}{count}", description(given));
        let table = Table { title, introduction, form, has_tables: true };
        let inside = nested(&table);
        all.push(table);
        all.extend(inside);
        all.extend(within(form, &format!("{path}{key}.")));
    }
    all
}

fn is_list(form: &Value) -> bool {
    form["type"] == "array"
}

/// Tables inside of a table; those of one form together.
fn nested<'a>(table: &Table<'a>) -> Vec<Table<'a>> {
    let mut forms: Vec<(Vec<&str>, &Value)> = Vec::new();
    for (key, given) in table.keys() {
        let Some(form) = table_form(given) else { continue };
        match forms.iter_mut().find(|(_, other)| other["properties"] == form["properties"]) {
            Some((keys, _)) => keys.push(key),
            None => forms.push((vec![key], form)),
        }
    }
    let section = |(keys, form): (Vec<&str>, &'a Value)| {
        let named: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        let first = properties(form).next().map_or("", |(key, _)| key);
        Table {
            title: format!("{} of {}", named.join(" and "), table.title),
            introduction: format!("A table inside of that one, like `{} = {{ {first} = .. }}`.", keys[0]),
            form,
            has_tables: true,
        }
    };
    forms.into_iter().map(section).collect()
}

/// What a person writes for a key.
pub(crate) fn type_of(form: &Value) -> String {
    match form["type"].as_str() {
        Some("array") => format!("list of {}", plural(&type_of(&form["items"]))),
        Some("object") => "table".to_owned(),
        Some(name) => name.to_owned(),
        None => {
            let mut forms: Vec<String> = choices(form).map(type_of).collect();
            forms.dedup();
            forms.join(" or ")
        }
    }
}

fn plural(name: &str) -> String {
    match name.split_once(' ') {
        Some((first, rest)) => format!("{first}s {rest}"),
        None => format!("{name}s"),
    }
}

/// Which values are allowed, where that is not every one of the type and does not stand there already.
fn values(form: &Value) -> Option<String> {
    let words: Vec<Word> = choices(form).chain([form, &form["items"]]).flat_map(words).collect();
    if words.iter().any(|word| !description(form).contains(&word.quoted)) {
        let words: Vec<String> = words.iter().map(Word::explained).collect();
        return Some(if let [word] = &words[..] {
            format!("Is {word}.")
        } else {
            format!("One of {}.", words.join(", "))
        });
    }
    let (least, most, unit) = match form["type"].as_str()? {
        "string" => ("minLength", "maxLength", " characters"),
        _ => ("minimum", "maximum", ""),
    };
    Some(format!("From {} to {}{unit}.", form[least].as_u64()?, form[most].as_u64()?))
}

/// A value that is allowed.
struct Word {
    quoted: String,
    meaning: Option<String>,
}

impl Word {
    fn new(value: &Value, meaning: Option<&str>) -> Self {
        let quoted = format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        Self { quoted, meaning: meaning.map(|meaning| uncapitalised(meaning.trim_end_matches('.'))) }
    }

    fn explained(&self) -> String {
        match &self.meaning {
            Some(meaning) => format!("{} ({meaning})", self.quoted),
            None => self.quoted.clone(),
        }
    }
}

/// Lists of words have no meanings; a variant of an enum has one.
fn words(form: &Value) -> Vec<Word> {
    let listed = form["enum"].as_array().into_iter().flatten().map(|word| Word::new(word, None));
    let meaning = form["description"].as_str().filter(|_| form["type"] == "string");
    listed.chain(form.get("const").map(|word| Word::new(word, meaning))).collect()
}

fn uncapitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

fn choices(form: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"].into_iter().filter_map(|key| form[key].as_array()).flatten()
}

/// The form of a table, or of each of several.
fn table_form(form: &Value) -> Option<&Value> {
    [form, &form["items"]].into_iter().find(|form| form["type"] == "object")
}

fn properties(form: &Value) -> impl Iterator<Item = (&str, &Value)> {
    form["properties"].as_object().into_iter().flatten().map(|(key, form)| (key.as_str(), form))
}

fn requires(form: &Value, key: &str) -> bool {
    form["required"].as_array().is_some_and(|required| required.iter().any(|other| other == key))
}

fn description(form: &Value) -> &str {
    form["description"].as_str().unwrap_or_default()
}
