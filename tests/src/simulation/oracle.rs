//! What must hold at the end of every simulation.

use std::collections::{BTreeMap, BTreeSet};

use super::world::Outcome;
use crate::tiny::{Tiny, bits};

/// A lease as traces name it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TraceLease {
    sweep: String,
    tile: String,
    epoch: String,
    attempt: String,
}

/// Holds the outcome against what a single process would have given; says what is wrong with it.
pub fn judge(tiny: &Tiny, outcome: &Outcome) -> Result<(), String> {
    let results = outcome.results.as_ref().map_err(Clone::clone)?;
    let expected = bits(&tiny.expected());
    if results.iter().any(|results| bits(results) != expected) {
        return Err("the tensors are not those of a single process".to_owned());
    }
    let acknowledged = leases(&outcome.trace, "result acknowledged");
    let kept = leases(&outcome.trace, "tile done");
    for (leases, what) in [(&acknowledged, "acknowledged"), (&kept, "kept")] {
        if leases.is_empty() {
            return Err(format!("no result was {what}"));
        }
    }
    // A tile whose scores were kept and acknowledged is never kept again: nothing that a worker was promised is lost.
    let mut by_tile: BTreeMap<(&str, &str), Vec<&TraceLease>> = BTreeMap::new();
    for lease in kept.iter().filter(|lease| acknowledged.contains(*lease)) {
        by_tile.entry((&lease.sweep, &lease.tile)).or_default().push(lease);
    }
    match by_tile.values().find(|leases| leases.len() > 1) {
        Some(leases) => Err(format!("acknowledged under one lease and kept under another: {leases:?}")),
        None => Ok(()),
    }
}

/// The leases of the lines with this message.
fn leases(trace: &str, message: &str) -> BTreeSet<TraceLease> {
    let field = |line: &str, name: &str| {
        let value = line.split([' ', '{']).find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.trim_end_matches(['}', ':']).to_owned())
    };
    let lines = trace.lines().filter(|line| line.contains(message));
    let lease = |line| {
        let (sweep, tile) = (field(line, "sweep")?, field(line, "tile")?);
        Some(TraceLease { sweep, tile, epoch: field(line, "epoch")?, attempt: field(line, "attempt")? })
    };
    lines.filter_map(lease).collect()
}
