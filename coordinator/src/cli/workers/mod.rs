//! `patchsweep workers`, `drain`

mod fields;

use std::fmt::Write as _;
use std::io::{self, Write};

use bytesize::ByteSize;
use patchsweep_core::ids::{Lease, WorkerId};
use patchsweep_core::scores::MemoryUse;
use patchsweep_core::workers::{InHand, WorkerState, WorkerStatus};
use patchsweep_process::talk;

pub(super) use fields::{DrainFields, WorkersFields};

use super::output::{Output, Printer};
use super::{CliError, CoordinatorArgs, table};

#[derive(Debug, clap::Args)]
pub(super) struct DrainArgs {
    /// The worker's id, as `workers` prints it.
    #[arg(value_parser = worker_id)]
    worker: WorkerId,
    #[command(flatten)]
    coordinator: CoordinatorArgs,
}

/// `w3`, or `3`.
fn worker_id(text: &str) -> Result<WorkerId, String> {
    let number = text.strip_prefix('w').unwrap_or(text);
    let parsed = number.parse().map(WorkerId);
    parsed.map_err(|_| "a worker's id looks like w3; `patchsweep workers` shows them".to_owned())
}

pub(super) async fn list(args: CoordinatorArgs, printer: Printer) -> Result<(), CliError> {
    let workers = args.connect().await?.workers().await?;
    printer.print(&Workers(workers))
}

/// Workers, one in each row.
struct Workers(Vec<WorkerStatus>);

impl Output for Workers {
    type Fields = WorkersFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{}", text(&self.0))
    }

    fn fields(&self) -> WorkersFields {
        WorkersFields::of(&self.0)
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.iter().try_for_each(|status| writeln!(out, "{}", status.worker))
    }
}

pub(super) async fn drain(args: DrainArgs, printer: Printer) -> Result<(), CliError> {
    args.coordinator.connect().await?.drain(args.worker).await?;
    talk!("worker {} finishes what it has in hand and leaves", args.worker);
    printer.print(&Drained(args.worker))
}

/// A worker that was asked to leave; people have read it on stderr.
struct Drained(WorkerId);

impl Output for Drained {
    type Fields = DrainFields;

    fn table(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn fields(&self) -> DrainFields {
        DrainFields { worker: self.0.to_string() }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.0)
    }
}

fn text(workers: &[WorkerStatus]) -> String {
    let header = [
        "worker",
        "name",
        "device",
        "state",
        "leases",
        "tiles",
        "multiply-adds/s",
        "silent",
        "memory",
        "hits",
        "in-hand",
    ];
    let mut table = table::new(header);
    for worker in workers {
        table.add_row([
            worker.worker.to_string(),
            worker.name.clone(),
            worker.device.clone(),
            worker.state.name().to_owned(),
            worker.leases.len().to_string(),
            worker.tiles_done.to_string(),
            worker.multiply_adds_per_second.map_or_else(|| "-".to_owned(), table::scientific),
            format!("{}s", worker.silent.as_secs()),
            memory(worker),
            hits(worker),
            worker.hand.as_ref().map_or_else(|| "-".to_owned(), in_hand),
        ]);
    }
    let mut text = format!("{}\n", table.trim_fmt());
    for worker in workers {
        if let WorkerState::Quarantined { reason } = &worker.state {
            let _ = writeln!(text, "\n{} is quarantined: {reason}", worker.worker);
        }
    }
    text
}

/// Without spaces, as columns for `awk` are.
fn memory(worker: &WorkerStatus) -> String {
    let bytes = |bytes: u64| ByteSize(bytes).to_string().replace(' ', "");
    match worker.memory {
        MemoryUse { budget: 0, .. } => "-".to_owned(),
        MemoryUse { used, budget } => format!("{}/{}", bytes(used), bytes(budget)),
    }
}

/// The share of look-ups that found their activation in the cache.
fn hits(worker: &WorkerStatus) -> String {
    let (hits, misses) = (u128::from(worker.cache.hits), u128::from(worker.cache.misses));
    (100 * hits).checked_div(hits + misses).map_or_else(|| "-".to_owned(), |percent| format!("{percent}%"))
}

/// `SWEEP/t3:z` and for how long.
fn in_hand(hand: &InHand) -> String {
    let retries = if hand.retries > 0 { format!(",{}-retries", hand.retries) } else { String::new() };
    let Lease { sweep, tile, .. } = &hand.lease;
    format!("{sweep}/{tile}:{},{}s{retries}", hand.grid, hand.since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use patchsweep_core::ids::{Attempt, Epoch, SweepId, TileId};
    use patchsweep_core::model::{Dtype, LoadedModel, ModelRef};
    use patchsweep_core::scores::CacheStats;
    use patchsweep_serve::fixtures::worker;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_worker_is_named_as_it_is_listed() {
        assert_eq!(worker_id("w3"), Ok(WorkerId(3)));
        assert_eq!(worker_id("3"), Ok(WorkerId(3)));
        for text in ["", "w", "host:12", "w-1"] {
            assert!(worker_id(text).expect_err("no id").contains("`patchsweep workers`"), "{text}");
        }
    }

    #[test]
    fn each_worker_has_a_row_and_a_quarantine_its_reason() {
        let lease =
            Lease { epoch: Epoch(1), sweep: SweepId("acronyms-1".into()), tile: TileId(3), attempt: Attempt(1) };
        let hand = InHand {
            lease: lease.clone(),
            grid: "z".into(),
            iteration: "Iteration 0".into(),
            since: Duration::from_secs(4),
            retries: 2,
        };
        let busy = WorkerStatus {
            leases: vec![lease],
            cache: CacheStats { hits: 3, misses: 1, ..CacheStats::default() },
            memory: MemoryUse { used: 3 << 30, budget: 9 << 30 },
            hand: Some(hand),
            loaded: vec![LoadedModel { model: ModelRef::Folder("m".into()), dtype: Dtype::Bfloat16 }],
            ..worker(1)
        };
        let state = WorkerState::Quarantined { reason: "three failures in a row".into() };
        let broken = WorkerStatus { state, multiply_adds_per_second: None, ..worker(2) };
        let workers = [busy, broken];
        let text = text(&workers);
        let row = |line: usize| text.lines().nth(line).expect("a row").split_whitespace().collect::<Vec<_>>();
        let known = ["w1", "node:1", "cuda:0", "active", "1", "7", "2.50e9", "2s", "3.0GiB/9.0GiB", "75%"];
        assert_eq!(row(1), [&known[..], &["acronyms-1/t3:z,4s,2-retries"]].concat());
        assert_eq!(row(2), ["w2", "node:2", "cuda:0", "quarantined", "0", "7", "-", "2s", "-", "-", "-"]);
        assert_eq!(row(0).len(), row(1).len());
        assert!(text.ends_with("\nw2 is quarantined: three failures in a row\n"), "{text}");

        let all = json!(WorkersFields::of(&workers));
        let (json, broken) = (&all["workers"][0], &all["workers"][1]);
        assert_eq!((&json["version"], &json["memory_budget_bytes"]), (&json!("0.1.0"), &json!(9u64 << 30)));
        assert_eq!((&json["cache"]["hits"], &json["hand"]["tile"]), (&json!(3), &json!(3)));
        assert_eq!((&json["hand"]["iteration"], &json["hand"]["memory_retries"]), (&json!("Iteration 0"), &json!(2)));
        assert_eq!(json["models"], json!([{ "model": "m", "dtype": "bfloat16" }]));
        assert_eq!(broken["hand"], Value::Null);
    }
}
