//! The command line of a worker.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Parser;
use patchsweep_process::duration::duration;
use patchsweep_process::log::LogArgs;
use tonic::transport::Endpoint;

/// Computes tiles of activation-patching sweeps for a coordinator.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Address of the coordinator, for instance https://head-node:7070 [default: that in the credentials file].
    #[arg(long, env = "PATCHSWEEP_COORDINATOR", value_parser = patchsweep_link::endpoint::coordinator)]
    #[arg(value_name = "URL", required_unless_present = "credentials")]
    pub(crate) coordinator: Option<Endpoint>,
    /// File worker.credentials from the coordinator's state directory: address, CA and token.
    #[arg(long, env = "PATCHSWEEP_CREDENTIALS", value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
    /// Where to compute: cpu or cuda:N, or several with commas between them, which share out the model's layers.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// Folder that holds model folders; may be given several times, first match wins.
    #[arg(long, value_name = "DIR")]
    pub(crate) models: Vec<PathBuf>,
    /// Fetch models of the Hugging Face hub that are not whole in the local cache.
    #[arg(long)]
    pub(crate) download: bool,
    /// CPU threads for arithmetic [default: the cores that this process may use].
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<u16>,
    /// Most memory on each device for weights, cached activations and work [default: nine tenths of what is free]. Weights that
    /// do not fit stay in their files and come to the device block by block.
    #[arg(long, value_name = "BYTES")]
    pub(crate) memory_budget: Option<ByteSize>,
    /// Workers that share the device's memory; each takes its part of the default budget [default: on the CPU the tasks of
    /// the Slurm step on this machine, else 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) sharing: Option<u16>,
    /// How long the tile in hand may take when the worker is asked to leave, for instance 25s or 2m.
    #[arg(long, default_value = "25s", value_parser = duration, value_name = "TIME")]
    pub(crate) grace: Duration,
    /// Leave, with exit code 0, when there has been nothing to compute for so long since the first connection, for instance
    /// 10m: a job array then gives its devices back.
    #[arg(long, value_parser = idle_time, value_name = "TIME")]
    pub(crate) leave_when_idle: Option<Duration>,
    /// Stop when standard input closes, as it does when the parent process ends.
    #[arg(long, hide = true)]
    pub(crate) until_stdin_closes: bool,
    /// Serve /healthz, /readyz and /metrics over HTTP here, without TLS or tokens.
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// Log of each tile which of libtorch's operators took how long, for finding out what is slow: each is waited for, so that
    /// the seconds are the device's, and all of it takes longer.
    #[arg(long)]
    pub(crate) time_operators: bool,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Between two tiles, and until the first one, a worker has to wait for the coordinator.
const SHORTEST_IDLE_TIME: Duration = Duration::from_secs(1);

fn idle_time(text: &str) -> Result<Duration, Box<dyn Error + Send + Sync>> {
    match duration(text)? {
        time if time >= SHORTEST_IDLE_TIME => Ok(time),
        _ => Err("a second at least, or the worker leaves before it gets its first tile".into()),
    }
}
