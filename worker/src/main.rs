//! `patchsweep-worker`: computes tiles for a coordinator. One process per GPU.

#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod leaving;
#[cfg(test)]
mod reference;
mod start;

use std::error::Error;
use std::io;
use std::process::ExitCode;

use clap::Parser;
use patchsweep_process::log::{self, LogOptions};
use patchsweep_process::machine::variables;
use patchsweep_process::talk::complain;
use patchsweep_worker::session::SessionError;

use args::Args;
use start::{StartError, Worker};

/// Bad command line, device, coordinator address or credentials file.
const USAGE: u8 = 2;

/// Anything that cannot be mended by trying again, but for what has a code of its own.
const FAILED: u8 = 1;

/// The coordinator lets nobody in like this, or will never take this worker.
const REFUSED: u8 = 5;

/// Its device is lost to the process: a new worker may find it well.
const DEVICE_LOST: u8 = 6;

fn main() -> ExitCode {
    let args = Args::parse();
    let variables = variables::take_effect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(args, variables)),
        Err(error) => failed(&StartError::from(error), FAILED),
    }
}

/// `variables`: whether libtorch's libraries have theirs.
async fn run(args: Args, variables: io::Result<()>) -> ExitCode {
    let log = match log::start(
        &LogOptions { args: args.log.clone(), default_level: "info", service: "patchsweep-worker" },
        Vec::new(),
    ) {
        Ok(log) => log,
        Err(error) => return failed(&error, USAGE),
    };
    if let Err(error) = variables {
        tracing::warn!(%error, "cannot start again with GOMP_SPINCOUNT and MALLOC_* set; this may be slow");
    }
    let worker = match Worker::start(args).await {
        Ok(worker) => worker,
        Err(error @ StartError::Start(_)) => return failed(&error, FAILED),
        Err(error) => return failed(&error, USAGE),
    };
    let (outcome, engine_ended) = worker.work().await;
    let code = outcome.as_ref().err().map_or(0, exit_code);
    if let Err(error) = &outcome {
        complain(&patchsweep_core::error_chain(error));
    }
    let engine_ended = engine_ended.await;
    if !engine_ended {
        tracing::warn!("the tile in hand does not end; leaving it");
    }
    if !engine_ended || code == DEVICE_LOST {
        // Not destructors of libtorch, but the log file is to be complete.
        drop(log);
        signal_hook::low_level::exit(code.into());
    }
    ExitCode::from(code)
}

fn exit_code(error: &SessionError) -> u8 {
    match error {
        SessionError::Rejected(_) | SessionError::Refused { .. } => REFUSED,
        SessionError::Credentials(_) => USAGE,
        SessionError::DeviceLost(_) => DEVICE_LOST,
        _ => FAILED,
    }
}

fn failed(error: &dyn Error, code: u8) -> ExitCode {
    complain(&patchsweep_core::error_chain(error));
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use patchsweep_worker::engine::DeviceLost;

    use super::*;

    #[test]
    fn a_supervisor_can_tell_a_lost_device_from_what_does_not_pass() {
        let lost = DeviceLost { device: "cuda:0".into(), fault: "an illegal memory access was encountered".into() };
        let refused = SessionError::Refused { reason: "no".into() };
        assert_eq!([SessionError::from(lost), refused].map(|error| exit_code(&error)), [6, 5]);
    }
}
