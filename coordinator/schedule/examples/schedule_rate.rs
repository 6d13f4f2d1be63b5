//! How many trivial tiles a second the scheduler leases and settles, alone:
//!
//!     cargo run --release -p patchsweep-schedule --example schedule_rate [TILES [WORKERS [ITERATIONS [MODELS]]]]
//!
//! Without arguments one sweep of 1,000,000 tiles in 3 iterations, and 1,000 workers with a credit of 2; with several
//! models the tiles are divided between one sweep of each. Each worker in turn finishes its first
//! lease; every thousandth result comes with a heartbeat of all workers and a tick.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use patchsweep_core::ids::{Epoch, SweepId, WorkerId};
use patchsweep_core::status::Priority;
use patchsweep_schedule::{Effect, Event, Finished, ModelKey, Outcome, Scheduler, TileInfo, Verdict};

const CREDIT: u32 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<u32> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let argument = |index: usize, default| numbers.get(index).copied().unwrap_or(default);
    let (tiles, workers, iterations) = (argument(0, 1_000_000), argument(1, 1_000), argument(2, 3).max(1));
    let models = argument(3, 1).max(1);
    let tiles = tiles / models * models;
    let before = resident_bytes()?;
    let began = Instant::now();
    let mut scheduler = submitted(tiles / models, iterations, models);
    let submission = began.elapsed();
    let began = Instant::now();
    let most = run(&mut scheduler, tiles, workers, models)?;
    let seconds = began.elapsed().as_secs_f64();
    println!("tiles                 {tiles}");
    println!("workers               {workers}");
    println!("models                {models}");
    println!("submission            {:.3} s", submission.as_secs_f64());
    println!("leased and settled in {seconds:.3} s");
    println!("tiles a second        {:.0}", f64::from(tiles) / seconds);
    println!("most memory           {} MiB", most.saturating_sub(before).div_ceil(1 << 20));
    Ok(())
}

fn submitted(tiles: u32, iterations: u32, models: u32) -> Scheduler {
    let mut scheduler = Scheduler::new(Epoch(1));
    let each = tiles.div_ceil(iterations).max(1);
    let tiles: Vec<TileInfo> = (0..tiles).map(|tile| TileInfo { iteration: tile / each, cost: 1_000 }).collect();
    for number in 0..models {
        let (sweep, model, tiles) = (sweep(number), ModelKey(number.into()), tiles.clone());
        let (since, priority, past, avoid) = (Epoch(1), Priority::default(), BTreeMap::new(), BTreeMap::new());
        scheduler.apply(Duration::ZERO, Event::Submitted { sweep, since, model, tiles, priority, past, avoid });
    }
    scheduler
}

fn sweep(number: u32) -> SweepId {
    SweepId(format!("trivial-{number}"))
}

/// Says how much memory the process had at most.
fn run(scheduler: &mut Scheduler, tiles: u32, workers: u32, models: u32) -> Result<u64, Box<dyn Error>> {
    let mut granted = VecDeque::new();
    let mut now = Duration::ZERO;
    for worker in 1..=u64::from(workers) {
        let worker = WorkerId(worker);
        let (held, loaded) = (Vec::new(), BTreeSet::new());
        granted.extend(scheduler.apply(now, Event::Joined { worker, credit: CREDIT, held, loaded }));
    }
    let (mut kept, mut most) = (0_u32, resident_bytes()?);
    while let Some(effect) = granted.pop_front() {
        match effect {
            Effect::Grant { worker, lease } => {
                let (busy, loading) = (Duration::from_millis(1), Duration::ZERO);
                let (verdict, effects) = scheduler.finish(now, Finished { worker, lease, busy, loading });
                granted.extend(effects);
                if verdict != Verdict::Keep {
                    continue;
                }
                kept += 1;
                if kept % 1_000 == 0 {
                    now += Duration::from_millis(1);
                    most = most.max(resident_bytes()?);
                    granted.extend(everybody_lives(scheduler, now, workers));
                }
            }
            Effect::Ended { outcome, .. } if outcome != Outcome::Done => return Err(format!("{outcome:?}").into()),
            _ => {}
        }
    }
    let done: u32 = (0..models).filter_map(|number| Some(scheduler.progress(&sweep(number))?.done)).sum();
    if done == tiles { Ok(most) } else { Err(format!("{done} of {tiles} tiles are done").into()) }
}

fn everybody_lives(scheduler: &mut Scheduler, now: Duration, workers: u32) -> Vec<Effect> {
    for worker in 1..=u64::from(workers) {
        scheduler.apply(now, Event::Heard { worker: WorkerId(worker) });
    }
    scheduler.apply(now, Event::Tick)
}

fn resident_bytes() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS in /proc/self/status")?;
    let kib: u64 = line.split_whitespace().nth(1).ok_or("no number in VmRSS")?.parse()?;
    Ok(kib * 1024)
}
