//! `patchsweep workers`, `drain`

use std::fmt::Write as _;
use std::io::{self, Write};

use patchsweep_proto::ids::WorkerId;
use patchsweep_proto::workers::{WorkerState, WorkerStatus};
use serde_json::{Map, Value, json};

use super::output::{Output, Printer};
use super::talk::talk;
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
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{}", text(&self.0))
    }

    fn json(&self) -> Map<String, Value> {
        Map::from_iter([("workers".to_owned(), self.0.iter().map(fields).collect())])
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.iter().try_for_each(|status| writeln!(out, "{}", status.worker))
    }
}

fn fields(status: &WorkerStatus) -> Value {
    let reason = match &status.state {
        WorkerState::Quarantined { reason } => Some(reason),
        _ => None,
    };
    json!({
        "worker": status.worker.to_string(),
        "name": status.name,
        "device": status.device,
        "state": status.state.name(),
        "reason": reason,
        "leases": status.leases.len(),
        "tiles_done": status.tiles_done,
        "multiply_adds_per_second": status.multiply_adds_per_second,
        "silent_seconds": status.silent.as_secs_f64(),
    })
}

pub(super) async fn drain(args: DrainArgs, printer: Printer) -> Result<(), CliError> {
    args.coordinator.connect().await?.drain(args.worker).await?;
    talk!("worker {} finishes what it has in hand and leaves", args.worker);
    printer.print(&Drained(args.worker))
}

/// A worker that was asked to leave; people have read it on stderr.
struct Drained(WorkerId);

impl Output for Drained {
    fn table(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        Map::from_iter([("worker".to_owned(), self.0.to_string().into())])
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.0)
    }
}

fn text(workers: &[WorkerStatus]) -> String {
    let header = ["worker", "name", "device", "state", "leases", "tiles", "multiply-adds/s", "silent"];
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        let worker = |number, state| WorkerStatus {
            worker: WorkerId(number),
            name: format!("node:{number}"),
            device: "cuda:0".into(),
            state,
            leases: Vec::new(),
            tiles_done: 7,
            multiply_adds_per_second: (number == 1).then_some(2_500_000_000),
            silent: Duration::from_millis(2900),
        };
        let broken = WorkerState::Quarantined { reason: "three failures in a row".into() };
        let text = text(&[worker(1, WorkerState::Active), worker(2, broken)]);
        let row = |line: usize| text.lines().nth(line).expect("a row").split_whitespace().collect::<Vec<_>>();
        assert_eq!(row(1), ["w1", "node:1", "cuda:0", "active", "0", "7", "2.50e9", "2s"]);
        assert_eq!(row(2), ["w2", "node:2", "cuda:0", "quarantined", "0", "7", "-", "2s"]);
        assert!(text.ends_with("\nw2 is quarantined: three failures in a row\n"), "{text}");
    }
}
