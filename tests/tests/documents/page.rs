//! A page of Markdown whose commands are run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use patchsweep_tests::{program, repository, serve, worker};
use tempfile::TempDir;
use trycmd::TestCases;

use super::varying;

/// The reader's home, as pages write it.
const HOME: &str = "/home/you";

/// A page, and the folder in which its commands are run.
pub(crate) struct Page {
    text: String,
    place: TempDir,
}

impl Page {
    /// By its path in the repository.
    pub(crate) fn read(path: &str) -> Self {
        let text = fs::read_to_string(repository().join(path)).expect("the page is there");
        let page = Self { text, place: tempfile::tempdir().expect("a temporary folder") };
        fs::create_dir(page.folder()).expect("a folder");
        page
    }

    /// Puts a file or folder of the repository into the page's folder, under its own name.
    pub(crate) fn with(self, path: &str) -> Self {
        let from = repository().join(path);
        copy(&from, &self.folder().join(from.file_name().expect("a name")));
        self
    }

    /// Where the commands are run; trycmd wants this name.
    pub(crate) fn folder(&self) -> PathBuf {
        self.place.path().join("page.in")
    }

    /// The first listing in that language with a text in it.
    pub(crate) fn listing(&self, language: &str, text: &str) -> String {
        let listings = self.listings(language);
        listings.into_iter().find(|listing| listing.contains(text)).expect("the listing is on the page")
    }

    /// All listings in that language, from top to bottom.
    pub(crate) fn listings(&self, language: &str) -> Vec<String> {
        let fence = format!("```{language}\n");
        let listings = self.text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
        listings.map(str::to_owned).collect()
    }

    /// Runs all commands of the page and compares what they print.
    pub(crate) fn holds(&self) {
        let case = self.place.path().join("page.md");
        fs::write(&case, cases(&self.text)).expect("the page is written");
        let home = self.place.path().join("home");
        fs::create_dir(&home).expect("a folder");
        let models = self.models();
        let models = models.to_str().expect("text");
        let (_coordinator, url) = serve(&["--models", models]);
        let _workers = [(); 2].map(|()| {
            let mut worker = worker(&url, &["--models", models]);
            worker.wait_for("registered with the coordinator");
            worker
        });
        let home = home.to_str().expect("text").to_owned();
        let cases = TestCases::new();
        cases.register_bin("patchsweep", program("patchsweep"));
        cases.register_bin("head", PathBuf::from("/usr/bin/head"));
        // The reader has no config file, and no terminal.
        for (variable, value) in [
            ("PATCHSWEEP_COORDINATOR", url.as_str()),
            ("HOME", &home),
            ("PATCHSWEEP_CONFIG", ""),
            ("NO_COLOR", "1"),
            ("COLUMNS", "120"),
        ] {
            cases.env(variable, value);
        }
        cases.insert_var("[HOME]", home).expect("a name");
        cases.timeout(Duration::from_mins(2)).case(case).run();
    }

    /// The folder that has the model's folder.
    fn models(&self) -> PathBuf {
        let data = self.folder().join("data");
        if data.is_dir() { data } else { self.folder() }
    }
}

/// The page as trycmd reads it: with exit codes, and with wildcards in place of what no two runs have in common.
fn cases(text: &str) -> String {
    let listings = text.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    listings.flat_map(|listing| listing.strip_prefix("$ ").expect("a command").split("\n$ ")).map(case).collect()
}

/// A command, and below it what it prints.
fn case(step: &str) -> String {
    let (command, printed) = step.split_once('\n').unwrap_or((step, ""));
    let program = command.split_whitespace().next();
    // trycmd would leave others out without a word.
    assert!(matches!(program, Some("patchsweep" | "head")), "not a program of the test: {command}");
    let status = if printed.lines().any(|line| line.starts_with("error: ")) { "? failed\n" } else { "" };
    let printed = varying::wild(command, printed.trim_end());
    let printed = printed.replace(&format!("{HOME}/patchsweep"), "[CWD]").replace(HOME, "[HOME]");
    // Of two line ends trycmd takes the last for its own.
    let end = if printed.is_empty() { "" } else { "\n\n" };
    format!("```console\n$ {command}\n{status}{printed}{end}```\n\n")
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir(to).expect("a folder");
        for entry in fs::read_dir(from).expect("a folder") {
            let entry = entry.expect("an entry");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).expect("copied");
    }
}
