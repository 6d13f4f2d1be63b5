//! What goes out only once the journal holds what it rests on: the journal, the promises that wait for it, and the
//! comparisons that read what it kept.

use patchsweep_core::ids::SweepId;
use tokio::sync::mpsc;

use super::choices::Choices;
use super::comparisons::{Comparison, Comparisons};
use super::handle::{Command, RunId};
use super::journal::Journal;
use super::promises::{Promise, Promises};
use super::rpc_errors::RequestError;
use crate::state::{Entry, JournalClosed};

/// The journal and what waits for it.
pub(super) struct Outbound {
    journal: Journal,
    promises: Promises,
    comparisons: Comparisons,
    choices: Choices,
}

impl Outbound {
    pub(super) fn new(journal: Journal, comparisons: Comparisons, choices: Choices) -> Self {
        Self { journal, promises: Promises::default(), comparisons, choices }
    }

    /// Adds an entry behind all others.
    pub(super) fn write(&mut self, entry: Entry) {
        self.journal.write(entry);
    }

    /// Does something once everything that was written so far is on disk.
    pub(super) fn promise(&mut self, promise: Promise) {
        self.promises.hold(self.journal.written(), promise);
    }

    /// Answers a request once everything that was written so far is on disk.
    pub(super) fn answer(&mut self, answer: impl FnOnce() + Send + 'static) {
        self.promise(Promise::Answer(Box::new(answer)));
    }

    /// The next promise that may be kept now.
    pub(super) fn due(&mut self) -> Option<Promise> {
        self.promises.next(self.journal.committed(), self.comparisons.has_room())
    }

    /// Holds second scores against the first.
    pub(super) fn compare(&self, comparison: Comparison) {
        self.comparisons.add(comparison);
    }

    /// Says who is told what was chosen.
    pub(super) fn connect(&mut self, commands: mpsc::WeakSender<Command>) {
        self.choices.connect(commands);
    }

    /// Chooses which cells of a sweep are computed.
    pub(super) fn choose(&mut self, run: RunId, sweep: SweepId) {
        self.choices.plan(run, sweep);
    }

    /// Does not choose any more for a sweep that has ended.
    pub(super) fn give_up_choice(&mut self, sweep: &SweepId) {
        self.choices.give_up(sweep);
    }

    /// Refuses a change that nothing could keep now.
    pub(super) fn can_store(&self) -> Result<(), RequestError> {
        self.journal.stalled().map_or(Ok(()), |reason| Err(RequestError::CannotStore { reason }))
    }

    /// Whether nothing can be written now.
    pub(super) fn is_stalled(&self) -> bool {
        self.journal.stalled().is_some()
    }

    /// Bytes of entries that are not on disk yet.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.journal.waiting_bytes()
    }

    /// Waits until more is on disk. Cancel-safe.
    pub(super) async fn progress(&mut self) -> Result<(), JournalClosed> {
        self.journal.progress().await
    }

    /// Hands what was written to the committer; waits only while very much waits there already.
    pub(super) async fn flush(&mut self) -> Result<(), JournalClosed> {
        self.journal.flush().await
    }

    /// Waits until everything is compared and on disk and nothing is read for a choice, and lets go of the files.
    pub(super) async fn close(self) {
        self.comparisons.close().await;
        self.choices.close().await;
        self.journal.close().await;
    }
}
