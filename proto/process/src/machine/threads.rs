//! How many threads are good for arithmetic.

use std::thread::available_parallelism;

use super::slurm::Allocation;

/// OpenMP's own variable: people set it for all programs, and batch systems' scripts do.
const OPENMP: &str = "OMP_NUM_THREADS";

/// Arithmetic threads for each of so many workers that this process starts, or is: what `OMP_NUM_THREADS` says, else the
/// cores that this process may use, shared out.
///
/// The cores are those of its affinity, within the CPU quota of its control groups and of those above, and within what
/// Slurm gave the task.
#[must_use]
pub fn per_worker(workers: usize) -> usize {
    let cores = available_parallelism().map_or(1, usize::from);
    let openmp = std::env::var(OPENMP).ok();
    shared(cores, Allocation::of_environment().cores(), openmp.as_deref(), workers)
}

/// Workers beside this one that the default of memory has to be shared with: the other tasks of its Slurm step on this
/// machine, and itself.
#[must_use]
pub fn workers_beside() -> u64 {
    Allocation::of_environment().tasks()
}

fn shared(cores: usize, slurm: Option<u64>, openmp: Option<&str>, workers: usize) -> usize {
    // A list is for nested regions; its first number is the outermost.
    let wanted = openmp.and_then(|list| list.split(',').next()?.trim().parse().ok()).filter(|&threads| threads > 0);
    let given = slurm.map_or(usize::MAX, |cores| usize::try_from(cores).unwrap_or(usize::MAX));
    wanted.unwrap_or_else(|| (cores.min(given) / workers.max(1)).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_the_cores_and_get_one_at_least() {
        assert_eq!([1, 2, 3, 8, 100].map(|workers| shared(8, None, None, workers)), [8, 4, 2, 1, 1]);
    }

    #[test]
    fn slurm_gives_less_than_there_is_but_never_more() {
        assert_eq!(shared(8, Some(3), None, 1), 3);
        assert_eq!(shared(8, Some(64), None, 1), 8);
        assert_eq!(shared(8, Some(4), None, 2), 2);
    }

    #[test]
    fn a_number_of_openmp_threads_that_somebody_set_counts() {
        assert_eq!(shared(8, Some(3), Some("5"), 2), 5);
        assert_eq!(shared(8, None, Some(" 6,2"), 1), 6);
        for nonsense in ["", "0", "-1", "all"] {
            assert_eq!(shared(8, None, Some(nonsense), 1), 8, "{nonsense:?}");
        }
    }
}
