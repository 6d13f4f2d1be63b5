//! Machines, a journal, and what must be true of the scheduler's effects.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use patchsweep_core::ids::{Epoch, Lease, SweepId, TileId, WorkerId};
use patchsweep_core::status::Priority;
use patchsweep_core::workers::WorkerState;
use patchsweep_schedule::{
    Effect, Event, Finished, MAX_STRIKES, ModelKey, Outcome, Past, Scheduler, TileInfo, Verdict,
};

use super::Step;

pub(super) const MACHINES: usize = 4;

pub(super) const MODELS: u64 = 3;

/// A process that computes.
#[derive(Debug, Default)]
struct Machine {
    session: Option<WorkerId>,
    credit: u32,
    leases: Vec<Lease>,
    revoked: BTreeSet<Lease>,
    /// Sweeps that the session is unfit for, or has failed on a tile of.
    avoids: BTreeSet<SweepId>,
}

/// What outlives the coordinator.
#[derive(Debug)]
struct Journal {
    /// The life in which the sweep was submitted.
    since: Epoch,
    model: ModelKey,
    tiles: Vec<TileInfo>,
    priority: Priority,
    kept: BTreeSet<TileId>,
    failures: BTreeMap<TileId, u32>,
    given_up: BTreeMap<TileId, String>,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
pub(super) struct World {
    scheduler: Scheduler,
    epoch: u64,
    now: Duration,
    last_session: u64,
    machines: Vec<Machine>,
    journal: BTreeMap<SweepId, Journal>,
    granted: BTreeSet<Lease>,
    /// Sent, oldest first.
    results: Vec<Lease>,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            scheduler: Scheduler::new(Epoch(1)),
            epoch: 1,
            now: Duration::ZERO,
            last_session: 0,
            machines: (0..MACHINES).map(|_| Machine::default()).collect(),
            journal: BTreeMap::new(),
            granted: BTreeSet::new(),
            results: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::Submit { model, tiles, priority, avoid } => self.submit(ModelKey(model), tiles, priority, &avoid),
            Step::Cancel { sweep } => self.apply(Event::Cancelled { sweep: named(sweep) }),
            Step::Resume { sweep } => self.resume(&named(sweep)),
            Step::Connect { machine, credit, brings_leases, models } => {
                self.connect(machine, credit, brings_leases, models);
            }
            Step::SayLoaded { machine, models } => {
                if let Some(worker) = self.machines[machine].session {
                    self.apply(Event::Loaded { worker, models: models_of(models) });
                }
            }
            Step::Break { machine, noticed } => {
                if let Some(worker) = self.machines[machine].session.take()
                    && noticed
                {
                    self.apply(Event::Lost { worker });
                }
            }
            Step::Finish { machine, lease, loading } => {
                if let Some((worker, lease)) = self.answer(machine, lease) {
                    self.results.push(lease.clone());
                    self.finished(worker, &lease, Duration::from_secs(loading));
                }
            }
            Step::Repeat { machine, result } => {
                if let Some(worker) = self.machines[machine].session
                    && let Some(lease) = self.results.get(result).cloned()
                    && !self.machines[machine].leases.contains(&lease)
                {
                    self.finished(worker, &lease, Duration::ZERO);
                }
            }
            Step::Fail { machine, lease } => {
                if let Some((worker, lease)) = self.answer(machine, lease) {
                    self.apply(Event::Failed { worker, lease, reason: "broken".into() });
                }
            }
            Step::Release { machine, lease } => {
                if let Some((worker, lease)) = self.answer(machine, lease) {
                    self.apply(Event::Released { worker, lease });
                }
            }
            Step::Unfit { machine, lease } => {
                if let Some((worker, lease)) = self.answer(machine, lease) {
                    self.machines[machine].avoids.insert(lease.sweep.clone());
                    self.apply(Event::Unfit { worker, lease, reason: "other weights".into() });
                }
            }
            Step::Leave { machine, finishes } => {
                let machine = &mut self.machines[machine];
                if let Some(worker) = machine.session {
                    machine.leases.truncate(finishes);
                    let finishing = machine.leases.clone();
                    self.apply(Event::Leaving { worker, finishing });
                }
            }
            Step::Drain { machine } => {
                if let Some(worker) = self.machines[machine].session {
                    self.apply(Event::Draining { worker });
                }
            }
            Step::Wait { seconds, silent } => self.wait(seconds, Some(silent)),
            Step::Restart => self.restart(),
            Step::Replace { sweep, tiles } => self.replace(&named(sweep), tiles),
        }
    }

    fn submit(&mut self, model: ModelKey, tiles: Vec<TileInfo>, priority: u8, avoid: &[usize]) {
        let sweep = named(self.journal.len());
        let (since, priority) = (Epoch(self.epoch), Priority::new(priority).expect("in range"));
        self.journal.insert(sweep.clone(), Journal::new(since, model, tiles.clone(), priority));
        let mut avoided = BTreeMap::new();
        for (tile, machine) in (0..).map(TileId).zip(avoid) {
            if let Some(machine) = self.machines.get_mut(*machine)
                && let Some(worker) = machine.session
            {
                machine.avoids.insert(sweep.clone());
                avoided.insert(tile, BTreeSet::from([worker]));
            }
        }
        self.apply(Event::Submitted { sweep, since, model, tiles, priority, past: BTreeMap::new(), avoid: avoided });
    }

    /// A sweep that has ended is removed, and another one gets its name in the next life, in which it may.
    fn replace(&mut self, sweep: &SweepId, tiles: Vec<TileInfo>) {
        if let Some(journal) = self.journal.get_mut(sweep).filter(|journal| journal.outcome.is_some()) {
            *journal = Journal::new(Epoch(self.epoch + 1), journal.model, tiles, journal.priority);
            self.restart();
        }
    }

    /// What was given up is tried again.
    fn resume(&mut self, sweep: &SweepId) {
        let Some(journal) = self.journal.get_mut(sweep) else { return };
        if journal.outcome.take_if(|outcome| *outcome != Outcome::Done).is_some() {
            journal.given_up.clear();
            journal.failures.clear();
            let event = journal.submitted(sweep);
            self.apply(event);
        }
    }

    fn connect(&mut self, machine: usize, credit: u32, brings_leases: bool, models: u64) {
        let machine = &mut self.machines[machine];
        if machine.session.is_some() {
            return;
        }
        self.last_session += 1;
        let worker = WorkerId(self.last_session);
        if !brings_leases {
            *machine = Machine::default();
        }
        machine.session = Some(worker);
        machine.credit = credit.max(u32::try_from(machine.leases.len()).expect("few"));
        machine.revoked.clear();
        machine.avoids.clear();
        let (held, loaded) = (machine.leases.clone(), models_of(models));
        let event = Event::Joined { worker, credit: machine.credit, held, loaded };
        self.apply(event);
    }

    /// After one second of computing.
    fn finished(&mut self, worker: WorkerId, lease: &Lease, loading: Duration) {
        let busy = Duration::from_secs(1) + loading;
        let finished = Finished { worker, lease: lease.clone(), busy, loading };
        let (verdict, effects) = self.scheduler.finish(self.now, finished);
        match verdict {
            Verdict::Keep => self.keep(worker, lease),
            Verdict::Drop { done } => self.dropped(lease, done),
        }
        self.carry_out_all(effects);
    }

    /// The machine is through with one of its leases.
    fn answer(&mut self, machine: usize, lease: usize) -> Option<(WorkerId, Lease)> {
        let machine = &mut self.machines[machine];
        let worker = machine.session?;
        let lease = (lease < machine.leases.len()).then(|| machine.leases.remove(lease))?;
        Some((worker, lease))
    }

    fn wait(&mut self, seconds: u64, silent: Option<usize>) {
        self.now += Duration::from_secs(seconds);
        let sessions: Vec<_> = self.machines.iter().map(|machine| machine.session).collect();
        for (machine, session) in sessions.into_iter().enumerate() {
            if let Some(worker) = session
                && Some(machine) != silent
            {
                self.apply(Event::Heard { worker });
            }
        }
        self.apply(Event::Tick);
    }

    fn restart(&mut self) {
        self.epoch += 1;
        self.scheduler = Scheduler::new(Epoch(self.epoch));
        self.now = Duration::ZERO;
        self.last_session = 0;
        for machine in &mut self.machines {
            machine.session = None;
        }
        let running = self.journal.iter().filter(|(_, journal)| journal.outcome.is_none());
        let events: Vec<_> = running.map(|(sweep, journal)| journal.submitted(sweep)).collect();
        for event in events {
            self.apply(event);
        }
    }

    fn apply(&mut self, event: Event) {
        let effects = self.scheduler.apply(self.now, event);
        self.carry_out_all(effects);
    }

    fn carry_out_all(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.carry_out(effect);
        }
        self.scheduler.assert_invariants();
    }

    fn keep(&mut self, worker: WorkerId, lease: &Lease) {
        assert!(self.granted.contains(lease), "{lease:?} was never granted");
        let machine = self.machine(worker).expect("it is connected");
        assert!(!machine.revoked.contains(lease), "{lease:?} was revoked");
        let journal = self.journal.get_mut(&lease.sweep).expect("submitted");
        assert!(journal.outcome.is_none() && journal.is_open(lease.tile), "{lease:?} is kept too late");
        assert!(journal.since <= lease.epoch, "{lease:?} is of another sweep");
        journal.kept.insert(lease.tile);
    }

    fn dropped(&self, lease: &Lease, done: bool) {
        let journal = &self.journal[&lease.sweep];
        let kept = journal.since <= lease.epoch && journal.kept.contains(&lease.tile);
        assert!(kept || !done, "{lease:?} has nothing to be compared with");
        assert!(done || !kept || journal.outcome.is_some(), "{lease:?} can be compared");
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Grant { worker, lease } => {
                let journal = &self.journal[&lease.sweep];
                assert!(journal.outcome.is_none() && journal.is_open(lease.tile), "nobody needs {lease:?}");
                assert_eq!(lease.epoch, Epoch(self.epoch));
                assert!(self.granted.insert(lease.clone()), "{lease:?} was granted before");
                // A half-open session gets grants, too; they reach nobody.
                if let Some(machine) = self.machine(worker) {
                    machine.leases.push(lease);
                    assert!(machine.leases.len() <= machine.credit as usize, "{worker} got more than its credit");
                }
            }
            Effect::Revoke { worker, lease } => drop(self.machine(worker).map(|machine| machine.revoked.insert(lease))),
            Effect::Acknowledge { lease, .. } => assert!(self.granted.contains(&lease)),
            Effect::RecordFailure { worker, lease, .. } => {
                if let Some(machine) = self.machine(worker) {
                    machine.avoids.insert(lease.sweep.clone());
                }
                let journal = self.journal.get_mut(&lease.sweep).expect("submitted");
                *journal.failures.entry(lease.tile).or_default() += 1;
            }
            Effect::GiveUp { sweep, tile, reason } => {
                let journal = self.journal.get_mut(&sweep).expect("submitted");
                assert!(
                    journal.failures[&tile] >= MAX_STRIKES && journal.is_open(tile),
                    "{tile} is given up too early"
                );
                journal.given_up.insert(tile, reason);
            }
            Effect::Quarantine { .. } | Effect::Exhausted { .. } => {}
            Effect::Disconnect { worker } => {
                if let Some(machine) = self.machine(worker) {
                    machine.session = None;
                }
            }
            Effect::Ended { sweep, outcome } => self.journal.get_mut(&sweep).expect("submitted").end(outcome),
        }
    }

    fn machine(&mut self, worker: WorkerId) -> Option<&mut Machine> {
        self.machines.iter_mut().find(|machine| machine.session == Some(worker))
    }

    pub(super) fn assert_invariants(&self) {
        for (sweep, journal) in &self.journal {
            if let Some(progress) = self.scheduler.progress(sweep) {
                assert_eq!((progress.done as usize, progress.failed as usize), journal.counts(), "{sweep}");
            }
        }
        for view in self.scheduler.workers() {
            let Some(machine) = self.machines.iter().find(|machine| machine.session == Some(view.worker)) else {
                continue;
            };
            let seen: BTreeSet<_> = view.leases.iter().map(|held| &held.lease).collect();
            assert_eq!(seen, machine.leases.iter().collect(), "what {} holds", view.worker);
            if machine.leases.is_empty() && view.state == WorkerState::Active {
                self.assert_nothing_waits_for(machine);
            }
        }
    }

    fn assert_nothing_waits_for(&self, machine: &Machine) {
        let running = self.journal.iter().filter(|(_, journal)| journal.outcome.is_none());
        for (sweep, _) in running.filter(|(sweep, _)| !machine.avoids.contains(sweep)) {
            let progress = self.scheduler.progress(sweep).expect("running");
            let ready = progress.total - progress.done - progress.failed - progress.leased;
            assert_eq!(ready, 0, "{:?} idles while tiles of {sweep} are ready", machine.session);
        }
    }

    /// Everybody comes back as a sound worker, stays, and answers.
    pub(super) fn let_everything_end(&mut self) {
        for machine in 0..MACHINES {
            self.take(Step::Break { machine, noticed: true });
            self.take(Step::Connect { machine, credit: 2, brings_leases: true, models: 0 });
        }
        let tiles: usize = self.journal.values().map(|journal| journal.tiles.len()).sum();
        for _ in 0..100 + 10 * tiles {
            if self.journal.values().all(|journal| journal.outcome.is_some()) {
                return;
            }
            for machine in 0..MACHINES {
                let revoked = self.machines[machine]
                    .leases
                    .first()
                    .is_some_and(|lease| self.machines[machine].revoked.contains(lease));
                let (machine, lease) = (machine, 0);
                let loading = 0;
                let finish = Step::Finish { machine, lease, loading };
                self.take(if revoked { Step::Release { machine, lease } } else { finish });
                self.assert_invariants();
            }
            // Sessions that are half-open fall silent.
            self.wait(1, None);
        }
        panic!("some sweep did not end: {self:?}");
    }
}

impl Journal {
    fn new(since: Epoch, model: ModelKey, tiles: Vec<TileInfo>, priority: Priority) -> Self {
        let (kept, failures, given_up) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        Self { since, model, tiles, priority, kept, failures, given_up, outcome: None }
    }

    fn is_open(&self, tile: TileId) -> bool {
        !self.kept.contains(&tile) && !self.given_up.contains_key(&tile)
    }

    fn counts(&self) -> (usize, usize) {
        (self.kept.len(), self.given_up.len())
    }

    fn submitted(&self, sweep: &SweepId) -> Event {
        let mut past: BTreeMap<_, _> =
            self.failures.iter().map(|(&tile, &failures)| (tile, Past::Failures(failures))).collect();
        past.extend(self.kept.iter().map(|&tile| (tile, Past::Done)));
        past.extend(self.given_up.iter().map(|(&tile, reason)| (tile, Past::GivenUp { reason: reason.clone() })));
        let (sweep, since, model, priority) = (sweep.clone(), self.since, self.model, self.priority);
        let (tiles, avoid) = (self.tiles.clone(), BTreeMap::new());
        Event::Submitted { sweep, since, model, tiles, priority, past, avoid }
    }

    fn end(&mut self, outcome: Outcome) {
        let (kept, given_up) = self.counts();
        let all = kept + given_up == self.tiles.len();
        assert_eq!(self.outcome, None, "ended twice");
        match &outcome {
            Outcome::Done => assert!(all && given_up == 0),
            Outcome::Partial { .. } => assert!(all && kept > 0 && given_up > 0),
            Outcome::Failed { .. } => assert!(kept == 0 && (all || given_up >= 3)),
            Outcome::Cancelled => {}
        }
        self.outcome = Some(outcome);
    }
}

/// One for each bit.
fn models_of(bits: u64) -> BTreeSet<ModelKey> {
    (0..MODELS).filter(|model| bits >> model & 1 == 1).map(ModelKey).collect()
}

fn named(number: usize) -> SweepId {
    SweepId(format!("s{number}"))
}
