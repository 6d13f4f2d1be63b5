//! Attempts that went wrong, by reason.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use patchsweep_core::explain::FailureGroup;
use patchsweep_core::ids::TileId;

use crate::state::TileFailures;

/// Most reasons that are reported.
const MOST_GROUPS: usize = 20;

/// Most tiles and workers of a reason that are reported.
const MOST_OF_GROUP: usize = 20;

/// The most frequent reasons first.
pub(super) fn groups(failures: &BTreeMap<TileId, TileFailures>) -> Vec<FailureGroup> {
    let mut groups: BTreeMap<&str, FailureGroup> = BTreeMap::new();
    for (&tile, failures) in failures {
        let mut counted = Vec::new();
        for attempt in &failures.attempts {
            let group = groups.entry(&attempt.reason).or_insert_with(|| FailureGroup {
                reason: attempt.reason.clone(),
                attempts: 0,
                tiles: Vec::new(),
                tiles_given_up: 0,
                workers: Vec::new(),
            });
            group.attempts += 1;
            if group.workers.len() < MOST_OF_GROUP && !group.workers.contains(&attempt.worker) {
                group.workers.push(attempt.worker.clone());
            }
            if counted.contains(&attempt.reason.as_str()) {
                continue;
            }
            counted.push(&attempt.reason);
            group.tiles_given_up += u64::from(failures.given_up);
            if group.tiles.len() < MOST_OF_GROUP {
                group.tiles.push(tile);
            }
        }
    }
    let mut groups: Vec<FailureGroup> = groups.into_values().collect();
    groups.sort_by_key(|group| Reverse(group.attempts));
    groups.truncate(MOST_GROUPS);
    groups
}

#[cfg(test)]
mod tests {
    use patchsweep_core::ids::{Attempt, Epoch, Lease, SweepId};

    use super::*;
    use crate::state::FailedAttempt;

    fn failures(tile: u32, given_up: bool, attempts: &[(&str, &str)]) -> (TileId, TileFailures) {
        let attempt = |(attempt, &(worker, reason)): (u32, &(&str, &str))| FailedAttempt {
            lease: Lease { epoch: Epoch(1), sweep: SweepId("s".into()), tile: TileId(tile), attempt: Attempt(attempt) },
            worker: worker.to_owned(),
            reason: reason.to_owned(),
        };
        (TileId(tile), TileFailures { attempts: (1..).zip(attempts).map(attempt).collect(), given_up })
    }

    #[test]
    fn attempts_are_counted_by_their_reason_and_tiles_once() {
        let all = BTreeMap::from([
            failures(3, true, &[("a:1", "no memory"), ("b:2", "no memory"), ("a:1", "lost")]),
            failures(7, false, &[("b:2", "no memory")]),
        ]);
        let group = |reason: &str, attempts, tiles: &[u32], tiles_given_up, workers: &[&str]| FailureGroup {
            reason: reason.to_owned(),
            attempts,
            tiles: tiles.iter().copied().map(TileId).collect(),
            tiles_given_up,
            workers: workers.iter().map(|&worker| worker.to_owned()).collect(),
        };
        let wanted = [group("no memory", 3, &[3, 7], 1, &["a:1", "b:2"]), group("lost", 1, &[3], 1, &["a:1"])];
        assert_eq!(groups(&all), wanted);
        assert_eq!(groups(&BTreeMap::new()), []);
    }

    #[test]
    fn however_much_went_wrong_little_is_reported() {
        let reasons: Vec<String> = (0..30).map(|reason| format!("reason {reason}")).collect();
        let attempts: Vec<(&str, &str)> = reasons.iter().map(|reason| ("a:1", reason.as_str())).collect();
        let mut all: BTreeMap<_, _> = (0..50).map(|tile| failures(tile, false, &[("w", "often")])).collect();
        all.extend([failures(99, false, &attempts)]);
        let groups = groups(&all);
        assert_eq!((groups.len(), groups[0].attempts, groups[0].tiles.len()), (20, 50, 20));
    }
}
