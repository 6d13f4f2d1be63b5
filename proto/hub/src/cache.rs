//! One repository in the hub cache: `blobs` by hash, `snapshots` with links to them by commit, `refs` by branch or tag.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::error::HubError;

/// How often somebody looks whether another process is done.
const LOOK: Duration = Duration::from_millis(100);

/// One repository's folder in the cache.
#[derive(Debug)]
pub(crate) struct Cached {
    folder: PathBuf,
    locks: PathBuf,
}

/// Whether a text is a plain name for a file: what comes from the network becomes no other path.
pub(crate) fn is_plain(name: &str) -> bool {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 128 && !name.starts_with('.') && name.chars().all(is_plain)
}

impl Cached {
    pub(crate) fn of(cache: &Path, repository: &str) -> Self {
        let name = format!("models--{}", repository.replace('/', "--"));
        Self { folder: cache.join(&name), locks: cache.join(".locks").join(name) }
    }

    /// The folder of a commit.
    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// The commit that a branch or tag was when it was fetched last.
    pub(crate) fn commit_of(&self, revision: &str) -> Option<String> {
        let text = fs::read_to_string(self.folder.join("refs").join(revision)).ok()?;
        Some(text.trim().to_owned())
    }

    /// Where a file's contents are kept.
    pub(crate) fn blob(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(etag)
    }

    /// Where they are kept until they are whole.
    pub(crate) fn partial(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(format!("{etag}.incomplete"))
    }

    /// Makes a commit's file out of a blob.
    pub(crate) fn link(&self, commit: &str, name: &str, etag: &str) -> Result<(), HubError> {
        let (snapshot, link) = (self.snapshot(commit), self.snapshot(commit).join(name));
        let failed = |source| HubError::Write { path: link.clone(), source };
        fs::create_dir_all(&snapshot).map_err(failed)?;
        let target = Path::new("../../blobs").join(etag);
        if fs::read_link(&link).is_ok_and(|now| now == target) {
            return Ok(());
        }
        // Others may read the one that is there now.
        let place = tempfile::tempdir_in(&snapshot).map_err(failed)?;
        let new = place.path().join("link");
        symlink(&target, &new).and_then(|()| fs::rename(&new, &link)).map_err(failed)
    }

    /// Remembers which commit a branch or tag is.
    pub(crate) fn remember(&self, revision: &str, commit: &str) -> Result<(), HubError> {
        if revision == commit || self.commit_of(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        let path = self.folder.join("refs").join(revision);
        let folder = path.parent().unwrap_or(&self.folder);
        let written = fs::create_dir_all(folder).and_then(|()| {
            // Others may read the one that is there now.
            let place = tempfile::tempdir_in(folder)?;
            let new = place.path().join("ref");
            fs::write(&new, commit)?;
            fs::rename(&new, &path)
        });
        written.map_err(|source| HubError::Write { path: path.clone(), source })
    }

    /// Waits until nobody else fetches a blob. Nobody does as long as the file is open.
    ///
    /// It is the lock of `huggingface_hub`, too. Where a network's file system locks nothing, several fetch the same blob,
    /// and nothing worse happens: they write the same bytes to the same places.
    ///
    /// `waiting`: hears that it takes a while, and says whether to go on.
    pub(crate) fn lock(&self, etag: &str, mut waiting: impl FnMut() -> bool) -> Result<File, HubError> {
        let path = self.locks.join(format!("{etag}.lock"));
        let failed = |source| HubError::Write { path: path.clone(), source };
        fs::create_dir_all(&self.locks).map_err(failed)?;
        let blobs = self.folder.join("blobs");
        fs::create_dir_all(&blobs).map_err(|source| HubError::Write { path: blobs, source })?;
        let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if waiting() => thread::sleep(LOOK),
                Err(TryLockError::WouldBlock) => return Err(HubError::Cancelled),
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_the_network_is_no_path() {
        for name in ["", ".", "..", "a/b", "../x", "a b", "a\n", ".hidden", &"a".repeat(129)] {
            assert!(!is_plain(name), "{name}");
        }
        assert!(is_plain("2439f60ef33a0d46d85da5001d52aeda5b00ce9f") && is_plain("model-00001-of-00002.safetensors"));
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_replaced() {
        let cache = tempfile::tempdir().expect("a folder");
        let cached = Cached::of(cache.path(), "a/b");
        fs::create_dir_all(cache.path().join("models--a--b/blobs")).expect("a folder");
        fs::write(cached.blob("new"), "new").expect("written");
        cached.link("c1", "config.json", "gone").expect("linked");
        cached.link("c1", "config.json", "new").expect("linked again");
        cached.link("c1", "config.json", "new").expect("nothing to do");
        let snapshot = cached.snapshot("c1");
        assert_eq!(fs::read_to_string(snapshot.join("config.json")).expect("read"), "new");
        assert_eq!(fs::read_dir(snapshot).expect("a folder").count(), 1, "nothing else is left");
    }

    #[test]
    fn a_branch_with_slashes_is_remembered_below_them() {
        let cache = tempfile::tempdir().expect("a folder");
        let cached = Cached::of(cache.path(), "a/b");
        cached.remember("refs/pr/1", "c1").expect("written");
        cached.remember("refs/pr/1", "c2").expect("written");
        assert_eq!(cached.commit_of("refs/pr/1").as_deref(), Some("c2"));
        cached.remember("c2", "c2").expect("nothing to do");
        assert_eq!(cached.commit_of("c2"), None, "a commit is its own name");
    }

    #[test]
    fn a_lock_is_waited_for_until_somebody_says_stop() {
        let cache = tempfile::tempdir().expect("a folder");
        let cached = Cached::of(cache.path(), "a/b");
        let held = cached.lock("x", || unreachable!("nobody holds it")).expect("free");
        let mut looks = 0;
        let stopped = cached.lock("x", || {
            looks += 1;
            looks < 3
        });
        assert!(matches!(stopped, Err(HubError::Cancelled)));
        assert_eq!(looks, 3);
        drop(held);
        cached.lock("x", || unreachable!("nobody holds it")).expect("free again");
    }
}
