//! What a process is called, so that people find it and no two are called the same.

use std::fs;

/// The process ids of a machine are counted here; other namespaces, such as containers', have other numbers.
const OUTERMOST: &str = "pid:[4026531836]";

/// What distinguishes a process from others.
#[derive(Clone, Debug, Default)]
struct Marks {
    host: Option<String>,
    /// Slurm's names of node and job.
    node: Option<String>,
    job: Option<String>,
    /// Whether process ids are unique on the machine.
    is_outermost: bool,
    pid: u32,
}

/// `host:pid`, with Slurm `node:job:pid`. Where process ids are counted anew, as in containers, which may all be `host:1`,
/// four digits of `random` stand behind it. It stays the same only if the caller keeps it.
#[must_use]
pub fn of_process(random: u16) -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let array = || Some(format!("{}_{}", variable("SLURM_ARRAY_JOB_ID")?, variable("SLURM_ARRAY_TASK_ID")?));
    let job = variable("SLURM_JOB_ID").map(|job| array().unwrap_or(job));
    let marks = Marks {
        host: fs::read_to_string("/proc/sys/kernel/hostname").ok(),
        node: variable("SLURMD_NODENAME").filter(|_| job.is_some()),
        job,
        is_outermost: fs::read_link("/proc/self/ns/pid").is_ok_and(|space| space.as_os_str() == OUTERMOST),
        pid: std::process::id(),
    };
    marks.name(random)
}

impl Marks {
    fn name(self, random: u16) -> String {
        let host = self.node.or(self.host).unwrap_or_default();
        let host = if host.trim().is_empty() { "worker" } else { host.trim() };
        let job = self.job.map_or_else(String::new, |job| format!(":{job}"));
        let suffix = if self.is_outermost { String::new() } else { format!("-{random:04x}") };
        format!("{host}{job}:{}{suffix}", self.pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks() -> Marks {
        Marks { host: Some("ada\n".into()), is_outermost: true, pid: 12, ..Marks::default() }
    }

    #[test]
    fn a_process_is_called_by_host_and_number() {
        assert_eq!(marks().name(0xabc), "ada:12");
        assert_eq!(Marks { host: None, ..marks() }.name(0), "worker:12");
        assert_eq!(Marks { host: Some("\n".into()), ..marks() }.name(0), "worker:12");
    }

    #[test]
    fn slurms_node_and_job_help_to_find_it() {
        let task = Marks { node: Some("n2".into()), job: Some("77_3".into()), ..marks() };
        assert_eq!(task.name(0), "n2:77_3:12");
    }

    #[test]
    fn where_process_numbers_are_counted_anew_a_random_part_tells_processes_apart() {
        let contained = Marks { is_outermost: false, pid: 1, ..marks() };
        assert_eq!(contained.clone().name(0xabc), "ada:1-0abc");
        assert_ne!(contained.clone().name(1), contained.name(2));
    }
}
