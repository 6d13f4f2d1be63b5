//! Where a process's control groups are in the file system.
//!
//! A limit on any group holds for all groups below it, and schedulers set it high up: Slurm on job and step, the process
//! sits in a task's group below; Kubernetes on pod and container.

use std::path::{Path, PathBuf};

/// Which of the kernel's two interfaces a group has; a machine may have both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// One tree for each controller.
    One,
    /// One tree for all.
    Two,
}

/// A group, by its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) version: Version,
    pub(super) folder: PathBuf,
}

/// A tree of groups that is mounted.
struct Mount<'a> {
    version: Version,
    /// Which group of the tree the mount point shows.
    root: &'a str,
    point: PathBuf,
}

/// The groups that a controller's limits may be set on for a process: its own and all above, as far as they are mounted.
///
/// `groups`, `mounts`: what `/proc/self/cgroup` and `/proc/self/mountinfo` say.
pub(super) fn groups(groups: &str, mounts: &str, controller: &str) -> Vec<Group> {
    let mounts = mounts.lines().filter_map(|line| mount(line, controller));
    mounts.flat_map(|mount| of_mount(groups, &mount, controller)).collect()
}

/// A line is `id parent device root point options.. - type source options`.
fn mount<'a>(line: &'a str, controller: &str) -> Option<Mount<'a>> {
    let (place, kind) = line.split_once(" - ")?;
    let (mut place, mut kind) = (place.split(' ').skip(3), kind.split(' '));
    let (root, point) = (place.next()?, place.next()?);
    let version = match (kind.next()?, kind.nth(1)?) {
        ("cgroup2", _) => Version::Two,
        ("cgroup", options) if options.split(',').any(|option| option == controller) => Version::One,
        _ => return None,
    };
    Some(Mount { version, root, point: unescaped(point).into() })
}

/// The mount point itself where the process's group is not below it: a container that sees the machine's names of groups
/// has its own group mounted there.
fn of_mount(groups: &str, mount: &Mount<'_>, controller: &str) -> Vec<Group> {
    let own = groups.lines().find_map(|line| path(line, mount.version, controller)).unwrap_or("/");
    let below = Path::new(own).strip_prefix(mount.root).unwrap_or(Path::new(""));
    let below = if below.components().any(|part| part.as_os_str() == "..") { Path::new("") } else { below };
    let at = |folder: &Path| Group { version: mount.version, folder: mount.point.join(folder) };
    below.ancestors().map(at).collect()
}

/// A line is `number:controllers:path`; version 2 has no controllers.
fn path<'a>(line: &'a str, version: Version, controller: &str) -> Option<&'a str> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let is_meant = match version {
        Version::One => controllers.split(',').any(|name| name == controller),
        Version::Two => controllers.is_empty(),
    };
    is_meant.then_some(path)
}

/// The kernel writes blanks of a path in octal.
fn unescaped(path: &str) -> String {
    path.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "24 18 0:20 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n\
                       25 18 0:21 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";
    const TWO: &str = "30 18 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

    fn folders(of: &str, mounts: &str) -> Vec<String> {
        let found = groups(of, mounts, "memory");
        found.iter().map(|group| group.folder.to_str().expect("text").trim_end_matches('/').to_owned()).collect()
    }

    #[test]
    fn a_group_comes_with_all_above_it() {
        let slurm = "9:name=systemd:/\n4:memory:/slurm_n1/uid_0/job_7/step_0/task_0\n1:cpu:/other\n0::/\n";
        let wanted = [
            "/sys/fs/cgroup/memory/slurm_n1/uid_0/job_7/step_0/task_0",
            "/sys/fs/cgroup/memory/slurm_n1/uid_0/job_7/step_0",
            "/sys/fs/cgroup/memory/slurm_n1/uid_0/job_7",
            "/sys/fs/cgroup/memory/slurm_n1/uid_0",
            "/sys/fs/cgroup/memory/slurm_n1",
            "/sys/fs/cgroup/memory",
        ];
        assert_eq!(folders(slurm, ONE), wanted);
        let slice = "0::/system.slice/patchsweep.service\n";
        let wanted =
            ["/sys/fs/cgroup/system.slice/patchsweep.service", "/sys/fs/cgroup/system.slice", "/sys/fs/cgroup"];
        assert_eq!(folders(slice, TWO), wanted);
    }

    #[test]
    fn a_machine_with_both_interfaces_has_groups_in_both() {
        let both = format!("{ONE}41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
        let wanted =
            ["/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified/b", "/sys/fs/cgroup/unified"];
        assert_eq!(folders("4:memory:/a\n0::/b\n", &both), wanted);
    }

    #[test]
    fn a_container_sees_its_own_group_at_the_mount_point() {
        let mounted = "24 18 0:20 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        assert_eq!(folders("4:memory:/docker/ab/x\n", mounted), ["/sys/fs/cgroup/memory/x", "/sys/fs/cgroup/memory"]);
        assert_eq!(folders("4:memory:/docker/ab\n", mounted), ["/sys/fs/cgroup/memory"]);
        assert_eq!(folders("4:memory:/elsewhere\n", mounted), ["/sys/fs/cgroup/memory"]);
        let from_outside = "30 18 0:26 /../../ab /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n";
        assert_eq!(folders("0::/../../ab\n", from_outside), ["/sys/fs/cgroup"]);
        assert_eq!(folders("0::/../x\n", TWO), ["/sys/fs/cgroup"]);
    }

    #[test]
    fn what_is_not_understood_is_no_group() {
        assert_eq!(folders("", ""), [""; 0]);
        assert_eq!(folders("nonsense\n4:cpu:/x\n", "1 2 3\n24 18 0:20 / /proc rw - proc proc rw\n"), [""; 0]);
        let blank = "24 18 0:20 / /mnt/a\\040b rw - cgroup cgroup rw,memory\n";
        assert_eq!(folders("4:memory:/\n", blank), ["/mnt/a b"]);
    }
}
