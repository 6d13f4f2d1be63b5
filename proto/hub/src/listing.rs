//! What the hub knows of a repository as of a revision.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::cache::is_plain;
use crate::client::{Ask, Client};
use crate::error::HubError;
use crate::refusal::{About, refused};
use crate::url;

/// Repositories have thousands of files.
const LONGEST: u64 = 64 << 20;

/// What the hub knows of a repository as of a revision.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The commit that the revision is.
    pub(crate) commit: String,
    /// The names of all files.
    pub(crate) files: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Info {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

impl Client {
    /// Asks for it.
    pub(crate) fn listing(&self, about: About<'_>) -> Result<Listing, HubError> {
        let address = url::listing(&self.endpoint, about.repository, about.revision);
        let mut answer = self.ask(&address, Ask::Whole)?;
        if !answer.response.status().is_success() {
            return Err(refused(self, &answer, about));
        }
        let body = answer.response.body_mut().with_config().limit(LONGEST).reader();
        let info: Info =
            serde_json::from_reader(body).map_err(|error| answer.strange(format!("no list of files ({error})")))?;
        // It becomes the name of a folder.
        if !is_plain(&info.sha) {
            return Err(answer.strange("a commit that is none"));
        }
        Ok(Listing { commit: info.sha, files: info.siblings.into_iter().map(|file| file.rfilename).collect() })
    }
}
