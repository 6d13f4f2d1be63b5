//! The defaults that the reference of the spec names are those that a plan takes.

use schemars::schema_for;
use serde_json::Value;

use super::example::{plan_of, spec};

/// With answers so alike that no permutation is `distinct`.
const DATASET: &str = "prompt,answer\na b c,x\nb c d,x\nc d a,x\nd a b,y\n";

/// Keys with their defaults, as TOML writes them, by the schema's name of their table; "" for those in none.
fn defaults() -> Vec<(String, String)> {
    let schema = Value::from(schema_for!(crate::spec::Spec));
    let of = |table: &str, form: &Value| {
        let keys = form["properties"].as_object().expect("keys").clone();
        let table = table.to_owned();
        keys.into_iter().filter_map(move |(key, form)| {
            form.get("default")
                .filter(|value| !value.is_null())
                .map(|value| (table.clone(), format!("{key} = {value}\n")))
        })
    };
    let tables =
        schema["$defs"].as_object().expect("tables").iter().filter(|(_, form)| form.get("properties").is_some());
    of("", &schema).chain(tables.flat_map(|(name, form)| of(name, form))).collect()
}

#[test]
fn a_default_that_is_written_out_changes_nothing() {
    let given = spec(&[("path = \"m\"", "hub = \"o/m\""), ("path = \"d.csv\"", "path = \"d.csv\"\nsamples = 4")]);
    let named = format!("{given}[[position]]\nname = \"n\"\ncolumn = \"prompt\"\n");
    let difference = given.replacen("kind = \"prob\"", "kind = \"difference\"\nright = { ids = [6] }", 1);
    let paths = format!("{given}[grid.to]\ncomponent = \"logits\"\n");
    let written = defaults();
    assert!(written.len() > 10, "{written:?}");
    for (table, line) in written {
        let header = match table.as_str() {
            "" => "schema = 1\n".to_owned(),
            "To" => "[grid.to]\n".to_owned(),
            "NamedPosition" => "[[position]]\n".to_owned(),
            "Metric" | "Grid" => format!("[[{}]]\n", table.to_lowercase()),
            other => format!("[{}]\n", other.to_lowercase()),
        };
        let given = match table.as_str() {
            "To" => &paths,
            "NamedPosition" => &named,
            _ if line.starts_with("of = ") => &difference,
            _ => &given,
        };
        assert!(given.contains(&header), "{header}");
        let with = given.replacen(&header, &format!("{header}{line}"), 1);
        let plan = plan_of(&with, DATASET).unwrap_or_else(|error| panic!("{error}"));
        let wanted = plan_of(given, DATASET).expect("a plan");
        assert_eq!(plan.context, wanted.context, "{table}: {line}");
    }
}
