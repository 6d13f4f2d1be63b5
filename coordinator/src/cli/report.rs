//! `patchsweep report`

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use patchsweep_proto::ids::SweepId;
use patchsweep_proto::results::SweepResults;
use patchsweep_proto::status::SweepState;
use serde_json::{Map, Value};

use super::output::{Output, Printer};
use super::progress::Ended;
use super::{CliError, CoordinatorArgs};
use crate::client::Client;
use crate::results::difference::Difference;
use crate::results::figure::{Cells, Drawable, Figure, Subject, View, png, svg};
use crate::results::{read_folder, report_html};
use crate::statistics::Statistics;

const PAGE: &str = "report.html";

#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// A sweep of the coordinator, or a folder that `run` or `results` wrote; a folder needs no coordinator.
    #[arg(value_name = "SWEEP|FOLDER")]
    sweep: String,
    /// File for the page, or folder for the page and the figures [default: report.html, with figures the folder figures].
    #[arg(long, value_name = "FILE|DIR")]
    out: Option<PathBuf>,
    /// Show the differences from another sweep or folder.
    #[arg(long, value_name = "SWEEP|FOLDER")]
    against: Option<String>,
    /// Take what there is of a sweep that has not ended.
    #[arg(long)]
    partial: bool,
    /// Write each heat map as a PNG too.
    #[arg(long)]
    png: bool,
    /// Write each heat map as an SVG too.
    #[arg(long)]
    svg: bool,
    /// Pixels of a PNG for each pixel of the page; 3 is about 300 to the inch.
    #[arg(long, default_value_t = 3.0, value_parser = scale, value_name = "FACTOR")]
    scale: f32,
    /// Replace files that are there.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    coordinator: CoordinatorArgs,
}

fn scale(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(scale) if (0.25..=20.0).contains(&scale) => Ok(scale),
        _ => Err("a number from 0.25 to 20".to_owned()),
    }
}

/// Where results come from.
enum Source {
    Sweep(SweepId),
    Folder(PathBuf),
}

impl Source {
    /// A folder is what is one, or looks like a path.
    fn of(word: &str) -> Self {
        let path = Path::new(word);
        if path.is_dir() || path.components().count() > 1 {
            Self::Folder(path.to_owned())
        } else {
            Self::Sweep(SweepId(word.to_owned()))
        }
    }
}

/// Reads results, and connects to the coordinator when the first sweep is asked for.
struct Reader {
    coordinator: Option<CoordinatorArgs>,
    client: Option<Client>,
    partial: bool,
}

impl Reader {
    async fn client(&mut self) -> Result<&mut Client, CliError> {
        if let Some(coordinator) = self.coordinator.take() {
            self.client = Some(coordinator.connect().await?);
        }
        self.client.as_mut().ok_or(CliError::Interrupted)
    }

    async fn read(&mut self, source: &Source) -> Result<(SweepResults, Ended), CliError> {
        match source {
            Source::Folder(folder) => Ok((read_folder(folder)?, Ended::Done)),
            Source::Sweep(sweep) => {
                let partial = self.partial;
                let client = self.client().await?;
                if partial {
                    return Ok((client.partial_results(sweep).await?, Ended::Done));
                }
                let results = client.results(sweep).await?;
                let ended = match client.status(sweep).await?.state {
                    SweepState::Partial { reason } => Ended::Partial { reason },
                    _ => Ended::Done,
                };
                Ok((results, ended))
            }
        }
    }
}

pub(super) async fn report(args: ReportArgs, printer: Printer) -> Result<(), CliError> {
    let source = Source::of(&args.sweep);
    if let (true, Source::Folder(folder)) = (args.partial, &source) {
        return Err(CliError::PartialFolder { folder: folder.clone() });
    }
    let with_figures = args.png || args.svg;
    let target = Target::new(args.out.clone(), with_figures, args.overwrite)?;
    let mut reader = Reader { coordinator: Some(args.coordinator), client: None, partial: args.partial };
    let (results, ended) = reader.read(&source).await?;
    let against = match &args.against {
        Some(word) => Some(reader.read(&Source::of(word)).await?.0),
        None => None,
    };

    let mut written = Written::default();
    written.files.push(target.write(None, report_html(&results, against.as_ref())?.as_bytes())?);
    if with_figures {
        let formats = Formats { png: args.png.then_some(args.scale), svg: args.svg };
        formats.write(&results, "effect", &target, &mut written)?;
        if let Some(other) = &against {
            let difference = Difference::between(&results, other).results;
            formats.write(&difference, "difference", &target, &mut written)?;
        }
    }
    printer.print(&written)?;
    match source {
        Source::Sweep(sweep) => ended.whole(&sweep.0),
        Source::Folder(_) => Ok(()),
    }
}

/// Where the page and the figures go.
#[derive(Debug)]
struct Target {
    page: PathBuf,
    folder: PathBuf,
    overwrite: bool,
}

impl Target {
    /// Refuses a page that is there, before any work.
    fn new(out: Option<PathBuf>, with_figures: bool, overwrite: bool) -> Result<Self, CliError> {
        let out = out.unwrap_or_else(|| PathBuf::from(if with_figures { "figures" } else { PAGE }));
        let (page, folder) =
            if with_figures || out.is_dir() { (out.join(PAGE), out) } else { (out, PathBuf::new()) };
        if page.exists() && !overwrite {
            return Err(CliError::Exists { path: page });
        }
        if with_figures && !folder.is_dir() {
            fs::create_dir(&folder).map_err(|source| CliError::WriteOutput { path: folder.clone(), source })?;
        }
        Ok(Self { page, folder, overwrite })
    }

    /// `name`: of a figure; otherwise it is the page.
    fn write(&self, name: Option<&str>, content: &[u8]) -> Result<PathBuf, CliError> {
        let path = name.map_or_else(|| self.page.clone(), |name| self.folder.join(name));
        let mut options = OpenOptions::new();
        if self.overwrite { options.create(true).truncate(true) } else { options.create_new(true) };
        let written = options.write(true).open(&path).and_then(|mut file| file.write_all(content));
        match written {
            Ok(()) => Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(CliError::Exists { path }),
            Err(source) => Err(CliError::WriteOutput { path, source }),
        }
    }
}

/// In which forms figures are written.
struct Formats {
    /// With how many pixels for each of the page's.
    png: Option<f32>,
    svg: bool,
}

impl Formats {
    fn write(
        &self,
        results: &SweepResults,
        quantity: &str,
        target: &Target,
        written: &mut Written,
    ) -> Result<(), CliError> {
        for scores in &results.grids {
            let statistics = Statistics::of(scores);
            let subject = Subject { results, scores, statistics: &statistics, quantity };
            let views = if quantity == "effect" { View::of(scores) } else { vec![View::Effect, View::Significance] };
            for view in views {
                let stem = stem(&results.tensor_name(scores), quantity, view);
                if let Some(scale) = self.png {
                    let name = format!("{stem}.png");
                    let figure = Figure::new(subject, view, true, Drawable::OwnFonts);
                    let bytes = png(&figure, scale).map_err(|source| CliError::Png { name: name.clone(), source })?;
                    written.files.push(target.write(Some(&name), &bytes)?);
                }
                if self.svg {
                    let figure = Figure::new(subject, view, true, Drawable::All);
                    let text = svg(&figure, Cells::Rectangles);
                    written.files.push(target.write(Some(&format!("{stem}.svg")), text.as_bytes())?);
                }
            }
        }
        Ok(())
    }
}

/// `z-effect`, `z@prob-value`, `z-difference-significance`; names from a folder may be any text.
fn stem(tensor: &str, quantity: &str, view: View) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_-@".contains(c) { c } else { '_' };
    let tensor: String = tensor.chars().map(plain).collect();
    match (quantity, view) {
        ("effect", view) => format!("{tensor}-{}", view.key()),
        (quantity, View::Effect) => format!("{tensor}-{quantity}"),
        (quantity, view) => format!("{tensor}-{quantity}-{}", view.key()),
    }
}

/// The files that were written.
#[derive(Debug, Default)]
struct Written {
    files: Vec<PathBuf>,
}

impl Written {
    fn absolute(&self) -> impl Iterator<Item = String> {
        let absolute = |file: &PathBuf| std::path::absolute(file).unwrap_or_else(|_| file.clone());
        self.files.iter().map(move |file| absolute(file).display().to_string())
    }
}

impl Output for Written {
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        self.quiet(out)
    }

    fn json(&self) -> Map<String, Value> {
        Map::from_iter([("files".to_owned(), self.absolute().collect())])
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        self.absolute().try_for_each(|file| writeln!(out, "{file}"))
    }
}
