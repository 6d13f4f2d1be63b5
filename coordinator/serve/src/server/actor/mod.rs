//! The task that owns all state: it takes what happened to the part that it concerns, feeds the scheduler, and carries out
//! what that says.

mod choice;
mod effects;
mod recovery;
mod reports;
mod requests;

use std::time::Duration;

use patchsweep_core::ids::WorkerId;
use patchsweep_schedule::{Event, Scheduler};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::crew::Crew;
use super::explanation::situation;
use super::gauges;
use super::handle::{Command, Handle, Registration, Reply, Seat};
use super::ledger::Ledger;
use super::outbound::Outbound;
use super::record::Choosing;
use super::rpc_errors::RequestError;
use super::spans::Traces;

/// Commands that may wait; senders of more wait with them.
const COMMANDS: usize = 1024;

/// How often the scheduler gets the time, and clients what changed.
const TICK: Duration = Duration::from_millis(200);

/// All state of a running coordinator.
pub(super) struct Actor {
    scheduler: Scheduler,
    crew: Crew,
    ledger: Ledger,
    outbound: Outbound,
    traces: Traces,
    began: Instant,
    /// How long ended sweeps are kept; `None`: for ever.
    keep: Option<Duration>,
    /// The coordinator stops: nobody is let in any more.
    closing: bool,
}

impl Actor {
    /// Starts the task; it ends when the last handle is gone and everything is on disk.
    pub(super) fn start(mut self) -> (Handle, JoinHandle<()>) {
        let (commands, incoming) = mpsc::channel(COMMANDS);
        self.outbound.connect(commands.downgrade());
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
                kept = self.outbound.progress() => kept,
                command = incoming.recv() => {
                    let Some(command) = command else { break };
                    self.take(command);
                    self.outbound.flush().await
                }
                _ = tick.tick() => {
                    self.tick();
                    self.outbound.flush().await
                }
                _ = gauges.tick() => {
                    gauges::set(&self.ledger, &self.scheduler, &self.outbound);
                    self.remove_old();
                    self.outbound.flush().await
                }
            };
            if let Err(error) = kept {
                tracing::error!(error = patchsweep_core::error_chain(&error), "the coordinator cannot go on");
                return;
            }
            while let Some(promise) = self.outbound.due() {
                self.keep_promise(promise);
            }
        }
        self.outbound.close().await;
    }

    fn take(&mut self, command: Command) {
        // A client that has gone does not need its answer.
        match command {
            Command::Submit { sweep, reply } => self.submit(*sweep, reply),
            Command::Watch { sweep, reply } => {
                drop(reply.send(self.ledger.record(&sweep).map(|record| record.status.subscribe())));
            }
            Command::List { reply } => drop(reply.send(Ok(self.ledger.statuses()))),
            Command::Cancel { sweep, reply } => self.cancel(&sweep, reply),
            Command::Resumable { sweep, reply } => drop(reply.send(self.resumable(&sweep))),
            Command::Resume { reply, .. } if self.closing => drop(reply.send(Err(RequestError::ShuttingDown))),
            Command::Resume { run, remains, reply } => self.resume(run, *remains, reply),
            Command::Extend { run, outcome: Ok(kept), .. } => self.extend(run, *kept),
            Command::Extend { run, sweep, outcome: Err(not_chosen) } => {
                self.ledger.note_choice(&sweep, run, Choosing::Failed(not_chosen));
            }
            Command::Remove { sweep, reply } => self.remove(&sweep, reply),
            Command::Trace { sweep, reply } => {
                drop(reply.send(self.ledger.record(&sweep).map(|record| record.trace)));
            }
            Command::Workers { reply } => {
                let name = |lease: &_| self.ledger.tile_name(lease);
                let workers = self.crew.statuses(self.scheduler.workers(), self.began.elapsed(), name);
                drop(reply.send(Ok(workers)));
            }
            Command::Explain { sweep, reply } => {
                let situated = situation(&sweep, &self.ledger, &self.crew, &self.scheduler, self.began.elapsed());
                self.outbound.answer(move || drop(reply.send(situated)));
            }
            Command::Drain { worker, reply } => drop(reply.send(self.drain(worker))),
            Command::Context { digest, reply } => drop(reply.send(self.ledger.context(digest))),
            Command::Join { reply, .. } if self.closing => drop(reply.send(Err(RequestError::ShuttingDown))),
            Command::Join { registration, reply } => self.join(registration, reply),
            Command::Heard { worker, vitals } => {
                let news = self.crew.note_vitals(worker, *vitals);
                self.apply_all(news);
                self.apply(Event::Heard { worker });
            }
            Command::Leaving { worker, reason, finishing } => {
                let name = self.crew.name(worker);
                tracing::info!(worker = name, worker_id = %worker, reason, finishing = finishing.len(), "worker is leaving");
                self.apply(Event::Leaving { worker, finishing });
            }
            Command::Lost { worker } => self.lose(worker),
            Command::Released { worker, lease } => {
                self.ledger.end_lease(&lease);
                self.apply(Event::Released { worker, lease });
            }
            Command::Report { worker, report } => self.report(worker, *report),
            Command::Close { reply } => self.close(reply),
        }
    }

    /// Feeds the scheduler what happened and does what it says.
    fn apply(&mut self, event: Event) {
        let effects = self.scheduler.apply(self.began.elapsed(), event);
        self.carry_out(effects);
    }

    fn apply_all(&mut self, events: impl IntoIterator<Item = Event>) {
        events.into_iter().for_each(|event| self.apply(event));
    }

    fn join(&mut self, registration: Registration, reply: Reply<Seat>) {
        let (seat, joined) = self.crew.join(registration);
        self.apply(joined);
        // The one that asked has gone: nobody would ever listen to this worker.
        if let Err(Ok(seat)) = reply.send(Ok(seat)) {
            self.lose(seat.worker);
        }
    }

    /// A worker's stream ended.
    fn lose(&mut self, worker: WorkerId) {
        if self.crew.has(worker) {
            tracing::info!(worker = self.crew.name(worker), worker_id = %worker, "worker disconnected");
        }
        // What it failed with its loss is logged under its name.
        self.apply(Event::Lost { worker });
        self.dismiss(worker);
    }

    /// Ends a worker's session and the spans of its leases.
    fn dismiss(&mut self, worker: WorkerId) {
        self.crew.dismiss(worker);
        self.ledger.end_leases_of(worker);
    }

    fn tick(&mut self) {
        self.apply(Event::Tick);
        self.ledger.note_who_works(&self.scheduler);
        self.ledger.publish_running(&self.scheduler);
    }

    /// Ends all sessions, and answers once what they reported is on disk.
    fn close(&mut self, reply: Reply<()>) {
        self.closing = true;
        self.crew.dismiss_all();
        self.outbound.answer(move || drop(reply.send(Ok(()))));
    }
}
