//! Whole runs in made-up time: how often workers load, and whether sweeps get their share.

use super::*;

/// Multiply-adds that a worker does in a second.
const RATE: u64 = 1_000;

/// What loading any model takes.
const LOAD: Duration = Duration::from_secs(3);

struct Machine {
    worker: WorkerId,
    /// Percent of the usual rate.
    speed: u64,
    /// Models that fit its memory.
    fits: usize,
    /// The one that was used last is the last.
    loaded: Vec<ModelKey>,
    loads: usize,
    in_hand: Option<InHand>,
}

struct InHand {
    lease: Lease,
    ends: Duration,
    busy: Duration,
    loading: Duration,
}

struct Sweep {
    name: &'static str,
    model: ModelKey,
    priority: u8,
    costs: Vec<u64>,
}

struct Run {
    scheduler: Scheduler,
    now: Duration,
    events: u32,
    machines: Vec<Machine>,
    sweeps: Vec<Sweep>,
}

/// Costs of that many tiles, between a half and three halves of a second's work; a plain function of their number.
fn costs(tiles: u64) -> Vec<u64> {
    (0..tiles).map(|tile| RATE / 2 + (tile.wrapping_mul(2_654_435_761) >> 7) % RATE).collect()
}

fn sweep(name: &'static str, model: u64, priority: u8, tiles: u64) -> Sweep {
    Sweep { name, model: ModelKey(model), priority, costs: costs(tiles) }
}

impl Run {
    /// `machines`: speed in percent, and models that fit.
    fn new(machines: &[(u64, usize)], sweeps: Vec<Sweep>) -> Self {
        let mut scheduler = Scheduler::new(Epoch(1));
        for Sweep { name, model, priority, costs } in &sweeps {
            let tiles = costs.iter().map(|&cost| TileInfo { iteration: 0, cost }).collect();
            let priority = Priority::new(*priority).expect("in range");
            let (sweep, since, model) = (named(name), Epoch(1), *model);
            let (past, avoid) = (BTreeMap::new(), BTreeMap::new());
            scheduler.apply(Duration::ZERO, Event::Submitted { sweep, since, model, tiles, priority, past, avoid });
        }
        let machine = |(number, &(speed, fits)): (u64, &(u64, usize))| Machine {
            worker: WorkerId(number),
            speed,
            fits,
            loaded: Vec::new(),
            loads: 0,
            in_hand: None,
        };
        let machines: Vec<Machine> = (1..).zip(machines).map(machine).collect();
        for Machine { worker, .. } in &machines {
            let (worker, held, loaded) = (*worker, Vec::new(), BTreeSet::new());
            scheduler.apply(Duration::ZERO, Event::Joined { worker, credit: 2, held, loaded });
        }
        Self { scheduler, now: Duration::ZERO, events: 0, machines, sweeps }
    }

    fn done(&self, sweep: usize) -> u64 {
        self.scheduler.progress(&named(self.sweeps[sweep].name)).expect("submitted").cost_done
    }

    fn running(&self, sweep: usize) -> bool {
        let Progress { total, done, .. } = self.scheduler.progress(&named(self.sweeps[sweep].name)).expect("submitted");
        done < total
    }

    /// Every machine without a tile begins the next one that it holds.
    fn begin(&mut self) {
        for view in self.scheduler.workers() {
            let machine = self.machines.iter_mut().find(|machine| machine.worker == view.worker).expect("joined");
            if machine.in_hand.is_some() {
                continue;
            }
            let Some(lease) = view.leases.first().map(|held| held.lease.clone()) else { continue };
            let sweep = self.sweeps.iter().find(|sweep| named(sweep.name) == lease.sweep).expect("submitted");
            let known = machine.loaded.iter().position(|&model| model == sweep.model);
            let loading = if known.is_some() { Duration::ZERO } else { LOAD };
            if let Some(index) = known {
                machine.loaded.remove(index);
            } else {
                machine.loads += 1;
                let room = machine.fits - 1;
                machine.loaded.drain(..machine.loaded.len().saturating_sub(room));
            }
            machine.loaded.push(sweep.model);
            let cost = sweep.costs[lease.tile.0 as usize];
            let busy = loading + Duration::from_micros(cost * 100_000_000 / (RATE * machine.speed));
            machine.in_hand = Some(InHand { lease, ends: self.now + busy, busy, loading });
        }
    }

    /// The machine that ends first does; without one there is nothing left.
    fn step(&mut self) -> bool {
        self.begin();
        let ends = |machine: &Machine| machine.in_hand.as_ref().map(|in_hand| (in_hand.ends, machine.worker));
        let Some((ends, worker)) = self.machines.iter().filter_map(ends).min() else { return false };
        let machine = self.machines.iter_mut().find(|machine| machine.worker == worker).expect("joined");
        let InHand { lease, busy, loading, .. } = machine.in_hand.take().expect("it ends");
        let models = machine.loaded.iter().copied().collect();
        self.now = ends;
        self.apply(Event::Loaded { worker, models });
        self.scheduler.finish(self.now, Finished { worker, lease, busy, loading });
        self.events += 1;
        true
    }

    fn apply(&mut self, event: Event) {
        self.scheduler.apply(self.now, event);
        self.events += 1;
        if self.events.is_multiple_of(100) {
            self.scheduler.assert_invariants();
        }
    }

    /// Until the first sweep ends; gives how much of the work was each one's, in thousandths.
    fn shares(&mut self) -> Vec<u64> {
        while (0..self.sweeps.len()).all(|sweep| self.running(sweep)) {
            assert!(self.step(), "nobody computes");
        }
        let done: Vec<u64> = (0..self.sweeps.len()).map(|sweep| self.done(sweep)).collect();
        done.iter().map(|&done_of_it| done_of_it * 1000 / done.iter().sum::<u64>()).collect()
    }

    fn finish(&mut self) {
        while self.step() {}
        assert!((0..self.sweeps.len()).all(|sweep| !self.running(sweep)));
    }

    fn loads(&self) -> Vec<usize> {
        self.machines.iter().map(|machine| machine.loads).collect()
    }
}

/// Within a tenth of what each should have.
fn assert_fair(shares: &[u64], wanted: &[u64]) {
    for (&share, &wanted) in shares.iter().zip(wanted) {
        assert!(share.abs_diff(wanted) * 10 <= wanted, "{shares:?} instead of {wanted:?}");
    }
}

#[test]
fn two_sweeps_on_two_workers_are_fair_with_two_loads_each() {
    for speeds in [[100, 100], [100, 95], [95, 100]] {
        let mut run = Run::new(&speeds.map(|speed| (speed, 1)), vec![sweep("a", 1, 10, 400), sweep("b", 2, 10, 400)]);
        let shares = run.shares();
        assert_fair(&shares, &[500, 500]);
        run.finish();
        assert!(run.loads().iter().all(|&loads| loads <= 2), "{speeds:?}: {:?}", run.loads());
    }
}

#[test]
fn a_worker_that_fits_both_models_loads_each_once() {
    let mut run = Run::new(&[(100, 2), (60, 2)], vec![sweep("a", 1, 10, 300), sweep("b", 2, 10, 300)]);
    let shares = run.shares();
    assert_fair(&shares, &[500, 500]);
    run.finish();
    assert!(run.loads().iter().all(|&loads| loads <= 2), "{:?}", run.loads());
}

#[test]
fn one_worker_is_fair_and_loads_for_little_of_its_time() {
    let mut run = Run::new(&[(100, 1)], vec![sweep("a", 1, 10, 1000), sweep("b", 2, 10, 1000)]);
    let shares = run.shares();
    assert_fair(&shares, &[500, 500]);
    run.finish();
    let loading = LOAD * u32::try_from(run.loads()[0]).expect("few");
    assert!(loading * 15 <= run.now, "{loading:?} of {:?}", run.now);
    assert!(run.loads()[0] >= 10, "both go on all the time: {:?}", run.loads());
}

#[test]
fn workers_of_unequal_speed_are_fair_by_changing_now_and_then() {
    let mut run = Run::new(&[(100, 1), (40, 1)], vec![sweep("a", 1, 10, 1000), sweep("b", 2, 10, 1000)]);
    let shares = run.shares();
    assert_fair(&shares, &[500, 500]);
    run.finish();
    let loads: usize = run.loads().iter().sum();
    assert!(LOAD * u32::try_from(loads).expect("few") * 20 <= 2 * run.now, "{loads} loads in {:?}", run.now);
}

#[test]
fn unequal_priorities_have_unequal_shares() {
    for (machines, priorities) in [(1, [10, 30]), (2, [10, 30]), (3, [10, 30]), (3, [1, 4])] {
        let sizes = priorities.map(|priority| 1000 * u64::from(priority) / u64::from(priorities[1]));
        let [a, b] = priorities;
        let sweeps = vec![sweep("a", 1, a, sizes[0] + 100), sweep("b", 2, b, sizes[1] + 100)];
        let mut run = Run::new(&vec![(100, 1); machines], sweeps);
        let shares = run.shares();
        let whole = u64::from(a) + u64::from(b);
        assert_fair(&shares, &[1000 * u64::from(a) / whole, 1000 * u64::from(b) / whole]);
        run.finish();
        let loads: usize = run.loads().iter().sum();
        let time = run.now * u32::try_from(machines).expect("few");
        assert!(LOAD * u32::try_from(loads).expect("few") * 12 <= time, "{machines}: {loads} loads in {time:?}");
    }
}

#[test]
fn many_workers_divide_between_the_sweeps_and_stay_there() {
    let mut run = Run::new(&[(100, 1); 30], vec![sweep("a", 1, 10, 3000), sweep("b", 2, 20, 6000)]);
    let shares = run.shares();
    assert_fair(&shares, &[333, 667]);
    run.finish();
    let loads: usize = run.loads().iter().sum();
    assert!(loads <= 30 + 30, "{:?}", run.loads());
}

#[test]
fn a_sweep_that_comes_late_is_soon_served_by_a_fleet_that_is_busy_with_another_model() {
    let mut run = Run::new(&[(100, 1); 30], vec![sweep("a", 1, 10, 3000)]);
    while run.now < Duration::from_secs(30) {
        assert!(run.step());
    }
    let late = sweep("b", 2, 10, 60);
    let tiles = late.costs.iter().map(|&cost| TileInfo { iteration: 0, cost }).collect();
    let (since, model, priority) = (Epoch(1), late.model, Priority::default());
    let (past, avoid) = (BTreeMap::new(), BTreeMap::new());
    run.sweeps.push(late);
    run.apply(Event::Submitted { sweep: named("b"), since, model, tiles, priority, past, avoid });
    while run.running(1) {
        assert!(run.step());
    }
    // Half the fleet computes it in four seconds, after as many for what it holds, and three to load.
    assert!(run.now < Duration::from_secs(30 + 20), "{:?}", run.now);
}

#[test]
fn slow_workers_do_not_run_after_what_fast_ones_leave() {
    // Three of the fast ones cannot be divided evenly, and one of them is as much as all the slow ones.
    let machines = [vec![(2000, 1); 3], vec![(100, 1); 20]].concat();
    let mut run = Run::new(&machines, vec![sweep("a", 1, 10, 4000), sweep("b", 2, 10, 4000)]);
    let shares = run.shares();
    assert_fair(&shares, &[500, 500]);
    let time = run.now * u32::try_from(machines.len()).expect("few");
    let loads: usize = run.loads().iter().sum();
    assert!(LOAD * u32::try_from(loads).expect("few") * 10 <= time, "{loads} loads in {time:?}");
}
