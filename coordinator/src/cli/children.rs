//! Workers as child processes of `patchsweep run`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
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
    pub(super) count: usize,
    pub(super) device: String,
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
        let mut command = Command::new(&program);
        command.arg("--coordinator").arg(format!("http://{coordinator}")).arg("--device").arg(&args.device);
        let threads = args.threads.map_or_else(|| threads::per_worker(args.count), usize::from);
        command.arg("--threads").arg(threads.to_string()).arg("--until-stdin-closes");
        command.arg("--sharing").arg(args.count.to_string());
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
        let mut workers = Self { children: Vec::new(), stdins: Vec::new() };
        for _ in 0..args.count {
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

/// Named by the environment, beside this program, or on the path.
fn program() -> PathBuf {
    let named = std::env::var_os("PATCHSWEEP_WORKER").map(PathBuf::from);
    let beside = || {
        let sibling = std::env::current_exe().ok()?.with_file_name("patchsweep-worker");
        sibling.is_file().then_some(sibling)
    };
    named.or_else(beside).unwrap_or_else(|| OsString::from("patchsweep-worker").into())
}
