//! Fetches models of the Hugging Face hub into the local cache, laid out as `huggingface_hub` lays it out.
//!
//! What is fetched is a commit: the revision is resolved once, then all files are of that commit. Only the files that are
//! read here come. A file gets its name when it is whole and its hash is the one that the hub says; what came of a broken
//! transfer stays for the next try.

#![forbid(unsafe_code)]

mod cache;
mod choice;
mod client;
mod download;
mod environment;
mod error;
mod fetch;
mod hash;
mod listing;
mod refusal;
mod url;

pub use environment::Hub;
pub use error::HubError;
pub use fetch::{Fetched, FetchedFile};

/// Hears how a fetch goes, and may end it.
pub trait Listener {
    /// A file of so many bytes comes, of which `have` came earlier.
    fn begins(&mut self, file: &str, bytes: u64, have: u64);

    /// So many of the file in hand have come in all.
    fn has(&mut self, bytes: u64);

    /// The file in hand is whole.
    fn ends(&mut self);

    /// Another process fetches this file; it is waited for.
    fn waits(&mut self, file: &str);

    /// Whether to stop. What has come so far is kept.
    fn is_cancelled(&self) -> bool;
}
