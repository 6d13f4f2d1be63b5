//! A repository's files, as of one commit.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use patchsweep_core::model::ModelRef;
use patchsweep_files::{INDEX, is_whole, read_config, shards};

use crate::Listener;
use crate::cache::{Cached, is_plain};
use crate::choice::{Choice, Unusable};
use crate::environment::Hub;
use crate::error::HubError;
use crate::listing::Listing;
use crate::refusal::About;
use crate::url;

/// A model that is in the cache now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its folder.
    pub folder: PathBuf,
    /// The commit that the revision is.
    pub commit: String,
    /// Its files, in the order in which they were looked for; none where the hub was not asked.
    pub files: Vec<FetchedFile>,
}

/// A file that is in the cache now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// One commit of one repository.
struct Commit<'a> {
    about: About<'a>,
    listing: &'a Listing,
    cached: &'a Cached,
}

impl Hub {
    /// Brings a model into the cache: what of it is read here and not there yet. Waits; call it where that harms nobody.
    ///
    /// The config comes first, so that a model that cannot be used costs no time.
    pub fn fetch(&self, repository: &str, revision: &str, ear: &mut dyn Listener) -> Result<Fetched, HubError> {
        // Both become names of folders and files.
        ModelRef::hub(repository, revision)?;
        let (about, cached) = (About { repository, revision }, Cached::of(&self.cache, repository));
        if let Some(variable) = self.offline {
            return self.here(about, &cached, variable);
        }
        let listing = self.client.listing(about)?;
        let choice = Choice::of(|name| listing.files.contains(name)).map_err(|why| unusable(why, about))?;
        let commit = Commit { about, listing: &listing, cached: &cached };
        let mut files = Vec::new();
        for name in &choice.small {
            files.push(self.file(&commit, name, ear)?);
        }
        let folder = cached.snapshot(&listing.commit);
        read_config(&folder)?;
        files.push(self.file(&commit, choice.weights, ear)?);
        let shards = if choice.weights == INDEX { shards(&folder)? } else { BTreeSet::new() };
        for name in &shards {
            files.push(self.file(&commit, name, ear)?);
        }
        // Last, so that a branch is what it was until all is there.
        cached.remember(revision, &listing.commit)?;
        Ok(Fetched { folder, commit: listing.commit, files })
    }

    /// What the cache has.
    fn here(&self, about: About<'_>, cached: &Cached, variable: &'static str) -> Result<Fetched, HubError> {
        let commit = cached.commit_of(about.revision).unwrap_or_else(|| about.revision.to_owned());
        let folder = cached.snapshot(&commit);
        if is_whole(&folder) {
            return Ok(Fetched { folder, commit, files: Vec::new() });
        }
        let (repository, revision) = (about.repository.to_owned(), about.revision.to_owned());
        Err(HubError::Offline { repository, revision, cache: self.cache.clone(), variable })
    }

    fn file(&self, commit: &Commit<'_>, name: &str, ear: &mut dyn Listener) -> Result<FetchedFile, HubError> {
        let Commit { about, listing, cached } = commit;
        let fetched = |bytes, is_new| FetchedFile { name: name.to_owned(), bytes, is_new };
        if let Ok(there) = fs::metadata(cached.snapshot(&listing.commit).join(name)) {
            return Ok(fetched(there.len(), false));
        }
        if !listing.files.contains(name) || !is_plain(name) {
            let what = format!("an index of weights that names `{name}`, which the repository does not have");
            return Err(HubError::Answer { address: url::page(&self.client.endpoint, about.repository), what });
        }
        if ear.is_cancelled() {
            return Err(HubError::Cancelled);
        }
        let remote = self.client.remote(*about, &listing.commit, name)?;
        let mut is_said = false;
        let _lock = cached.lock(&remote.etag, || {
            if !std::mem::replace(&mut is_said, true) {
                ear.waits(name);
            }
            !ear.is_cancelled()
        })?;
        let is_new = !cached.blob(&remote.etag).exists();
        if is_new {
            self.client.bring(&remote, cached, ear)?;
        }
        cached.link(&listing.commit, name, &remote.etag)?;
        Ok(fetched(remote.bytes, is_new))
    }
}

fn unusable(why: Unusable, about: About<'_>) -> HubError {
    let repository = about.repository.to_owned();
    match why {
        Unusable::No(file) => HubError::NoFile { repository, file },
        Unusable::Pickle(file) => {
            let folder = about.repository.rsplit('/').next().unwrap_or_default().to_owned();
            HubError::OnlyPickle { repository, revision: about.revision.to_owned(), file, folder }
        }
    }
}
