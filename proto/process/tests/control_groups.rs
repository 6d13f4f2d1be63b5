//! Limits that are set on control groups above a process's own: this test makes groups, and a process in them says what it
//! gets. Where nobody may make groups, it says so and is skipped.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use patchsweep_process::machine::{memory, threads};

const LIMIT: u64 = 300 << 20;

/// A group with a limit, and one without in it for a process. Removed when dropped.
struct Groups {
    limited: PathBuf,
    inner: PathBuf,
}

impl Groups {
    /// Below a folder of a mounted tree, with these files of the outer group.
    fn make(tree: &Path, name: &str, settings: &[(&str, String)]) -> io::Result<Self> {
        let limited = tree.join(format!("patchsweep-test-{name}-{}", std::process::id()));
        fs::create_dir(&limited)?;
        let groups = Self { inner: limited.join("inner"), limited };
        for (name, value) in settings {
            fs::write(groups.limited.join(name), value)?;
        }
        fs::create_dir(&groups.inner)?;
        Ok(groups)
    }

    /// What [`what_this_process_gets`] says in the inner group.
    fn ask(&self) -> String {
        let join = format!("echo $$ > '{}/cgroup.procs' && exec \"$0\" \"$@\"", self.inner.display());
        let mut child = Command::new("sh");
        child.args(["-c", &join]).arg(std::env::current_exe().expect("a path"));
        child.args(["--exact", "what_this_process_gets", "--ignored", "--nocapture"]).env_remove("OMP_NUM_THREADS");
        let output = child.stdin(Stdio::null()).output().expect("it runs");
        String::from_utf8(output.stdout).expect("text")
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.inner);
        let _ = fs::remove_dir(&self.limited);
    }
}

#[test]
#[ignore = "started by the other tests, in groups of theirs"]
fn what_this_process_gets() {
    let memory::Free { bytes, limit } = memory::free().expect("memory is known");
    let threads = threads::per_worker(1);
    println!("\nmemory {bytes} {limit:?}\nthreads {threads}\n");
}

fn number(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("no {key:?} in {text}"));
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

/// The folder of this process's group in a tree of version 1.
fn own(controller: &str) -> PathBuf {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path =
        groups.lines().find_map(|line| line.split_once(&format!(":{controller}:"))).map_or("/", |(_, path)| path);
    Path::new("/sys/fs/cgroup").join(controller).join(path.trim_start_matches('/'))
}

/// Groups of the first version, else of the second.
fn either(name: &str, one: (&str, &[(&str, String)]), two: &[(&str, String)]) -> Option<Groups> {
    let first = Groups::make(&own(one.0), name, one.1);
    let groups = first.or_else(|_| Groups::make(Path::new("/sys/fs/cgroup"), name, two));
    groups.inspect_err(|error| eprintln!("skipped: cannot make control groups with a limit on {name}: {error}")).ok()
}

#[test]
fn memory_is_that_of_a_group_above_the_process() {
    let two = [("cgroup.subtree_control", "+memory".to_owned()), ("memory.max", LIMIT.to_string())];
    let one = [("memory.limit_in_bytes", LIMIT.to_string())];
    let Some(groups) = either("memory", ("memory", &one), &two) else { return };
    let text = groups.ask();
    let bytes = number(&text, "memory ");
    assert!((LIMIT / 2..=LIMIT).contains(&bytes), "{text}");
    assert!(text.contains(groups.limited.to_str().expect("text")), "{text}");
}

#[test]
fn threads_are_within_the_cpu_quota_of_a_group_above_the_process() {
    let two = [("cgroup.subtree_control", "+cpu".to_owned()), ("cpu.max", "100000 100000".to_owned())];
    let one = [("cpu.cfs_period_us", "100000".to_owned()), ("cpu.cfs_quota_us", "100000".to_owned())];
    let Some(groups) = either("cores", ("cpu", &one), &two) else { return };
    assert_eq!(number(&groups.ask(), "threads "), 1);
}
