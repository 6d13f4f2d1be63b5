//! Where the config file is.

use std::ffi::OsString;
use std::path::PathBuf;

use etcetera::base_strategy::{BaseStrategy, Xdg};

/// Names another config file; empty: none is read.
pub(in crate::cli) const STATED_BY: &str = "PATCHSWEEP_CONFIG";

/// Where the config file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Location {
    /// Named by the environment, so it must be there.
    Named(PathBuf),
    /// Where it is looked for.
    Usual(PathBuf),
    /// No file is to be read, or there is no home directory.
    Nowhere,
}

impl Location {
    /// By the environment.
    pub(in crate::cli) fn find() -> Self {
        Self::of(std::env::var_os(STATED_BY), || Some(Xdg::new().ok()?.config_dir()))
    }

    fn of(named: Option<OsString>, folder: impl FnOnce() -> Option<PathBuf>) -> Self {
        match named {
            Some(path) if path.is_empty() => Self::Nowhere,
            Some(path) => Self::Named(path.into()),
            None => folder().map_or(Self::Nowhere, |folder| Self::Usual(folder.join("patchsweep/config.toml"))),
        }
    }

    /// The path, whether there is a file or not.
    pub(in crate::cli) fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::Named(path) | Self::Usual(path) => Some(path),
            Self::Nowhere => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_another_file_or_none() {
        let home = || Some(PathBuf::from("/home/ada/.config"));
        assert_eq!(Location::of(None, home), Location::Usual("/home/ada/.config/patchsweep/config.toml".into()));
        assert_eq!(Location::of(Some("own.toml".into()), home), Location::Named("own.toml".into()));
        assert_eq!(Location::of(Some("".into()), home), Location::Nowhere);
        assert_eq!(Location::of(None, || None), Location::Nowhere);
    }
}
