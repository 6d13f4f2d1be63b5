//! `patchsweep`: the coordinator and its command line.

#![forbid(unsafe_code)]

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    patchsweep::cli::main().await
}
