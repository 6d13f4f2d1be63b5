//! `manifest.json`: what went into the sweep.

use serde_json::{Map, Value};

/// Why a manifest cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not JSON, or JSON of another kind.
    #[error("the sweep's manifest is not a JSON object")]
    NotAnObject(#[source] serde_json::Error),
    /// It could not be printed.
    #[error("the sweep's manifest cannot be printed")]
    Print(#[source] serde_json::Error),
}

/// Indents the text of a JSON object for people, with a line end behind it.
pub(super) fn pretty(manifest: &str) -> Result<String, ManifestError> {
    let object: Map<String, Value> = serde_json::from_str(manifest).map_err(ManifestError::NotAnObject)?;
    let mut text = serde_json::to_string_pretty(&object).map_err(ManifestError::Print)?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_indented() {
        let text = pretty(r#"{"seeds":{"dataset":0},"digest":"ab"}"#).expect("an object");
        assert!(text.contains("\n  \"seeds\": {\n    \"dataset\": 0\n  }"), "{text}");
        assert!(text.ends_with("}\n"));
        assert_eq!(pretty(&text).expect("still an object"), text);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "[]", "1", "{\"open\": ", "{} {}"] {
            assert!(matches!(pretty(text), Err(ManifestError::NotAnObject(_))), "{text}");
        }
    }
}
