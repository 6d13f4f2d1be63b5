//! Carrying out what the scheduler says.

use std::collections::VecDeque;

use patchsweep_proto::ids::{Lease, WorkerId};
use patchsweep_proto::v1::{self, coordinator_message};

use super::actor::Actor;
use crate::scheduler::{Effect, Event};

impl Actor {
    pub(super) fn carry_out(&mut self, effects: Vec<Effect>) {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            let unreachable = match effect {
                Effect::Grant { worker, lease } => self.grant(worker, &lease),
                Effect::Acknowledge { worker, lease } => {
                    let lease = Some((&lease).into());
                    self.send(worker, coordinator_message::Message::Acknowledge(v1::Acknowledge { lease }))
                }
                Effect::Revoke { worker, lease } => {
                    let lease = Some((&lease).into());
                    self.send(worker, coordinator_message::Message::Revoke(v1::Revoke { lease }))
                }
                // Kept in `report`, where the scores are.
                Effect::Keep { .. }
                | Effect::Drop { .. }
                | Effect::RecordFailure { .. }
                | Effect::GiveUp { .. }
                | Effect::Quarantine { .. } => None,
                Effect::Disconnect { worker } => {
                    tracing::warn!(%worker, "worker fell silent");
                    self.workers.remove(&worker);
                    None
                }
                Effect::Ended { sweep, outcome } => {
                    tracing::info!(%sweep, ?outcome, "sweep ended");
                    if let Some(record) = self.sweeps.get_mut(&sweep) {
                        if let Some(progress) = self.scheduler.progress(&sweep) {
                            record.publish(progress, self.scheduler.worker_count());
                        }
                        record.end(outcome);
                    }
                    None
                }
            };
            if let Some(worker) = unreachable {
                tracing::warn!(%worker, "worker does not take its messages");
                self.workers.remove(&worker);
                effects.extend(self.scheduler.apply(self.began.elapsed(), Event::Lost { worker }));
            }
        }
        for record in self.sweeps.values().filter(|record| !record.status.borrow().state.is_final()) {
            if let Some(progress) = self.scheduler.progress(&record.id) {
                record.publish(progress, self.scheduler.worker_count());
            }
        }
    }

    fn grant(&mut self, worker: WorkerId, lease: &Lease) -> Option<WorkerId> {
        let record = self.sweeps.get(&lease.sweep)?;
        let grant = v1::Grant {
            lease: Some(lease.into()),
            tile: Some((&record.plan.tiles[lease.tile.0 as usize]).into()),
            context_digest: record.plan.digest.0.to_vec(),
            model_digest: Vec::new(),
        };
        self.send(worker, coordinator_message::Message::Grant(grant))
    }

    /// Names the worker if it is connected but its messages have piled up.
    fn send(&mut self, worker: WorkerId, message: coordinator_message::Message) -> Option<WorkerId> {
        let connected = self.workers.get(&worker)?;
        let sent = connected.outbox.try_send(Ok(v1::CoordinatorMessage { message: Some(message) }));
        sent.is_err().then_some(worker)
    }
}
