//! `patchsweep model show`

use std::io::{self, Write};
use std::path::PathBuf;

use bytesize::ByteSize;
use patchsweep_core::model::{Dtype, ModelConfig};
use patchsweep_core::weights::{Placement, WeightBytes};
use patchsweep_files::locate::ModelFolders;
use patchsweep_files::{ModelError, WeightFiles};
use patchsweep_plan::{Bos, PromptTokenizer, ShownToken, bos_token};
use patchsweep_process::machine::memory;
use patchsweep_process::talk::warn;
use patchsweep_serve::server::{ModelFilesError, read_model};

use super::description;
use super::fields::{MemoryFields, ShowFields, SiteFields, StoredFields, TokenizerFields, WeightFields};
use super::location::located;
use crate::cli::output::{self, Output, Printer};
use crate::cli::quantities::bytes;
use crate::cli::{CliError, table};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ShowArgs {
    /// A model folder, its name below a --models folder, or a repository in the local hub cache.
    #[arg(value_name = "PATH|REPO")]
    model: String,
    /// Branch, tag or commit of the repository [default: main].
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// Folder that holds model folders; may be given several times.
    #[arg(long, value_name = "DIR")]
    models: Vec<PathBuf>,
    /// What a worker may take of its device, to compare the weights with [default: as a worker on this machine's CPUs
    /// takes it, nine tenths of what is free].
    #[arg(long, value_name = "BYTES")]
    memory_budget: Option<ByteSize>,
}

pub(super) fn show(args: &ShowArgs, printer: &Printer) -> Result<(), CliError> {
    let folders = ModelFolders::with_hub_cache(args.models.clone());
    let folder = located(&args.model, args.revision.as_deref(), &folders)?;
    let refused = |error: ModelFilesError| CliError::Model(Box::new(error));
    let (config, tokenizer) = read_model(&folder).map_err(refused)?;
    let weights = Weights::of(&folder, &config).map_err(|error| refused(error.into()))?;
    let memory = memory(args.memory_budget.map(|budget| budget.0)).map_err(CliError::Memory)?;
    let tokenizer = tokenizer.map(|tokenizer| tokenizer_fields(&tokenizer, &config));
    warn(&weights.notes);
    printer.print(&Model { folder, config, tokenizer, weights, memory })
}

/// A model as its files describe it.
struct Model {
    folder: PathBuf,
    config: ModelConfig,
    tokenizer: Option<TokenizerFields>,
    weights: Weights,
    memory: MemoryFields,
}

/// What is known of a model's weights.
struct Weights {
    /// Whether the unembedding is another tensor than the embedding.
    has_own_head: bool,
    /// `None`: the folder has no weights.
    stored: Option<Vec<StoredFields>>,
    /// What readers of scores should know.
    notes: Vec<String>,
}

impl Weights {
    /// Looks at the headers of the weight files, and refuses what no worker could load.
    fn of(folder: &std::path::Path, config: &ModelConfig) -> Result<Self, ModelError> {
        let Some(files) = WeightFiles::open_if_there(folder, config)? else {
            let has_own_head = !config.architecture.readout.tied;
            return Ok(Self { has_own_head, stored: None, notes: Vec::new() });
        };
        let contents = files.contents(config)?;
        let has_own_head = contents.unembedding != contents.embedding;
        let stored = files.stored().into_iter().map(|(dtype, bytes)| StoredFields { dtype, bytes });
        Ok(Self { has_own_head, stored: Some(stored.collect()), notes: contents.notes })
    }
}

/// What a worker on this machine's CPUs may take, or on any device with the budget that is given.
fn memory(given: Option<u64>) -> io::Result<MemoryFields> {
    let free = memory::free()?.bytes;
    Ok(MemoryFields { free_bytes: free, budget_bytes: given.unwrap_or(memory::share_of(free)) })
}

fn tokenizer_fields(tokenizer: &PromptTokenizer, config: &ModelConfig) -> TokenizerFields {
    let token = |id: u32| ShownToken { id, text: Some(tokenizer.token_text(id)) };
    let named_by = match tokenizer.bos() {
        Bos::Named { by, .. } => by,
        Bos::Refused { .. } | Bos::Unnamed => "config.json",
    };
    let bos = bos_token(tokenizer, config);
    let (before, _) = tokenizer.own_frame();
    TokenizerFields {
        bos: bos.map(token),
        bos_named_by: bos.map(|_| named_by.to_owned()),
        puts_first: before.into_iter().map(token).collect(),
    }
}

impl Model {
    /// Numbers in the files that a worker reads.
    fn parameters(&self) -> u64 {
        let model = &self.config.architecture;
        let own_head = u64::from(model.d_vocab) * u64::from(model.d_model);
        model.parameter_count() + if self.weights.has_own_head && model.readout.tied { own_head } else { 0 }
    }

    /// What the weights take in each arithmetic, and where a worker on this machine's CPUs has room for them.
    fn weights(&self) -> Vec<WeightFields> {
        let taken = |dtype: Dtype| {
            let weights = WeightBytes::of(&self.config.architecture, dtype).with_own_head(self.weights.has_own_head);
            let maps_around = self.weights.stored.iter().flatten().all(|stored| stored.dtype == dtype.name());
            WeightFields {
                dtype: dtype.name().to_owned(),
                bytes: weights.all(),
                streamed_bytes: weights.placed(Placement::Streamed, 1, maps_around),
                placement: weights.placement(self.memory.budget_bytes, 1, maps_around),
            }
        };
        [Dtype::Float32, Dtype::Bfloat16, Dtype::Float16].map(taken).into()
    }
}

impl Output for Model {
    type Fields = ShowFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut facts = vec![
            ("folder", self.folder.display().to_string()),
            ("family", self.config.model_type().to_owned()),
            ("parameters", self.parameters().to_string()),
        ];
        facts.extend(description::facts(&self.config.architecture));
        facts.push(("tokenizer", tokenizer_words(self.tokenizer.as_ref())));
        let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        facts.iter().try_for_each(|(name, fact)| writeln!(out, "{name:width$}  {fact}"))?;

        let mut sites = table::new(["site", "axes", "of one position"]);
        for SiteFields { site, axes, shape } in description::sites(&self.config.architecture) {
            sites.add_row([site, axes.join(","), shape.join(",")]);
        }
        writeln!(out, "\n{}", sites.trim_fmt())?;

        let mut weights = table::new(["weights", "bytes", "of the budget", "streamed", "within the budget"]);
        let MemoryFields { free_bytes, budget_bytes } = self.memory;
        for StoredFields { dtype, bytes: count } in self.weights.stored.iter().flatten() {
            weights.add_row([&format!("stored,{dtype}"), &bytes(*count), "-", "-", "-"]);
        }
        for WeightFields { dtype, bytes: count, streamed_bytes, placement } in self.weights() {
            let placement = match placement {
                Some(Placement::Resident) => "on the device",
                Some(Placement::Streamed) => "streamed",
                None => "no room",
            };
            let of_the_budget = share(count, budget_bytes);
            weights.add_row([dtype, bytes(count), of_the_budget, bytes(streamed_bytes), placement.to_owned()]);
        }
        writeln!(out, "\n{}", weights.trim_fmt())?;
        if self.weights.stored.is_none() {
            writeln!(out, "the folder has no weights")?;
        }
        writeln!(out, "budget {} (this machine has {} free)", bytes(budget_bytes), bytes(free_bytes))
    }

    fn fields(&self) -> ShowFields {
        let architecture = &self.config.architecture;
        ShowFields {
            folder: output::path(&self.folder),
            model_type: self.config.model_type(),
            parameters: self.parameters(),
            architecture: output::object(architecture),
            sites: description::sites(architecture),
            tokenizer: self.tokenizer.clone(),
            stored: self.weights.stored.clone(),
            weights: self.weights(),
            memory: self.memory,
            warnings: self.weights.notes.clone(),
        }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.folder.display())
    }
}

/// Which token stands first in a prompt, by which setting.
fn tokenizer_words(tokenizer: Option<&TokenizerFields>) -> String {
    let Some(TokenizerFields { bos, bos_named_by, puts_first }) = tokenizer else {
        return "none: specs give token ids".to_owned();
    };
    let token = |token: &ShownToken| format!("{:?} {}", token.text.as_deref().unwrap_or_default(), token.id);
    let bos = match (bos, bos_named_by) {
        (Some(bos), Some(by)) => format!("BOS {}, which {by} names", token(bos)),
        _ => "no BOS".to_owned(),
    };
    let first: Vec<String> = puts_first.iter().map(token).collect();
    let first = if first.is_empty() { "nothing".to_owned() } else { first.join(", ") };
    format!("{bos}; by itself it puts {first} first")
}

/// Of the budget, in percent.
#[allow(clippy::cast_precision_loss)]
fn share(bytes: u64, budget: u64) -> String {
    format!("{:.1}%", 100.0 * bytes as f64 / budget.max(1) as f64)
}
