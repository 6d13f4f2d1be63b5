//! A model by name, as it travels over the wire.

use std::fmt;
use std::path::{Component, Path};

/// A model by name: coordinator and workers each look below their own folders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ModelRef {
    /// A folder below a `--models` folder.
    Folder(String),
    /// A model in the local hub cache.
    Hub {
        /// For instance `openai-community/gpt2`.
        repository: String,
        /// Branch, tag or commit.
        revision: String,
    },
}

/// A name that could lead out of the folders given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "model name `{name}` is not a plain relative path: no leading `/`, no `..`, no backslash; give the folder's name and its parent folder with --models"
)]
pub struct ModelNameError {
    /// The name.
    pub name: String,
}

impl ModelRef {
    /// A folder's name: relative, without `..`.
    pub fn folder(name: &str) -> Result<Self, ModelNameError> {
        let trimmed = name.trim_start_matches("./").trim_end_matches('/');
        refuse(trimmed).map_err(|()| ModelNameError { name: name.to_owned() })?;
        Ok(Self::Folder(trimmed.to_owned()))
    }

    /// A hub model's name: `owner/name` or `name`.
    pub fn hub(repository: &str, revision: &str) -> Result<Self, ModelNameError> {
        for name in [repository, revision] {
            refuse(name).map_err(|()| ModelNameError { name: name.to_owned() })?;
        }
        Ok(Self::Hub { repository: repository.to_owned(), revision: revision.to_owned() })
    }
}

fn refuse(name: &str) -> Result<(), ()> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let path = Path::new(name);
    if name.is_empty() || name.contains(|char: char| char.is_control() || char == '\\') || !path.components().all(plain)
    {
        return Err(());
    }
    Ok(())
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(name) => f.write_str(name),
            Self::Hub { repository, revision } => write!(f, "hub:{repository}@{revision}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", "/etc", ".//etc", "../x", "a/../../x", "a/..", ".", "./", "a\0b", "a\nb", "..\\x", "C:\\x"] {
            assert!(ModelRef::folder(name).is_err(), "{name}");
        }
        assert_eq!(ModelRef::folder("./a/b/"), Ok(ModelRef::Folder("a/b".into())));
        assert!(ModelRef::hub("openai-community/gpt2", "../main").is_err());
    }
}
