//! Workers as child processes of `patchsweep run`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use patchsweep_process::machine::{threads, variables};
use tokio::process::{Child, ChildStdin, Command};

use super::CliError;

/// How long the workers may take to end by themselves.
const FAREWELL: Duration = Duration::from_secs(5);

/// Options of the workers.
#[derive(Debug)]
pub(super) struct WorkerArgs {
    /// Of each worker: a device, or several with commas between them.
    pub(super) devices: Vec<String>,
    pub(super) models: Vec<PathBuf>,
    pub(super) threads: Option<u16>,
}

/// Running workers. Each ends when its standard input closes, so none outlives this process.
#[derive(Debug)]
pub(super) struct Workers {
    children: Vec<Child>,
    /// Kept apart: waiting for a child would close its standard input.
    stdins: Vec<ChildStdin>,
}

impl Workers {
    pub(super) fn start(coordinator: SocketAddr, args: &WorkerArgs) -> Result<Self, CliError> {
        let program = program();
        let threads = args.threads.map_or_else(|| threads::per_worker(args.devices.len()), usize::from);
        let mut workers = Self { children: Vec::new(), stdins: Vec::new() };
        for device in &args.devices {
            let mut command = command(&program, coordinator, args);
            command.arg("--threads").arg(threads.to_string()).arg("--device").arg(device);
            command.arg("--sharing").arg(sharing(device, &args.devices).to_string());
            let spawned = command.spawn();
            let mut child = spawned.map_err(|source| CliError::StartWorker { program: program.clone(), source })?;
            workers.stdins.extend(child.stdin.take());
            workers.children.push(child);
        }
        Ok(workers)
    }

    /// Waits until no worker is left; says how the last one ended.
    pub(super) async fn all_ended(&mut self) -> String {
        let mut how = "none was started".to_owned();
        for child in &mut self.children {
            how = match child.wait().await {
                Ok(ended) => ended.code().map_or_else(|| ended.to_string(), |code| format!("exit code {code}")),
                Err(error) => error.to_string(),
            };
        }
        how
    }

    /// Asks the workers to end and waits for it, within bounds; those that do not are killed.
    pub(super) async fn stop(mut self) {
        self.stdins.clear();
        if tokio::time::timeout(FAREWELL, self.all_ended()).await.is_err() {
            tracing::warn!("workers did not end by themselves");
        }
    }
}

/// What all workers are started with.
fn command(program: &Path, coordinator: SocketAddr, args: &WorkerArgs) -> Command {
    let mut command = Command::new(program);
    command.arg("--coordinator").arg(format!("http://{coordinator}")).arg("--until-stdin-closes");
    for models in &args.models {
        command.arg("--models").arg(models);
    }
    if std::env::var_os("PATCHSWEEP_LOG").is_none() {
        command.env("PATCHSWEEP_LOG", "warn");
    }
    // They need not start themselves again to have it.
    command.envs(variables::of_children());
    // The coordinator in this process wants none.
    command.env_remove("PATCHSWEEP_CREDENTIALS");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
    command
}

/// How many of all workers use a device, that one of its own that most of them use.
fn sharing(own: &str, all: &[String]) -> usize {
    let users = |device: &str| all.iter().filter(|other| names(other).any(|name| name == device)).count();
    names(own).map(users).max().unwrap_or(1)
}

/// The devices of a worker.
fn names(devices: &str) -> impl Iterator<Item = &str> {
    devices.split(',').map(|name| if name == "cuda" { "cuda:0" } else { name })
}

/// Named by the environment, beside this program, or on the path.
fn program() -> PathBuf {
    let named = std::env::var_os("PATCHSWEEP_WORKER").map(PathBuf::from);
    let beside = || {
        let sibling = std::env::current_exe().ok()?.with_file_name("patchsweep-worker");
        sibling.is_file().then_some(sibling)
    };
    named.or_else(beside).unwrap_or_else(|| OsString::from("patchsweep-worker").into())
}

#[cfg(test)]
mod tests {
    use super::sharing;

    #[test]
    fn a_device_s_memory_is_shared_by_the_workers_that_use_it() {
        let of = |devices: &[&str]| {
            let all: Vec<String> = devices.iter().map(ToString::to_string).collect();
            all.iter().map(|own| sharing(own, &all)).collect::<Vec<_>>()
        };
        assert_eq!(of(&["cpu"]), [1]);
        assert_eq!(of(&["cpu", "cpu", "cpu"]), [3, 3, 3]);
        assert_eq!(of(&["cuda:0", "cuda:1"]), [1, 1]);
        assert_eq!(of(&["cuda:0", "cuda:0", "cuda:1", "cuda:1"]), [2, 2, 2, 2]);
        assert_eq!(of(&["cuda:0,cuda:1", "cuda:1", "cuda:2"]), [2, 2, 1], "it has the memory of the fuller one");
        assert_eq!(of(&["cpu,cpu"]), [1], "one worker, twice on one device");
        assert_eq!(of(&["cuda", "cuda:0"]), [2, 2]);
    }
}
