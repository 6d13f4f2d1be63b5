//! The task that owns all state: it feeds the scheduler and carries out what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use patchsweep_core::ids::{CoordinatorId, Epoch, Lease, SweepId, WorkerId};
use patchsweep_schedule::{Event, Scheduler};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::Span;

use super::comparisons::Comparisons;
use super::crew::ConnectedWorker;
use super::gauges;
use super::handle::{Command, Handle};
use super::journal::Journal;
use super::promises::{Promise, Promises};
use super::record::{Running, SweepRecord};
use super::rpc_errors::RequestError;
use super::spans::{Traces, ended_lease};

/// Commands that may wait; whoever sends more waits with them.
const COMMANDS: usize = 1024;

/// How often the scheduler is told the time, and clients what changed.
const TICK: Duration = Duration::from_millis(200);

/// What the owning task works with.
pub(super) struct Shell {
    pub(super) journal: Journal,
    pub(super) comparisons: Comparisons,
    pub(super) traces: Traces,
}

/// All state of a running coordinator.
pub(super) struct Actor {
    pub(super) coordinator: CoordinatorId,
    pub(super) epoch: Epoch,
    pub(super) scheduler: Scheduler,
    pub(super) began: Instant,
    pub(super) sweeps: BTreeMap<SweepId, SweepRecord>,
    /// Oldest first.
    pub(super) order: Vec<SweepId>,
    pub(super) workers: BTreeMap<WorkerId, ConnectedWorker>,
    pub(super) last_worker: u64,
    pub(super) last_run: u64,
    /// Sweeps of this life that were removed: their names are not given again, so that leases have one meaning only.
    pub(super) removed: BTreeSet<SweepId>,
    /// How long ended sweeps are kept; `None`: for ever.
    pub(super) keep: Option<Duration>,
    pub(super) journal: Journal,
    pub(super) promises: Promises,
    pub(super) comparisons: Comparisons,
    pub(super) traces: Traces,
    /// The coordinator stops: whoever comes is turned away.
    closing: bool,
}

impl Actor {
    pub(super) fn new(coordinator: CoordinatorId, epoch: Epoch, keep: Option<Duration>, shell: Shell) -> Self {
        let Shell { journal, comparisons, traces } = shell;
        Self {
            coordinator,
            epoch,
            scheduler: Scheduler::new(epoch),
            began: Instant::now(),
            sweeps: BTreeMap::new(),
            order: Vec::new(),
            workers: BTreeMap::new(),
            last_worker: 0,
            last_run: 0,
            removed: BTreeSet::new(),
            keep,
            journal,
            promises: Promises::default(),
            comparisons,
            traces,
            closing: false,
        }
    }

    /// Starts the task; it ends when the last handle is gone and everything is on disk.
    pub(super) fn start(self) -> (Handle, JoinHandle<()>) {
        let (commands, incoming) = mpsc::channel(COMMANDS);
        (Handle::new(commands), tokio::spawn(self.run(incoming)))
    }

    async fn run(mut self, mut incoming: mpsc::Receiver<Command>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut gauges = tokio::time::interval(gauges::PERIOD);
        gauges.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let kept = tokio::select! {
                // After a stall, heartbeats that wait are heard before anybody is taken for dead.
                biased;
                kept = self.journal.progress() => kept,
                command = incoming.recv() => {
                    let Some(command) = command else { break };
                    self.take(command);
                    self.journal.flush().await
                }
                _ = tick.tick() => {
                    self.tick();
                    self.journal.flush().await
                }
                _ = gauges.tick() => {
                    self.tell_gauges();
                    self.remove_old();
                    self.journal.flush().await
                }
            };
            if let Err(error) = kept {
                tracing::error!(error = patchsweep_core::error_chain(&error), "the coordinator cannot go on");
                return;
            }
            self.keep_promises();
        }
        self.comparisons.close().await;
        self.journal.close().await;
    }

    fn take(&mut self, command: Command) {
        // A client that has gone does not need its answer.
        match command {
            Command::Submit { sweep, reply } => self.submit(*sweep, reply),
            Command::Watch { sweep, reply } => {
                drop(reply.send(self.record(&sweep).map(|record| record.status.subscribe())));
            }
            Command::List { reply } => {
                let records = self.order.iter().filter_map(|id| self.sweeps.get(id));
                drop(reply.send(Ok(records.map(|record| record.status.borrow().clone()).collect())));
            }
            Command::Cancel { sweep, reply } => self.cancel(&sweep, reply),
            Command::Resumable { sweep, reply } => drop(reply.send(self.resumable(&sweep))),
            Command::Resume { reply, .. } if self.closing => drop(reply.send(Err(RequestError::ShuttingDown))),
            Command::Resume { run, remains, reply } => self.resume(run, *remains, reply),
            Command::Remove { sweep, reply } => self.remove(&sweep, reply),
            Command::Trace { sweep, reply } => drop(reply.send(self.record(&sweep).map(|record| record.trace))),
            Command::Workers { reply } => drop(reply.send(Ok(self.worker_statuses()))),
            Command::Explain { sweep, reply } => self.situate(&sweep, reply),
            Command::Drain { worker, reply } => drop(reply.send(self.drain(worker))),
            Command::Context { digest, reply } => {
                let mut running = self.sweeps.values().filter_map(|record| record.running.as_ref());
                let context =
                    running.find(|running| running.plan.digest == digest).map(|running| running.context.clone());
                drop(reply.send(context.ok_or_else(|| RequestError::UnknownContext(digest.short()))));
            }
            Command::Join { reply, .. } if self.closing => drop(reply.send(Err(RequestError::ShuttingDown))),
            Command::Join { registration, reply } => {
                // Whoever asked has gone: nobody would ever listen to this worker.
                if let Err(Ok(seat)) = reply.send(Ok(self.join(registration))) {
                    self.lose(seat.worker);
                }
            }
            Command::Heard { worker, vitals } => {
                self.note_vitals(worker, *vitals);
                self.apply(Event::Heard { worker });
            }
            Command::Leaving { worker, reason, finishing } => {
                let name = self.worker_name(worker);
                tracing::info!(worker = name, worker_id = %worker, reason, finishing = finishing.len(), "worker is leaving");
                self.apply(Event::Leaving { worker, finishing });
            }
            Command::Lost { worker } => self.lose(worker),
            Command::Released { worker, lease } => {
                if let Some(running) = self.running_mut(&lease.sweep) {
                    running.span.end(&lease);
                }
                self.apply(Event::Released { worker, lease });
            }
            Command::Report { worker, report } => self.report(worker, *report),
            Command::Close { reply } => self.close(reply),
        }
    }

    pub(super) fn record(&self, sweep: &SweepId) -> Result<&SweepRecord, RequestError> {
        self.sweeps.get(sweep).ok_or_else(|| RequestError::UnknownSweep(sweep.clone()))
    }

    /// What there is of a sweep while it runs.
    pub(super) fn running_mut(&mut self, sweep: &SweepId) -> Option<&mut Running> {
        self.sweeps.get_mut(sweep)?.running.as_mut()
    }

    /// What is said inside it is said of that lease.
    pub(super) fn lease_span(&self, lease: &Lease, worker: WorkerId) -> Span {
        let name = self.worker_name(worker);
        let running = self.sweeps.get(&lease.sweep).and_then(|record| record.running.as_ref());
        running.map_or_else(|| ended_lease(lease, &name), |running| running.span.of(lease, worker, &name))
    }

    /// Tells the scheduler what happened and does what it says.
    pub(super) fn apply(&mut self, event: Event) {
        let effects = self.scheduler.apply(self.began.elapsed(), event);
        self.carry_out(effects);
    }

    /// Does something once everything that the journal was given so far is on disk.
    pub(super) fn promise(&mut self, promise: Promise) {
        self.promises.hold(self.journal.written(), promise);
    }

    /// Answers a request once everything so far is on disk.
    pub(super) fn promise_answer(&mut self, answer: impl FnOnce() + Send + 'static) {
        self.promise(Promise::Answer(Box::new(answer)));
    }

    fn keep_promises(&mut self) {
        while let Some(promise) = self.promises.next(self.journal.committed(), self.comparisons.has_room()) {
            self.keep(promise);
        }
    }

    fn tick(&mut self) {
        self.apply(Event::Tick);
        self.note_who_works();
        self.publish_running();
    }

    /// Ends all sessions, and answers once what they said is on disk.
    fn close(&mut self, reply: super::handle::Reply<()>) {
        self.closing = true;
        self.workers.clear();
        self.promise_answer(move || drop(reply.send(Ok(()))));
    }
}
