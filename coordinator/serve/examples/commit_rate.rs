//! Results committed per second in a real folder, and what it takes to find a million cells again.
//!
//!     cargo run --release -p patchsweep-serve --example commit_rate -- FOLDER
//!
//! FOLDER must not hold state yet.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use patchsweep_core::architecture::{Architecture, Sizes};
use patchsweep_core::context::{Direction, Iteration, SweepContext};
use patchsweep_core::digest::Digest;
use patchsweep_core::grid::{Axis, Component, Grid};
use patchsweep_core::groups::Groups;
use patchsweep_core::ids::{Attempt, Epoch, Lease, SweepId, TileId};
use patchsweep_core::metric::{Metric, MetricKind};
use patchsweep_core::model::{Dtype, ModelRef};
use patchsweep_core::scores::{CacheStats, CellScore, TileScores, WorkDone};
use patchsweep_core::status::{PlanOptions, Priority};
use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_core::tokens::TokenMatrix;
use patchsweep_plan::{Plan, Seeds};
use patchsweep_proto::wire::{digest_of, encode_context};
use patchsweep_serve::state::{Arrival, Completed, Entry, Journal, KeptResult, KeptSweep, Store};

const CELLS_PER_TILE: u32 = 60;
const SIDE: u32 = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("give a folder")?);
    let sweep = sweep()?;
    let (store, recovered) = Store::open(&folder)?;
    if !recovered.sweeps.is_empty() {
        return Err("the folder holds state already".into());
    }
    let mut journal = Journal::start(store)?;
    journal.append(Entry::Sweep(Box::new(sweep.clone()))).await?;
    let mut committed = journal.committed();
    committed.wait_for(|&last| last == 1).await?;

    let began = Instant::now();
    for tile in &sweep.plan.tiles {
        journal.append(Entry::Result(Box::new(result(&sweep.id, tile)))).await?;
    }
    let last = journal.last();
    committed.wait_for(|&committed| committed == last).await?;
    let seconds = began.elapsed().as_secs_f64();
    let count = u32::try_from(sweep.plan.tiles.len())?;
    println!(
        "{count} results of {CELLS_PER_TILE} cells in {seconds:.2} s: {:.0} per second",
        f64::from(count) / seconds
    );

    let mut alone = Duration::ZERO;
    for _ in 0..20 {
        let began = Instant::now();
        let number = journal.append(Entry::Resumed { sweep: sweep.id.clone(), tiles: Vec::new() }).await?;
        committed.wait_for(|&last| last == number).await?;
        alone += began.elapsed();
    }
    println!("an entry at a time: {:.1} ms each", alone.as_secs_f64() * 1000.0 / 20.0);
    journal.close().await;

    let memory = peak_memory()?;
    let began = Instant::now();
    let (_store, recovered) = Store::open(&folder)?;
    let found = &recovered.sweeps[0].status;
    println!(
        "{} of {} tiles found again in {:.2} s",
        found.tiles_done,
        found.tiles_total,
        began.elapsed().as_secs_f64()
    );
    println!("most memory: {memory} before, {} after", peak_memory()?);
    Ok(())
}

/// Of this process.
fn peak_memory() -> Result<String, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.ok_or("no peak memory")?.trim().to_owned())
}

/// A million cells.
fn sweep() -> Result<KeptSweep, Box<dyn Error>> {
    let sizes = Sizes { layers: SIDE, heads: SIDE, d_model: SIDE, d_mlp: 4 * SIDE, d_vocab: SIDE, n_ctx: SIDE };
    let architecture = Architecture::plain(sizes);
    let tokens = TokenMatrix::from_flat(1, SIDE, (0..SIDE).collect())?;
    let corrupted = TokenMatrix::from_flat(1, SIDE, (0..SIDE).rev().collect())?;
    let axes = vec![Axis::Layer, Axis::Pos, Axis::Head];
    let context = SweepContext {
        model: ModelRef::folder("model")?,
        architecture: architecture.clone(),
        dtype: Dtype::Float32,
        tf32: false,
        direction: Direction::Noising,
        clean: tokens,
        iterations: vec![Iteration {
            corrupted,
            noise: None,
            reads: vec![SIDE - 1],
            answers: vec![1],
            wrong_answers: Vec::new(),
        }],
        metrics: vec![Metric { name: "prob".to_owned(), kind: MetricKind::Prob, normalize: false }],
        grids: vec![Grid::new("z".to_owned(), Component::Z, axes, &architecture, SIDE)?],
        per_prompt: false,
        replicates: 1,
        groups: Groups::default(),
    };
    let cells = SIDE.pow(3);
    let starts = (0..cells).step_by(CELLS_PER_TILE as usize);
    let tile = |(id, start): (u32, u32)| {
        let cells = std::iter::once(start..cells.min(start + CELLS_PER_TILE)).collect();
        let work = TileWork::Patch { grid: 0, cells, plain: false };
        Tile { id: TileId(id), iteration: 0, prompts: 0..1, work }
    };
    let tiles: Vec<Tile> = (0..).zip(starts).map(tile).collect();
    let plan = Plan {
        name: "million".to_owned(),
        digest: digest_of(&context),
        context: Arc::new(context),
        costs: vec![1_000_000; tiles.len()],
        check: None,
        choice: None,
        tiles,
        options: PlanOptions::default(),
        iteration_labels: vec!["Iteration 0".to_owned()],
        prompts: Digest::of(b""),
        dictionary_models: std::collections::BTreeMap::new(),
        token_labels: vec!["token".to_owned(); SIDE as usize],
        lines: Vec::new(),
        spec_text: String::new(),
        seeds: Seeds { dataset: None, corruption: None },
        kept_answers: vec![None],
        warnings: Vec::new(),
        answer_texts: std::collections::BTreeMap::new(),
    };
    Ok(KeptSweep {
        id: SweepId("million-1".to_owned()),
        context: encode_context(&plan.context).into(),
        plan: Arc::new(plan),
        dataset: Digest::of(b""),
        priority: Priority::default(),
        submitted: SystemTime::now(),
        arrival: Arrival { epoch: Epoch(1), files: None },
    })
}

fn result(sweep: &SweepId, tile: &Tile) -> KeptResult {
    let scores = vec![CellScore::of(&[0.25], &[0.5]); tile.cell_count()];
    KeptResult {
        lease: Lease { epoch: Epoch(1), sweep: sweep.clone(), tile: tile.id, attempt: Attempt(1) },
        worker: "node-17/12345".to_owned(),
        device: "cuda:0".to_owned(),
        completed: Completed {
            model: Digest::of(b"model"),
            notes: Vec::new(),
            scores: TileScores { metrics: 1, scores, by_prompt: Vec::new() },
            busy: Duration::from_millis(12),
            work: WorkDone { multiply_adds: 1_000_000, ..WorkDone::default() },
        },
        cache: CacheStats::default(),
        received: SystemTime::now(),
    }
}
