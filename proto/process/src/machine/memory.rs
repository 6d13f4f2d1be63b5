//! How much memory a process can still get.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::cgroup::{Group, Version, groups};
use super::slurm::Allocation;

/// What a process can still get, and what holds it to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Free {
    /// Bytes.
    pub bytes: u64,
    /// The tightest limit.
    pub limit: Limit,
}

/// What holds a process to its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// What the machine has available.
    Machine,
    /// A control group, its own or one above, by its folder.
    Group(PathBuf),
    /// What Slurm gave the job on this machine.
    Slurm,
}

/// What this process can still get: the least of what the machine has available, of what each control group above the
/// process leaves, and of what Slurm gave.
pub fn free() -> io::Result<Free> {
    let slurm = Allocation::of_environment();
    let free = below(Path::new("/"))?;
    Ok(match slurm.memory() {
        Some(bytes) if bytes < free.bytes => Free { bytes, limit: Limit::Slurm },
        _ => free,
    })
}

/// What a program takes of free memory where nobody says how much: nine tenths.
#[must_use]
pub const fn share_of(free: u64) -> u64 {
    free - free / 10
}

/// What is free, without Slurm, in a file system that begins at `root`.
fn below(root: &Path) -> io::Result<Free> {
    let read = |path: &str| fs::read_to_string(root.join(path));
    let missing = || io::Error::new(io::ErrorKind::InvalidData, "/proc/meminfo has no MemAvailable");
    let available = kibibytes(&read("proc/meminfo")?, "MemAvailable:").ok_or_else(missing)?;
    // Where there are no control groups, there are no limits.
    let own = read("proc/self/cgroup").unwrap_or_default();
    let mounts = read("proc/self/mountinfo").unwrap_or_default();
    let limits = groups(&own, &mounts, "memory").into_iter().filter_map(|group| Some((room(root, &group)?, group)));
    let limits = limits.map(|(bytes, group)| Free { bytes, limit: Limit::Group(group.folder) });
    let machine = Free { bytes: available, limit: Limit::Machine };
    Ok(limits.fold(machine, |least, free| if free.bytes < least.bytes { free } else { least }))
}

/// What a group leaves: its limit, less what is in use, file pages that nobody has touched lately aside. `None`: it has no
/// limit.
fn room(root: &Path, group: &Group) -> Option<u64> {
    let folder = root.join(group.folder.strip_prefix("/").unwrap_or(&group.folder));
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    let (limit, usage, idle) = match group.version {
        Version::One => (number("memory.limit_in_bytes"), "memory.usage_in_bytes", "total_inactive_file "),
        // Beyond `high` a process is not killed, but held up until it hardly moves.
        Version::Two => {
            (number("memory.max").into_iter().chain(number("memory.high")).min(), "memory.current", "inactive_file ")
        }
    };
    let idle = read("memory.stat").and_then(|stat| value(&stat, idle)).unwrap_or(0);
    Some(limit?.saturating_sub(number(usage)?.saturating_sub(idle)))
}

fn kibibytes(text: &str, key: &str) -> Option<u64> {
    Some(value(text, key)?.saturating_mul(1024))
}

/// The number behind a key at the beginning of a line.
fn value(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const MIB: u64 = 1 << 20;

    /// A file system with 8 GiB available.
    fn machine(cgroup: &str, mounts: &str) -> TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        put(&root, "proc/meminfo", "MemTotal:       16777216 kB\nMemAvailable:    8388608 kB\n");
        put(&root, "proc/self/cgroup", cgroup);
        put(&root, "proc/self/mountinfo", mounts);
        root
    }

    fn put(root: &TempDir, path: &str, text: &str) {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn one(root: &TempDir, group: &str, limit: u64, usage: u64, idle: u64) {
        let folder = format!("sys/fs/cgroup/memory{group}");
        put(root, &format!("{folder}/memory.limit_in_bytes"), &format!("{limit}\n"));
        put(root, &format!("{folder}/memory.usage_in_bytes"), &format!("{usage}\n"));
        put(root, &format!("{folder}/memory.stat"), &format!("inactive_file 5\ntotal_inactive_file {idle}\n"));
    }

    fn two(root: &TempDir, group: &str, files: &[(&str, &str)]) {
        for (name, text) in files {
            put(root, &format!("sys/fs/cgroup{group}/{name}"), text);
        }
    }

    const UNLIMITED: u64 = 9_223_372_036_854_771_712;
    const ONE: &str = "24 18 0:20 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
    const TWO: &str = "30 18 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";

    fn found(root: &TempDir) -> Free {
        below(root.path()).expect("there is a meminfo")
    }

    #[test]
    fn slurms_limit_on_the_job_counts_although_the_process_is_in_a_task_below() {
        let root = machine("4:memory:/slurm_n1/uid_0/job_7/step_0/task_0\n0::/\n", ONE);
        one(&root, "", UNLIMITED, 9000 * MIB, 0);
        one(&root, "/slurm_n1/uid_0/job_7", 2000 * MIB, 300 * MIB, 100 * MIB);
        one(&root, "/slurm_n1/uid_0/job_7/step_0", 3000 * MIB, 300 * MIB, 0);
        one(&root, "/slurm_n1/uid_0/job_7/step_0/task_0", UNLIMITED, 300 * MIB, 0);
        let job = PathBuf::from("/sys/fs/cgroup/memory/slurm_n1/uid_0/job_7");
        assert_eq!(found(&root), Free { bytes: 1800 * MIB, limit: Limit::Group(job) });
    }

    #[test]
    fn in_the_second_version_the_least_of_max_and_high_of_all_above_counts() {
        let root = machine("0::/pods/a/main\n", TWO);
        let stat = "anon 1\ninactive_file 0\n";
        two(&root, "/pods/a/main", &[("memory.max", "max\n"), ("memory.current", "1048576\n"), ("memory.stat", stat)]);
        two(&root, "/pods/a", &[("memory.max", "2147483648\n"), ("memory.current", "1048576\n")]);
        assert_eq!(found(&root).bytes, 2047 * MIB);
        two(&root, "/pods", &[("memory.max", "max\n"), ("memory.high", "1073741824\n"), ("memory.current", "0\n")]);
        assert_eq!(found(&root), Free { bytes: 1024 * MIB, limit: Limit::Group("/sys/fs/cgroup/pods".into()) });
    }

    #[test]
    fn where_both_versions_are_mounted_the_tighter_limit_counts() {
        let both = format!("{ONE}41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
        let root = machine("4:memory:/a\n0::/b\n", &both);
        one(&root, "/a", 3000 * MIB, 0, 0);
        assert_eq!(found(&root).bytes, 3000 * MIB);
        two(&root, "/unified/b", &[("memory.max", "1048576\n"), ("memory.current", "0\n")]);
        assert_eq!(found(&root).bytes, MIB);
    }

    #[test]
    fn without_limits_the_machine_counts() {
        for (cgroup, mounts) in [("", ""), ("4:memory:/\n", ONE), ("0::/\n", TWO)] {
            let root = machine(cgroup, mounts);
            one(&root, "", UNLIMITED, MIB, 0);
            assert_eq!(found(&root), Free { bytes: 8192 * MIB, limit: Limit::Machine });
        }
    }

    #[test]
    fn more_in_use_than_allowed_leaves_nothing() {
        let root = machine("4:memory:/a\n", ONE);
        one(&root, "/a", 10 * MIB, 20 * MIB, 0);
        assert_eq!(found(&root).bytes, 0);
    }

    #[test]
    fn this_machine_has_some_memory() {
        assert!(free().is_ok_and(|free| (1 << 20..1 << 50).contains(&free.bytes)));
    }
}
