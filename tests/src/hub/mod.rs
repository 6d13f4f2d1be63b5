//! A hub on this machine: as much of the Hugging Face hub's protocol as downloads need, over real sockets.
//!
//! Small files come from the hub itself, large ones from another host that it redirects to, as the real one does it. What
//! was asked for is kept, and what may go wrong on the way goes wrong when a test says so.

mod answers;
mod http;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

/// A token of somebody who may read everything.
pub const MEMBER: &str = "hf_member";

/// A token of somebody who may read what everybody may.
pub const STRANGER: &str = "hf_stranger";

/// Bytes from which on a file lies elsewhere.
const LARGE: usize = 100_000;

/// A hub, which is there until the process ends.
#[derive(Clone, Debug)]
pub struct Hub {
    state: Arc<Mutex<State>>,
    /// Its address, for `HF_ENDPOINT`.
    pub address: String,
}

/// Files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

#[derive(Debug, Default)]
struct State {
    repositories: BTreeMap<String, Repository>,
    /// Repositories by the names that they had before.
    renamed: BTreeMap<String, String>,
    asked: Vec<Asked>,
    fault: Option<Fault>,
    /// Where large files lie.
    elsewhere: String,
}

#[derive(Debug, Default)]
struct Repository {
    /// Files by commit.
    commits: BTreeMap<String, Files>,
    /// Commits by branch.
    branches: BTreeMap<String, String>,
    access: Access,
}

/// Who may read a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    #[default]
    Open,
    /// Everybody may see it, members may read it.
    Gated,
    /// Members only may know of it.
    Private,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Whether it went to the host of large files.
    pub elsewhere: bool,
    /// `GET` or `HEAD`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// The header.
    pub range: Option<String>,
    /// The header.
    pub authorization: Option<String>,
}

/// What goes wrong with large files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Each answer ends after so many bytes of what was asked for.
    Breaks(usize),
    /// Each answer stops after so many bytes, and the connection stays.
    Hangs(usize),
    /// Ranges are not known: all of the file comes.
    NoRanges,
    /// One byte is another one.
    Damages,
}

impl Hub {
    /// Starts one without repositories.
    ///
    /// # Panics
    /// When there is no port for it.
    #[must_use]
    pub fn start() -> Self {
        let [hub, elsewhere] = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let address = |listener: &TcpListener| format!("http://{}", listener.local_addr().expect("an address"));
        let state = State { elsewhere: address(&elsewhere), ..State::default() };
        let served = Self { state: Arc::new(Mutex::new(state)), address: address(&hub) };
        for (listener, is_elsewhere) in [(hub, false), (elsewhere, true)] {
            let hub = served.clone();
            thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let hub = hub.clone();
                    thread::spawn(move || http::serve(&stream, |asked| hub.answer(asked, is_elsewhere)));
                }
            });
        }
        served
    }

    /// A new commit of a branch; gives its hash.
    ///
    /// # Panics
    /// When another test of the same hub has panicked.
    #[must_use]
    pub fn push(&self, repository: &str, branch: &str, files: Files) -> String {
        let mut all = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        for (name, bytes) in &files {
            all.update(name.as_bytes());
            all.update(bytes);
        }
        let commit = hexadecimal(all);
        let mut state = self.state();
        let repository = state.repositories.entry(repository.to_owned()).or_default();
        repository.commits.insert(commit.clone(), files);
        repository.branches.insert(branch.to_owned(), commit.clone());
        commit
    }

    /// From now on a repository is found under this name too.
    pub fn rename(&self, from: &str, to: &str) {
        self.state().renamed.insert(from.to_owned(), to.to_owned());
    }

    /// Who may read a repository.
    pub fn set_access(&self, repository: &str, access: Access) {
        self.state().repositories.entry(repository.to_owned()).or_default().access = access;
    }

    /// What goes wrong from now on.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    /// What was asked for since the last time.
    #[must_use]
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state().asked)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files of a folder.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn files_of(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let files = entries.filter(|path| path.is_file());
    files.map(|path| (name(&path), fs::read(&path).expect("a readable file"))).collect()
}

/// The name of a file's contents in the cache, and whether they lie elsewhere.
fn etag(bytes: &[u8]) -> (String, bool) {
    let is_large = bytes.len() >= LARGE;
    let mut hash = Context::new(if is_large { &SHA256 } else { &SHA1_FOR_LEGACY_USE_ONLY });
    if !is_large {
        hash.update(format!("blob {}\0", bytes.len()).as_bytes());
    }
    hash.update(bytes);
    (hexadecimal(hash), is_large)
}

fn hexadecimal(hash: Context) -> String {
    hash.finish().as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
