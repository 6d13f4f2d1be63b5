//! Journal, network and workers around the scheduler.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use patchsweep_core::ids::{Epoch, Lease, SweepId, TileId, WorkerId};
use patchsweep_core::status::Priority;
use patchsweep_schedule::{Effect, Event, Finished, ModelKey, Past, Scheduler, TileInfo, Verdict};

pub(super) const TILES: u32 = 2;

const WORKERS: usize = 2;

pub(super) struct Protocol {
    pub(super) credit: u32,
    pub(super) holds_acknowledgements_back: bool,
    /// One: a sweep with all tiles. As many as tiles: a sweep with a model of its own for each.
    pub(super) models: u32,
    pub(super) faults: Faults,
}

/// How often each may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Faults {
    pub(super) restarts: u8,
    /// Restarts before which all sweeps were removed, and after which other ones get their names.
    pub(super) removals: u8,
    pub(super) duplicates: u8,
    pub(super) breaks: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    scheduler: Scheduler,
    epoch: u64,
    /// The life in which the sweeps were submitted.
    since: Epoch,
    next_session: u64,
    workers: [Worker; WORKERS],
    /// Sessions whose end the coordinator has not noticed.
    half_open: BTreeSet<WorkerId>,
    faults: Faults,
    /// Tiles whose scores survive a restart.
    pub(super) disk: BTreeSet<TileId>,
    strikes: BTreeMap<TileId, u32>,
    /// Not on disk yet, and acknowledgements that wait for what stands before them.
    pub(super) pending: VecDeque<Pending>,
    /// Tiles whose scores some worker may forget.
    pub(super) acknowledged: BTreeSet<TileId>,
    /// What has happened on the way here.
    pub(super) seen: BTreeSet<Seen>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Seen {
    /// A tile's scores were written twice.
    MergedTwice,
    /// A tile was given up, or a worker put in quarantine.
    GaveUp,
    /// A restart lost scores that were not on disk.
    LostScores,
    /// A lease of an earlier life counted.
    Adopted,
    /// Scores of a tile that was done came again.
    DroppedTwice,
    /// Scores came of a sweep that was removed.
    OfAnother,
    /// They were kept as those of the one that has its name.
    Mistaken,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Worker {
    session: Option<WorkerId>,
    /// What it computed last is in its memory.
    loaded: BTreeSet<ModelKey>,
    computing: BTreeSet<Lease>,
    unacknowledged: BTreeSet<Lease>,
    inbox: VecDeque<ToWorker>,
    outbox: VecDeque<FromWorker>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum ToWorker {
    Grant(Lease),
    Acknowledge(Lease),
    Revoke(Lease),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum FromWorker {
    Result(Lease),
    Released(Lease),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pending {
    Scores(TileId),
    Strike(TileId),
    Acknowledge { worker: WorkerId, lease: Lease, kept: bool },
}

/// One step of one of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// A worker takes its next message.
    Receive {
        worker: usize,
    },
    Compute {
        worker: usize,
        lease: Lease,
    },
    /// The coordinator takes a worker's next message.
    Hear {
        worker: usize,
    },
    Connect {
        worker: usize,
    },
    /// The coordinator notices that a session is over.
    Notice {
        session: WorkerId,
    },
    /// The oldest entry of the journal gets to disk.
    Commit,
    /// A worker's next message is taken, and comes again.
    Duplicate {
        worker: usize,
    },
    /// A connection and what is under way on it are lost.
    Break {
        worker: usize,
    },
    /// The coordinator loses all that is not on disk.
    Restart,
    /// It starts again after its sweeps were removed, and others are submitted that get their names.
    Replace,
}

impl Protocol {
    pub(super) fn init(&self) -> State {
        let mut state = State {
            scheduler: Scheduler::new(Epoch(1)),
            epoch: 1,
            since: Epoch(1),
            next_session: 1,
            workers: Default::default(),
            half_open: BTreeSet::new(),
            faults: self.faults,
            disk: BTreeSet::new(),
            strikes: BTreeMap::new(),
            pending: VecDeque::new(),
            acknowledged: BTreeSet::new(),
            seen: BTreeSet::new(),
        };
        self.submit(&mut state);
        for worker in 0..WORKERS {
            self.take(&mut state, Step::Connect { worker });
            while !state.workers[worker].inbox.is_empty() {
                self.take(&mut state, Step::Receive { worker });
            }
        }
        state
    }

    fn submit(&self, state: &mut State) {
        let each = TILES / self.models;
        for number in 0..self.models {
            let own = |tile: &TileId| tile.0 / each == number;
            let local = |tile: &TileId| TileId(tile.0 % each);
            let strikes = state.strikes.iter().filter(|(tile, _)| own(tile));
            let mut past: BTreeMap<_, _> =
                strikes.map(|(tile, &strikes)| (local(tile), Past::Failures(strikes))).collect();
            past.extend(state.disk.iter().filter(|tile| own(tile)).map(|tile| (local(tile), Past::Done)));
            let event = Event::Submitted {
                sweep: SweepId(number.to_string()),
                since: state.since,
                model: ModelKey(number.into()),
                tiles: vec![TileInfo { iteration: 0, cost: 1 }; each as usize],
                priority: Priority::default(),
                past,
                avoid: BTreeMap::new(),
            };
            self.apply(state, event);
        }
    }

    /// Among all sweeps' tiles.
    fn tile(&self, lease: &Lease) -> TileId {
        let number = model(lease).0 * u64::from(TILES / self.models) + u64::from(lease.tile.0);
        TileId(u32::try_from(number).expect("few tiles"))
    }

    pub(super) fn take(&self, state: &mut State, step: Step) {
        match step {
            Step::Receive { worker } => state.workers[worker].receive(),
            Step::Compute { worker, lease } => {
                let worker = &mut state.workers[worker];
                worker.computing.remove(&lease);
                worker.loaded = BTreeSet::from([model(&lease)]);
                worker.unacknowledged.insert(lease.clone());
                worker.send(FromWorker::Result(lease));
            }
            Step::Hear { worker } => {
                if let Some(message) = state.workers[worker].outbox.pop_front() {
                    self.hear(state, worker, message);
                }
            }
            Step::Duplicate { worker } => {
                state.faults.duplicates -= 1;
                if let Some(message) = state.workers[worker].outbox.front().cloned() {
                    self.hear(state, worker, message);
                }
            }
            Step::Connect { worker } => {
                let session = WorkerId(state.next_session);
                state.next_session += 1;
                let held = state.workers[worker].connect(session);
                let loaded = state.workers[worker].loaded.clone();
                self.apply(state, Event::Joined { worker: session, credit: self.credit, held, loaded });
            }
            Step::Notice { session } => {
                state.half_open.remove(&session);
                self.apply(state, Event::Lost { worker: session });
            }
            Step::Commit => {
                match state.pending.pop_front() {
                    Some(Pending::Scores(tile)) => {
                        let is_again = !state.disk.insert(tile);
                        state.saw(Seen::MergedTwice, is_again);
                    }
                    Some(Pending::Strike(tile)) => *state.strikes.entry(tile).or_default() += 1,
                    Some(Pending::Acknowledge { .. }) | None => {}
                }
                self.release(state);
            }
            Step::Break { worker } => {
                state.faults.breaks -= 1;
                state.half_open.extend(state.workers[worker].disconnect());
            }
            Step::Restart => {
                state.faults.restarts -= 1;
                let lost = state.pending.iter().any(|pending| matches!(pending, Pending::Scores(_)));
                state.saw(Seen::LostScores, lost);
                state.epoch += 1;
                self.start(state);
            }
            Step::Replace => {
                state.faults.removals -= 1;
                state.disk.clear();
                state.strikes.clear();
                state.acknowledged.clear();
                state.epoch += 1;
                state.since = Epoch(state.epoch);
                self.start(state);
            }
        }
    }

    /// A new life of the coordinator, with what is on disk.
    fn start(&self, state: &mut State) {
        state.pending.clear();
        state.half_open.clear();
        for worker in &mut state.workers {
            worker.disconnect();
        }
        state.next_session = 1;
        state.scheduler = Scheduler::new(Epoch(state.epoch));
        self.submit(state);
    }

    fn hear(&self, state: &mut State, worker: usize, message: FromWorker) {
        let Some(worker) = state.workers[worker].session else { return };
        match message {
            FromWorker::Result(lease) => {
                self.apply(state, Event::Loaded { worker, models: BTreeSet::from([model(&lease)]) });
                let (busy, loading) = (Duration::from_secs(1), Duration::ZERO);
                let finished = Finished { worker, lease: lease.clone(), busy, loading };
                let (verdict, effects) = state.scheduler.finish(Duration::ZERO, finished);
                let is_of_another = lease.epoch < state.since;
                state.saw(Seen::OfAnother, is_of_another);
                state.saw(Seen::Mistaken, is_of_another && verdict != Verdict::Drop { done: false });
                let kept = match verdict {
                    Verdict::Keep => {
                        state.saw(Seen::Adopted, lease.epoch.0 < state.epoch);
                        state.pending.push_back(Pending::Scores(self.tile(&lease)));
                        true
                    }
                    Verdict::Drop { done } => {
                        state.saw(Seen::DroppedTwice, done);
                        done
                    }
                };
                self.carry_out(state, effects, kept);
            }
            FromWorker::Released(lease) => self.apply(state, Event::Released { worker, lease }),
        }
    }

    fn apply(&self, state: &mut State, event: Event) {
        let effects = state.scheduler.apply(Duration::ZERO, event);
        self.carry_out(state, effects, false);
    }

    /// `kept`: the scores of the tile that is acknowledged are.
    fn carry_out(&self, state: &mut State, effects: Vec<Effect>, kept: bool) {
        for effect in effects {
            match effect {
                Effect::Grant { worker, lease } => state.send(worker, ToWorker::Grant(lease)),
                Effect::Revoke { worker, lease } => state.send(worker, ToWorker::Revoke(lease)),
                Effect::Acknowledge { worker, lease } => {
                    state.pending.push_back(Pending::Acknowledge { worker, lease, kept });
                }
                Effect::RecordFailure { lease, .. } => state.pending.push_back(Pending::Strike(self.tile(&lease))),
                Effect::Disconnect { worker } => drop(state.half_open.remove(&worker)),
                Effect::GiveUp { .. } | Effect::Quarantine { .. } => state.saw(Seen::GaveUp, true),
                Effect::Exhausted { .. } | Effect::Ended { .. } => {}
            }
        }
        state.scheduler.assert_invariants();
        self.release(state);
    }

    /// Sends the acknowledgements that need not wait.
    fn release(&self, state: &mut State) {
        while let Some(index) = state.pending.iter().position(|pending| matches!(pending, Pending::Acknowledge { .. }))
        {
            if index > 0 && self.holds_acknowledgements_back {
                return;
            }
            if let Some(Pending::Acknowledge { worker, lease, kept }) = state.pending.remove(index) {
                if kept {
                    state.acknowledged.insert(self.tile(&lease));
                }
                state.send(worker, ToWorker::Acknowledge(lease));
            }
        }
    }
}

/// Of the sweep's number.
fn model(lease: &Lease) -> ModelKey {
    ModelKey(lease.sweep.0.parse().expect("a number"))
}

impl State {
    /// Steps that happen sooner or later.
    pub(super) fn work(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (index, worker) in self.workers.iter().enumerate() {
            steps.extend((!worker.inbox.is_empty()).then_some(Step::Receive { worker: index }));
            steps.extend((!worker.outbox.is_empty()).then_some(Step::Hear { worker: index }));
            steps.extend(worker.session.is_none().then_some(Step::Connect { worker: index }));
            steps.extend(worker.computing.iter().map(|lease| Step::Compute { worker: index, lease: lease.clone() }));
        }
        steps.extend(self.half_open.iter().map(|&session| Step::Notice { session }));
        steps.extend((!self.pending.is_empty()).then_some(Step::Commit));
        steps
    }

    pub(super) fn faults(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (index, worker) in self.workers.iter().enumerate() {
            let may_break = self.faults.breaks > 0 && worker.session.is_some();
            steps.extend(may_break.then_some(Step::Break { worker: index }));
            let may_repeat = self.faults.duplicates > 0 && !worker.outbox.is_empty();
            steps.extend(may_repeat.then_some(Step::Duplicate { worker: index }));
        }
        steps.extend((self.faults.restarts > 0).then_some(Step::Restart));
        steps.extend((self.faults.removals > 0).then_some(Step::Replace));
        steps
    }

    fn saw(&mut self, what: Seen, happened: bool) {
        self.seen.extend(happened.then_some(what));
    }

    /// Lost where no worker is connected under this session.
    fn send(&mut self, session: WorkerId, message: ToWorker) {
        if let Some(worker) = self.workers.iter_mut().find(|worker| worker.session == Some(session)) {
            worker.inbox.push_back(message);
        }
    }
}

impl Worker {
    fn send(&mut self, message: FromWorker) {
        if self.session.is_some() {
            self.outbox.push_back(message);
        }
    }

    /// Says what it still holds, and sends again what was not acknowledged.
    fn connect(&mut self, session: WorkerId) -> Vec<Lease> {
        self.session = Some(session);
        for lease in self.unacknowledged.clone() {
            self.send(FromWorker::Result(lease));
        }
        self.unacknowledged.union(&self.computing).cloned().collect()
    }

    fn disconnect(&mut self) -> Option<WorkerId> {
        self.inbox.clear();
        self.outbox.clear();
        self.session.take()
    }

    fn receive(&mut self) {
        match self.inbox.pop_front() {
            Some(ToWorker::Grant(lease)) => drop(self.computing.insert(lease)),
            Some(ToWorker::Acknowledge(lease)) => drop(self.unacknowledged.remove(&lease)),
            // What is computed already was sent, and is answered for by that.
            Some(ToWorker::Revoke(lease)) if self.computing.remove(&lease) => self.send(FromWorker::Released(lease)),
            Some(ToWorker::Revoke(_)) | None => {}
        }
    }
}
