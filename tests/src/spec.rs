//! Specs that tests write.
//!
//! Tests of how a spec is read, and of the messages about a wrong one, have its text before them instead.

use std::fmt;

use serde_json::{Map, Value, json};

/// A spec, section by section; its text is what it displays.
#[derive(Clone, Debug)]
pub struct Spec {
    top: Table,
    model: Table,
    dataset: Table,
    corruption: Option<Table>,
    dictionaries: Vec<Table>,
    metrics: Vec<Table>,
    iterations: Vec<Table>,
    grids: Vec<Table>,
}

type Table = Map<String, Value>;

/// A spec of the model in the folder `model` beside it, with nothing else yet.
#[must_use]
pub fn spec(name: &str) -> Spec {
    Spec {
        top: table(json!({ "schema": 1, "name": name })),
        model: table(json!({ "path": "model" })),
        dataset: Map::new(),
        corruption: None,
        dictionaries: Vec::new(),
        metrics: Vec::new(),
        iterations: Vec::new(),
        grids: Vec::new(),
    }
}

impl Spec {
    /// What stands before all sections.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.top.insert(key.to_owned(), value.into());
        self
    }

    /// Another folder of the model.
    #[must_use]
    pub fn model(mut self, path: &str) -> Self {
        self.model.insert("path".to_owned(), path.into());
        self
    }

    /// The model's arithmetic.
    #[must_use]
    pub fn dtype(mut self, dtype: &str) -> Self {
        self.model.insert("dtype".to_owned(), dtype.into());
        self
    }

    /// So many prompts of a text file.
    #[must_use]
    pub fn prompts(mut self, path: &str, samples: u32) -> Self {
        self.dataset = table(json!({ "path": path, "samples": samples }));
        self
    }

    /// All prompts of a table.
    #[must_use]
    pub fn table(mut self, path: &str) -> Self {
        self.dataset = table(json!({ "path": path }));
        self
    }

    /// A file of token ids.
    #[must_use]
    pub fn tokens(mut self, path: &str) -> Self {
        self.dataset = table(json!({ "tokens": path }));
        self
    }

    /// Where corrupted prompts come from.
    #[must_use]
    pub fn corruption(mut self, corruption: Value) -> Self {
        self.corruption = Some(table(corruption));
        self
    }

    /// One more dictionary.
    #[must_use]
    pub fn dictionary(mut self, dictionary: Value) -> Self {
        self.dictionaries.push(table(dictionary));
        self
    }

    /// One more metric that needs nothing but its kind.
    #[must_use]
    pub fn metric(self, kind: &str) -> Self {
        self.metric_of(json!({ "kind": kind }))
    }

    /// One more metric.
    #[must_use]
    pub fn metric_of(mut self, metric: Value) -> Self {
        self.metrics.push(table(metric));
        self
    }

    /// One more iteration.
    #[must_use]
    pub fn iteration(mut self, iteration: Value) -> Self {
        self.iterations.push(table(iteration));
        self
    }

    /// One more grid, named after its component.
    #[must_use]
    pub fn grid(self, component: &str, axes: &[&str]) -> Self {
        self.grid_of(json!({ "component": component, "axes": axes }))
    }

    /// One more grid.
    #[must_use]
    pub fn grid_of(mut self, grid: Value) -> Self {
        self.grids.push(table(grid));
        self
    }
}

/// # Panics
/// When it is something else.
fn table(value: Value) -> Table {
    match value {
        Value::Object(table) => table,
        other => panic!("{other} in place of keys and values"),
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { top, model, dataset, corruption, dictionaries, metrics, iterations, grids } = self;
        write_table(f, "", top)?;
        write_table(f, "[model]\n", model)?;
        write_table(f, "[dataset]\n", dataset)?;
        corruption.iter().try_for_each(|corruption| write_table(f, "[corruption]\n", corruption))?;
        dictionaries.iter().try_for_each(|dictionary| write_table(f, "[[dictionary]]\n", dictionary))?;
        metrics.iter().try_for_each(|metric| write_table(f, "[[metric]]\n", metric))?;
        iterations.iter().try_for_each(|iteration| write_table(f, "[[iteration]]\n", iteration))?;
        grids.iter().try_for_each(|grid| write_table(f, "[[grid]]\n", grid))
    }
}

/// Plain texts and numbers are written alike in TOML and JSON.
fn write_table(f: &mut fmt::Formatter<'_>, heading: &str, table: &Table) -> fmt::Result {
    f.write_str(heading)?;
    table.iter().try_for_each(|(key, value)| writeln!(f, "{key} = {}", inline(value)))
}

fn inline(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let pairs: Vec<String> = table.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", ")),
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_is_the_text_that_somebody_would_write() {
        let spec = spec("words")
            .with("direction", "denoising")
            .dtype("float16")
            .tokens("case.json")
            .corruption(json!({ "kind": "noise", "scale": 3.0 }))
            .metric_of(json!({ "kind": "difference", "right": { "ids": [1, 2], "reduce": "sum" } }))
            .dictionary(json!({ "name": "sae", "path": "sae", "at": "blocks.0.hook_resid_pre" }))
            .iteration(json!({ "corrupt": [2, 3], "read": -1 }))
            .grid("z", &["layer", "head"])
            .grid_of(json!({ "component": "v", "axes": ["layer"], "also": [{ "component": "z", "heads": ["0.1"] }] }));
        let text = toml::to_string(&spec.to_string().parse::<toml::Table>().expect("TOML")).expect("TOML");
        let same = r#"
            schema = 1
            name = "words"
            direction = "denoising"
            model = { path = "model", dtype = "float16" }
            dataset = { tokens = "case.json" }
            corruption = { kind = "noise", scale = 3.0 }
            dictionary = [{ name = "sae", path = "sae", at = "blocks.0.hook_resid_pre" }]
            metric = [{ kind = "difference", right = { ids = [1, 2], reduce = "sum" } }]
            iteration = [{ corrupt = [2, 3], read = -1 }]
            grid = [
                { component = "z", axes = ["layer", "head"] },
                { component = "v", axes = ["layer"], also = [{ component = "z", heads = ["0.1"] }] },
            ]
        "#;
        assert_eq!(text, toml::to_string(&same.parse::<toml::Table>().expect("TOML")).expect("TOML"));
    }
}
