//! Why nothing of a sweep is computed now.

use bytesize::ByteSize;
use patchsweep_core::status::{SweepState, SweepStatus};
use patchsweep_core::workers::{WorkerState, WorkerStatus};

use super::Situation;
use super::memory::MemoryNeed;

/// Most workers that are reported one by one.
const MOST_WORKERS: usize = 10;

/// One reason each; none where something is computed, or nothing is left to be.
pub(super) fn idle_because(need: MemoryNeed, situation: &Situation) -> Vec<String> {
    let status = &situation.status;
    let SweepStatus { sweep, tiles_total, tiles_done, tiles_failed, .. } = status;
    let left = tiles_total.saturating_sub(*tiles_done);
    match &status.state {
        SweepState::Done => Vec::new(),
        SweepState::Running if status.tiles_leased > 0 => Vec::new(),
        SweepState::Running => of_running(need, situation),
        SweepState::Cancelled => {
            vec![format!("it was cancelled; `patchsweep resume {sweep}` computes the {left} tiles that it lacks")]
        }
        SweepState::Partial { reason } => vec![format!(
            "{tiles_failed} tiles failed on every attempt, the others are done; the last: {reason}; \
             `patchsweep resume {sweep}` tries them again"
        )],
        SweepState::Failed { reason } => {
            let failed = format!("it failed: {reason}; `patchsweep resume {sweep}` tries again");
            [failed].into_iter().chain(without_memory(need, situation)).collect()
        }
    }
}

fn of_running(need: MemoryNeed, situation: &Situation) -> Vec<String> {
    if let Some(choosing) = &situation.choosing {
        return vec![choosing.clone()];
    }
    if situation.workers.is_empty() {
        return vec!["no worker is connected; start one with `patchsweep-worker`".to_owned()];
    }
    let memory = without_memory(need, situation);
    let mut reasons: Vec<String> = memory.into_iter().collect();
    let whys: Vec<String> = situation.workers.iter().map(|worker| of_worker(need, situation, worker)).collect();
    reasons.extend(whys.iter().take(MOST_WORKERS).cloned());
    if let Some(more @ 1..) = whys.len().checked_sub(MOST_WORKERS) {
        reasons.push(format!("{more} more workers; `patchsweep workers` shows all"));
    }
    reasons
}

/// Where no worker has enough memory.
fn without_memory(need: MemoryNeed, situation: &Situation) -> Option<String> {
    let is_short = |worker: &WorkerStatus| need.is_short_on(worker);
    if situation.workers.is_empty() || !situation.workers.iter().all(is_short) {
        return None;
    }
    let most = situation.workers.iter().max_by_key(|worker| worker.memory.budget)?;
    let least = need.least(most);
    Some(format!(
        "no worker has {}: a tile needs {} at once for the model's weights, which take {}, and {} for the activations of one \
         prompt, and the most that one may use is {} ({})",
        ByteSize(least),
        ByteSize(least - need.activations),
        ByteSize(need.weights.all()),
        ByteSize(need.activations),
        ByteSize(most.memory.budget),
        most.worker,
    ))
}

fn of_worker(need: MemoryNeed, situation: &Situation, status: &WorkerStatus) -> String {
    let WorkerStatus { worker, name, .. } = status;
    let busy = || status.leases.iter().map(|lease| &lease.sweep).find(|&sweep| *sweep != situation.status.sweep);
    let why = match &status.state {
        WorkerState::Quarantined { reason } => format!("is quarantined: {reason}"),
        WorkerState::Leaving => "is leaving".to_owned(),
        WorkerState::Stuck => match status.leases.first() {
            Some(lease) => format!("does not answer for tile {} of `{}`, which is overdue", lease.tile, lease.sweep),
            None => "does not answer for a tile that is overdue".to_owned(),
        },
        WorkerState::Active => match (situation.unfit.get(worker), busy()) {
            (Some(reason), _) => format!("has another model: {reason}"),
            (None, _) if need.is_short_on(status) => {
                format!("may use {} of memory only", ByteSize(status.memory.budget))
            }
            (None, Some(sweep)) => match situation.priorities.get(sweep) {
                Some(priority) => format!("computes `{sweep}`, which has priority {}", priority.get()),
                None => format!("computes `{sweep}`"),
            },
            (None, None) => "is free and gets a tile in a moment".to_owned(),
        },
    };
    format!("{worker} ({name}) {why}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use patchsweep_core::ids::{Attempt, Epoch, Lease, SweepId, TileId, WorkerId};
    use patchsweep_core::scores::MemoryUse;
    use patchsweep_core::status::Priority;
    use patchsweep_core::weights::WeightBytes;

    use super::*;
    use crate::fixtures::{running, status, worker};

    const WEIGHTS: WeightBytes = WeightBytes { embedding: 0, readout: 0, tied: 0, block: 4 << 30, blocks: 10 };
    const NEED: MemoryNeed = MemoryNeed { weights: WEIGHTS, activations: 1 << 30 };

    fn waiting(workers: Vec<WorkerStatus>) -> Situation {
        let status = SweepStatus { tiles_leased: 0, ..running() };
        let (unfit, priorities) = (BTreeMap::new(), BTreeMap::new());
        Situation { status, workers, unfit, held: Vec::new(), priorities, choosing: None }
    }

    fn with_budget(number: u64, gib: u64) -> WorkerStatus {
        WorkerStatus { memory: MemoryUse { used: 0, budget: gib << 30 }, ..worker(number) }
    }

    #[test]
    fn a_sweep_without_workers_waits_for_one() {
        let reasons = idle_because(NEED, &waiting(Vec::new()));
        assert_eq!(reasons, ["no worker is connected; start one with `patchsweep-worker`"]);
    }

    #[test]
    fn a_sweep_whose_cells_are_not_chosen_waits_for_no_worker() {
        let choosing = Some("which cells are computed next could not be chosen: no disk".to_owned());
        for workers in [Vec::new(), vec![worker(1)]] {
            let situation = Situation { choosing: choosing.clone(), ..waiting(workers) };
            assert_eq!(idle_because(NEED, &situation), [choosing.clone().expect("given")]);
        }
    }

    #[test]
    fn workers_without_enough_memory_are_reported_with_what_is_needed() {
        let reasons = idle_because(NEED, &waiting(vec![with_budget(1, 4), with_budget(2, 6)]));
        assert_eq!(
            reasons,
            [
                "no worker has 9.0 GiB: a tile needs 8.0 GiB at once for the model's weights, which take 40.0 GiB, and \
                 1.0 GiB for the activations of one prompt, and the most that one may use is 6.0 GiB (w2)",
                "w1 (node:1) may use 4.0 GiB of memory only",
                "w2 (node:2) may use 6.0 GiB of memory only",
            ]
        );
        let one_is_enough = idle_because(NEED, &waiting(vec![with_budget(1, 4), with_budget(2, 9)]));
        assert_eq!(one_is_enough[1], "w2 (node:2) is free and gets a tile in a moment");
        assert!(
            !idle_because(NEED, &waiting(vec![with_budget(1, 0)]))[0].contains("memory"),
            "it has not reported yet"
        );
    }

    #[test]
    fn each_worker_has_its_own_reason() {
        let lease =
            |sweep: &str| Lease { epoch: Epoch(1), sweep: SweepId(sweep.into()), tile: TileId(3), attempt: Attempt(1) };
        let quarantined = WorkerState::Quarantined { reason: "three failures".into() };
        let workers = vec![
            WorkerStatus { state: quarantined, ..worker(1) },
            WorkerStatus { state: WorkerState::Leaving, ..worker(2) },
            WorkerStatus { state: WorkerState::Stuck, leases: vec![lease("other")], ..worker(3) },
            WorkerStatus { leases: vec![lease("other")], ..worker(4) },
            worker(5),
        ];
        let mut situation = waiting(workers);
        situation.unfit.insert(WorkerId(5), "digest 12 is not 34".into());
        situation.priorities.insert(SweepId("other".into()), Priority::new(20).expect("a priority"));
        assert_eq!(
            idle_because(NEED, &situation),
            [
                "w1 (node:1) is quarantined: three failures",
                "w2 (node:2) is leaving",
                "w3 (node:3) does not answer for tile t3 of `other`, which is overdue",
                "w4 (node:4) computes `other`, which has priority 20",
                "w5 (node:5) has another model: digest 12 is not 34",
            ]
        );
    }

    #[test]
    fn a_sweep_that_is_computed_or_done_needs_no_reason() {
        let busy = Situation { status: running(), ..waiting(Vec::new()) };
        assert_eq!(idle_because(NEED, &busy), [""; 0]);
        let done = Situation { status: status(SweepState::Done), ..waiting(Vec::new()) };
        assert_eq!(idle_because(NEED, &done), [""; 0]);
    }

    #[test]
    fn an_ended_sweep_says_what_can_be_done() {
        let reasons =
            |state| idle_because(NEED, &Situation { status: status(state), ..waiting(vec![with_budget(1, 4)]) });
        assert_eq!(
            reasons(SweepState::Cancelled),
            ["it was cancelled; `patchsweep resume s` computes the 3 tiles that it lacks"]
        );
        let failed = reasons(SweepState::Failed { reason: "no room".into() });
        assert!(failed[0].starts_with("it failed: no room; `patchsweep resume s`"), "{failed:?}");
        assert!(failed[1].starts_with("no worker has 9.0 GiB"), "{failed:?}");
    }

    #[test]
    fn many_workers_are_counted() {
        let reasons = idle_because(NEED, &waiting((1..=25).map(worker).collect()));
        assert_eq!((reasons.len(), reasons[10].as_str()), (11, "15 more workers; `patchsweep workers` shows all"));
    }
}
