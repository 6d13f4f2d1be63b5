//! Variables that suit a program that computes with libtorch, where people have not set others.
//!
//! GNU OpenMP lets a thread that waits at a barrier look 300,000 times before it sleeps, some 10 ms on today's processors.
//! Where other processes want the cores, it takes them from the very thread that it waits for, and a sweep takes several
//! times as long. Sleeping at once costs a wake-up at each of very many short waits. A few looks are good in both cases.
//!
//! The GNU C library gives large pieces of memory back to the system as soon as they are free, and gets the next tensor's
//! page by page, each of which the system clears first. Pieces of up to 32 MiB, the most that it lets one choose, stay with
//! the process here, half a GiB of free ones at the most; and all threads take them from one place.
//!
//! docs/benchmarks.md has the figures. The libraries read their variables before `main`: a program that wants others has to
//! be started again.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A variable, its value here, and other variables with which people set the same.
struct Choice {
    name: &'static str,
    value: &'static str,
    other: &'static str,
}

const CHOICES: [Choice; 4] = [
    Choice { name: "GOMP_SPINCOUNT", value: "3000", other: "OMP_WAIT_POLICY" },
    Choice { name: "MALLOC_ARENA_MAX", value: "1", other: "GLIBC_TUNABLES" },
    Choice { name: "MALLOC_MMAP_THRESHOLD_", value: "33554432", other: "GLIBC_TUNABLES" },
    Choice { name: "MALLOC_TRIM_THRESHOLD_", value: "536870912", other: "GLIBC_TUNABLES" },
];

/// Gives this program its variables: replaces the process by itself, with them set. Returns at once where all are set
/// already, or people have set others; an error means that all is as it was.
///
/// Must come before threads are started and files are opened, which would be lost.
pub fn take_effect() -> io::Result<()> {
    let wanted = of_children();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut words = env::args_os();
    let mut again = Command::new(env::current_exe()?);
    if let Some(own) = words.next() {
        again.arg0(own);
    }
    Err(again.args(words).envs(wanted).exec())
}

/// The variables for a child that computes with libtorch, so that it need not start itself again; those that it inherits
/// are not among them.
#[must_use]
pub fn of_children() -> Vec<(&'static str, &'static str)> {
    wanted(|name| env::var_os(name).is_some())
}

fn wanted(is_set: impl Fn(&str) -> bool) -> Vec<(&'static str, &'static str)> {
    let open = |choice: &&Choice| !is_set(choice.name) && !is_set(choice.other);
    CHOICES.iter().filter(open).map(|choice| (choice.name, choice.value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(is_set: impl Fn(&str) -> bool) -> Vec<&'static str> {
        wanted(is_set).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn what_people_have_set_is_kept() {
        assert_eq!(names(|_| false).len(), CHOICES.len());
        assert_eq!(names(|name| name == "OMP_NUM_THREADS").len(), CHOICES.len());
        assert_eq!(names(|name| name == "GLIBC_TUNABLES"), ["GOMP_SPINCOUNT"]);
        assert_eq!(names(|name| name != "OMP_NUM_THREADS"), [""; 0]);
        for set in ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"] {
            assert_eq!(names(|name| name == set), CHOICES.map(|choice| choice.name)[1..], "{set}");
        }
    }
}
