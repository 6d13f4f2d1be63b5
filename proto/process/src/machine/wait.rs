//! How libtorch's threads wait for each other.
//!
//! GNU OpenMP lets a thread that waits at a barrier look 300,000 times before it sleeps, some 10 ms on today's processors.
//! Where other processes want the cores, it takes them from the very thread that it waits for, and a sweep takes several
//! times as long. Sleeping at once costs a wake-up at each of very many short waits. A few looks are good in both cases.
//! docs/benchmarks.md has the figures.
//!
//! The library reads its variables when it is loaded, which is before `main`: a program that wants others has to be started
//! again.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// How often a thread looks before it sleeps: tens of microseconds.
const LOOKS: (&str, &str) = ("GOMP_SPINCOUNT", "3000");

/// Variables with which people say how threads wait.
const SAID: [&str; 2] = [LOOKS.0, "OMP_WAIT_POLICY"];

/// Has libtorch's threads wait for a short time only: replaces this process by itself, with the variable set. Returns at
/// once where the variable is set already, and where people have said otherwise; an error means that all is as it was.
///
/// Must come before threads are started and files are opened, which would be lost.
pub fn briefly() -> io::Result<()> {
    let Some((name, looks)) = of_children() else { return Ok(()) };
    let mut words = env::args_os();
    let mut again = Command::new(env::current_exe()?);
    if let Some(own) = words.next() {
        again.arg0(own);
    }
    Err(again.args(words).env(name, looks).exec())
}

/// The variable for a child that computes with libtorch, so that it need not start itself again. `None`: it inherits one.
#[must_use]
pub fn of_children() -> Option<(&'static str, &'static str)> {
    wanted(|name| env::var_os(name).is_some())
}

fn wanted(is_set: impl Fn(&str) -> bool) -> Option<(&'static str, &'static str)> {
    (!SAID.into_iter().any(is_set)).then_some(LOOKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_have_said_of_waiting_is_left_alone() {
        assert_eq!(wanted(|_| false), Some(LOOKS));
        assert_eq!(wanted(|name| name == "OMP_NUM_THREADS"), Some(LOOKS));
        for said in SAID {
            assert_eq!(wanted(|name| name == said), None, "{said}");
        }
    }
}
