//! `patchsweep report`

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use patchsweep_core::results::SweepResults;
use patchsweep_core::status::SweepStatus;
use patchsweep_results::difference::{Compared, Difference};
use patchsweep_results::figure::{Cells, Drawable, Figure, Subject, View, png, svg};
use patchsweep_results::{Analysed, ResultsError, read_folder, report_html};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::{Output, Printer};
use super::results::{fetch, not_finite};
use super::selector::{self, Selector};
use super::{CliError, CoordinatorArgs, progress, whole_file};

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
    /// Write the differences as a table too, with one line for each cell, for pandas.
    #[arg(long, value_name = "FILE", requires = "against")]
    csv: Option<PathBuf>,
    /// Take what there is of a sweep that has not ended.
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    figures: FigureArgs,
    /// Replace files that are there.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    coordinator: CoordinatorArgs,
}

/// Files with one heat map each.
#[derive(Clone, Copy, Debug, clap::Args)]
struct FigureArgs {
    /// Write each heat map as a PNG too.
    #[arg(long)]
    png: bool,
    /// Write each heat map as an SVG too.
    #[arg(long)]
    svg: bool,
    /// Pixels of a PNG for each pixel of the page; 3 is about 300 to the inch.
    #[arg(long, default_value_t = 3.0, value_parser = scale, value_name = "FACTOR")]
    scale: f32,
}

fn scale(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(scale) if (0.25..=20.0).contains(&scale) => Ok(scale),
        _ => Err("a number from 0.25 to 20".to_owned()),
    }
}

/// Where results come from.
enum Source {
    Sweep(Selector),
    Folder(PathBuf),
}

impl Source {
    /// A folder is what is one, or looks like a path.
    fn of(word: &str) -> Self {
        let path = Path::new(word);
        if path.is_dir() || path.components().count() > 1 {
            Self::Folder(path.to_owned())
        } else {
            let Ok(selector) = word.parse();
            Self::Sweep(selector)
        }
    }

    /// The results, and the sweep's status if they are to be all that there is.
    async fn read(
        &self,
        coordinator: &CoordinatorArgs,
        partial: bool,
    ) -> Result<(SweepResults, Option<SweepStatus>), CliError> {
        let selector = match self {
            Self::Folder(folder) => return Ok((read_folder(folder)?, None)),
            Self::Sweep(selector) => selector,
        };
        let mut client = coordinator.clone().connect().await?;
        let sweep = selector::one(&mut client, selector).await?;
        let results = fetch(&mut client, &sweep, partial).await?;
        let status = if partial { None } else { Some(client.status(&sweep).await?) };
        Ok((results, status))
    }
}

pub(super) async fn report(args: ReportArgs, printer: Printer) -> Result<(), CliError> {
    let source = Source::of(&args.sweep);
    if let (true, Source::Folder(folder)) = (args.partial, &source) {
        return Err(CliError::PartialFolder { folder: folder.clone() });
    }
    let FigureArgs { png, svg, scale } = args.figures;
    let with_figures = png || svg;
    let target = Target::new(args.out, with_figures, args.overwrite)?;
    if let Some(path) = args.csv.as_ref().filter(|path| path.exists() && !args.overwrite) {
        return Err(CliError::Exists { path: path.clone() });
    }
    let (results, status) = source.read(&args.coordinator, args.partial).await?;
    let against = match &args.against {
        Some(word) => Some(Source::of(word).read(&args.coordinator, args.partial).await?.0),
        None => None,
    };

    let analysed = Analysed::of(&results)?;
    let difference = against.as_ref().map(|other| Difference::between(&results, other)).transpose()?;
    let compared = difference.as_ref().map(Compared::of).transpose()?;
    let mut written = Written::default();
    written.files.push(target.write(None, report_html(&analysed, compared.as_ref()).as_bytes())?);
    if with_figures {
        let formats = Formats { png: png.then_some(scale), svg };
        formats.write(&analysed, "effect", &target, &mut written)?;
        if let Some(compared) = &compared {
            formats.write(compared.analysed(), "difference", &target, &mut written)?;
        }
    }
    if let (Some(path), Some(compared)) = (args.csv, &compared) {
        write_table(&path, args.overwrite, compared)?;
        written.files.push(path);
    }
    printer.print(&written)?;
    status.map_or(Ok(()), |status| progress::outcome(&status, true))?;
    not_finite(&args.sweep, &results)
}

/// The differences, one line for each cell.
fn write_table(path: &Path, overwrite: bool, compared: &Compared<'_>) -> Result<(), CliError> {
    whole_file::write(path, overwrite, |writer| match compared.write_csv(writer) {
        Err(ResultsError::Differences(source)) => Err(whole_file::refused(path, source)),
        written => Ok(written?),
    })
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
        let (page, folder) = if with_figures || out.is_dir() { (out.join(PAGE), out) } else { (out, PathBuf::new()) };
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
        whole_file::write(&path, self.overwrite, |writer| {
            writer.write_all(content).map_err(|error| whole_file::refused(&path, error))
        })?;
        Ok(path)
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
        analysed: &Analysed<'_>,
        quantity: &str,
        target: &Target,
        written: &mut Written,
    ) -> Result<(), CliError> {
        let results = analysed.results();
        for (scores, statistics) in analysed.grids() {
            let subject = Subject { results, scores, statistics, quantity };
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

#[derive(Serialize, JsonSchema)]
pub(super) struct ReportFields {
    /// The paths of the files that were written: the page, then the figures, then the table of `--csv`.
    files: Vec<String>,
}

impl Output for Written {
    type Fields = ReportFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        self.quiet(out)
    }

    fn fields(&self) -> ReportFields {
        ReportFields { files: self.absolute().collect() }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        self.absolute().try_for_each(|file| writeln!(out, "{file}"))
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_results::fixtures::example;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn folders_and_paths_need_no_coordinator() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let is_folder = |word: &str| matches!(Source::of(word), Source::Folder(_));
        assert!(is_folder(&folder.path().display().to_string()) && is_folder("results/typo") && is_folder("."));
        assert!(!is_folder("acronyms-23a92e") && !is_folder("last"));
    }

    #[test]
    fn a_page_that_is_there_is_refused_before_any_work_unless_it_may_be_replaced() {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join(PAGE), "mine").expect("written");
        let out = || Some(folder.path().to_owned());
        let refused = Target::new(out(), false, false).expect_err("there").to_string();
        assert!(refused.contains("report.html` exists") && refused.contains("--overwrite"), "{refused}");
        let target = Target::new(out(), false, true).expect("may be replaced");
        assert_eq!(target.write(None, b"ours").expect("written"), folder.path().join(PAGE));
        assert_eq!(fs::read(folder.path().join(PAGE)).expect("there"), b"ours");
    }

    #[test]
    fn a_table_that_is_not_written_whole_is_not_there_and_its_error_names_it() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let results = example();
        let difference = Difference::between(&results, &results).expect("the same cells");
        let compared = Compared::of(&difference).expect("consistent");
        let path = folder.path().join("table.csv");
        write_table(&path, false, &compared).expect("written");
        assert!(fs::read_to_string(&path).expect("there").starts_with("grid,"));
        let full = write_table(Path::new("/dev/full"), true, &compared).expect_err("it is full");
        assert_eq!(full.to_string(), "cannot write /dev/full");
        let source = std::error::Error::source(&full).expect("why").to_string();
        assert!(source.contains("No space left"), "{source}");
    }

    #[test]
    fn each_grid_metric_and_view_has_a_file_of_each_form() {
        let parent = tempfile::tempdir().expect("temporary folder");
        let folder = parent.path().join("paper");
        let target = Target::new(Some(folder.clone()), true, false).expect("made");
        let mut results = example();
        results.grids.truncate(1);
        results.grids.push(example().grids.remove(3));
        let mut written = Written::default();
        let formats = Formats { png: Some(0.5), svg: true };
        let analysed = Analysed::of(&results).expect("consistent");
        formats.write(&analysed, "effect", &target, &mut written).expect("drawn");
        formats.write(&analysed, "difference", &target, &mut written).expect("drawn");
        assert_eq!(written.files.len(), 2 * 2 * (3 + 2));
        let names = names(&folder);
        assert_eq!(names.len(), 20);
        for name in ["resid_pre-effect.png", "z@prob-significance.svg", "resid_pre-difference.svg"] {
            assert!(names.contains(&name.to_owned()), "{name}: {names:?}");
        }
    }

    #[test]
    fn names_from_a_folder_cannot_leave_the_folder_of_figures() {
        assert_eq!(stem("../z", "effect", View::Effect), "___z-effect");
        assert_eq!(stem("z", "difference", View::Significance), "z-difference-significance");
    }

    #[test]
    fn scales_without_sense_are_refused() {
        assert_eq!(scale("3"), Ok(3.0));
        for wrong in ["0", "-1", "NaN", "inf", "x", "21"] {
            assert!(scale(wrong).is_err(), "{wrong}");
        }
    }
}
