//! What Slurm gave this process's job, as its variables say. Sites that do not bind tasks to cores or hold them to their
//! memory still expect jobs to keep to it.

/// The variables of a job, a step or a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Allocation {
    cpus_per_task: Option<u64>,
    cpus_on_node: Option<u64>,
    /// Tasks of the step on this node, where there is a step.
    tasks: Option<u64>,
    /// MiB.
    per_node: Option<u64>,
    /// MiB.
    per_cpu: Option<u64>,
}

impl Allocation {
    pub(super) fn of_environment() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    /// Nothing without a job.
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        if variable("SLURM_JOB_ID").is_none() {
            return Self::default();
        }
        let number = |name: &str| variable(name)?.parse::<u64>().ok().filter(|&number| number > 0);
        let node = variable("SLURM_NODEID").and_then(|node| node.parse().ok()).unwrap_or(0);
        Self {
            cpus_per_task: number("SLURM_CPUS_PER_TASK"),
            cpus_on_node: number("SLURM_CPUS_ON_NODE"),
            tasks: variable("SLURM_STEP_TASKS_PER_NODE").and_then(|tasks| of_node(&tasks, node)),
            per_node: number("SLURM_MEM_PER_NODE"),
            per_cpu: number("SLURM_MEM_PER_CPU"),
        }
    }

    /// Tasks that share this node's part of the step.
    pub(super) fn tasks(&self) -> u64 {
        self.tasks.unwrap_or(1).max(1)
    }

    /// Cores for one task.
    pub(super) fn cores(&self) -> Option<u64> {
        self.cpus_per_task.or_else(|| Some((self.cpus_on_node? / self.tasks()).max(1)))
    }

    /// Bytes for all tasks on this node.
    pub(super) fn memory(&self) -> Option<u64> {
        let of_cpus = || Some(self.per_cpu?.saturating_mul(self.cpus_on_node?));
        Some(self.per_node.or_else(of_cpus)?.saturating_mul(1 << 20))
    }
}

/// `2(x3),1` are three nodes with two tasks each and one with one.
fn of_node(tasks: &str, node: usize) -> Option<u64> {
    let mut before = 0;
    for part in tasks.split(',') {
        let (count, nodes) = part.split_once("(x").unwrap_or((part, "1)"));
        before += nodes.strip_suffix(')')?.parse::<usize>().ok()?;
        if node < before {
            return count.parse().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Allocation {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Allocation::of(find)
    }

    #[test]
    fn without_a_job_there_is_no_allocation() {
        assert_eq!(with(&[("SLURM_CPUS_PER_TASK", "3"), ("SLURM_MEM_PER_NODE", "1")]), Allocation::default());
        assert_eq!((Allocation::default().cores(), Allocation::default().memory()), (None, None));
    }

    #[test]
    fn a_task_has_its_own_cores_or_its_part_of_the_nodes() {
        let job = ("SLURM_JOB_ID", "7");
        let on_node = ("SLURM_CPUS_ON_NODE", "8");
        assert_eq!(with(&[job, on_node]).cores(), Some(8));
        assert_eq!(with(&[job, on_node, ("SLURM_CPUS_PER_TASK", "3")]).cores(), Some(3));
        let tasks = ("SLURM_STEP_TASKS_PER_NODE", "4(x2),2");
        assert_eq!(with(&[job, on_node, tasks]).cores(), Some(2), "the first node, where nothing says which");
        assert_eq!(with(&[job, on_node, tasks, ("SLURM_NODEID", "2")]).cores(), Some(4));
        assert_eq!(with(&[job, ("SLURM_CPUS_ON_NODE", "1"), tasks]).cores(), Some(1), "one at least");
        assert_eq!(with(&[job, on_node, ("SLURM_STEP_TASKS_PER_NODE", "(x,")]).cores(), Some(8));
    }

    #[test]
    fn memory_is_given_for_the_node_or_for_each_core() {
        let job = ("SLURM_JOB_ID", "7");
        assert_eq!(with(&[job, ("SLURM_MEM_PER_NODE", "2000")]).memory(), Some(2000 << 20));
        let per_cpu = ("SLURM_MEM_PER_CPU", "500");
        assert_eq!(with(&[job, per_cpu, ("SLURM_CPUS_ON_NODE", "2")]).memory(), Some(1000 << 20));
        assert_eq!(with(&[job, per_cpu]).memory(), None);
        assert_eq!(with(&[job, ("SLURM_MEM_PER_NODE", "0")]).memory(), None, "zero means all of it");
    }
}
