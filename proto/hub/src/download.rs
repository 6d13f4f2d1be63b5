//! One file: from where the last try ended to the end.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::Listener;
use crate::cache::{Cached, is_plain};
use crate::client::{Answer, Ask, Client};
use crate::error::HubError;
use crate::hash::is_what_it_says;
use crate::refusal::{About, refused};
use crate::url;

/// Bytes of one request: a transfer that hangs is noticed with the end of its request.
const PIECE: u64 = 64 << 20;

/// Bytes that are read at once.
const AT_ONCE: usize = 1 << 17;

/// Tries in a row that bring nothing.
const MOST_TRIES: u32 = 5;

/// Between the first two of them; twice as long after each.
const PAUSE: Duration = Duration::from_secs(1);

/// A file as the hub has it.
#[derive(Debug)]
pub(crate) struct Remote<'a> {
    about: About<'a>,
    name: &'a str,
    /// Where to ask for it.
    address: String,
    pub(crate) etag: String,
    pub(crate) bytes: u64,
}

impl Client {
    /// What the hub says of a file of a commit.
    pub(crate) fn remote<'a>(&self, about: About<'a>, commit: &str, name: &'a str) -> Result<Remote<'a>, HubError> {
        let address = url::file(&self.endpoint, about.repository, commit, name);
        let answer = self.ask(&address, Ask::About)?;
        let is_elsewhere = answer.redirection().is_some();
        if !answer.response.status().is_success() && !is_elsewhere {
            return Err(refused(self, &answer, about));
        }
        // The length of a redirection is its own.
        let length =
            answer.header("x-linked-size").or_else(|| answer.header("content-length").filter(|_| !is_elsewhere));
        let bytes =
            length.and_then(|bytes| bytes.parse().ok()).ok_or_else(|| answer.strange("a file without length"))?;
        let etag = answer.header("x-linked-etag").or_else(|| answer.header("etag"));
        let etag = etag.map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_owned());
        // It becomes the name of a file.
        let etag = etag.filter(|etag| is_plain(etag)).ok_or_else(|| answer.strange("a file without ETag"))?;
        Ok(Remote { about, name, address, etag, bytes })
    }

    /// Brings a file into `blobs`. Nobody else does meanwhile.
    pub(crate) fn bring(&self, file: &Remote<'_>, cached: &Cached, ear: &mut dyn Listener) -> Result<(), HubError> {
        let (blob, partial) = (cached.blob(&file.etag), cached.partial(&file.etag));
        let failed = |source| HubError::Write { path: partial.clone(), source };
        for _ in 0..2 {
            self.transfer(file, &partial, ear)?;
            if is_what_it_says(&partial, &file.etag).map_err(failed)? {
                return match fs::rename(&partial, &blob) {
                    // Where locks do nothing, another process may have done it.
                    Err(error) if error.kind() == ErrorKind::NotFound && blob.exists() => Ok(()),
                    renamed => renamed.map_err(failed),
                };
            }
            fs::remove_file(&partial).map_err(failed)?;
        }
        Err(HubError::Damaged { file: file.name.to_owned(), repository: file.about.repository.to_owned() })
    }

    /// Until all bytes are there, from those on that are there already.
    fn transfer(&self, file: &Remote<'_>, partial: &Path, ear: &mut dyn Listener) -> Result<(), HubError> {
        let failed = |source| HubError::Write { path: partial.to_owned(), source };
        let mut out = File::options().write(true).create(true).truncate(false).open(partial).map_err(failed)?;
        let mut have = out.metadata().map_err(failed)?.len();
        if have > file.bytes {
            have = 0;
            out.set_len(0).map_err(failed)?;
        }
        ear.begins(file.name, file.bytes, have);
        let mut tries = 0;
        while have < file.bytes {
            let before = have;
            let came = self.piece(file, &mut have, &mut out, ear).map_err(|stop| stop.in_file(partial));
            tries = if have > before { 0 } else { tries + 1 };
            match came {
                Err(error) if !is_passing(&error) => return Err(error),
                Err(error) if tries == MOST_TRIES => {
                    let (name, repository) = (file.name.to_owned(), file.about.repository.to_owned());
                    return Err(HubError::Broken { file: name, repository, tries, source: Box::new(error) });
                }
                Err(_) if tries > 0 => pause(tries, ear)?,
                _ => {}
            }
        }
        out.sync_data().map_err(failed)?;
        ear.ends();
        Ok(())
    }

    /// One request's bytes. `have`: how many there are, which grows as they come.
    fn piece(&self, file: &Remote<'_>, have: &mut u64, out: &mut File, ear: &mut dyn Listener) -> Result<(), Stop> {
        let last = file.bytes.min(*have + PIECE) - 1;
        let answer = self.ask(&file.address, Ask::Range(*have, last))?;
        match (answer.status(), begins_at(&answer)) {
            (206, Some(start)) if start == *have => {}
            // Who knows no ranges sends all of it.
            (200, _) => *have = 0,
            (206, _) => return Err(answer.strange("another part of the file than was asked for").into()),
            _ => return Err(refused(self, &answer, file.about).into()),
        }
        let host = url::host(&answer.from);
        let mut body = answer.response.into_body().into_reader();
        let mut buffer = vec![0; AT_ONCE];
        out.seek(SeekFrom::Start(*have)).map_err(Stop::Write)?;
        while *have < file.bytes {
            if ear.is_cancelled() {
                return Err(HubError::Cancelled.into());
            }
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => return Err(HubError::Unreachable { host, source: Box::new(error) }.into()),
            };
            let left = usize::try_from(file.bytes - *have).unwrap_or(usize::MAX);
            let wanted = &buffer[..count.min(left)];
            out.write_all(wanted).map_err(Stop::Write)?;
            *have += wanted.len() as u64;
            ear.has(*have);
        }
        Ok(())
    }
}

/// What ends a request before its last byte.
enum Stop {
    Hub(HubError),
    Write(std::io::Error),
}

impl From<HubError> for Stop {
    fn from(error: HubError) -> Self {
        Self::Hub(error)
    }
}

impl Stop {
    fn in_file(self, path: &Path) -> HubError {
        match self {
            Self::Hub(error) => error,
            Self::Write(source) => HubError::Write { path: path.to_owned(), source },
        }
    }
}

/// Whether another try may go better.
fn is_passing(error: &HubError) -> bool {
    matches!(error, HubError::Unreachable { .. } | HubError::Busy { .. })
}

/// The first byte of an answer that is a part.
fn begins_at(answer: &Answer) -> Option<u64> {
    answer.header("content-range")?.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

/// The longer, the more often nothing came.
fn pause(tries: u32, ear: &dyn Listener) -> Result<(), HubError> {
    let step = Duration::from_millis(100);
    let steps = (PAUSE.as_millis() << (tries - 1)) / step.as_millis();
    for _ in 0..steps {
        if ear.is_cancelled() {
            return Err(HubError::Cancelled);
        }
        thread::sleep(step);
    }
    Ok(())
}
