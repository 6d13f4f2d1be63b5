//! `docs/spec.md` and `docs/spec.schema.json` are made of the types that read a spec. With `PATCHSWEEP_WRITE_DOCS=1` they
//! are written.

mod markdown;

use std::fs;
use std::path::Path;

use patchsweep_plan::spec::Spec;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use serde_json::{Map, Value};

/// The form of a spec as editors read it.
fn schema() -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<Spec>();
    without_null(&mut schema);
    in_one_line(&mut schema);
    schema.into()
}

/// Comments in the types are wrapped.
fn in_one_line(schema: &mut Schema) {
    transform_subschemas(&mut in_one_line, schema);
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ");
    }
}

/// TOML has no null: what may be left out is what is not required.
fn without_null(schema: &mut Schema) {
    transform_subschemas(&mut without_null, schema);
    let Some(keys) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = keys.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            keys.insert("type".to_owned(), one);
        }
    }
    if keys.get("default") == Some(&Value::Null) {
        keys.remove("default");
    }
    let null = |form: &Value| form.get("type") == Some(&Value::from("null"));
    if let Some(Value::Array(forms)) = keys.get_mut("anyOf")
        && forms.iter().any(null)
    {
        forms.retain(|form| !null(form));
        if let [Value::Object(one)] = forms.as_slice() {
            let one: Map<String, Value> = one.clone();
            keys.remove("anyOf");
            for (key, value) in one {
                keys.entry(key).or_insert(value);
            }
        }
    }
}

/// Compares a file of `docs` with what it should be, or writes it.
fn hold(name: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if std::env::var_os("PATCHSWEEP_WRITE_DOCS").is_some() {
        fs::write(&path, wanted).expect("docs can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == wanted,
        "docs/{name} is not what the types in coordinator/plan/src/spec/schema say; write it anew with \
         PATCHSWEEP_WRITE_DOCS=1 cargo test -p patchsweep-plan --test spec_reference"
    );
}

#[test]
fn the_reference_says_what_the_types_say() {
    hold("spec.md", &markdown::reference(&schema()));
}

#[test]
fn the_reference_for_editors_says_what_the_types_say() {
    let text = serde_json::to_string_pretty(&schema()).expect("JSON");
    hold("spec.schema.json", &format!("{text}\n"));
}

#[test]
fn every_key_has_a_meaning_and_a_type() {
    for table in markdown::tables(&schema()) {
        for (key, form) in table.keys() {
            let meaning = form.get("description").and_then(Value::as_str).unwrap_or_default();
            assert!(meaning.ends_with('.'), "{}: {key} says {meaning:?}", table.title);
            assert!(!markdown::type_of(form).is_empty(), "{}: {key} has no type", table.title);
        }
    }
}
