//! Links that lead nowhere: what is left of files that were not downloaded whole.

use std::fmt::Write as _;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// A link to a file that is missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is a link to {}, which is missing: the download is incomplete, {}", .link.display(), .target.display(), again(.link))]
pub struct DanglingLink {
    /// The link.
    pub link: PathBuf,
    /// What it names.
    pub target: PathBuf,
}

impl DanglingLink {
    /// Whether a path is such a link.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        let target = fs::read_link(path).ok()?;
        (!path.exists()).then(|| Self { link: path.to_owned(), target })
    }
}

/// How to get the file, which may be one of the hub cache.
fn again(link: &Path) -> String {
    let mut advice = "get it again".to_owned();
    let mut names = link.components().filter_map(|component| match component {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    if let Some(repository) = names.find_map(|name| name.strip_prefix("models--")) {
        let _ = write!(advice, " with `patchsweep model fetch {}", repository.replace("--", "/"));
        if let Some(commit) = names.skip_while(|&name| name != "snapshots").nth(1) {
            let _ = write!(advice, " --revision {commit}");
        }
        advice.push('`');
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_of_the_hub_cache_says_how_to_get_the_file() {
        let link = DanglingLink { link: "hub/models--a--b/snapshots/1/x".into(), target: "../../blobs/2".into() };
        assert_eq!(
            link.to_string(),
            "hub/models--a--b/snapshots/1/x is a link to ../../blobs/2, which is missing: the download is incomplete, get \
             it again with `patchsweep model fetch a/b --revision 1`"
        );
        let link = DanglingLink { link: "m/x".into(), target: "/y".into() };
        assert!(link.to_string().ends_with("incomplete, get it again"), "{link}");
    }
}
