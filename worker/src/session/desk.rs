//! What a worker holds: the tile in hand, those that wait, and results that the coordinator may not have yet. It outlives
//! sessions, and computing goes on without one.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::time::Duration;

use patchsweep_core::context::SweepContext;
use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{CoordinatorId, Lease};
use patchsweep_core::scores::CacheStats;
use patchsweep_proto::v1;
use patchsweep_proto::v1::worker_message::Message;
use patchsweep_proto::wire::loaded_to_wire;
use tokio::time::Instant;

use super::SessionError;
use super::computer::{Computer, ComputerGone, Finished, Job};
use super::contexts::Contexts;
use super::messages::{Granted, not_begun, released, result};
use super::spans::LeaseSpan;
use crate::engine::{DeviceLost, EngineError};
use crate::gauge::Vitals;

/// Waiting tiles whose contexts are fetched: the next one, and the one behind it.
const PREPARED: usize = 2;

/// A worker's leases. What is asked of it twice changes nothing the second time.
#[derive(Debug)]
pub(super) struct Desk<'a, C> {
    computer: &'a mut C,
    /// This worker's name, for the log.
    worker: &'a str,
    /// Leases that the coordinator may have granted at once, and results that may be unacknowledged at once.
    credit: usize,
    /// Whose leases these are.
    coordinator: Option<CoordinatorId>,
    in_hand: Option<InHand>,
    waiting: VecDeque<Granted>,
    /// Not acknowledged yet, oldest first.
    results: VecDeque<(Lease, v1::TileResult)>,
    contexts: Contexts,
    /// As of the last finished tile.
    cache: CacheStats,
    /// When there last was something to do, or a coordinator answered for the first time.
    active: Option<Instant>,
    /// Nothing can be computed here any more.
    lost: Option<DeviceLost>,
}

#[derive(Debug)]
struct InHand {
    lease: Lease,
    awaited: Awaited,
}

/// What the coordinator expects of the tile in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// Its result.
    Result,
    /// That it ends.
    End,
    /// Nothing: it does not count it as this worker's any more.
    Nothing,
}

impl<'a, C: Computer> Desk<'a, C> {
    pub(super) fn new(computer: &'a mut C, worker: &'a str, credit: usize) -> Self {
        Self {
            computer,
            worker,
            credit,
            coordinator: None,
            in_hand: None,
            waiting: VecDeque::new(),
            results: VecDeque::new(),
            contexts: Contexts::default(),
            cache: CacheStats::default(),
            active: None,
            lost: None,
        }
    }

    /// Since when nothing has been computed; `None` while something is, and before the first session.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        if self.in_hand.is_none() { self.active } else { None }
    }

    /// Whether tiles wait, for instance for their sweep's context.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How long nothing has been computed.
    pub(super) fn idle_for(&self) -> Option<Duration> {
        self.idle_since().map(|since| since.elapsed())
    }

    /// Where nothing can be computed any more.
    pub(super) fn lost(&self) -> Option<&DeviceLost> {
        self.lost.as_ref()
    }

    /// This worker's name.
    pub(super) fn worker(&self) -> &'a str {
        self.worker
    }

    /// Which coordinator granted what is held.
    pub(super) fn coordinator(&self) -> Option<CoordinatorId> {
        self.coordinator
    }

    pub(super) fn cache(&self) -> CacheStats {
        self.cache
    }

    /// Models in memory now.
    pub(super) fn loaded(&self) -> v1::LoadedModels {
        loaded_to_wire(&self.computer.vitals().loaded)
    }

    /// That this worker is alive, what it takes, and what it has in hand.
    pub(super) fn heartbeat(&self) -> Message {
        let Vitals { cache, memory, memory_retries, loaded } = self.computer.vitals();
        let in_hand = self.in_hand.as_ref().filter(|job| job.awaited == Awaited::Result);
        Message::Heartbeat(v1::Heartbeat {
            cache: Some(cache.into()),
            memory: Some(memory.into()),
            in_hand: in_hand.map(|job| (&job.lease).into()),
            memory_retries: in_hand.map_or(0, |_| memory_retries),
            loaded: Some(loaded_to_wire(&loaded)),
        })
    }

    /// Gives up what a coordinator need not take over from an earlier session: revoked leases, and those beyond the credit,
    /// the youngest first. Gives what is left.
    pub(super) fn settle(&mut self) -> Vec<Lease> {
        if self.coordinator.is_none() {
            self.abandon();
        }
        self.results.truncate(self.credit);
        if self.results.len() == self.credit || self.in_hand.as_ref().is_some_and(|job| job.awaited == Awaited::End) {
            self.put_down();
        }
        let finishing = self.finishing();
        self.waiting.truncate(self.credit - finishing.len());
        finishing.into_iter().chain(self.waiting.iter().map(|granted| granted.lease.clone())).collect()
    }

    /// Leases with a result, or with one to come from the tile in hand.
    pub(super) fn finishing(&self) -> Vec<Lease> {
        let in_hand = self.in_hand.iter().filter(|job| job.awaited == Awaited::Result).map(|job| &job.lease);
        self.results.iter().map(|(lease, _)| lease).chain(in_hand).cloned().collect()
    }

    /// A coordinator has answered. From the one that granted what is held, gives the results that it may not have; of
    /// another, nothing that is held is any use.
    pub(super) fn welcomed(&mut self, coordinator: Option<CoordinatorId>) -> Vec<Message> {
        if coordinator.is_none() || self.coordinator != coordinator {
            self.abandon();
        }
        self.coordinator = coordinator;
        self.active.get_or_insert_with(Instant::now);
        self.results.iter().map(|(_, result)| Message::Result(result.clone())).collect()
    }

    /// Puts a granted tile behind the waiting ones.
    pub(super) fn grant(&mut self, granted: Granted) -> Result<(), SessionError> {
        if !self.holds(&granted.lease) {
            self.refuse_beyond_room()?;
            self.waiting.push_back(granted);
            self.active = Some(Instant::now());
        }
        Ok(())
    }

    /// Fails a granted tile that cannot be begun.
    pub(super) fn refuse(&mut self, lease: &Lease, reason: &str) -> Result<Option<Message>, SessionError> {
        if self.holds(lease) {
            return Ok(None);
        }
        self.refuse_beyond_room()?;
        let span = LeaseSpan::new(lease, self.worker, "").span;
        span.in_scope(|| tracing::warn!(reason, "grant refused"));
        Ok(Some(self.keep(lease.clone(), not_begun(lease, reason, self.cache))))
    }

    /// The coordinator counts a place as free when it hears what became of the lease, which is after it was reported here. So
    /// one that keeps to the credit never fails this.
    fn refuse_beyond_room(&self) -> Result<(), SessionError> {
        let counted = self.in_hand.iter().filter(|job| job.awaited != Awaited::Nothing).count();
        if counted + self.waiting.len() >= self.credit || self.results.len() >= 2 * self.credit {
            return Err(SessionError::TooManyGrants { credit: self.credit });
        }
        Ok(())
    }

    fn holds(&self, lease: &Lease) -> bool {
        self.in_hand.as_ref().is_some_and(|job| job.lease == *lease)
            || self.waiting.iter().any(|granted| granted.lease == *lease)
            || self.results.iter().any(|(kept, _)| kept == lease)
    }

    /// Drops a lease; gives what the coordinator hears at once. It hears of the tile in hand when that has ended.
    pub(super) fn revoke(&mut self, lease: &Lease) -> Option<Message> {
        if let Some(job) = self.in_hand.as_mut().filter(|job| job.lease == *lease && job.awaited != Awaited::Nothing) {
            job.awaited = Awaited::End;
            self.computer.cancel(lease);
            return None;
        }
        self.waiting.retain(|granted| granted.lease != *lease);
        self.results.retain(|(kept, _)| kept != lease);
        Some(released(lease))
    }

    /// The coordinator has the result, or has no use for it.
    pub(super) fn acknowledge(&mut self, lease: &Lease) {
        let before = self.results.len();
        self.results.retain(|(kept, _)| kept != lease);
        if self.results.len() < before {
            let Lease { epoch, sweep, tile, attempt } = lease;
            let worker = self.worker;
            tracing::debug!(%sweep, %tile, epoch = epoch.0, attempt = attempt.0, worker, "result acknowledged");
        }
    }

    /// The context that is needed next and not here, and the tile that waits for it.
    pub(super) fn missing_context(&mut self) -> Option<(Digest, LeaseSpan)> {
        let contexts = &mut self.contexts;
        let mut next = self.waiting.iter().take(PREPARED);
        let waits = next.find(|granted| contexts.get(granted.context).is_none())?;
        Some((waits.context, waits.span.clone()))
    }

    pub(super) fn context_came(&mut self, digest: Digest, context: SweepContext) {
        self.contexts.keep(digest, context);
    }

    /// The coordinator does not know the sweep any more.
    pub(super) fn context_is_gone(&mut self, digest: Digest) -> Vec<Message> {
        self.take_waiting_for(digest).iter().map(|granted| released(&granted.lease)).collect()
    }

    /// The tiles of this context cannot be computed.
    pub(super) fn context_is_bad(&mut self, digest: Digest, reason: &str) -> Vec<Message> {
        let hopeless = self.take_waiting_for(digest);
        let fail = |Granted { lease, span, .. }: Granted| {
            span.span.in_scope(|| tracing::warn!(reason, "the sweep's context cannot be read"));
            let result = not_begun(&lease, reason, self.cache);
            self.keep(lease, result)
        };
        hopeless.into_iter().map(fail).collect()
    }

    fn take_waiting_for(&mut self, digest: Digest) -> VecDeque<Granted> {
        let (taken, left) = self.waiting.drain(..).partition(|granted| granted.context == digest);
        self.waiting = left;
        taken
    }

    /// Computes, one tile after the other; gives what the coordinator is to hear. Waits for ever while there is nothing to
    /// compute. Cancel-safe.
    pub(super) async fn work(&mut self) -> Result<Option<Message>, ComputerGone> {
        self.begin()?;
        if self.in_hand.is_none() {
            return pending().await;
        }
        let finished = self.computer.finished().await?;
        Ok(self.put_away(&finished))
    }

    /// Waits for something else meanwhile. Fails when nothing can be computed any more.
    pub(super) async fn work_beside<T>(&mut self, other: impl Future<Output = T>) -> Result<T, SessionError> {
        tokio::pin!(other);
        loop {
            tokio::select! {
                biased;
                done = other.as_mut() => return Ok(done),
                worked = self.work() => {
                    worked?;
                    if let Some(lost) = &self.lost {
                        return Err(lost.clone().into());
                    }
                }
            }
        }
    }

    /// Results that the coordinator does not acknowledge do not pile up: with as many as its credit, the worker waits.
    fn begin(&mut self) -> Result<(), ComputerGone> {
        if self.in_hand.is_some() || self.results.len() >= self.credit {
            return Ok(());
        }
        let Some(next) = self.waiting.front() else { return Ok(()) };
        let Some(context) = self.contexts.get(next.context) else { return Ok(()) };
        let Some(Granted { lease, tile, model, span, .. }) = self.waiting.pop_front() else { return Ok(()) };
        let span = span.span;
        self.in_hand = Some(InHand { lease: lease.clone(), awaited: Awaited::Result });
        self.computer.begin(Job { lease, tile, context, model, span })
    }

    fn put_away(&mut self, finished: &Finished) -> Option<Message> {
        if let Err(EngineError::DeviceLost { lost, .. }) = &finished.outcome {
            self.lost = Some(lost.clone());
        }
        let InHand { lease, awaited } = self.in_hand.take()?;
        self.active = Some(Instant::now());
        self.cache = finished.cache;
        match (awaited, &finished.outcome) {
            (Awaited::Nothing, _) => None,
            (Awaited::End, Err(_)) => Some(released(&lease)),
            (Awaited::Result, _) | (Awaited::End, Ok(_)) => Some(self.keep(lease, result(finished))),
        }
    }

    /// Until it is acknowledged.
    fn keep(&mut self, lease: Lease, result: v1::TileResult) -> Message {
        self.results.push_back((lease, result.clone()));
        Message::Result(result)
    }

    /// Forgets the waiting tiles, which the coordinator takes back.
    pub(super) fn hand_back(&mut self) {
        self.waiting.clear();
    }

    /// Drops everything.
    pub(super) fn abandon(&mut self) {
        self.waiting.clear();
        self.results.clear();
        self.put_down();
    }

    /// Nobody waits for the tile in hand.
    fn put_down(&mut self) {
        if let Some(job) = &mut self.in_hand {
            job.awaited = Awaited::Nothing;
            self.computer.cancel(&job.lease);
        }
    }
}
