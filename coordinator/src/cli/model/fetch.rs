//! `patchsweep model fetch`

use std::io::{self, Write};

use patchsweep_hub::{Fetched, FetchedFile, Hub};
use patchsweep_process::talk;

use super::fields::{FetchFields, FileFields};
use super::location::MAIN;
use super::progress::Transfers;
use crate::cli::output::{self, Output, Printer};
use crate::cli::quantities::bytes;
use crate::cli::{CliError, table};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct FetchArgs {
    /// The repository, for instance openai-community/gpt2.
    #[arg(value_name = "REPO")]
    repository: String,
    /// Branch, tag or commit.
    #[arg(long, value_name = "REVISION", default_value = MAIN)]
    revision: String,
}

pub(super) fn fetch(args: FetchArgs, printer: &Printer) -> Result<(), CliError> {
    let FetchArgs { repository, revision } = args;
    let fetched = from_hub(&repository, &revision)?;
    printer.print(&InCache { repository, revision, fetched })
}

/// Brings a model into the hub cache, and shows on stderr how that goes.
pub(super) fn from_hub(repository: &str, revision: &str) -> Result<Fetched, CliError> {
    let fetched = Hub::of_environment()?.fetch(repository, revision, &mut Transfers::new())?;
    if fetched.files.is_empty() {
        talk!("the hub was not asked, which HF_HUB_OFFLINE forbids: this is what the cache has");
    }
    Ok(fetched)
}

/// A model that is in the hub cache.
struct InCache {
    repository: String,
    revision: String,
    fetched: Fetched,
}

impl Output for InCache {
    type Fields = FetchFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let Fetched { folder, commit, files } = &self.fetched;
        if !files.is_empty() {
            let mut table = table::new(["file", "bytes", "came"]);
            for file in files {
                let came = if file.is_new { "now" } else { "before" };
                table.add_row([file.name.as_str(), &bytes(file.bytes), came]);
            }
            writeln!(out, "{}", table.trim_fmt())?;
        }
        writeln!(out, "commit {commit}")?;
        writeln!(out, "folder {}", folder.display())
    }

    fn fields(&self) -> FetchFields {
        let Fetched { folder, commit, files } = &self.fetched;
        let file = |FetchedFile { name, bytes, is_new }: &FetchedFile| FileFields {
            name: name.clone(),
            bytes: *bytes,
            is_new: *is_new,
        };
        FetchFields {
            repository: self.repository.clone(),
            revision: self.revision.clone(),
            commit: commit.clone(),
            folder: output::path(folder),
            files: files.iter().map(file).collect(),
        }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.fetched.folder.display())
    }
}
