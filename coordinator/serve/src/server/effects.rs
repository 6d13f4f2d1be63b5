//! Carrying out what the scheduler says.

use std::collections::VecDeque;
use std::time::SystemTime;

use patchsweep_core::ids::{Lease, SweepId, WorkerId};
use patchsweep_core::status::SweepState;
use patchsweep_proto::v1::{self, coordinator_message};

use patchsweep_schedule::{Effect, Event, Outcome};
use tracing::Span;

use super::actor::Actor;
use super::promises::Promise;
use super::record::Running;
use crate::state::{Entry, FailedAttempt};
use crate::telemetry;

impl Actor {
    pub(super) fn carry_out(&mut self, effects: Vec<Effect>) {
        let mut effects = VecDeque::from(effects);
        let mut gone = Vec::new();
        // Which attempt a tile is given up after: its failure is told just before.
        let mut failed = Span::none();
        while let Some(effect) = effects.pop_front() {
            let unreachable = match effect {
                Effect::Grant { worker, lease } => self.grant(worker, &lease),
                Effect::Revoke { worker, lease } => {
                    let lease = Some((&lease).into());
                    self.send(worker, coordinator_message::Message::Revoke(v1::Revoke { lease }))
                }
                Effect::Acknowledge { worker, lease } => {
                    self.promise(Promise::Acknowledge { worker, lease });
                    None
                }
                Effect::RecordFailure { worker, lease, reason } => {
                    failed = self.lease_span(&lease, worker);
                    failed.in_scope(|| self.record_failure(worker, lease, reason));
                    None
                }
                Effect::GiveUp { sweep, tile, reason } => {
                    telemetry::TILES_GIVEN_UP.add(&[], 1);
                    let _said_of = failed.enter();
                    tracing::warn!(%sweep, %tile, reason, "tile given up: its cells will be NaN");
                    self.journal.write(Entry::GivenUp { sweep, tile });
                    None
                }
                Effect::Quarantine { worker, reason } => {
                    let name = self.worker_name(worker);
                    tracing::warn!(worker = name, worker_id = %worker, reason, "worker quarantined");
                    None
                }
                Effect::Disconnect { worker } => {
                    tracing::warn!(worker = self.worker_name(worker), worker_id = %worker, "worker fell silent");
                    self.forget_worker(worker);
                    None
                }
                Effect::Ended { sweep, outcome } => {
                    self.ended(&sweep, outcome);
                    None
                }
            };
            if let Some(worker) = unreachable.filter(|worker| !gone.contains(worker)) {
                let name = self.worker_name(worker);
                tracing::warn!(worker = name, worker_id = %worker, "worker does not take its messages");
                effects.extend(self.scheduler.apply(self.began.elapsed(), Event::Lost { worker }));
                gone.push(worker);
            }
        }
        // Not sooner: what they failed with their loss is told under their names.
        for worker in gone {
            self.forget_worker(worker);
        }
    }

    /// Keeps a promise that was held back.
    pub(super) fn keep(&mut self, promise: Promise) {
        match promise {
            Promise::Acknowledge { worker, lease } => {
                let lease = Some((&lease).into());
                let message = coordinator_message::Message::Acknowledge(v1::Acknowledge { lease });
                if let Some(worker) = self.send(worker, message) {
                    let name = self.worker_name(worker);
                    tracing::warn!(worker = name, worker_id = %worker, "worker does not take its messages");
                    self.lose(worker);
                }
            }
            Promise::Compare(comparison) => self.comparisons.add(comparison),
            Promise::Publish { sweep, status, span } => {
                span.in_scope(|| tracing::info!(state = status.state.name(), "sweep ended"));
                if let Some(record) = self.sweeps.get(&sweep) {
                    record.publish(*status);
                }
            }
            Promise::Answer(answer) => answer(),
        }
    }

    /// Tells each sweep's measuring whether somebody computes it.
    pub(super) fn note_who_works(&mut self) {
        for (id, record) in &mut self.sweeps {
            let leased = |id| self.scheduler.progress(id).map_or(0, |progress| progress.leased);
            if let Some(running) = &mut record.running {
                running.works(leased(id) > 0);
            }
        }
    }

    /// Shows clients how far each sweep is.
    pub(super) fn publish_running(&self) {
        let workers = self.scheduler.worker_count();
        for (id, record) in self.sweeps.iter().filter(|(_, record)| record.running.is_some()) {
            if let Some(progress) = self.scheduler.progress(id) {
                record.publish(record.status_now(progress, workers, self.scheduler.waiting(id)));
            }
        }
    }

    /// Clients hear of it when the journal has it.
    fn ended(&mut self, sweep: &SweepId, outcome: Outcome) {
        let workers = self.scheduler.worker_count();
        let progress = self.scheduler.progress(sweep).unwrap_or_default();
        let Some(record) = self.sweeps.get_mut(sweep) else { return };
        let state = match outcome {
            Outcome::Done => SweepState::Done,
            Outcome::Partial { reason } => SweepState::Partial { reason },
            Outcome::Failed { reason } => SweepState::Failed { reason },
            Outcome::Cancelled => SweepState::Cancelled,
        };
        let mut status = record.status_now(progress, workers, None);
        status.state = state.clone();
        status.multiply_adds_per_second = None;
        let running = record.running.take();
        status.elapsed = running.as_ref().map_or(status.elapsed, |running| running.clock.elapsed());
        let (seconds, at) = (status.elapsed.as_secs_f64(), SystemTime::now());
        record.ended = Some(at);
        let span = running.map_or_else(Span::none, |running| running.span.span);
        self.journal.write(Entry::Ended { sweep: sweep.clone(), state, seconds, at });
        self.promise(Promise::Publish { sweep: sweep.clone(), status: Box::new(status), span });
    }

    fn record_failure(&mut self, worker: WorkerId, lease: Lease, reason: String) {
        let name = self.worker_name(worker);
        telemetry::ATTEMPTS_FAILED.add(&[], 1);
        let is_news = |running: &mut Running| running.reasons.are_news(&name, &reason);
        if self.running_mut(&lease.sweep).is_none_or(is_news) {
            tracing::warn!(reason, "attempt failed");
        } else {
            tracing::info!(reason, "attempt failed");
        }
        self.journal.write(Entry::Failure(FailedAttempt { lease, worker: name, reason }));
    }

    fn grant(&mut self, worker: WorkerId, lease: &Lease) -> Option<WorkerId> {
        let name = self.worker_name(worker);
        let running = self.running_mut(&lease.sweep)?;
        let trace = running.span.begin(lease, worker, &name);
        let grant = v1::Grant {
            lease: Some(lease.into()),
            tile: Some((&running.plan.tiles[lease.tile.0 as usize]).into()),
            context_digest: running.plan.digest.0.to_vec(),
            model_digest: running.model.map_or_else(Vec::new, |digest| digest.0.to_vec()),
            traceparent: trace.to_string(),
        };
        self.send(worker, coordinator_message::Message::Grant(grant))
    }
}
