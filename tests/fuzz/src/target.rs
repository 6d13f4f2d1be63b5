//! One reader and its inputs.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use crate::Edits;
use crate::made_up::MadeUp;
use crate::memory;
use crate::watchdog::Watchdog;

/// A file that is the only input.
const INPUT: &str = "PATCHSWEEP_FUZZ_INPUT";

/// How the names of committed inputs begin that take seconds, and are not mutated.
const ONCE: &str = "once-";

/// One reader and its inputs.
pub struct Target {
    name: &'static str,
    corpus: Vec<(PathBuf, Vec<u8>)>,
    running: PathBuf,
    found: PathBuf,
    feed: fn(&[u8]),
    watchdog: Watchdog,
}

impl Target {
    /// `feed` panics where something is wrong. `scratch`: a folder for inputs that take the process down.
    ///
    /// # Panics
    /// When the corpus cannot be read.
    #[must_use]
    pub fn new(name: &'static str, scratch: &str, feed: fn(&[u8])) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        let corpus = paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a file"))).collect();
        let at = |kind: &str| Path::new(scratch).join(format!("{name}.{kind}"));
        let (running, found) = (at("running"), at("found"));
        let watchdog = Watchdog::new(repeat(name, &running));
        Self { name, corpus, running, found, feed, watchdog }
    }

    /// Contents of the committed inputs that are mutated, ordered by name.
    #[must_use]
    pub fn corpus(&self) -> Vec<&[u8]> {
        let is_quick = |path: &Path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(ONCE));
        self.corpus.iter().filter(|(path, _)| is_quick(path)).map(|(_, content)| content.as_slice()).collect()
    }

    /// Runs the input that the environment names, or all committed ones and then made-up ones: what `mutated` makes of
    /// edits.
    ///
    /// # Panics
    /// When an input shows that something is wrong.
    pub fn check(&self, mutated: impl Fn(&Edits) -> Vec<u8>) {
        if let Some(path) = std::env::var_os(INPUT) {
            return self.run(&fs::read(path).expect("the input to repeat"));
        }
        for (path, content) in &self.corpus {
            println!("{}: {}", self.name, path.display());
            self.run(content);
        }
        MadeUp::asked().run(|edits| self.run(&mutated(edits)));
    }

    /// Runs one input. One that panics is kept; of several, the shortest.
    ///
    /// # Panics
    /// When the input shows that something is wrong.
    fn run(&self, input: &[u8]) {
        fs::write(&self.running, input).expect("the scratch folder can be written");
        let checked = self.watchdog.watch(|| {
            memory::limit_for(input.len());
            let checked = catch_unwind(AssertUnwindSafe(|| (self.feed)(input)));
            memory::unlimited();
            checked
        });
        let Err(panic) = checked else { return };
        if fs::metadata(&self.found).map_or(usize::MAX as u64, |kept| kept.len()) > input.len() as u64 {
            fs::write(&self.found, input).expect("the scratch folder can be written");
        }
        eprintln!("found: {}", repeat(self.name, &self.found));
        resume_unwind(panic)
    }
}

fn repeat(name: &str, input: &Path) -> String {
    format!("repeat it with {INPUT}={} cargo test -p patchsweep-fuzz --test {name}", input.display())
}
