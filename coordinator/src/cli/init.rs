//! `patchsweep init`

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use patchsweep_core::model::ModelRef;
use patchsweep_core::status::PlanOptions;
use patchsweep_files::locate::{ModelFolders, refuse_adapter};
use patchsweep_files::{ModelError, only_bpe_files};
use patchsweep_plan::spec::Source;
use patchsweep_plan::starter::{self, Known, Named};
use patchsweep_plan::{Outline, bos_token};
use patchsweep_process::talk;
use patchsweep_process::talk::warn;
use patchsweep_serve::server::{ModelFilesError, PlanningError, make_plan, read_model};
use schemars::JsonSchema;
use serde::Serialize;

use super::CliError;
use super::output::{self, Output, Printer};
use super::submission::read;

#[derive(Debug, clap::Args)]
pub(super) struct InitArgs {
    /// The model: a Hugging Face folder.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The prompts, all of one length: one "prompt, answer" per line; or with the columns prompt and answer a .csv file, or JSON
    /// lines (.jsonl, .ndjson, .json).
    #[arg(value_name = "PROMPTS")]
    prompts: PathBuf,
    /// The spec that is written; paths in it are relative to its folder.
    #[arg(long, value_name = "FILE", default_value = "sweep.toml")]
    out: PathBuf,
    /// Replace the spec if there is one.
    #[arg(long)]
    overwrite: bool,
}

pub(super) fn init(args: &InitArgs, printer: &Printer) -> Result<(), CliError> {
    let home = folder_of(&args.out);
    let (model, models) = model_name(&args.model, home);
    let refused = |reason: PlanningError| CliError::NoStarter(reason.into());
    if !args.model.join("config.json").exists() {
        refuse_adapter(&args.model).map_err(|error| refused(ModelFilesError::from(ModelError::from(error)).into()))?;
    }
    let (config, tokenizer) = read_model(&args.model).map_err(|error| refused(error.into()))?;
    let tokenizer = tokenizer.ok_or_else(|| match only_bpe_files(&args.model) {
        Some(error) => refused(ModelFilesError::from(error).into()),
        None => CliError::NoTokenizer { folder: args.model.clone() },
    })?;
    let dataset = read(&args.prompts, "give the path of a file of prompts")?;
    let file = relative(&args.prompts, home).unwrap_or_else(|| absolute(&args.prompts)).display().to_string();
    let bos = bos_token(&tokenizer, &config);
    let outline = Outline::read(&file, &dataset, &tokenizer, bos);
    let outline = outline.map_err(|error| refused(error.into()))?;
    let name = args.out.file_stem().map_or_else(|| "sweep".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let known = Known { outline: &outline, has_bos: bos.is_some(), tokenizer: &tokenizer };
    let text = starter::spec(Named { name: &name, model: &model, dataset: &file }, known);
    // Nothing is written that could not be run.
    let roots = models.iter().cloned().chain([home.to_owned()]).collect();
    let folders = ModelFolders::with_hub_cache(roots);
    let plan = make_plan(&folders, &Source::new(text.clone()), &dataset, PlanOptions::default()).map_err(refused)?;
    warn(&plan.warnings);
    write(&args.out, &starter::with_warnings(&text, &plan.warnings), args.overwrite)?;
    let spec = args.out.display();
    let found = models.as_ref().map(|models| format!(" --models {}", models.display())).unwrap_or_default();
    talk!("wrote {spec}; look at `corrupt` and `read`, then: patchsweep plan {spec}{found}");
    printer.print(&Written { spec: &args.out, models: models.as_deref() })
}

/// Where a file without a folder in its name is.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The model's name in the spec, and the folder to look for it in where that is not the spec's.
fn model_name(model: &Path, home: &Path) -> (String, Option<PathBuf>) {
    let below = relative(model, home).map(|path| path.display().to_string());
    if let Some(name) = below.filter(|name| ModelRef::folder(name).is_ok()) {
        return (name, None);
    }
    let model = absolute(model);
    let name = model.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    (name, model.parent().map(Path::to_owned))
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// As seen from a folder that it is below of.
fn relative(path: &Path, folder: &Path) -> Option<PathBuf> {
    absolute(path).strip_prefix(absolute(folder)).ok().map(Path::to_owned)
}

fn write(path: &Path, text: &str, overwrite: bool) -> Result<(), CliError> {
    let opened = if overwrite { File::create(path) } else { File::create_new(path) };
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| CliError::WriteSpec { path: path.to_owned(), source })
}

/// Where the spec is.
struct Written<'a> {
    spec: &'a Path,
    /// What has to be given with `--models`.
    models: Option<&'a Path>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct InitFields {
    /// The path of the spec that was written.
    spec: String,
    /// The folder to give to other commands with `--models`; null where they find the model without.
    models: Option<String>,
}

impl Output for Written<'_> {
    type Fields = InitFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        self.quiet(out)
    }

    fn fields(&self) -> InitFields {
        InitFields { spec: output::path(self.spec), models: self.models.map(output::path) }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.spec.display())
    }
}
