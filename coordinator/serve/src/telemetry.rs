//! What a coordinator measures; docs/monitoring.md shows it as a table.

use patchsweep_process::rpc::CODES;
use patchsweep_process::telemetry::{Instrument, Kind};

/// Every RPC that is served; others are counted as `other`.
pub const METHODS: [&str; 15] = [
    "SubmitSweep",
    "GetSweep",
    "ListSweeps",
    "WatchSweep",
    "CancelSweep",
    "ResumeSweep",
    "RemoveSweep",
    "FetchResults",
    "ListWorkers",
    "DrainWorker",
    "ExplainSweep",
    "ListEvents",
    "Session",
    "FetchContext",
    "other",
];

/// All of them.
pub const INSTRUMENTS: [&Instrument; 18] = [
    &BUILD,
    &SWEEPS,
    &TILES_LEASED,
    &TILES_WAITING,
    &TILES_DONE,
    &TILES_GIVEN_UP,
    &ATTEMPTS_FAILED,
    &MULTIPLY_ADDS,
    &RESULTS_DROPPED,
    &WORKERS,
    &RPCS,
    &REFUSED_CONNECTIONS,
    &COMMIT_DURATION,
    &COMMITTED_ENTRIES,
    &COMMITS_STALLED,
    &STATE_BYTES,
    &WAITING_BYTES,
    &RUNNING_MULTIPLY_ADDS_LEFT,
];

/// The release.
pub const BUILD: Instrument = Instrument {
    name: "patchsweep_build_info",
    kind: Kind::Gauge,
    labels: &[("version", &[env!("CARGO_PKG_VERSION")])],
    help: "Always 1; the label is the release of the program.",
};

/// Sweeps by state.
pub const SWEEPS: Instrument = Instrument {
    name: "patchsweep_sweeps",
    kind: Kind::Gauge,
    labels: &[("state", &["running", "done", "partial", "failed", "cancelled"])],
    help: "Sweeps that the coordinator knows.",
};

/// Tiles in workers' hands.
pub const TILES_LEASED: Instrument = Instrument {
    name: "patchsweep_tiles_leased",
    kind: Kind::Gauge,
    labels: &[],
    help: "Tiles of running sweeps that workers hold.",
};

/// Tiles that nobody holds.
pub const TILES_WAITING: Instrument = Instrument {
    name: "patchsweep_tiles_waiting",
    kind: Kind::Gauge,
    labels: &[],
    help: "Tiles of running sweeps that wait for a worker.",
};

/// Results that are kept.
pub const TILES_DONE: Instrument = Instrument {
    name: "patchsweep_tiles_done_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Tiles whose scores were kept.",
};

/// Tiles without scores.
pub const TILES_GIVEN_UP: Instrument = Instrument {
    name: "patchsweep_tiles_given_up_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Tiles that failed too often; their cells have no score.",
};

/// Failures.
pub const ATTEMPTS_FAILED: Instrument = Instrument {
    name: "patchsweep_tile_attempts_failed_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Attempts at tiles that failed, each of which counts against its tile.",
};

/// Arithmetic.
pub const MULTIPLY_ADDS: Instrument = Instrument {
    name: "patchsweep_multiply_adds_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Multiply-adds that workers executed for scores that were kept.",
};

/// Work ahead.
pub const RUNNING_MULTIPLY_ADDS_LEFT: Instrument = Instrument {
    name: "patchsweep_multiply_adds_left",
    kind: Kind::Gauge,
    labels: &[],
    help: "Planned multiply-adds of running sweeps' tiles that have no scores yet.",
};

/// Work done twice.
pub const RESULTS_DROPPED: Instrument = Instrument {
    name: "patchsweep_results_dropped_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Results that came too late or twice.",
};

/// Workers by state.
pub const WORKERS: Instrument = Instrument {
    name: "patchsweep_workers",
    kind: Kind::Gauge,
    labels: &[("state", &["active", "leaving", "stuck", "quarantined"])],
    help: "Connected workers.",
};

/// RPCs by method and code.
pub const RPCS: Instrument = Instrument {
    name: "patchsweep_rpcs_total",
    kind: Kind::Counter,
    labels: &[("method", &METHODS), ("code", &CODES)],
    help: "RPCs that have ended, streams included.",
};

/// Strangers.
pub const REFUSED_CONNECTIONS: Instrument = Instrument {
    name: "patchsweep_refused_connections_total",
    kind: Kind::Counter,
    labels: &[("reason", &["too_many", "tls", "tls_timeout", "not_admitted", "token_revoked"])],
    help: "Connections and requests that were not let in.",
};

/// The disk.
pub const COMMIT_DURATION: Instrument = Instrument {
    name: "patchsweep_commit_duration_seconds",
    kind: Kind::Histogram(&[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5]),
    labels: &[],
    help: "How long one commit of the state took, with its sync to the disk.",
};

/// Entries on disk.
pub const COMMITTED_ENTRIES: Instrument = Instrument {
    name: "patchsweep_committed_entries_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Entries of the journal that were written, many of them in one commit.",
};

/// A disk that is full.
pub const COMMITS_STALLED: Instrument = Instrument {
    name: "patchsweep_commits_stalled",
    kind: Kind::Gauge,
    labels: &[],
    help: "1 while the state cannot be written, for instance because the disk is full; else 0.",
};

/// Size of the state.
pub const STATE_BYTES: Instrument = Instrument {
    name: "patchsweep_state_bytes",
    kind: Kind::Gauge,
    labels: &[],
    help: "Size of the state file, or of the state in memory.",
};

/// What waits for the disk.
pub const WAITING_BYTES: Instrument = Instrument {
    name: "patchsweep_waiting_bytes",
    kind: Kind::Gauge,
    labels: &[],
    help: "Bytes of results and other entries that are not on disk yet: at most 12 MiB, then workers wait.",
};

/// Counts an RPC by the last part of its path.
pub(crate) fn count_rpc(path: &str, code: &'static str) {
    let called = path.rsplit('/').next().unwrap_or_default();
    let known = METHODS.iter().find(|method| **method == called);
    RPCS.add(&[known.copied().unwrap_or("other"), code], 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rpc_of_the_protocol_is_counted_under_its_name() {
        let files = [
            include_str!("../../../proto/patchsweep/v1/client.proto"),
            include_str!("../../../proto/patchsweep/v1/worker.proto"),
        ];
        let rpcs = files.iter().flat_map(|file| file.lines()).filter_map(|line| line.trim().strip_prefix("rpc "));
        let mut named: Vec<&str> = rpcs.filter_map(|rpc| rpc.split('(').next()).chain(["other"]).collect();
        let mut counted = METHODS.to_vec();
        named.sort_unstable();
        counted.sort_unstable();
        assert_eq!(counted, named);
    }
}
