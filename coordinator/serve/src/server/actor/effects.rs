//! Carrying out what the scheduler says.

use std::collections::VecDeque;

use patchsweep_core::ids::{Lease, WorkerId};
use patchsweep_proto::v1::coordinator_message::Message;
use patchsweep_proto::v1::{self};
use patchsweep_schedule::{Effect, Event};
use tracing::Span;

use super::Actor;
use crate::server::crew::Unreachable;
use crate::server::promises::Promise;
use crate::state::{Entry, FailedAttempt};
use crate::telemetry;

impl Actor {
    pub(super) fn carry_out(&mut self, effects: Vec<Effect>) {
        let mut effects = VecDeque::from(effects);
        let mut gone = Vec::new();
        // Which attempt a tile is given up after: its failure comes just before.
        let mut failed = Span::none();
        while let Some(effect) = effects.pop_front() {
            let mut sent = Ok(());
            match effect {
                Effect::Grant { worker, lease } => sent = self.grant(worker, &lease),
                Effect::Revoke { worker, lease } => {
                    let lease = Some((&lease).into());
                    sent = self.crew.send(worker, Message::Revoke(v1::Revoke { lease }));
                }
                Effect::Acknowledge { worker, lease } => self.outbound.promise(Promise::Acknowledge { worker, lease }),
                Effect::RecordFailure { worker, lease, reason } => {
                    failed = self.ledger.lease_span(&lease, worker, &self.crew.name(worker));
                    failed.in_scope(|| self.record_failure(worker, lease, reason));
                }
                Effect::GiveUp { sweep, tile, reason } => {
                    telemetry::TILES_GIVEN_UP.add(&[], 1);
                    let _about = failed.enter();
                    tracing::warn!(%sweep, %tile, reason, "tile given up: its cells will be NaN");
                    self.outbound.write(Entry::GivenUp { sweep, tile });
                }
                Effect::Quarantine { worker, reason } => {
                    let name = self.crew.name(worker);
                    tracing::warn!(worker = name, worker_id = %worker, reason, "worker quarantined");
                }
                Effect::Disconnect { worker } => {
                    tracing::warn!(worker = self.crew.name(worker), worker_id = %worker, "worker fell silent");
                    self.dismiss(worker);
                }
                Effect::Exhausted { sweep } => self.exhausted(sweep),
                Effect::Ended { sweep, outcome } => {
                    self.outbound.give_up_choice(&sweep);
                    if let Some((entry, publish)) = self.ledger.end(&sweep, outcome, &self.scheduler) {
                        self.outbound.write(entry);
                        self.outbound.promise(publish);
                    }
                }
            }
            if let Err(Unreachable(worker)) = sent
                && !gone.contains(&worker)
            {
                self.warn_of_unreachable(worker);
                effects.extend(self.scheduler.apply(self.began.elapsed(), Event::Lost { worker }));
                gone.push(worker);
            }
        }
        // Not sooner: what they failed with their loss is logged under their names.
        for worker in gone {
            self.dismiss(worker);
        }
    }

    /// Keeps a promise that was held back.
    pub(super) fn keep_promise(&mut self, promise: Promise) {
        match promise {
            Promise::Acknowledge { worker, lease } => {
                let lease = Some((&lease).into());
                if self.crew.send(worker, Message::Acknowledge(v1::Acknowledge { lease })).is_err() {
                    self.warn_of_unreachable(worker);
                    self.lose(worker);
                }
            }
            Promise::Compare(comparison) => self.outbound.compare(comparison),
            Promise::Publish { sweep, status, span } => {
                span.in_scope(|| tracing::info!(state = status.state.name(), "sweep ended"));
                self.ledger.publish(&sweep, *status);
            }
            Promise::Choose { sweep, run } => self.choose(sweep, run),
            Promise::Extend { sweep, run } => self.extended(sweep, run),
            Promise::Answer(answer) => answer(),
        }
    }

    fn grant(&mut self, worker: WorkerId, lease: &Lease) -> Result<(), Unreachable> {
        let name = self.crew.name(worker);
        match self.ledger.grant(lease, worker, &name) {
            Some(grant) => self.crew.send(worker, Message::Grant(grant)),
            None => Ok(()),
        }
    }

    fn record_failure(&mut self, worker: WorkerId, lease: Lease, reason: String) {
        let name = self.crew.name(worker);
        telemetry::ATTEMPTS_FAILED.add(&[], 1);
        if self.ledger.is_news(&lease.sweep, &name, &reason) {
            tracing::warn!(reason, "attempt failed");
        } else {
            tracing::info!(reason, "attempt failed");
        }
        self.outbound.write(Entry::Failure(FailedAttempt { lease, worker: name, reason }));
    }

    fn warn_of_unreachable(&self, worker: WorkerId) {
        tracing::warn!(worker = self.crew.name(worker), worker_id = %worker, "worker does not take its messages");
    }
}
