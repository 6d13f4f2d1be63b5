//! `patchsweep model`: what a model is, and how it comes here.

mod download;
mod fetch;
mod refused;
mod show;
mod transfer;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use patchsweep_tests::hub::{Asked, Hub, files_of};
use patchsweep_tests::process::client;
use patchsweep_tests::repository;
use serde_json::Value;
use tempfile::TempDir;

use super::stage::{object, plain};

/// The repository of these tests.
pub(super) const REPOSITORY: &str = "ada/acronyms";

/// Variables of the caller's that would lead elsewhere.
const FORGOTTEN: [&str; 14] = [
    "ALL_PROXY",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN",
    "HF_HUB_OFFLINE",
    "HF_TOKEN",
    "HF_TOKEN_PATH",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "HUGGINGFACE_HUB_CACHE",
    "HUGGING_FACE_HUB_TOKEN",
    "TRANSFORMERS_OFFLINE",
    "XDG_CACHE_HOME",
    "all_proxy",
    "http_proxy",
    "https_proxy",
];

/// The embedded model's folder.
pub(super) fn acronyms() -> PathBuf {
    repository().join("data/acronym-gpt2")
}

/// A hub with the embedded model, and a cache.
pub(super) struct Place {
    pub(super) hub: Hub,
    /// What the model's branch `main` is.
    pub(super) commit: String,
    home: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        let hub = Hub::start();
        let commit = hub.push(REPOSITORY, "main", files_of(&acronyms()));
        Self { hub, commit, home: tempfile::tempdir().expect("a folder") }
    }

    pub(super) fn cache(&self) -> PathBuf {
        self.home.path().join("hub")
    }

    /// The repository's folder in the cache.
    pub(super) fn cached(&self) -> PathBuf {
        self.cache().join("models--ada--acronyms")
    }

    /// The model's folder, once it is there.
    pub(super) fn snapshot(&self) -> PathBuf {
        self.cached().join("snapshots").join(&self.commit)
    }

    /// A command that knows this hub and this cache only.
    pub(super) fn knows(&self, mut command: Command) -> Command {
        for name in FORGOTTEN {
            command.env_remove(name);
        }
        command
            .env("HF_ENDPOINT", &self.hub.address)
            .env("HF_HOME", self.home.path())
            .env("HF_HUB_CACHE", self.cache());
        command
    }

    /// `model fetch` with these arguments and variables; gives its exit code and its JSON object.
    #[track_caller]
    fn fetch(&self, args: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, Value) {
        let mut command = self.knows(client(&[&["model", "fetch"], args, &["--output", "json"]].concat()));
        command.envs(variables.iter().copied());
        let output = command.output().expect("started");
        (output.status.code(), object(&String::from_utf8_lossy(&output.stdout)))
    }

    /// The same, which succeeds.
    #[track_caller]
    pub(super) fn fetched(&self, args: &[&str]) -> Value {
        let (code, answer) = self.fetch(args, &[]);
        assert_eq!(code, Some(0), "{answer}");
        answer
    }

    /// Whether the model's folder holds what the hub has.
    #[track_caller]
    pub(super) fn hold_snapshot(&self) {
        for (name, bytes) in files_of(&acronyms()) {
            assert!(fs::read(self.snapshot().join(&name)).expect("a file") == bytes, "{name}");
        }
    }

    /// Files below `blobs`.
    fn blobs(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.cached().join("blobs")) else { return Vec::new() };
        let name =
            |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort_unstable();
        names
    }
}

/// The first bytes that the host of large files was asked for, in order.
fn starts(asked: &[Asked]) -> Vec<usize> {
    let large = asked.iter().filter(|asked| asked.elsewhere);
    let start = |range: &str| range.strip_prefix("bytes=")?.split('-').next()?.parse().ok();
    large.map(|asked| asked.range.as_deref().and_then(start).expect("a range")).collect()
}

/// What the model's weights are called in the cache.
fn weights_blob(snapshot: &Path) -> String {
    let link = fs::read_link(snapshot.join("model.safetensors")).expect("a link");
    link.file_name().expect("a name").to_string_lossy().into_owned()
}
