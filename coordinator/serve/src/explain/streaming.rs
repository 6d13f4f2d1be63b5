//! Workers that have too little memory for a model's weights, and what that costs.

use bytesize::ByteSize;
use patchsweep_core::workers::WorkerStatus;

use super::Situation;
use super::memory::MemoryNeed;

/// Most workers that are named one by one.
const MOST_WORKERS: usize = 10;

/// One sentence for each worker; none where the sweep has ended.
pub(super) fn streaming(need: MemoryNeed, situation: &Situation) -> Vec<String> {
    if situation.status.state.is_final() {
        return Vec::new();
    }
    let streaming: Vec<&WorkerStatus> = situation.workers.iter().filter(|worker| need.is_streamed_on(worker)).collect();
    let sentence = |worker: &&WorkerStatus| {
        format!(
            "{} ({}) may use {} of memory, and the model's weights take {}: they stay in their files, and {} of them come to \
             the device for each batch that goes through all blocks",
            worker.worker,
            worker.name,
            ByteSize(worker.memory.budget),
            ByteSize(need.weights.all()),
            ByteSize(need.weights.walk()),
        )
    };
    let mut sentences: Vec<String> = streaming.iter().take(MOST_WORKERS).map(sentence).collect();
    if let Some(more @ 1..) = streaming.len().checked_sub(MOST_WORKERS) {
        sentences.push(format!("{more} more workers as well"));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use patchsweep_core::scores::MemoryUse;
    use patchsweep_core::status::SweepState;
    use patchsweep_core::weights::WeightBytes;

    use super::*;
    use crate::fixtures::{running, status, worker};

    const WEIGHTS: WeightBytes = WeightBytes { embedding: 1 << 30, readout: 0, tied: 0, block: 1 << 30, blocks: 10 };
    const NEED: MemoryNeed = MemoryNeed { weights: WEIGHTS, activations: 1 << 20 };

    fn situation(workers: Vec<WorkerStatus>) -> Situation {
        let (unfit, priorities) = (BTreeMap::new(), BTreeMap::new());
        Situation { status: running(), workers, unfit, held: Vec::new(), priorities, choosing: None }
    }

    fn with_budget(number: u64, gib: u64) -> WorkerStatus {
        WorkerStatus { memory: MemoryUse { used: 0, budget: gib << 30 }, ..worker(number) }
    }

    #[test]
    fn workers_that_stream_are_told_with_what_it_costs() {
        let sentence = streaming(NEED, &situation(vec![with_budget(1, 4), with_budget(2, 12), with_budget(3, 1)]));
        assert_eq!(
            sentence,
            [
                "w1 (node:1) may use 4.0 GiB of memory, and the model's weights take 11.0 GiB: they stay in their files, and \
              10.0 GiB of them come to the device for each batch that goes through all blocks"
            ]
        );
        let many = streaming(NEED, &situation((1..=12).map(|number| with_budget(number, 4)).collect()));
        assert_eq!((many.len(), many[10].as_str()), (11, "2 more workers as well"));
    }

    #[test]
    fn of_a_sweep_that_has_ended_nothing_is_told() {
        let ended = Situation { status: status(SweepState::Done), ..situation(vec![with_budget(1, 4)]) };
        assert_eq!(streaming(NEED, &ended), [""; 0]);
    }
}
