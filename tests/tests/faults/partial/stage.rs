//! A coordinator, the tiny sweep, and what its results should be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use patchsweep_core::ids::{SweepId, TileId};
use patchsweep_core::results::{CellStatus, SweepResults};
use patchsweep_core::tile::TileWork;
use patchsweep_proto::v1::{Grant, Lease, SweepStatus, WatchSweepRequest};
use patchsweep_results::{Analysed, Overwrite, write_folder};
use patchsweep_serve::state::{Store, TileFailures};
use patchsweep_tests::Scores;
use patchsweep_tests::scripted::{CommandOutput, ScriptedWorker, Served, within};
use patchsweep_tests::tiny::{TILE_MULTIPLY_ADDS, TILE_PROMPTS, Tiny};
use tempfile::TempDir;
use tokio_stream::StreamExt;

pub(super) struct Stage {
    pub(super) tiny: Tiny,
    pub(super) served: Served,
    store: Store,
    folder: TempDir,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let tiny = Tiny::new();
        let (store, recovered) = Store::in_memory().expect("memory");
        let served = Served::start(&tiny, store.clone(), recovered).await;
        Self { tiny, served, store, folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(super) async fn submit(&self, args: &[&str]) -> CommandOutput {
        self.submit_file(&self.tiny.spec_file(), args).await
    }

    pub(super) async fn submit_file(&self, spec: &Path, args: &[&str]) -> CommandOutput {
        let (multiply_adds, prompts) = (TILE_MULTIPLY_ADDS.to_string(), TILE_PROMPTS.to_string());
        let spec = spec.to_str().expect("a plain path");
        let tiles = ["--tile-multiply-adds", &multiply_adds, "--tile-prompts", &prompts];
        self.served.patchsweep(&[&["submit", spec], &tiles[..], args].concat()).await
    }

    /// The id of a sweep that is taken.
    pub(super) async fn submitted(&self, args: &[&str]) -> String {
        let output = self.submit(args).await;
        assert_eq!(output.code, Some(0), "{output:?}");
        output.out
    }

    pub(super) fn tiles(&self) -> usize {
        self.tiny.plan().tiles.len()
    }

    /// The grid that a tile is of; `None`: it is one of baselines.
    pub(super) fn grid_of(&self, tile: u32) -> Option<&str> {
        let plan = self.tiny.plan();
        match &plan.tiles[tile as usize].work {
            TileWork::Baseline => None,
            TileWork::Patch { grid, .. } | TileWork::Estimate { grid, .. } | TileWork::Activity { grid, .. } => {
                Some(&plan.context.grids[*grid as usize].name)
            }
        }
    }

    /// The prompts that a tile covers.
    pub(super) fn prompts(&self, tile: u32) -> Range<u32> {
        self.tiny.plan().tiles[tile as usize].prompts.clone()
    }

    /// The first tile of a grid, or of baselines, in an iteration.
    pub(super) fn tile(&self, grid: Option<&str>, iteration: u32) -> u32 {
        let mut tiles = self.tiny.plan().tiles.iter().filter(|tile| tile.iteration == iteration);
        tiles.find(|tile| self.grid_of(tile.id.0) == grid).expect("there is one").id.0
    }

    /// Places of a tile's cells in its grid's tensors.
    pub(super) fn places(&self, tile: u32) -> (String, BTreeSet<usize>) {
        let plan = self.tiny.plan();
        let tile = &plan.tiles[tile as usize];
        let TileWork::Patch { grid, cells, .. } = &tile.work else { panic!("{tile:?} has no cells of a grid") };
        let grid = &plan.context.grids[*grid as usize];
        let first = tile.iteration * grid.cells();
        let places = cells.iter().cloned().flatten().map(|cell| (first + cell) as usize);
        (grid.name.clone(), places.collect())
    }

    /// Attempts that the coordinator keeps as failed.
    pub(super) fn failures(&self, id: &str) -> BTreeMap<TileId, TileFailures> {
        self.store.failures(&SweepId(id.to_owned())).expect("it is known")
    }

    /// Writes a sweep's results into a folder of their own.
    pub(super) async fn results(&self, id: &str) -> (CommandOutput, PathBuf) {
        let out = self.folder.path().join("fetched");
        let output = self.served.patchsweep(&["results", id, "--overwrite", "--out", plain(&out)]).await;
        (output, out)
    }

    /// The results folder of an undisturbed sweep.
    pub(super) fn undisturbed(&self) -> PathBuf {
        let out = self.folder.path().join("undisturbed");
        let results = SweepResults { manifest: "{}".to_owned(), ..self.tiny.expected() };
        write_folder(&Analysed::of(&results).expect("consistent"), &out, Overwrite::Replace).expect("it is written");
        out
    }

    /// The sweep is done, and its tensors are those of an undisturbed one.
    pub(super) async fn assert_whole(&self, id: &str) {
        let (output, out) = self.results(id).await;
        assert_eq!(output.code, Some(0), "{output:?}");
        let bytes = |folder: PathBuf| fs::read(folder.join("scores.npz")).expect("tensors");
        assert!(bytes(out) == bytes(self.undisturbed()), "the tensors differ");
    }

    /// These cells, and no others, have failed; all others have the bits of an undisturbed sweep.
    pub(super) fn assert_failed(&self, folder: &Path, failed: &BTreeMap<String, BTreeSet<usize>>) {
        let mut partial = Scores::open(&folder.join("scores.npz"));
        let mut whole = Scores::open(&self.undisturbed().join("scores.npz"));
        for grid in ["resid_pre", "z"] {
            let has_failed = |place: usize| failed.get(grid).is_some_and(|places| places.contains(&place));
            let (status, undisturbed) = (format!("{grid}.status"), whole.statuses(&format!("{grid}.status")));
            for (place, (&status, &before)) in partial.statuses(&status).iter().zip(&undisturbed).enumerate() {
                assert_eq!(status, if has_failed(place) { CellStatus::Failed } else { before }, "{grid} at {place}");
            }
            for tensor in ["", ".value", ".stderr"].map(|suffix| format!("{grid}{suffix}")) {
                let (ours, theirs) = (partial.tensor(&tensor), whole.tensor(&tensor));
                for (place, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                    let is_right = if has_failed(place) { ours.is_nan() } else { ours.to_bits() == theirs.to_bits() };
                    assert!(is_right, "{tensor} at {place}: {ours}, undisturbed {theirs}");
                }
            }
        }
    }

    /// Places of cells of an iteration that no tile computes.
    pub(super) fn untouched(&self, grid: &str, iteration: usize) -> BTreeSet<usize> {
        let statuses = Scores::open(&self.undisturbed().join("scores.npz")).statuses(&format!("{grid}.status"));
        let cells = statuses.len() / statuses.shape()[0];
        let is_meant = |(place, &status): (usize, &CellStatus)| {
            (place / cells == iteration && status == CellStatus::NoOp).then_some(place)
        };
        statuses.iter().enumerate().filter_map(is_meant).collect()
    }

    /// Waits for a status, within bounds.
    pub(super) async fn status(&self, id: &str, wanted: impl Fn(&SweepStatus) -> bool) -> SweepStatus {
        let request = WatchSweepRequest { sweep_id: id.to_owned() };
        let mut watch = self.served.client().await.watch_sweep(request).await.expect("it is known").into_inner();
        loop {
            let status = within("the status", watch.next()).await.expect("the sweep goes on").expect("a status");
            if wanted(&status) {
                return status;
            }
        }
    }

    /// A new worker computes what is left until the sweep has ended well; gives what it was granted.
    pub(super) async fn finish(&self, id: &str) -> Vec<Lease> {
        let mut worker = self.served.named_worker("heir:9", 2).await;
        let mut granted = Vec::new();
        let watch = self.served.patchsweep(&["watch", id]);
        let output = during(worker.compute(&self.tiny, &mut granted), watch).await;
        assert_eq!(output.code, Some(0), "{output:?}");
        granted
    }
}

pub(super) fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// What a client says while workers play.
pub(super) async fn during<P, T>(playing: impl Future<Output = P>, client: impl Future<Output = T>) -> T {
    tokio::select! {
        output = client => output,
        _ = playing => panic!("all sessions ended"),
    }
}

/// Nothing may be granted to a worker while something else goes on.
pub(super) async fn gets_nothing(worker: &mut ScriptedWorker) {
    worker.play(|grant: &Grant| panic!("{grant:?} to a worker that is to get none")).await;
}
